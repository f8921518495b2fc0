import type { ChangeBatch, InProgressBatch } from '../core/batch.ts'
import type { TableSchema } from '../core/table-schema.ts'
import type { WireColumn } from './wire-column.ts'

/** What stands before the old tuple in a pgoutput message, as character code: 0 (none), `K` or `O`. */
export type OldTupleKind = 0 | 75 | 79

/**
 * pgoutput changes of one relation → change batches. Offsets point at TupleData. Each method returns how many rows it
 * appended; they have the ordinals `ordinal`, `ordinal + 1`, …
 */
export class ChangeBuilder {
  // biome-ignore lint/complexity/noUselessConstructor: the signature comes first
  constructor(_schema: TableSchema, _wire: readonly WireColumn[], _mode: 'changes' | 'in-progress') {}

  get rows(): number {
    return 0
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    return 0
  }

  /** Rows that follow belong to the transaction with this `positionPrefix`. Only in mode `changes`. */
  beginTransaction(_prefix: string): void {}

  insert(_buffer: Uint8Array, _tupleOffset: number, _ordinal: number): number {
    throw new Error('not written yet')
  }

  update(
    _buffer: Uint8Array,
    _oldKind: OldTupleKind,
    _oldOffset: number,
    _newOffset: number,
    _ordinal: number,
  ): number {
    throw new Error('not written yet')
  }

  delete(_buffer: Uint8Array, _oldKind: OldTupleKind, _oldOffset: number, _ordinal: number): number {
    throw new Error('not written yet')
  }

  truncate(_ordinal: number): number {
    throw new Error('not written yet')
  }

  /** Mode `changes`: hands over what was appended, and starts a new batch. The vectors are the caller's. At least one row. */
  take(): ChangeBatch {
    throw new Error('not written yet')
  }

  /** Mode `in-progress`: as `take`, for rows of a transaction whose commit is not known yet. */
  takeInProgress(_transaction: number): InProgressBatch {
    throw new Error('not written yet')
  }
}
