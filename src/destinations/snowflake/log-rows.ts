/** Rows of tables in which every change is a row: their columns, and deletes that are no change of a flush. */
import {
  COMMITTED_AT_ID,
  DELETED_ID,
  dataColumns,
  identityColumns,
  LOAD_TIME_ID,
  OPERATION_ID,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
} from '../../warehouse/table-layout.ts'
import { currentRowsSql } from './current-rows.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { timestampLiteral } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'

const OWN_IDS = [OPERATION_ID, COMMITTED_AT_ID, LOAD_TIME_ID, DELETED_ID, POSITION_ID]

/** All columns: those of the source's rows, the row's id where it has one, operation, times, mark, position. */
export function logColumnList(layout: TableLayout): string {
  const ids = layout.identity.kind === 'key' ? OWN_IDS : [ROW_ID_ID, ...OWN_IDS]
  const data = dataColumns(layout).map((column) => quoteIdentifier(column.name))
  return [...data, ...ids.map((id) => columnSql(layout, id))].join(', ')
}

/** Those of a row that says nothing but that its key is gone: the key, operation, times, mark, position. */
export function deleteColumnList(layout: TableLayout): string {
  const keys = layout.identity.kind === 'key' ? identityColumns(layout) : []
  return [...keys.map((column) => quoteIdentifier(column.name)), ...OWN_IDS.map((id) => columnSql(layout, id))].join(
    ', ',
  )
}

/**
 * Rows that were the last of their key and are `doomed` (a condition on columns) are followed by a delete at
 * the position `death` (SQL). Returns how many.
 */
export async function appendDeletes(
  session: SnowflakeSession,
  layout: TableLayout,
  doomed: string,
  death: string,
  atMs: number,
): Promise<number> {
  const keys = identityColumns(layout).map((column) => quoteIdentifier(column.name))
  const at = timestampLiteral(atMs)
  return session.run(
    `INSERT INTO ${tableSql(layout)} (${deleteColumnList(layout)})
     SELECT ${[...keys, "'delete'", at, at, 'TRUE', death].join(', ')} FROM (${currentRowsSql(layout, 't.*')})
     WHERE ${doomed}`,
  )
}
