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
import type { StageFile } from '../../core/stage.ts'
import { columnById, type TableId, tableName } from '../../core/table-schema.ts'
import { PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import {
  currentColumn,
  DELETED_ID,
  LOAD_TIME_ID,
  POSITION_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { takeLease } from './checkpoint.ts'
import { snowflakeType } from './column-type.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { keyText } from './key-text.ts'
import { loadLayouts } from './layout-store.ts'
import { appendDeletes } from './log-rows.ts'
import { KIND, type MergeInput } from './merge-input.ts'
import { closeEntries, findReplayed, forgetQuarantine } from './quarantine.ts'
import { Rollback, type SnowflakeSession } from './session.ts'
import { timestampLiteral } from './sql-time.ts'
import { columnSql, metadataTable, tableSql } from './table-names.ts'
import { endVersions } from './version-writer.ts'

const OF_TABLE = 'source = :1 AND namespace = :2 AND table_name = :3'
const TOMBSTONES = metadataTable('TOMBSTONES')
const LOADS = metadataTable('LOADS')

/** Of a flush that is merged: which keys it took away, and when the table was last emptied. Statements of the transaction. */
export function tombstoneStatements(input: MergeInput): readonly string[] {
  const { deletes, keyChanges, truncates } = input.features
  if (input.layout.identity.kind !== 'key') return []
  const of = idValues(input.schema.table).map(quoteLiteral).join(', ')
  const into = `INSERT INTO ${TOMBSTONES} (source, namespace, table_name, key, position)`
  const keys = input.keyNames('k').join(', ')
  return [
    ...(deletes + keyChanges === 0
      ? []
      : [
          `${into} SELECT ${of}, ${keyOf(input, '')}, MAX(pos) FROM ${input.keyChanges}
           WHERE ${KIND} < ${PARTIAL_UPDATE} GROUP BY ${keys}`,
        ]),
    ...(truncates === 0
      ? []
      : [`${into} SELECT ${of}, NULL, MAX(pos) FROM ${input.rows} WHERE ${KIND} = ${TRUNCATE} HAVING COUNT(*) > 0`]),
  ]
}

/** Takes out of `result` what was deleted after it was read. Before the transaction. */
export async function dropDeleted(session: SnowflakeSession, input: MergeInput): Promise<void> {
  const id = idValues(input.schema.table)
  const { KEYS: keys, TRUNCATED: truncated } = await session.row(
    `SELECT COUNT(key) AS keys, MAX(CASE WHEN key IS NULL THEN position END) AS truncated
     FROM ${TOMBSTONES} WHERE ${OF_TABLE}`,
    id,
  )
  const result = input.scratch('result')
  if (typeof truncated === 'string') await session.run(`DELETE FROM ${result} WHERE newest <= :1`, [truncated])
  if (Number(keys) === 0) return
  // A key is in a text here and in columns there, so it is looked up by its change.
  await session.run(
    `DELETE FROM ${result} WHERE last IN (
       SELECT e.code FROM ${input.changes} e JOIN
         (SELECT key, MAX(position) AS position FROM ${TOMBSTONES} WHERE ${OF_TABLE} GROUP BY key) d
       ON d.key = ${keyOf(input, 'e.')} WHERE d.position >= e.pos)`,
    id,
  )
}

/** The files that no earlier call has merged. */
export async function unloadedFiles(
  session: SnowflakeSession,
  table: TableId,
  files: readonly StageFile[],
): Promise<readonly StageFile[]> {
  const loaded = await loadedBatches(session, table)
  return files.filter((file) => !loaded.has(file.batchId))
}

export async function loadedBatches(session: SnowflakeSession, table: TableId): Promise<ReadonlySet<string>> {
  const rows = await session.rows(`SELECT batch_id FROM ${LOADS} WHERE ${OF_TABLE}`, idValues(table))
  return new Set(rows.map((row) => String(row.BATCH_ID)))
}

/**
 * In the transaction that writes their rows. False where some are recorded by now: an earlier call was carried out whose
 * reply was lost, and which had not ended when this one asked.
 */
export async function recordLoaded(
  session: SnowflakeSession,
  table: TableId,
  files: readonly StageFile[],
  loadedMs: number,
): Promise<boolean> {
  if (files.length === 0) return true
  const id = idValues(table).map(quoteLiteral)
  const rows = files.map(
    (file) =>
      `SELECT ${quoteLiteral(file.batchId)} AS batch_id, ${file.rows} AS added, ${quoteLiteral(file.firstPosition)} AS position`,
  )
  const recorded = await session.run(
    `INSERT INTO ${LOADS} (source, namespace, table_name, batch_id, added, position, loaded_at)
     SELECT ${id.join(', ')}, f.batch_id, f.added, f.position, ${timestampLiteral(loadedMs)}
     FROM (${rows.join(' UNION ALL ')}) f
     WHERE f.batch_id NOT IN (SELECT batch_id FROM ${LOADS}
       WHERE source = ${id[0]} AND namespace = ${id[1]} AND table_name = ${id[2]})`,
  )
  return recorded === files.length
}

/** Harmless when it is done again: the table keeps in mind which files it has until another backfill ends. */
export async function finishBackfill(
  session: SnowflakeSession,
  lease: Lease,
  end: BackfillEnd,
): Promise<number | undefined> {
  const { table } = end.target
  const layout = (await loadLayouts(session, table.source, [table])).get(table, 'final')?.layout
  invariant(layout !== undefined, `${tableName(table)} has a final table`)
  if (end.keys !== undefined) await findReplayed(session, layout, table, end.keys, end.position)
  return session.transaction<number | undefined>(async () => {
    await takeLease(session, lease)
    const loaded = await loadedBatches(session, table)
    if (!end.batchIds.every((id) => loaded.has(id))) return new Rollback<number | undefined>(undefined)
    const deleted = await settle(session, layout, end)
    const id = idValues(table)
    await session.run(`DELETE FROM ${TOMBSTONES} WHERE ${OF_TABLE}`, id)
    const others = [...loaded].filter((batch) => !end.batchIds.includes(batch))
    if (others.length > 0) {
      const list = others.map(quoteLiteral).join(', ')
      await session.run(`DELETE FROM ${LOADS} WHERE ${OF_TABLE} AND batch_id IN (${list})`, id)
    }
    // What an earlier reading of all rows put aside says nothing any more.
    if (end.range === undefined && end.keys === undefined && end.target.write === 'merge')
      await forgetQuarantine(session, table, end.position)
    return deleted
  })
}

/** Returns the rows deleted, or the entries closed where it was about keys. */
async function settle(session: SnowflakeSession, layout: TableLayout, end: BackfillEnd): Promise<number> {
  const { keys, target, position, loadedMs } = end
  if (keys !== undefined) return closeEntries(session, target.table, position, loadedMs)
  return end.deleteMissing ? deleteMissing(session, layout, end) : 0
}

async function deleteMissing(
  session: SnowflakeSession,
  layout: TableLayout,
  { target, schema, position, range, loadedMs }: BackfillEnd,
): Promise<number> {
  const at = quoteLiteral(position)
  const own = (id: number) => columnSql(layout, id)
  const conditions = [`${own(POSITION_ID)} < ${at}`]
  if (range !== undefined) {
    const column = currentColumn(layout, range.columnId)
    const inSource = columnById(schema, range.columnId)
    invariant(column !== undefined && inSource !== undefined, 'the column of a range is there')
    const value = (text: string) => `CAST(${quoteLiteral(text)} AS ${snowflakeType(column.type)})`
    const name = quoteIdentifier(column.name)
    if (range.from !== undefined) conditions.push(`${name} >= ${value(range.from)}`)
    if (range.to !== undefined) conditions.push(`${name} <= ${value(range.to)}`)
  }
  const isMissing = conditions.join(' AND ')
  const mode = writeModeOf(layout)
  if (mode === 'history') return endVersions(session, layout, isMissing, at, loadedMs)
  if (mode === 'append') return appendDeletes(session, layout, isMissing, at, loadedMs)
  if (target.hardDelete) return session.run(`DELETE FROM ${tableSql(layout)} WHERE ${isMissing}`)
  return session.run(
    `UPDATE ${tableSql(layout)} SET ${own(LOAD_TIME_ID)} = ${timestampLiteral(loadedMs)}, ${own(DELETED_ID)} = TRUE,
       ${own(POSITION_ID)} = ${at} WHERE NOT COALESCE(${own(DELETED_ID)}, FALSE) AND ${isMissing}`,
  )
}

function keyOf(input: MergeInput, prefix: string): string {
  return keyText(input.keys.map(({ name, column }) => ({ expression: `${prefix}${name}`, type: column.type })))
}

export function idValues(table: TableId): string[] {
  return [table.source, table.namespace, table.name]
}
