/** Layouts of tables in `_simplyload.tables` and `_simplyload.columns`. */
import type { Position } from '../../core/position.ts'
import { type ColumnType, type RowIdentity, type TableId, tableName } from '../../core/table-schema.ts'
import { LayoutBook, type Slot, type StoredLayout } from '../../warehouse/layout-book.ts'
import type { LayoutColumn, LayoutState, TableLayout } from '../../warehouse/table-layout.ts'
import { quoteLiteral } from './identifiers.ts'
import type { Session, SqlRow } from './session.ts'

/** One query for any number of tables of one source. */
export async function loadLayouts(session: Session, source: string, tables: readonly TableId[]): Promise<LayoutBook> {
  const book = new LayoutBook()
  if (tables.length === 0) return book
  const names = tables.map((table) => `(${quoteLiteral(table.namespace)}, ${quoteLiteral(table.name)})`).join(', ')
  const rows = await session.rows(
    `SELECT t.namespace, t.table_name, t.slot, t.target_namespace, t.target_name, t.identity, t.finished_position,
       c.column_id, c.column_name, c.source_name, c.type, c.state
     FROM _simplyload.tables t JOIN _simplyload.columns c USING (source, namespace, table_name, slot)
     WHERE source = $1 AND (namespace, table_name) IN (${names})
     ORDER BY namespace, table_name, slot, c.ordinal`,
    [source],
  )
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.namespace, row.table_name, row.slot]))
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined) continue
    const table: TableId = { source, namespace: String(first.namespace), name: String(first.table_name) }
    const finished = first.finished_position === null ? undefined : (first.finished_position as Position)
    const layout: TableLayout = {
      namespace: String(first.target_namespace),
      name: String(first.target_name),
      identity: JSON.parse(String(first.identity)) as RowIdentity,
      columns: group.map(columnOf),
    }
    book.set(table, first.slot === 'shadow' ? 'shadow' : 'final', { layout, finishedPosition: finished })
  }
  return book
}

function columnOf(row: SqlRow): LayoutColumn {
  return {
    id: Number(row.column_id),
    name: String(row.column_name),
    sourceName: String(row.source_name),
    type: JSON.parse(String(row.type)) as ColumnType,
    state: row.state as LayoutState,
  }
}

/** Replaces what is recorded. Run in a transaction. */
export async function saveLayout(session: Session, table: TableId, slot: Slot, stored: StoredLayout): Promise<void> {
  await removeLayout(session, table, slot)
  const { layout, finishedPosition } = stored
  const of = [table.source, table.namespace, table.name, slot]
  await session.run('INSERT INTO _simplyload.tables VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())', [
    ...of,
    layout.namespace,
    layout.name,
    JSON.stringify(layout.identity),
    finishedPosition ?? null,
  ])
  const rows = layout.columns.map((column, index) => {
    const texts = [column.name, column.sourceName, JSON.stringify(column.type), column.state].map(quoteLiteral)
    return `($1, $2, $3, $4, ${index}, ${column.id}, ${texts.join(', ')})`
  })
  await session.run(`INSERT INTO _simplyload.columns VALUES ${rows.join(', ')}`, of)
}

export async function removeLayout(session: Session, table: TableId, slot: Slot): Promise<void> {
  const of = [table.source, table.namespace, table.name, slot]
  for (const name of ['tables', 'columns']) {
    await session.run(
      `DELETE FROM _simplyload.${name} WHERE source = $1 AND namespace = $2 AND table_name = $3 AND slot = $4`,
      of,
    )
  }
}

/** The table of ours, whatever its source, that has this name on the destination. */
export async function ownerOf(session: Session, namespace: string, name: string): Promise<string | undefined> {
  const [row] = await session.rows(
    `SELECT source, namespace, table_name FROM _simplyload.tables
     WHERE slot = 'final' AND lower(target_namespace) = lower($1) AND lower(target_name) = lower($2)`,
    [namespace, name],
  )
  if (row === undefined) return undefined
  return `${row.source}.${tableName({ source: '', namespace: String(row.namespace), name: String(row.table_name) })}`
}
