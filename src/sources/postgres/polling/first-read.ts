/**
 * The first read of tables that are polled: a snapshot without a slot, and the place from which polls go on.
 *
 * The place is known low enough: what the snapshot does not see is written by transactions in flight, and these are
 * waited for a moment before it is taken, so that most often only ones are left that began after the largest cursor was
 * looked up. Of those that are left nothing is known; until they have ended, polls look at all rows.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { INSERT_ROW, PUT_ROW, RowVersionBuilder } from '../../../columnar/row-version-builder.ts'
import { boundary, positionPrefix } from '../../../core/position.ts'
import type { SnapshotRequest, SnapshotSession } from '../../../core/source.ts'
import { type TableSchema, tableName } from '../../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from '../catalog.ts'
import { connect, type PostgresClient } from '../client.ts'
import { readCopy } from '../copy-reader.ts'
import { lockTables } from '../snapshot-locks.ts'
import { exportSnapshot, PostgresSnapshot, type SnapshotOptions, type SnapshotRules } from '../snapshot-session.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { relationKey } from '../table-schemas.ts'
import { newerThan } from './coverage.ts'
import { cursorNow } from './cursor-column.ts'
import { ownSessions, readInFlight } from './in-flight.ts'
import type { PollClock } from './poll-clock.ts'
import type { PollOptions } from './poll-options.ts'
import { contentStatement, inStretch, largestStatement, rowStatement } from './poll-statement.ts'
import { beginPoll, type PollTransaction } from './poll-transaction.ts'
import { planTable, type TablePlan } from './polled-table.ts'
import { RowHashes } from './row-hashes.ts'
import { PollJudge } from './row-judge.ts'
import { rowRules } from './row-rules.ts'
import { nullCursor } from './table-error.ts'
import { type TableToken, tokenText } from './table-token.ts'
import { advance, type Cursor, NOTHING_SEEN, type Watermark } from './watermark.ts'

export interface FirstReadOptions extends SnapshotOptions {
  readonly clock: PollClock
  /** By whether open transactions are seen. Milliseconds. */
  readonly lateArrivalsMs: (isBlind: boolean) => number
  readonly optionsOf: (schema: TableSchema) => PollOptions
}

/** How long transactions that are in flight are waited for. */
const WAIT_MS = 3_000
const WAIT_STEP_MS = 20

interface Earlier {
  /** In flight, or undefined where nobody can tell. */
  readonly transactions: readonly string[] | undefined
  readonly largest: ReadonlyMap<string, Cursor>
  readonly serverUs: bigint
}

/** Throws `source_table_missing`, `config_invalid`, `source_busy`, `snapshot_lost` for a race with DDL. */
export async function openFirstRead(
  options: FirstReadOptions,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<SnapshotSession> {
  const settings = { ...options.settings, statementTimeoutMs: 0 }
  const own = ownSessions(settings.applicationName)
  const holder = await connect(settings, { purpose: 'snapshot' }, signal)
  await using onFailure = new AsyncDisposableStack()
  onFailure.use(holder)
  const earlier = await lookEarlier(holder, options, request.schemas, own, signal)
  await waitFor(holder, earlier.transactions ?? [], own, signal)
  const oids = request.schemas.flatMap(({ fingerprint }) => Number(fingerprint?.split('/')[0] ?? 0))
  const { taken, place } = await options.clock.place(() => beginPoll(holder, own, oids, signal))
  const catalogs = await lockTables(holder, request.schemas, options.slotTimeoutMs, signal)
  const exported = await exportSnapshot(holder)
  const at = boundary(request.generation, place.final)
  const rules = new FirstReadRules(options, holder, taken, place.final, earlier, request)
  onFailure.move()
  return new PostgresSnapshot({ ...options, settings }, request, holder, at, catalogs, exported, rules)
}

/** Before the snapshot: who is in flight, and behind whom whoever begins from now on will write. */
async function lookEarlier(
  client: PostgresClient,
  { optionsOf }: FirstReadOptions,
  schemas: readonly TableSchema[],
  own: readonly string[],
  signal: AbortSignal,
): Promise<Earlier> {
  const names = schemas.map(({ table }) => ({ namespace: table.namespace, name: table.name }))
  const catalogs = new Map((await readCatalog(client, names, signal)).map((table) => [relationKey(table), table]))
  const { serverUs, localUs } = await readInFlight(client, own, signal)
  const largest = new Map<string, Cursor>()
  for (const schema of schemas) {
    const catalog = catalogs.get(relationKey(schema.table))
    if (catalog === undefined) continue
    const plan = planTable(schema, catalog, optionsOf(schema), client.wireRules)
    largest.set(tableName(schema.table), atMost(await largestCursor(client, plan, signal), plan, serverUs, localUs))
  }
  const { transactions } = await readInFlight(client, own, signal)
  return { transactions, largest, serverUs }
}

async function largestCursor(client: PostgresClient, plan: TablePlan, signal: AbortSignal): Promise<Cursor> {
  if (plan.cursor === undefined) return undefined
  const [row] = await client.query<{ cursor: bigint }>(largestStatement(plan, plan.cursor), undefined, signal)
  return row?.cursor
}

function atMost(cursor: Cursor, plan: TablePlan, serverUs: bigint, localUs: bigint): Cursor {
  const now = plan.cursor === undefined ? undefined : cursorNow(plan.cursor, serverUs, localUs)
  return cursor !== undefined && now !== undefined && now < cursor ? now : cursor
}

async function waitFor(
  client: PostgresClient,
  transactions: readonly string[],
  own: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  let left = new Set(transactions)
  const deadline = performance.now() + WAIT_MS
  while (left.size > 0 && performance.now() < deadline) {
    await delay(WAIT_STEP_MS, undefined, { signal })
    const now = await readInFlight(client, own, signal)
    left = new Set((now.transactions ?? []).filter((id) => left.has(id)))
  }
}

class FirstReadRules implements SnapshotRules {
  readonly #options: FirstReadOptions
  readonly #holder: PostgresClient
  readonly #transaction: PollTransaction
  readonly #clock: bigint
  readonly #earlier: Earlier
  readonly #request: SnapshotRequest

  constructor(
    options: FirstReadOptions,
    holder: PostgresClient,
    transaction: PollTransaction,
    clock: bigint,
    earlier: Earlier,
    request: SnapshotRequest,
  ) {
    this.#options = options
    this.#holder = holder
    this.#transaction = transaction
    this.#clock = clock
    this.#earlier = earlier
    this.#request = request
  }

  condition(schema: TableSchema, catalog: CatalogTable): string | undefined {
    return rowRules(catalog, this.#options.optionsOf(schema)).lives
  }

  async token(schema: TableSchema, catalog: CatalogTable, signal: AbortSignal): Promise<string> {
    const options = this.#options.optionsOf(schema)
    const plan = planTable(schema, catalog, options, this.#holder.wireRules)
    if (options.nullCursor === 'error') await this.#requireCursors(schema, plan, signal)
    const { horizon, serverUs, shapes } = this.#transaction
    const mark = plan.cursor === undefined ? NOTHING_SEEN : await this.#mark(schema, plan, signal)
    const token: TableToken = {
      shape: shapes.get(catalog.oid)?.shape ?? '',
      rules: plan.rules.digest,
      cursor: plan.cursor?.column.attnum ?? 0,
      mark,
      covered: [{ below: undefined, horizon }],
      sent: new RowHashes(),
      leaves: catalog.kind === 'p' ? catalog.leaves.map((leaf) => leaf.oid) : undefined,
      deletedPending: plan.rules.softDelete !== undefined && schema.identity.kind !== 'bag',
      check: { atUs: serverUs, horizon, from: 'unset' },
      content: await this.#content(schema, plan, signal),
    }
    return tokenText({ ...token, sent: await this.#sent(schema, plan, mark, signal) })
  }

  async #mark(schema: TableSchema, plan: TablePlan, signal: AbortSignal): Promise<Watermark> {
    const { inFlight, serverUs, localUs } = this.#transaction
    const cursor = plan.cursor
    if (cursor === undefined) return NOTHING_SEEN
    const { transactions = [], largest } = this.#earlier
    const isBlind = inFlight === undefined
    const lookBackUs = BigInt(this.#options.lateArrivalsMs(isBlind)) * 1000n
    const common = { lookBackUs, scale: cursor.scale, leftFrom: 'none' as const }
    // As if there had been a poll then: of whom it met nothing is known.
    const first = advance(NOTHING_SEEN, {
      ...common,
      before: transactions,
      after: transactions,
      clock: this.#clock - 1n,
      highest: largest.get(tableName(schema.table)),
      now: cursorNow(cursor, this.#earlier.serverUs, localUs - serverUs + this.#earlier.serverUs),
    })
    return advance(first, {
      ...common,
      before: inFlight?.before ?? [],
      after: inFlight?.after ?? [],
      clock: this.#clock,
      highest: await largestCursor(this.#holder, plan, signal),
      now: cursorNow(cursor, serverUs, localUs),
    })
  }

  /** Versions that the snapshot has and that the first poll will meet all the same. */
  async #sent(schema: TableSchema, plan: TablePlan, mark: Watermark, signal: AbortSignal): Promise<RowHashes> {
    const sent = new RowHashes()
    if (!this.#transaction.isUnsettled || schema.identity.kind === 'bag') return sent
    const { horizon } = this.#transaction
    const stretch = inStretch(plan.cursor, { from: mark.from, to: undefined })
    const conditions = [stretch, newerThan(horizon, horizon), plan.rules.lives]
    const { sql, wire, places } = rowStatement(plan, conditions, this.#transaction)
    const verdict = schema.identity.kind === 'key' ? PUT_ROW : INSERT_ROW
    const judge = new PollJudge(places, verdict, new RowHashes(), sent)
    const builder = new RowVersionBuilder(schema, wire, judge, false)
    builder.begin({ prefix: positionPrefix(1, 0n), readUs: 0, ordinal: 0 })
    for await (const batch of readCopy(this.#holder, sql, builder, this.#request, 0, signal)) void batch
    return sent
  }

  async #content(schema: TableSchema, plan: TablePlan, signal: AbortSignal): Promise<string | undefined> {
    if (schema.identity.kind !== 'bag') return undefined
    const [row] = await this.#holder.query<{ content: string }>(contentStatement(plan, schema), undefined, signal)
    return row?.content
  }

  async #requireCursors(schema: TableSchema, plan: TablePlan, signal: AbortSignal): Promise<void> {
    const name = plan.named?.column.name
    if (name === undefined || plan.named?.column.nullable === false) return
    const sql = `SELECT EXISTS (SELECT FROM ${plan.relation} WHERE ${quoteIdentifier(name)} IS NULL) AS found`
    const [row] = await this.#holder.query<{ found: boolean }>(sql, undefined, signal)
    if (row?.found === true) throw nullCursor(tableName(schema.table), name)
  }
}
