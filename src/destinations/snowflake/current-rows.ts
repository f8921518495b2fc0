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
import { columnSql, tableSql } from './table-names.ts'

/** These rows, as a query of `select`, which names columns of `t`. `where`: begins with AND, or ''. */
export function currentRowsSql(layout: TableLayout, select: string, where = ''): string {
  const from = `SELECT ${select} FROM ${tableSql(layout)} t`
  const gone = `t.${columnSql(layout, DELETED_ID)}`
  switch (writeModeOf(layout)) {
    case 'merge':
      return `${from} WHERE NOT COALESCE(${gone}, FALSE)${where}`
    case 'history':
      return `${from} WHERE t.${columnSql(layout, ACTIVE_ID)}${where}`
    case 'append':
      return latestSql(layout, select, where)
  }
}

/** In a table of changes: the last one of a row, where it did not delete it. */
function latestSql(layout: TableLayout, select: string, where: string): string {
  const gone = `t.${columnSql(layout, DELETED_ID)}`
  const position = `t.${columnSql(layout, POSITION_ID)}`
  const from = `FROM ${tableSql(layout)} t WHERE ${isSinceTruncate(layout)}${where}`
  switch (layout.identity.kind) {
    case 'key': {
      const keys = identityColumns(layout).map((column) => `t.${quoteIdentifier(column.name)}`)
      const last = `ROW_NUMBER() OVER (PARTITION BY ${keys.join(', ')} ORDER BY ${position} DESC) = 1`
      return `SELECT ${select} ${from} QUALIFY ${last} AND NOT ${gone}`
    }
    // As many of the newest inserts of a content as were not followed by a delete.
    case 'bag': {
      const content = `t.${columnSql(layout, ROW_ID_ID)}`
      const left = `SUM(CASE WHEN ${gone} THEN -1 ELSE 1 END) OVER (PARTITION BY ${content})`
      const copy = `ROW_NUMBER() OVER (PARTITION BY ${content}, ${gone} ORDER BY ${position} DESC)`
      return `SELECT ${select} ${from} QUALIFY NOT ${gone} AND ${copy} <= ${left}`
    }
    case 'append':
      return `SELECT ${select} ${from} AND NOT ${gone}`
  }
}

/** Rows that a snapshot has read have the position of the truncate before them, where they were read anew. */
function isSinceTruncate(layout: TableLayout): string {
  const position = columnSql(layout, POSITION_ID)
  const operation = columnSql(layout, OPERATION_ID)
  const last = `SELECT COALESCE(MAX(${position}), '') FROM ${tableSql(layout)} WHERE ${operation} = 'truncate'`
  return `t.${operation} <> 'truncate' AND t.${position} >= (${last})`
}
