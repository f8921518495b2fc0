/**
 * Folds the changes of a flush to one event per key and transaction: for tables that keep every version of a row.
 *
 * An event says how the row of the key stood when the transaction was committed. `merge_result` has one row per event,
 * with the columns that `fold.ts` describes where `lineage.ts` needs them (there `rid` and `root` are of the key's active
 * version, and `p<id>` and `reset` reach back over earlier events of the flush), and
 * - `k1`, …: the key. `committed`: when the transaction was, in microseconds since 1970.
 * - `dead`, `dead_pos`: the row was gone when the transaction was committed.
 * - `plain`: inserts and nothing else; where the row is there already, it has been read again.
 * - `since`: when the newest version of the key in the target began or, where it is over, ended.
 */
import { ORDINAL_DIGITS } from '../../core/position.ts'
import { hasColumnSql } from './fold.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { INSERT, PARTIAL_UPDATE, TRUNCATE } from './stage-relation.ts'
import { ACTIVE_ID, columnSql, END_ID, POSITION_ID, START_ID, tableSql } from './table-layout.ts'

export interface VersionFoldOptions {
  /** Rows of the target may be newer than some of the changes: those changes are then ignored. */
  readonly guarded: boolean
  readonly unchangedIds: readonly number[]
}

export async function foldVersions(session: Session, input: MergeInput, options: VersionFoldOptions): Promise<void> {
  if (input.features.truncates > 0) await collectTruncates(session, input)
  const { buckets } = input
  for (let bucket = 0; bucket < buckets; bucket++) {
    const fold = new Fold(input, options, buckets === 1 ? undefined : { bucket, buckets })
    await session.run(`CREATE OR REPLACE TEMP TABLE merge_events AS ${fold.eventsSql()}`)
    await session.run(`CREATE OR REPLACE TEMP TABLE merge_bases AS ${fold.basesSql()}`)
    if (input.features.truncates > 0) {
      await session.run(`CREATE OR REPLACE TEMP TABLE merge_events AS ${fold.withTruncatesSql()}`)
    }
    const select = fold.resultSql()
    await session.run(
      bucket === 0 ? `CREATE OR REPLACE TEMP TABLE merge_result AS ${select}` : `INSERT INTO merge_result ${select}`,
    )
  }
}

async function collectTruncates(session: Session, input: MergeInput): Promise<void> {
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_truncates AS
     SELECT code, pos, committed FROM ${input.rowsSql()} WHERE (code & 7) = ${TRUNCATE}`,
  )
}

/** All but the ordinal of a position: the same for all changes of a transaction. */
const TRANSACTION = `left(pos, -${ORDINAL_DIGITS})`
const HAS_VALUES = `(code & 7) >= ${PARTIAL_UPDATE}`

class Fold {
  readonly #input: MergeInput
  readonly #options: VersionFoldOptions
  readonly #keys: string
  /** Follows a condition. */
  readonly #inBucket: (names: readonly string[]) => string

  constructor(
    input: MergeInput,
    options: VersionFoldOptions,
    part: { readonly bucket: number; readonly buckets: number } | undefined,
  ) {
    this.#input = input
    this.#options = options
    this.#keys = input.keyNames('k').join(', ')
    this.#inBucket = (names) =>
      part === undefined ? '' : ` AND hash(${names.join(', ')}) % ${part.buckets} = ${part.bucket}`
  }

  eventsSql(): string {
    const ids = this.#options.unchangedIds
    const aggregates = [
      'max(code) AS last',
      `max(code) FILTER (WHERE ${HAS_VALUES}) AS val`,
      'max(pos) AS pos',
      'max(committed) AS committed',
      `min(code & 7) = ${INSERT} AND max(code & 7) = ${INSERT} AS plain`,
      ...(ids.length === 0 ? [] : [`max(code) FILTER (WHERE (code & 7) >= ${INSERT}) AS reset`]),
      ...ids.map((id) => `max(code) FILTER (WHERE ${HAS_VALUES} AND ${hasColumnSql(id)}) AS p${id}`),
    ]
    // Of a key that is NULL nothing could be known: the source promises that there is none.
    const keys = this.#input.keyNames('k').map((key) => `coalesce(${key}, error('A change has no key')) AS ${key}`)
    return `SELECT ${this.#keys}, ${aggregates.join(', ')}
      FROM (SELECT * REPLACE (${keys.join(', ')}), ${TRANSACTION} AS tx FROM ${this.#input.keyChangesSql()}
            WHERE true${this.#inBucket(this.#input.keyNames('k'))})
      GROUP BY ${this.#keys}, tx`
  }

  /** One row per key that the target knows. */
  basesSql(): string {
    const { layout } = this.#input
    const names = this.#input.targetColumns()
    const column = (id: number) => columnSql(layout, id)
    const selected = [
      'rowid AS rid',
      `${column(ACTIVE_ID)} AS active`,
      `epoch_us(CASE WHEN ${column(ACTIVE_ID)} THEN ${column(START_ID)} ELSE ${column(END_ID)} END) AS since`,
      `${column(POSITION_ID)} AS pos`,
      ...names.map(({ name, alias }) => `${quoteIdentifier(name)} AS ${alias}`),
    ]
    const rows = `SELECT ${selected.join(', ')} FROM ${tableSql(layout)}
      WHERE true${this.#inBucket(names.map(({ name }) => quoteIdentifier(name)))}`
    const rid = `CASE WHEN count(*) FILTER (WHERE active) > 1 THEN error('A key has several active versions')
      ELSE max(rid) FILTER (WHERE active) END`
    return `SELECT ${this.#keys}, ${rid} AS rid, max(since) AS since, max(pos) AS newest
      FROM (${rows}) SEMI JOIN merge_events USING (${this.#keys}) GROUP BY ${this.#keys}`
  }

  /**
   * A row that lives at the time of a truncate dies of it: of the first one after its last change. One for a row that is
   * dead by then changes nothing, and is passed over later.
   */
  withTruncatesSql(): string {
    const ids = this.#options.unchangedIds
    const nothing = [
      'NULL AS val',
      't.pos',
      't.committed',
      'false AS plain',
      ...(ids.length === 0 ? [] : ['NULL AS reset']),
    ]
    const empty = [...nothing, ...ids.map((id) => `NULL AS p${id}`)].join(', ')
    const keys = (alias: string) => this.#input.keyNames(`${alias}.k`).join(', ')
    const all = `SELECT * FROM merge_events
      UNION ALL SELECT DISTINCT ${keys('e')}, t.code AS last, ${empty}
        FROM merge_events e ASOF JOIN merge_truncates t ON e.last < t.code
      UNION ALL SELECT ${keys('b')}, t.code AS last, ${empty}
        FROM merge_bases b ASOF JOIN merge_truncates t ON b.newest < t.pos WHERE b.rid IS NOT NULL`
    // Within a transaction only what came last counts.
    return `SELECT * FROM (${all}) e QUALIFY row_number() OVER
      (PARTITION BY ${this.#keys}, ${TRANSACTION} ORDER BY last DESC) = 1`
  }

  resultSql(): string {
    const { guarded, unchangedIds: ids } = this.#options
    const isDead = `((f.last & 7) < ${PARTIAL_UPDATE} OR (f.last & 7) = ${TRUNCATE})`
    const running = (name: string) =>
      `max(f.${name}) OVER (PARTITION BY ${this.#input.keyNames('f.k').join(', ')} ORDER BY f.last)`
    const columns = [
      ...this.#input.keyNames('f.k'),
      'f.last',
      'f.val',
      'f.committed',
      'f.plain',
      `${isDead} AS dead`,
      'f.pos AS dead_pos',
      'f.pos AS newest',
      'b.rid',
      'b.rid IS NOT NULL AS live',
      'b.since',
    ]
    const older = guarded ? 'WHERE b.newest IS NULL OR b.newest < f.pos' : ''
    const from = `FROM merge_events f LEFT JOIN merge_bases b USING (${this.#keys}) ${older}`
    if (ids.length === 0) return `SELECT ${columns.join(', ')} ${from}`
    const runs = [`${running('reset')} AS reset`, ...ids.map((id) => `${running(`p${id}`)} AS p${id}`)]
    const known = ids.map((id) => `CASE WHEN reset IS NULL OR p${id} >= reset THEN p${id} END AS p${id}`)
    return `SELECT * REPLACE (${known.join(', ')}), CASE WHEN reset IS NULL THEN rid END AS root,
        NULL::BIGINT AS completion, false AS unresolved
      FROM (SELECT ${[...columns, ...runs].join(', ')} ${from})`
  }
}
