/**
 * The port of a destination: where tables live.
 *
 * Each final table has the business columns, then the load time, the deleted mark and `_source_position`. Truth about
 * progress lives here too, in `_simplyload.checkpoints`, and changes only in the transaction that changes the rows.
 *
 * Two kinds of checkpoint rows per source. Live tables of the same freshness are a group: its row holds the epoch of the
 * lease and the boundary up to which every table of the group is complete, so one statement takes the lease and moves them
 * all, idle ones included. A table in no group (in its snapshot, catching up, paused, failed) has a position of its own.
 */
import type { Finding } from './finding.ts'
import type { Position } from './position.ts'
import type { KeyDifference, StreamToken } from './source.ts'
import type { StageFile } from './stage.ts'
import type { RowRange, TableId, TableSchema } from './table-schema.ts'
import type { TableTransform } from './transform.ts'

/** The right to write for one source. A newer one makes an older one useless: its commits fail with `lease_lost`. */
export interface Lease {
  readonly source: string
  readonly epoch: number
}

/** Of the tables whose freshness is the default. */
export const DEFAULT_GROUP = ''

export interface TableCheckpoint {
  readonly table: TableId
  /** Complete up to here. For a table in a group: the group's. */
  readonly position: Position
  /** The name of the group that it moves with; undefined: it stands alone. */
  readonly group: string | undefined
}

export interface SourceCheckpoints {
  readonly epoch: number
  /** By the name of the group. Those that had no flush yet are absent. */
  readonly groups: ReadonlyMap<string, Position>
  readonly tables: readonly TableCheckpoint[]
}

/**
 * - `merge`: the current state, one row per row of the source.
 * - `append`: every change is a row, and nothing is changed afterwards.
 * - `history`: every version of a row is a row, with the time from which and until which it held.
 */
export const WRITE_MODES = ['merge', 'append', 'history'] as const
export type WriteMode = (typeof WRITE_MODES)[number]

/** Where a table goes and how. */
export interface TargetTable {
  readonly table: TableId
  /** On the destination, where that has several. Absent: the one that is configured. */
  readonly database?: string | undefined
  /** Schema and table on the destination. */
  readonly namespace: string
  readonly name: string
  readonly write: WriteMode
  /** Only for `merge`. True: rows are removed. False: they are marked. */
  readonly hardDelete: boolean
  readonly schemaChanges: 'evolve' | 'freeze' | 'discard'
  /** Columns, as the source names them, in whose order the destination keeps rows, where it can. Empty: none. Absent: as it is. */
  readonly clusterBy?: readonly string[] | undefined
  readonly loadTimeColumn: string
  readonly deletedColumn: string
  /** What its rows become before they are loaded. Schemas and files given to a destination are those before it. */
  readonly transform?: TableTransform | undefined
}

/** Where it goes, for people: `schema.table`, or `database.schema.table`. */
export function targetText({
  database,
  namespace,
  name,
}: Pick<TargetTable, 'database' | 'namespace' | 'name'>): string {
  return [...(database === undefined ? [] : [database]), namespace, name].join('.')
}

export interface SnapshotLoad {
  readonly target: TargetTable
  readonly files: readonly StageFile[]
}

export interface SnapshotLoaded {
  /** Rows added. */
  readonly rows: number
  /** Rows with something in quarantine; of files that were there already as well, as far as they say so themselves. */
  readonly quarantined: number
}

/** The part of a flush that belongs to one table. */
export interface TableFlush {
  readonly target: TargetTable
  /** The newest schema among the files, or that of the snapshot. */
  readonly schema: TableSchema
  /** In order of position, none reaching past the flush's `to`. May be empty for `promote` and `rejoin`. */
  readonly files: readonly StageFile[]
  /**
   * The checkpoint that the destination is expected to have: the group's for a table in one. Rows of `files`
   * with a smaller position are already in the table and are ignored (a file may begin before a snapshot's boundary).
   */
  readonly from: Position
  /**
   * - `final`: into the final table of a table in the group of the flush.
   * - `shadow`: into the shadow table while the table catches up.
   * - `promote`: into the shadow table, which then becomes the final table, and the table joins the group.
   * - `rejoin`: into the final table of a table in no group (it failed, was paused, or left another one), which joins it.
   * - `backfill`: rows that were read again, as snapshot files of the form that the final table has had by now, with
   *   boundaries that the table's checkpoint has passed; it stays where it is. A row goes in only where neither the row
   *   that is there, nor a tombstone of its key, nor that of a truncate is as new. Each file once, however often it is
   *   asked. Only in a flush without `group`, and for tables with a key.
   */
  readonly into: 'final' | 'shadow' | 'promote' | 'rejoin' | 'backfill'
  /**
   * A backfill of the table is open: keys that are deleted, or left by a change of key, and truncates are remembered with
   * their positions until `finishBackfill`, whether rows are removed or marked.
   */
  readonly tombstones?: boolean
  /**
   * Rows re-read from the source for the keys of `MissingBaseRows`. A partial change whose key is in none of them
   * is dropped: its row is gone, and its delete follows. A file's position is a boundary behind every change that its rows
   * may have seen: to a change before it that leaves one of these keys, the row there is no base.
   */
  readonly completion?: { readonly files: readonly StageFile[] }
  /**
   * What the table's stream goes on from at `to`, and the schema of the source then: kept with the rows, in their
   * transaction. Never of a backfill or into a shadow table that is not promoted.
   */
  readonly token?: Pick<KeptToken, 'token' | 'schema'>
}

/** What the stream of a table goes on from, as it was kept with the table's rows. */
export interface KeptToken extends StreamToken {
  /** `to` of the flush that kept it. What the table's checkpoint has passed since changed no row of it. */
  readonly position: Position
  /** Before a transform. */
  readonly schema: TableSchema
}

export interface Flush {
  readonly lease: Lease
  /**
   * The group that moves, with its boundary, expected and new. `from` is undefined where it had none: a name that is new is
   * a group that begins. Absent: the flush touches only tables that are in no group.
   */
  readonly group?: GroupMove
  /** For tables in no group: the boundary that they reach. */
  readonly to: Position
  readonly tables: readonly TableFlush[]
  /** `_fivetran_synced`. Milliseconds since 1970. */
  readonly loadedMs: number
  /**
   * Aborted: the run is to end. Where others have locked what the flush begins with, it then fails with `destination_locked`
   * after some seconds.
   */
  readonly stopping?: AbortSignal
}

export interface GroupMove {
  /** `DEFAULT_GROUP`, or a freshness in milliseconds. */
  readonly name: string
  readonly from: Position | undefined
  readonly to: Position
}

/** Partial changes (unchanged values not sent) that found no row to change. Nothing was committed. */
export interface MissingBaseRows {
  readonly table: TableId
  /** Each a JSON array of the key columns' text forms, in key order. */
  readonly keys: readonly string[]
}

export interface TableFlushResult {
  readonly table: TableId
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  readonly quarantined: number
}

export type FlushResult =
  | { readonly outcome: 'committed'; readonly tables: readonly TableFlushResult[]; readonly waitedForLockMs: number }
  | { readonly outcome: 'incomplete'; readonly missing: readonly MissingBaseRows[] }

/** All rows of a backfill are merged. */
export interface BackfillEnd {
  readonly target: TargetTable
  readonly schema: TableSchema
  /** The oldest of the boundaries that its rows were read at. */
  readonly position: Position
  /** What was read again; absent: all rows. The bounds are in the form in which the source prints values of the column. */
  readonly range?: RowRange
  /** What was read again are the rows with these keys: entries of theirs in quarantine that are older are closed. */
  readonly keys?: readonly string[]
  /**
   * What was read again and is older than `position` is not at the source any more: it is marked deleted as of then, or
   * removed. False: it stays, since rows of the range cannot be told by their keys.
   */
  readonly deleteMissing: boolean
  /** All files that were merged. */
  readonly batchIds: readonly string[]
  /** Milliseconds since 1970. */
  readonly loadedMs: number
}

export interface QuarantineEntry {
  /** The same each time it is listed. */
  readonly id: string
  readonly table: TableId
  readonly position: Position
  /** JSON text of the key, or `null`. */
  readonly key: string | null
  /** Name of the column; '' where the whole row is in quarantine. */
  readonly column: string
  readonly reason: string
  readonly raw: string
  readonly loadedMs: number
}

/**
 * Calls for one source do not overlap. Every write is at-least-once safe: the same call again after a lost reply must
 * not change the result. An error that concerns one table only is a PipelineError with `context.table` =
 * `namespace.name`.
 */
export interface Destination extends AsyncDisposable {
  readonly name: string
  examine(targets: readonly TargetTable[], signal: AbortSignal): Promise<readonly Finding[]>
  /** Raises the epoch. Creates `_simplyload` where it is missing. */
  acquireLease(
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly lease: Lease; readonly checkpoints: SourceCheckpoints }>
  /** Read only; undefined where the destination does not exist yet. */
  checkpoints(source: string, signal: AbortSignal): Promise<SourceCheckpoints | undefined>
  /** Read only. Of tables whose rows people see and no snapshot is about to replace; forgotten with the checkpoint. */
  tokens(source: string, signal: AbortSignal): Promise<readonly KeptToken[]>
  /**
   * Makes an empty shadow table; one left by an earlier attempt is dropped unless `keep`. Returns the ids of the batches
   * that the shadow table holds: none where it was made anew, whatever was asked for.
   */
  beginSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]>
  /** Appends files to the shadow table, each exactly once, however often it is asked. */
  loadSnapshot(lease: Lease, load: SnapshotLoad, signal: AbortSignal): Promise<SnapshotLoaded>
  /**
   * All chunks are loaded: the shadow table is complete as of `position`, which becomes the table's own checkpoint.
   * `positions` > 1: chunks come from several snapshots; of rows with the same key the newest stays.
   */
  finishSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    position: Position,
    positions: number,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Deletes what is missing and forgets tombstones. Returns the rows deleted; undefined where not every file was merged
   * here (the destination was replaced by an older copy of itself): then nothing is done, and the rows must be read again.
   */
  finishBackfill(lease: Lease, end: BackfillEnd, signal: AbortSignal): Promise<number | undefined>
  /** One transaction for all tables, lease and checkpoints included. DDL that the schemas need runs before it. */
  flush(flush: Flush, signal: AbortSignal): Promise<FlushResult>
  /** The table leaves its group and keeps the group's present position as its own. Harmless where it is in none. */
  detach(lease: Lease, table: TableId, signal: AbortSignal): Promise<void>
  /** Forgets the checkpoint of a table, or of the source: it will be snapshotted again. The final table stays. */
  resetCheckpoint(lease: Lease, table: TableId | undefined, signal: AbortSignal): Promise<void>
  quarantine(
    source: string,
    filter: { readonly table?: TableId; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly QuarantineEntry[]>
  /** Lets go of what blocks other readers. The next call takes it again. */
  release(): Promise<void>
}

/** What a comparison of one table found. */
export interface TableComparison {
  readonly table: TableId
  readonly sourceRows: number
  /** Rows that are not marked deleted. */
  readonly destinationRows: number
  /** Keys with more than one row on the destination. */
  readonly duplicateKeys: number
  readonly differing: number
  /** Rows with values in quarantine, not counted in `differing`: NULL on the destination, or not there at all. */
  readonly explained: number
  /** Bounded by `limit`. */
  readonly examples: readonly RowDifference[]
  /** Share of NULLs per column on both sides, only where they differ. */
  readonly nullShares: readonly { readonly column: string; readonly source: number; readonly destination: number }[]
  /** Only for tables of versions, and only where all rows were compared. */
  readonly history?: HistoryFaults
}

/** Versions that break the rules of a history. */
export interface HistoryFaults {
  /** Versions of one key that begin at the same time as another one. */
  readonly duplicates: number
  /** Versions that end after the next one of their key begins, or before they begin. */
  readonly overlaps: number
  /** Versions that end before the next one of their key begins, although their row was not deleted. */
  readonly gaps: number
  /** Keys with more than one active version. */
  readonly severalActive: number
}

export function hasFaults(history: HistoryFaults | undefined): boolean {
  return history !== undefined && Object.values(history).some((count) => count > 0)
}

export interface RowDifference {
  /** JSON array of the key columns' text forms, in key order; the content hash for tables without a key. */
  readonly key: string
  readonly kind: 'missing' | 'extra' | 'different'
  /** Names of the columns that differ. */
  readonly columns: readonly string[]
  /** Position of the row on the destination. */
  readonly position: Position | undefined
}

export interface CompareRequest {
  readonly target: TargetTable
  readonly schema: TableSchema
  readonly files: readonly StageFile[]
  readonly keys?: readonly string[]
  /** Examples to return at most. */
  readonly limit: number
}

export interface CompareRequest {
  readonly target: TargetTable
  readonly schema: TableSchema
  /** All rows of the source, as snapshot files; or, where `keys` is given, its rows with these keys. */
  readonly files: readonly StageFile[]
  /** As in `RowDifference`. Only these rows are compared, on both sides. */
  readonly keys?: readonly string[]
  /** Examples to return at most. */
  readonly limit: number
}

/** A destination that can hold the source's keys against those of its rows that live. */
export interface KeyComparingDestination {
  /**
   * `files`: all keys that the source has, as snapshot files with the key's columns alone. Differences come in pages of
   * some ten thousand keys. Changes nothing.
   */
  compareKeys(request: KeyCompareRequest, signal: AbortSignal): AsyncIterable<KeyDifference>
}

export interface KeyCompareRequest {
  readonly target: TargetTable
  readonly schema: TableSchema
  readonly files: readonly StageFile[]
}

/** A destination that can hold the source's rows against its own. */
export interface ComparingDestination {
  /** Compares typed values; changes nothing. */
  compare(request: CompareRequest, signal: AbortSignal): Promise<TableComparison>
}
