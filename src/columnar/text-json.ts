/** Text forms, as the output functions write them → JSON text. The same JSON as from the binary forms. */

import type { Surrogates } from './binary-form.ts'
import { writeJsonString } from './binary-json.ts'
import type { FormWriter } from './binary-scalar-text.ts'
import { type DecodeOutcome, INVALID_VALUE, OK, UNPAIRED_SURROGATE } from './decode-outcome.ts'
import { hasUnpairedSurrogate } from './json-escape.ts'
import { type PostgresType, wireForm, withoutDomain } from './postgres-type.ts'
import type { TextWriter } from './text-writer.ts'
import { WireBuffer } from './wire-buffer.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
/** `box` is the one built-in type whose array elements are separated by something else. */
const BOX_OID = 603
const SEMICOLON = 0x3b

/** Writes a value in the text form of `type` as a JSON value. */
export function jsonOfText(type: PostgresType, surrogates: Surrogates): FormWriter {
  const plain = withoutDomain(type)
  switch (wireForm(plain)) {
    case 'array':
      return plain.element === undefined ? writeJsonString : arrayOfText(plain.element, surrogates)
    case 'composite': {
      const attributes = plain.attributes ?? []
      return compositeOfText(
        attributes.map((attribute) => attribute.name),
        attributes.map((attribute) => jsonOfText(attribute.type, surrogates)),
      )
    }
    case 'hstore':
      return hstoreOfText
    case 'bool':
      return (writer, source, offset) => {
        writer.ascii(source.view.getUint8(offset) === 0x74 ? 'true' : 'false')
        return OK
      }
    case 'json':
    case 'jsonb':
      return (writer, source, offset, length) => {
        if (surrogates === 'check' && hasUnpairedSurrogate(source, offset, length)) return UNPAIRED_SURROGATE
        writer.copy(source, offset, length)
        return OK
      }
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
    case 'float4':
    case 'float8':
    case 'numeric':
      return numberOfText
    default:
      return writeJsonString
  }
}

const numberOfText: FormWriter = (writer, source, offset, length) => {
  const last = length === 0 ? 0 : source.view.getUint8(offset + length - 1)
  if (last < 0x30 || last > 0x39) return writeJsonString(writer, source, offset, length)
  writer.copy(source, offset, length)
  return OK
}

/** `{1,NULL,"a \"b\""}`, nested for dimensions, `[0:2]={…}` where a lower bound is not 1. */
function arrayOfText(elementType: PostgresType, surrogates: Surrogates): FormWriter {
  const element = jsonOfText(elementType, surrogates)
  const delimiter = withoutDomain(elementType).oid === BOX_OID ? SEMICOLON : COMMA
  return (writer, source, offset, length) => {
    const view = source.view
    const end = offset + length
    let at = offset
    if (length > 0 && view.getUint8(at) === 0x5b) {
      while (at < end && view.getUint8(at) !== 0x3d) at++
      at++
    }
    let depth = 0
    // Whether the next thing stands behind a delimiter, so that a comma goes before it.
    let follows = false
    while (at < end) {
      const byte = view.getUint8(at)
      if (byte === CLOSING_BRACE) {
        writer.byte(0x5d)
        depth--
        at++
        follows = true
        if (depth === 0) break
        continue
      }
      if (byte === delimiter) {
        at++
        continue
      }
      if (follows) writer.byte(COMMA)
      if (byte === OPENING_BRACE) {
        writer.byte(0x5b)
        depth++
        at++
        follows = false
        continue
      }
      const stop = elementEnd(view, at, end, delimiter, CLOSING_BRACE)
      if (stop < 0) return INVALID_VALUE
      const outcome =
        byte !== QUOTE && isNull(view, at, stop) ? writeNull(writer) : part(writer, source, at, stop, element)
      if (outcome !== OK) return outcome
      at = stop
      follows = true
    }
    return depth === 0 && at === end && length > 0 ? OK : INVALID_VALUE
  }
}

/** `(1,"a ""b""",)`: an attribute without a character is NULL. */
function compositeOfText(names: readonly string[], attributes: readonly FormWriter[]): FormWriter {
  const openings = names.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  return (writer, source, offset, length) => {
    const view = source.view
    const end = offset + length - 1
    if (length < 2 || view.getUint8(offset) !== 0x28 || view.getUint8(end) !== 0x29) return INVALID_VALUE
    if (attributes.length === 0) writer.byte(OPENING_BRACE)
    let at = offset + 1
    for (let index = 0; index < attributes.length; index++) {
      const attribute = attributes[index]
      if (attribute === undefined) return INVALID_VALUE
      if (index > 0 && (at >= end || view.getUint8(at++) !== COMMA)) return INVALID_VALUE
      writer.utf8(openings[index] ?? '')
      const stop = elementEnd(view, at, end, COMMA, COMMA)
      if (stop < 0) return INVALID_VALUE
      const outcome = stop === at ? writeNull(writer) : part(writer, source, at, stop, attribute)
      if (outcome !== OK) return outcome
      at = stop
    }
    writer.byte(CLOSING_BRACE)
    return at === end ? OK : INVALID_VALUE
  }
}

/** `"a"=>"1", "b"=>NULL`: keys and values are always quoted. */
const hstoreOfText: FormWriter = (writer, source, offset, length) => {
  const view = source.view
  const end = offset + length
  let at = offset
  writer.byte(OPENING_BRACE)
  while (at < end) {
    const keyEnd = quotedEnd(view, at, end)
    if (keyEnd < 0 || keyEnd + 3 > end) return INVALID_VALUE
    part(writer, source, at, keyEnd, writeJsonString)
    writer.byte(0x3a)
    at = keyEnd + 2
    if (view.getUint8(at) === QUOTE) {
      const valueEnd = quotedEnd(view, at, end)
      if (valueEnd < 0) return INVALID_VALUE
      part(writer, source, at, valueEnd, writeJsonString)
      at = valueEnd
    } else {
      if (!isNull(view, at, at + 4)) return INVALID_VALUE
      writeNull(writer)
      at += 4
    }
    if (at === end) break
    writer.byte(COMMA)
    at += 2
  }
  writer.byte(CLOSING_BRACE)
  return at === end ? OK : INVALID_VALUE
}

function writeNull(writer: TextWriter): DecodeOutcome {
  writer.ascii('null')
  return OK
}

function isNull(view: DataView, at: number, stop: number): boolean {
  return stop - at === 4 && stop <= view.byteLength && view.getInt32(at) === 0x4e554c4c
}

/** Where the element at `at` ends: at the first stop byte outside quotes, or at `end`. -1: a quote is not closed. */
function elementEnd(view: DataView, at: number, end: number, stop: number, alternative: number): number {
  let next = at
  while (next < end) {
    const byte = view.getUint8(next)
    if (byte === stop || byte === alternative) break
    if (byte === QUOTE) {
      next = quotedEnd(view, next, end)
      if (next < 0) return -1
    } else next += byte === BACKSLASH ? 2 : 1
  }
  return Math.min(next, end)
}

/** Behind the closing quote; a doubled one begins the next quoted part, which the caller goes on with. */
function quotedEnd(view: DataView, at: number, end: number): number {
  if (at >= end || view.getUint8(at) !== QUOTE) return -1
  let next = at + 1
  while (next < end) {
    const byte = view.getUint8(next)
    if (byte === QUOTE) return next + 1
    next += byte === BACKSLASH ? 2 : 1
  }
  return -1
}

/** Hands the bytes between `at` and `stop` on without their quotes and escapes. */
function part(writer: TextWriter, source: WireBuffer, at: number, stop: number, write: FormWriter): DecodeOutcome {
  const view = source.view
  let plain = true
  for (let index = at; index < stop && plain; index++) {
    const byte = view.getUint8(index)
    plain = byte !== BACKSLASH && (byte !== QUOTE || index === at || index === stop - 1)
  }
  const quoted = stop - at >= 2 && view.getUint8(at) === QUOTE
  if (plain) return quoted ? write(writer, source, at + 1, stop - at - 2) : write(writer, source, at, stop - at)
  const bytes = new Uint8Array(stop - at)
  let length = 0
  let inQuotes = false
  for (let index = at; index < stop; index++) {
    let byte = view.getUint8(index)
    if (byte === QUOTE) {
      // A doubled quote inside quotes stands for itself (composite values).
      if (!(inQuotes && index + 1 < stop && view.getUint8(index + 1) === QUOTE)) {
        inQuotes = !inQuotes
        continue
      }
      index++
    } else if (byte === BACKSLASH && index + 1 < stop) byte = view.getUint8(++index)
    bytes[length++] = byte
  }
  return write(writer, new WireBuffer(bytes.subarray(0, length)), 0, length)
}
