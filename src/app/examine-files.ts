/** What `doctor` finds about tables of files: the files that are there now. Nothing of them is read. */

import { configuredFileSets } from '../connectors.ts'
import { describeError, isPipelineError } from '../core/errors.ts'
import type { FoundFile } from '../core/file-set.ts'
import type { Finding } from '../core/finding.ts'
import { bytes, counted } from '../core/quantity.ts'
import { tableName } from '../core/table-schema.ts'
import { findFiles } from '../file-sets/find-files.ts'
import type { LoadedConfig } from './loaded-config.ts'

export async function examineFiles(
  { config, folder }: LoadedConfig,
  source: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const sets = configuredFileSets(config).filter(({ table }) => table.source === source)
  if (sets.length === 0) return []
  let found: readonly FoundFile[] = []
  try {
    found = await findFiles({ sets, folder }, signal)
  } catch (error) {
    if (!isPipelineError(error)) throw error
    const fix = error.hint === undefined ? {} : { fix: error.hint }
    if (error.code !== 'not_found') return [{ subject: 'files', level: 'error', message: describeError(error), ...fix }]
  }
  const unreadable = found.flatMap(({ set, problem }): readonly Finding[] => {
    if (problem === undefined) return []
    const fix = problem.hint === undefined ? {} : { fix: problem.hint }
    return [{ subject: tableName(set.table), level: 'error', message: describeError(problem), ...fix }]
  })
  const present = sets.map(({ table, path }): Finding => {
    const subject = tableName(table)
    const own = found.filter(({ set }) => tableName(set.table) === subject)
    if (own.length === 0) {
      const fix = 'Correct `path` of the table, or put the files there.'
      return { subject, level: 'warning', message: `No file has the path ${path}`, fix }
    }
    const size = own.reduce((sum, file) => sum + file.bytes, 0)
    return { subject, level: 'ok', message: `${counted(own.length, 'file')} of the path ${path}, ${bytes(size)}` }
  })
  return [...present, ...unreadable]
}
