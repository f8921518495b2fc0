/**
 * Operational state in an SQLite file: write-ahead log, each call one transaction that is on disk when it returns
 * (`synchronous = FULL`). One process writes; others may read at the same time.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StreamToken } from '../../core/source.ts'
import type { StageFile } from '../../core/stage.ts'
import type { ChunkRecord, ErrorRecord, RunRecord, SourceRecord, State, TableRecord } from '../../core/state.ts'
import type { TableId } from '../../core/table-schema.ts'
import { loadSqlite } from '../sqlite-driver.ts'
import { prepareDatabase } from './database-schema.ts'
import { stateError } from './errors.ts'
import { isFileLocked, lockFile } from './file-lock.ts'
import { Ledger } from './ledger.ts'
import { RequestTable } from './request-table.ts'
import { watchDatabase } from './request-watch.ts'
import { RunHistory } from './run-history.ts'
import { TokenTable } from './token-table.ts'

type Driver = typeof import('node:sqlite')
/** For another program that has the file locked for a moment. */
const WAIT_MS = 5_000

export interface SqliteStateOptions {
  /** Absolute, or relative to the working directory. */
  readonly path: string
  /** `write`: the only one, else `state_locked`. `read`: beside a writer; a file that does not exist is empty. */
  readonly mode: 'read' | 'write'
}

export async function openSqliteState(options: SqliteStateOptions): Promise<State> {
  const sqlite = loadSqlite()
  const path = resolve(options.path)
  const mayWrite = options.mode === 'write'
  let lock: Disposable | undefined
  let database: DatabaseSync | undefined
  try {
    if (!mayWrite && !existsSync(path)) return emptyState(sqlite, path)
    if (mayWrite) {
      mkdirSync(dirname(path), { recursive: true })
      lock = lockFile(path, () => holderOf(sqlite, path))
    }
    database = new sqlite.DatabaseSync(path, { timeout: WAIT_MS, readOnly: !mayWrite })
    if (mayWrite) database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    if (!prepareDatabase(database, path, mayWrite)) {
      database.close()
      return emptyState(sqlite, path)
    }
    if (mayWrite) {
      database.prepare('INSERT OR REPLACE INTO holder (one, pid) VALUES (1, ?)').run(process.pid)
    }
    return new SqliteState(database, path, lock)
  } catch (error) {
    if (database?.isOpen) database.close()
    lock?.[Symbol.dispose]()
    throw stateError(error, `Opening the state ${path}`, path)
  }
}

/** True while some process has the state open for writing: a sync is running. */
export async function isSqliteStateInUse(path: string): Promise<boolean> {
  return isFileLocked(resolve(path))
}

/** What a reader sees before the first sync. */
function emptyState(sqlite: Driver, path: string): State {
  const empty = new sqlite.DatabaseSync(':memory:')
  prepareDatabase(empty, path, true)
  return new SqliteState(empty, path, undefined)
}

/** The process that opened the file for writing last. */
function holderOf(sqlite: Driver, path: string): string | undefined {
  if (!existsSync(path)) return undefined
  using database = new sqlite.DatabaseSync(path, { timeout: WAIT_MS, readOnly: true })
  const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'holder'").get()
  const row = known === undefined ? undefined : database.prepare('SELECT pid FROM holder').get()
  return row === undefined ? undefined : String(row.pid)
}

class SqliteState implements State {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #lock: Disposable | undefined
  readonly #ledger: Ledger
  readonly #requests: RequestTable
  readonly #tokens: TokenTable
  readonly #history: RunHistory
  readonly #watches = new DisposableStack()

  constructor(database: DatabaseSync, path: string, lock: Disposable | undefined) {
    this.#database = database
    this.#path = path
    this.#lock = lock
    this.#ledger = new Ledger(database)
    this.#requests = new RequestTable(database)
    this.#tokens = new TokenTable(database)
    this.#history = new RunHistory(database)
    if (lock !== undefined) this.#ledger.forgetUnusedSchemas()
  }

  source(source: string): Promise<SourceRecord | undefined> {
    return this.#read(() => {
      const row = this.#one('SELECT document, staged_through, pruned_through FROM sources WHERE source = ?', source)
      if (row === undefined) return undefined
      const stagedThroughLsn = BigInt(`0x${row.staged_through}`)
      return {
        ...(JSON.parse(String(row.document)) as Pick<SourceRecord, 'source' | 'generation' | 'identity'>),
        stagedThroughLsn,
        confirmedLsn: stagedThroughLsn,
        prunedThrough: row.pruned_through === null ? undefined : (String(row.pruned_through) as Position),
      }
    })
  }

  saveSource({ source, generation, identity, stagedThroughLsn, prunedThrough }: SourceRecord): Promise<void> {
    return this.#write(() => {
      this.#run(
        `INSERT INTO sources (source, document, staged_through, pruned_through) VALUES (?, ?, ?, ?)
         ON CONFLICT (source) DO UPDATE SET document = excluded.document, staged_through = excluded.staged_through, pruned_through = excluded.pruned_through`,
        source,
        JSON.stringify({ source, generation, identity }),
        hex(stagedThroughLsn),
        prunedThrough ?? null,
      )
    })
  }

  tables(source: string): Promise<readonly TableRecord[]> {
    return this.#read(() => {
      const rows = this.#database
        .prepare('SELECT document FROM tables WHERE source = ? ORDER BY namespace, name')
        .all(source)
      return rows.map((row) => revive<TableRecord>(row.document, UNSET_TABLE_FIELDS))
    })
  }

  saveTable(record: TableRecord): Promise<void> {
    const { source, namespace, name } = record.table
    return this.#write(() => {
      this.#run(
        'INSERT OR REPLACE INTO tables (source, namespace, name, state, document) VALUES (?, ?, ?, ?, ?)',
        source,
        namespace,
        name,
        record.state,
        JSON.stringify(record),
      )
    })
  }

  removeTable({ source, namespace, name }: TableId): Promise<void> {
    return this.#write(() => {
      this.#run('DELETE FROM tables WHERE source = ? AND namespace = ? AND name = ?', source, namespace, name)
      this.#run('DELETE FROM chunks WHERE source = ? AND namespace = ? AND name = ?', source, namespace, name)
      this.#tokens.drop({ source, namespace, name })
    })
  }

  savePlan(table: TableId, chunks: readonly ChunkRecord[]): Promise<void> {
    return this.#write(() => {
      this.#clearChunks(table)
      for (const chunk of chunks) this.#saveChunk(chunk)
    })
  }

  chunks({ source, namespace, name }: TableId): Promise<readonly ChunkRecord[]> {
    return this.#read(() => {
      const sql = 'SELECT document FROM chunks WHERE source = ? AND namespace = ? AND name = ? ORDER BY chunk'
      const rows = this.#database.prepare(sql).all(source, namespace, name)
      return rows.map((row) => revive<ChunkRecord>(row.document, { finishedAt: undefined }))
    })
  }

  finishChunk(chunk: ChunkRecord, files: readonly StageFile[]): Promise<void> {
    return this.#write(() => {
      this.#saveChunk(chunk)
      for (const file of files) this.#ledger.insert(file)
    })
  }

  clearChunks(table: TableId): Promise<void> {
    return this.#write(() => this.#clearChunks(table))
  }

  recordStaged(
    source: string,
    files: readonly StageFile[],
    stagedThroughLsn: bigint,
    tokens: readonly StreamToken[] = [],
  ): Promise<void> {
    return this.#write(() => {
      for (const file of files) this.#ledger.insert(file)
      for (const token of tokens) this.#tokens.save(token)
      const changed = this.#run('UPDATE sources SET staged_through = ? WHERE source = ?', hex(stagedThroughLsn), source)
      invariant(changed === 1, 'a source is saved before its files are recorded')
    })
  }

  saveToken(token: StreamToken): Promise<void> {
    return this.#write(() => this.#tokens.save(token))
  }

  tokens(source: string): Promise<readonly StreamToken[]> {
    return this.#read(() => this.#tokens.all(source))
  }

  waiting(source: string, table?: TableId): Promise<readonly StageFile[]> {
    return this.#read(() => this.#ledger.waiting(source, table))
  }

  markLoaded(batchIds: readonly string[], loadedMs: number): Promise<void> {
    if (batchIds.length === 0) return Promise.resolve()
    return this.#write(() => {
      for (const batchId of batchIds) this.#ledger.markLoaded(batchId, loadedMs)
    })
  }

  reconcileLoaded(table: TableId, checkpoint: Position, loadedMs: number): Promise<void> {
    return this.#write(() => this.#ledger.reconcile(table, checkpoint, loadedMs))
  }

  loadedBefore(beforeMs: number, limit: number): Promise<readonly StageFile[]> {
    return this.#read(() => this.#ledger.loadedBefore(beforeMs, limit))
  }

  forget(batchIds: readonly string[]): Promise<void> {
    return this.#write(() => {
      for (const batchId of batchIds) this.#ledger.forget(batchId)
    })
  }

  notePruned(source: string, through: Position): Promise<void> {
    return this.#write(() => {
      this.#run(
        'UPDATE sources SET pruned_through = ? WHERE source = ? AND (pruned_through IS NULL OR pruned_through < ?)',
        through,
        source,
        through,
      )
    })
  }

  discardWaiting(table: TableId): Promise<readonly StageFile[]> {
    return this.#write(() => {
      const files = this.#ledger.waiting(table.source, table)
      for (const file of files) this.#ledger.forget(file.batchId)
      this.#tokens.drop(table)
      return files
    })
  }

  saveRun(run: RunRecord): Promise<void> {
    return this.#write(() => this.#history.saveRun(run))
  }

  runs(source: string, limit: number): Promise<readonly RunRecord[]> {
    return this.#read(() => this.#history.runs(source, limit))
  }

  recordError(error: ErrorRecord): Promise<void> {
    return this.#write(() => this.#history.recordError(error))
  }

  errors(source: string, limit: number): Promise<readonly ErrorRecord[]> {
    return this.#read(() => this.#history.errors(source, limit))
  }

  ask(request: ControlRequest): Promise<void> {
    return this.#write(() => this.#requests.ask(request))
  }

  request(id: string): Promise<ControlRecord | undefined> {
    return this.#read(() => this.#requests.find(id))
  }

  openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#read(() => this.#requests.open(source))
  }

  answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    return this.#write(() => this.#requests.answer(id, answer))
  }

  watchRequests(notify: () => void): Disposable {
    return this.#watches.use(watchDatabase(this.#database, notify))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watches.dispose()
    if (this.#database.isOpen) this.#database.close()
    this.#lock?.[Symbol.dispose]()
  }

  #saveChunk(chunk: ChunkRecord): void {
    const { source, namespace, name } = chunk.table
    this.#run(
      'INSERT OR REPLACE INTO chunks (source, namespace, name, chunk, document) VALUES (?, ?, ?, ?, ?)',
      source,
      namespace,
      name,
      chunk.index,
      JSON.stringify(chunk),
    )
  }

  #clearChunks({ source, namespace, name }: TableId): void {
    this.#run('DELETE FROM chunks WHERE source = ? AND namespace = ? AND name = ?', source, namespace, name)
  }

  #one(sql: string, ...parameters: (string | number | null)[]): Record<string, unknown> | undefined {
    return this.#database.prepare(sql).get(...parameters)
  }

  /** Returns the number of rows that it changed. */
  #run(sql: string, ...parameters: (string | number | null)[]): number {
    return Number(this.#database.prepare(sql).run(...parameters).changes)
  }

  async #read<T>(work: () => T): Promise<T> {
    try {
      return work()
    } catch (error) {
      throw stateError(error, `Reading the state ${this.#path}`, this.#path)
    }
  }

  async #write<T>(work: () => T): Promise<T> {
    invariant(this.#lock !== undefined, 'a state that was opened for reading is not written')
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        this.#ledger.forgetCached()
        throw error
      }
    } catch (error) {
      throw stateError(error, `Writing the state ${this.#path}`, this.#path)
    }
  }
}

const UNSET_TABLE_FIELDS = {
  snapshotPosition: undefined,
  resumeState: undefined,
  lastError: undefined,
  lastErrorCode: undefined,
  lastSyncMs: undefined,
}

/** JSON has no `undefined`: what was left out is put back. */
function revive<T>(document: unknown, absent: Partial<T>): T {
  return { ...absent, ...(JSON.parse(String(document)) as object) } as T
}

/** 64-bit numbers do not fit SQLite's signed ones. */
function hex(lsn: bigint): string {
  return lsn.toString(16)
}
