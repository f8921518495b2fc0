/** What a destination has written down of its progress, as far as it is the same on all of them: only SQL differs. */
import { DEFAULT_GROUP, type Lease, type SourceCheckpoints } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import type { Position } from '../core/position.ts'
import { type TableId, tableName } from '../core/table-schema.ts'

export interface StoredCheckpoint {
  readonly position: Position
  /** The group that it moves with; undefined: it stands alone. */
  readonly group: string | undefined
  /** Rows of the table may be as new as this although its checkpoint is older. */
  readonly guardUntil: Position | undefined
}

/** One row of checkpoints, by whatever names a destination gives its columns. */
export interface CheckpointRow {
  readonly namespace: unknown
  /** '': the row of a group. */
  readonly table: unknown
  readonly epoch: unknown
  readonly position: unknown
  readonly inGroup: unknown
  readonly guardUntil: unknown
  readonly group: unknown
}

export interface CheckpointBook {
  readonly epoch: number
  /** By the name of the group; those without a boundary are absent. */
  readonly groups: ReadonlyMap<string, Position>
  readonly stored: readonly (StoredCheckpoint & { readonly table: TableId })[]
}

/** All rows of a source. Undefined where nobody has had the lease yet. */
export function readCheckpointRows(source: string, rows: readonly CheckpointRow[]): CheckpointBook | undefined {
  const groups = new Map<string, Position>()
  let epoch = 0
  for (const row of rows) {
    if (row.table !== '') continue
    epoch = Number(row.epoch)
    if (row.position !== null) groups.set(groupOf(row), row.position as Position)
  }
  if (epoch === 0) return undefined
  const stored: (StoredCheckpoint & { readonly table: TableId })[] = []
  for (const row of rows) {
    if (row.table === '') continue
    const group = row.inGroup === true ? groupOf(row) : undefined
    const position = group === undefined ? (row.position as Position) : groups.get(group)
    if (position === undefined) continue
    const guardUntil = (row.guardUntil ?? undefined) as Position | undefined
    const table = { source, namespace: String(row.namespace), name: String(row.table) }
    stored.push({ table, position, group, guardUntil })
  }
  return { epoch, groups, stored }
}

function groupOf(row: CheckpointRow): string {
  return String(row.group ?? DEFAULT_GROUP)
}

/** Of these tables, by `namespace.name`; `position` of a table in a group is the group's. */
export function checkpointsOf(
  book: CheckpointBook | undefined,
  tables: readonly TableId[],
): ReadonlyMap<string, StoredCheckpoint> {
  const wanted = new Set(tables.map(tableName))
  return new Map(
    (book?.stored ?? [])
      .filter(({ table }) => wanted.has(tableName(table)))
      .map(({ table, ...checkpoint }) => [tableName(table), checkpoint]),
  )
}

export function sourceCheckpointsOf(book: CheckpointBook | undefined): SourceCheckpoints | undefined {
  if (book === undefined) return undefined
  const { epoch, groups, stored } = book
  return { epoch, groups, tables: stored.map(({ table, position, group }) => ({ table, position, group })) }
}

/** `newerEpoch`: undefined where the source has no row any more. */
export function leaseLost({ source, epoch }: Lease, newerEpoch: number | undefined): PipelineError {
  return new PipelineError('lease_lost', `Writing as ${source}`, {
    cause: new Error('another sync of this source has begun to write'),
    hint: 'Run one sync per source',
    context: { source, epoch, ...(newerEpoch === undefined ? {} : { newerEpoch }) },
  })
}

/** Not a matter of retrying: whoever asked has another picture of the destination than the destination itself. */
export function unexpectedBoundary(
  whose: string,
  from: Position | undefined,
  found: Position | undefined,
): PipelineError {
  return new PipelineError('internal', `Advancing the checkpoint of ${whose}`, {
    cause: new Error(`it is at ${found ?? 'no position'}, not at ${from ?? 'no position'}`),
  })
}
