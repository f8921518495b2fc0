/** DuckDB as a destination: one file on this machine. */
import { totalmem } from 'node:os'
import { type Clock, systemClock } from '../../core/clock.ts'
import type {
  BackfillEnd,
  CompareRequest,
  ComparingDestination,
  Destination,
  Flush,
  FlushResult,
  KeptToken,
  KeyCompareRequest,
  KeyComparingDestination,
  Lease,
  QuarantineEntry,
  SnapshotLoad,
  SnapshotLoaded,
  SourceCheckpoints,
  TableComparison,
  TargetTable,
} from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { KeyDifference } from '../../core/source.ts'
import type { Stage, StageFile } from '../../core/stage.ts'
import { type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import { filesOf } from '../../warehouse/flush-boundaries.ts'
import { finishBackfill } from './backfill.ts'
import {
  putCheckpoint,
  raiseEpoch,
  removeAllCheckpoints,
  removeCheckpoint,
  sourceCheckpoints,
  tableCheckpoints,
  takeLease,
} from './checkpoint.ts'
import { compareTable } from './comparison.ts'
import { type Access, DatabaseFile } from './database-file.ts'
import { examineDestination } from './examination.ts'
import { runFlush } from './flush.ts'
import { keptTokens, removeAllTokens, removeToken } from './kept-tokens.ts'
import { compareKeys } from './key-comparison.ts'
import { MERGE_LIMITS, type MergeLimits } from './merge-input.ts'
import { createMetadata, hasMetadata, requireKnownFormat } from './metadata-schema.ts'
import { listQuarantine } from './quarantine.ts'
import type { Session } from './session.ts'
import { beginSnapshot, finishSnapshot, loadSnapshot } from './snapshot-load.ts'
import { type QueryRows, queryRows } from './sql-query.ts'

export interface DuckDbDestinationOptions {
  readonly path: string
  /** Bound on what the sync as a whole holds in memory; DuckDB gets half of it, unless told otherwise. */
  readonly memoryBytesMax: number
  /** DuckDB's own limit. A process that merges needs about 300 MiB beside it, for what DuckDB does not count. */
  readonly memoryLimitBytes?: number
  readonly threads?: number
  /** Of the stage whose files are loaded. DuckDB reads files only: what is elsewhere is copied here first. */
  readonly fetch: Stage['fetch']
  /** How long one call waits for whoever has the file, before it is `destination_locked`. Milliseconds. */
  readonly lockWaitMs?: number
  readonly clock?: Clock
  /** For tests: what is done at once. */
  readonly mergeLimits?: MergeLimits
}

/** A reader that runs a long query is waited for; past this the engine says so and tries again. */
const LOCK_WAIT_MS = 10_000

/** A row of several 64 MiB values, of which DuckDB holds half a dozen copies. */
const LARGE_ROW_BYTES = 2 ** 30

/** Of what the machine has, something is left for everyone else. */
function memoryForLargeRows(memoryBytesMax: number): number {
  return Math.max(memoryBytesMax / 2, Math.min(Math.max(memoryBytesMax, LARGE_ROW_BYTES), totalmem() / 2))
}

/** Of a snapshot that is loaded at once, and so of copies that are on this machine at once. */
const LOAD_BYTES_MAX = 2 * 2 ** 30

/** At least one part, which may be empty. */
function inParts(files: readonly StageFile[]): readonly (readonly StageFile[])[] {
  const parts: StageFile[][] = [[]]
  let bytes = 0
  for (const file of files) {
    if (bytes > 0 && bytes + file.bytes > LOAD_BYTES_MAX) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(file)
    bytes += file.bytes
  }
  return parts
}

export function openDuckDbDestination(options: DuckDbDestinationOptions): DuckDbDestination {
  return new DuckDbDestination(options)
}

export class DuckDbDestination implements Destination, ComparingDestination, KeyComparingDestination {
  readonly name: string
  readonly #file: DatabaseFile
  readonly #fetch: Stage['fetch']
  readonly #clock: Clock
  readonly #limits: MergeLimits

  constructor(options: DuckDbDestinationOptions) {
    const { path, memoryBytesMax, fetch, threads, lockWaitMs = LOCK_WAIT_MS, clock = systemClock } = options
    const memory =
      options.memoryLimitBytes === undefined
        ? { memoryLimitBytes: Math.floor(memoryBytesMax / 2), memoryBytesMax: memoryForLargeRows(memoryBytesMax) }
        : { memoryLimitBytes: options.memoryLimitBytes, memoryBytesMax: undefined }
    this.#file = new DatabaseFile({ path, ...memory, threads, lockWaitMs, clock })
    this.#fetch = fetch
    this.#clock = clock
    this.#limits = options.mergeLimits ?? MERGE_LIMITS
    this.name = this.#file.path
  }

  examine(targets: readonly TargetTable[], signal: AbortSignal): Promise<readonly Finding[]> {
    return examineDestination(this.#file, targets, signal)
  }

  acquireLease(
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly lease: Lease; readonly checkpoints: SourceCheckpoints }> {
    return this.#use('write', 'Taking the lease', signal, async (session) => {
      if (await hasMetadata(session)) await requireKnownFormat(session, this.name)
      // By itself: its log is not replayed correctly where a transaction alters a table and changes its rows.
      await session.transaction(() => createMetadata(session))
      return session.transaction(async () => {
        const lease = await raiseEpoch(session, source)
        const checkpoints = await sourceCheckpoints(session, source)
        invariant(checkpoints !== undefined, 'a source with a lease has a group row')
        return { lease, checkpoints }
      })
    })
  }

  checkpoints(source: string, signal: AbortSignal): Promise<SourceCheckpoints | undefined> {
    return this.#read('Reading checkpoints', signal, undefined, (session) => sourceCheckpoints(session, source))
  }

  tokens(source: string, signal: AbortSignal): Promise<readonly KeptToken[]> {
    return this.#read('Reading what streams go on from', signal, [], (session) => keptTokens(session, source))
  }

  beginSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.#use('write', `Beginning the snapshot of ${tableName(target.table)}`, signal, (session) =>
      beginSnapshot(session, lease, target, schema, keep),
    )
  }

  async loadSnapshot(lease: Lease, load: SnapshotLoad, signal: AbortSignal): Promise<SnapshotLoaded> {
    let [rows, quarantined] = [0, 0]
    for (const files of inParts(load.files)) {
      await using local = await this.#fetch(files, signal)
      const part = { ...load, files }
      const loaded = await this.#use('write', `Loading ${tableName(load.target.table)}`, signal, (session) =>
        loadSnapshot(session, lease, part, (path) => local.location(path), this.#clock.nowMs()),
      )
      local.loaded()
      rows += loaded.rows
      quarantined += loaded.quarantined
    }
    return { rows, quarantined }
  }

  finishSnapshot(
    lease: Lease,
    target: TargetTable,
    _schema: TableSchema,
    position: Position,
    positions: number,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#use('write', `Finishing the snapshot of ${tableName(target.table)}`, signal, (session) =>
      session.retryWithMoreMemory(() => finishSnapshot(session, lease, target.table, position, positions)),
    )
  }

  async flush(flush: Flush, signal: AbortSignal): Promise<FlushResult> {
    await using local = await this.#fetch(flush.tables.flatMap(filesOf), signal)
    const setting = { locate: (path: string) => local.location(path), limits: this.#limits }
    const result = await this.#use('write', `Merging ${flush.lease.source}`, signal, (session) =>
      runFlush(session, flush, setting),
    )
    if (result.outcome === 'committed') local.loaded()
    return result
  }

  finishBackfill(lease: Lease, end: BackfillEnd, signal: AbortSignal): Promise<number | undefined> {
    return this.#use('write', `Finishing the backfill of ${tableName(end.target.table)}`, signal, (session) =>
      finishBackfill(session, lease, end),
    )
  }

  detach(lease: Lease, table: TableId, signal: AbortSignal): Promise<void> {
    return this.#use('write', `Detaching ${tableName(table)}`, signal, (session) =>
      session.transaction(async () => {
        await takeLease(session, lease)
        const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
        if (stored?.group !== undefined) await putCheckpoint(session, table, { ...stored, group: undefined })
      }),
    )
  }

  resetCheckpoint(lease: Lease, table: TableId | undefined, signal: AbortSignal): Promise<void> {
    return this.#use('write', `Resetting checkpoints of ${lease.source}`, signal, (session) =>
      session.transaction(async () => {
        await takeLease(session, lease)
        if (table === undefined) {
          await removeAllCheckpoints(session, lease.source)
          await removeAllTokens(session, lease.source)
        } else {
          await removeCheckpoint(session, table)
          await removeToken(session, table)
        }
      }),
    )
  }

  quarantine(
    source: string,
    { table, limit }: { readonly table?: TableId; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly QuarantineEntry[]> {
    return this.#read('Reading the quarantine', signal, [], (session) => listQuarantine(session, source, table, limit))
  }

  async compare(request: CompareRequest, signal: AbortSignal): Promise<TableComparison> {
    const table = tableName(request.target.table)
    if (!(await this.#file.exists())) throw this.#missing(`Comparing ${table}`)
    await using local = await this.#fetch(request.files, signal)
    const compared = await this.#use('read', `Comparing ${table}`, signal, (session) =>
      compareTable(session, request, (path) => local.location(path)),
    )
    local.loaded()
    return compared
  }

  async *compareKeys(request: KeyCompareRequest, signal: AbortSignal): AsyncGenerator<KeyDifference, void, undefined> {
    await using local = await this.#fetch(request.files, signal)
    yield* compareKeys(this.#file, request, (path) => local.location(path), signal)
    local.loaded()
  }

  /** Runs SQL of a person, read only. */
  async query(sql: string, signal: AbortSignal): Promise<QueryRows> {
    if (!(await this.#file.exists())) throw this.#missing('Running the query')
    return queryRows(this.#file, sql, signal)
  }

  release(): Promise<void> {
    return this.#file.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close()
  }

  #use<T>(access: Access, doing: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#file.use(access, doing, signal, work)
  }

  /** `absent`: what to say of a file that does not exist, or in which no sync has begun. */
  async #read<T>(doing: string, signal: AbortSignal, absent: T, work: (session: Session) => Promise<T>): Promise<T> {
    if (!(await this.#file.exists())) return absent
    return this.#use('read', doing, signal, async (session) => {
      if (!(await hasMetadata(session))) return absent
      await requireKnownFormat(session, this.name)
      return work(session)
    })
  }

  #missing(doing: string): PipelineError {
    return new PipelineError('not_found', doing, {
      cause: new Error(`${this.name} does not exist`),
      hint: 'Run simplyload sync first',
    })
  }
}
