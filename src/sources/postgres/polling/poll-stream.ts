/**
 * Follows tables without a log: asks each of them for what has changed, again and again.
 *
 *   waiting ──interval, or a boundary is wanted──▶ one transaction:
 *     who is in flight ─ snapshot ─ per table: what changed about it, new rows ─▶ boundary ─ keys, where it is time ─▶ boundary
 *
 * All tables of a poll are read in one snapshot, one after the other. What goes wrong ends the stream: the engine drops
 * what was not recorded and opens another one, which goes on from the tokens of the last boundary. A table that cannot go
 * on is told of first, and left out from then on.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, isPipelineError, PipelineError } from '../../../core/errors.ts'
import { invariant } from '../../../core/invariant.ts'
import { boundary, parsePosition } from '../../../core/position.ts'
import type { BoundaryToken, ChangeStream, StreamEvent, StreamRequest, StreamTable } from '../../../core/source.ts'
import { tableName } from '../../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from '../catalog.ts'
import { connect, type PostgresClient } from '../client.ts'
import type { ConnectionSettings } from '../connection-settings.ts'
import { NOTHING_COVERED } from './coverage.ts'
import { ownSessions } from './in-flight.ts'
import { KeyCheck } from './key-check.ts'
import type { PollClock, PollPlace } from './poll-clock.ts'
import { tellCheck, tellRead } from './poll-notices.ts'
import type { PollOptions } from './poll-options.ts'
import { PollProgress } from './poll-progress.ts'
import { beginPoll, type PollTransaction } from './poll-transaction.ts'
import { PolledTable, planTable } from './polled-table.ts'
import { RowHashes } from './row-hashes.ts'
import { followShape, missingReason } from './schema-follower.ts'
import { concernsTable, whatPasses } from './table-error.ts'
import { PAGE_END, type Poll, TablePoll } from './table-poll.ts'
import { tokenText } from './table-token.ts'

export interface PollSource {
  readonly settings: ConnectionSettings
  readonly clock: PollClock
  /** Undefined: as often as boundaries are asked for. Milliseconds. */
  readonly intervalMs: number | undefined
  /** How late rows may become visible, by whether open transactions are seen. */
  readonly lateArrivalsMs: (isBlind: boolean) => number
  readonly optionsOf: (table: StreamTable) => PollOptions
  /** Of a page, where many rows are to be expected. */
  readonly pageRows: number
  /** How long a table that somebody holds keeps the others waiting. */
  readonly lockTimeoutMs: number
  /** Transaction ids of before mean nothing, since the server goes on from another history; until a poll is recorded. */
  historyBroken: boolean
  /** Names of tables that have failed in this run. Survives the stream. */
  readonly failed: Set<string>
  /** Until when tables that somebody holds are left out, by name; by `performance.now`. Survives the stream. */
  readonly busy: Map<string, number>
}

/** How far the clocks of those who write cursors may differ, where open transactions are seen. */
export const LATE_ARRIVALS_MS = 10_000
/** How long transactions may last, and a standby lag behind, where they are not. */
export const LATE_ARRIVALS_BLIND_MS = 600_000
/** Polls take half of the time at most, except that a pause is no longer than this. */
const PAUSE_MS_MAX = 300_000
/** A second and a half of reading; what comes after it is not lost with the connection. */
export const PAGE_ROWS = 1_000_000
/** After so long many rows may wait. */
const CATCH_UP_AFTER_US = 300_000_000n
/** A clock that is this far behind where it was has jumped. */
const JUMP_US = 2_000_000n
/** A table that somebody holds keeps the others waiting so long, and is then left out for a while. */
export const LOCK_TIMEOUT_MS = 10_000
const BUSY_MS = 60_000

export class PollStream implements ChangeStream {
  readonly #source: PollSource
  readonly #request: StreamRequest
  readonly #signal: AbortSignal
  readonly #intervalMs: number
  readonly #tables = new Map<string, PolledTable>()
  #client: PostgresClient | undefined
  #wanted = 0n
  #reached: bigint
  /** Of the first poll. */
  #firstEnd: bigint | undefined
  #wake: AbortController | undefined
  #serverUs: bigint
  #lastPollMs: number | undefined
  #lastRows = Number.POSITIVE_INFINITY
  #disposed = false

  constructor(source: PollSource, request: StreamRequest, signal: AbortSignal) {
    this.#source = source
    this.#request = request
    this.#signal = signal
    this.#intervalMs = source.intervalMs ?? request.flushAfterMs
    this.#reached = request.fromLsn
    this.#serverUs = request.fromLsn
    source.clock.raise(request.fromLsn)
    for (const table of request.tables) this.#follow(table)
  }

  /** Nobody keeps a log for us. */
  confirm(lsn: bigint): void {
    if (this.#firstEnd !== undefined && lsn >= this.#firstEnd) this.#source.historyBroken = false
  }

  addTable(table: StreamTable): void {
    this.#source.failed.delete(tableName(table.schema.table))
    this.#follow(table)
  }

  requestBoundary(lsn: bigint): void {
    if (lsn > this.#wanted) this.#wanted = lsn
    this.#wake?.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    for (let waitMs = 0; ; ) {
      if (this.#wanted <= this.#reached) await this.#wait(waitMs)
      this.#signal.throwIfAborted()
      const startedMs = performance.now()
      yield* this.#poll()
      const tookMs = performance.now() - startedMs
      waitMs = Math.max(this.#intervalMs - tookMs, Math.min(tookMs, PAUSE_MS_MAX))
      this.#lastPollMs = performance.now()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#client?.close()
  }

  #follow(table: StreamTable): void {
    // It may have been read after the last boundary that was recorded, and what comes now is newer.
    this.#source.clock.raise(parsePosition(table.startAt)?.lsn ?? 0n)
    const name = tableName(table.schema.table)
    if (table.token === undefined || this.#source.failed.has(name)) this.#tables.delete(name)
    else {
      const polled = new PolledTable(table, table.token, this.#source.optionsOf(table))
      if (this.#source.historyBroken)
        polled.token = { ...polled.token, covered: NOTHING_COVERED, sent: new RowHashes() }
      this.#tables.set(name, polled)
    }
  }

  async #wait(waitMs: number): Promise<void> {
    this.#wake = new AbortController()
    const signal = AbortSignal.any([this.#signal, this.#wake.signal])
    await delay(waitMs, undefined, { signal }).catch(() => undefined)
    this.#wake = undefined
  }

  async *#poll(): AsyncGenerator<StreamEvent> {
    const client = await this.#connected()
    const now = performance.now()
    const tables = [...this.#tables.values()].filter(
      (table) => !table.ended && (this.#source.busy.get(table.name) ?? 0) <= now && table.oid !== undefined,
    )
    const own = ownSessions(this.#source.settings.applicationName)
    const oids = tables.flatMap((table) => table.oid ?? [])
    const { taken, place } = await this.#source.clock.place(() => beginPoll(client, own, oids, this.#signal))
    const progress = new PollProgress(this.#request.generation, place, taken.serverUs)
    yield* this.#tellClock(taken)
    const poll = this.#beginPoll(client, taken, place, progress)
    yield* this.#planAll(poll, tables)
    for (const table of tables) yield* this.#guarded(table, this.#readTable(poll, table, progress))
    const due = tables.filter(
      (table) => !table.ended && table.plan !== undefined && KeyCheck.isDue(table, taken.serverUs),
    )
    if (due.length > 0 && this.#request.compareKeys !== undefined) {
      yield this.#boundary(progress.next(), progress)
      poll.numbering = progress.numbering
      for (const table of due) yield* this.#guarded(table, this.#checkKeys(poll, table, progress))
    }
    await client.query('COMMIT', undefined, this.#signal)
    this.#serverUs = taken.serverUs
    this.#lastRows = progress.rows
    this.#firstEnd ??= place.final
    yield this.#boundary(place.final, progress)
    this.#reached = place.final
  }

  #beginPoll(client: PostgresClient, transaction: PollTransaction, place: PollPlace, progress: PollProgress): Poll {
    const lateMs = this.#source.lateArrivalsMs(transaction.inFlight === undefined)
    const hasJumped = this.#serverUs - transaction.serverUs > JUMP_US
    const sinceMs = this.#lastPollMs === undefined ? 0 : performance.now() - this.#lastPollMs
    const reachBackMs = Math.max(lateMs, LATE_ARRIVALS_BLIND_MS) + sinceMs
    const isCatchingUp =
      transaction.serverUs - this.#serverUs > CATCH_UP_AFTER_US || this.#lastRows >= this.#source.pageRows
    return {
      client,
      transaction,
      clock: place.final,
      limits: this.#request,
      lookBackUs: BigInt(lateMs) * 1000n,
      reachBackUs: hasJumped ? BigInt(Math.round(reachBackMs * 1000)) : 0n,
      pageRows: isCatchingUp ? this.#source.pageRows : undefined,
      numbering: progress.numbering,
      signal: this.#signal,
    }
  }

  *#tellClock({ serverUs }: PollTransaction): Generator<StreamEvent> {
    const behindUs = this.#serverUs - serverUs
    if (behindUs <= JUMP_US || this.#lastPollMs === undefined) return
    const message = `The clock of the server has jumped back by ${behindUs / 1_000_000n} s; polls look back further until it has caught up`
    yield { kind: 'notice', table: undefined, message }
  }

  /** Finds out what has changed about tables, and how to ask them from now on. */
  async *#planAll(poll: Poll, tables: readonly PolledTable[]): AsyncGenerator<StreamEvent> {
    const { shapes } = poll.transaction
    const unplanned = tables.filter((table) => {
      const shape = shapes.get(table.oid ?? 0)
      return shape !== undefined && (table.plan === undefined || shape.shape !== table.token.shape)
    })
    if (unplanned.length === 0) return
    const names = unplanned.flatMap((table) => shapes.get(table.oid ?? 0) ?? [])
    const catalogs = await readCatalog(poll.client, names, this.#signal)
    const byOid = new Map(catalogs.map((catalog) => [catalog.oid, catalog]))
    for (const table of unplanned) {
      const catalog = byOid.get(table.oid ?? 0)
      if (catalog !== undefined) yield* this.#guarded(table, this.#plan(poll, table, catalog))
    }
  }

  async *#plan(poll: Poll, table: PolledTable, catalog: CatalogTable): AsyncGenerator<StreamEvent> {
    const { client, transaction, signal } = poll
    const shape = transaction.shapes.get(table.oid ?? 0)
    invariant(shape !== undefined, 'a table that is planned has a shape')
    const missing = missingReason(table, shape)
    if (missing !== undefined) throw missing
    if (shape.shape !== table.token.shape) {
      const event = await followShape(client, table, shape, catalog, signal)
      table.token = { ...table.token, shape: shape.shape }
      if (event !== undefined) yield event
      if (event?.rewritten === true) {
        table.ended = true
        return
      }
    }
    table.plan = planTable(table.schema, catalog, table.options, client.wireRules)
    const { rules } = table.plan
    if (rules.digest === table.token.rules) return
    // Rows count now that did not before, and they were written long ago.
    const changes = ['the configuration tells otherwise which rows count and which are deleted']
    const schema = { ...table.schema, version: table.schema.version + 1 }
    yield { kind: 'schema', schema, rewritten: true, changes }
    table.ended = true
  }

  async *#readTable(poll: Poll, table: PolledTable, progress: PollProgress): AsyncGenerator<StreamEvent> {
    if (table.ended) return
    const shape = poll.transaction.shapes.get(table.oid ?? 0)
    const missing = missingReason(table, shape)
    if (missing !== undefined) throw missing
    // Rewritten since the snapshot: the next poll sees it as it is then.
    if (shape?.moved === true || table.plan === undefined) return
    const read = new TablePoll(table, poll)
    for await (const batch of read.read()) {
      if (batch !== PAGE_END) {
        progress.changes += batch.rows
        yield { kind: 'changes', batch }
      } else if (progress.mayStep) {
        yield this.#boundary(progress.next(), progress)
        poll.numbering = progress.numbering
      }
    }
    progress.rows = Math.max(progress.rows, read.rows)
    yield* tellRead(table, read)
  }

  async *#checkKeys(poll: Poll, table: PolledTable, progress: PollProgress): AsyncGenerator<StreamEvent> {
    const { compareKeys } = this.#request
    if (compareKeys === undefined) return
    const check = new KeyCheck(table, poll)
    for await (const batch of check.read(compareKeys)) {
      progress.changes += batch.rows
      yield { kind: 'changes', batch }
    }
    yield* tellCheck(table, check)
  }

  /** What concerns one table alone stops that table; the poll begins anew without it. */
  async *#guarded(table: PolledTable, events: AsyncGenerator<StreamEvent>): AsyncGenerator<StreamEvent> {
    try {
      yield* events
    } catch (error) {
      this.#signal.throwIfAborted()
      if (isPipelineError(error, 'source_busy')) {
        this.#source.busy.set(table.name, performance.now() + BUSY_MS)
        throw error
      }
      if (!concernsTable(error)) throw whatPasses(error)
      this.#source.failed.add(table.name)
      yield { kind: 'table-failed', table: table.id, error, needsResync: isPipelineError(error, 'source_gap') }
      throw new PipelineError('snapshot_lost', 'Polling', {
        cause: new Error(`${table.name} was left out: ${describeError(error)}`),
        context: { table: table.name },
      })
    }
  }

  #boundary(lsn: bigint, progress: PollProgress): StreamEvent {
    const tokens: BoundaryToken[] = []
    for (const table of this.#tables.values()) {
      const token = tokenText(table.token)
      if (token === table.tokenText) continue
      table.tokenText = token
      tokens.push({ table: table.id, token, startAt: table.startAt })
    }
    const { changes } = progress
    progress.changes = 0
    return {
      kind: 'boundary',
      through: boundary(this.#request.generation, lsn),
      lsn,
      transactions: changes > 0 ? 1 : 0,
      changes,
      newestCommitMs: changes > 0 ? progress.readMs : undefined,
      sourceLsn: lsn,
      tokens,
    }
  }

  async #connected(): Promise<PostgresClient> {
    if (this.#client?.usable === true) return this.#client
    const settings = { ...this.#source.settings, statementTimeoutMs: 0 }
    const client = await connect(settings, { purpose: 'poll' }, this.#signal)
    this.#client = client
    await client.query(`SET lock_timeout = ${this.#source.lockTimeoutMs}`, undefined, this.#signal)
    return client
  }
}
