/** `verify` and `checkpoint reset`: they need source, stage and destination together. */

import type { ReportSetting } from './app-reports.ts'
import { resolveTables, selectSources, selectTables, sourceConfig } from './app-tables.ts'
import { createSource, isStateInUse, openDestination, openStage, openState } from './connectors.ts'
import type { Selection, VerificationReport, VerifyRequest } from './core/application.ts'
import { systemClock } from './core/clock.ts'
import { parsePosition } from './core/position.ts'
import type { TableRecord } from './core/state.ts'
import { qualifiedTableName, type TableId, tableName } from './core/table-schema.ts'
import type { ConfiguredTable } from './engine/context.ts'
import { verifyTable } from './engine/verify.ts'

/** A running sync has this long to reach the position that was read. */
const WAIT_MS = 30_000
const EXAMPLES = 20
const EXAMPLES_DEEP = 1_000

type Verified = VerificationReport['tables'][number]

export async function verifyAll(
  setting: ReportSetting,
  request: VerifyRequest,
  onTable: (table: TableId) => void,
  signal: AbortSignal,
): Promise<VerificationReport> {
  const { config, folder } = setting
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const tables: Verified[] = []
  const skipped: VerificationReport['skipped'][number][] = []
  const names = selectSources(config, request)
  for (const name of names) {
    await using source = await createSource(name, sourceConfig(config, name), folder)
    const [resolved] = await resolveTables(config, new Map([[name, source]]), signal)
    const all = resolved?.tables ?? []
    const wanted = new Set(
      selectTables(
        all.map((table) => table.request.table),
        request,
      ),
    )
    const records = await recordsOf(setting, name)
    for (const table of all.filter((each) => wanted.has(each.request.table))) {
      const id = table.request.table
      const record = records.find((each) => tableName(each.table) === tableName(id))
      const reason = notComparable(record)
      if (record === undefined || reason !== undefined) {
        skipped.push({ table: id, reason: reason ?? 'it was never copied' })
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
        waitMs: WAIT_MS,
        examplesMax: request.deep ? EXAMPLES_DEEP : EXAMPLES,
      }
      const compared = await verifyTable(context, table.target, record.schema, signal)
      const durationMs = Math.round(systemClock.elapsedMs() - startedMs)
      tables.push({ ...compared, target: targetName(table), durationMs })
    }
  }
  const equal = skipped.length === 0 && tables.every((table) => table.differing === 0 && table.duplicateKeys === 0)
  return { equal, tables, skipped }
}

function targetName({ target }: ConfiguredTable): string {
  return `${target.namespace}.${target.name}`
}

function notComparable(record: TableRecord | undefined): string | undefined {
  if (record === undefined) return 'it was never copied'
  return record.state === 'live' ? undefined : `it is ${record.state.replace('_', ' ')}`
}

async function recordsOf({ config, folder }: ReportSetting, source: string): Promise<readonly TableRecord[]> {
  await using state = await openState(config, folder, 'read')
  return await state.tables(source)
}

/** Where a table stands: the ledger covers it where nothing waits, else its checkpoint says. */
async function progressOf(
  { config, folder }: ReportSetting,
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

/** The tables are read anew by the next sync. Returns their qualified names. */
export async function resetCheckpoints(
  { config, folder }: ReportSetting,
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using state = await openState(config, folder, 'write')
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const reset: string[] = []
  for (const name of selectSources(config, selection)) {
    const records = (await state.tables(name)).map((record) => record.table)
    const known = (await destination.checkpoints(name, signal))?.tables.map((entry) => entry.table) ?? []
    const all = [
      ...records,
      ...known.filter((table) => !records.some((record) => tableName(record) === tableName(table))),
    ]
    const tables = selectTables(all, selection)
    if (tables.length === 0) continue
    const { lease } = await destination.acquireLease(name, signal)
    const source = await state.source(name)
    // Rows that come now must sort after all that came before, also where the log begins anew.
    if (source !== undefined) await state.saveSource({ ...source, generation: source.generation + 1 })
    for (const table of tables) {
      await destination.resetCheckpoint(lease, table, signal)
      for (const file of await state.discardWaiting(table)) await stage.remove(file.path)
      await state.removeTable(table)
      reset.push(qualifiedTableName(table))
    }
  }
  return reset
}
