/** Names of a table and its columns in SQL, and values that its columns are filled with. */
import type { Column } from '../../core/table-schema.ts'
import { ownColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import { qualifiedName, quoteIdentifier, quoteLiteral } from './identifiers.ts'

export function tableSql(layout: TableLayout): string {
  return qualifiedName(layout.namespace, layout.name)
}

/** Quoted name of a column that every table has. */
export function columnSql(layout: TableLayout, id: number): string {
  return quoteIdentifier(ownColumn(layout, id).name)
}

/**
 * The value that older rows have in a column that was added with a constant default, as a text literal. A literal and no
 * cast, because DuckDB fills an added column with a constant as it goes, and with an expression by an UPDATE, after
 * which the same transaction can alter the table no more.
 */
export function missingValueLiteral(column: Column): string | undefined {
  const text = column.missingValue
  if (text === undefined) return undefined
  const isBytes = column.type.kind === 'bytes'
  // DuckDB reads bytes as `\x00\xFF`, Postgres writes `\x00ff`.
  return quoteLiteral(isBytes ? text.replace(/^\\x/, '').replaceAll(/../g, '\\x$&') : text)
}
