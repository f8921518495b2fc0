/**
 * `CHECKPOINTS_<source>`: the lease and the boundaries of a source.
 *
 * A transaction takes the lease with its first statement: an update of a group row where epoch and position are the
 * expected ones. Reading them first would not do, because between reading and writing someone else may take the lease.
 * So each group row of a source carries the epoch, and they are all raised together.
 */
import { DEFAULT_GROUP, type GroupMove, type Lease, type SourceCheckpoints } from '../../core/destination.ts'
import type { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
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
import { checkpointTable } from './metadata-schema.ts'
import type { SnowflakeSession } from './session.ts'

const COLUMNS = 'source, namespace, table_name, epoch, position, in_group, guard_until, updated_at, group_name'
const GROUP_ROWS = "source = :1 AND namespace = '' AND table_name = ''"
const DEFAULT_ROW = `${GROUP_ROWS} AND group_name = '${DEFAULT_GROUP}'`
const TABLE_ROW = 'source = :1 AND namespace = :2 AND table_name = :3'

/** Raises the epoch; run in a transaction. */
export async function raiseEpoch(session: SnowflakeSession, source: string): Promise<Lease> {
  const raised = await session.run(
    `UPDATE ${checkpointTable(source)} SET epoch = epoch + 1, updated_at = CURRENT_TIMESTAMP() WHERE ${GROUP_ROWS}`,
    [source],
  )
  invariant(raised > 0, `${source} has a group`)
  const row = await session.row(`SELECT epoch FROM ${checkpointTable(source)} WHERE ${DEFAULT_ROW}`, [source])
  return { source, epoch: Number(row.EPOCH) }
}

/** First statement of a transaction that moves no group boundary. */
export async function takeLease(session: SnowflakeSession, lease: Lease): Promise<void> {
  const held = await session.run(
    `UPDATE ${checkpointTable(lease.source)} SET updated_at = CURRENT_TIMESTAMP() WHERE ${DEFAULT_ROW} AND epoch = ${lease.epoch}`,
    [lease.source],
  )
  if (held !== 1) throw await lost(session, lease)
}

/** First statement of a transaction that moves a group. `reached`: the reply to an earlier commit was lost. */
export async function advanceGroup(
  session: SnowflakeSession,
  lease: Lease,
  { name, from, to }: GroupMove,
): Promise<'advanced' | 'reached'> {
  const moved = await session.run(
    `UPDATE ${checkpointTable(lease.source)} SET position = :3, updated_at = CURRENT_TIMESTAMP()
     WHERE ${GROUP_ROWS} AND group_name = :2 AND epoch = ${lease.epoch} AND position IS NOT DISTINCT FROM :4`,
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
  session: SnowflakeSession,
  table: TableId,
  from: Position,
  to: Position,
): Promise<'advanced' | 'reached'> {
  const moved = await session.run(
    `UPDATE ${checkpointTable(table.source)} SET position = :4, updated_at = CURRENT_TIMESTAMP()
     WHERE ${TABLE_ROW} AND NOT in_group AND position = :5`,
    [...idValues(table), to, from],
  )
  if (moved === 1) return 'advanced'
  const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
  if (stored !== undefined && (stored.group !== undefined || stored.position === to)) return 'reached'
  throw unexpectedBoundary(tableName(table), from, stored?.position)
}

/** Joining or leaving a group, or a boundary of its own. */
export async function putCheckpoint(
  session: SnowflakeSession,
  table: TableId,
  checkpoint: StoredCheckpoint,
): Promise<void> {
  await removeCheckpoint(session, table)
  const { position, group, guardUntil } = checkpoint
  const isIn = group === undefined ? 'FALSE' : 'TRUE'
  await session.run(
    `INSERT INTO ${checkpointTable(table.source)} (${COLUMNS})
     VALUES (:1, :2, :3, NULL, :4, ${isIn}, :5, CURRENT_TIMESTAMP(), :6)`,
    [...idValues(table), position, guardUntil ?? null, group ?? null],
  )
}

/** In a transaction: it keeps the group's position as its own. */
export async function leaveGroup(session: SnowflakeSession, lease: Lease, table: TableId): Promise<void> {
  await takeLease(session, lease)
  const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
  if (stored?.group !== undefined) await putCheckpoint(session, table, { ...stored, group: undefined })
}

/** In a transaction. Of one table, or of the source. */
export async function forgetCheckpoints(
  session: SnowflakeSession,
  lease: Lease,
  table: TableId | undefined,
): Promise<void> {
  await takeLease(session, lease)
  if (table === undefined) await removeAllCheckpoints(session, lease.source)
  else await removeCheckpoint(session, table)
}

async function removeCheckpoint(session: SnowflakeSession, table: TableId): Promise<void> {
  await session.run(`DELETE FROM ${checkpointTable(table.source)} WHERE ${TABLE_ROW}`, idValues(table))
}

/** Forgets all boundaries of a source. The epoch stays. */
async function removeAllCheckpoints(session: SnowflakeSession, source: string): Promise<void> {
  await session.run(
    `DELETE FROM ${checkpointTable(source)} WHERE source = :1 AND (table_name <> '' OR group_name <> '${DEFAULT_GROUP}')`,
    [source],
  )
  await session.run(`UPDATE ${checkpointTable(source)} SET position = NULL WHERE ${DEFAULT_ROW}`, [source])
}

/** Rows as they are stored, by `namespace.name`; `position` of a table in a group is the group's. */
export async function tableCheckpoints(
  session: SnowflakeSession,
  source: string,
  tables: readonly TableId[],
): Promise<ReadonlyMap<string, StoredCheckpoint>> {
  return checkpointsOf(await readCheckpoints(session, source), tables)
}

/** Undefined where the source has never had a lease. */
export async function sourceCheckpoints(
  session: SnowflakeSession,
  source: string,
): Promise<SourceCheckpoints | undefined> {
  return sourceCheckpointsOf(await readCheckpoints(session, source))
}

async function readCheckpoints(session: SnowflakeSession, source: string): Promise<CheckpointBook | undefined> {
  const rows = await session.rows(
    `SELECT ${COLUMNS} FROM ${checkpointTable(source)} WHERE source = :1 ORDER BY namespace, table_name`,
    [source],
  )
  return readCheckpointRows(
    source,
    rows.map((row) => ({
      namespace: row.NAMESPACE,
      table: row.TABLE_NAME,
      epoch: row.EPOCH,
      position: row.POSITION,
      inGroup: row.IN_GROUP,
      guardUntil: row.GUARD_UNTIL,
      group: row.GROUP_NAME,
    })),
  )
}

async function insertGroup(session: SnowflakeSession, lease: Lease, name: string, position: Position) {
  await session.run(
    `INSERT INTO ${checkpointTable(lease.source)} (${COLUMNS})
     VALUES (:1, '', '', ${lease.epoch}, :2, TRUE, NULL, CURRENT_TIMESTAMP(), :3)`,
    [lease.source, position, name],
  )
}

async function groupRow(session: SnowflakeSession, source: string, name: string) {
  const [row] = await session.rows(
    `SELECT epoch, position FROM ${checkpointTable(source)} WHERE ${GROUP_ROWS} AND group_name = :2`,
    [source, name],
  )
  if (row === undefined) return undefined
  return { epoch: Number(row.EPOCH), position: (row.POSITION ?? undefined) as Position | undefined }
}

async function lost(session: SnowflakeSession, lease: Lease): Promise<PipelineError> {
  return leaseLost(lease, (await groupRow(session, lease.source, DEFAULT_GROUP))?.epoch)
}

function idValues(table: TableId): readonly string[] {
  return [table.source, table.namespace, table.name]
}
