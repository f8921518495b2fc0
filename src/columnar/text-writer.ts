import { isUtf8 } from 'node:buffer'
import { copyBytes, WireBuffer } from './wire-buffer.ts'

/** Capacity kept between values; a buffer that one large value needed is not held for ever. */
const KEPT_CAPACITY = 1024 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Scratch space in which the text form of one value is put together, as UTF-8 bytes. */
export class TextWriter {
  /** The bytes written, to be copied from before the next `reset`. */
  readonly content = new WireBuffer(new Uint8Array(1024))
  length = 0

  reset(): void {
    this.length = 0
    if (this.content.bytes.length > KEPT_CAPACITY) this.content.use(new Uint8Array(1024))
  }

  /** Room for `count` more bytes. Returns where they start; the caller writes them all. */
  open(count: number): number {
    const start = this.length
    const end = start + count
    const bytes = this.content.bytes
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.max(end, bytes.length * 2))
      larger.set(bytes.subarray(0, start))
      this.content.use(larger)
    }
    this.length = end
    return start
  }

  byte(value: number): void {
    const at = this.open(1)
    this.content.view.setUint8(at, value)
  }

  ascii(text: string): void {
    const start = this.open(text.length)
    const view = this.content.view
    for (let index = 0; index < text.length; index++) view.setUint8(start + index, text.charCodeAt(index))
  }

  utf8(text: string): void {
    const bytes = Buffer.from(text)
    const start = this.open(bytes.length) // may replace the buffer
    this.content.bytes.set(bytes, start)
  }

  copy(source: WireBuffer, offset: number, length: number): void {
    const start = this.open(length)
    copyBytes(this.content.bytes, this.content.view, start, source, offset, length)
  }

  /** Lower-case hex digits of bytes. */
  hex(source: WireBuffer, offset: number, length: number): void {
    const start = this.open(length * 2)
    const view = this.content.view
    for (let index = 0; index < length; index++) {
      const value = source.view.getUint8(offset + index)
      view.setUint8(start + index * 2, HEX[value >>> 4] ?? 0)
      view.setUint8(start + index * 2 + 1, HEX[value & 15] ?? 0)
    }
  }

  /** A whole number from 0 to 2^53, with zeros in front up to `digits`. */
  padded(value: number, digits: number): void {
    let count = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) count++
    if (count < digits) count = digits
    const start = this.open(count)
    const view = this.content.view
    let rest = value
    for (let index = count - 1; index >= 0; index--) {
      const next = Math.floor(rest / 10)
      view.setUint8(start + index, 0x30 + (rest - next * 10))
      rest = next
    }
  }

  /** A whole number within ±2^53. */
  integer(value: number): void {
    if (value < 0) this.byte(0x2d)
    this.padded(Math.abs(value), 1)
  }

  /** Makes what was written since `start`, which is the place of the opening quote, a JSON string. */
  closeJsonString(start: number): void {
    this.#escape(start + 1, jsonEscapeLength)
    this.byte(QUOTE)
  }

  /** Makes what was written since `start`, the place of an opening quote, a quoted part of a Postgres literal: `"` and `\` doubled. */
  closeLiteralQuotes(start: number): void {
    this.#escape(start + 1, literalEscapeLength)
    this.byte(QUOTE)
  }

  /** Takes out the byte at `at`. */
  dropByte(at: number): void {
    this.content.bytes.copyWithin(at, at + 1, this.length)
    this.length--
  }

  isUtf8(): boolean {
    return isUtf8(this.content.bytes.subarray(0, this.length))
  }

  toString(): string {
    return Buffer.from(this.content.bytes.buffer, this.content.bytes.byteOffset, this.length).toString()
  }

  /** Widens in place, from the end, since most text has nothing to escape. */
  #escape(start: number, lengthOf: (byte: number) => number): void {
    const end = this.length
    let extra = 0
    for (let index = start; index < end; index++) extra += lengthOf(this.content.view.getUint8(index)) - 1
    if (extra === 0) return
    this.open(extra)
    const view = this.content.view
    let to = this.length
    for (let index = end - 1; index >= start && to > index; index--) {
      const byte = view.getUint8(index)
      const length = lengthOf(byte)
      to -= length
      if (length === 1) view.setUint8(to, byte)
      else if (lengthOf === literalEscapeLength) {
        view.setUint8(to, byte)
        view.setUint8(to + 1, byte)
      } else writeJsonEscape(view, to, byte, length)
    }
  }
}

function literalEscapeLength(byte: number): number {
  return byte === QUOTE || byte === BACKSLASH ? 2 : 1
}

function jsonEscapeLength(byte: number): number {
  if (byte === QUOTE || byte === BACKSLASH) return 2
  if (byte >= 0x20) return 1
  return byte === 8 || byte === 9 || byte === 10 || byte === 12 || byte === 13 ? 2 : 6
}

const SHORT_ESCAPES: Readonly<Record<number, number>> = { 8: 0x62, 9: 0x74, 10: 0x6e, 12: 0x66, 13: 0x72 }

function writeJsonEscape(view: DataView, at: number, byte: number, length: number): void {
  view.setUint8(at, BACKSLASH)
  if (length === 2) {
    view.setUint8(at + 1, SHORT_ESCAPES[byte] ?? byte)
    return
  }
  view.setUint8(at + 1, 0x75)
  view.setUint8(at + 2, 0x30)
  view.setUint8(at + 3, 0x30)
  view.setUint8(at + 4, HEX[byte >>> 4] ?? 0)
  view.setUint8(at + 5, HEX[byte & 15] ?? 0)
}
