/** `verify`: needs source, stage and destination together. */

import { randomUUID } from 'node:crypto'
import {
  configuredFileSets,
  type DescribedSource,
  isStateInUse,
  openDestination,
  openRequestBox,
  openScratchStage,
  openState,
} from '../connectors.ts'
import type { VerificationReport, VerifyRequest } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import { hasFaults, targetText } from '../core/destination.ts'
import { describeError, isPipelineError } from '../core/errors.ts'
import { parsePosition } from '../core/position.ts'
import type { TableRecord } from '../core/state.ts'
import { qualifiedTableName, type TableId, tableName } from '../core/table-schema.ts'
import type { ConfiguredTable } from '../engine/context.ts'
import { verifyTable } from '../engine/verify.ts'
import { restoreMissingState } from './files/restored-state.ts'
import { verifyFileTable } from './files/verify-file-table.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { openSource } from './open-source.ts'
import { resolveTables, selectSources, selectTables } from './tables.ts'

/** A running sync has this long to reach the position that was read. */
const WAIT_MS = 30_000
const EXAMPLES = 20
const EXAMPLES_DEEP = 1_000

type Verified = VerificationReport['tables'][number]

export async function verifyAll(
  setting: LoadedConfig,
  request: VerifyRequest,
  onTable: (table: TableId) => void,
  signal: AbortSignal,
): Promise<VerificationReport> {
  const { config, folder } = setting
  await restoreMissingState(setting, signal)
  await using resources = new AsyncDisposableStack()
  const stage = resources.use(await openScratchStage(config, folder))
  const destination = resources.use(await openDestination(config, folder, stage))
  const sources = new Map<string, DescribedSource>()
  for (const name of selectSources(config, request)) {
    sources.set(name, resources.use(await openSource(setting, name)))
  }
  const configured = (await resolveTables(config, sources, folder, signal)).flatMap(({ tables }) => tables)
  const ids = configured.map((table) => table.request.table)
  const wanted = new Set(selectTables(ids, request))
  const tables: Verified[] = []
  const skipped: VerificationReport['skipped'][number][] = []
  for (const table of configured.filter((each) => wanted.has(each.request.table))) {
    const id = table.request.table
    const source = sources.get(id.source)
    const record = (await recordsOf(setting, id.source)).find((each) => tableName(each.table) === tableName(id))
    if (source === undefined || record?.state !== 'live') {
      skipped.push({ table: id, reason: notComparable(record) })
      continue
    }
    onTable(id)
    const startedMs = systemClock.elapsedMs()
    const context = {
      source,
      destination,
      stage,
      clock: systemClock,
      customer: config.customer,
      progress: (of: TableId) => progressOf(setting, of, signal),
      hurry: (of: TableId) => askToMerge(setting, of),
      waitMs: WAIT_MS,
      examplesMax: request.deep ? EXAMPLES_DEEP : EXAMPLES,
    }
    try {
      const set = configuredFileSets(config).find((each) => qualifiedTableName(each.table) === qualifiedTableName(id))
      const compared =
        set === undefined
          ? await verifyTable(context, table.target, record.schema, signal)
          : await verifyFileTable(setting, set, { ...table, mergedThrough: record.mergedThrough }, context, signal)
      const durationMs = Math.round(systemClock.elapsedMs() - startedMs)
      tables.push({ ...compared, target: targetName(table), durationMs })
    } catch (error) {
      // The others can be compared all the same.
      if (!isPipelineError(error, 'source_table_missing') && !isPipelineError(error, 'source_permission')) throw error
      skipped.push({ table: id, reason: describeError(error) })
    }
  }
  const equal = skipped.length === 0 && tables.every(isEqual)
  return { equal, tables, skipped }
}

function isEqual({ differing, duplicateKeys, history }: Verified): boolean {
  return differing === 0 && duplicateKeys === 0 && !hasFaults(history)
}

function targetName({ target }: ConfiguredTable): string {
  return targetText(target)
}

function notComparable(record: TableRecord | undefined): string {
  if (record === undefined) return 'it was never copied'
  return record.state === 'needs_resync' ? 'it must be read again' : `it is ${record.state.replace('_', ' ')}`
}

async function recordsOf({ config, folder }: LoadedConfig, source: string): Promise<readonly TableRecord[]> {
  await using state = await openState(config, folder, 'read')
  return await state.tables(source)
}

/** Where a table stands: the ledger covers it where nothing waits, else its checkpoint says. */
async function progressOf(
  { config, folder }: LoadedConfig,
  table: TableId,
  signal: AbortSignal,
): Promise<{ readonly reachedLsn: bigint; readonly running: boolean }> {
  signal.throwIfAborted()
  const running = await isStateInUse(config, folder)
  await using state = await openState(config, folder, 'read')
  const record = await state.source(table.source)
  const [first] = await state.waiting(table.source, table)
  const reachedLsn = first === undefined ? record?.stagedThroughLsn : parsePosition(first.firstPosition)?.lsn
  return { reachedLsn: reachedLsn ?? 0n, running }
}

/** Nobody waits for the answer: what counts is where the table then stands. */
async function askToMerge({ config, folder }: LoadedConfig, table: TableId): Promise<void> {
  await using box = await openRequestBox(config, folder)
  await box.ask({ id: randomUUID(), table, action: { kind: 'merge' }, askedMs: systemClock.nowMs() })
}
