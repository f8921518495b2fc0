/**
 * Postgres' binary form of a value (COPY binary, pgoutput with `binary 'true'`) → a column.
 */
import type { ColumnType } from '../core/table-schema.ts'
import { jsonForm, textForm } from './binary-form.ts'
import { appendBinaryDate, appendBinaryTimestamp } from './date-time.ts'
import { appendBinaryDecimal } from './decimal.ts'
import { INVALID_VALUE, NO_BINARY_DECODER, OK } from './decode-outcome.ts'
import { formDecoder, type TextEncoding, throughText } from './form-decoder.ts'
import { decodeJson, decodeText, decodeUntrustedJson, decodeUntrustedText, textDecoder } from './postgres-text.ts'
import {
  columnTypeOf,
  hasBinaryDecoder,
  isStructured,
  type PostgresType,
  type WireForm,
  wireForm,
  withoutDomain,
} from './postgres-type.ts'
import type { ValueDecoder } from './value-decoder.ts'

/** The type of a text form that is not that of the output function. */
const TEXT: PostgresType = { oid: 25, name: 'text', typmod: -1, kind: 'base', hasSend: true }

/** The decoder for values of `type` into a column of type `target`, which may be another than `columnTypeOf(type)`. */
export function binaryDecoder(type: PostgresType, target: ColumnType, encoding: TextEncoding): ValueDecoder {
  if (!hasBinaryDecoder(type)) return () => NO_BINARY_DECODER
  const plain = withoutDomain(type)
  const form = wireForm(plain) ?? 'text'
  const natural = columnTypeOf(plain)
  if (natural.kind === target.kind || (form === 'numeric' && target.kind === 'decimal')) {
    return directDecoder(plain, form, target, encoding)
  }
  // A type that the user chose: by way of the text form, which every type has and every column type reads.
  return throughText(textForm(plain), textDecoder(isStructured(plain) ? TEXT : plain, target, encoding))
}

function directDecoder(type: PostgresType, form: WireForm, target: ColumnType, encoding: TextEncoding): ValueDecoder {
  switch (form) {
    case 'text':
      return encoding === 'trusted' ? decodeText : decodeUntrustedText
    case 'bytea':
      return decodeText
    case 'json':
      return encoding === 'trusted' ? decodeJson : decodeUntrustedJson
    case 'jsonb':
      return decodeJsonb
    case 'bool':
      return decodeBool
    case 'int2':
      return decodeInt2
    case 'int4':
      return decodeInt4
    case 'int8':
    case 'time':
      return decodeInt8
    case 'oid':
      return decodeOid
    case 'float4':
      return decodeFloat4
    case 'float8':
      return decodeFloat8
    case 'numeric':
      return target.kind === 'decimal'
        ? decimalDecoder(target.precision, target.scale)
        : formDecoder(textForm(type), encoding)
    case 'uuid':
      return decodeUuid
    case 'date':
      return decodeDate
    case 'timestamp':
    case 'timestamptz':
      return decodeTimestamp
    case 'array':
    case 'composite':
    case 'hstore':
      return formDecoder(jsonForm(type, 'check'), encoding)
    default:
      return formDecoder(textForm(type), encoding)
  }
}

/** A version byte, always 1, then the text. `jsonb` refuses unpaired surrogates itself. */
export const decodeJsonb: ValueDecoder = (builder, row, source, offset, length) => {
  if (length < 1 || source.view.getUint8(offset) !== 1) return INVALID_VALUE
  builder.appendBytes(row, source, offset + 1, length - 1)
  return OK
}

export const decodeBool: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 1) return INVALID_VALUE
  const at = builder.open(row, 1)
  builder.view.setUint8(at, source.view.getUint8(offset) === 0 ? 0 : 1)
  return OK
}

export const decodeInt2: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 2) return INVALID_VALUE
  const at = builder.open(row, 4)
  builder.view.setInt32(at, source.view.getInt16(offset), true)
  return OK
}

export const decodeInt4: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 4) return INVALID_VALUE
  const at = builder.open(row, 4)
  builder.view.setInt32(at, source.view.getInt32(offset), true)
  return OK
}

export const decodeInt8: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 8) return INVALID_VALUE
  const at = builder.open(row, 8)
  builder.view.setInt32(at, source.view.getInt32(offset + 4), true)
  builder.view.setInt32(at + 4, source.view.getInt32(offset), true)
  return OK
}

/** Unsigned. */
const decodeOid: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 4) return INVALID_VALUE
  const at = builder.open(row, 8)
  builder.view.setInt32(at, source.view.getInt32(offset), true)
  builder.view.setInt32(at + 4, 0, true)
  return OK
}

const decodeFloat4: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 4) return INVALID_VALUE
  const bits = source.view.getInt32(offset)
  const at = builder.open(row, 4)
  // NaN has many bit patterns; one of them stands for all, so that equal rows have equal bytes.
  const notANumber = (bits & 0x7f800000) === 0x7f800000 && (bits & 0x007fffff) !== 0
  builder.view.setInt32(at, notANumber ? 0x7fc00000 : bits, true)
  return OK
}

export const decodeFloat8: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== 8) return INVALID_VALUE
  const high = source.view.getInt32(offset)
  const low = source.view.getInt32(offset + 4)
  const at = builder.open(row, 8)
  const notANumber = (high & 0x7ff00000) === 0x7ff00000 && ((high & 0x000fffff) | low) !== 0
  builder.view.setInt32(at, notANumber ? 0 : low, true)
  builder.view.setInt32(at + 4, notANumber ? 0x7ff80000 : high, true)
  return OK
}

function decimalDecoder(precision: number, scale: number): ValueDecoder {
  return (builder, row, source, offset, length) =>
    appendBinaryDecimal(builder, row, source, offset, length, precision, scale)
}

const decodeDate: ValueDecoder = (builder, row, source, offset, length) =>
  length === 4 ? appendBinaryDate(builder, row, source.view.getInt32(offset)) : INVALID_VALUE

export const decodeTimestamp: ValueDecoder = (builder, row, source, offset, length) =>
  length === 8
    ? appendBinaryTimestamp(builder, row, source.view.getInt32(offset), source.view.getUint32(offset + 4))
    : INVALID_VALUE

/** Two characters for each byte, as the two bytes of a little-endian uint16. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const pair = byte.toString(16).padStart(2, '0')
  return pair.charCodeAt(0) | (pair.charCodeAt(1) << 8)
})
const UUID_BYTES = 16
const UUID_CHARACTERS = 36

const decodeUuid: ValueDecoder = (builder, row, source, offset, length) => {
  if (length !== UUID_BYTES) return INVALID_VALUE
  const start = builder.open(row, UUID_CHARACTERS + 4)
  const view = builder.view
  view.setInt32(start, UUID_CHARACTERS, true)
  let at = start + 4
  for (let index = 0; index < UUID_BYTES; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) view.setUint8(at++, 0x2d)
    view.setUint16(at, HEX_PAIRS[source.view.getUint8(offset + index)] as number, true)
    at += 2
  }
  return OK
}
