/** Rows, changes and calls that scenarios are made of. */
import type { TableFlush } from '../../src/core/destination.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'
import { at, before, column, DrivenTable, LOADED_MS, never, schemaOf } from '../contract/destination-fixture.ts'
import { START_US, us } from '../contract/version-changes.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import type { RecordedDestination } from './recorded-destination.ts'

let tables = 0
export const tableOf = (name: string, columns = ITEM_COLUMNS, identity?: TableSchema['identity']) =>
  schemaOf(`${name}_${++tables}`, columns, identity)

export const ITEM_COLUMNS = [
  column(1, 'id', { kind: 'int64' }, { nullable: false }),
  column(2, 'name', { kind: 'text' }),
  column(3, 'note', { kind: 'json' }),
]
export const PAIR_COLUMNS = [
  column(1, 'day', { kind: 'date' }),
  column(2, 'at', { kind: 'timestamp' }),
  column(3, 'seen', { kind: 'timestamptz' }),
  column(4, 'code', { kind: 'bytes' }),
  column(5, 'o"dd', { kind: 'text' }),
]
export const PAIR_IDENTITY = { kind: 'key', columnIds: [1, 2, 3, 4, 5] } as const

export const row = (id: number, name: string, note: string | null = null): SnapshotRow => ({
  values: { 1: String(id), 2: name, 3: note },
})
export const insert = (lsn: number, id: number, name = 'x', note: string | null = null): ChangeRow => ({
  op: 'i',
  position: at(lsn),
  committedUs: us(lsn),
  ...row(id, name, note),
})
export const update = (lsn: number, id: number, name: string): ChangeRow => ({ ...insert(lsn, id, name), op: 'u' })
export const touch = (lsn: number, id: number, name: string): ChangeRow => ({
  ...update(lsn, id, name),
  values: { 1: String(id), 2: name },
  unchanged: [3],
})
export const move = (lsn: number, from: number, to: number): ChangeRow => ({
  ...touch(lsn, to, 'moved'),
  oldKey: { 1: String(from) },
})
export const remove = (lsn: number, id: number): ChangeRow => ({
  op: 'd',
  position: at(lsn),
  committedUs: us(lsn),
  values: { 1: String(id) },
})
export const truncate = (lsn: number): ChangeRow => ({ op: 't', position: at(lsn), committedUs: us(lsn) })
export const content = (op: 'i' | 'd', lsn: number, name: string): ChangeRow => ({
  op,
  position: at(lsn),
  committedUs: us(lsn),
  values: { 1: name },
  contentHash: name.repeat(32),
})

export async function begin(
  destination: RecordedDestination,
  schema: TableSchema,
  rows: readonly SnapshotRow[],
  more: Parameters<typeof DrivenTable.open>[2] = {},
): Promise<DrivenTable> {
  const table = await DrivenTable.open(destination, schema, more)
  await table.destination.resetCheckpoint(table.lease, undefined, never)
  table.position = undefined
  await table.snapshot(10, rows, 1, START_US)
  await table.promote(10, 10)
  return table
}

export async function readAgain(table: DrivenTable, rows: readonly SnapshotRow[], more: Partial<TableFlush> = {}) {
  const file = await table.fixture.stage.snapshot(table.schema, before(20), rows, us(20))
  const position = table.position ?? before(0)
  const part = { ...table.part([file], position), into: 'backfill' as const, tombstones: true, ...more }
  await table.destination.flush({ lease: table.lease, to: position, tables: [part], loadedMs: LOADED_MS }, never)
  return file
}

export async function finish(table: DrivenTable, files: readonly StageFile[], more: object = {}): Promise<void> {
  const { lease, destination, target, schema } = table
  const batchIds = files.map((file) => file.batchId)
  const end = { target, schema, position: before(20), deleteMissing: true, batchIds, loadedMs: LOADED_MS }
  await destination.finishBackfill(lease, { ...end, ...more }, never)
}

export async function mergeTombstones(table: DrivenTable, to: number, changes: readonly ChangeRow[]): Promise<void> {
  const files = await table.stage([changes])
  const part = { ...table.part(files, table.position ?? before(0)), tombstones: true }
  await table.flushParts([part], before(to))
}

export async function mergeCompleted(
  table: DrivenTable,
  to: number,
  changes: readonly ChangeRow[],
  rows: readonly SnapshotRow[],
) {
  const part = table.part(await table.stage([changes]), table.position ?? before(0))
  await table.flushParts([part], before(to))
  const files = rows.length === 0 ? [] : [await table.fixture.stage.snapshot(table.schema, before(999), rows)]
  await table.flushParts([{ ...part, completion: { files } }], before(to))
}

export async function readAnew(table: DrivenTable, rows: readonly SnapshotRow[]): Promise<void> {
  await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
  await table.snapshot(500, rows, 2, us(500))
  await table.promote(500, 500, [], 2)
}
