/**
 * The ordinals of the rows of one row group, kept until their transaction commits: increasing numbers, stored as
 * compressed gaps. A transaction over one table takes a few bytes per row group, one that alternates between tables
 * compresses by two orders of magnitude, so memory does not grow with the transaction in any way that matters.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { giveMemory, takeMemory } from '../columnar/vector-memory.ts'

/** The least that zlib takes. */
const CHUNK_BYTES_MIN = 64

export interface OrdinalLog {
  readonly rows: number
  /** Gaps as float64 each, else the first as float64 and one byte for each further gap. */
  readonly wide: boolean
  readonly packed: Uint8Array
}

export function packOrdinals(ordinals: Float64Array): OrdinalLog {
  const rows = ordinals.length
  const wide = hasWideGap(ordinals)
  const length = packedBytes(rows, wide)
  const memory = takeMemory(length)
  const view = new DataView(memory.buffer)
  let previous = 0
  for (let row = 0; row < rows; row++) {
    const ordinal = ordinals[row] ?? 0
    if (wide || row === 0) view.setFloat64(row * 8, ordinal - previous, true)
    else memory[7 + row] = ordinal - previous
    previous = ordinal
  }
  const packed = zstdCompressSync(memory.subarray(0, length))
  giveMemory(memory.buffer)
  return { rows, wide, packed }
}

/**
 * The caller may give their memory back: at the commit of a large transaction this runs for one row group after the other,
 * and what each left to the collector was 40 MiB in all, more than anything else of it.
 */
export function unpackOrdinals({ rows, wide, packed }: OrdinalLog): Float64Array {
  // One byte more than is needed: zlib makes another buffer once one is full.
  const bytes = zstdDecompressSync(packed, { chunkSize: Math.max(CHUNK_BYTES_MIN, packedBytes(rows, wide) + 1) })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ordinals = new Float64Array(takeMemory(rows * 8).buffer, 0, rows)
  let ordinal = 0
  for (let row = 0; row < rows; row++) {
    ordinal += wide || row === 0 ? view.getFloat64(row * 8, true) : (bytes[7 + row] ?? 0)
    ordinals[row] = ordinal
  }
  return ordinals
}

function hasWideGap(ordinals: Float64Array): boolean {
  for (let row = 1; row < ordinals.length; row++) {
    if ((ordinals[row] ?? 0) - (ordinals[row - 1] ?? 0) > 0xff) return true
  }
  return false
}

function packedBytes(rows: number, wide: boolean): number {
  return wide || rows === 0 ? rows * 8 : rows + 7
}
