/** Arrays, composite values and hstore: binary form → JSON text. The writers of their parts write JSON values. */
import type { FormWriter } from './binary-scalar-text.ts'
import { type DecodeOutcome, INVALID_VALUE, OK } from './decode-outcome.ts'
import type { TextWriter } from './text-writer.ts'
import type { WireBuffer } from './wire-buffer.ts'

const DIMENSIONS_MAX = 6
const NULL = -1

/**
 * `array_send`: number of dimensions, whether there are NULLs, element type, size and lower bound of each dimension, then
 * the elements with their lengths. Nested arrays for dimensions; lower bounds other than 1 have no place in JSON.
 */
export function arrayJson(element: FormWriter): FormWriter {
  return (writer, source, offset, length) => {
    const view = source.view
    const end = offset + length
    const dimensions = length < 12 ? -1 : view.getInt32(offset)
    if (dimensions < 0 || dimensions > DIMENSIONS_MAX || length < 12 + dimensions * 8) return INVALID_VALUE
    if (dimensions === 0) {
      writer.ascii('[]')
      return OK
    }
    const sizes = Array.from({ length: dimensions }, (_, index) => view.getInt32(offset + 12 + index * 8))
    let at = offset + 12 + dimensions * 8
    const write = (dimension: number): DecodeOutcome => {
      writer.byte(0x5b)
      const size = sizes[dimension] ?? 0
      for (let index = 0; index < size; index++) {
        if (index > 0) writer.byte(0x2c)
        if (dimension < dimensions - 1) {
          const outcome = write(dimension + 1)
          if (outcome !== OK) return outcome
          continue
        }
        const bytes = at + 4 > end ? end : view.getInt32(at)
        if (bytes > end - at - 4) return INVALID_VALUE
        const outcome = writePart(writer, source, at + 4, bytes, element)
        if (outcome !== OK) return outcome
        at += 4 + Math.max(bytes, 0)
      }
      writer.byte(0x5d)
      return OK
    }
    const outcome = write(0)
    return outcome === OK && at !== end ? INVALID_VALUE : outcome
  }
}

/** `record_send`: number of columns, then type, length and bytes of each. */
export function compositeJson(names: readonly string[], attributes: readonly FormWriter[]): FormWriter {
  const openings = names.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  return (writer, source, offset, length) => {
    const view = source.view
    const end = offset + length
    if (length < 4 || view.getInt32(offset) !== attributes.length) return INVALID_VALUE
    if (attributes.length === 0) writer.byte(0x7b)
    let at = offset + 4
    for (let index = 0; index < attributes.length; index++) {
      const attribute = attributes[index]
      const bytes = at + 8 > end ? end : view.getInt32(at + 4)
      if (attribute === undefined || bytes > end - at - 8) return INVALID_VALUE
      writer.utf8(openings[index] ?? '')
      const outcome = writePart(writer, source, at + 8, bytes, attribute)
      if (outcome !== OK) return outcome
      at += 8 + Math.max(bytes, 0)
    }
    writer.byte(0x7d)
    return at === end ? OK : INVALID_VALUE
  }
}

/** `hstore_send`: number of pairs, then length and bytes of each key and value. */
export function writeHstoreJson(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const view = source.view
  const end = offset + length
  const pairs = length < 4 ? -1 : view.getInt32(offset)
  if (pairs < 0) return INVALID_VALUE
  let at = offset + 4
  writer.byte(0x7b)
  for (let part = 0; part < pairs * 2; part++) {
    if (part > 0) writer.byte(part % 2 === 0 ? 0x2c : 0x3a)
    const bytes = at + 4 > end ? end : view.getInt32(at)
    if (bytes > end - at - 4) return INVALID_VALUE
    const outcome = writePart(writer, source, at + 4, bytes, writeJsonString)
    if (outcome !== OK) return outcome
    at += 4 + Math.max(bytes, 0)
  }
  writer.byte(0x7d)
  return at === end ? OK : INVALID_VALUE
}

/** The bytes are the string. */
export function writeJsonString(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const start = writer.length
  writer.byte(0x22)
  writer.copy(source, offset, length)
  writer.closeJsonString(start)
  return OK
}

/** `bytes`: length of the part, -1 for NULL. */
function writePart(writer: TextWriter, source: WireBuffer, at: number, bytes: number, part: FormWriter): DecodeOutcome {
  if (bytes >= 0) return part(writer, source, at, bytes)
  if (bytes !== NULL) return INVALID_VALUE
  writer.ascii('null')
  return OK
}
