/**
 * `_simplyload.checkpoints`: the lease and the boundaries.
 *
 * A transaction takes the lease with its first statement: an update of the group row where epoch and position are the
 * expected ones. Reading them first would not do, because between reading and writing someone else may take the lease.
 */
import type { Lease, SourceCheckpoints } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import type { Session } from './session.ts'

export interface StoredCheckpoint {
  readonly position: Position
  readonly inGroup: boolean
  /** Rows of the table may be as new as this although its checkpoint is older. */
  readonly guardUntil: Position | undefined
}

const GROUP_ROW = "source = $1 AND namespace = '' AND table_name = ''"
const TABLE_ROW = 'source = $1 AND namespace = $2 AND table_name = $3'

/** Raises the epoch; run in a transaction. */
export async function raiseEpoch(session: Session, source: string): Promise<Lease> {
  const raised = await session.run(
    `UPDATE _simplyload.checkpoints SET epoch = epoch + 1, updated_at = now() WHERE ${GROUP_ROW}`,
    [source],
  )
  if (raised === 0) {
    await session.run("INSERT INTO _simplyload.checkpoints VALUES ($1, '', '', 1, NULL, true, NULL, now())", [source])
  }
  const row = await session.row(`SELECT epoch FROM _simplyload.checkpoints WHERE ${GROUP_ROW}`, [source])
  return { source, epoch: Number(row.epoch) }
}

/** First statement of a transaction that moves no group boundary. */
export async function takeLease(session: Session, lease: Lease): Promise<void> {
  const held = await session.run(
    `UPDATE _simplyload.checkpoints SET updated_at = now() WHERE ${GROUP_ROW} AND epoch = ${lease.epoch}`,
    [lease.source],
  )
  if (held !== 1) throw await leaseLost(session, lease)
}

/** First statement of a transaction that moves the group. `reached`: the reply to an earlier commit was lost. */
export async function advanceGroup(
  session: Session,
  lease: Lease,
  from: Position | undefined,
  to: Position,
): Promise<'advanced' | 'reached'> {
  const moved = await session.run(
    `UPDATE _simplyload.checkpoints SET position = $2, updated_at = now()
     WHERE ${GROUP_ROW} AND epoch = ${lease.epoch} AND position IS NOT DISTINCT FROM $3`,
    [lease.source, to, from ?? null],
  )
  if (moved === 1) return 'advanced'
  const row = await groupRow(session, lease.source)
  if (row === undefined || row.epoch !== lease.epoch) throw await leaseLost(session, lease)
  if (row.position === to) return 'reached'
  throw unexpected(`the group of ${lease.source}`, from, row.position)
}

/** Moves a table that has a boundary of its own. */
export async function advanceTable(
  session: Session,
  table: TableId,
  from: Position,
  to: Position,
): Promise<'advanced' | 'reached'> {
  const moved = await session.run(
    `UPDATE _simplyload.checkpoints SET position = $4, updated_at = now()
     WHERE ${TABLE_ROW} AND NOT in_group AND position = $5`,
    [...idValues(table), to, from],
  )
  if (moved === 1) return 'advanced'
  const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
  if (stored !== undefined && (stored.inGroup || stored.position === to)) return 'reached'
  throw unexpected(tableName(table), from, stored?.position)
}

/** Joining or leaving the group, or a boundary of its own. */
export async function putCheckpoint(session: Session, table: TableId, checkpoint: StoredCheckpoint): Promise<void> {
  await removeCheckpoint(session, table)
  await session.run('INSERT INTO _simplyload.checkpoints VALUES ($1, $2, $3, NULL, $4, $5, $6, now())', [
    ...idValues(table),
    checkpoint.position,
    checkpoint.inGroup,
    checkpoint.guardUntil ?? null,
  ])
}

export async function removeCheckpoint(session: Session, table: TableId): Promise<void> {
  await session.run(`DELETE FROM _simplyload.checkpoints WHERE ${TABLE_ROW}`, idValues(table))
}

/** Forgets all boundaries of a source. The epoch stays. */
export async function removeAllCheckpoints(session: Session, source: string): Promise<void> {
  await session.run("DELETE FROM _simplyload.checkpoints WHERE source = $1 AND table_name <> ''", [source])
  await session.run(`UPDATE _simplyload.checkpoints SET position = NULL WHERE ${GROUP_ROW}`, [source])
}

/** Rows as they are stored, by `namespace.name`; `position` of a table in the group is the group's. */
export async function tableCheckpoints(
  session: Session,
  source: string,
  tables: readonly TableId[],
): Promise<ReadonlyMap<string, StoredCheckpoint>> {
  const wanted = new Set(tables.map(tableName))
  const all = await readCheckpoints(session, source)
  return new Map(
    (all?.stored ?? [])
      .filter(({ table }) => wanted.has(tableName(table)))
      .map(({ table, ...checkpoint }) => [tableName(table), checkpoint]),
  )
}

/** Undefined where the source has never had a lease. */
export async function sourceCheckpoints(session: Session, source: string): Promise<SourceCheckpoints | undefined> {
  const all = await readCheckpoints(session, source)
  if (all === undefined) return undefined
  return {
    epoch: all.epoch,
    groupPosition: all.groupPosition,
    tables: all.stored.map(({ table, position, inGroup }) => ({ table, position, inGroup })),
  }
}

async function readCheckpoints(session: Session, source: string) {
  const rows = await session.rows(
    `SELECT namespace, table_name, epoch, position, in_group, guard_until FROM _simplyload.checkpoints
     WHERE source = $1 ORDER BY namespace, table_name`,
    [source],
  )
  const group = rows.find((row) => row.table_name === '')
  if (group === undefined) return undefined
  const groupPosition = (group.position ?? undefined) as Position | undefined
  const stored: (StoredCheckpoint & { readonly table: TableId })[] = []
  for (const row of rows) {
    if (row.table_name === '') continue
    const inGroup = row.in_group === true
    const position = inGroup ? groupPosition : (row.position as Position)
    if (position === undefined) continue
    const guardUntil = (row.guard_until ?? undefined) as Position | undefined
    const table = { source, namespace: String(row.namespace), name: String(row.table_name) }
    stored.push({ table, position, inGroup, guardUntil })
  }
  return { epoch: Number(group.epoch), groupPosition, stored }
}

async function groupRow(session: Session, source: string) {
  const [row] = await session.rows(`SELECT epoch, position FROM _simplyload.checkpoints WHERE ${GROUP_ROW}`, [source])
  if (row === undefined) return undefined
  return { epoch: Number(row.epoch), position: (row.position ?? undefined) as Position | undefined }
}

async function leaseLost(session: Session, lease: Lease): Promise<PipelineError> {
  const row = await groupRow(session, lease.source)
  return new PipelineError('lease_lost', `Writing as ${lease.source}`, {
    cause: new Error('another sync of this source has begun to write'),
    hint: 'Run one sync per source',
    context: { source: lease.source, epoch: lease.epoch, ...(row === undefined ? {} : { newerEpoch: row.epoch }) },
  })
}

/** Not a matter of retrying: whoever asked has another picture of the destination than the destination itself. */
function unexpected(whose: string, from: Position | undefined, found: Position | undefined): PipelineError {
  return new PipelineError('internal', `Advancing the checkpoint of ${whose}`, {
    cause: new Error(`it is at ${found ?? 'no position'}, not at ${from ?? 'no position'}`),
  })
}

function idValues(table: TableId): readonly string[] {
  return [table.source, table.namespace, table.name]
}
