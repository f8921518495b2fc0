import { type ColumnVector, SYSTEM_COLUMNS } from '../core/batch.ts'
import { takeMemory } from './vector-memory.ts'

const BYTES = 8

/** `_committed_at`: all rows of a transaction have the same time, so it is noted once per transaction, not per row. */
export class CommitTimes {
  /** First row and microseconds of each transaction: [row, time, row, time, …]. */
  readonly #runs: number[] = []

  bytes(rows: number): number {
    return rows * BYTES
  }

  /** Rows from `row` on were committed at `committedUs`. */
  begin(row: number, committedUs: number): void {
    this.#runs.push(row, committedUs)
  }

  take(rows: number): ColumnVector {
    const bytes = takeMemory(rows * BYTES)
    const times = new BigInt64Array(bytes.buffer, bytes.byteOffset, rows)
    for (let run = 0; run < this.#runs.length; run += 2) {
      times.fill(BigInt(this.#runs[run + 1] ?? 0), this.#runs[run] ?? 0, this.#runs[run + 2] ?? rows)
    }
    this.#runs.length = 0
    return vectorOf(bytes.subarray(0, rows * BYTES), rows)
  }
}

/** The column for rows that were all committed, or read, at one time. Microseconds since 1970. */
export function commitTimeVector(rows: number, committedUs: number): ColumnVector {
  const times = new CommitTimes()
  times.begin(0, committedUs)
  return times.take(rows)
}

function vectorOf(values: Uint8Array, rows: number): ColumnVector {
  return { name: SYSTEM_COLUMNS.committedAt, type: { kind: 'timestamptz' }, fieldId: 0, rows, nullCount: 0, values }
}
