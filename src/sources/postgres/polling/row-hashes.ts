/**
 * Which versions of rows have been sent, by 64-bit hashes of their bytes: 8 bytes each and no more. Among the 500,000
 * that are kept at most, a changed row is taken for one that was sent once in 10¹³ times.
 */
import type { WireBuffer } from '../../../columnar/wire-buffer.ts'

/** 4 MB here, 5.3 MB in a token. */
export const HASHES_MAX = 500_000

/** A hash table with open addressing; two 32-bit lanes per entry, both 0 where it is free. */
export class RowHashes {
  readonly #max: number
  #lanes = new Int32Array(0)
  #size = 0

  constructor(max = HASHES_MAX) {
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size >= this.#max
  }

  has(hash: RowHash): boolean {
    return this.#size > 0 && this.#find(hash.high, hash.low) >= 0
  }

  add({ high, low }: RowHash): void {
    if (this.#size * 4 >= this.#lanes.length) this.#grow()
    const found = this.#find(high, low)
    if (found >= 0) return
    this.#lanes[~found] = high
    this.#lanes[~found + 1] = low
    this.#size++
  }

  addAll(other: RowHashes): void {
    for (let at = 0; at < other.#lanes.length; at += 2) {
      const [high, low] = [other.#lanes[at] ?? 0, other.#lanes[at + 1] ?? 0]
      if (high !== 0 || low !== 0) this.add({ high, low })
    }
  }

  /** Base64 of 8 bytes each. */
  toText(): string {
    const packed = new Int32Array(this.#size * 2)
    let next = 0
    for (let at = 0; at < this.#lanes.length; at += 2) {
      if (this.#lanes[at] === 0 && this.#lanes[at + 1] === 0) continue
      packed[next++] = this.#lanes[at] ?? 0
      packed[next++] = this.#lanes[at + 1] ?? 0
    }
    return Buffer.from(packed.buffer).toString('base64')
  }

  static parse(text: string): RowHashes {
    const hashes = new RowHashes()
    const bytes = Buffer.from(text, 'base64')
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      hashes.add({ high: bytes.readInt32LE(at), low: bytes.readInt32LE(at + 4) })
    }
    return hashes
  }

  /** Where it is, or the complement of where it would go. */
  #find(high: number, low: number): number {
    const lanes = this.#lanes
    const mask = lanes.length - 2
    for (let at = (low << 1) & mask; ; at = (at + 2) & mask) {
      if (lanes[at] === high && lanes[at + 1] === low) return at
      if (lanes[at] === 0 && lanes[at + 1] === 0) return ~at
    }
  }

  #grow(): void {
    const before = this.#lanes
    this.#lanes = new Int32Array(Math.max(64, before.length * 2))
    for (let at = 0; at < before.length; at += 2) {
      const [high, low] = [before[at] ?? 0, before[at + 1] ?? 0]
      if (high === 0 && low === 0) continue
      const free = ~this.#find(high, low)
      this.#lanes[free] = high
      this.#lanes[free + 1] = low
    }
  }
}

export interface RowHash {
  high: number
  low: number
}

/** Hashes the bytes from `start` to `end` into `into`: two lanes of multiply and rotate over whole words, never both 0. */
export function hashRow(source: WireBuffer, start: number, end: number, into: RowHash): void {
  const { view, bytes } = source
  let high = 0x9e3779b9 | 0
  let low = 0x85ebca6b | 0
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at)
    high = Math.imul(high ^ word, 0xcc9e2d51)
    high = (high << 15) | (high >>> 17)
    low = Math.imul(low + word, 0x1b873593)
    low = (low << 13) | (low >>> 19)
    low ^= high
  }
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0
    high = Math.imul(high ^ byte, 0xcc9e2d51)
    high = (high << 15) | (high >>> 17)
    low = Math.imul(low + byte, 0x1b873593)
    low ^= high >>> 11
  }
  const length = end - start
  into.high = finish(high ^ length)
  into.low = finish(low + Math.imul(length, 0x27d4eb2f)) || 1
}

function finish(lane: number): number {
  let hash = lane
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
