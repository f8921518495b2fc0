/** Ranges and multiranges: binary form → the text that their output functions write. */
import type { FormWriter } from './binary-scalar-text.ts'
import { INVALID_VALUE, OK } from './decode-outcome.ts'
import type { TextWriter } from './text-writer.ts'
import type { WireBuffer } from './wire-buffer.ts'

const RANGE_EMPTY = 0x01
const RANGE_LOWER_INCLUSIVE = 0x02
const RANGE_UPPER_INCLUSIVE = 0x04
const RANGE_LOWER_INFINITE = 0x08
const RANGE_UPPER_INFINITE = 0x10

/** `range_send`: flags, then each finite bound with its length. */
export function rangeForm(bound: FormWriter): FormWriter {
  return (writer, source, offset, length) => {
    if (length < 1) return INVALID_VALUE
    const flags = source.view.getUint8(offset)
    if ((flags & RANGE_EMPTY) !== 0) {
      writer.ascii('empty')
      return OK
    }
    writer.byte((flags & RANGE_LOWER_INCLUSIVE) === 0 ? 0x28 : 0x5b)
    let at = offset + 1
    if ((flags & RANGE_LOWER_INFINITE) === 0) at = writeBound(writer, source, at, offset + length, bound)
    writer.byte(0x2c)
    if (at >= 0 && (flags & RANGE_UPPER_INFINITE) === 0) at = writeBound(writer, source, at, offset + length, bound)
    writer.byte((flags & RANGE_UPPER_INCLUSIVE) === 0 ? 0x29 : 0x5d)
    return at === offset + length ? OK : INVALID_VALUE
  }
}

/** Returns the offset behind the bound; -1: invalid. */
function writeBound(writer: TextWriter, source: WireBuffer, at: number, end: number, bound: FormWriter): number {
  const length = at + 4 > end ? -1 : source.view.getInt32(at)
  if (length < 0 || at + 4 + length > end) return -1
  const start = writer.length
  writer.byte(0x22)
  if (bound(writer, source, at + 4, length) !== OK) return -1
  if (needsRangeQuotes(writer, start + 1)) writer.closeLiteralQuotes(start)
  else writer.dropByte(start)
  return at + 4 + length
}

/** `range_bound_escape`: quoted when empty, or with any of `" \ ( ) [ ] ,` and white space. */
function needsRangeQuotes(writer: TextWriter, start: number): boolean {
  if (writer.length === start) return true
  const view = writer.content.view
  for (let at = start; at < writer.length; at++) {
    switch (view.getUint8(at)) {
      case 0x22:
      case 0x5c:
      case 0x28:
      case 0x29:
      case 0x5b:
      case 0x5d:
      case 0x2c:
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0b:
      case 0x0c:
      case 0x0d:
        return true
    }
  }
  return false
}

/** `multirange_send`: count, then each range with its length. */
export function multirangeForm(range: FormWriter): FormWriter {
  return (writer, source, offset, length) => {
    const count = length < 4 ? -1 : source.view.getInt32(offset)
    const end = offset + length
    let at = offset + 4
    writer.byte(0x7b)
    for (let index = 0; index < count; index++) {
      if (index > 0) writer.byte(0x2c)
      const bytes = at + 4 > end ? -1 : source.view.getInt32(at)
      if (bytes < 0 || at + 4 + bytes > end) return INVALID_VALUE
      const outcome = range(writer, source, at + 4, bytes)
      if (outcome !== OK) return outcome
      at += 4 + bytes
    }
    writer.byte(0x7d)
    return at === end ? OK : INVALID_VALUE
  }
}
