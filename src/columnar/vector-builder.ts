import type { ColumnVector } from '../core/batch.ts'
import type { ColumnType } from '../core/table-schema.ts'
import type { TupleRun } from './tuple-run.ts'
import { giveMemory, takeMemory } from './vector-memory.ts'
import { copyBytes, viewOf, type WireBuffer } from './wire-buffer.ts'

/** Bytes of one value in a vector; 0 for byte arrays, which carry their length. */
export function valueWidth(type: ColumnType): 0 | 1 | 4 | 8 | 16 {
  switch (type.kind) {
    case 'bool':
      return 1
    case 'int16':
    case 'int32':
    case 'float32':
    case 'date':
      return 4
    case 'int64':
    case 'float64':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 8
    case 'decimal':
      return type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : 16
    case 'text':
    case 'bytes':
    case 'uuid':
    case 'json':
      return 0
  }
}

/** Memory that a vector refers to. */
export function vectorBytes(vector: ColumnVector): number {
  return vector.values.length + (vector.validity?.length ?? 0)
}

const NOTHING = new Uint8Array(0)
const NO_VIEW = viewOf(NOTHING)
const CAPACITY_MIN = 256
/** Doubling stops here: beyond it a buffer grows by a quarter. */
const DOUBLING_MAX = 64 * 1024 * 1024

/**
 * Grows one column of a batch. A row without a value is NULL: nobody says so, it shows when the next value, or the end,
 * has a higher row number. Buffers are made with the first value, so that an idle table costs nothing.
 *
 * The fields are for the decoders of this room, which write values straight into `view`.
 */
export class VectorBuilder {
  readonly name: string
  readonly type: ColumnType
  readonly fieldId: number
  readonly width: number
  bytes: Uint8Array = NOTHING
  view: DataView = NO_VIEW
  /** Bytes in use. */
  length = 0
  /** Where the latest value starts. */
  last = 0
  /** The row after that of the latest value. */
  next = 0
  nulls = 0
  #validity: Uint8Array = NOTHING
  #markedLength = 0
  #markedNext = 0
  #markedNulls = 0
  #capacityHint = CAPACITY_MIN

  constructor(name: string, type: ColumnType, fieldId: number) {
    this.name = name
    this.type = type
    this.fieldId = fieldId
    this.width = valueWidth(type)
  }

  /** Makes room for a value of `bytes` bytes (with the length prefix, where there is one) and returns where to write it. */
  open(row: number, bytes: number): number {
    if (row !== this.next) this.#skipTo(row)
    this.next = row + 1
    const start = this.length
    const end = start + bytes
    if (end > this.bytes.length) this.#grow(end)
    this.last = start
    this.length = end
    return start
  }

  /** Makes room for `bytes` bytes of values of several rows, and returns where to write the first. */
  openRun(bytes: number): number {
    const end = this.length + bytes
    if (end > this.bytes.length) this.#grow(end)
    return this.length
  }

  /**
   * The values that a column of the run has were written, up to `end`. Returns how many there are. The run's first row
   * is `row`.
   */
  closeRun(row: number, { lengths, capacity, rows }: TupleRun, column: number, end: number): number {
    this.length = end
    const from = column * capacity
    let signs = 0
    for (let index = from; index < from + rows; index++) signs |= lengths[index] as number
    if (signs >= 0) {
      if (row !== this.next) this.#skipTo(row)
      this.next = row + rows
      return rows
    }
    let values = 0
    for (let index = 0; index < rows; index++) {
      if ((lengths[from + index] as number) < 0) continue
      if (row + index !== this.next) this.#skipTo(row + index)
      this.next = row + index + 1
      values++
    }
    return values
  }

  /** What is appended from now on can be taken back as long as nothing was taken. */
  mark(): void {
    this.#markedLength = this.length
    this.#markedNext = this.next
    this.#markedNulls = this.nulls
  }

  /** Takes back what was appended since `mark`. Rows that were NULL since then must be so again. */
  rewind(): void {
    this.length = this.#markedLength
    this.next = this.#markedNext
    this.nulls = this.#markedNulls
  }

  /** Appends a byte array, length prefix included. */
  appendBytes(row: number, source: WireBuffer, offset: number, length: number): void {
    const start = this.open(row, length + 4)
    this.view.setInt32(start, length, true)
    copyBytes(this.bytes, this.view, start + 4, source, offset, length)
  }

  has(row: number): boolean {
    return this.next === row + 1
  }

  /** Takes back the value of `row`, the latest one, if it has one. */
  undo(row: number): void {
    if (this.next !== row + 1) return
    this.next = row
    this.length = this.last
  }

  /** The vector over `rows` rows, which is the caller's from now on; the builder is empty again. */
  take(rows: number): ColumnVector {
    if (this.next !== rows) this.#skipTo(rows)
    const values = this.bytes.subarray(0, this.length)
    const vector: ColumnVector =
      this.nulls === 0
        ? { name: this.name, type: this.type, fieldId: this.fieldId, rows, nullCount: 0, values }
        : {
            name: this.name,
            type: this.type,
            fieldId: this.fieldId,
            rows,
            nullCount: this.nulls,
            values,
            validity: this.#finishValidity(rows),
          }
    // The next batch is likely as large; an eighth more saves the last doubling. A smaller one, as the last of a chunk
    // is, says little about the next, so the hint falls by and by.
    const faded = this.#capacityHint - (this.#capacityHint >>> 3)
    this.#capacityHint = Math.max(CAPACITY_MIN, this.length + (this.length >>> 3), faded)
    this.bytes = NOTHING
    this.view = NO_VIEW
    this.#validity = NOTHING
    this.length = 0
    this.last = 0
    this.next = 0
    this.nulls = 0
    return vector
  }

  #grow(end: number): void {
    const capacity = this.bytes.length
    const wanted =
      capacity === 0 ? this.#capacityHint : capacity + (capacity < DOUBLING_MAX ? capacity : capacity >>> 2)
    const bytes = takeMemory(Math.max(end, wanted))
    bytes.set(this.length === capacity ? this.bytes : this.bytes.subarray(0, this.length))
    giveMemory(this.bytes.buffer)
    this.bytes = bytes
    this.view = viewOf(bytes)
  }

  /** Rows from `next` to `row` have no value. Bits of rows that nobody skipped are 1. */
  #skipTo(row: number): void {
    const from = this.next
    this.nulls += row - from
    this.next = row
    if (row > this.#validity.length * 8) this.#growValidity(row)
    clearBits(this.#validity, from, row)
  }

  #growValidity(rows: number): void {
    const bytes = (rows + 7) >>> 3
    const validity = new Uint8Array(Math.max(bytes, 32, this.#validity.length * 2)).fill(0xff)
    validity.set(this.#validity)
    this.#validity = validity
  }

  #finishValidity(rows: number): Uint8Array {
    if (rows > this.#validity.length * 8) this.#growValidity(rows)
    const bytes = (rows + 7) >>> 3
    clearBits(this.#validity, rows, bytes * 8)
    return this.#validity.subarray(0, bytes)
  }
}

function clearBits(bits: Uint8Array, from: number, to: number): void {
  let bit = from
  for (; bit < to && (bit & 7) !== 0; bit++) clearBit(bits, bit)
  if (to - bit >= 8) {
    const end = to & ~7
    bits.fill(0, bit >>> 3, end >>> 3)
    bit = end
  }
  for (; bit < to; bit++) clearBit(bits, bit)
}

function clearBit(bits: Uint8Array, bit: number): void {
  const index = bit >>> 3
  bits[index] = (bits[index] ?? 0) & ~(1 << (bit & 7))
}
