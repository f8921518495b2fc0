/** Which rows of a table stand for what the source has, as far as the table knows; for each write mode. */
import {
  ACTIVE_ID,
  DELETED_ID,
  identityColumns,
  OPERATION_ID,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import { columnSql, tableSql } from './table-sql.ts'

/** As a condition on a row of the table. */
export function isCurrentSql(layout: TableLayout): string {
  switch (writeModeOf(layout)) {
    case 'merge':
      return `${columnSql(layout, DELETED_ID)} IS NOT TRUE`
    case 'history':
      return columnSql(layout, ACTIVE_ID)
    case 'append':
      return isLatestSql(layout)
  }
}

/** `rid`, `k1`, …, `pos` of these rows; at least of those whose key is in the relation `keys` with `k1`, …. */
export function currentKeysSql(layout: TableLayout, keys: string): string {
  const columns = identityColumns(layout).map((column, index) => `${quoteIdentifier(column.name)} AS k${index + 1}`)
  const selected = `rowid AS rid, ${columns.join(', ')}, ${columnSql(layout, POSITION_ID)} AS pos`
  const table = tableSql(layout)
  if (writeModeOf(layout) !== 'append') return `(SELECT ${selected} FROM ${table} WHERE ${isCurrentSql(layout)})`
  const names = columns.map((_, index) => `k${index + 1}`).join(', ')
  return `(SELECT max_by(rid, pos) AS rid, ${names}, max(pos) AS pos
    FROM (SELECT ${selected}, ${columnSql(layout, DELETED_ID)} AS gone FROM ${table} WHERE ${isSinceTruncate(layout)})
    SEMI JOIN ${keys} USING (${names}) GROUP BY ${names} HAVING NOT max_by(gone, pos))`
}

/** In a table of changes: the last one of a row, where it did not delete it. */
function isLatestSql(layout: TableLayout): string {
  const position = columnSql(layout, POSITION_ID)
  const gone = columnSql(layout, DELETED_ID)
  const since = isSinceTruncate(layout)
  const from = `FROM ${tableSql(layout)} WHERE ${since}`
  switch (layout.identity.kind) {
    case 'key': {
      const keys = identityColumns(layout).map((column) => quoteIdentifier(column.name))
      return `rowid IN (SELECT max_by(rowid, ${position}) ${from} GROUP BY ${keys.join(', ')}
        HAVING NOT max_by(${gone}, ${position}))`
    }
    // As many of the newest inserts of a content as were not followed by a delete.
    case 'bag': {
      const content = columnSql(layout, ROW_ID_ID)
      const left = `sum(CASE WHEN ${gone} THEN -1 ELSE 1 END) OVER (PARTITION BY ${content})`
      const copy = `row_number() OVER (PARTITION BY ${content}, ${gone} ORDER BY ${position} DESC)`
      return `rowid IN (SELECT rid FROM (SELECT rowid AS rid, ${gone} AS gone, ${left} AS living, ${copy} AS copy ${from})
        WHERE NOT gone AND copy <= living)`
    }
    case 'append':
      return `(${since} AND NOT ${gone})`
  }
}

/** Rows that a snapshot has read have the position of the truncate before them, where they were read anew. */
function isSinceTruncate(layout: TableLayout): string {
  const position = columnSql(layout, POSITION_ID)
  const operation = columnSql(layout, OPERATION_ID)
  const last = `SELECT coalesce(max(${position}), '') FROM ${tableSql(layout)} WHERE ${operation} = 'truncate'`
  return `(${operation} <> 'truncate' AND ${position} >= (${last}))`
}
