import type { SnapshotBatch } from '../core/batch.ts'
import type { Position } from '../core/position.ts'
import type { TableSchema } from '../core/table-schema.ts'
import type { WireColumn } from './wire-column.ts'

/** COPY binary tuples → snapshot batches. */
export class SnapshotBuilder {
  // biome-ignore lint/complexity/noUselessConstructor: the signature comes first
  constructor(_schema: TableSchema, _wire: readonly WireColumn[], _position: Position) {}

  get rows(): number {
    return 0
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    return 0
  }

  /** Appends the complete tuple at `offset`, its int16 field count first. Returns the offset behind it. */
  appendTuple(_buffer: Uint8Array, _offset: number): number {
    throw new Error('not written yet')
  }

  /** Hands over what was appended, and starts a new batch. The vectors are the caller's. */
  take(): SnapshotBatch {
    throw new Error('not written yet')
  }
}
