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

/** What a file is recognised by when it is read again, perhaps by another machine. */
export interface StoredContent {
  readonly bytes: number
  /** `crc32:` and 8 hex digits, over the whole content. Absent where the stage needs none: the disk is this machine's. */
  readonly checksum?: string
}

/** A file being written. Bytes are appended in call order; await each call. */
export interface StageWriter {
  write(bytes: Uint8Array): Promise<void>
  /** When it resolves the file is durable under its path, whole. */
  commit(): Promise<StoredContent>
  /** Removes what was written. Harmless after `commit`. */
  abort(): Promise<void>
}

/** Stage files where programs on this machine can read them, until disposed. */
export interface LocalFiles extends AsyncDisposable {
  /** Absolute path of the file with this stage path. */
  location(path: string): string
  /** They are loaded. Without it, copies may be kept for the next attempt, within the stage's bound. */
  loaded(): void
}

/** For what is on this machine already: nothing is copied, and nothing goes away. */
export function filesInPlace(location: (path: string) => string): LocalFiles {
  return { location, loaded: () => undefined, [Symbol.asyncDispose]: async () => undefined }
}

/**
 * How much work goes into making files small.
 * - `full`: they are sent somewhere, or kept where bytes are paid for.
 * - `light`: they are read once, on this machine, so the time of its processors counts for more than bytes on its disk.
 */
export type StageCompression = 'full' | 'light'

/** An unfinished file is never visible under its path. A full disk is `stage_full`. */
export interface Stage extends AsyncDisposable {
  /** True: other machines reach the same files, and may take over from this one. */
  readonly shared: boolean
  readonly compression: StageCompression
  /** An object that has this path already is replaced when the writer commits. */
  create(path: string, signal: AbortSignal): Promise<StageWriter>
  /**
   * Takes over a finished file of this machine under the given path: when it resolves the file is durable there, and no
   * more where it was. A file that could not be taken over stays where it was.
   */
  adopt(path: string, file: string, signal: AbortSignal): Promise<StoredContent>
  /** What a destination reads: an absolute path or a URL. */
  location(path: string): string
  /**
   * Makes files readable on this machine. Where they come from elsewhere their size and checksum are held against what is
   * given: throws `stage_file_missing` or `stage_file_damaged`, naming the file and its table.
   */
  fetch(files: readonly StageFile[], signal: AbortSignal): Promise<LocalFiles>
  /** A small object, some MiB at most, whole. Undefined where there is none. */
  read(path: string, signal: AbortSignal): Promise<Uint8Array | undefined>
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
  /** As in `StoredContent`. */
  readonly checksum?: string
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
