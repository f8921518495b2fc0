/** Dates, times and timestamps from and to other types (docs: sql-reference/data-types-datetime, functions/to_timestamp, functions/to_date). */
import type { Statement } from './binding.ts'
import { parameter, timeZone, unknown } from './binding.ts'
import type { DataType } from './data-type.ts'
import { typeText } from './data-type.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { textLiteral } from './stored-name.ts'
import type { Value } from './value.ts'
import { isTimestamp } from './value.ts'

type Moment = Extract<DataType, { kind: 'DATE' | 'TIME' | 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' }>

interface Options {
  readonly lenient: boolean
  readonly format: string | undefined
  readonly start: number
}

export function castToMoment(statement: Statement, of: Value, to: Moment, options: Options): Value {
  const result = (sql: string) => ({ sql, type: to, exact: true, nullable: of.nullable || options.lenient })
  if (of.type.kind === 'VARCHAR') return result(fromText(statement, of, to, options))
  if (to.kind === 'DATE') return result(toDate(statement, of, options))
  if (to.kind === 'TIME') return result(toTime(statement, of, to, options))
  return result(toTimestamp(statement, of, to, options))
}

function fromText(statement: Statement, of: Value, to: Moment, options: Options): string {
  // An empty message makes the function give NULL instead of an error.
  const what = textLiteral(options.lenient ? '' : to.kind === 'DATE' || to.kind === 'TIME' ? to.kind : 'TIMESTAMP')
  if (to.kind === 'TIME') {
    const midnight = "TIMESTAMP '1970-01-01'"
    return `CAST(${midnight} + to_microseconds(${floor(`sf_clock(${of.sql}, ${what})`, to.precision)}) AS TIME)`
  }
  const inputFormat = to.kind === 'DATE' ? 'DATE_INPUT_FORMAT' : 'TIMESTAMP_INPUT_FORMAT'
  const format = textLiteral(options.format ?? parameter(statement, inputFormat, 'AUTO'))
  const clock = `sf_wall_clock(${of.sql}, ${format}, ${what})`
  if (to.kind === 'DATE') return `CAST(make_timestamp(${clock}) AS DATE)`
  const wall = `make_timestamp(${floor(clock, to.precision)})`
  if (to.kind === 'TIMESTAMP_NTZ') return wall
  const offset = `sf_offset(${of.sql}, ${format})`
  if (to.kind === 'TIMESTAMP_LTZ') {
    return `COALESCE((${wall} - to_minutes(${offset})) AT TIME ZONE 'UTC', ${atZone(statement, wall)})`
  }
  // The twin keeps offset 0 only.
  const refuse = refusal(`'the offset of a TIMESTAMP_TZ that is not +00:00: ' || ${of.sql}`, 'TIMESTAMPTZ')
  const local =
    timeZone(statement) === 'UTC' ? `${wall} AT TIME ZONE 'UTC'` : refusal(zoneProblem(statement), 'TIMESTAMPTZ')
  return `CASE WHEN ${wall} IS NULL THEN NULL WHEN ${offset} IS NULL THEN ${local} WHEN ${offset} = 0 THEN ${wall} AT TIME ZONE 'UTC' ELSE ${refuse} END`
}

function toDate(statement: Statement, of: Value, options: Options): string {
  const { type } = of
  if (type.kind === 'DATE') return of.sql
  if (type.kind === 'TIMESTAMP_NTZ') return `CAST(${of.sql} AS DATE)`
  if (type.kind === 'TIMESTAMP_LTZ' || type.kind === 'TIMESTAMP_TZ') return `CAST(${wallClock(statement, of)} AS DATE)`
  throw unknownCast(statement, of, 'DATE', options)
}

function toTime(statement: Statement, of: Value, to: Moment & { kind: 'TIME' }, options: Options): string {
  const { type } = of
  if (type.kind === 'TIME') {
    if (to.precision >= type.precision || to.precision >= 6) return of.sql
    return `CAST(make_timestamp(${floor(`epoch_us(${of.sql})`, to.precision)}) AS TIME)`
  }
  if (isTimestamp(type)) return `CAST(${truncated(wallClock(statement, of), 'make_timestamp', to.precision)} AS TIME)`
  throw unknownCast(statement, of, 'TIME', options)
}

function toTimestamp(
  statement: Statement,
  of: Value,
  to: Moment & { kind: 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' },
  options: Options,
): string {
  const { type } = of
  const zoned = to.kind !== 'TIMESTAMP_NTZ'
  const make = zoned ? 'make_timestamptz' : 'make_timestamp'
  const precise = (sql: string, from: number) => (from <= to.precision ? sql : truncated(sql, make, to.precision))
  if (type.kind === to.kind && isTimestamp(type)) return precise(of.sql, type.precision)
  if (type.kind === 'NUMBER' || type.kind === 'FLOAT') {
    // Seconds since 1970; the function TO_TIMESTAMP has a scale.
    const micros = `CAST(round(CAST(${of.sql} AS DECIMAL(38,9)) * 1000000) AS BIGINT)`
    return truncated(`${make}(${micros})`, make, to.precision)
  }
  if (type.kind === 'TIME') return precise(`(TIMESTAMP '1970-01-01' + ${of.sql})`, type.precision)
  if (type.kind !== 'DATE' && !isTimestamp(type)) throw unknownCast(statement, of, to.kind, options)
  const from = type.kind === 'DATE' ? 0 : type.precision
  const instant = type.kind === 'TIMESTAMP_LTZ' || type.kind === 'TIMESTAMP_TZ'
  if (to.kind === 'TIMESTAMP_NTZ') return precise(wallClock(statement, of), from)
  // Between LTZ and TZ the instant stays; a TZ gets the session's offset, and the twin can keep only +00:00.
  if (to.kind === 'TIMESTAMP_TZ' && timeZone(statement) !== 'UTC')
    throw unknown(statement, options, zoneProblem(statement).slice(1, -1))
  if (instant) return precise(of.sql, from)
  return precise(atZone(statement, type.kind === 'DATE' ? `CAST(${of.sql} AS TIMESTAMP)` : of.sql), from)
}

/** What a clock on the wall of the session's zone shows (of a TIMESTAMP_TZ: of its own offset, which is 0). */
export function wallClock(statement: Statement, of: Value): string {
  if (of.type.kind === 'TIMESTAMP_LTZ') return `(${of.sql} AT TIME ZONE ${textLiteral(timeZone(statement))})`
  if (of.type.kind === 'TIMESTAMP_TZ') return `(${of.sql} AT TIME ZONE 'UTC')`
  return of.type.kind === 'DATE' ? `CAST(${of.sql} AS TIMESTAMP)` : of.sql
}

/** Minutes east of UTC. */
function offsetOf(statement: Statement, of: Value): string {
  if (of.type.kind !== 'TIMESTAMP_LTZ') return '0'
  const wall = wallClock(statement, of)
  return `CAST((epoch_us(${wall}) - epoch_us(${of.sql})) // 60000000 AS INTEGER)`
}

export function momentText(statement: Statement, of: Value, format: string | undefined): string {
  const { type } = of
  if (
    type.kind === 'DATE' &&
    format === undefined &&
    parameter(statement, 'DATE_OUTPUT_FORMAT', 'YYYY-MM-DD') === 'YYYY-MM-DD'
  ) {
    return `CAST(${of.sql} AS VARCHAR)`
  }
  const model = textLiteral(format ?? outputFormat(statement, type))
  const micros = type.kind === 'TIME' ? `epoch_us(${of.sql})` : `epoch_us(${wallClock(statement, of)})`
  return `sf_format(${micros}, ${offsetOf(statement, of)}, ${model})`
}

function outputFormat(statement: Statement, type: DataType): string {
  if (type.kind === 'DATE') return parameter(statement, 'DATE_OUTPUT_FORMAT', 'YYYY-MM-DD')
  if (type.kind === 'TIME') return parameter(statement, 'TIME_OUTPUT_FORMAT', 'HH24:MI:SS')
  const common = parameter(statement, 'TIMESTAMP_OUTPUT_FORMAT', 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM')
  if (type.kind === 'TIMESTAMP_NTZ')
    return parameter(statement, 'TIMESTAMP_NTZ_OUTPUT_FORMAT', 'YYYY-MM-DD HH24:MI:SS.FF3')
  const own = parameter(statement, `${type.kind}_OUTPUT_FORMAT`, '')
  return own === '' ? common : own
}

function atZone(statement: Statement, wall: string): string {
  return `(${wall} AT TIME ZONE ${textLiteral(timeZone(statement))})`
}

/** Microseconds down to a precision of fewer than six digits. */
function floor(micros: string, precision: number): string {
  return precision >= 6 ? micros : `sf_floor_micros(${micros}, ${10 ** (6 - precision)})`
}

function truncated(timestamp: string, make: string, precision: number): string {
  return precision >= 6 ? timestamp : `${make}(${floor(`epoch_us(${timestamp})`, precision)})`
}

function zoneProblem(statement: Statement): string {
  return textLiteral(
    `a TIMESTAMP_TZ with the offset of the session's TIMEZONE (${timeZone(statement)}): it keeps +00:00 only, so ALTER SESSION SET TIMEZONE = UTC`,
  )
}

function refusal(messageSql: string, type: string): string {
  return `CAST(error('SF|001003|42000|the local Snowflake does not know ' || ${messageSql}) AS ${type})`
}

function unknownCast(statement: Statement, of: Value, to: string, options: Options): SnowflakeError {
  if (
    of.type.kind === 'NUMBER' ||
    of.type.kind === 'BOOLEAN' ||
    of.type.kind === 'BINARY' ||
    of.type.kind === 'FLOAT'
  ) {
    return new SnowflakeError(
      '001007',
      '22023',
      `SQL compilation error:\ninvalid type [CAST(${typeText(of.type)} AS ${to})] for parameter 'TO_${to}'`,
    )
  }
  return unknown(statement, options, `the conversion of ${typeText(of.type)} to ${to}`)
}
