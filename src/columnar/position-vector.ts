import type { ColumnVector } from '../core/batch.ts'

export interface PositionVector {
  readonly vector: ColumnVector
  /** Rows that exist: those of aborted subtransactions are NULL in the vector and not counted. */
  readonly rows: number
  /** Final ordinals of the first and the last row that exist; 0 where there is none. */
  readonly firstOrdinal: number
  readonly lastOrdinal: number
}

/**
 * `_source_position` of an in-progress batch, now that its transaction has committed. The final ordinal of a row is its
 * ordinal as received less the aborted ones before it.
 *
 * `prefix`: `positionPrefix` of the commit. `ordinals`: of the batch. `aborted`: [first, last, …] of the whole transaction.
 */
export function positionVector(_prefix: string, _ordinals: Float64Array, _aborted: Float64Array): PositionVector {
  throw new Error('not written yet')
}
