import type { DecodeOutcome } from './decode-outcome.ts'
import type { VectorBuilder } from './vector-builder.ts'
import type { WireBuffer } from './wire-buffer.ts'

/**
 * Appends one value, which is not NULL, to a column. Unless the outcome is `OK` nothing was appended, so the row is NULL
 * there. Plain functions, kept in arrays by column: the calls cost about 4 ns, less than dispatch through methods.
 */
export type ValueDecoder = (
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
) => DecodeOutcome
