/** Binary form → text form of scalar values: what the type's own output function writes, under `SESSION_SETTINGS`. */
import { writeBits, writeInet, writeLsn, writeMacAddress } from './binary-network-text.ts'
import { writeDate, writeInterval, writeTime, writeTimestamp, writeZonedTime } from './date-time-text.ts'
import { type DecodeOutcome, INVALID_VALUE, OK } from './decode-outcome.ts'
import { writeFloat32, writeFloat64, writeNumeric } from './numeric-text.ts'
import type { WireForm } from './postgres-type.ts'
import type { TextWriter } from './text-writer.ts'
import type { WireBuffer } from './wire-buffer.ts'

/** Appends the form of the value at `offset`. What was appended is of no use unless the outcome is `OK`. */
export type FormWriter = (writer: TextWriter, source: WireBuffer, offset: number, length: number) => DecodeOutcome

export type ScalarForm = Exclude<WireForm, 'array' | 'composite' | 'hstore' | 'range' | 'multirange'>

export const SCALAR_FORMS: Readonly<Record<ScalarForm, FormWriter>> = {
  text: writeText,
  json: writeText,
  'versioned-text': writeVersioned,
  jsonb: writeVersioned,
  char: writeChar,
  bytea: writeBytea,
  uuid: writeUuid,
  inet: writeInet,
  macaddr: writeMacAddress,
  bit: writeBits,
  lsn: writeLsn,
  numeric: writeNumeric,
  tsvector: writeTsvector,
  bool: fixed(1, (writer, view, offset) => writer.byte(view.getUint8(offset) === 0 ? 0x66 : 0x74)),
  int2: fixed(2, (writer, view, offset) => writer.integer(view.getInt16(offset))),
  int4: fixed(4, (writer, view, offset) => writer.integer(view.getInt32(offset))),
  oid: fixed(4, (writer, view, offset) => writer.integer(view.getUint32(offset))),
  int8: fixed(8, (writer, view, offset) => writer.ascii(view.getBigInt64(offset).toString())),
  xid8: fixed(8, (writer, view, offset) => writer.ascii(view.getBigUint64(offset).toString())),
  float4: fixed(4, (writer, view, offset) => writeFloat32(writer, view.getFloat32(offset))),
  float8: fixed(8, (writer, view, offset) => writeFloat64(writer, view.getFloat64(offset))),
  date: fixed(4, (writer, view, offset) => writeDate(writer, view.getInt32(offset))),
  time: fixed(8, (writer, view, offset) => writeTime(writer, Number(view.getBigInt64(offset)))),
  timetz: fixed(12, (writer, view, offset) => {
    writeZonedTime(writer, Number(view.getBigInt64(offset)), view.getInt32(offset + 8))
  }),
  timestamp: fixed(8, (writer, view, offset) => writeTimestamp(writer, view.getBigInt64(offset), false)),
  timestamptz: fixed(8, (writer, view, offset) => writeTimestamp(writer, view.getBigInt64(offset), true)),
  interval: fixed(16, (writer, view, offset) => {
    writeInterval(writer, view.getBigInt64(offset), view.getInt32(offset + 8), view.getInt32(offset + 12))
  }),
  point: fixed(16, (writer, view, offset) => {
    writer.byte(0x28)
    writeFloat64(writer, view.getFloat64(offset))
    writer.byte(0x2c)
    writeFloat64(writer, view.getFloat64(offset + 8))
    writer.byte(0x29)
  }),
}

function fixed(bytes: number, write: (writer: TextWriter, view: DataView, offset: number) => void): FormWriter {
  return (writer, source, offset, length) => {
    if (length !== bytes) return INVALID_VALUE
    write(writer, source.view, offset)
    return OK
  }
}

function writeText(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  writer.copy(source, offset, length)
  return OK
}

/** A version byte, always 1, before the text. */
function writeVersioned(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length < 1 || source.view.getUint8(offset) !== 1) return INVALID_VALUE
  writer.copy(source, offset + 1, length - 1)
  return OK
}

/** `"char"`: NUL is the empty string, bytes that are no ASCII are written in octal (`charout`). */
function writeChar(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length !== 1) return INVALID_VALUE
  const byte = source.view.getUint8(offset)
  if (byte >= 0x80) writer.ascii(`\\${byte.toString(8)}`)
  else if (byte !== 0) writer.byte(byte)
  return OK
}

function writeBytea(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  writer.ascii('\\x')
  writer.hex(source, offset, length)
  return OK
}

function writeUuid(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length !== 16) return INVALID_VALUE
  let at = offset
  for (const bytes of UUID_PARTS) {
    if (at !== offset) writer.byte(0x2d)
    writer.hex(source, at, bytes)
    at += bytes
  }
  return OK
}

const UUID_PARTS = [4, 2, 2, 2, 6]
const TSVECTOR_WEIGHTS = ['', 'C', 'B', 'A']

/** `tsvectorsend`: count, then each lexeme as C string with its positions, 14 bits each below 2 bits of weight. */
function writeTsvector(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const view = source.view
  const end = offset + length
  const count = length < 4 ? -1 : view.getInt32(offset)
  let at = offset + 4
  for (let lexeme = 0; lexeme < count; lexeme++) {
    if (lexeme > 0) writer.byte(0x20)
    writer.byte(0x27)
    for (; at < end && view.getUint8(at) !== 0; at++) {
      const byte = view.getUint8(at)
      if (byte === 0x27 || byte === 0x5c) writer.byte(byte)
      writer.byte(byte)
    }
    writer.byte(0x27)
    if (at + 3 > end) return INVALID_VALUE
    const positions = view.getUint16(at + 1)
    at += 3
    if (at + positions * 2 > end) return INVALID_VALUE
    for (let index = 0; index < positions; index++, at += 2) {
      writer.byte(index === 0 ? 0x3a : 0x2c)
      writer.padded(view.getUint16(at) & 0x3fff, 1)
      writer.ascii(TSVECTOR_WEIGHTS[view.getUint16(at) >>> 14] ?? '')
    }
  }
  return at === end ? OK : INVALID_VALUE
}
