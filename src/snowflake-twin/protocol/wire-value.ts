/**
 * Values as text in a result, each type in the form that Snowflake's drivers expect: whole days for dates, seconds with a
 * fraction for times, hexadecimal for binary, "1" and "0" for booleans.
 */
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { DataType } from '../sql/data-type.ts'
import { indentedJson } from './indented-json.ts'

/** How a driver reads a column. */
export interface WireType {
  readonly name:
    | 'fixed'
    | 'real'
    | 'text'
    | 'boolean'
    | 'date'
    | 'time'
    | 'timestamp_ntz'
    | 'timestamp_ltz'
    | 'timestamp_tz'
    | 'variant'
    | 'object'
    | 'array'
    | 'binary'
  readonly precision?: number
  /** Digits behind the point, of seconds too. */
  readonly scale?: number
  /** Characters of a text, bytes of a binary. */
  readonly length?: number
}

export function wireType(type: DataType): WireType {
  switch (type.kind) {
    case 'NUMBER':
      return { name: 'fixed', precision: type.precision, scale: type.scale }
    case 'FLOAT':
      return { name: 'real' }
    case 'VARCHAR':
      return { name: 'text', length: type.length }
    case 'BINARY':
      return { name: 'binary', length: type.length }
    case 'TIME':
      return { name: 'time', precision: 0, scale: type.precision }
    case 'TIMESTAMP_NTZ':
      return { name: 'timestamp_ntz', precision: 0, scale: type.precision }
    case 'TIMESTAMP_LTZ':
      return { name: 'timestamp_ltz', precision: 0, scale: type.precision }
    case 'TIMESTAMP_TZ':
      return { name: 'timestamp_tz', precision: 0, scale: type.precision }
    case 'BOOLEAN':
      return { name: 'boolean' }
    case 'DATE':
      return { name: 'date' }
    case 'VARIANT':
      return { name: 'variant' }
    case 'OBJECT':
      return { name: 'object' }
    case 'ARRAY':
      return { name: 'array' }
  }
}

/** `jsonIndent`: blanks for each level of a VARIANT. */
export function wireText(value: DuckDBValue, type: WireType, jsonIndent = 2): string | null {
  if (value === null) return null
  switch (type.name) {
    case 'fixed':
      return fixedText(value, type.scale ?? 0)
    case 'real':
      return realText(Number(value instanceof DuckDBDecimalValue ? value.toDouble() : value))
    case 'boolean':
      return value === true ? '1' : '0'
    case 'date':
      return value instanceof DuckDBDateValue ? String(value.days) : mismatch(type)
    case 'time':
      return value instanceof DuckDBTimeValue ? secondsText(value.micros * 1000n, type.scale ?? 9) : mismatch(type)
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return secondsText(nanoseconds(value, type), type.scale ?? 9)
    case 'timestamp_tz':
      return zonedText(value, type)
    case 'binary':
      return value instanceof DuckDBBlobValue
        ? Buffer.from(value.bytes.buffer, value.bytes.byteOffset, value.bytes.byteLength).toString('hex').toUpperCase()
        : mismatch(type)
    case 'variant':
    case 'object':
    case 'array':
      return indentedJson(String(value), jsonIndent)
    case 'text':
      return String(value)
  }
}

/** The text that DuckDB casts to the type of the column again. */
export function storedText(wire: string | null, type: WireType): string | null {
  if (wire === null) return null
  switch (type.name) {
    case 'boolean':
      return wire === '1' ? 'true' : 'false'
    case 'date':
      return new Date(Number(wire) * 86_400_000).toISOString().slice(0, 10)
    case 'time':
      return momentOf(wire).slice(11)
    case 'timestamp_ntz':
      return momentOf(wire)
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return `${momentOf(wire.split(' ')[0] ?? wire)}+00`
    case 'binary':
      return wire.replaceAll(/../g, '\\x$&')
    default:
      return wire
  }
}

/** `2026-01-02 03:04:05.678901` of seconds with a fraction. */
function momentOf(wire: string): string {
  const [whole = '0', fraction = ''] = wire.split('.')
  const isNegative = whole.startsWith('-')
  const micros = BigInt(whole) * 1_000_000n + BigInt(`${isNegative ? '-' : ''}${fraction.padEnd(6, '0').slice(0, 6)}`)
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n)
  const rest = micros - seconds * 1_000_000n
  const day = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')
  return `${day}.${String(rest).padStart(6, '0')}`
}

function fixedText(value: DuckDBValue, scale: number): string {
  if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale, scale)
  if (typeof value === 'bigint') return decimalText(value, 0, scale)
  if (typeof value === 'number' && Number.isInteger(value)) return decimalText(BigInt(value), 0, scale)
  return mismatch({ name: 'fixed', scale })
}

/** `digits` × 10^-`from`, written with `to` places; places that do not fit would be lost, so they are a mistake. */
function decimalText(digits: bigint, from: number, to: number): string {
  let unscaled = digits
  if (to >= from) unscaled *= 10n ** BigInt(to - from)
  else {
    const divisor = 10n ** BigInt(from - to)
    if (unscaled % divisor !== 0n) return mismatch({ name: 'fixed', scale: to })
    unscaled /= divisor
  }
  return pointed(unscaled, to)
}

function pointed(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled)
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function realText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Seconds since 1970 (or midnight) with `scale` places; what is finer is cut, as Snowflake cuts it. */
function secondsText(nanos: bigint, scale: number): string {
  const divisor = 10n ** BigInt(9 - scale)
  const rest = nanos % divisor
  return pointed((nanos - (rest < 0n ? rest + divisor : rest)) / divisor, scale)
}

/** `1700000000.000000 1500`: the offset in minutes, raised by 1440. A value without an offset of its own is at UTC. */
function zonedText(value: DuckDBValue, type: WireType): string {
  return `${secondsText(nanoseconds(value, type), type.scale ?? 9)} 1440`
}

function nanoseconds(value: DuckDBValue, type: WireType): bigint {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return value.micros * 1000n
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1_000_000n
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000_000n
  return mismatch(type)
}

function mismatch(type: WireType): never {
  throw new TypeError(`A column of type ${type.name} holds a value that does not fit it`)
}
