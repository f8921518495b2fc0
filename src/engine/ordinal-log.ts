/**
 * The ordinals of the rows of one row group, kept until their transaction commits: increasing numbers, stored as
 * compressed gaps. A transaction over one table takes a few bytes per row group, one that alternates between tables
 * compresses by two orders of magnitude, so memory does not grow with the transaction in any way that matters.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

export interface OrdinalLog {
  readonly rows: number
  /** Gaps as float64 each, else the first as float64 and one byte for each further gap. */
  readonly wide: boolean
  readonly packed: Uint8Array
}

export function packOrdinals(ordinals: Float64Array): OrdinalLog {
  const gaps = new Float64Array(ordinals.length)
  let previous = 0
  let wide = false
  for (let row = 0; row < ordinals.length; row++) {
    const ordinal = ordinals[row] ?? 0
    const gap = ordinal - previous
    gaps[row] = gap
    if (row > 0 && gap > 0xff) wide = true
    previous = ordinal
  }
  if (wide) return { rows: ordinals.length, wide, packed: zstdCompressSync(new Uint8Array(gaps.buffer)) }
  const narrow = new Uint8Array(8 + ordinals.length)
  new DataView(narrow.buffer).setFloat64(0, gaps[0] ?? 0, true)
  for (let row = 1; row < ordinals.length; row++) narrow[8 + row] = gaps[row] ?? 0
  return { rows: ordinals.length, wide, packed: zstdCompressSync(narrow) }
}

export function unpackOrdinals(log: OrdinalLog): Float64Array {
  const bytes = zstdDecompressSync(log.packed)
  const ordinals = new Float64Array(log.rows)
  if (log.rows === 0) return ordinals
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let ordinal = 0
  for (let row = 0; row < log.rows; row++) {
    ordinal += log.wide ? view.getFloat64(row * 8, true) : row === 0 ? view.getFloat64(0, true) : (bytes[8 + row] ?? 0)
    ordinals[row] = ordinal
  }
  return ordinals
}
