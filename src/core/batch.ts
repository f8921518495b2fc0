/**
 * Rows on their way, columnar: what a source yields and the Parquet encoder takes.
 *
 * The stage format. A stage file is a Parquet file whose data columns are named by column id (`c7`), because names change
 * and may differ only by case. Beside them stand the system columns below, each only when the batch needs it.
 */
import type { Position } from './position.ts'
import type { ColumnType, TableSchema } from './table-schema.ts'

/** Name of the stage column that holds the values of column `id`. */
export function dataColumn(id: number): string {
  return `c${id}`
}

/** Name of the stage column with the key as it was before the change, for updates that change the key; else NULL. */
export function oldKeyColumn(id: number): string {
  return `k${id}`
}

export const SYSTEM_COLUMNS = {
  /**
   * `i` insert, `u` update, `d` delete, `t` truncate, `q` row that is quarantined whole, `p` removal of a day: rows of that
   * day with a smaller position go. Text, never NULL.
   */
  op: '_op',
  /** The position of the change. NULL: the row belongs to an aborted subtransaction and does not exist. */
  position: '_source_position',
  /** Ids of columns whose value the source did not send because it is unchanged: `,3,17,`. NULL: none. */
  unchanged: '_unchanged',
  /** JSON array of `QuarantinedValue`. NULL: none. */
  quarantine: '_quarantine',
  /** 32 hex digits over the row's content; only for `bag` identity. For a delete: of the old row. */
  contentHash: '_content_hash',
  /**
   * When the source committed the change, or when its snapshot was taken; by the source's clock, which need not rise with
   * positions. Microseconds since 1970, UTC, never NULL. Only for tables that asked for it.
   */
  committedAt: '_committed_at',
} as const

export type Operation = 'i' | 'u' | 'd' | 't' | 'q' | 'p'

/** A value, or for `columnId` 0 a whole row, that has no representation. Sits in the row that it belongs to. */
export interface QuarantinedValue {
  readonly columnId: number
  /** Short and stable, for grouping: `numeric NaN`, `date infinity`, `timestamp out of range`. */
  readonly reason: string
  /** The source's text form, or hex of the wire bytes where it has none. */
  readonly raw: string
  /** The row's key as JSON text, `null` where it has none. */
  readonly key: string | null
}

/**
 * One column of a batch, in the form in which Parquet PLAIN pages hold it.
 *
 * `values` holds the non-NULL values only, in row order: little-endian INT32/INT64/FLOAT/DOUBLE, 16-byte big-endian
 * two's complement for decimals above precision 18, byte arrays with a 4-byte little-endian length before each, and
 * one byte (0 or 1) per value for booleans, which the encoder packs.
 */
export interface ColumnVector {
  readonly name: string
  readonly type: ColumnType
  /** Parquet field id; 0 for system columns. */
  readonly fieldId: number
  readonly rows: number
  readonly nullCount: number
  readonly values: Uint8Array
  /** One bit per row, least significant first, 1 = present. Absent when `nullCount` is 0. */
  readonly validity?: Uint8Array
}

/** What a file contains beyond plain inserts, so that a destination does only the work it must. */
export interface BatchFeatures {
  readonly updates: number
  readonly deletes: number
  readonly truncates: number
  /** Updates that change the key. */
  readonly keyChanges: number
  /** Rows with at least one unchanged value that was not sent. */
  readonly partialRows: number
  /** Rows with at least one entry in `_quarantine`. */
  readonly quarantinedRows: number
  /** Its rows are removals of days (`p`), and it has no others. Absent: it has none. */
  readonly removal?: PeriodRemoval
}

/** Days whose rows go. A day begins at midnight UTC where the column has times. */
export interface PeriodRemoval {
  /** The column that says of which day a row is. */
  readonly columnId: number
  readonly days: number
}

export const NO_FEATURES: BatchFeatures = {
  updates: 0,
  deletes: 0,
  truncates: 0,
  keyChanges: 0,
  partialRows: 0,
  quarantinedRows: 0,
}

/** Rows of one table with one schema, in ascending order of position. */
export interface Batch {
  readonly schema: TableSchema
  readonly rows: number
  /** Bytes held by the vectors. */
  readonly bytes: number
  readonly vectors: readonly ColumnVector[]
  readonly features: BatchFeatures
}

/** Rows of a snapshot: no `_op` and no `_source_position` column, since all share the snapshot's boundary. */
export interface SnapshotBatch extends Batch {
  readonly kind: 'snapshot'
  readonly position: Position
}

/** Committed changes; `_source_position` is among the vectors. */
export interface ChangeBatch extends Batch {
  readonly kind: 'changes'
  readonly firstPosition: Position
  readonly lastPosition: Position
}

/** Committed changes that a source has written as a stage file itself. Whoever takes the batch takes the file. */
export interface FileBatch {
  readonly kind: 'file'
  readonly schema: TableSchema
  /** Absolute path of a Parquet file in the stage format, on this machine; `_source_position` is among its columns. */
  readonly file: string
  readonly rows: number
  readonly features: BatchFeatures
  readonly firstPosition: Position
  readonly lastPosition: Position
}

/**
 * Changes of a transaction that is still in progress at the source. Their positions are known at its commit, so
 * `_source_position` is not among the vectors; `ordinals` holds what it will be made of.
 */
export interface InProgressBatch extends Batch {
  readonly kind: 'in-progress'
  readonly transaction: number
  /** Per row: its number in the transaction as received, from 1, rows of aborted subtransactions included. */
  readonly ordinals: Float64Array
  /** `_committed_at` is wanted, and as little known yet as the positions. */
  readonly commitTimes?: boolean
}
