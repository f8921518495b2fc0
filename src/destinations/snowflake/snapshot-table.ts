/** The beginning and the end of a snapshot: its shadow table is made, and is complete. */
import type { Lease, TargetTable } from '../../core/destination.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import { type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { StoredLayout } from '../../warehouse/layout-book.ts'
import { type LayoutDialect, planLayout } from '../../warehouse/layout-plan.ts'
import { hasSameRows, shadowLayout } from '../../warehouse/shadow-layout.ts'
import {
  HASH_DIGITS,
  identityColumns,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { requireWritable } from '../../warehouse/writable-table.ts'
import { loadedBatches } from './backfill.ts'
import { putCheckpoint, tableCheckpoints, takeLease } from './checkpoint.ts'
import { clusterKeyAfter, clusterKeyOf, clusterTable } from './clustering.ts'
import { canContinue, continueTable, presentTable } from './continuation.ts'
import { quoteIdentifier } from './identifiers.ts'
import { loadLayouts, removeLayout, saveLayout } from './layout-store.ts'
import { forgetAttempt, forgetLoads, requireFreeName, settleSwap, tableComment } from './promotion.ts'
import { createTableSql, evolveTable } from './schema-evolution.ts'
import type { SnowflakeSession } from './session.ts'
import { shadowOf } from './snapshot-load.ts'
import { columnSql, METADATA_SCHEMA, metadataTable, nameSql, schemaSql, tableSql } from './table-names.ts'

const OF_TABLE = 'source = :1 AND namespace = :2 AND table_name = :3'
const COPIES = `${METADATA_SCHEMA}.snapshot_copies`

/** The shadow table begins as the final one is, so that views with `*` and columns that were kept stay as they were. */
export async function beginSnapshot(
  session: SnowflakeSession,
  lease: Lease,
  target: TargetTable,
  schema: TableSchema,
  keep: boolean,
  dialect: LayoutDialect,
): Promise<readonly string[]> {
  const { table } = target
  await takeLease(session, lease)
  await requireFreeName(session, target)
  const book = await loadLayouts(session, table.source, [table])
  const shadow = book.get(table, 'shadow')
  const final = book.get(table, 'final')
  const isAlike = final !== undefined && writeModeOf(final.layout) === target.write && hasSameRows(final.layout, schema)
  await requireWritable(target, schema, final && presentTable(session, final.layout, isAlike))
  if (keep && shadow !== undefined && writeModeOf(shadow.layout) === target.write) {
    const { changes } = planLayout(shadow.layout, schema, target, dialect)
    // A column of the key can be neither renamed nor dropped, as one is that is written anew.
    const isUnclustered = (shadow.clusterKey ?? '') !== '' && changes.some(({ kind }) => kind !== 'add')
    if (isUnclustered) await clusterTable(session, shadow.layout, '')
    const layout = await evolveTable(session, shadow.layout, schema, target, dialect)
    const clusterKey = clusterKeyAfter(shadow.clusterKey, shadow.layout, layout)
    if (isUnclustered && clusterKey !== undefined) await clusterTable(session, layout, clusterKey)
    await session.transaction(async () => {
      await takeLease(session, lease)
      await saveLayout(session, table, 'shadow', { ...shadow, layout, clusterKey })
    })
    return [...(await loadedBatches(session, table))]
  }
  // Forgotten before its rows go: what is remembered is there.
  await session.transaction(async () => {
    await takeLease(session, lease)
    // Without a shadow table, what is remembered is of a backfill of the table that is there.
    if (shadow === undefined) await forgetLoads(session, table)
    else await forgetAttempt(session, table)
    await removeLayout(session, table, 'shadow')
  })
  const layout = shadowLayout(target, schema, isAlike ? final.layout : undefined, dialect)
  const clusterKey = clusterKeyOf(target, schema, layout)
  await session.createSchema(schemaSql(target), target.database !== undefined)
  const hasFinal = await settleSwap(session, target)
  if (shadow !== undefined && tableSql(shadow.layout) !== tableSql(layout)) {
    await session.run(`DROP TABLE IF EXISTS ${tableSql(shadow.layout)}`)
  }
  await makeShadow(
    session,
    target,
    { layout, finishedPosition: undefined, clusterKey },
    schema,
    hasFinal ? final : undefined,
  )
  await session.transaction(async () => {
    await takeLease(session, lease)
    await saveLayout(session, table, 'shadow', { layout, finishedPosition: undefined, clusterKey })
  })
  return []
}

/** Who may read the final table may read the one that takes its place. */
async function makeShadow(
  session: SnowflakeSession,
  target: TargetTable,
  { layout, clusterKey }: StoredLayout,
  schema: TableSchema,
  final: StoredLayout | undefined,
): Promise<void> {
  const comment = tableComment(target.table, 'shadow')
  const name = nameSql(target, target.name)
  if (final === undefined || tableSql(final.layout) !== name) {
    await session.run(createTableSql(layout, schema, comment, 'whole', clusterKey))
    return
  }
  // Of a table that is replaced, the grants would be kept instead of those of the model.
  await session.run(`DROP TABLE IF EXISTS ${tableSql(layout)}`)
  await session.run(`CREATE OR REPLACE TABLE ${tableSql(layout)} LIKE ${name} COPY GRANTS`)
  await session.run(createTableSql(layout, schema, comment, 'with its grants', clusterKey))
}

export async function finishSnapshot(
  session: SnowflakeSession,
  lease: Lease,
  table: TableId,
  position: Position,
  positions: number,
): Promise<void> {
  await takeLease(session, lease)
  const shadow = await shadowOf(session, table)
  const { layout } = shadow
  const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
  // Done before; the table may have moved on since.
  if (shadow.finishedPosition === position && stored !== undefined && stored.group === undefined) return
  if (stored === undefined || shadow.finishedPosition === undefined) {
    await session.transaction(async () => {
      await takeLease(session, lease)
      await requireAllRows(session, table, layout)
      if (positions > 1 && layout.identity.kind === 'key') await keepNewest(session, table, layout)
    })
  }
  const hasCopies = layout.identity.kind === 'bag' && writeModeOf(layout) !== 'append'
  const count = hasCopies ? await prepareCopies(session, layout) : undefined
  const final = (await loadLayouts(session, table.source, [table])).get(table, 'final')
  const isFirst = shadow.finishedPosition === undefined
  const before =
    final !== undefined && isFirst && (await canContinue(session, final.layout, layout)) ? final : undefined
  const newest = await newestLoad(session, table)
  const guardUntil = newest !== undefined && newest > position ? newest : undefined
  await session.transaction(async () => {
    await takeLease(session, lease)
    await count?.()
    if (before !== undefined) await continueTable(session, before.layout, layout, position)
    await saveLayout(session, table, 'shadow', { ...shadow, finishedPosition: position })
    await putCheckpoint(session, table, { position, group: undefined, guardUntil })
  })
}

async function newestLoad(session: SnowflakeSession, table: TableId): Promise<Position | undefined> {
  const row = await session.row(
    `SELECT MAX(position) AS newest FROM ${metadataTable('LOADS')} WHERE ${OF_TABLE}`,
    idValues(table),
  )
  return (row.NEWEST ?? undefined) as Position | undefined
}

async function requireAllRows(session: SnowflakeSession, table: TableId, layout: TableLayout): Promise<void> {
  const row = await session.row(
    `SELECT (SELECT COALESCE(SUM(added), 0) FROM ${metadataTable('LOADS')} WHERE ${OF_TABLE}) AS added,
       (SELECT COUNT(*) FROM ${tableSql(layout)}) AS present`,
    idValues(table),
  )
  invariant(
    Number(row.ADDED) === Number(row.PRESENT),
    `the snapshot of ${tableName(table)} has all rows that were loaded`,
  )
}

/** Of rows with the same key, read by snapshots of different times, the newest is the row. */
async function keepNewest(session: SnowflakeSession, table: TableId, layout: TableLayout): Promise<void> {
  const keys = identityColumns(layout).map((column) => quoteIdentifier(column.name))
  const position = columnSql(layout, POSITION_ID)
  const named = keys.map((key, index) => `${key} AS d${index + 1}`)
  const several = `SELECT ${named.join(', ')}, MAX(${position}) AS newest FROM ${tableSql(layout)}
    GROUP BY ${keys.join(', ')} HAVING COUNT(*) > 1`
  const onKey = keys.map((key, index) => `${key} = d.d${index + 1}`).join(' AND ')
  const removed = await session.run(
    `DELETE FROM ${tableSql(layout)} USING (${several}) AS d WHERE ${onKey} AND ${position} < d.newest`,
  )
  const { TWICE: twice } = await session.row(`SELECT COUNT(*) AS twice FROM (${several})`)
  invariant(Number(twice) === 0, 'a snapshot has each key once')
  if (removed === 0) return
  // What is there is still what is recorded.
  await session.run(
    `UPDATE ${metadataTable('LOADS')} SET added = added - ${removed} WHERE ${OF_TABLE}
       AND batch_id = (SELECT MIN(batch_id) FROM ${metadataTable('LOADS')} WHERE ${OF_TABLE})`,
    idValues(table),
  )
}

/** All rows came in as the first copy of their content. Returns what numbers them, in the transaction. */
async function prepareCopies(session: SnowflakeSession, layout: TableLayout): Promise<() => Promise<void>> {
  const rowId = columnSql(layout, ROW_ID_ID)
  const table = tableSql(layout)
  const names = layout.columns.map((column) => quoteIdentifier(column.name))
  const numbered = `LEFT(${rowId}, ${HASH_DIGITS}) || '/' || CAST(ROW_NUMBER() OVER (PARTITION BY ${rowId} ORDER BY ${rowId}) AS VARCHAR)`
  const values = names.map((name) => (name === rowId ? `${numbered} AS ${name}` : name))
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${COPIES} AS SELECT ${values.join(', ')} FROM ${table}
     WHERE ${rowId} IN (SELECT ${rowId} FROM ${table} GROUP BY ${rowId} HAVING COUNT(*) > 1)`,
  )
  return async () => {
    const first = `SELECT DISTINCT LEFT(${rowId}, ${HASH_DIGITS}) || '/1' FROM ${COPIES}`
    const removed = await session.run(`DELETE FROM ${table} WHERE ${rowId} IN (${first})`)
    const written = await session.run(
      `INSERT INTO ${table} (${names.join(', ')}) SELECT ${names.join(', ')} FROM ${COPIES}`,
    )
    invariant(removed === written, 'each copy of a row is numbered once')
  }
}

function idValues(table: TableId): readonly string[] {
  return [table.source, table.namespace, table.name]
}
