/** Which set takes a file, and a proposed one for each that none takes. */
import { describeError, isPipelineError, PipelineError } from '../../core/errors.ts'
import type { FileSuggestion } from '../../core/file-commands.ts'
import type { FileSet } from '../../core/file-set.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import { type FilePattern, matchPattern, parsePattern, patternProblem } from '../../file-sets/file-pattern.ts'
import { matchFiles } from '../../file-sets/find-files.ts'
import { READER_OPTIONS } from '../../file-sets/read-statement.ts'
import { suggestSet } from '../../file-sets/suggest-set.ts'

export interface SuggestionSetting {
  readonly sets: readonly FileSet[]
  /** Of the configuration; absolute. */
  readonly folder: string
  /** For temporary files. */
  readonly scratch: string
}

/** Throws `config_invalid` where no path is given: which files are meant nothing else says. */
export async function suggestFiles(
  { sets, folder, scratch }: SuggestionSetting,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly FileSuggestion[]> {
  if (paths.length === 0) {
    throw new PipelineError('config_invalid', 'Suggesting file sets', {
      cause: new Error('no file is named'),
      hint: 'Name the files: simplyload files check --suggest data/*.csv',
    })
  }
  const files = await matchFiles({ sets, folder, paths, pathsFrom: process.cwd(), untaken: true }, signal)
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:', { ...READER_OPTIONS, memory_limit: '512MB' })
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()
    const suggestions: FileSuggestion[] = []
    const proposed: { readonly table: string; readonly pattern: FilePattern }[] = []
    for (const { path, name, matches } of files) {
      signal.throwIfAborted()
      const taken = matches.map(({ set }) => qualifiedTableName(set.table))
      const like =
        taken.length > 0 ? undefined : proposed.find(({ pattern }) => matchPattern(pattern, name) !== undefined)
      if (like !== undefined) {
        suggestions.push({ file: name, sets: [], yaml: undefined, reasons: [], alike: like.table })
        continue
      }
      try {
        const found = taken.length > 0 ? undefined : await suggestSet(path, name, scratch, query, signal)
        if (found !== undefined && patternProblem(found.path) === undefined)
          proposed.push({ table: found.table, pattern: parsePattern(found.path) })
        suggestions.push({ file: name, sets: taken, yaml: found?.yaml, reasons: found?.reasons ?? [] })
      } catch (error) {
        // One picture in a folder says nothing about the other files.
        if (files.length === 1 || !isPipelineError(error, 'source_file')) throw error
        suggestions.push({ file: name, sets: taken, yaml: undefined, reasons: [], problem: describeError(error) })
      }
    }
    return suggestions
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
