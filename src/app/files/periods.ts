/** Periods of file sets: which are loaded, how many rows of one are in the tables, and its removal. */
import { join } from 'node:path'
import { openDestination, openStage, openState } from '../../connectors.ts'
import type { TargetTable } from '../../core/destination.ts'
import { describeError, PipelineError } from '../../core/errors.ts'
import type { CheckRun, LoadResult, PeriodDeletion } from '../../core/file-check.ts'
import type { FileStatus, PeriodRows, PeriodSelection, SetSelection, SetStatus } from '../../core/file-loading.ts'
import type { FilePeriod, FileSet, FoundFile } from '../../core/file-set.ts'
import type { ProgressListener } from '../../core/progress.ts'
import { tableName } from '../../core/table-schema.ts'
import { periodOfName } from '../../file-sets/file-pattern.ts'
import { difference, type FileToken } from '../../file-sets/file-token.ts'
import { findFiles } from '../../file-sets/find-files.ts'
import { listResults, readResult, writeResult } from '../../quality/checks/result-store.ts'
import type { SyncSetting } from '../sync.ts'
import { configuredSets, selectSets, sqlNames } from './configured-sets.ts'
import { type FileChecking, keyOf, knownFile, runWorks, tokensOf } from './load-files.ts'
import { MergedRows, NOT_MERGED } from './merged-rows.ts'
import { FILES_FOLDER } from './recorded-files.ts'
import { restoreMissingState } from './restored-state.ts'

const DAY_MS = 86_400_000
/** Of which the outcome of a file is looked up. */
const RESULTS_MAX = 50

/** Throws `config_invalid` for what is none. */
export function parsePeriod(text: string): FilePeriod {
  const found = periodOfName(text)
  if (typeof found !== 'string') return found
  throw new PipelineError('config_invalid', `Reading the period ${text}`, {
    cause: new Error(found),
    hint: 'Write it as 2024, 2024-Q1, 2024-03 or 2024-03-05',
  })
}

export async function countPeriod(
  setting: SyncSetting,
  selection: PeriodSelection,
  signal: AbortSignal,
): Promise<readonly PeriodRows[]> {
  const { config, folder } = setting
  const period = parsePeriod(selection.period)
  const sets = datedSets(setting, selection)
  await restoreMissingState(setting, signal)
  const tokens = await allTokens(setting, sets)
  const targets = await configuredSets(setting, sets, signal)
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const counted: PeriodRows[] = []
  for (const set of sets) {
    const target = targets.get(keyOf(set.table))?.target
    if (target === undefined) throw new PipelineError('internal', `Finding the target of ${keyOf(set.table)}`)
    // Of a set that was never loaded there is no table.
    const isLoaded = tokens.has(keyOf(set.table))
    const { rows } = isLoaded
      ? await destination.query(countSql(set, target, period, sqlNames(config).identifier), signal)
      : { rows: [] }
    let count = 0
    for await (const [value] of rows) count = Number(value)
    counted.push({
      set: keyOf(set.table),
      target: namesOf(target).join('.'),
      period: period.name,
      firstDay: dayText(period.from),
      lastDay: dayText(period.through),
      rows: count,
    })
  }
  return counted
}

export async function deletePeriod(
  setting: SyncSetting,
  checking: Pick<FileChecking, 'begin'>,
  selection: PeriodSelection,
  command: string,
  listener: ProgressListener,
  signal: AbortSignal,
): Promise<CheckRun> {
  const counted = await countPeriod(setting, selection, signal)
  const period = parsePeriod(selection.period)
  const sets = datedSets(setting, selection)
  const run = await checking.begin(command)
  const deleted = new Map<string, number>()
  const failures = new Map<string, string>()
  const tokens = await allTokens(setting, sets)
  for (const source of new Set(sets.map(({ table }) => table.source))) {
    const works = sets.flatMap((set) =>
      set.table.source === source && tokens.has(keyOf(set.table))
        ? [{ kind: 'remove' as const, id: run.run, period, set }]
        : [],
    )
    if (works.length === 0) continue
    const sync: ProgressListener = (event) => {
      listener(event)
      if (event.event !== 'merged' || event.source !== source) return
      for (const table of event.tables) {
        const key = `${source}.${table.table}`
        deleted.set(key, (deleted.get(key) ?? 0) + table.deleted)
      }
    }
    try {
      await runWorks(setting, source, works, { sync }, signal, (set, error) =>
        failures.set(keyOf(set.table), describeError(error)),
      )
    } catch (error) {
      for (const { set } of works) failures.set(keyOf(set.table), describeError(error))
    }
    const after = await allTokens(setting, sets)
    for (const { set } of works) {
      const isDone = after.get(keyOf(set.table))?.removals.some(({ id }) => id === run.run) === true
      if (!isDone && !failures.has(keyOf(set.table))) failures.set(keyOf(set.table), 'the run ended before it')
    }
  }
  const deletions = counted.map(({ set }): PeriodDeletion => {
    const message = failures.get(set)
    const outcome = message === undefined ? 'deleted' : 'failed'
    return { set, period: period.name, rows: deleted.get(set) ?? 0, outcome, message }
  })
  const ended = { ...run, deletions, endedMs: Date.now() }
  await writeResult(join(setting.folder, FILES_FOLDER), ended)
  return ended
}

export async function filesStatus(
  setting: SyncSetting,
  selection: SetSelection,
  signal: AbortSignal,
): Promise<readonly SetStatus[]> {
  const sets = selectSets(setting.config, selection)
  await restoreMissingState(setting, signal)
  const tokens = await allTokens(setting, sets)
  const targets = await configuredSets(setting, sets, signal)
  const last = await lastLoads(setting)
  const merged = await MergedRows.read(
    setting,
    sets.map((set) => ({ set })),
  )
  const found: SetStatus[] = []
  for (const set of sets) {
    const target = targets.get(keyOf(set.table))?.target
    const files = await setFiles(setting, set, tokens.get(keyOf(set.table)), { last, merged }, signal)
    const periods = [...new Set(files.map(({ file, period }) => period ?? file))]
    const isWhole = (period: string, states: readonly string[]) =>
      files.filter((each) => (each.period ?? each.file) === period).every(({ state }) => states.includes(state))
    found.push({
      set: keyOf(set.table),
      target: target === undefined ? '' : namesOf(target).join('.'),
      write: set.write,
      files,
      completed: periods.filter((period) => isWhole(period, ['loaded', 'gone'])),
      problem: merged.problemOf(keyOf(set.table)),
      current: files.find(({ state }) => state === 'current')?.period,
      failed: [
        ...new Set(
          files
            .filter(({ problem, state }) => problem !== undefined && state !== 'current')
            .map(({ file, period }) => period ?? file),
        ),
      ],
    })
  }
  return found
}

interface LoadPast {
  /** By file: what became of it the last time that it was to be loaded. */
  readonly last: ReadonlyMap<string, LoadResult>
  readonly merged: MergedRows
}

/** Those that are there, and those that were loaded. */
async function setFiles(
  { folder }: SyncSetting,
  set: FileSet,
  token: FileToken | undefined,
  past: LoadPast,
  signal: AbortSignal,
): Promise<readonly FileStatus[]> {
  const present = await findFiles({ sets: [set], folder }, signal).catch((error: unknown) => {
    if (error instanceof PipelineError && error.code === 'not_found') return []
    throw error
  })
  const statuses = await Promise.all(present.map((file) => fileStatus(file, token, past)))
  const names = new Set(present.map(({ name }) => name))
  const gone = (token?.loaded ?? [])
    .filter(({ name }) => !names.has(name))
    .map(({ name, period, rows, quarantined, atMs, removed }): FileStatus => {
      const state = removed === true ? 'removed' : 'gone'
      return { file: name, period, state, rows, quarantined, share: 1, loadedMs: atMs, problem: undefined }
    })
  const order = ({ period, file }: FileStatus) => `${period ?? ''}\n${file}`
  return [...statuses, ...gone].sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

async function fileStatus(
  file: FoundFile,
  token: FileToken | undefined,
  { last: outcomes, merged }: LoadPast,
): Promise<FileStatus> {
  const last = outcomes.get(file.name)
  const common = { file: file.name, period: file.period?.name }
  const current = token?.current
  const isBad = last?.outcome === 'refused' || last?.outcome === 'failed'
  const unread = file.problem === undefined ? undefined : describeError(file.problem)
  const problem = unread ?? (isBad ? last?.message : undefined)
  if (current?.name === file.name) {
    const share = file.compression === 'none' ? Math.min(1, current.offset / Math.max(1, file.bytes)) : 0
    const { rows, quarantined } = current
    return { ...common, state: 'current', rows, quarantined, share, loadedMs: undefined, problem }
  }
  const loaded = token?.loaded.find(({ name }) => name === file.name)
  if (loaded === undefined) {
    return { ...common, state: 'new', rows: 0, quarantined: 0, share: 0, loadedMs: undefined, problem }
  }
  const { rows, quarantined, atMs } = loaded
  if (loaded.removed !== true && !merged.has(keyOf(file.set.table), loaded.position)) {
    return { ...common, state: 'current', rows, quarantined, share: 1, loadedMs: undefined, problem: NOT_MERGED }
  }
  const changed = unread === undefined ? difference(loaded, await knownFile(file, token)) : undefined
  if (loaded.removed === true && changed !== undefined) {
    return { ...common, state: 'new', rows: 0, quarantined: 0, share: 0, loadedMs: undefined, problem }
  }
  const state = loaded.removed === true ? 'removed' : changed === undefined ? 'loaded' : 'changed'
  const share = state === 'removed' ? 0 : 1
  return { ...common, state, rows: share * rows, quarantined, share, loadedMs: atMs, problem: unread ?? changed }
}

/** By file: what became of it the last time that it was to be loaded. */
async function lastLoads({ folder }: SyncSetting): Promise<ReadonlyMap<string, LoadResult>> {
  const results = join(folder, FILES_FOLDER)
  const last = new Map<string, LoadResult>()
  for (const name of (await listResults(results)).slice(0, RESULTS_MAX)) {
    const run = await readResult(results, name).catch((error: unknown) => {
      if (error instanceof PipelineError) return undefined
      throw error
    })
    for (const load of run?.loads ?? []) if (!last.has(load.file)) last.set(load.file, load)
  }
  return last
}

function datedSets({ config }: SyncSetting, selection: SetSelection): readonly FileSet[] {
  const sets = selectSets(config, selection)
  const dated = sets.filter(({ dateColumn }) => dateColumn !== undefined)
  const without = sets.find(({ dateColumn }) => dateColumn === undefined)
  if (without !== undefined && (selection.tables.length > 0 || dated.length === 0)) {
    throw new PipelineError('config_invalid', `Deleting a period of ${keyOf(without.table)}`, {
      cause: new Error('nothing says of which day its rows are'),
      hint: 'Name the column with the day in the configuration: date',
    })
  }
  return dated
}

async function allTokens({ config, folder }: SyncSetting, sets: readonly FileSet[]): Promise<Map<string, FileToken>> {
  await using state = await openState(config, folder, 'read')
  const tokens = new Map<string, FileToken>()
  for (const source of new Set(sets.map(({ table }) => table.source))) {
    for (const [key, token] of await tokensOf(state, source)) tokens.set(key, token)
  }
  return tokens
}

/** The same in DuckDB and in Snowflake. */
function countSql(
  set: FileSet,
  target: TargetTable,
  { from, through }: FilePeriod,
  quoted: (name: string) => string,
): string {
  const column = set.columns.find(({ name }) => name === set.dateColumn)
  if (column === undefined) throw new PipelineError('internal', `Counting rows of ${tableName(set.table)}`)
  const types = {
    date: ['DATE', ''],
    timestamp: ['TIMESTAMP', ' 00:00:00'],
    timestamptz: ['TIMESTAMPTZ', ' 00:00:00+00:00'],
  }
  const [type, rest] = types[column.type.kind as keyof typeof types] ?? types.date
  const day = (of: number) => `CAST('${dayText(of)}${rest}' AS ${type})`
  return `SELECT count(*) FROM ${namesOf(target).map(quoted).join('.')} WHERE ${quoted(column.name)} >= ${day(from)} AND ${quoted(column.name)} < ${day(through + 1)}`
}

/** Without the destination's own database. */
function namesOf({ database, namespace, name }: TargetTable): readonly string[] {
  return [...(database === undefined ? [] : [database]), namespace, name]
}

function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}
