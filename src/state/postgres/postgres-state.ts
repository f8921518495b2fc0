/**
 * Operational state as tables of a PostgreSQL schema. Each call is one transaction. One process writes, from whichever
 * machine; others may read at the same time, and ask.
 */
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StreamToken } from '../../core/source.ts'
import type { StageFile } from '../../core/stage.ts'
import type { ChunkRecord, ErrorRecord, RunRecord, SourceRecord, State, TableRecord } from '../../core/state.ts'
import type { TableId } from '../../core/table-schema.ts'
import { type StateClient, StateConnection } from './connection.ts'
import { examineTables, prepareTables, quotedSchema } from './database-schema.ts'
import type { Place } from './errors.ts'
import { FileTable } from './file-table.ts'
import { RequestTable } from './request-table.ts'
import { RunTables } from './run-tables.ts'
import { lsnText, parseLsn, plainText, sourceTable, timestamp } from './values.ts'
import { hasWriter } from './writer-lock.ts'

export interface PostgresStatePlace extends Place {
  readonly connect: (signal: AbortSignal) => Promise<StateClient>
}

export interface PostgresStateOptions extends PostgresStatePlace {
  /** `write`: the only one, else `state_locked`. `read`: beside a writer; a schema that does not exist is empty. */
  readonly mode: 'read' | 'write'
}

export async function openPostgresState({ mode, connect, ...place }: PostgresStateOptions): Promise<State> {
  const connection = new StateConnection({ place, connect, exclusive: mode === 'write' })
  try {
    const isThere = await prepareTables(connection, place, mode)
    const state = new PostgresState(connection, place, mode, isThere)
    if (mode === 'write') await state.tidy()
    return state
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

/** True while some process has the state open for writing: a sync is running. */
export async function isPostgresStateInUse({ connect, ...place }: PostgresStatePlace): Promise<boolean> {
  await using connection = new StateConnection({ place, connect, exclusive: false })
  return await connection.run('Examining', (client) => hasWriter(client, place))
}

/** Throws what a writer would meet, and makes nothing. */
export async function examinePostgresState({ connect, ...place }: PostgresStatePlace): Promise<void> {
  await using connection = new StateConnection({ place, connect, exclusive: false })
  await examineTables(connection, place)
}

interface SourceRow {
  readonly document: Omit<SourceRecord, 'stagedThroughLsn' | 'confirmedLsn' | 'prunedThrough'>
  readonly staged_through: string
  readonly pruned_through: string | null
}

class PostgresState implements State {
  readonly #connection: StateConnection
  readonly #mode: 'read' | 'write'
  /** False: a reader came before the first sync. */
  readonly #isThere: boolean
  readonly #s: string
  readonly #files: FileTable
  readonly #runs: RunTables
  readonly #requests: RequestTable
  /** Files that are no longer in the ledger, while whoever discarded them may not have been told. */
  readonly #discarded = new Map<string, Map<string, StageFile>>()

  constructor(connection: StateConnection, place: Place, mode: 'read' | 'write', isThere: boolean) {
    this.#connection = connection
    this.#mode = mode
    this.#isThere = isThere
    this.#s = quotedSchema(place)
    this.#files = new FileTable(this.#s)
    this.#runs = new RunTables(this.#s)
    this.#requests = new RequestTable(connection, place)
  }

  async tidy(): Promise<void> {
    await this.#write((client) => this.#files.forgetUnusedSchemas(client))
  }

  source(source: string): Promise<SourceRecord | undefined> {
    return this.#read(undefined, async (client) => {
      const sql = `SELECT document, staged_through, pruned_through FROM ${this.#s}.sync_sources WHERE source = $1`
      const [row] = await client.query<SourceRow>(sql, [source])
      if (row === undefined) return undefined
      const stagedThroughLsn = parseLsn(row.staged_through)
      const prunedThrough = row.pruned_through === null ? undefined : (row.pruned_through as Position)
      // What is staged is what was confirmed: it is written before it is sent.
      return { ...row.document, stagedThroughLsn, confirmedLsn: stagedThroughLsn, prunedThrough }
    })
  }

  saveSource({ stagedThroughLsn, confirmedLsn: _, prunedThrough, ...record }: SourceRecord): Promise<void> {
    return this.#writeOne(
      `INSERT INTO ${this.#s}.sync_sources (source, staged_through, pruned_through, document) VALUES ($1, $2, $3, $4)
       ON CONFLICT (source) DO UPDATE SET staged_through = excluded.staged_through,
         pruned_through = excluded.pruned_through, document = excluded.document`,
      [record.source, lsnText(stagedThroughLsn), prunedThrough ?? null, JSON.stringify(record)],
    )
  }

  tables(source: string): Promise<readonly TableRecord[]> {
    return this.#read([], async (client) => {
      const rows = await client.query<{ document: TableRecord }>(
        `SELECT document FROM ${this.#s}.sync_watermarks WHERE source = $1 ORDER BY namespace, name`,
        [source],
      )
      return rows.map(({ document }) => ({ ...UNSET_TABLE_FIELDS, ...document }))
    })
  }

  saveTable(record: TableRecord): Promise<void> {
    const { table, state, lastSyncMs, lastError, rowsSnapshot, changesMerged } = record
    // The watermark is moved by what is loaded; a table that begins anew has none.
    return this.#writeOne(
      `INSERT INTO ${this.#s}.sync_watermarks AS old
         (source_table, source, namespace, name, last_run, last_status, last_error, rows_processed, document)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       ON CONFLICT (source_table) DO UPDATE SET last_run = excluded.last_run, last_status = excluded.last_status,
         last_error = excluded.last_error, rows_processed = excluded.rows_processed, document = excluded.document,
         last_watermark = CASE WHEN excluded.last_status = 'pending' THEN NULL ELSE old.last_watermark END`,
      [
        sourceTable(table),
        table.source,
        table.namespace,
        table.name,
        timestamp(lastSyncMs),
        state,
        plainText(lastError),
        rowsSnapshot + changesMerged,
        JSON.stringify(record),
      ],
    )
  }

  removeTable(table: TableId): Promise<void> {
    return this.#write(async (client) => {
      for (const name of ['sync_watermarks', 'sync_chunks', 'sync_tokens']) await this.#delete(client, name, table)
    })
  }

  savePlan(table: TableId, chunks: readonly ChunkRecord[]): Promise<void> {
    return this.#write(async (client) => {
      await this.#delete(client, 'sync_chunks', table)
      await this.#saveChunks(client, chunks)
    })
  }

  chunks({ source, namespace, name }: TableId): Promise<readonly ChunkRecord[]> {
    return this.#read([], async (client) => {
      const rows = await client.query<{ document: ChunkRecord }>(
        `SELECT document FROM ${this.#s}.sync_chunks WHERE source = $1 AND namespace = $2 AND name = $3 ORDER BY chunk`,
        [source, namespace, name],
      )
      return rows.map(({ document }) => ({ ...document, finishedAt: document.finishedAt }))
    })
  }

  finishChunk(chunk: ChunkRecord, files: readonly StageFile[]): Promise<void> {
    return this.#write(async (client) => {
      await this.#saveChunks(client, [chunk])
      await this.#files.insert(client, files)
    })
  }

  clearChunks(table: TableId): Promise<void> {
    return this.#write((client) => this.#delete(client, 'sync_chunks', table))
  }

  recordStaged(
    source: string,
    files: readonly StageFile[],
    stagedThroughLsn: bigint,
    tokens: readonly StreamToken[] = [],
  ): Promise<void> {
    return this.#write(async (client) => {
      await this.#files.insert(client, files)
      for (const token of tokens) await this.#saveToken(client, token)
      const changed = await client.query(
        `UPDATE ${this.#s}.sync_sources SET staged_through = $2 WHERE source = $1 RETURNING 1`,
        [source, lsnText(stagedThroughLsn)],
      )
      invariant(changed.length === 1, 'a source is saved before its files are recorded')
    })
  }

  saveToken(token: StreamToken): Promise<void> {
    return this.#write((client) => this.#saveToken(client, token))
  }

  tokens(source: string): Promise<readonly StreamToken[]> {
    return this.#read([], async (client) => {
      const rows = await client.query<{ namespace: string; name: string; token: string }>(
        `SELECT namespace, name, token FROM ${this.#s}.sync_tokens WHERE source = $1`,
        [source],
      )
      return rows.map(({ namespace, name, token }) => ({ table: { source, namespace, name }, token }))
    })
  }

  waiting(source: string, table?: TableId): Promise<readonly StageFile[]> {
    return this.#read([], (client) => this.#files.waiting(client, source, table))
  }

  markLoaded(batchIds: readonly string[], loadedMs: number): Promise<void> {
    if (batchIds.length === 0) return Promise.resolve()
    return this.#write((client) => this.#files.markLoaded(client, batchIds, loadedMs))
  }

  reconcileLoaded(table: TableId, checkpoint: Position, loadedMs: number): Promise<void> {
    return this.#write((client) => this.#files.reconcile(client, table, checkpoint, loadedMs))
  }

  loadedBefore(beforeMs: number, limit: number): Promise<readonly StageFile[]> {
    return this.#read([], (client) => this.#files.loadedBefore(client, beforeMs, limit))
  }

  forget(batchIds: readonly string[]): Promise<void> {
    if (batchIds.length === 0) return Promise.resolve()
    return this.#write((client) => this.#files.forget(client, batchIds))
  }

  notePruned(source: string, through: Position): Promise<void> {
    return this.#writeOne(
      `UPDATE ${this.#s}.sync_sources SET pruned_through = $2
       WHERE source = $1 AND (pruned_through IS NULL OR pruned_through < $2)`,
      [source, through],
    )
  }

  async discardWaiting(table: TableId): Promise<readonly StageFile[]> {
    const key = sourceTable(table)
    const discarded = this.#discarded.get(key) ?? new Map<string, StageFile>()
    this.#discarded.set(key, discarded)
    await this.#write(async (client) => {
      const files = await this.#files.waiting(client, table.source, table)
      // Were the answer to the commit lost, they would be found here by the call that comes again.
      for (const file of files) discarded.set(file.batchId, file)
      const batchIds = files.map((file) => file.batchId)
      await this.#files.forget(client, batchIds)
      await this.#delete(client, 'sync_tokens', table)
    })
    this.#discarded.delete(key)
    return [...discarded.values()]
  }

  saveRun(run: RunRecord): Promise<void> {
    return this.#write((client) => this.#runs.saveRun(client, run))
  }

  runs(source: string, limit: number): Promise<readonly RunRecord[]> {
    return this.#read([], (client) => this.#runs.runs(client, source, limit))
  }

  recordError(error: ErrorRecord): Promise<void> {
    return this.#write((client) => this.#runs.recordError(client, error))
  }

  errors(source: string, limit: number): Promise<readonly ErrorRecord[]> {
    return this.#read([], (client) => this.#runs.errors(client, source, limit))
  }

  ask(request: ControlRequest): Promise<void> {
    return this.#requests.ask(request)
  }

  async request(id: string): Promise<ControlRecord | undefined> {
    return this.#isThere ? await this.#requests.find(id) : undefined
  }

  async openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#isThere ? await this.#requests.open(source) : []
  }

  answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    return this.#requests.answer(id, answer)
  }

  watchRequests(notify: () => void): Disposable {
    return this.#connection.listen(notify)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]()
  }

  async #saveChunks(client: StateClient, chunks: readonly ChunkRecord[]): Promise<void> {
    if (chunks.length === 0) return
    const column = (of: (chunk: ChunkRecord) => string | number) => chunks.map(of)
    await client.query(
      `INSERT INTO ${this.#s}.sync_chunks (source, namespace, name, chunk, document)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::json[])
       ON CONFLICT (source, namespace, name, chunk) DO UPDATE SET document = excluded.document`,
      [
        column((chunk) => chunk.table.source),
        column((chunk) => chunk.table.namespace),
        column((chunk) => chunk.table.name),
        column((chunk) => chunk.index),
        column((chunk) => JSON.stringify(chunk)),
      ],
    )
  }

  async #saveToken(client: StateClient, { table, token }: StreamToken): Promise<void> {
    await client.query(
      `INSERT INTO ${this.#s}.sync_tokens (source, namespace, name, token) VALUES ($1, $2, $3, $4)
       ON CONFLICT (source, namespace, name) DO UPDATE SET token = excluded.token`,
      [table.source, table.namespace, table.name, token],
    )
  }

  async #delete(client: StateClient, from: string, { source, namespace, name }: TableId): Promise<void> {
    await client.query(`DELETE FROM ${this.#s}.${from} WHERE source = $1 AND namespace = $2 AND name = $3`, [
      source,
      namespace,
      name,
    ])
  }

  async #read<T>(empty: T, work: (client: StateClient) => Promise<T>): Promise<T> {
    return this.#isThere ? await this.#connection.run('Reading', work) : empty
  }

  async #write<T>(work: (client: StateClient) => Promise<T>): Promise<T> {
    this.#requireWritable()
    return await this.#connection.transaction('Writing', work)
  }

  /** One statement is a transaction by itself. */
  async #writeOne(sql: string, values: readonly unknown[]): Promise<void> {
    this.#requireWritable()
    await this.#connection.run('Writing', (client) => client.query(sql, values))
  }

  #requireWritable(): void {
    if (this.#mode === 'write') return
    throw new PipelineError('internal', 'Keeping the promise "a state that was opened for reading is not written"')
  }
}

/** JSON has no `undefined`: what was left out is put back. */
const UNSET_TABLE_FIELDS = {
  snapshotPosition: undefined,
  resumeState: undefined,
  lastError: undefined,
  lastErrorCode: undefined,
  lastSyncMs: undefined,
}
