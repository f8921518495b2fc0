/** A value on its way into a column: what INSERT, UPDATE, MERGE and COPY may convert by themselves, and what must fit. */
import type { Statement } from './binding.ts'
import { timestampMapping, unknown } from './binding.ts'
import { cast } from './cast.ts'
import type { DataType } from './data-type.ts'
import { storedType, typeText } from './data-type.ts'
import { ExpressionBinder } from './expression-binder.ts'
import { Scope } from './scope.ts'
import type { RelationColumn } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { parseExpression } from './statement-parser.ts'
import type { Value } from './value.ts'
import { exactSql, isSemiStructured, isTimestamp } from './value.ts'

/** DuckDB's expression of exactly the column's type. Throws 002023 for a type that needs a cast. */
export function assigned(statement: Statement, column: RelationColumn, of: Value): string {
  if (of.untyped) return `CAST(NULL AS ${storedType(column.type)})`
  const to = column.type
  if (of.native === undefined && !assignable(of.type, to)) {
    throw new SnowflakeError(
      '002023',
      '22000',
      `SQL compilation error:\nExpression type does not match column data type, expecting ${typeText(to)} but got ${typeText(of.type)} for column ${column.name}`,
    )
  }
  const sql = exactSql(cast(statement, of, to))
  return isSemiStructured(to) ? `sf_fit_variant(${sql})` : sql
}

/** DuckDB's expression for a column that is left out or given DEFAULT. */
export function defaultOf(statement: Statement, column: RelationColumn): string {
  const type = storedType(column.type)
  if (column.defaultText !== undefined) {
    const of = { ...statement, sql: column.defaultText }
    const expression = parseExpression(column.defaultText, { timestamp: timestampMapping(statement.context) })
    const binder = new ExpressionBinder(of, new Scope(undefined), () => {
      throw unknown(of, expression, 'a query in a default')
    })
    return assigned(of, column, binder.bind(expression))
  }
  return column.defaultSql === undefined ? `CAST(NULL AS ${type})` : `CAST(${column.defaultSql} AS ${type})`
}

function assignable(from: DataType, to: DataType): boolean {
  if (from.kind === to.kind) return true
  // A VARIANT is cast to what the column is; a text is never taken for JSON.
  if (isSemiStructured(to)) return to.kind === 'VARIANT' && isSemiStructured(from)
  if (from.kind === 'VARIANT' || from.kind === 'VARCHAR' || to.kind === 'VARCHAR') return true
  const numeric = (type: DataType) => type.kind === 'NUMBER' || type.kind === 'FLOAT'
  if (numeric(from) && numeric(to)) return true
  if (from.kind === 'DATE' || isTimestamp(from)) return to.kind === 'DATE' || isTimestamp(to)
  return (from.kind === 'BOOLEAN' && numeric(to)) || (numeric(from) && to.kind === 'BOOLEAN')
}
