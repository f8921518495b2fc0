/**
 * An exact pair of position and snapshot, and the workers that read it.
 *
 *   1. A temporary logical slot is created; the server exports a snapshot of exactly its consistent point.
 *   2. The holder imports it, locks the tables (ACCESS SHARE) and exports it again, for as long as it lives.
 *   3. The slot's connection is closed: a slot pins the log, a snapshot does not.
 *   4. Workers join the holder's snapshot. One that loses its connection joins again; when the holder is gone nobody can,
 *      which is `snapshot_lost`. So it is when somebody waits for a table to himself, which a new worker cannot read.
 */
import { randomBytes } from 'node:crypto'
import { SnapshotBuilder } from '../../columnar/snapshot-builder.ts'
import type { WireRules } from '../../columnar/wire-column.ts'
import type { SnapshotBatch } from '../../core/batch.ts'
import { isPipelineError, PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { boundary, type Position } from '../../core/position.ts'
import type { SnapshotChunk, SnapshotPlan, SnapshotRequest, SnapshotSession } from '../../core/source.ts'
import { type RowKeys, type RowRange, type TableSchema, tableName } from '../../core/table-schema.ts'
import { queryWithDeadline } from './bounded-wait.ts'
import type { CatalogTable } from './catalog.ts'
import { connect, type PostgresClient } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { type CopyColumns, copyColumns } from './copy-columns.ts'
import { type CopyLimits, readCopy } from './copy-reader.ts'
import { sqlState } from './errors.ts'
import { parseLsn } from './lsn.ts'
import { type Ask, planRangeChunks, rangeCondition } from './range-plan.ts'
import { keyList } from './read-rows.ts'
import { lockTables } from './snapshot-locks.ts'
import {
  type ChunkRange,
  type ChunkWish,
  type LeafSize,
  parseChunk,
  planChunks,
  planFingerprint,
  planKeyChunks,
  planLimits,
} from './snapshot-plan.ts'
import { quoteLiteral, quoteTable } from './sql-text.ts'
import { relationKey } from './table-schemas.ts'

export interface SnapshotOptions {
  readonly settings: ConnectionSettings
  readonly slotTimeoutMs: number
  /** Undefined: as whoever reads wishes. */
  readonly chunkBytes: number | undefined
  /** For the first worker, opened while tables are locked. */
  readonly ahead?: Promise<PostgresClient>
}

interface CreatedSlot {
  readonly consistent_point: string
  readonly snapshot_name: string
}

export interface ExportedSnapshot {
  readonly snapshot: string
  readonly block_bytes: number
  readonly taken_us: number
}

/** What a snapshot has beyond its rows, where no log tells what comes after it. */
export interface SnapshotRules {
  /** Rows that count, in SQL; undefined: all. */
  condition(schema: TableSchema, catalog: CatalogTable): string | undefined
  /** What polls go on from. Asked of the connection that holds the snapshot. */
  token(schema: TableSchema, catalog: CatalogTable, signal: AbortSignal): Promise<string>
}

// Bounds a connection that breaks again and again; each attempt has moved on from where the one before broke.
const JOIN_ATTEMPTS_MAX = 5

interface Worker {
  readonly client: PostgresClient
  /** The relations, by oid, whose lock it has. */
  readonly locked: Set<number>
  /** Of the chunk before, and for rows of what: its vectors have grown to the size that the next batches need. */
  used: { readonly schema: TableSchema; readonly builder: SnapshotBuilder } | undefined
}

export const BEGIN = 'BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** Throws `source_busy` when open transactions keep the slot waiting, `source_table_missing`, `snapshot_lost` for a race with DDL. */
export async function openSnapshot(
  options: SnapshotOptions,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<SnapshotSession> {
  // Waiting has its own deadlines here, and reading has none.
  const settings = { ...options.settings, statementTimeoutMs: 0 }
  await using cleanup = new AsyncDisposableStack()
  const connecting = connect(settings, { purpose: 'snapshot' }, signal)
  connecting.catch(() => undefined) // until it is awaited
  const onFailure = new AsyncDisposableStack()
  onFailure.defer(() => connecting.then((client) => client.close()).catch(() => undefined))
  try {
    const walsender = cleanup.use(await connect(settings, { replication: true, purpose: 'snapshot' }, signal))
    const holder = await connecting
    const ahead = connect(settings, { purpose: 'snapshot' }, signal)
    ahead.catch(() => undefined) // until it is awaited
    onFailure.defer(() => ahead.then((client) => client.close()).catch(() => undefined))
    const name = `simplyload_${randomBytes(8).toString('hex')}`
    const command = `CREATE_REPLICATION_SLOT "${name}" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`
    const creation = { sql: command, doing: 'Creating a slot for the snapshot', timeoutMs: options.slotTimeoutMs }
    const [slot] = await queryWithDeadline<CreatedSlot>(walsender, creation, signal)
    invariant(slot !== undefined, 'CREATE_REPLICATION_SLOT answers with one row')
    await holder.query(`${BEGIN}; SET TRANSACTION SNAPSHOT ${quoteLiteral(slot.snapshot_name)}`)
    const catalogs = await lockTables(holder, request.schemas, options.slotTimeoutMs, signal)
    const exported = await exportSnapshot(holder)
    const position = boundary(request.generation, parseLsn(slot.consistent_point))
    onFailure.move()
    return new PostgresSnapshot({ ...options, settings, ahead }, request, holder, position, catalogs, exported)
  } finally {
    await onFailure.disposeAsync()
  }
}

/** Of the transaction that is open, for as long as it is. */
export async function exportSnapshot(holder: PostgresClient): Promise<ExportedSnapshot> {
  const [exported] = await holder.query<ExportedSnapshot>(
    `SELECT pg_export_snapshot() AS snapshot, current_setting('block_size')::int AS block_bytes,
       (extract(epoch FROM now()) * 1000000)::int8::float8 AS taken_us`,
  )
  invariant(exported !== undefined, 'pg_export_snapshot answers with one row')
  return exported
}

export class PostgresSnapshot implements SnapshotSession {
  readonly position: Position
  readonly takenUs: number
  readonly #options: SnapshotOptions
  readonly #limits: CopyLimits & ChunkWish
  readonly #holder: PostgresClient
  readonly #catalogs: ReadonlyMap<string, CatalogTable>
  readonly #snapshot: string
  readonly #blockBytes: number
  readonly #rules: SnapshotRules | undefined
  readonly #idle: Worker[] = []
  /** For workers to come, opened while chunks are planned and recorded. */
  readonly #ahead: Promise<PostgresClient>[] = []
  #chunksPlanned = 0
  #connectionsOpened = 0
  #closed = false

  constructor(
    options: SnapshotOptions,
    limits: CopyLimits & ChunkWish,
    holder: PostgresClient,
    position: Position,
    catalogs: ReadonlyMap<string, CatalogTable>,
    { snapshot, block_bytes, taken_us }: ExportedSnapshot,
    rules?: SnapshotRules,
  ) {
    this.position = position
    this.takenUs = taken_us
    this.#options = options
    if (options.ahead !== undefined) this.#takeAlong(options.ahead)
    this.#limits = limits
    this.#holder = holder
    this.#catalogs = catalogs
    this.#snapshot = snapshot
    this.#blockBytes = block_bytes
    this.#rules = rules
  }

  async plan(schema: TableSchema, signal: AbortSignal, only?: RowRange | RowKeys): Promise<SnapshotPlan> {
    const catalog = this.#catalogOf(schema)
    if (only !== undefined && 'keys' in only) {
      const fingerprint = planFingerprint(schema, catalog, undefined)
      return { chunks: planKeyChunks(catalog, only), fingerprint, resumable: true }
    }
    const range = only
    const sizes = await this.#askHolder<LeafSize>(
      `SELECT oid::int8::text::float8 AS oid, pg_relation_size(oid)::float8 AS "heapBytes", pg_table_size(oid)::float8 AS "tableBytes"
       FROM unnest($1::oid[]) AS leaf(oid)`,
      [catalog.leaves.map((leaf) => leaf.oid)],
      signal,
    )
    const limits = planLimits(sizes, this.#options.chunkBytes, this.#limits, this.#blockBytes)
    const ask: Ask = (sql, values) => this.#askHolder(sql, values, signal)
    const chunks =
      range === undefined
        ? planChunks(catalog, sizes, limits)
        : await planRangeChunks(ask, catalog, sizes, limits, range)
    this.#chunksPlanned += chunks.length
    while (this.#connectionsOpened < Math.min(this.#limits.connections, this.#chunksPlanned)) {
      this.#takeAlong(connect(this.#options.settings, { purpose: 'snapshot' }, signal))
    }
    // Without a key nobody can tell which row of a later snapshot replaces one of an earlier.
    const resumable = schema.identity.kind === 'key'
    const plan = { chunks, fingerprint: planFingerprint(schema, catalog, range), resumable }
    // Of a range the stream has been told before.
    if (this.#rules === undefined || range !== undefined) return plan
    return { ...plan, token: await this.#rules.token(schema, catalog, signal) }
  }

  async *readChunk(
    schema: TableSchema,
    chunk: SnapshotChunk,
    signal: AbortSignal,
  ): AsyncGenerator<SnapshotBatch, void, undefined> {
    const range = parseChunk(schema, chunk)
    // Within one snapshot and under the lock a range of blocks always gives the same rows in the same order. Rows that
    // are picked by value may be found in another way the next time.
    let rows = 0
    for (let attempt = 1; ; attempt += 1) {
      const worker = this.#idle.pop() ?? (await this.#join(signal))
      try {
        // Had the holder gone before the worker had a lock of its own, the table could have been rewritten in between. Its
        // answer is not waited for: rows come meanwhile.
        const isLocked = await this.#lockLeaf(worker, schema, range, signal)
        const held = isLocked ? undefined : this.#requireHolder(signal)
        held?.catch(() => undefined) // until it is awaited
        const byKey = range.keys && (await this.#keyCondition(worker.client, schema, range.keys, signal))
        const { wire, sql } = this.#statement(schema, range, worker.client.wireRules, byKey)
        const { used } = worker
        const builder = used?.schema === schema ? used.builder : new SnapshotBuilder(schema, wire, this.position)
        for await (const batch of readCopy(worker.client, sql, builder, this.#limits, rows, signal)) {
          rows += batch.rows
          yield batch
        }
        await held
        worker.used = { schema, builder }
        this.#idle.push(worker)
        return
      } catch (error) {
        if (signal.aborted) throw error
        const sameOrder = rows === 0 || (range.values ?? range.keys) === undefined
        const mayGoOn = sameOrder && isPipelineError(error, 'source_connection_lost') && attempt < JOIN_ATTEMPTS_MAX
        if (!mayGoOn) throw named(error, schema)
        await this.#requireHolder(signal)
      } finally {
        if (this.#closed || !this.#idle.includes(worker)) worker.client.destroy()
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const ahead = await Promise.allSettled(this.#ahead.splice(0))
    const unused = ahead.flatMap((opened) => (opened.status === 'fulfilled' ? [opened.value] : []))
    const idle = this.#idle.splice(0).map(({ client }) => client)
    await Promise.all([this.#holder, ...unused, ...idle].map((client) => client.close()))
  }

  #catalogOf(schema: TableSchema): CatalogTable {
    const catalog = this.#catalogs.get(relationKey(schema.table))
    invariant(catalog !== undefined, 'a snapshot is asked only for tables that it was opened over')
    return catalog
  }

  /**
   * Whoever waits for the table to himself (TRUNCATE, ALTER TABLE) waits for the holder, and a worker that came after him
   * would wait for him: nobody would ever go on. Then the snapshot is given up, which lets him through.
   * Returns whether the worker had the lock before.
   */
  async #lockLeaf(
    worker: Worker,
    schema: TableSchema,
    { relation }: ChunkRange,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (worker.locked.has(relation)) return true
    const { namespace, name } = this.#leafOf(schema, relation)
    const sql = `LOCK TABLE ONLY ${quoteTable(namespace, name)} IN ACCESS SHARE MODE NOWAIT`
    await worker.client.query(sql, undefined, signal)
    worker.locked.add(relation)
    return false
  }

  #leafOf(schema: TableSchema, relation: number): CatalogTable['leaves'][number] {
    const leaf = this.#catalogOf(schema).leaves.find((candidate) => candidate.oid === relation)
    invariant(leaf !== undefined, 'chunks of an earlier snapshot are read only where the fingerprint is the same')
    return leaf
  }

  async #keyCondition(
    client: PostgresClient,
    schema: TableSchema,
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const { columns, casts, from } = await keyList(client, schema, this.#catalogOf(schema), keys, 'session', signal)
    return `(${columns}) IN (SELECT ${casts.join(', ')} FROM ${from})`
  }

  #statement(
    schema: TableSchema,
    range: ChunkRange,
    rules: WireRules,
    byKey: string | undefined,
  ): Pick<CopyColumns, 'wire'> & { sql: string } {
    const catalog = this.#catalogOf(schema)
    const leaf = this.#leafOf(schema, range.relation)
    const { wire, list } = copyColumns(schema, catalog, { values: 'binary', drift: 'refuse', rules })
    const conditions = [
      ...(range.fromBlock === undefined ? [] : [`ctid >= '(${range.fromBlock},0)'`]),
      ...(range.toBlock === undefined ? [] : [`ctid < '(${range.toBlock},0)'`]),
      ...(range.values === undefined ? [] : [rangeCondition(catalog, range.values)]),
      ...(byKey === undefined ? [] : [byKey]),
    ]
    const counts = this.#rules?.condition(schema, catalog)
    if (counts !== undefined) conditions.push(`(${counts})`)
    const from = `FROM ONLY ${quoteTable(leaf.namespace, leaf.name)} WHERE ${conditions.join(' AND ')}`
    return { wire, sql: `COPY (SELECT ${list} ${from}) TO STDOUT (FORMAT binary)` }
  }

  async #join(signal: AbortSignal): Promise<Worker> {
    let worker: PostgresClient | undefined
    try {
      worker = await (this.#ahead.shift() ?? connect(this.#options.settings, { purpose: 'snapshot' }, signal))
      await worker.query(`${BEGIN}; SET TRANSACTION SNAPSHOT ${quoteLiteral(this.#snapshot)}`)
      return { client: worker, locked: new Set(), used: undefined }
    } catch (error) {
      worker?.destroy()
      signal.throwIfAborted()
      await this.#requireHolder(signal)
      // 22023, 42704, 55000: the snapshot is not there, in the words of different versions.
      if (['22023', '42704', '55000'].includes(sqlState(error) ?? '')) throw this.#lost(error)
      throw error
    }
  }

  #takeAlong(client: Promise<PostgresClient>): void {
    client.catch(() => undefined) // until it is awaited
    this.#ahead.push(client)
    this.#connectionsOpened++
  }

  async #requireHolder(signal: AbortSignal): Promise<void> {
    await this.#askHolder('SELECT', [], signal)
  }

  async #askHolder<T>(sql: string, values: readonly unknown[], signal: AbortSignal): Promise<readonly T[]> {
    try {
      return await this.#holder.query<T>(sql, values, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#holder.lost === undefined ? error : this.#lost(error)
    }
  }

  #lost(cause: unknown): PipelineError {
    return new PipelineError('snapshot_lost', 'Joining the snapshot', { cause })
  }
}

/** Errors of one table carry its name. */
function named(error: unknown, schema: TableSchema): unknown {
  if (!isPipelineError(error)) return error
  // The root is locked: a missing column or partition means DDL between the consistent point and the lock. 55P03: somebody
  // waits for the table to himself.
  const moved = ['42703', '42P01', '55P03'].includes(sqlState(error) ?? '')
  const context = { ...error.context, table: tableName(schema.table) }
  return new PipelineError(moved ? 'snapshot_lost' : error.code, `Reading ${tableName(schema.table)}`, {
    cause: error.cause,
    context,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}
