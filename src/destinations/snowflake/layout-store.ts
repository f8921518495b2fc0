/** Layouts of tables in `_SIMPLYLOAD.TABLES` and `_SIMPLYLOAD.COLUMNS`. */
import type { Position } from '../../core/position.ts'
import { type ColumnType, type RowIdentity, type TableId, tableName } from '../../core/table-schema.ts'
import { LayoutBook, type Slot, type StoredLayout } from '../../warehouse/layout-book.ts'
import type { LayoutColumn, LayoutState, TableLayout } from '../../warehouse/table-layout.ts'
import { quoteLiteral } from './identifiers.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { metadataTable, type SchemaPlace } from './table-names.ts'

/** One query for any number of tables of one source. */
export async function loadLayouts(
  session: SnowflakeSession,
  source: string,
  tables: readonly TableId[],
): Promise<LayoutBook> {
  const book = new LayoutBook()
  if (tables.length === 0) return book
  const names = tables.map((table) => `(${quoteLiteral(table.namespace)}, ${quoteLiteral(table.name)})`).join(', ')
  const rows = await session.rows(
    `SELECT t.namespace, t.table_name, t.slot, t.target_database, t.target_namespace, t.target_name, t.identity, t.finished_position, t.cluster_key,
       c.column_id, c.column_name, c.source_name, c.type, c.state
     FROM ${metadataTable('TABLES')} t JOIN ${metadataTable('COLUMNS')} c
       ON c.source = t.source AND c.namespace = t.namespace AND c.table_name = t.table_name AND c.slot = t.slot
     WHERE t.source = :1 AND (t.namespace, t.table_name) IN (${names})
     ORDER BY t.namespace, t.table_name, t.slot, c.ordinal`,
    [source],
  )
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.NAMESPACE, row.TABLE_NAME, row.SLOT]))
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined) continue
    const table: TableId = { source, namespace: String(first.NAMESPACE), name: String(first.TABLE_NAME) }
    const finished = first.FINISHED_POSITION === null ? undefined : (first.FINISHED_POSITION as Position)
    const database = first.TARGET_DATABASE === null ? {} : { database: String(first.TARGET_DATABASE) }
    const layout: TableLayout = {
      ...database,
      namespace: String(first.TARGET_NAMESPACE),
      name: String(first.TARGET_NAME),
      identity: JSON.parse(String(first.IDENTITY)) as RowIdentity,
      columns: group.map(columnOf),
    }
    book.set(table, first.SLOT === 'shadow' ? 'shadow' : 'final', {
      layout,
      finishedPosition: finished,
      clusterKey: first.CLUSTER_KEY === null ? undefined : String(first.CLUSTER_KEY),
    })
  }
  return book
}

function columnOf(row: Row): LayoutColumn {
  return {
    id: Number(row.COLUMN_ID),
    name: String(row.COLUMN_NAME),
    sourceName: String(row.SOURCE_NAME),
    type: JSON.parse(String(row.TYPE)) as ColumnType,
    state: row.STATE as LayoutState,
  }
}

/** Replaces what is recorded. Run in a transaction. */
export async function saveLayout(
  session: SnowflakeSession,
  table: TableId,
  slot: Slot,
  stored: StoredLayout,
): Promise<void> {
  await removeLayout(session, table, slot)
  const { layout, finishedPosition, clusterKey } = stored
  const of = [table.source, table.namespace, table.name, slot]
  await session.run(
    `INSERT INTO ${metadataTable('TABLES')} VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, CURRENT_TIMESTAMP(), :10)`,
    [
      ...of,
      layout.database ?? null,
      layout.namespace,
      layout.name,
      JSON.stringify(layout.identity),
      finishedPosition ?? null,
      clusterKey ?? null,
    ],
  )
  const rows = layout.columns.map((column, index) => {
    const texts = [column.name, column.sourceName, JSON.stringify(column.type), column.state].map(quoteLiteral)
    return `(${[...of.map(quoteLiteral), index, column.id, ...texts].join(', ')})`
  })
  await session.run(`INSERT INTO ${metadataTable('COLUMNS')} VALUES ${rows.join(', ')}`)
}

export async function removeLayout(session: SnowflakeSession, table: TableId, slot: Slot): Promise<void> {
  const of = [table.source, table.namespace, table.name, slot]
  for (const name of ['TABLES', 'COLUMNS']) {
    await session.run(
      `DELETE FROM ${metadataTable(name)} WHERE source = :1 AND namespace = :2 AND table_name = :3 AND slot = :4`,
      of,
    )
  }
}

/** The table of ours, whatever its source, that has this name on the destination. */
export async function ownerOf(
  session: SnowflakeSession,
  { database, namespace }: SchemaPlace,
  name: string,
): Promise<string | undefined> {
  const [row] = await session.rows(
    `SELECT source, namespace, table_name FROM ${metadataTable('TABLES')}
     WHERE slot = 'final' AND LOWER(target_namespace) = LOWER(:1) AND LOWER(target_name) = LOWER(:2)
       AND COALESCE(LOWER(target_database), '') = LOWER(:3)`,
    [namespace, name, database ?? ''],
  )
  if (row === undefined) return undefined
  return `${row.SOURCE}.${tableName({ source: '', namespace: String(row.NAMESPACE), name: String(row.TABLE_NAME) })}`
}
