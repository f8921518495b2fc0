import type { ColumnVector } from '../core/batch.ts'
import { PositionColumn } from './position-column.ts'

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
 * `prefix`: `positionPrefix` of the commit. `ordinals`: of the batch, rising. `aborted`: [first, last, first, last, …] of
 * the whole transaction, sorted.
 */
export function positionVector(prefix: string, ordinals: Float64Array, aborted: Float64Array): PositionVector {
  const column = new PositionColumn()
  column.setPrefix(prefix)
  let rows = 0
  let firstOrdinal = 0
  let lastOrdinal = 0
  let range = 0
  let abortedBefore = 0
  for (let row = 0; row < ordinals.length; row++) {
    const received = ordinals[row] as number
    while (range < aborted.length && (aborted[range + 1] as number) < received) {
      abortedBefore += (aborted[range + 1] as number) - (aborted[range] as number) + 1
      range += 2
    }
    if (range < aborted.length && (aborted[range] as number) <= received) continue
    lastOrdinal = received - abortedBefore
    if (rows === 0) firstOrdinal = lastOrdinal
    column.append(row, lastOrdinal)
    rows++
  }
  return { vector: column.take(ordinals.length), rows, firstOrdinal, lastOrdinal }
}
