/**
 * The stream of changes of one slot: pulls messages from the connection, hands them to the decoder, and yields what
 * comes of it.
 *
 *   receiving ──batch full, boundary due──▶ yielding ──▶ receiving
 *       │ relation to be resolved
 *       ▼
 *   asking the catalog ──resolved──▶ receiving
 *       │ the options of the connection do not fit (values that can be read only as text; a transaction in progress
 *       ▼   that changed a table it writes to)
 *   reconnecting where this connection stopped ──▶ receiving
 *
 * A lost connection is thrown, not mended: the engine knows what is durable, and opens a new stream from there.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isPipelineError, PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { boundary } from '../../core/position.ts'
import type { ChangeStream, StreamEvent, StreamRequest, StreamTable } from '../../core/source.ts'
import { tableName } from '../../core/table-schema.ts'
import { BoundaryPacer } from './boundary-pacer.ts'
import { ChangeDecoder } from './change-decoder.ts'
import { connect, type PostgresClient } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { sqlState } from './errors.ts'
import { parseLsn } from './lsn.ts'
import { currentLsn } from './prepare.ts'
import { adoptAltered, resolveRelation } from './relation-resolver.ts'
import {
  COPY_DATA,
  ReplicationConnection,
  type ReplicationOptions,
  WAL_DATA_HEADER_BYTES,
} from './replication-connection.ts'
import { RowBuffers } from './row-buffers.ts'
import { SchemaWatch } from './schema-watch.ts'
import { FollowedTable } from './stream-state.ts'
import type { SystemIdentity } from './system-identity.ts'

export interface StreamSource {
  readonly settings: ConnectionSettings
  readonly slot: string
  readonly publications: readonly string[]
  /** The server that is meant, as far as that is known. */
  readonly identity?: SystemIdentity | undefined
  /** How often the catalog is asked for alterations that no change has told of. Milliseconds; default 10 s. */
  readonly lookEveryMs?: number
}

const LOOK_EVERY_MS = 10_000

// How often the server is asked how far it has read, while a boundary is wanted; and how long it may take before a
// record is written for it to read.
const ASK_EVERY_MS = 100
const HEARTBEAT_AFTER_ASKS = 10
const SOURCE_LSN_EVERY_MS = 5_000
const SLOT_FREE_AFTER_MS_MAX = 5_000
const SLOT_RETRY_MS = 50
/** How long transactions are received at their commit only, where it is not known when the one that caused it ended. */
const AT_COMMIT_MS = 60_000
const UNDEFINED_FUNCTION = '42883'
const OBJECT_NOT_IN_PREREQUISITE_STATE = '55000'

export async function openStream(
  source: StreamSource,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<PostgresStream> {
  const stream = new PostgresStream(source, request, signal)
  await stream.start()
  return stream
}

export class PostgresStream implements ChangeStream {
  readonly #source: StreamSource
  readonly #generation: number
  readonly #signal: AbortSignal
  readonly #events: StreamEvent[] = []
  readonly #tables: Map<string, FollowedTable>
  readonly #buffers: RowBuffers
  readonly #pacer: BoundaryPacer
  readonly #decoder: ChangeDecoder
  readonly #watch: SchemaWatch
  #connection: ReplicationConnection | undefined
  #catalog: PostgresClient | undefined
  #binary = true
  /** Set while transactions are received at their commit only: because of which one, and since when. */
  #atCommit: { readonly transaction: number; readonly sinceMs: number } | undefined
  /** Warnings about publications that are to be expected. */
  readonly #missing = new Set<string>()
  #asks = 0
  #askedMs = Number.NEGATIVE_INFINITY
  #sourceLsn: bigint
  #sourceLsnAskedMs = Number.NEGATIVE_INFINITY
  #confirmedLsn = 0n
  #disposed = false

  constructor(source: StreamSource, request: StreamRequest, signal: AbortSignal) {
    this.#source = source
    this.#generation = request.generation
    this.#signal = signal
    this.#tables = new Map(
      request.tables.map((table) => {
        const followed = new FollowedTable(table, request.generation)
        return [followed.name, followed]
      }),
    )
    this.#buffers = new RowBuffers(request)
    this.#pacer = new BoundaryPacer(request.flushAfterMs, request.fromLsn, performance.now())
    this.#decoder = new ChangeDecoder(request.generation, this.#tables, this.#buffers, this.#pacer, this.#events)
    this.#watch = new SchemaWatch(source.publications, source.lookEveryMs ?? LOOK_EVERY_MS)
    this.#sourceLsn = request.fromLsn
  }

  async start(): Promise<void> {
    await this.#look()
    this.#connection = await this.#open(this.#pacer.readThrough)
  }

  confirm(lsn: bigint): void {
    if (lsn > this.#confirmedLsn) this.#confirmedLsn = lsn
    this.#connection?.confirm(lsn)
  }

  addTable(table: StreamTable): void {
    this.#decoder.addTable(new FollowedTable(table, this.#generation))
  }

  requestBoundary(lsn: bigint): void {
    this.#pacer.request(lsn)
    this.#watch.lookSoon()
    this.#asks = 0
    this.#askedMs = Number.NEGATIVE_INFINITY
    this.#connection?.wake()
  }

  /** Commits something that the slot can move past, and whatever the server has not flushed with it. */
  async emitHeartbeat(): Promise<void> {
    const lsn = parseLsn(await currentLsn(await this.#catalogClient(), this.#signal))
    if (lsn > this.#sourceLsn) this.#sourceLsn = lsn
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    for (;;) {
      await this.#receive()
      if (this.#events.length === 0) await this.#idle()
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        if (!this.#isOutdated(event)) yield event
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#connection?.close()
    await this.#catalog?.close()
  }

  /** About a table that has been followed anew since. */
  #isOutdated(event: StreamEvent): boolean {
    if (event.kind !== 'schema') return false
    return this.#tables.get(tableName(event.schema.table))?.announced.has(event.schema) !== true
  }

  /** Takes what has been received, until something is to be yielded. */
  async #receive(): Promise<void> {
    const connection = this.#connected()
    while (this.#events.length === 0 && connection.next()) {
      const { buffer, start, end } = connection
      if (buffer[start] === COPY_DATA.keepAlive) {
        this.#keepAlive(connection, buffer, start)
        continue
      }
      const from = start + WAL_DATA_HEADER_BYTES
      let outcome = this.#decoder.take(buffer, from, end)
      while (outcome === 'relation') {
        if (!(await this.#resolve())) return
        outcome = this.#decoder.take(buffer, from, end)
      }
      if (outcome === 'done') continue
      if (outcome === 'again') return this.#receiveAtCommit(this.#decoder.again)
      if (this.#mayStreamAgain()) return this.#reconnect()
      if (this.#watch.isReached(this.#pacer.readThrough)) await this.#followAltered()
      if (this.#isBoundaryDue(performance.now())) await this.#boundary()
    }
  }

  /** Nothing is there: does what time brings, else waits. */
  async #idle(): Promise<void> {
    const now = performance.now()
    const between = this.#decoder.isBetweenTransactions
    if (between && this.#watch.isReached(this.#pacer.readThrough)) await this.#followAltered()
    if (between && this.#isBoundaryDue(now)) return this.#boundary()
    if (this.#watch.dueInMs(now) === 0) await this.#look()
    const askInMs = this.#pacer.requested === undefined ? Number.POSITIVE_INFINITY : await this.#ask(now)
    const isHeld = !between || this.#watch.isNear(this.#pacer.readThrough)
    const dueInMs = isHeld ? undefined : this.#pacer.dueInMs(now)
    try {
      const waitMs = Math.min(askInMs, dueInMs ?? Number.POSITIVE_INFINITY, this.#watch.dueInMs(now))
      await this.#connected().wait(waitMs, this.#signal)
    } catch (error) {
      // A type of which only the elements lack a binary form (an array) makes the server fail where we cannot foresee it.
      if (!this.#binary || sqlState(error) !== UNDEFINED_FUNCTION) throw error
      this.#binary = false
      await this.#reconnect()
    }
  }

  /** Asks the server how far it is, if it is time. Returns milliseconds until the next time. */
  async #ask(nowMs: number): Promise<number> {
    const leftMs = this.#askedMs + ASK_EVERY_MS - nowMs
    if (leftMs > 0) return leftMs
    this.#askedMs = nowMs
    this.#connected().sendStatus(true)
    // An idle server may hold back the end of its log until something follows.
    if (++this.#asks % HEARTBEAT_AFTER_ASKS === 0) await this.emitHeartbeat()
    return ASK_EVERY_MS
  }

  #keepAlive(connection: ReplicationConnection, buffer: Buffer, start: number): void {
    const lsn = buffer.readBigUInt64BE(start + 1)
    if (lsn > this.#sourceLsn) this.#sourceLsn = lsn
    // Its LSN is how far the server has decoded, and all commits before it have been sent by then.
    if (this.#decoder.isBetweenTransactions) {
      this.#pacer.reached(lsn)
      connection.received(lsn)
    }
    if (buffer[start + 17] === 1) connection.sendStatus(false)
  }

  /** What is complete up to a boundary includes alterations that were there when it was asked for. */
  #isBoundaryDue(nowMs: number): boolean {
    return this.#pacer.isDue(nowMs) && !this.#watch.isNear(this.#pacer.readThrough)
  }

  async #look(): Promise<void> {
    const client = await this.#catalogClient()
    const lsn = await this.#watch.look(client, this.#tables.values(), performance.now(), this.#signal)
    if (lsn !== undefined) this.#pacer.request(lsn)
    for (const { table, message } of this.#watch.takeGone())
      this.#events.push({ kind: 'notice', table: table.id, message })
  }

  /** Tables that were altered, and of which no change has told. */
  async #followAltered(): Promise<void> {
    for (const altered of this.#watch.take()) {
      await adoptAltered(await this.#catalogClient(), altered, this.#buffers, this.#events, this.#signal)
    }
  }

  async #boundary(): Promise<void> {
    if (this.#watch.dueInMs(performance.now()) === 0) await this.#look()
    this.#buffers.takeCommitted(this.#events)
    const now = performance.now()
    const content = this.#pacer.take(now)
    this.#connected().received(content.lsn)
    if (content.transactions > 0 && now - this.#sourceLsnAskedMs >= SOURCE_LSN_EVERY_MS) {
      this.#sourceLsnAskedMs = now
      await this.#askSourceLsn()
    }
    if (content.lsn > this.#sourceLsn) this.#sourceLsn = content.lsn
    this.#events.push({
      kind: 'boundary',
      through: boundary(this.#generation, content.lsn),
      ...content,
      sourceLsn: this.#sourceLsn,
    })
  }

  /** What the stream tells of its own accord is how far it has been decoded, not how much there is. */
  async #askSourceLsn(): Promise<void> {
    const client = await this.#catalogClient()
    const [row] = await client.query<{ lsn: string | null }>(
      'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn',
      [],
      this.#signal,
    )
    const lsn = row?.lsn == null ? 0n : parseLsn(row.lsn)
    if (lsn > this.#sourceLsn) this.#sourceLsn = lsn
  }

  /** False: another connection follows, and what was received is to be forgotten. */
  async #resolve(): Promise<boolean> {
    const { unresolved } = this.#decoder
    invariant(unresolved !== undefined, 'what is to be resolved is named')
    const resolution = await resolveRelation(
      await this.#catalogClient(),
      unresolved,
      this.#decoder.transaction,
      this.#binary,
      this.#buffers,
      this.#events,
      this.#signal,
    )
    switch (resolution.kind) {
      case 'resolved':
        return true
      case 'failed':
        this.#decoder.failTable(unresolved.table, resolution.error)
        return true
      case 'as-text':
        this.#binary = false
        await this.#reconnect()
        return false
      case 'at-commit':
        await this.#receiveAtCommit(unresolved.transaction?.id ?? 0)
        return false
    }
  }

  async #receiveAtCommit(transaction: number): Promise<void> {
    this.#atCommit = { transaction, sinceMs: performance.now() }
    await this.#reconnect()
  }

  /** The transaction that asked for another way is over, or long enough ago: one that was rolled back is never heard of. */
  #mayStreamAgain(): boolean {
    if (this.#atCommit === undefined) return false
    const { transaction, sinceMs } = this.#atCommit
    if (this.#decoder.transaction !== transaction && performance.now() - sinceMs < AT_COMMIT_MS) return false
    this.#atCommit = undefined
    return true
  }

  /** Goes on where this connection stopped: rows in builders stay, transactions in progress come again from their start. */
  async #reconnect(): Promise<void> {
    const fromLsn = this.#decoder.restart()
    await this.#connection?.close()
    this.#connection = await this.#open(fromLsn)
  }

  /** The slot may still be with a connection that is gone; the server takes a moment to notice. */
  async #open(fromLsn: bigint): Promise<ReplicationConnection> {
    const options: ReplicationOptions = {
      ...this.#source,
      fromLsn,
      binary: this.#binary,
      streaming: this.#atCommit === undefined,
      onWarning: (code, message) => this.#checkPublication(code, message),
    }
    const deadline = performance.now() + SLOT_FREE_AFTER_MS_MAX
    for (;;) {
      try {
        const connection = await ReplicationConnection.open(options, this.#signal)
        connection.received(fromLsn)
        if (this.#confirmedLsn > 0n) connection.confirm(this.#confirmedLsn)
        return connection
      } catch (error) {
        if (!isPipelineError(error, 'source_slot_in_use') || performance.now() > deadline) throw error
        await delay(SLOT_RETRY_MS, undefined, { signal: this.#signal })
      }
    }
  }

  /**
   * Up to version 17 a publication that does not exist at some place of the log is an error there. Version 18 only warns,
   * and sends nothing of its tables. One that is missing from the start on was made after the slot: nothing is lost.
   */
  #checkPublication(code: string, message: string): void {
    if (code !== OBJECT_NOT_IN_PREREQUISITE_STATE || this.#missing.has(message)) return
    if (!this.#decoder.hasDescribed) {
      this.#missing.add(message)
      return
    }
    throw new PipelineError('source_setting', `Reading slot ${this.#source.slot}`, {
      cause: new Error(`${message}: it was dropped, and the changes of its tables after that are not sent`),
      hint: 'simplyload checkpoint reset makes a new slot and reads the tables again',
      context: { slot: this.#source.slot },
    })
  }

  #connected(): ReplicationConnection {
    invariant(this.#connection !== undefined, 'a stream is started before it is read')
    return this.#connection
  }

  async #catalogClient(): Promise<PostgresClient> {
    if (this.#catalog === undefined || this.#catalog.lost !== undefined) {
      this.#catalog = await connect(this.#source.settings, { purpose: 'stream catalog' }, this.#signal)
    }
    return this.#catalog
  }
}
