/**
 * Where the values of one row are in a buffer. Filled anew for each row, so that rows of both protocols, and rows made of
 * an old and a new tuple, are decoded by the same code without an object for each value.
 */
import { PipelineError } from '../core/errors.ts'
import { unknownValueKind } from './tuple-data.ts'
import type { TupleRun } from './tuple-run.ts'

/** Instead of a length. */
export const NULL_VALUE = -1
/** Instead of a length: the value was not sent because an update left it as it was (TOAST). */
export const UNCHANGED_VALUE = -2

const TEXT_FORMAT = 0
export const BINARY_FORMAT = 1

export class WireRow {
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  readonly formats: Uint8Array
  readonly #columns: number

  /** `formats` of COPY rows are those of the columns; those of pgoutput rows come with each value. */
  constructor(binary: readonly (boolean | 'per-value')[]) {
    this.#columns = binary.length
    this.offsets = new Int32Array(binary.length)
    this.lengths = new Int32Array(binary.length)
    this.formats = Uint8Array.from(binary, (isBinary) => (isBinary === true ? BINARY_FORMAT : TEXT_FORMAT))
  }

  /** A COPY binary tuple. Returns the offset behind it. */
  readCopy(view: DataView, offset: number): number {
    const columns = this.#columns
    if (view.getInt16(offset) !== columns) throw wrongColumns(view.getInt16(offset), columns)
    const offsets = this.offsets
    const lengths = this.lengths
    let at = offset + 2
    for (let index = 0; index < columns; index++) {
      const length = view.getInt32(at)
      at += 4
      offsets[index] = at
      lengths[index] = length
      if (length > 0) at += length
    }
    return at
  }

  /** The TupleData of a pgoutput message. Returns the offset behind it. */
  readTupleData(view: DataView, offset: number): number {
    const columns = this.#columns
    if (view.getInt16(offset) !== columns) throw wrongColumns(view.getInt16(offset), columns)
    const { offsets, lengths, formats } = this
    let at = offset + 2
    for (let index = 0; index < columns; index++) {
      const kind = view.getUint8(at)
      if (kind === 0x62 /* b */ || kind === 0x74 /* t */) {
        const length = view.getInt32(at + 1)
        at += 5
        offsets[index] = at
        lengths[index] = length
        formats[index] = kind === 0x62 ? BINARY_FORMAT : TEXT_FORMAT
        at += length
      } else {
        if (kind !== 0x6e /* n */ && kind !== 0x75 /* u */) throw unknownValueKind(kind)
        lengths[index] = kind === 0x6e ? NULL_VALUE : UNCHANGED_VALUE
        at++
      }
    }
    return at
  }

  /** Row `row` of a run of as many columns. */
  readRun(run: TupleRun, row: number): void {
    for (let column = 0, index = row; column < this.#columns; column++, index += run.capacity) {
      this.offsets[column] = run.offsets[index] as number
      this.lengths[column] = run.lengths[index] as number
    }
  }

  /** Takes the value at `index` from another row of the same columns. */
  takeFrom(other: WireRow, index: number): void {
    this.offsets[index] = other.offsets[index] as number
    this.lengths[index] = other.lengths[index] as number
    this.formats[index] = other.formats[index] as number
  }

  isUnchanged(index: number): boolean {
    return this.lengths[index] === UNCHANGED_VALUE
  }

  /** Whether the bytes of the value are the same in both rows, of one buffer. */
  sameValue(other: WireRow, index: number, view: DataView): boolean {
    const length = this.lengths[index] as number
    if (length !== other.lengths[index] || this.formats[index] !== other.formats[index]) return false
    const mine = this.offsets[index] as number
    const theirs = other.offsets[index] as number
    for (let at = 0; at < length; at++) if (view.getUint8(mine + at) !== view.getUint8(theirs + at)) return false
    return true
  }
}

export function wrongColumns(found: number, expected: number): PipelineError {
  return new PipelineError('source_protocol', `Reading a row of ${found} columns where ${expected} were announced`)
}
