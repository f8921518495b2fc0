/**
 * The port of a stage: where Parquet files rest between source and destination.
 *
 * Paths are relative to the stage's root, with `/` between parts:
 * `<customer>/<source>/<namespace>.<table>/<date_hour>/<batch_id>.parquet`.
 */
import type { BatchFeatures } from './batch.ts'
import type { Position } from './position.ts'
import type { TableSchema } from './table-schema.ts'

export interface StageObject {
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** A file being written. Bytes are appended in call order; await each call. */
export interface StageWriter {
  write(bytes: Uint8Array): Promise<void>
  /** When it resolves the file is durable under its path, whole. Returns its size. */
  commit(): Promise<number>
  /** Removes what was written. Harmless after `commit`. */
  abort(): Promise<void>
}

/** An unfinished file is never visible under its path. A full disk is `stage_full`. */
export interface Stage extends AsyncDisposable {
  /** An object that has this path already is replaced when the writer commits. */
  create(path: string, signal: AbortSignal): Promise<StageWriter>
  /** What a destination reads: an absolute path or a URL. */
  location(path: string): string
  stat(path: string): Promise<StageObject | undefined>
  /** Objects below a prefix of whole parts (`default/shop`; '' for all), in order of path. Unfinished files are left out. */
  list(prefix: string): AsyncIterable<StageObject>
  /** Harmless where there is none. */
  remove(path: string): Promise<void>
  /**
   * Removes unfinished files that a killed process left: those last written to before `beforeMs` (milliseconds since
   * 1970), except the ones that this object is writing. Returns how many.
   */
  sweep(beforeMs: number): Promise<number>
}

/** One Parquet file of one batch, as the ledger records it and a destination loads it. */
export interface StageFile {
  /** Unique; carries epoch and position range, so that the ledger can be rebuilt by listing the stage. */
  readonly batchId: string
  /** Relative to the root of the stage. */
  readonly path: string
  readonly bytes: number
  /** Rows in the file, those of aborted subtransactions included. */
  readonly rows: number
  readonly schema: TableSchema
  readonly kind: 'snapshot' | 'changes'
  /** Positions of the first and last row. Both the boundary for a snapshot. */
  readonly firstPosition: Position
  readonly lastPosition: Position
  readonly features: BatchFeatures
  /** When it was staged: `_ingested_at`. Milliseconds since 1970. */
  readonly stagedMs: number
}
