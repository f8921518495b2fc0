/**
 * The scheduled comparison of keys, by which rows are found that no poll can find: those that were deleted, and those
 * that broke the promise of the cursor. All of it in the snapshot of a poll, behind its rows: whatever the destination
 * has and this snapshot has not is gone.
 *
 * The destination names keys in their text form. They are held against the table by its own operators before anything is
 * deleted, so a form that is read differently deletes no row.
 */
import { DELETE_KEY, PUT_ROW, RowVersionBuilder } from '../../../columnar/row-version-builder.ts'
import { SnapshotBuilder } from '../../../columnar/snapshot-builder.ts'
import type { WireColumn } from '../../../columnar/wire-column.ts'
import type { ChangeBatch, SnapshotBatch } from '../../../core/batch.ts'
import { invariant } from '../../../core/invariant.ts'
import type { KeyDifference, StreamRequest } from '../../../core/source.ts'
import { keyColumns, type TableSchema } from '../../../core/table-schema.ts'
import { queryWithDeadline } from '../bounded-wait.ts'
import { copyColumns, outputText } from '../copy-columns.ts'
import { readCopy } from '../copy-reader.ts'
import { keyList } from '../read-rows.ts'
import { newerThan } from './coverage.ts'
import { copyRows, inStretch, rowStatement, where } from './poll-statement.ts'
import type { PolledTable, TablePlan } from './polled-table.ts'
import { FixedJudge } from './row-judge.ts'
import type { Poll } from './table-poll.ts'

/** The table must not be rewritten while it is compared: it would look empty. */
const LOCK_TIMEOUT_MS = 5_000

export interface CheckResult {
  deleted: number
  /** Rows that the destination lacked. */
  missed: number
  /** Rows that had changed with a cursor below where polls begin. */
  backwards: number
}

export class KeyCheck {
  readonly result: CheckResult = { deleted: 0, missed: 0, backwards: 0 }
  readonly #table: PolledTable
  readonly #poll: Poll
  readonly #plan: TablePlan

  constructor(table: PolledTable, poll: Poll) {
    invariant(table.plan !== undefined, 'a table is planned before it is checked')
    this.#table = table
    this.#poll = poll
    this.#plan = table.plan
  }

  /** Whether it is time. Where the clock has jumped back, it is. */
  static isDue({ options, token, schema }: PolledTable, serverUs: bigint): boolean {
    if (options.detectDeletesMs === undefined || schema.identity.kind !== 'key') return false
    const sinceUs = serverUs - token.check.atUs
    return sinceUs < 0n || sinceUs >= BigInt(options.detectDeletesMs) * 1000n
  }

  /** Ends with the token brought up to date, unless the table could not be compared. */
  async *read(compareKeys: NonNullable<StreamRequest['compareKeys']>): AsyncGenerator<ChangeBatch, void, undefined> {
    if (!(await this.#holdStill())) return
    const differences = compareKeys(this.#table.schema, this.#keys())
    if (differences === undefined) return
    yield* this.#readBackwards()
    let isCompared = false
    for await (const difference of differences) {
      isCompared = true
      yield* this.#settle(difference)
    }
    if (!isCompared) return
    await this.#poll.client.query("SELECT set_config('search_path', '', true)", undefined, this.#poll.signal)
    const { serverUs, horizon } = this.#poll.transaction
    const { token } = this.#table
    this.#table.token = { ...token, check: { atUs: serverUs, horizon, from: 'unset' } }
  }

  /** False: the table was rewritten or truncated since the snapshot was taken. */
  async #holdStill(): Promise<boolean> {
    const { client, signal } = this.#poll
    const { catalog, relation } = this.#plan
    const sql = `LOCK TABLE ${relation} IN ACCESS SHARE MODE`
    await queryWithDeadline(client, { sql, doing: `Locking ${this.#table.name}`, timeoutMs: LOCK_TIMEOUT_MS }, signal)
    const [row] = await client.query<{ moved: boolean | null }>(
      `SELECT bool_or(c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)) AS moved
       FROM pg_class c WHERE c.oid = ANY ($1::int8[]::oid[])`,
      [catalog.leaves.map((leaf) => leaf.oid)],
      signal,
    )
    return row?.moved !== true
  }

  async *#keys(): AsyncGenerator<SnapshotBatch, void, undefined> {
    const { client, limits, signal } = this.#poll
    const { schema, wire, list } = this.#keyColumns()
    const builder = new SnapshotBuilder(schema, wire, this.#table.startAt)
    const sql = copyRows(list, this.#plan.relation, [this.#plan.rules.lives])
    yield* readCopy(client, sql, builder, limits, 0, signal)
  }

  #keyColumns(): { schema: TableSchema; wire: readonly WireColumn[]; list: string } {
    const { schema } = this.#table
    const narrowed = { ...schema, columns: keyColumns(schema) }
    const rules = this.#poll.client.wireRules
    return {
      schema: narrowed,
      ...copyColumns(narrowed, this.#plan.catalog, { values: 'binary', drift: 'refuse', rules }),
    }
  }

  /** Versions since the last check that lie below where every poll since has begun: none of them has seen them. */
  async *#readBackwards(): AsyncGenerator<ChangeBatch> {
    const { cursor, rules } = this.#plan
    const { check } = this.#table.token
    const { transaction } = this.#poll
    if (cursor === undefined || check.from === 'unset' || check.from === undefined) return
    const below = inStretch(cursor, { from: undefined, to: check.from })
    const conditions = [below, newerThan(check.horizon, transaction.horizon), rules.lives]
    const { sql, wire } = rowStatement(this.#plan, conditions, { ...transaction, isUnsettled: false })
    this.result.backwards += yield* this.#copy(sql, wire, PUT_ROW)
  }

  async *#settle({ extra, missing }: KeyDifference): AsyncGenerator<ChangeBatch> {
    const { client, signal } = this.#poll
    const { relation, rules, catalog } = this.#plan
    const { schema } = this.#table
    if (extra.length > 0) {
      const { columns, casts, from } = await keyList(client, schema, catalog, extra, 'transaction', signal)
      const { wire } = this.#keyColumns()
      const gone = `NOT EXISTS (SELECT FROM ${relation}${where([rules.lives, `(${columns}) = (${casts.join(', ')})`])})`
      const list = casts.map((cast, index) => (wire[index]?.binary === true ? cast : outputText(cast)))
      const sql = copyRows(list.join(', '), from, [gone])
      this.result.deleted += yield* this.#copy(sql, wire, DELETE_KEY)
    }
    if (missing.length > 0) {
      const { columns, casts, from } = await keyList(client, schema, catalog, missing, 'transaction', signal)
      const conditions = [`(${columns}) IN (SELECT ${casts.join(', ')} FROM ${from})`, rules.lives]
      const { sql, wire } = rowStatement(this.#plan, conditions, { horizon: 0n, isUnsettled: false })
      this.result.missed += yield* this.#copy(sql, wire, PUT_ROW)
    }
  }

  /** Returns the number of rows. */
  async *#copy(
    sql: string,
    wire: readonly WireColumn[],
    verdict: typeof PUT_ROW | typeof DELETE_KEY,
  ): AsyncGenerator<ChangeBatch, number, undefined> {
    const { client, limits, signal, numbering } = this.#poll
    const { schema, request } = this.#table
    const builder = new RowVersionBuilder(schema, wire, new FixedJudge(verdict), request.commitTimes === true)
    builder.begin(numbering)
    let rows = 0
    for await (const batch of readCopy(client, sql, builder, limits, 0, signal)) {
      rows += batch.rows
      yield batch
    }
    return rows
  }
}
