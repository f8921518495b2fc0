/**
 * CAST, `::` and TRY_CAST (docs: sql-reference/functions/cast, data-type-conversion). A text that does not fit is Snowflake's error with its number;
 * with `lenient` it is NULL.
 */
import type { Statement } from './binding.ts'
import { unknown } from './binding.ts'
import { castToMoment, momentText } from './cast-moment.ts'
import { castToSemiStructured } from './cast-variant.ts'
import type { DataType } from './data-type.ts'
import { BINARY_LENGTH_MAX, storedType, typeText } from './data-type.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Value } from './value.ts'
import { exactSql, isSemiStructured, isTimestamp, TEXT, value } from './value.ts'

export interface CastOptions {
  readonly lenient?: boolean
  /** A format model, for text to or from a date. */
  readonly format?: string | undefined
  /** Where the cast stands, for errors. */
  readonly start?: number
}

export function cast(statement: Statement, of: Value, to: DataType, options: CastOptions = {}): Value {
  if (of.untyped) return value(`CAST(NULL AS ${storedType(to)})`, to)
  if (of.native !== undefined && to.kind !== 'VARIANT') return cast(statement, of.native, to, options)
  switch (to.kind) {
    case 'NUMBER':
      return castToNumber(statement, of, to, options)
    case 'FLOAT':
      return castToFloat(of, to, options)
    case 'VARCHAR':
      return castToText(statement, of, to, options)
    case 'BINARY':
      return castToBinary(of, to, options)
    case 'BOOLEAN':
      return castToBoolean(of, to, options)
    case 'DATE':
    case 'TIME':
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return castToMoment(statement, isSemiStructured(of.type) ? variantText(of) : of, to, {
        lenient: options.lenient ?? false,
        format: options.format,
        start: options.start ?? 0,
      })
    case 'VARIANT':
    case 'OBJECT':
    case 'ARRAY':
      return castToSemiStructured(of, to, (moment) => cast(statement, moment, TEXT))
  }
}

/** Text of any value, as TO_VARCHAR without a format gives it. */
export function asText(statement: Statement, of: Value): Value {
  return of.type.kind === 'VARCHAR' && !of.untyped ? of : cast(statement, of, TEXT)
}

function castToNumber(statement: Statement, of: Value, to: DataType & { kind: 'NUMBER' }, options: CastOptions): Value {
  const { type } = of
  const wanted = storedType(to)
  const keyword = options.lenient ? 'TRY_CAST' : 'CAST'
  const result = (sql: string) => ({ sql, type: to, exact: true, nullable: of.nullable || options.lenient === true })
  if (type.kind === 'NUMBER') {
    const same = type.precision === to.precision && type.scale === to.scale
    // A literal stays what it is until its exact type matters.
    if (same) return of
    return result(`${keyword}(${of.sql} AS ${wanted})`)
  }
  if (type.kind === 'FLOAT') return result(`${keyword}(${of.sql} AS ${wanted})`)
  if (type.kind === 'BOOLEAN') return result(`CAST(CAST(${of.sql} AS INTEGER) AS ${wanted})`)
  if (type.kind === 'VARCHAR') {
    // DuckDB allows digits to be grouped with underscores.
    const sql = of.constant !== undefined && !of.constant.includes('_') ? of.sql : `replace(${of.sql}, '_', '?')`
    return result(`${keyword}(${sql} AS ${wanted})`)
  }
  if (isSemiStructured(type)) return result(fromVariant(of, wanted, 'FIXED', options))
  if (type.kind === 'DATE' || isTimestamp(type)) throw notCastable(of, to)
  throw unknown(statement, { start: options.start ?? 0 }, `the conversion of ${typeText(type)} to ${typeText(to)}`)
}

function castToFloat(of: Value, to: DataType, options: CastOptions): Value {
  const { type } = of
  const keyword = options.lenient ? 'TRY_CAST' : 'CAST'
  const result = (sql: string) => ({ sql, type: to, exact: true, nullable: of.nullable || options.lenient === true })
  if (type.kind === 'FLOAT') return of
  if (type.kind === 'BOOLEAN') return result(`CAST(CAST(${of.sql} AS INTEGER) AS DOUBLE)`)
  if (isSemiStructured(type)) return result(fromVariant(of, 'DOUBLE', 'REAL', options))
  if (type.kind === 'NUMBER' || type.kind === 'VARCHAR') return result(`${keyword}(${of.sql} AS DOUBLE)`)
  throw notCastable(of, to)
}

function castToText(statement: Statement, of: Value, to: DataType & { kind: 'VARCHAR' }, options: CastOptions): Value {
  const text = textSql(statement, of, options)
  const known = of.type.kind === 'VARCHAR' ? of.type.length : text.length
  const fits = known !== undefined && known <= to.length
  const sql = fits
    ? text.sql
    : options.lenient
      ? `CASE WHEN length(${text.sql}) <= ${to.length} THEN ${text.sql} END`
      : `sf_fit(${text.sql}, ${to.length})`
  return {
    sql,
    type: to,
    exact: true,
    nullable: of.nullable,
    ...(fits && of.constant !== undefined && of.type.kind === 'VARCHAR' ? { constant: of.constant } : {}),
  }
}

/** `length`: how many characters it can have, where that is certain. */
function textSql(
  statement: Statement,
  of: Value,
  options: CastOptions,
): { readonly sql: string; readonly length?: number } {
  const { type } = of
  switch (type.kind) {
    case 'VARCHAR':
      return { sql: of.sql, length: type.length }
    case 'NUMBER':
      return { sql: `CAST(${exactSql(of)} AS VARCHAR)`, length: 41 }
    case 'FLOAT':
      return { sql: `sf_float_text(${of.sql})`, length: 32 }
    case 'BOOLEAN':
      return { sql: `CAST(${of.sql} AS VARCHAR)`, length: 5 }
    case 'BINARY':
      return { sql: `hex(${of.sql})`, length: 2 * type.length }
    case 'VARIANT':
      return { sql: variantText(of).sql }
    case 'OBJECT':
    case 'ARRAY':
      return { sql: `CAST(${of.sql} AS VARCHAR)` }
    default:
      return { sql: momentText(statement, of, options.format), length: 64 }
  }
}

function castToBinary(of: Value, to: DataType & { kind: 'BINARY' }, options: CastOptions): Value {
  const within = (sql: string, known: number) => (known <= to.length ? sql : `sf_fit_binary(${sql}, ${to.length})`)
  const result = (sql: string) => ({ sql, type: to, exact: true, nullable: of.nullable || options.lenient === true })
  if (of.type.kind === 'BINARY') return result(within(of.sql, of.type.length))
  const text = isSemiStructured(of.type) ? variantText(of) : of
  if (text.type.kind !== 'VARCHAR') throw notCastable(of, to)
  const isHex = `regexp_full_match(${text.sql}, '([0-9A-Fa-f]{2})*')`
  const otherwise = options.lenient
    ? ''
    : ` WHEN ${text.sql} IS NOT NULL THEN error('SF|100115|22000|The following string is not a legal hex-encoded value: ''' || left(${text.sql}, 60) || '''')`
  const sql = `CASE WHEN ${isHex} THEN unhex(${text.sql})${otherwise} END`
  return result(within(sql, text.type.length / 2 > BINARY_LENGTH_MAX ? text.type.length : 0))
}

function castToBoolean(of: Value, to: DataType, options: CastOptions): Value {
  const { type } = of
  const result = (sql: string) => ({ sql, type: to, exact: true, nullable: of.nullable || options.lenient === true })
  if (type.kind === 'BOOLEAN') return of
  if (type.kind === 'NUMBER' || type.kind === 'FLOAT') return result(`(${of.sql} <> 0)`)
  if (type.kind === 'VARCHAR') return result(`${options.lenient ? 'sf_try_boolean' : 'sf_boolean'}(${of.sql})`)
  if (isSemiStructured(type)) {
    return result(`${options.lenient ? 'sf_try_boolean' : 'sf_boolean'}(${variantText(of).sql})`)
  }
  throw notCastable(of, to)
}

/** A VARIANT's text: strings without their quotes, JSON null as NULL. */
export function variantText(of: Value): Value {
  return value(`(${of.sql} ->> '$')`, TEXT)
}

function fromVariant(of: Value, wanted: string, name: string, options: CastOptions): string {
  const text = variantText(of).sql
  if (options.lenient) return `TRY_CAST(${text} AS ${wanted})`
  return (
    `COALESCE(TRY_CAST(${text} AS ${wanted}), CASE WHEN ${text} IS NOT NULL THEN CAST(error(` +
    `'SF|100071|22000|Failed to cast variant value ' || left(CAST(${of.sql} AS VARCHAR), 60) || ' to ${name}') AS ${wanted}) END)`
  )
}

export function notCastable(of: Value, to: DataType): SnowflakeError {
  return new SnowflakeError(
    '001007',
    '22023',
    `SQL compilation error:\ninvalid type [CAST(${typeText(of.type)} AS ${typeText(to)})] for parameter 'TO_${to.kind}'`,
  )
}
