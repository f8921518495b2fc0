import type { TargetTable } from '../../core/destination.ts'
import type { Position } from '../../core/position.ts'
import { carriedColumns, hasSameKey } from '../../warehouse/shadow-layout.ts'
import {
  DELETED_ID,
  identityColumns,
  LOAD_TIME_ID,
  POSITION_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { timestampLiteral } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'

/**
 * Rows of the old final table whose key the new one does not have: they were deleted while nobody followed the table, so
 * they are marked, and those marked before stay as they are. As an INSERT, harmless when it is done again; undefined where
 * none are carried: rows are removed, or recognised in another way than before.
 */
export function carryOverSql(
  target: TargetTable,
  final: TableLayout,
  shadow: TableLayout,
  at: Position,
  loadedMs: number,
): string | undefined {
  // Tables of versions and of changes have gone on with the snapshot (`continuation.ts`).
  if (writeModeOf(shadow) !== 'merge' || writeModeOf(final) !== 'merge') return undefined
  if (target.hardDelete || !hasSameKey(final, shadow)) return undefined
  const deleted = `COALESCE(o.${columnSql(final, DELETED_ID)}, FALSE)`
  const valueFor = (id: number, value: string) => {
    if (id === DELETED_ID) return 'TRUE'
    if (id === LOAD_TIME_ID) return `CASE WHEN ${deleted} THEN ${value} ELSE ${timestampLiteral(loadedMs)} END`
    if (id === POSITION_ID) return `CASE WHEN ${deleted} THEN ${value} ELSE ${quoteLiteral(at)} END`
    return value
  }
  const columns = carriedColumns(final, shadow)
  const into = columns.map(({ to }) => quoteIdentifier(to.name))
  const values = columns.map(({ from, to }) => {
    const value = `o.${quoteIdentifier(from.name)}`
    return valueFor(from.id, from.type.kind === to.type.kind ? value : `CAST(${value} AS ${snowflakeType(to.type)})`)
  })
  // In the new type: the other way round, values that the old one does not have would fail the statement.
  const onKey = identityColumns(shadow).map((column, index) => {
    const old = `o.${quoteIdentifier(identityColumns(final)[index]?.name ?? '')}`
    return `n.${quoteIdentifier(column.name)} = CAST(${old} AS ${snowflakeType(column.type)})`
  })
  return `INSERT INTO ${tableSql(shadow)} (${into.join(', ')}) SELECT ${values.join(', ')} FROM ${tableSql(final)} o
     LEFT JOIN ${tableSql(shadow)} n ON ${onKey.join(' AND ')} WHERE n.${columnSql(shadow, POSITION_ID)} IS NULL`
}
