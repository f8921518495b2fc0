/**
 * A vector cut into data pages (version 1, PLAIN; version 2 is not read by every warehouse). A page's body is the
 * definition levels, which say which rows have a value, and then the values as they stand in the vector.
 */
import type { ColumnVector } from '../core/batch.ts'
import { valueWidth } from './vector-builder.ts'
import { viewOf } from './wire-buffer.ts'

/** Readers hold a page in memory whole. A page is larger only where one value is. */
export const PAGE_BYTES = 1024 * 1024
const PAGE_ROWS = 131_072

/** A part of a vector: rows `from` to `to`, whose values are the bytes `start` to `end`. */
export interface PageRange {
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
}

export function* pageRanges(vector: ColumnVector): Generator<PageRange> {
  const { rows, values } = vector
  const width = valueWidth(vector.type)
  const view = viewOf(values)
  let from = 0
  let start = 0
  while (from < rows) {
    const most = Math.min(rows, from + (width > 1 ? Math.min(PAGE_ROWS, PAGE_BYTES / width) : PAGE_ROWS))
    let to = most
    let end = values.length
    if (width > 0) end = start + presentRows(vector, from, most) * width
    else if (most < rows || end - start > PAGE_BYTES) {
      // Byte arrays: the lengths have to be walked.
      to = from
      end = start
      while (to < most) {
        const isPresent = isSet(vector.validity, to)
        const next = isPresent ? end + 4 + view.getInt32(end, true) : end
        if (next - start > PAGE_BYTES && to > from) break
        end = next
        to++
      }
    }
    yield { from, to, start, end }
    from = to
    start = end
  }
}

/** Bytes of the page's body. */
export function pageBodyBytes(vector: ColumnVector, page: PageRange): number {
  const values = vector.type.kind === 'bool' ? (page.end - page.start + 7) >>> 3 : page.end - page.start
  return levelsMax(page.to - page.from) + values
}

/** Writes the body and returns its length, at most `pageBodyBytes`. */
export function writePageBody(vector: ColumnVector, page: PageRange, target: Uint8Array): number {
  const levels = writeLevels(vector, page, target)
  if (vector.type.kind === 'bool') return levels + packBits(vector.values, page, target, levels)
  target.set(vector.values.subarray(page.start, page.end), levels)
  return levels + page.end - page.start
}

/** The body of a page that stays as it is, in pieces: the values where they lie, wherever they are laid out as in a page. */
export function pageBodyPieces(vector: ColumnVector, page: PageRange): readonly Uint8Array[] {
  if (vector.type.kind === 'bool') {
    const body = new Uint8Array(pageBodyBytes(vector, page))
    return [body.subarray(0, writePageBody(vector, page, body))]
  }
  const levels = new Uint8Array(levelsMax(page.to - page.from))
  return [levels.subarray(0, writeLevels(vector, page, levels)), vector.values.subarray(page.start, page.end)]
}

/** Their length, a run header, a bit for each row, and the one byte of a run of equal levels. */
function levelsMax(rows: number): number {
  return 4 + 5 + ((rows + 7) >>> 3) + 1
}

/** RLE/bit-packing hybrid of width 1, behind its length: one run of equal levels, or one of packed bits. */
function writeLevels(vector: ColumnVector, { from, to }: PageRange, target: Uint8Array): number {
  const rows = to - from
  const present = presentRows(vector, from, to)
  let at = 4
  if (present === rows || present === 0) {
    at = writeVarint(target, at, rows * 2)
    target[at++] = present === 0 ? 0 : 1
  } else {
    const bytes = (rows + 7) >>> 3
    at = writeVarint(target, at, bytes * 2 + 1)
    const validity = vector.validity ?? new Uint8Array(0)
    const first = from >>> 3
    const shift = from & 7
    if (shift === 0) target.set(validity.subarray(first, first + bytes), at)
    else {
      for (let index = 0; index < bytes; index++) {
        const low = validity[first + index] ?? 0
        const high = validity[first + index + 1] ?? 0
        target[at + index] = (low >>> shift) | (high << (8 - shift))
      }
    }
    at += bytes
  }
  viewOf(target).setInt32(0, at - 4, true)
  return at
}

/** The body of a page of NULLs. */
export function nullPageBody(rows: number): Uint8Array {
  const body = new Uint8Array(levelsMax(0))
  const end = writeVarint(body, 4, rows * 2) + 1
  viewOf(body).setInt32(0, end - 4, true)
  return body.subarray(0, end)
}

function writeVarint(target: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80
  target[at++] = rest
  return at
}

function packBits(values: Uint8Array, { start, end }: PageRange, target: Uint8Array, to: number): number {
  const bytes = (end - start + 7) >>> 3
  for (let index = 0; index < bytes; index++) {
    let packed = 0
    const first = start + index * 8
    for (let bit = 0; bit < 8 && first + bit < end; bit++) packed |= (values[first + bit] as number) << bit
    target[to + index] = packed
  }
  return bytes
}

function isSet(validity: Uint8Array | undefined, row: number): boolean {
  return validity === undefined || ((validity[row >>> 3] as number) & (1 << (row & 7))) !== 0
}

function presentRows(vector: ColumnVector, from: number, to: number): number {
  const { validity } = vector
  if (validity === undefined) return to - from
  let present = 0
  let row = from
  for (; row < to && (row & 7) !== 0; row++) if (isSet(validity, row)) present++
  for (; row + 8 <= to; row += 8) present += BIT_COUNTS[validity[row >>> 3] as number] as number
  for (; row < to; row++) if (isSet(validity, row)) present++
  return present
}

const BIT_COUNTS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>>= 1) count += rest & 1
  return count
})
