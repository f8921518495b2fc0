/**
 * Rows that are read again while their table goes on.
 *
 * They are merged when the table's checkpoint has passed the position at which they were read, so whatever is in the
 * table and newer than that wins: a row by its own position, a row that is gone by its tombstone. Tombstones are kept in
 * a table of their own from before that position until the end of the backfill, because a row that was removed leaves
 * nothing behind, and neither does one that had been missing.
 */
import type { BackfillEnd, Lease } from '../../core/destination.ts'
import { invariant } from '../../core/invariant.ts'
import { columnById, type TableId, tableName } from '../../core/table-schema.ts'
import { PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import { currentColumn, DELETED_ID, identityColumns, POSITION_ID, writeModeOf } from '../../warehouse/table-layout.ts'
import { takeLease } from './checkpoint.ts'
import { duckdbType, keyText } from './column-type.ts'
import { translateError } from './errors.ts'
import { quoteIdentifier, quoteLiteral, timestampLiteral } from './identifiers.ts'
import { loadLayouts } from './layout-store.ts'
import { appendDeletes } from './log-rows.ts'
import { replaceByMarked } from './materialize.ts'
import type { MergeInput } from './merge-input.ts'
import { closeEntries, forgetQuarantine } from './quarantine.ts'
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import { columnSql, tableSql } from './table-sql.ts'
import { endVersions } from './version-writer.ts'

const OF_TABLE = 'source = $1 AND namespace = $2 AND table_name = $3'

/** Of a flush that is merged: which keys it took away, and when the table was last emptied. */
export async function keepTombstones(session: Session, input: MergeInput): Promise<void> {
  const { deletes, keyChanges, truncates } = input.features
  if (input.layout.identity.kind !== 'key') return
  const into = `INSERT INTO _simplyload.tombstones SELECT ${idValues(input.relation.schema.table)
    .map(quoteLiteral)
    .join(', ')},`
  if (deletes + keyChanges > 0) {
    await session.run(
      `${into} ${keyOf(input, '')} AS key, max(pos) FROM ${input.keyChangesSql()}
       WHERE (code & 7) < ${PARTIAL_UPDATE} GROUP BY key`,
    )
  }
  if (truncates > 0) {
    await session.run(
      `${into} NULL, max(pos) FROM ${input.rowsSql()} WHERE (code & 7) = ${TRUNCATE} HAVING count(*) > 0`,
    )
  }
}

/** Takes out of `merge_result` what was deleted after it was read. */
export async function dropDeleted(session: Session, input: MergeInput): Promise<void> {
  const id = idValues(input.relation.schema.table)
  const { keys, truncated } = await session.row(
    `SELECT count(key) AS keys, max(position) FILTER (WHERE key IS NULL) AS truncated
     FROM _simplyload.tombstones WHERE ${OF_TABLE}`,
    id,
  )
  if (truncated !== null) await session.run('DELETE FROM merge_result WHERE newest <= $1', [String(truncated)])
  if (Number(keys) === 0) return
  await session.run(
    `DELETE FROM merge_result WHERE last IN (
       SELECT e.code FROM ${input.changesSql()} e JOIN
         (SELECT key, max(position) AS position FROM _simplyload.tombstones WHERE ${OF_TABLE} GROUP BY key) d
       ON d.key = ${keyOf(input, 'e.')} WHERE d.position >= e.pos)`,
    id,
  )
}

/** The files that no earlier call has merged. */
export async function unloadedFiles(
  session: Session,
  table: TableId,
  files: readonly InspectedFile[],
): Promise<readonly InspectedFile[]> {
  const loaded = await loadedBatches(session, table)
  return files.filter(({ file }) => !loaded.has(file.batchId))
}

async function loadedBatches(session: Session, table: TableId): Promise<ReadonlySet<string>> {
  const rows = await session.rows(`SELECT batch_id FROM _simplyload.loads WHERE ${OF_TABLE}`, idValues(table))
  return new Set(rows.map((row) => String(row.batch_id)))
}

export async function recordLoaded(
  session: Session,
  table: TableId,
  files: readonly InspectedFile[],
  loadedMs: number,
): Promise<void> {
  if (files.length === 0) return
  const id = idValues(table).map(quoteLiteral).join(', ')
  const rows = files.map(
    ({ file }) =>
      `(${id}, ${quoteLiteral(file.batchId)}, ${file.rows}, ${quoteLiteral(file.firstPosition)}, ${timestampLiteral(loadedMs)})`,
  )
  await session.run(`INSERT INTO _simplyload.loads VALUES ${rows.join(', ')}`)
}

/** Harmless when it is done again: the table keeps in mind which files it has until another backfill ends. */
export async function finishBackfill(session: Session, lease: Lease, end: BackfillEnd): Promise<number | undefined> {
  const { table } = end.target
  try {
    return await session.retryWithMoreMemory(() => session.transaction(() => finish(session, lease, end)))
  } catch (error) {
    if (session.isStop(error)) throw error
    throw translateError(error, `Finishing the backfill of ${tableName(table)}`, { table: tableName(table) })
  }
}

async function finish(session: Session, lease: Lease, end: BackfillEnd): Promise<number | undefined> {
  const { table } = end.target
  await takeLease(session, lease)
  const loaded = await loadedBatches(session, table)
  if (!end.batchIds.every((id) => loaded.has(id))) return undefined
  const deleted = await settle(session, end)
  const id = idValues(table)
  await session.run(`DELETE FROM _simplyload.tombstones WHERE ${OF_TABLE}`, id)
  const others = [...loaded].filter((batch) => !end.batchIds.includes(batch))
  if (others.length > 0) {
    const list = others.map(quoteLiteral).join(', ')
    await session.run(`DELETE FROM _simplyload.loads WHERE ${OF_TABLE} AND batch_id IN (${list})`, id)
  }
  // What an earlier reading of all rows put aside says nothing any more.
  if (end.range === undefined && end.keys === undefined && end.target.write === 'merge')
    await forgetQuarantine(session, table, end.position)
  return deleted
}

/** Returns the rows deleted, or the entries closed where it was about keys. */
async function settle(session: Session, end: BackfillEnd): Promise<number> {
  const { keys, target, position, loadedMs } = end
  if (keys === undefined) return end.deleteMissing ? await deleteMissing(session, end) : 0
  const { table } = target
  const layout = (await loadLayouts(session, table.source, [table])).get(table, 'final')?.layout
  invariant(layout !== undefined, `${tableName(table)} has a final table`)
  return await closeEntries(session, layout, table, keys, position, loadedMs)
}

async function deleteMissing(session: Session, { target, schema, position, range, loadedMs }: BackfillEnd) {
  const { table } = target
  const layout = (await loadLayouts(session, table.source, [table])).get(table, 'final')?.layout
  invariant(layout !== undefined, `${tableName(table)} has a final table`)
  const conditions = [`t.${columnSql(layout, POSITION_ID)} < ${quoteLiteral(position)}`]
  if (range !== undefined) {
    const column = currentColumn(layout, range.columnId)
    const inSource = columnById(schema, range.columnId)
    invariant(column !== undefined && inSource !== undefined, 'the column of a range is there')
    const value = (text: string) => `CAST(${quoteLiteral(text)} AS ${duckdbType(column.type)})`
    const name = `t.${quoteIdentifier(column.name)}`
    if (range.from !== undefined) conditions.push(`${name} >= ${value(range.from)}`)
    if (range.to !== undefined) conditions.push(`${name} <= ${value(range.to)}`)
  }
  const isMissing = conditions.join(' AND ')
  const mode = writeModeOf(layout)
  if (mode === 'history') return endVersions(session, layout, isMissing, quoteLiteral(position), loadedMs)
  if (mode === 'append') return appendDeletes(session, layout, isMissing, quoteLiteral(position), loadedMs)
  if (target.hardDelete) return session.run(`DELETE FROM ${tableSql(layout)} t WHERE ${isMissing}`)
  const doomed = `t.${columnSql(layout, DELETED_ID)} IS NOT TRUE AND ${isMissing}`
  return replaceByMarked(session, layout, doomed, quoteLiteral(position), loadedMs)
}

function keyOf(input: MergeInput, prefix: string): string {
  return keyText(
    identityColumns(input.layout).map((column, index) => ({
      expression: `${prefix}k${index + 1}`,
      type: column.type,
    })),
  )
}

function idValues(table: TableId): string[] {
  return [table.source, table.namespace, table.name]
}
