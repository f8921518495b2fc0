/**
 * The port of operational state: what a run must remember and a person wants to see. The truth about rows is in the
 * destination's checkpoints; where the two disagree on start, the destination wins.
 */
import type { ControlAnswer, ControlRecord, ControlRequest } from './control-request.ts'
import type { Position } from './position.ts'
import type { SourceIdentity, StreamToken } from './source.ts'
import type { StageFile } from './stage.ts'
import type { RowRange, TableId, TableSchema } from './table-schema.ts'

export type TableState = 'pending' | 'snapshotting' | 'catching_up' | 'live' | 'paused' | 'failed' | 'needs_resync'

export interface SourceRecord {
  readonly source: string
  readonly generation: number
  readonly identity: SourceIdentity
  /** Every configured table's changes before this LSN are merged or in stage files that the ledger records. */
  readonly stagedThroughLsn: bigint
  /** The last LSN that was confirmed to the source. Written before it is sent. */
  readonly confirmedLsn: bigint
  /** Retention has removed stage files up to here: a destination that is older cannot be brought up to date from the stage. */
  readonly prunedThrough: Position | undefined
}

export interface TableRecord {
  readonly table: TableId
  readonly state: TableState
  readonly schema: TableSchema
  /** Boundary of the snapshot that the table starts from; of the oldest one where chunks come from several. */
  readonly snapshotPosition: Position | undefined
  /** Where a paused or failed table stood, to return to. */
  readonly resumeState: TableState | undefined
  readonly lastError: string | undefined
  readonly lastErrorCode: string | undefined
  readonly lastSyncMs: number | undefined
  /** Since the table was first seen. */
  readonly rowsSnapshot: number
  readonly changesMerged: number
  readonly quarantined: number
  /** `digest` of the transform that its rows went through last. Absent: none did. */
  readonly transform?: string | undefined
  /** Version of the schema that its table on the destination was last brought to. Absent: not known, the latest. */
  readonly mergedSchema?: number | undefined
  /** Its rows at the destination had come at least so far: files before it may be gone. Absent: not known. */
  readonly mergedThrough?: Position | undefined
  readonly updatedMs: number
  /** Its chunks are those of the plan. Absent: none goes on. */
  readonly backfill?: OpenBackfill | undefined
}

/** A re-read of a table that has been read before, from when it was taken up until its last row is merged. */
export interface OpenBackfill {
  /** Of the request that asked for it. */
  readonly request: string
  /** Absent: all rows. */
  readonly range?: RowRange
  /** Only the rows whose keys the request names. */
  readonly byKey?: boolean
  readonly startedMs: number
}

export interface ChunkRecord {
  readonly table: TableId
  readonly index: number
  readonly spec: string
  readonly fingerprint: string
  readonly estimatedRows: number
  readonly estimatedBytes: number
  /** Absent while the chunk is not finished: all its files are staged and recorded. */
  readonly finishedAt: Position | undefined
  readonly rows: number
  /** Of its files, once it is finished. */
  readonly batchIds: readonly string[]
}

export interface RunRecord {
  readonly id: string
  readonly source: string
  readonly startedMs: number
  readonly endedMs: number | undefined
  readonly outcome: 'running' | 'ok' | 'failed' | 'partial' | 'interrupted' | 'killed'
  readonly rowsSnapshot: number
  readonly changesStaged: number
  readonly changesMerged: number
  readonly error: string | undefined
}

export interface ErrorRecord {
  readonly source: string
  readonly table: string | undefined
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly atMs: number
}

/**
 * What people ask of a sync. A command opens it beside a running sync, which has it too; each call is atomic and durable
 * when it resolves, and seen by everyone else at once.
 */
export interface RequestBox extends AsyncDisposable {
  ask(request: ControlRequest): Promise<void>
  /** Undefined where it was never asked, or finished so long ago that it was dropped. */
  request(id: string): Promise<ControlRecord | undefined>
  /** Neither done nor refused, in the order in which they were asked. */
  openRequests(source: string): Promise<readonly ControlRecord[]>
  /** Replaces the answer before. Finished requests are bounded: the oldest beyond some hundreds of a source are dropped. */
  answerRequest(id: string, answer: ControlAnswer): Promise<void>
}

/**
 * Each call is atomic and durable when it resolves. One that fails may have been carried out all the same (the answer was
 * lost), so the same call again is harmless, and answers as if it were the first.
 */
export interface State extends RequestBox {
  /**
   * Calls `notify` within about a second after another process has asked something, and now and then without a reason.
   * Nothing is asked of a server while nobody asks. Until disposed, or the state is.
   */
  watchRequests(notify: () => void): Disposable

  source(source: string): Promise<SourceRecord | undefined>
  saveSource(record: SourceRecord): Promise<void>
  tables(source: string): Promise<readonly TableRecord[]>
  saveTable(record: TableRecord): Promise<void>
  removeTable(table: TableId): Promise<void>

  /** Replaces the plan of a table by exactly these chunks, finished ones as they are given. */
  savePlan(table: TableId, chunks: readonly ChunkRecord[]): Promise<void>
  chunks(table: TableId): Promise<readonly ChunkRecord[]>
  /** Marks a chunk finished and records its files, in one step. */
  finishChunk(chunk: ChunkRecord, files: readonly StageFile[]): Promise<void>
  clearChunks(table: TableId): Promise<void>

  /**
   * Records files, how far the source is covered, and what its stream must remember, in one step. Tables that have no
   * token among `tokens` keep theirs.
   */
  recordStaged(
    source: string,
    files: readonly StageFile[],
    stagedThroughLsn: bigint,
    tokens?: readonly StreamToken[],
  ): Promise<void>
  /** Replaces the token of a table. Each has some MiB at most. */
  saveToken(token: StreamToken): Promise<void>
  /** In no particular order; `removeTable` and `discardWaiting` drop that of their table. */
  tokens(source: string): Promise<readonly StreamToken[]>
  /** Files not loaded yet, in the order in which they were recorded. */
  waiting(source: string, table?: TableId): Promise<readonly StageFile[]>
  markLoaded(batchIds: readonly string[], loadedMs: number): Promise<void>
  /**
   * The destination's checkpoint decides: change files of the table that end before it count as loaded, all others as
   * waiting, whatever the ledger said. Snapshot files are left as they are.
   */
  reconcileLoaded(table: TableId, checkpoint: Position, loadedMs: number): Promise<void>
  /** Loaded before the given time: what retention may remove. */
  loadedBefore(beforeMs: number, limit: number): Promise<readonly StageFile[]>
  forget(batchIds: readonly string[]): Promise<void>
  /** Raises `prunedThrough` of a source, leaving the rest of its record alone. Called before the files are removed. */
  notePruned(source: string, through: Position): Promise<void>
  /**
   * The table will be read again: drops its stream token, and all its waiting files from the ledger. Returns the files for
   * removal.
   */
  discardWaiting(table: TableId): Promise<readonly StageFile[]>

  saveRun(run: RunRecord): Promise<void>
  runs(source: string, limit: number): Promise<readonly RunRecord[]>
  /** Bounded: the oldest beyond some thousands are dropped. */
  recordError(error: ErrorRecord): Promise<void>
  errors(source: string, limit: number): Promise<readonly ErrorRecord[]>
}
