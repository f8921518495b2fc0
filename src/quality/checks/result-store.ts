/**
 * Results of runs as JSON files, one for each, in `.simplyload/files` beside the state: what reports are made of, and what later
 * files are compared with. A file is whole or not there.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { CheckRun, FileResult } from '../../core/file-check.ts'
import { resourceError } from './resource-error.ts'
import { parseResult, storedText } from './stored-result.ts'

const NAME = /^(\d{8}T\d{6}(?:\d{3})?Z-[0-9a-f]+)\.json$/
/** Earlier runs that later files are compared with: two years of days, with room. */
const HISTORY_RUNS_MAX = 1_000

/** `20261120T194512345Z-3f9a1c`: in the order of time, as names are listed. */
export function runName(startedMs: number, random: string): string {
  const time = new Date(startedMs).toISOString().replaceAll(/[-:.]/g, '')
  return `${time}-${random}`
}

export async function writeResult(folder: string, run: CheckRun): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${run.run}.json`)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await using file = await open(temporary, 'w')
    await file.writeFile(storedText(run))
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw resourceError(error, folder, `Writing the result ${path}`)
  }
  await rename(temporary, path)
  return path
}

/** Names of runs, the newest first. */
export async function listResults(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const runs = names.flatMap((name) => NAME.exec(name)?.[1] ?? [])
  return runs.sort((a, b) => (a < b ? 1 : -1))
}

/** Throws `not_found` for a run that there is not, `state_version` for one that a newer version wrote. */
export async function readResult(folder: string, run: string): Promise<CheckRun> {
  const path = join(folder, `${run}.json`)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new PipelineError('not_found', `Reading the result of run ${run}`, {
      cause: new Error(`there is no ${path}`),
      hint: 'List the results: simplyload files results',
    })
  })
  return parseResult(text, path)
}

/** Results of files in earlier runs, the newest first. What cannot be read is not history. */
export async function earlierFiles(folder: string, signal: AbortSignal): Promise<readonly FileResult[]> {
  const files: FileResult[] = []
  for (const run of (await listResults(folder)).slice(0, HISTORY_RUNS_MAX)) {
    signal.throwIfAborted()
    const result = await readResult(folder, run).catch((error: unknown) => {
      if (error instanceof PipelineError && error.code.startsWith('state_')) return undefined
      throw error
    })
    for (const file of result?.files ?? []) files.push(withoutChecks(file))
  }
  return files
}

/** Days are what history is made of; a thousand runs with their findings would not fit into memory. */
function withoutChecks(file: FileResult): FileResult {
  return { ...file, checks: [], reasons: [] }
}
