/**
 * Loads files that pass their check: what is loaded already is left out, the rest is checked, what passes goes through the
 * engine, and the result says of each file what became of it.
 */
import { join } from 'node:path'
import { openState } from '../../connectors.ts'
import { describeError, isPipelineError, type PipelineError } from '../../core/errors.ts'
import type { CheckRun, LoadResult } from '../../core/file-check.ts'
import type { FileCheckRequest, FileProgressEvent, FileProgressListener } from '../../core/file-commands.ts'
import type { FileLoadListener, FileLoadRequest } from '../../core/file-loading.ts'
import type { FileSet, FoundFile } from '../../core/file-set.ts'
import type { State } from '../../core/state.ts'
import { qualifiedTableName, type TableId } from '../../core/table-schema.ts'
import { fileChecksum } from '../../file-sets/file-fingerprint.ts'
import { difference, type FileToken, type KnownFile, loadedFile, parseFileToken } from '../../file-sets/file-token.ts'
import type { FileWork, FindWork } from '../../file-sets/file-work.ts'
import { findFiles } from '../../file-sets/find-files.ts'
import { listed } from '../../quality/checks/check-run.ts'
import { writeResult } from '../../quality/checks/result-store.ts'
import { type SyncSetting, syncAll } from '../sync.ts'
import { type LoadedRows, withLoadedChecks } from './loaded-checks.ts'
import { MergedRows, NOT_MERGED, stoppedBecause } from './merged-rows.ts'
import { FILES_FOLDER } from './recorded-files.ts'
import { restoreMissingState } from './restored-state.ts'

type LoadWork = Extract<FileWork, { readonly kind: 'load' }>

/** Finds files as the check does, and checks them. */
export interface FileChecking {
  find(paths: readonly string[], signal: AbortSignal): Promise<readonly FoundFile[]>
  checkFound(
    files: readonly FoundFile[],
    request: FileCheckRequest,
    listener: FileProgressListener,
    signal: AbortSignal,
  ): Promise<CheckRun>
  /** A result without files. */
  begin(command: string): Promise<CheckRun>
}

/** What is on its way is merged as soon as it may be: whoever waits for a load has nothing else to wait for. */
const LOADING = { intervalMs: 1_000 }
/** DuckDB merges while the next part is read; a warehouse that is awake is paid for. */
const DUCKDB_FRESHNESS_MS = 1_000

export async function loadFiles(
  setting: SyncSetting,
  checking: FileChecking,
  request: FileLoadRequest,
  listener: FileLoadListener,
  signal: AbortSignal,
): Promise<CheckRun> {
  const tellLoad = (event: FileProgressEvent) => listener.load?.(event)
  const found = await checking.find(request.paths, signal)
  await restoreMissingState(setting, signal)
  const tokens = await readTokens(setting, found, signal)
  const merged = await MergedRows.read(setting, found)
  const known = await Promise.all(found.map((file) => knownFile(file, tokens.get(keyOf(file.set.table)))))
  const loads = new Map<string, LoadResult>()
  const staged: LoadWork[] = []
  for (const [index, file] of found.entries()) {
    const token = tokens.get(keyOf(file.set.table))
    const now = known[index]
    const already =
      token === undefined || now === undefined ? undefined : alreadyLoaded(file, now, token, request.again)
    if (already === undefined) continue
    loads.set(file.name, already)
    const isMerged = already.position === undefined || merged.has(keyOf(file.set.table), already.position)
    // What an earlier run could not bring into the table, such as where its disk was full, is brought there now.
    if (already.outcome === 'already_loaded' && !isMerged)
      staged.push({ kind: 'load', file, checksum: now?.checksum, again: false })
  }
  const wanted = found.filter(({ name }) => !loads.has(name))
  const run =
    wanted.length === 0
      ? await checking.begin(request.command)
      : await checking.checkFound(wanted, request, listener.check, signal)
  const passed = wanted.filter((file) => {
    const reason = refusal(run, file)
    if (reason !== undefined) loads.set(file.name, outcome(file, 'refused', reason))
    return reason === undefined
  })
  let failure: unknown
  const all = [...staged, ...passed.map((file) => workOf(file, run, request.again))]
  if (all.length > 0) tellLoad({ event: 'files', atMs: Date.now(), files: all.map(({ file }) => listed(file)) })
  for (const source of new Set(all.map(({ file }) => file.set.table.source))) {
    const works = all.filter(({ file }) => file.set.table.source === source)
    try {
      for (const result of await loadSource(setting, source, works, listener, signal)) {
        loads.set(result.file, result)
        tellLoad({ event: 'loaded', atMs: Date.now(), result })
      }
    } catch (error) {
      failure ??= error
      for (const { file } of works) loads.set(file.name, outcome(file, 'failed', describeError(error)))
    }
  }
  const checked = await withLoadedChecks(setting, run, await loadedRows(setting, passed, loads), signal)
  const ended = {
    ...checked,
    command: request.command,
    loads: found.flatMap(({ name }) => loads.get(name) ?? []),
    endedMs: Date.now(),
  }
  await writeResult(join(setting.folder, FILES_FOLDER), ended).catch((error: unknown) => {
    throw failure ?? error
  })
  if (failure !== undefined) throw failure
  return ended
}

/** Why a file does not pass, by itself or beside others of its set; undefined: it does. */
function refusal(run: CheckRun, { name, set }: FoundFile): string | undefined {
  const result = run.files.find(({ file }) => file === name)
  if (result === undefined) return 'it was not checked'
  if (result.verdict === 'fail') return result.reasons.join(' ')
  const checks = run.sets.find((each) => each.set === keyOf(set.table))?.checks ?? []
  const failed = checks.filter(({ outcome, severity }) => outcome === 'fail' && severity === 'CRITICAL')
  return failed.find(({ files }) => files?.includes(name) === true)?.message
}

async function loadedRows(
  setting: SyncSetting,
  files: readonly FoundFile[],
  loads: ReadonlyMap<string, LoadResult>,
): Promise<readonly LoadedRows[]> {
  const loaded = files.filter(({ name }) => loads.get(name)?.outcome === 'loaded')
  if (loaded.length === 0) return []
  const tokens = await readTokens(setting, loaded, new AbortController().signal)
  return loaded.flatMap((file) => {
    const token = tokens.get(keyOf(file.set.table))
    const of = token === undefined ? undefined : loadedFile(token, file.name)
    return of === undefined ? [] : [{ file, loaded: of }]
  })
}

function workOf(file: FoundFile, run: CheckRun, again: boolean): LoadWork {
  const checksum = run.files.find((each) => each.file === file.name)?.checksum
  return { kind: 'load', file, checksum, again }
}

/** Undefined: it is to be loaded. */
function alreadyLoaded(file: FoundFile, now: KnownFile, token: FileToken, again: boolean): LoadResult | undefined {
  const before = loadedFile(token, file.name)
  // What cannot be read is not what it was, nor another one: its check says why.
  if (before === undefined || file.problem !== undefined) return undefined
  const { rows, position } = before
  const changed = difference(before, now)
  if (before.removed === true) {
    if (again || changed !== undefined) return undefined
    return {
      file: file.name,
      outcome: 'already_loaded',
      rows: 0,
      position,
      message: `its period was deleted; --again loads it again`,
    }
  }
  const { write } = file.set
  if (again && write !== 'append') return undefined
  if (changed === undefined) {
    const message = again ? 'its rows would be there twice: delete its period first (files delete --period)' : undefined
    return { file: file.name, outcome: again ? 'refused' : 'already_loaded', rows, position, message }
  }
  const fix =
    write === 'append'
      ? 'delete its period first (files delete --period), then load it with --again'
      : '--again loads it again'
  return { file: file.name, outcome: 'refused', rows, position, message: `${changed} since it was loaded: ${fix}` }
}

function outcome(file: FoundFile, what: LoadResult['outcome'], message: string | undefined): LoadResult {
  return { file: file.name, outcome: what, rows: 0, position: undefined, message }
}

/** With its checksum where only that tells whether it is still the same. */
export async function knownFile(file: FoundFile, token: FileToken | undefined): Promise<KnownFile> {
  const { name, bytes, modifiedMs, period, path } = file
  const known: KnownFile = { name, bytes, modifiedMs, period: period?.name }
  const before = token === undefined ? undefined : loadedFile(token, name)
  const isTouched = before !== undefined && before.bytes === bytes && before.modifiedMs !== modifiedMs
  if (!isTouched || before.checksum === undefined || file.problem !== undefined) return known
  return { ...known, checksum: await fileChecksum(path, new AbortController().signal) }
}

/** One source, in one run of the engine. */
async function loadSource(
  setting: SyncSetting,
  source: string,
  works: readonly LoadWork[],
  listener: FileLoadListener,
  signal: AbortSignal,
): Promise<readonly LoadResult[]> {
  const problems = new Map<string, PipelineError>()
  await runWorks(setting, source, works, listener, signal, (set, error) => problems.set(keyOf(set.table), error))
  await using state = await openState(setting.config, setting.folder, 'read')
  const tokens = await tokensOf(state, source)
  const results: LoadResult[] = []
  for (const { file, checksum } of works) {
    const key = keyOf(file.set.table)
    const loaded = tokens.get(key)?.loaded.find(({ name }) => name === file.name)
    const problem = problems.get(key)
    const isStaged =
      loaded !== undefined && difference(loaded, { ...file, period: file.period?.name, checksum }) === undefined
    const behind = isStaged ? await notMerged(state, file.set.table, loaded.position) : undefined
    if (isStaged && behind === undefined) {
      results.push({
        file: file.name,
        outcome: 'loaded',
        rows: loaded.rows,
        position: loaded.position,
        message: undefined,
      })
    } else {
      const message = behind ?? (await tableProblem(state, file.set.table)) ?? problemOf(file, problem, signal)
      results.push(outcome(file, 'failed', message))
    }
  }
  return results
}

function problemOf(file: FoundFile, problem: PipelineError | undefined, signal: AbortSignal): string {
  if (problem === undefined)
    return signal.aborted ? 'the run was stopped; it goes on with the next one' : 'it was not reached'
  const isOwn = problem.context.file === file.name || problem.context.file === file.path
  const hint = problem.hint === undefined ? '' : `. ${problem.hint}`
  return isOwn ? `${describeError(problem)}${hint}` : `it waits for ${problem.context.file}: ${describeError(problem)}`
}

/** Of a table that has stopped. */
async function tableProblem(state: State, table: TableId): Promise<string | undefined> {
  const record = (await state.tables(table.source)).find((each) => keyOf(each.table) === keyOf(table))
  return record === undefined ? undefined : stoppedBecause(record)
}

/** Why its rows are not in the table, where they are not. */
async function notMerged(state: State, table: TableId, position: string): Promise<string | undefined> {
  const record = (await state.tables(table.source)).find((each) => keyOf(each.table) === keyOf(table))
  if (record?.mergedThrough !== undefined && record.mergedThrough >= position) return undefined
  return record?.lastError ?? NOT_MERGED
}

/** What is to be done for the sets of a source, once. */
export async function runWorks(
  setting: SyncSetting,
  source: string,
  works: readonly (FileWork & { readonly set?: FileSet })[],
  { sync, load }: Pick<FileLoadListener, 'sync' | 'load'>,
  signal: AbortSignal,
  onProblem: (set: FileSet, error: PipelineError) => void,
): Promise<void> {
  const startedMs = Date.now()
  const stopped = new Set<string>()
  const ofSet = (set: FileSet) => (work: FileWork & { readonly set?: FileSet }) =>
    keyOf((work.kind === 'load' ? work.file.set : work.set)?.table ?? set.table) === keyOf(set.table)
  const settings = {
    ...LOADING,
    ...(setting.config.destination.type === 'duckdb' ? { freshnessMs: DUCKDB_FRESHNESS_MS } : {}),
  }
  const request = { source, tables: [], once: true }
  await syncAll(setting, request, sync, signal, {
    settings,
    problems: {
      note: (set, error) => {
        stopped.add(keyOf(set.table))
        onProblem(set, error)
      },
      progress: (file, bytes) => {
        const activity = bytes < file.bytes ? 'loading' : 'merging'
        load?.({ event: 'file', atMs: Date.now(), file: file.name, activity, bytes, bytesTotal: file.bytes })
      },
    },
    // Asked again in each round, and after what time has mended, such as a full disk: what is done is done.
    findWork: async (set, token) => {
      if (stopped.has(keyOf(set.table))) return []
      return works.filter(ofSet(set)).filter((work) => !isDone(work, token, startedMs))
    },
  })
}

/** In this run: of a file that is loaded again, an earlier load counts for nothing. */
function isDone(work: FileWork, token: FileToken, startedMs: number): boolean {
  if (work.kind === 'remove') return token.removals.some(({ id }) => id === work.id)
  const loaded = loadedFile(token, work.file.name)
  return loaded !== undefined && (!work.again || loaded.atMs >= startedMs)
}

/** Of each file that was not let through: what it was. It is looked at again when it is another one. */
type Refusals = Map<string, string>

/** That it may be read now changes neither its size nor its time. */
function identityOf({ bytes, modifiedMs, problem }: FoundFile): string {
  return `${bytes} ${modifiedMs} ${problem?.code ?? ''}`
}

/**
 * For a sync that goes on: what is there and not loaded, as far as it passes its check. What does not pass is told once, and
 * checked again when it has changed.
 */
export function passingFiles(
  { folder }: SyncSetting,
  checking: FileChecking,
  tell: (set: FileSet, message: string) => void,
): FindWork {
  const refused: Refusals = new Map()
  return async (set, token, signal) => {
    const found = await findFiles({ sets: [set], folder }, signal).catch((error: unknown) => {
      if (isPipelineError(error, 'not_found')) return []
      throw error
    })
    const wanted: FoundFile[] = []
    for (const file of found) {
      const identity = identityOf(file)
      if (refused.get(file.name) === identity) continue
      const already = alreadyLoaded(file, await knownFile(file, token), token, false)
      if (already === undefined) wanted.push(file)
      else if (already.outcome === 'refused') {
        refused.set(file.name, identity)
        tell(set, `${file.name}: ${already.message}`)
      }
    }
    if (wanted.length === 0) return []
    const request = { paths: [], onBadRows: 'fail' as const, checksum: true, memoryBytes: undefined, command: 'sync' }
    const run = await checking.checkFound(wanted, request, () => undefined, signal)
    return wanted.flatMap((file): readonly FileWork[] => {
      const reason = refusal(run, file)
      if (reason === undefined) return [workOf(file, run, false)]
      refused.set(file.name, identityOf(file))
      tell(set, `${file.name} does not pass its check: ${reason} (result ${run.run})`)
      return []
    })
  }
}

/** Of the sets of these files. Empty where nothing was ever loaded. */
async function readTokens(
  { config, folder }: SyncSetting,
  files: readonly FoundFile[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FileToken>> {
  const tokens = new Map<string, FileToken>()
  signal.throwIfAborted()
  await using state = await openState(config, folder, 'read')
  for (const source of new Set(files.map(({ set }) => set.table.source))) {
    for (const [key, token] of await tokensOf(state, source)) tokens.set(key, token)
  }
  return tokens
}

export async function tokensOf(state: State, source: string): Promise<ReadonlyMap<string, FileToken>> {
  const tokens = await state.tokens(source)
  return new Map(tokens.map(({ table, token }) => [keyOf(table), parseFileToken(token, table.name)]))
}

export function keyOf(table: TableId): string {
  return qualifiedTableName(table)
}
