/** How far each source and its tables are. */

import { type Config, type DescribedSource, openState } from '../connectors.ts'
import type { Selection, SourceStatus, TableStatus } from '../core/application.ts'
import type { ControlRecord } from '../core/control-request.ts'
import { describeError } from '../core/errors.ts'
import { type Position, parsePosition } from '../core/position.ts'
import { readingMode } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { SourceRecord, State, TableRecord } from '../core/state.ts'
import { tableName } from '../core/table-schema.ts'
import { formatLsn } from '../engine/start-plan.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { withSources } from './open-source.ts'
import { knownFreshness, knownTargets, selectTables } from './tables.ts'

export async function status(
  setting: LoadedConfig,
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
