/** Finds the first byte that is no UTF-8, in text that comes in pieces. */
import { isUtf8 } from 'node:buffer'

/** A character has four bytes at most. */
const REST_MAX = 3

export class Utf8Check {
  /** Offset of the first character that is none; undefined: none so far. */
  firstInvalid: number | undefined = undefined
  /** Of what has come, before `#rest`. */
  #offset = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(offset = 0) {
    this.#offset = offset
  }

  add(chunk: Buffer): void {
    if (this.firstInvalid !== undefined) return
    let start = 0
    if (this.#rest.length > 0) {
      const missing = lengthOf(this.#rest[0] ?? 0) - this.#rest.length
      start = Math.min(missing, chunk.length)
      const character = Buffer.concat([this.#rest, chunk.subarray(0, start)])
      if (start < missing) {
        this.#rest = character
        return
      }
      if (!isUtf8(character)) {
        this.firstInvalid = this.#offset
        return
      }
      this.#offset += character.length
      this.#rest = Buffer.alloc(0)
    }
    const end = chunk.length - unfinishedAt(chunk, start)
    const whole = chunk.subarray(start, end)
    if (!isUtf8(whole)) this.firstInvalid = this.#offset + firstInvalidOf(whole)
    this.#offset += whole.length
    this.#rest = Buffer.from(chunk.subarray(end))
  }

  end(): void {
    if (this.#rest.length > 0) this.firstInvalid ??= this.#offset
  }
}

function lengthOf(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
}

/** Bytes at the end that begin a character whose other bytes are still to come. */
function unfinishedAt(chunk: Buffer, start: number): number {
  for (let back = 1; back <= REST_MAX && back <= chunk.length - start; back++) {
    const byte = chunk[chunk.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0
  }
  return 0
}

/** Halves the place of the first fault: what is before it is text, cut characters aside. */
function firstInvalidOf(bytes: Buffer): number {
  let low = 0
  let high = bytes.length
  while (high - low > 8) {
    const middle = (low + high) >> 1
    const part = bytes.subarray(low, middle)
    const unfinished = unfinishedAt(part, 0)
    if (isUtf8(part.subarray(0, part.length - unfinished))) low = middle - unfinished
    else high = middle
  }
  for (let at = low; at < bytes.length; ) {
    const length = lengthOf(bytes[at] ?? 0)
    if (at + length > bytes.length || !isUtf8(bytes.subarray(at, at + length))) return at
    at += length
  }
  return low
}
