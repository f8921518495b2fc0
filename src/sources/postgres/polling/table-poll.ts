/**
 * One table in one poll: asks for row versions that were not sent, page by page, and works out where the next poll begins.
 *
 * A page is a stretch of cursors, so rows that share a cursor are never on two pages. After each but the last, what has
 * been read may be recorded: a poll that is cut off does not begin anew.
 */

import type { RowJudge, RowNumbering } from '../../../columnar/row-version-builder.ts'
import { INSERT_ROW, PUT_ROW, RowVersionBuilder } from '../../../columnar/row-version-builder.ts'
import type { WireColumn } from '../../../columnar/wire-column.ts'
import type { ChangeBatch } from '../../../core/batch.ts'
import { invariant } from '../../../core/invariant.ts'
import type { PostgresClient } from '../client.ts'
import { type CopyLimits, readCopy } from '../copy-reader.ts'
import { quoteTable } from '../sql-text.ts'
import { coverBelow, RENEW_AFTER } from './coverage.ts'
import { cursorNow } from './cursor-column.ts'
import {
  contentStatement,
  copyRows,
  cutStatement,
  newRowConditions,
  type RowStatement,
  rowStatement,
} from './poll-statement.ts'
import type { PollTransaction } from './poll-transaction.ts'
import type { PolledTable, TablePlan } from './polled-table.ts'
import { RowHashes } from './row-hashes.ts'
import { FixedJudge, PollJudge } from './row-judge.ts'
import { nullCursor } from './table-error.ts'
import { tokenText } from './table-token.ts'
import { advance, type Cursor, larger, NOTHING_SEEN, smaller } from './watermark.ts'

export interface Poll {
  readonly client: PostgresClient
  readonly transaction: PollTransaction
  /** Its end, by the poll clock. */
  readonly clock: bigint
  readonly limits: CopyLimits
  readonly lookBackUs: bigint
  /** Where the server's clock has jumped back: how far polls look back from now. Else 0. */
  readonly reachBackUs: bigint
  /** Many rows are to be expected: they are read in pages of so many. */
  readonly pageRows: number | undefined
  /** Of the rows that come next. */
  numbering: RowNumbering
  readonly signal: AbortSignal
}

const FUTURE_US = 60_000_000n

/** Instead of a batch: what was yielded of the table may be recorded with its token. */
export const PAGE_END = 'page-end'

export class TablePoll {
  readonly #table: PolledTable
  readonly #poll: Poll
  readonly #plan: TablePlan
  /** What the next poll will meet again. */
  readonly #sent = new RowHashes()
  #highest: Cursor
  #leftFrom: Cursor | 'none' = 'none'
  /** Rows that went out, and rows that are left for later. */
  rows = 0
  left = 0

  constructor(table: PolledTable, poll: Poll) {
    invariant(table.plan !== undefined, 'a table is planned before it is polled')
    this.#table = table
    this.#poll = poll
    this.#plan = table.plan
  }

  /** By more than a minute. */
  get hasFutureCursors(): boolean {
    const now = this.#now()
    if (this.#highest === undefined || now === undefined) return false
    return this.#highest > now + (this.#plan.cursor?.scale === 'micro' ? FUTURE_US : 0n)
  }

  /** Ends with the table's token brought up to date. */
  async *read(): AsyncGenerator<ChangeBatch | typeof PAGE_END, void, undefined> {
    if (this.#table.schema.identity.kind === 'bag') return yield* this.#readWhole()
    this.#adoptCursor()
    const { rules } = this.#plan
    const { token } = this.#table
    const added = this.#addedLeaves()
    const also: (string | undefined)[] = []
    if (token.deletedPending) {
      yield* this.#readDeleted()
      also.push(rules.lives)
    }
    if (added.length > 0) {
      yield* this.#readLeaves(added, also)
      also.push(`tableoid <> ALL ('{${added.join(',')}}'::oid[])`)
    }
    yield* this.#readPages(also)
    this.#finish()
  }

  /** Another column, or an index that is there now or gone: nothing is known of its values. */
  #adoptCursor(): void {
    const cursor = this.#plan.cursor?.column.attnum ?? 0
    const { token } = this.#table
    if (token.cursor !== cursor) this.#table.token = { ...token, cursor, mark: NOTHING_SEEN }
  }

  async *#readPages(also: readonly (string | undefined)[]): AsyncGenerator<ChangeBatch | typeof PAGE_END> {
    const { transaction, signal } = this.#poll
    let from = this.#lowest()
    for (;;) {
      const to = await this.#cut(from)
      const { covered } = this.#table.token
      const conditions = newRowConditions(this.#plan, { from, to }, covered, transaction)
      yield* this.#read(rowStatement(this.#plan, [...conditions, ...also], transaction))
      if (to === undefined) return
      this.#coverPage(to)
      yield PAGE_END
      signal.throwIfAborted()
      from = to
    }
  }

  /** Where the poll begins. */
  #lowest(): Cursor {
    const { cursor } = this.#plan
    if (cursor === undefined) return undefined
    const { from } = this.#table.token.mark
    const { reachBackUs } = this.#poll
    const now = this.#now()
    if (reachBackUs === 0n || now === undefined) return from
    const back = cursor.kind === 'day' ? reachBackUs / 86_400_000_000n + 1n : reachBackUs
    return smaller(from, now - back)
  }

  #now(): Cursor {
    const { transaction } = this.#poll
    const { cursor } = this.#plan
    return cursor === undefined ? undefined : cursorNow(cursor, transaction.serverUs, transaction.localUs)
  }

  /** Where the next page ends; undefined: it is the last. */
  async #cut(from: Cursor): Promise<Cursor> {
    const { client, pageRows, signal } = this.#poll
    const { cursor } = this.#plan
    if (cursor === undefined || pageRows === undefined) return undefined
    const sql = cutStatement(this.#plan, cursor, from, pageRows)
    const [row] = await client.query<{ cursor: bigint }>(sql, undefined, signal)
    // A page of rows that all share the cursor it begins with has no end before the next cursor.
    return row === undefined || row.cursor === from ? undefined : row.cursor
  }

  #coverPage(to: bigint): void {
    const { token } = this.#table
    const sent = new RowHashes()
    sent.addAll(token.sent)
    sent.addAll(this.#sent)
    const covered = coverBelow(token.covered, to, this.#poll.transaction.horizon)
    this.#table.token = { ...token, covered, sent }
  }

  /** Rows that were soft-deleted before the first read, which left them out. */
  async *#readDeleted(): AsyncGenerator<ChangeBatch> {
    const { counts, lives } = this.#plan.rules
    const { transaction } = this.#poll
    const conditions = [counts, lives === undefined ? 'false' : `(${lives}) IS NOT TRUE`]
    yield* this.#read(rowStatement(this.#plan, conditions, transaction))
    this.#table.token = { ...this.#table.token, deletedPending: false }
  }

  /** A partition that was attached brings rows that were written long ago. */
  async *#readLeaves(added: readonly number[], also: readonly (string | undefined)[]): AsyncGenerator<ChangeBatch> {
    const { transaction } = this.#poll
    for (const oid of added) {
      const leaf = this.#plan.catalog.leaves.find((candidate) => candidate.oid === oid)
      if (leaf === undefined) continue
      const relation = `ONLY ${quoteTable(leaf.namespace, leaf.name)}`
      const conditions = [this.#plan.rules.counts, ...also]
      yield* this.#read(rowStatement(this.#plan, conditions, transaction, relation))
    }
  }

  #addedLeaves(): readonly number[] {
    const known = this.#table.token.leaves
    if (known === undefined) return []
    return this.#plan.catalog.leaves.map((leaf) => leaf.oid).filter((oid) => !known.includes(oid))
  }

  async *#read(statement: RowStatement): AsyncGenerator<ChangeBatch> {
    const { sql, wire, places } = statement
    const verdict = this.#table.schema.identity.kind === 'key' ? PUT_ROW : INSERT_ROW
    const judge = new PollJudge(places, verdict, this.#table.token.sent, this.#sent)
    yield* this.#copy(sql, wire, judge)
    if (judge.nullCursors > 0 && this.#table.options.nullCursor === 'error')
      throw nullCursor(this.#table.name, this.#plan.named?.column.name ?? '')
    this.#highest = larger(this.#highest, judge.highest)
    this.left += judge.left
    if (judge.leftFrom !== 'none') {
      this.#leftFrom = this.#leftFrom === 'none' ? judge.leftFrom : smaller(this.#leftFrom, judge.leftFrom)
    }
  }

  async *#copy(sql: string, wire: readonly WireColumn[], judge: RowJudge): AsyncGenerator<ChangeBatch> {
    const { client, limits, signal } = this.#poll
    const builder = this.#builder(wire, judge)
    for await (const batch of readCopy(client, sql, builder, limits, 0, signal)) {
      this.rows += batch.rows
      yield batch
    }
  }

  #builder(wire: readonly WireColumn[], judge: RowJudge): RowVersionBuilder {
    const { schema, request } = this.#table
    const builder = new RowVersionBuilder(schema, wire, judge, request.commitTimes === true)
    builder.begin(this.#poll.numbering)
    return builder
  }

  /**
   * A table without key: nobody can tell which rows are gone, so when anything in it has changed it is sent whole, behind
   * a truncate. What has changed is asked as a sum over all rows.
   */
  async *#readWhole(): AsyncGenerator<ChangeBatch> {
    const { client, signal } = this.#poll
    const { list, relation, rules, wire } = this.#plan
    const sql = contentStatement(this.#plan, this.#table.schema)
    const [row] = await client.query<{ content: string }>(sql, undefined, signal)
    const content = row?.content
    if (content === this.#table.token.content) return
    const builder = this.#builder(wire, new FixedJudge(INSERT_ROW))
    builder.truncate()
    const rows = copyRows(list, relation, [rules.lives])
    for await (const batch of readCopy(client, rows, builder, this.#poll.limits, 0, signal)) {
      this.rows += batch.rows
      yield batch
    }
    this.#table.token = { ...this.#table.token, content }
  }

  #finish(): void {
    const { transaction, clock, lookBackUs } = this.#poll
    const { token } = this.#table
    const { cursor } = this.#plan
    const mark =
      cursor === undefined
        ? token.mark
        : advance(token.mark, {
            before: transaction.inFlight?.before ?? [],
            after: transaction.inFlight?.after ?? [],
            clock,
            highest: this.#highest,
            now: this.#now(),
            lookBackUs,
            scale: cursor.scale,
            leftFrom: this.#leftFrom,
          })
    const lowest = this.#lowest()
    const from = token.check.from === 'unset' ? lowest : smaller(token.check.from, lowest)
    const leaves = token.leaves === undefined ? undefined : this.#plan.catalog.leaves.map((leaf) => leaf.oid)
    const next = { ...token, mark, leaves, check: { ...token.check, from }, sent: this.#sent }
    const covered = [{ below: undefined, horizon: transaction.horizon }]
    // While nothing comes, what was covered before tells the same: the token of an idle table stays as it is.
    const isIdle = this.rows === 0 && this.#sent.size === token.sent.size && token.covered.length === 1
    const isFresh = transaction.horizon - (token.covered[0]?.horizon ?? 0n) < RENEW_AFTER
    const kept = isIdle && isFresh && tokenText({ ...token, mark, leaves, check: next.check }) === this.#table.tokenText
    this.#table.token = kept ? token : { ...next, covered }
  }
}
