/**
 * Postgres' text form of a value (pgoutput without `binary`, columns cast to text) → a column. Whatever the form it came
 * in, a value gives the same bytes in the vector.
 */
import { isUtf8 } from 'node:buffer'
import type { ColumnType } from '../core/table-schema.ts'
import { appendTextDate, appendTextTime, appendTextTimestamp } from './date-time.ts'
import { appendTextDecimal } from './decimal.ts'
import {
  INTEGER_OUT_OF_RANGE,
  INVALID_JSON,
  INVALID_UTF8,
  INVALID_VALUE,
  NUMERIC_TOO_LARGE,
  OK,
  UNPAIRED_SURROGATE,
} from './decode-outcome.ts'
import { formDecoder, type TextEncoding } from './form-decoder.ts'
import { hasUnpairedSurrogate } from './json-escape.ts'
import { isStructured, type PostgresType, wireForm, withoutDomain } from './postgres-type.ts'
import { jsonOfText } from './text-json.ts'
import type { ValueDecoder } from './value-decoder.ts'
import type { WireBuffer } from './wire-buffer.ts'

/** The decoder for text forms of `type` into a column of type `target`, which may be another than `columnTypeOf(type)`. */
export function textDecoder(type: PostgresType, target: ColumnType, encoding: TextEncoding): ValueDecoder {
  const plain = withoutDomain(type)
  switch (target.kind) {
    case 'text':
      if (isStructured(plain)) return formDecoder(jsonOfText(plain, 'keep'), encoding)
      return encoding === 'trusted' ? decodeText : decodeUntrustedText
    case 'json':
      if (isStructured(plain)) return formDecoder(jsonOfText(plain, 'check'), encoding)
      if (wireForm(plain) !== 'json' && wireForm(plain) !== 'jsonb') return decodeAnyJson
      return encoding === 'trusted' ? decodeJson : decodeUntrustedJson
    case 'uuid':
      return decodeUuidText
    case 'bytes':
      return decodeHex
    case 'bool':
      return decodeBoolText
    case 'int16':
      return integerDecoder(-0x8000, 0x7fff)
    case 'int32':
      return integerDecoder(-0x80000000, 0x7fffffff)
    case 'int64':
      return decodeInt64Text
    case 'float32':
      return decodeFloat32Text
    case 'float64':
      return decodeFloat64Text
    case 'decimal': {
      const { precision, scale } = target
      return (builder, row, source, offset, length) =>
        appendTextDecimal(builder, row, source, offset, length, precision, scale)
    }
    case 'date':
      return appendTextDate
    case 'time':
      return appendTextTime
    case 'timestamp':
      return (builder, row, source, offset, length) => appendTextTimestamp(builder, row, source, offset, length, false)
    case 'timestamptz':
      return (builder, row, source, offset, length) => appendTextTimestamp(builder, row, source, offset, length, true)
  }
}

export const decodeText: ValueDecoder = (builder, row, source, offset, length) => {
  builder.appendBytes(row, source, offset, length)
  return OK
}

export const decodeUntrustedText: ValueDecoder = (builder, row, source, offset, length) => {
  if (!isUtf8(source.bytes.subarray(offset, offset + length))) return INVALID_UTF8
  builder.appendBytes(row, source, offset, length)
  return OK
}

/** JSON that Postgres has validated. */
export const decodeJson: ValueDecoder = (builder, row, source, offset, length) => {
  if (hasUnpairedSurrogate(source, offset, length)) return UNPAIRED_SURROGATE
  builder.appendBytes(row, source, offset, length)
  return OK
}

export const decodeUntrustedJson: ValueDecoder = (builder, row, source, offset, length) => {
  if (!isUtf8(source.bytes.subarray(offset, offset + length))) return INVALID_UTF8
  return decodeJson(builder, row, source, offset, length)
}

/** JSON in a column that is no JSON at the source. */
const decodeAnyJson: ValueDecoder = (builder, row, source, offset, length) => {
  const bytes = source.bytes.subarray(offset, offset + length)
  if (!isUtf8(bytes)) return INVALID_UTF8
  try {
    JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return INVALID_JSON
  }
  return decodeJson(builder, row, source, offset, length)
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const decodeUuidText: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 36 || !UUID_PATTERN.test(latin1(source, offset, length))) return INVALID_VALUE
  builder.appendBytes(row, source, offset, length)
  return OK
}

/** `\x00ff`. */
const decodeHex: ValueDecoder = (builder, row, source, offset, length) => {
  const view = source.view
  if (length < 2 || length % 2 !== 0 || view.getUint16(offset) !== 0x5c78) return INVALID_VALUE
  for (let at = offset + 2; at < offset + length; at++) if (hexDigit(view.getUint8(at)) < 0) return INVALID_VALUE
  const bytes = length / 2 - 1
  const start = builder.open(row, bytes + 4)
  builder.view.setInt32(start, bytes, true)
  for (let index = 0; index < bytes; index++) {
    const at = offset + 2 + index * 2
    builder.view.setUint8(start + 4 + index, hexDigit(view.getUint8(at)) * 16 + hexDigit(view.getUint8(at + 1)))
  }
  return OK
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = (byte | 0x20) - 0x57
  return letter >= 10 && letter <= 15 ? letter : -1
}

/** `t` and `f`; `true` and `false` where the column was cast to text. */
const decodeBoolText: ValueDecoder = (builder, row, source, offset, length) => {
  const text = length > 5 ? '' : latin1(source, offset, length)
  const value = text === 't' || text === 'true' ? 1 : text === 'f' || text === 'false' ? 0 : -1
  if (value < 0) return INVALID_VALUE
  const at = builder.open(row, 1)
  builder.view.setUint8(at, value)
  return OK
}

function integerDecoder(least: number, most: number): ValueDecoder {
  return (builder, row, source, offset, length) => {
    const value = parseInteger(source, offset, length)
    if (Number.isNaN(value)) return INVALID_VALUE
    if (value < least || value > most) return INTEGER_OUT_OF_RANGE
    const at = builder.open(row, 4)
    builder.view.setInt32(at, value, true)
    return OK
  }
}

const decodeInt64Text: ValueDecoder = (builder, row, source, offset, length) => {
  const value = parseInteger(source, offset, length)
  if (Number.isNaN(value)) return INVALID_VALUE
  if (Number.isSafeInteger(value)) {
    const at = builder.open(row, 8)
    builder.view.setInt32(at, value, true)
    builder.view.setInt32(at + 4, Math.floor(value / 4294967296), true)
    return OK
  }
  const exact = BigInt(latin1(source, offset, length))
  if (BigInt.asIntN(64, exact) !== exact) return INTEGER_OUT_OF_RANGE
  const at = builder.open(row, 8)
  builder.view.setBigInt64(at, exact, true)
  return OK
}

/** Exact up to 2^53, near beyond; NaN where it is no whole number. */
function parseInteger(source: WireBuffer, offset: number, length: number): number {
  const view = source.view
  const end = offset + length
  const negative = length > 0 && view.getUint8(offset) === 0x2d
  let at = negative ? offset + 1 : offset
  if (at === end) return Number.NaN
  let value = 0
  for (; at < end; at++) {
    const digit = view.getUint8(at) - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? -value : value
}

const decodeFloat64Text: ValueDecoder = (builder, row, source, offset, length) => {
  const text = latin1(source, offset, length)
  const value = Number(text)
  if (!isFloat(text, value)) return INVALID_VALUE
  if (!Number.isFinite(value) && !isNamed(text)) return NUMERIC_TOO_LARGE
  const at = builder.open(row, 8)
  builder.view.setFloat64(at, value, true)
  return OK
}

const decodeFloat32Text: ValueDecoder = (builder, row, source, offset, length) => {
  const text = latin1(source, offset, length)
  const value = Math.fround(Number(text))
  if (!isFloat(text, value)) return INVALID_VALUE
  if (!Number.isFinite(value) && !isNamed(text)) return NUMERIC_TOO_LARGE
  const at = builder.open(row, 4)
  builder.view.setFloat32(at, value, true)
  return OK
}

function isFloat(text: string, value: number): boolean {
  return text === 'NaN' || (text.trim() !== '' && !Number.isNaN(value))
}

/** `NaN`, `Infinity`, `-Infinity`: meant, and not the result of too many digits. */
function isNamed(text: string): boolean {
  return text === 'NaN' || text.endsWith('y')
}

function latin1(source: WireBuffer, offset: number, length: number): string {
  return Buffer.from(source.bytes.buffer, source.bytes.byteOffset + offset, length).toString('latin1')
}
