/** An expression after names and types were found: DuckDB's SQL and Snowflake's type. */
import type { DataType } from './data-type.ts'
import { storedType, VARCHAR_LENGTH_MAX } from './data-type.ts'
import { textLiteral } from './stored-name.ts'

export interface Value {
  /** Safe as an operand: a literal, a name, a call, or in parentheses. */
  readonly sql: string
  readonly type: DataType
  /** DuckDB's type is storedType(type); otherwise a kindred one (INTEGER for NUMBER(1,0)). */
  readonly exact: boolean
  readonly nullable: boolean
  /** A literal's text: format models, names of date parts, and what can be converted before anything runs. */
  readonly constant?: string | undefined
  /** NULL without a type: fits everywhere. */
  readonly untyped?: boolean
  /** A value of a stage file that is VARIANT for Snowflake and has a type of its own in DuckDB; see stage-value.ts. */
  readonly native?: Value
}

export const TEXT: DataType = { kind: 'VARCHAR', length: VARCHAR_LENGTH_MAX }
export const BOOLEAN: DataType = { kind: 'BOOLEAN' }
export const FLOAT: DataType = { kind: 'FLOAT' }
export const VARIANT: DataType = { kind: 'VARIANT' }
/** What functions that count give. */
export const COUNT: DataType = { kind: 'NUMBER', precision: 18, scale: 0 }

export const NULL_VALUE: Value = { sql: 'NULL', type: TEXT, exact: false, nullable: true, untyped: true }

export function number(precision: number, scale: number): DataType {
  return { kind: 'NUMBER', precision: Math.min(precision, 38), scale }
}

export function value(sql: string, type: DataType, options: { exact?: boolean; nullable?: boolean } = {}): Value {
  return { sql, type, exact: options.exact ?? true, nullable: options.nullable ?? true }
}

export function textConstant(text: string): Value {
  // Snowflake counts code points, and an empty string still has a type.
  const length = Math.max([...text].length, 1)
  return { sql: textLiteral(text), type: { kind: 'VARCHAR', length }, exact: true, nullable: false, constant: text }
}

/** A literal such as `12`, `1.50`, `1e3`. */
export function numberConstant(text: string): Value {
  if (/[eE]/.test(text))
    return { ...value(`CAST(${textLiteral(text)} AS DOUBLE)`, FLOAT, { nullable: false }), constant: text }
  const [whole = '', fraction = ''] = text.split('.')
  const left = whole.replace(/^0+(?=\d)/, '')
  const scale = fraction.length
  const precision = Math.max((left === '0' ? '' : left).length + scale, 1)
  if (precision > 38 || scale > 37) {
    return { ...value(`CAST(${textLiteral(text)} AS DOUBLE)`, FLOAT, { nullable: false }), constant: text }
  }
  const type = number(precision, scale)
  if (scale === 0 && precision <= 9)
    return { ...value(left === '' ? '0' : left, type, { exact: false, nullable: false }), constant: text }
  return { ...value(`CAST(${textLiteral(text)} AS ${storedType(type)})`, type, { nullable: false }), constant: text }
}

/** The SQL with exactly the type that a column of this type has in DuckDB. */
export function exactSql(of: Value): string {
  return of.exact ? of.sql : `CAST(${of.sql} AS ${storedType(of.type)})`
}

export function isText(type: DataType): boolean {
  return type.kind === 'VARCHAR'
}

export function isSemiStructured(type: DataType): boolean {
  return type.kind === 'VARIANT' || type.kind === 'OBJECT' || type.kind === 'ARRAY'
}

export function isTimestamp(
  type: DataType,
): type is Extract<DataType, { kind: 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' }> {
  return type.kind === 'TIMESTAMP_NTZ' || type.kind === 'TIMESTAMP_LTZ' || type.kind === 'TIMESTAMP_TZ'
}
