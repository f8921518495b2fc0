/**
 * `_simplyload.checkpoints`: the lease and the boundaries.
 *
 * A transaction takes the lease with its first statement: an update of a group row where epoch and position are the
 * expected ones. Reading them first would not do, because between reading and writing someone else may take the lease.
 * So each group row of a source carries the epoch, and they are all raised together.
 */
import { DEFAULT_GROUP, type GroupMove, type Lease, type SourceCheckpoints } from '../../core/destination.ts'
import type { PipelineError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import {
  type CheckpointBook,
  checkpointsOf,
  leaseLost,
  readCheckpointRows,
  type StoredCheckpoint,
  sourceCheckpointsOf,
  unexpectedBoundary,
} from '../../warehouse/stored-checkpoint.ts'
import type { Session } from './session.ts'

const GROUP_ROWS = "source = $1 AND namespace = '' AND table_name = ''"
const DEFAULT_ROW = `${GROUP_ROWS} AND group_name = '${DEFAULT_GROUP}'`
const TABLE_ROW = 'source = $1 AND namespace = $2 AND table_name = $3'

/** Raises the epoch; run in a transaction. */
export async function raiseEpoch(session: Session, source: string): Promise<Lease> {
  const raised = await session.run(
    `UPDATE _simplyload.checkpoints SET epoch = epoch + 1, updated_at = now() WHERE ${GROUP_ROWS}`,
    [source],
  )
  if (raised === 0) await insertGroup(session, { source, epoch: 1 }, DEFAULT_GROUP, undefined)
  const row = await session.row(`SELECT epoch FROM _simplyload.checkpoints WHERE ${DEFAULT_ROW}`, [source])
  return { source, epoch: Number(row.epoch) }
}

/** First statement of a transaction that moves no group boundary. */
export async function takeLease(session: Session, lease: Lease): Promise<void> {
  const held = await session.run(
    `UPDATE _simplyload.checkpoints SET updated_at = now() WHERE ${DEFAULT_ROW} AND epoch = ${lease.epoch}`,
    [lease.source],
  )
  if (held !== 1) throw await lost(session, lease)
}

/** First statement of a transaction that moves a group. `reached`: the reply to an earlier commit was lost. */
export async function advanceGroup(
  session: Session,
  lease: Lease,
  { name, from, to }: GroupMove,
): Promise<'advanced' | 'reached'> {
  const moved = await session.run(
    `UPDATE _simplyload.checkpoints SET position = $3, updated_at = now()
     WHERE ${GROUP_ROWS} AND group_name = $2 AND epoch = ${lease.epoch} AND position IS NOT DISTINCT FROM $4`,
    [lease.source, name, to, from ?? null],
  )
  if (moved === 1) return 'advanced'
  const row = await groupRow(session, lease.source, name)
  if (row === undefined && from === undefined && name !== DEFAULT_GROUP) {
    await takeLease(session, lease)
    await insertGroup(session, lease, name, to)
    return 'advanced'
  }
  if (row === undefined || row.epoch !== lease.epoch) throw await lost(session, lease)
  if (row.position === to) return 'reached'
  throw unexpectedBoundary(`the group ${name} of ${lease.source}`, from, row.position)
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
  if (stored !== undefined && (stored.group !== undefined || stored.position === to)) return 'reached'
  throw unexpectedBoundary(tableName(table), from, stored?.position)
}

/** Joining or leaving a group, or a boundary of its own. */
export async function putCheckpoint(session: Session, table: TableId, checkpoint: StoredCheckpoint): Promise<void> {
  await removeCheckpoint(session, table)
  const { position, group, guardUntil } = checkpoint
  await session.run('INSERT INTO _simplyload.checkpoints VALUES ($1, $2, $3, NULL, $4, $5, $6, now(), $7)', [
    ...idValues(table),
    position,
    group !== undefined,
    guardUntil ?? null,
    group ?? null,
  ])
}

export async function removeCheckpoint(session: Session, table: TableId): Promise<void> {
  await session.run(`DELETE FROM _simplyload.checkpoints WHERE ${TABLE_ROW}`, idValues(table))
}

/** Forgets all boundaries of a source. The epoch stays. */
export async function removeAllCheckpoints(session: Session, source: string): Promise<void> {
  await session.run(
    `DELETE FROM _simplyload.checkpoints WHERE source = $1 AND (table_name <> '' OR group_name <> '${DEFAULT_GROUP}')`,
    [source],
  )
  await session.run(`UPDATE _simplyload.checkpoints SET position = NULL WHERE ${DEFAULT_ROW}`, [source])
}

/** Rows as they are stored, by `namespace.name`; `position` of a table in a group is the group's. */
export async function tableCheckpoints(
  session: Session,
  source: string,
  tables: readonly TableId[],
): Promise<ReadonlyMap<string, StoredCheckpoint>> {
  return checkpointsOf(await readCheckpoints(session, source), tables)
}

/** Undefined where the source has never had a lease. */
export async function sourceCheckpoints(session: Session, source: string): Promise<SourceCheckpoints | undefined> {
  return sourceCheckpointsOf(await readCheckpoints(session, source))
}

async function readCheckpoints(session: Session, source: string): Promise<CheckpointBook | undefined> {
  // Of a file that an older version has written, and that is only read, the last column is missing.
  const rows = await session.rows(
    'SELECT * FROM _simplyload.checkpoints WHERE source = $1 ORDER BY namespace, table_name',
    [source],
  )
  return readCheckpointRows(
    source,
    rows.map((row) => ({
      namespace: row.namespace,
      table: row.table_name,
      epoch: row.epoch,
      position: row.position,
      inGroup: row.in_group,
      guardUntil: row.guard_until,
      group: row.group_name,
    })),
  )
}

async function insertGroup(session: Session, lease: Lease, name: string, position: Position | undefined) {
  await session.run("INSERT INTO _simplyload.checkpoints VALUES ($1, '', '', $2, $3, true, NULL, now(), $4)", [
    lease.source,
    lease.epoch,
    position ?? null,
    name,
  ])
}

async function groupRow(session: Session, source: string, name: string) {
  const [row] = await session.rows(
    `SELECT epoch, position FROM _simplyload.checkpoints WHERE ${GROUP_ROWS} AND group_name = $2`,
    [source, name],
  )
  if (row === undefined) return undefined
  return { epoch: Number(row.epoch), position: (row.position ?? undefined) as Position | undefined }
}

async function lost(session: Session, lease: Lease): Promise<PipelineError> {
  return leaseLost(lease, (await groupRow(session, lease.source, DEFAULT_GROUP))?.epoch)
}

function idValues(table: TableId): readonly string[] {
  return [table.source, table.namespace, table.name]
}
