/**
 * The port of a source that can be followed: an exact pair of snapshot and position, then every change after it.
 *
 * The engine drives: `prepare` → `openSnapshot` (for the tables that need one) beside `openStream`. Nothing is yielded
 * twice within one stream, but after a reconnect everything since the last confirmed boundary comes again.
 */
import type { ChangeBatch, FileBatch, InProgressBatch, SnapshotBatch } from './batch.ts'
import type { WrittenRange } from './control-request.ts'
import type { Finding } from './finding.ts'
import type { Position } from './position.ts'
import type { ColumnType, RowIdentity, RowKeys, RowRange, TableId, TableSchema } from './table-schema.ts'

/** A configured table, as far as a source must know it. */
export interface TableRequest {
  readonly table: TableId
  /** Names of columns that are left out. */
  readonly exclude: readonly string[]
  /** Column name → type to use instead of the one derived from the source's. */
  readonly typeOverrides: Readonly<Record<string, ColumnType>>
  /** Names of the columns that the configuration gives as key. Absent: the one that the source has. */
  readonly key?: readonly string[] | undefined
  /** Changes carry `_committed_at`. */
  readonly commitTimes?: boolean
}

export interface DiscoveredTable {
  readonly table: TableId
  readonly kind: 'table' | 'partitioned'
  readonly schema: TableSchema
  readonly keyColumns: readonly string[]
  /** How the source identifies old rows: `default`, `index`, `full`, `nothing`. */
  readonly replicaIdentity: string
  readonly cursorCandidates: readonly { readonly column: string; readonly indexed: boolean }[]
  readonly estimatedRows: number
  readonly bytes: number
  readonly warnings: readonly string[]
}

export interface Source extends AsyncDisposable {
  readonly name: string
  /** Tables that this role can see, system tables left out. */
  discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]>
  /** What `doctor` shows: each privilege, setting and slot, passed ones included. Never throws for what it examines. */
  examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]>
  /** Schemas as of now, `version` 1. Throws `source_table_missing` naming the table and similar ones. */
  describe(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly TableSchema[]>
}

/**
 * What a source that keeps no log must remember of a table to go on from a boundary. It means something to the source
 * alone; the engine saves it with the boundary and hands it back.
 */
export interface StreamToken {
  readonly table: TableId
  /** JSON, some MiB at most. */
  readonly token: string
}

export interface BoundaryToken extends StreamToken {
  /** As given for the table: a token from before a new snapshot of it is worth nothing. */
  readonly startAt: Position
}

/** What must be equal for positions of two times to compare. */
export interface SourceIdentity {
  /** Postgres: the system identifier. */
  readonly system: string
  readonly timeline: number
  /** '' where the source is polled. */
  readonly slot: string
  /** Whether changes are read from a log or found by asking; positions of the two do not compare. Absent: `cdc`. */
  readonly mode?: ReadingMode
}

export type ReadingMode = 'cdc' | 'polling'

export function readingMode(identity: SourceIdentity): ReadingMode {
  return identity.mode ?? 'cdc'
}

export interface PreparedSource {
  readonly identity: SourceIdentity
  /** The slot was made by this call: changes before `restart` cannot be read any more. */
  readonly created: boolean
  /** LSN from which the source can send changes (Postgres: `confirmed_flush_lsn`; where it is polled, 0). */
  readonly restartLsn: bigint
  /**
   * Where the log of each earlier timeline was left: what it had beyond that is not in this server's. Absent: it has none.
   */
  readonly timelineEnds?: ReadonlyMap<number, bigint>
  /** What a person should be told: which way of reading was chosen and why. */
  readonly notices?: readonly string[]
}

/**
 * A source that can be followed: it has a log of changes, or it is polled. In place of LSNs a source that is polled has a
 * clock of its own: 64-bit numbers that rise with each poll, whatever other clocks do.
 */
export interface ChangeSource extends Source {
  /**
   * Nobody but the operational state and the destination knows what its tables' rows came from: tokens are kept with the
   * rows too, so that a state that is lost loses nothing.
   */
  readonly keepsTokens?: true
  /** What to do about a table whose changes have a gap. Absent: it is read again, and has what the source has. */
  gapHint?(table: string): string
  /**
   * Throws `source_slot_in_use`, with the process named, while somebody reads what only one may read. Asked before anything is
   * taken from whoever that is. Absent: the source can be read by many.
   */
  requireFree?(signal: AbortSignal): Promise<void>
  /**
   * Makes the permanent slot and publication where they are missing, adds tables to the publication, and reports where
   * the slot stands. Throws `source_permission` with the exact SQL to run as hint where the role may not.
   * With `mayCreateSlot` false a missing slot is `source_slot_missing`: state says there was one, so changes may be lost.
   *
   * `beforePublishing` is told of tables whose changes were not wholly in the log until now: new ones, and ones that were
   * taken out or made anew meanwhile. What was read of them before lacks changes. It is awaited before anything is
   * changed, and is the only chance to record this: afterwards nobody can tell any more.
   */
  prepare(
    tables: readonly TableRequest[],
    mayCreateSlot: boolean,
    signal: AbortSignal,
    beforePublishing?: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<PreparedSource>
  /**
   * What `prepare` does for the changes of tables, while the stream goes on: for tables that are added, or were made anew.
   * `tables`: all that are followed from now on.
   */
  publish(
    tables: readonly TableRequest[],
    signal: AbortSignal,
    beforePublishing?: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<void>
  /** The LSN up to which the source has written now: where `sync --once` stops. */
  currentLsn(signal: AbortSignal): Promise<bigint>
  /** An exact pair (boundary, snapshot) over `tables`. */
  openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession>
  /**
   * A range as a person wrote it: its column found, its ends as the source prints them. Throws `source_query` with what is
   * wrong with it: no such column, no order, an end that is no value of the column, a beginning after the end.
   */
  resolveRange(schema: TableSchema, range: WrittenRange, signal: AbortSignal): Promise<RowRange>
  openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream>
  /**
   * Full current rows for the given keys (each a JSON array of the key columns' text forms, in key order), as one batch. A
   * key that no longer exists is absent from the batch. Its position is a boundary of the given generation behind every
   * change that the rows may have seen; it says nothing of changes before it.
   */
  readRows(
    schema: TableSchema,
    keys: readonly string[],
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotBatch>
  /** All rows of a table as of now, read in the text format, whose decoders are others than the binary ones: for `verify`. */
  readForVerification(schema: TableSchema, signal: AbortSignal): VerificationRead
  /** Removes what `prepare` made. */
  dropSlot(signal: AbortSignal): Promise<void>
}

export interface VerificationRead {
  /** Every commit before this LSN is contained in the rows; later ones may be. Resolves when reading has begun. */
  readonly atLeastLsn: Promise<bigint>
  readonly batches: AsyncIterable<SnapshotBatch>
}

export interface SnapshotRequest {
  readonly generation: number
  readonly schemas: readonly TableSchema[]
  /** Connections that read at the same time. */
  readonly connections: number
  readonly batchRowsMax: number
  readonly batchBytesMax: number
  /** The destination likes large files: chunks of tables that are large enough may have so many bytes. */
  readonly chunkBytesMax?: number | undefined
}

/** A part of a table that one worker reads. The engine stores it and hands it back unchanged. */
export interface SnapshotChunk {
  /** From 0, unique within the table and the fingerprint. */
  readonly index: number
  /** Known to the source alone (Postgres: relation and block range). JSON. */
  readonly spec: string
  readonly estimatedBytes: number
  readonly estimatedRows: number
}

export interface SnapshotPlan {
  readonly chunks: readonly SnapshotChunk[]
  /** When it differs from that of an earlier plan, chunks of the two do not combine (Postgres: filenodes). */
  readonly fingerprint: string
  /** False: chunks of two snapshots never combine (keyless tables). */
  readonly resumable: boolean
  /** What the stream needs to go on from this snapshot, besides its position. Absent: nothing. */
  readonly token?: string
}

/** Held open while chunks are read. `readChunk` may run as often at once as `connections` says. */
export interface SnapshotSession extends AsyncDisposable {
  /** Rows contain all commits before it, and none at or after it. */
  readonly position: Position
  /** When it was taken, by the source's clock. Microseconds since 1970. */
  readonly takenUs: number
  /** Where what the snapshot leaves to the stream ends: a run that is to end with it goes so far. Absent: at `position`. */
  readonly streamThrough?: Position
  /** `range`: only these rows are read; absent: all. */
  plan(schema: TableSchema, signal: AbortSignal, only?: RowRange | RowKeys): Promise<SnapshotPlan>
  /** Throws `snapshot_lost` when the snapshot can no longer be joined: open a new session and read what is missing. */
  readChunk(schema: TableSchema, chunk: SnapshotChunk, signal: AbortSignal): AsyncIterable<SnapshotBatch>
}

export interface StreamTable {
  readonly schema: TableSchema
  readonly request: TableRequest
  /** Changes with a smaller position are in the table's snapshot and are not yielded. */
  readonly startAt: Position
  /** The latest that was recorded: of its snapshot, or of a boundary. A table whose snapshot has not begun has none. */
  readonly token?: string
}

/** Keys by which two sides differ. Each a JSON array of the key columns' text forms, in key order. */
export interface KeyDifference {
  /** At the destination and not at the source. */
  readonly extra: readonly string[]
  /** At the source and not at the destination. */
  readonly missing: readonly string[]
}

export interface StreamRequest {
  readonly generation: number
  readonly fromLsn: bigint
  readonly tables: readonly StreamTable[]
  /** A boundary follows the first commit after this long, or sooner when a batch is full. Milliseconds. */
  readonly flushAfterMs: number
  readonly batchRowsMax: number
  readonly batchBytesMax: number
  /** Bound on rows held by the stream, over all tables and transactions. */
  readonly memoryBytesMax: number
  /**
   * Holds all keys that a table has at the source against those that live at the destination, after everything before
   * the last boundary has been merged. Batches have the key's columns alone. Yields differences in pages, the last of which
   * may be empty; no page at all: the table could not be merged, so nothing is known. Undefined: it cannot be compared now
   * (it is paused, say), or the destination cannot compare.
   */
  readonly compareKeys?: (
    schema: TableSchema,
    keys: AsyncIterable<SnapshotBatch>,
  ) => AsyncIterable<KeyDifference> | undefined
}

/** Follows the log. Iterate once; pulling is the back-pressure. */
export interface ChangeStream extends AsyncIterable<StreamEvent>, AsyncDisposable {
  /** Everything before `lsn` is safe with us: the source may forget it. */
  confirm(lsn: bigint): void
  /**
   * Changes of this table are yielded from now on too (a table added while running). One that is followed already is
   * followed anew, with this schema from `startAt` on: what was noticed of its schema before is not yielded any more.
   */
  addTable(table: StreamTable): void
  /** A boundary as soon as the log has been read up to `lsn`, even where nothing was committed. */
  requestBoundary(lsn: bigint): void
}

export type StreamEvent =
  /** Rows that count once a boundary behind them has been yielded. */
  | { readonly kind: 'changes'; readonly batch: ChangeBatch }
  /** The same, as a file. */
  | { readonly kind: 'file'; readonly batch: FileBatch }
  /** Rows of a transaction that may still abort. */
  | { readonly kind: 'in-progress'; readonly batch: InProgressBatch }
  /** The transaction's rows count, in order after all rows yielded before, once a boundary has been yielded. */
  | {
      readonly kind: 'transaction-committed'
      readonly transaction: number
      readonly generation: number
      readonly lsn: bigint
      /** By the source's clock. Microseconds since 1970. */
      readonly committedUs: number
      /** Ranges of ordinals as received that belong to aborted subtransactions: [first, last, first, last, …], sorted. */
      readonly aborted: Float64Array
      /** Tables of which the transaction's rows do not count: it committed before their `startAt`. Mostly empty. */
      readonly excluded: readonly TableId[]
    }
  | { readonly kind: 'transaction-aborted'; readonly transaction: number }
  /** Later batches of the table have this schema. Comes before them, after all batches of the earlier schema. */
  | {
      readonly kind: 'schema'
      readonly schema: TableSchema
      readonly rewritten: boolean
      readonly changes: readonly string[]
    }
  /** Everything before `through` has been yielded: the place where a flush may end. */
  | {
      readonly kind: 'boundary'
      readonly through: Position
      readonly lsn: bigint
      /** Commits and row changes since the boundary before. */
      readonly transactions: number
      readonly changes: number
      /** Commit time of the newest transaction since the boundary before, milliseconds since 1970 by the source's clock. */
      readonly newestCommitMs: number | undefined
      /** End of the log at the source as last heard: the lag in bytes is its distance from `lsn`. */
      readonly sourceLsn: bigint
      /** Recorded with the boundary. Tables for which nothing new is to be remembered are absent. */
      readonly tokens?: readonly BoundaryToken[]
    }
  /** Something that a person should know; nothing stops. */
  | { readonly kind: 'notice'; readonly table: TableId | undefined; readonly message: string }
  /** This table cannot go on (its identity is lost, it was dropped); all others do. Its changes are no longer yielded. */
  | { readonly kind: 'table-failed'; readonly table: TableId; readonly error: Error; readonly needsResync: boolean }

/** For descriptions: `key (id, region)`, `whole row`, `insert only`. */
export function describeIdentity(schema: TableSchema): string {
  const identity: RowIdentity = schema.identity
  if (identity.kind === 'bag') return 'whole row'
  if (identity.kind === 'append') return 'insert only'
  const names = identity.columnIds.map((id) => schema.columns.find((column) => column.id === id)?.name ?? `#${id}`)
  return `key (${names.join(', ')})`
}
