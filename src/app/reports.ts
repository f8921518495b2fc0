/** What commands ask without moving data: status, checkpoints, discovery, doctor, quarantine. */

import { targetName } from '../config/naming.ts'
import {
  type Config,
  type DescribedSource,
  describeState,
  destinationType,
  examineState,
  freshnessMs,
  isOwnState,
  openDestination,
  openStage,
  openState,
} from '../connectors.ts'
import type {
  CheckpointStatus,
  Discovery,
  Examination,
  Selection,
  SourceStatus,
  TableStatus,
} from '../core/application.ts'
import type { ControlRecord } from '../core/control-request.ts'
import { type QuarantineEntry, type SourceCheckpoints, targetText } from '../core/destination.ts'
import { describeError, isPipelineError } from '../core/errors.ts'
import type { Finding } from '../core/finding.ts'
import { type Position, parsePosition } from '../core/position.ts'
import { readingMode } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { SourceRecord, State, TableRecord } from '../core/state.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import type { ConfiguredTable } from '../engine/context.ts'
import { formatLsn } from '../engine/start-plan.ts'
import { groupFreshnessMs } from '../engine/table-group.ts'
import { examineHistories } from './examine-histories.ts'
import { examineStage } from './examine-stage.ts'
import { examineTransforms, type TransformedTable, transformedTables } from './examine-transforms.ts'
import { openSource } from './open-source.ts'
import { knownFreshness, knownTargets, resolveTables, selectSources, selectTables, sourceConfig } from './tables.ts'

export interface ReportSetting {
  readonly config: Config
  readonly folder: string
}

/** Each selected source, closed when `use` is done. */
async function withSources<T>(
  { config, folder }: ReportSetting,
  selection: Selection,
  use: (sources: ReadonlyMap<string, DescribedSource>) => Promise<T>,
): Promise<T> {
  await using resources = new AsyncDisposableStack()
  const sources = new Map<string, DescribedSource>()
  for (const name of selectSources(config, selection)) {
    sources.set(name, resources.use(await openSource({ config, folder }, name)))
  }
  return await use(sources)
}

export async function status(
  setting: ReportSetting,
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly SourceStatus[]> {
  await using state = await openState(setting.config, setting.folder, 'read')
  return await withSources(setting, selection, async (sources) => {
    const records = new Map<string, readonly TableRecord[]>()
    for (const name of sources.keys()) records.set(name, await state.tables(name))
    const all = [...records.values()].flatMap((each) => each.map((record) => record.table))
    const selected = new Set(selectTables(all, selection))
    const found: SourceStatus[] = []
    for (const [name, source] of sources) {
      const shown = (records.get(name) ?? []).filter((record) => selected.has(record.table))
      found.push(await sourceStatus(setting.config, state, name, source, shown, signal))
    }
    return found
  })
}

async function sourceStatus(
  config: Config,
  state: State,
  name: string,
  source: DescribedSource,
  records: readonly TableRecord[],
  signal: AbortSignal,
): Promise<SourceStatus> {
  const record = await state.source(name)
  const waiting = await state.waiting(name)
  const [lastRun] = await state.runs(name, 1)
  const open = await state.openRequests(name)
  const targets = knownTargets(
    config,
    name,
    records.map(({ table }) => table),
  )
  const freshness = knownFreshness(
    config,
    name,
    records.map(({ table }) => table),
  )
  const firstWaiting = waiting.map((file) => file.firstPosition)
  const reached = record === undefined ? undefined : mergedThrough(record.stagedThroughLsn, firstWaiting)
  return {
    source: name,
    position: reached === undefined ? undefined : (formatLsn(reached) as Position),
    // Of what a polled source has written since, nobody knows how much is in its tables.
    ...(await lag(source, isPolled(record) ? undefined : reached, signal)),
    lastRun:
      lastRun === undefined
        ? undefined
        : {
            outcome: lastRun.outcome,
            startedMs: lastRun.startedMs,
            endedMs: lastRun.endedMs,
            error: lastRun.error,
          },
    tables: await Promise.all(
      records.map(async (table, index) => ({
        ...tableStatus(table, targets[index] ?? '', waiting),
        freshnessMs: freshness[index] ?? 0,
        ...(await controlStatus(state, table, open)),
      })),
    ),
  }
}

function isPolled(record: SourceRecord | undefined): boolean {
  return record !== undefined && readingMode(record.identity) === 'polling'
}

function tableStatus(
  record: TableRecord,
  target: string,
  waiting: readonly StageFile[],
): Omit<TableStatus, 'freshnessMs'> {
  const { table, state, rowsSnapshot, changesMerged, quarantined, lastSyncMs } = record
  const own = waiting.filter((file) => tableName(file.schema.table) === tableName(table))
  return {
    table,
    target,
    state,
    rowsSnapshot,
    changesMerged,
    quarantined,
    waitingRows: own.reduce((sum, file) => sum + file.rows, 0),
    waitingSinceMs: own.length === 0 ? undefined : Math.min(...own.map((file) => file.stagedMs)),
    lastSyncMs,
    lastError: state === 'live' ? undefined : record.lastError,
  }
}

async function controlStatus(
  state: State,
  { table, backfill }: TableRecord,
  open: readonly ControlRecord[],
): Promise<Pick<TableStatus, 'backfill' | 'asked'>> {
  const chunks = backfill === undefined ? [] : await state.chunks(table)
  const finished = chunks.filter((chunk) => chunk.finishedAt !== undefined)
  const rows = finished.reduce((sum, chunk) => sum + chunk.rows, 0)
  const asked = open
    .filter(({ request, answer }) => answer === undefined && tableName(request.table) === tableName(table))
    .map(({ request }) => request.action.kind)
  return {
    ...(backfill === undefined ? {} : { backfill: { rows, chunksDone: finished.length, chunks: chunks.length } }),
    ...(asked.length === 0 ? {} : { asked }),
  }
}

async function lag(
  source: DescribedSource,
  reached: bigint | undefined,
  signal: AbortSignal,
): Promise<Pick<SourceStatus, 'lagBytes' | 'unreachable'>> {
  try {
    const now = await source.currentLsn(signal)
    const lagBytes = reached === undefined ? undefined : Number(now > reached ? now - reached : 0n)
    return { lagBytes, unreachable: undefined }
  } catch (error) {
    return { lagBytes: undefined, unreachable: describeError(error) }
  }
}

/** Staged, less what still waits to be merged. */
function mergedThrough(stagedThroughLsn: bigint, waiting: readonly Position[]): bigint {
  let through = stagedThroughLsn
  for (const at of waiting) {
    const lsn = parsePosition(at)?.lsn ?? 0n
    if (lsn < through) through = lsn
  }
  return through
}

export async function checkpoints(
  { config, folder }: ReportSetting,
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly CheckpointStatus[]> {
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const found: SourceCheckpoints[] = []
  for (const name of selectSources(config, selection)) {
    const known = await destination.checkpoints(name, signal)
    if (known !== undefined) found.push(known)
  }
  const tables = found.flatMap((each) => each.tables)
  const selected = new Set(
    selectTables(
      tables.map((table) => table.table),
      selection,
    ),
  )
  return tables
    .filter((entry) => selected.has(entry.table))
    .map(({ table, position, group }) => {
      const parts = parsePosition(position)
      const inGroup = group !== undefined
      const freshness = group === undefined ? undefined : groupFreshnessMs(group, { freshnessMs: freshnessMs(config) })
      return {
        table,
        position,
        inGroup,
        freshnessMs: freshness,
        sourcePosition: parts === undefined ? position : formatLsn(parts.lsn),
      }
    })
}

export async function discover(
  { config, folder }: ReportSetting,
  only: string | undefined,
  signal: AbortSignal,
): Promise<readonly Discovery[]> {
  return await withSources({ config, folder }, { source: only, tables: [] }, async (sources) => {
    const found: Discovery[] = []
    for (const [source, port] of sources) {
      const isForeign = ({ table }: { readonly table: TableId }) =>
        !isOwnState(config, sourceConfig(config, source), table.namespace)
      const tables = (await port.discover(signal)).filter(isForeign)
      const resolved = await resolveTables(config, new Map([[source, port]]), folder, signal).catch(() => [])
      const configured = new Map(
        resolved.flatMap((each) => each.tables.map((table) => [tableName(table.request.table), table.target] as const)),
      )
      found.push({
        source,
        tables: tables.map((table) => {
          const target = configured.get(tableName(table.table)) ?? targetName(config.naming, table.table)
          return {
            ...table,
            target: targetText(target),
            targetTypes: table.schema.columns.map((column) => destinationType(column.type, config)),
            configured: configured.has(tableName(table.table)),
          }
        }),
      })
    }
    return found
  })
}

export async function* doctor(
  { config, folder }: ReportSetting,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<Examination> {
  const targets: ConfiguredTable[] = []
  const transformed: TransformedTable[] = []
  for (const name of selectSources(config, selection)) {
    const findings: Finding[] = []
    await using source = await openSource({ config, folder }, name)
    try {
      const [resolved] = await resolveTables(config, new Map([[name, source]]), folder, signal)
      const tables = resolved?.tables ?? []
      targets.push(...tables)
      findings.push(
        ...(await source.examine(
          tables.map((table) => table.request),
          signal,
        )),
      )
      findings.push(...(await examineHistories(source, tables, signal)))
      transformed.push(...(await transformedTables(source, tables, signal)))
    } catch (error) {
      findings.push(failed('connection', error))
    }
    yield { part: `source ${name}`, findings }
  }
  if (transformed.length > 0)
    yield { part: 'transforms', findings: await examineTransforms({ config, folder }, transformed, signal) }
  yield { part: 'stage', findings: await examineStage({ config, folder }, signal) }
  yield {
    part: 'state',
    findings: await examineOpening(`state ${describeState(config)}`, () => examineState(config, folder)),
  }
  const findings: Finding[] = []
  try {
    await using stage = await openStage(config, folder)
    await using destination = await openDestination(config, folder, stage)
    findings.push(
      ...(await destination.examine(
        targets.map((table) => table.target),
        signal,
      )),
    )
  } catch (error) {
    findings.push(failed('connection', error))
  }
  yield { part: 'destination', findings }
}

async function examineOpening(subject: string, open: () => Promise<unknown>): Promise<readonly Finding[]> {
  try {
    await open()
    return [{ subject, level: 'ok', message: 'can be opened' }]
  } catch (error) {
    return [failed(subject, error)]
  }
}

function failed(subject: string, error: unknown): Finding {
  const fix = isPipelineError(error) ? error.hint : undefined
  return { subject, level: 'error', message: describeError(error), ...(fix === undefined ? {} : { fix }) }
}

export async function quarantined(
  { config, folder }: ReportSetting,
  selection: Selection,
  limit: number,
  signal: AbortSignal,
): Promise<readonly QuarantineEntry[]> {
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const known: TableId[] = []
  for (const name of selectSources(config, selection)) {
    known.push(...((await destination.checkpoints(name, signal))?.tables.map((entry) => entry.table) ?? []))
  }
  const selected = selection.tables.length === 0 ? undefined : selectTables(known, selection)
  const found: QuarantineEntry[] = []
  for (const name of selectSources(config, selection)) {
    const tables: readonly (TableId | undefined)[] = selected?.filter((table) => table.source === name) ?? [undefined]
    for (const table of tables) {
      const filter = { limit: limit - found.length, ...(table === undefined ? {} : { table }) }
      if (filter.limit > 0) found.push(...(await destination.quarantine(name, filter, signal)))
    }
  }
  return found
}
