/**
 * Folds the changes of a flush to one event per key and transaction: for tables that keep every version of a row.
 *
 * An event says how the row of the key stood when the transaction was committed. Nearly all keys have one change in a
 * flush, and so one event; only those of the others are grouped by transaction, and only there do windows run.
 *
 * `merge_result` has one row per event, with the columns that `fold.ts` describes where `lineage.ts` needs them (there
 * `rid` and `root` are of the key's active version, and `p<id>` and `reset` reach back over earlier events of the flush),
 * and
 * - `k1`, …: the key. `committed`: when the transaction was, in microseconds since 1970.
 * - `dead`: the row was gone when the transaction was committed.
 * - `plain`: inserts and nothing else; where the row is there already, it has been read again.
 * - `since`: when the newest version of the key in the target began or, where its row was deleted, ended.
 * - `several`: the key may have more events.
 */
import { ORDINAL_DIGITS, POSITION_LENGTH } from '../../core/position.ts'
import { INSERT, PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import { ACTIVE_ID, DELETED_ID, END_ID, POSITION_ID, START_ID } from '../../warehouse/table-layout.ts'
import { hasColumnSql, keyCountsSql, requireOneResultPerKey, resetAggregates, resetSql } from './fold.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

export interface VersionFoldOptions {
  /** Rows of the target may be newer than some of the changes: those changes are then ignored. */
  readonly guarded: boolean
  readonly unchangedIds: readonly number[]
}

export async function foldVersions(session: Session, input: MergeInput, options: VersionFoldOptions): Promise<void> {
  if (input.features.truncates > 0) {
    await session.run(
      `CREATE OR REPLACE TEMP TABLE merge_truncates AS
       SELECT code, pos, committed FROM ${input.rowsSql()} WHERE (code & 7) = ${TRUNCATE}`,
    )
  }
  const folds = foldsOf(input, options)
  let folded = 0n
  for (const [index, fold] of folds.entries()) {
    const into = index === 0 ? 'CREATE OR REPLACE TEMP TABLE merge_result AS' : 'INSERT INTO merge_result'
    await session.run(`${into} ${fold.keysSql()}`)
    folded += requireOneResultPerKey(await session.row(keyCountsSql(folded)))
  }
  await addDeleted(session, input, options)
  const { several } = await session.row('SELECT count(*) FILTER (WHERE several) AS several FROM merge_result')
  if (Number(several) > 0) await foldSeveral(session, input, folds)
  if (options.guarded) await session.run('DELETE FROM merge_result WHERE target_pos >= newest')
}

function foldsOf(input: MergeInput, options: VersionFoldOptions): readonly Fold[] {
  const { buckets } = input
  return Array.from({ length: buckets }, (_, bucket) => {
    const inBucket = (names: readonly string[]) =>
      buckets === 1 ? 'true' : `hash(${names.join(', ')}) % ${buckets} = ${bucket}`
    return new Fold(input, options, inBucket)
  })
}

/** What the target knows of keys without an active version: when their rows were deleted. */
async function addDeleted(session: Session, input: MergeInput, { guarded }: VersionFoldOptions): Promise<void> {
  const { layout } = input
  const column = (id: number) => columnSql(layout, id)
  const { known } = await session.row(`SELECT EXISTS (FROM ${tableSql(layout)} WHERE ${column(DELETED_ID)}) AS known`)
  if (known !== true) return
  const names = input.targetColumns().map(({ name, alias }) => `${quoteIdentifier(name)} AS ${alias}`)
  const rows = `SELECT ${names.join(', ')}, epoch_us(${column(END_ID)}) AS since, ${column(POSITION_ID)} AS pos
    FROM ${tableSql(layout)} WHERE ${column(DELETED_ID)}`
  const keys = input.keyNames('k')
  const of = keys.join(', ')
  await session.run(
    `UPDATE merge_result SET since = d.since${guarded ? ', target_pos = d.pos' : ''}
     FROM (SELECT ${of}, max(since) AS since, max(pos) AS pos FROM (${rows})
           SEMI JOIN (FROM merge_result WHERE rid IS NULL) USING (${of}) GROUP BY ${of}) d
     WHERE ${keys.map((key) => `merge_result.${key} = d.${key}`).join(' AND ')}`,
  )
}

/** In place of keys with several changes: an event for each of their transactions. */
async function foldSeveral(session: Session, input: MergeInput, folds: readonly Fold[]): Promise<void> {
  const hasTruncates = input.features.truncates > 0
  await session.run('CREATE OR REPLACE TEMP TABLE merge_keys AS FROM merge_result WHERE several')
  await session.run('DELETE FROM merge_result WHERE several')
  for (const fold of folds) {
    await session.run(`CREATE OR REPLACE TEMP TABLE merge_events AS ${fold.eventsSql()}`)
    if (hasTruncates) await session.run(`CREATE OR REPLACE TEMP TABLE merge_events AS ${fold.withTruncatesSql()}`)
    await session.run(`INSERT INTO merge_result BY NAME ${fold.severalSql()}`)
  }
}

// All but the ordinal of a position is the same for all changes of a transaction. In two parts, because texts of up to 12
// characters are grouped several times as fast as longer ones.
const TRANSACTION = ['left(pos, 12)', `substr(pos, 13, ${POSITION_LENGTH - ORDINAL_DIGITS - 12})`].join(', ')
const HAS_VALUES = `(code & 7) >= ${PARTIAL_UPDATE}`

class Fold {
  readonly #input: MergeInput
  readonly #guarded: boolean
  readonly #ids: readonly number[]
  readonly #keys: string
  readonly #inBucket: (names: readonly string[]) => string

  constructor(
    input: MergeInput,
    { guarded, unchangedIds }: VersionFoldOptions,
    inBucket: (names: readonly string[]) => string,
  ) {
    this.#input = input
    this.#guarded = guarded
    this.#ids = unchangedIds
    this.#keys = input.keyNames('k').join(', ')
    this.#inBucket = inBucket
  }

  /** One row per key, as if all had one change. */
  keysSql(): string {
    const { layout, features } = this.#input
    const names = this.#input.targetColumns()
    const active = [
      'rowid AS rid',
      `epoch_us(${columnSql(layout, START_ID)}) AS since`,
      ...names.map(({ name, alias }) => `${quoteIdentifier(name)} AS ${alias}`),
      ...(this.#guarded ? [`${columnSql(layout, POSITION_ID)} AS target_pos`] : []),
    ]
    const result = [
      // Of a key that is NULL nothing could be known: the source promises that there is none.
      ...this.#input.keyNames('k').map((key) => `coalesce(f.${key}, error('A change has no key')) AS ${key}`),
      'f.last',
      'f.val',
      'f.committed',
      `(f.last & 7) = ${INSERT} AS plain`,
      `(f.last & 7) < ${PARTIAL_UPDATE} AS dead`,
      'NULL::VARCHAR AS dead_pos',
      't.rid',
      't.rid IS NOT NULL AS live',
      't.since',
      // Any row may have died of a truncate on the way.
      `${features.truncates > 0 ? 'true' : 'f.changes > 1'} AS several`,
      ...(this.#guarded ? ['f.pos AS newest', 't.target_pos'] : []),
      ...this.#lineageColumns(resetSql('f.'), (id) => `f.p${id}`, 't.rid'),
    ]
    const aggregates = ['count(*) AS changes', ...this.#aggregates(), ...(this.#guarded ? ['max(pos) AS pos'] : [])]
    return `SELECT ${result.join(', ')}
      FROM (SELECT ${this.#keys}, ${aggregates.join(', ')} FROM ${this.#input.keyChangesSql()}
            WHERE ${this.#inBucket(this.#input.keyNames('k'))} GROUP BY ${this.#keys}) f
      LEFT JOIN (SELECT ${active.join(', ')} FROM ${tableSql(layout)}
            WHERE ${columnSql(layout, ACTIVE_ID)} AND ${this.#inBucket(names.map(({ name }) => quoteIdentifier(name)))}) t
        USING (${this.#keys})`
  }

  /** One row per key and transaction of the keys in `merge_keys`. */
  eventsSql(): string {
    const plain = `bool_and((code & 7) = ${INSERT}) AS plain`
    return `SELECT ${this.#keys}, ${[...this.#aggregates(), plain, 'max(pos) AS pos'].join(', ')}
      FROM ${this.#input.keyChangesSql()} SEMI JOIN merge_keys USING (${this.#keys})
      WHERE ${this.#inBucket(this.#input.keyNames('k'))} GROUP BY ${this.#keys}, ${TRANSACTION}`
  }

  /**
   * A row that lives at the time of a truncate dies of it: of the first one after its last change. One for a row that is
   * dead by then changes nothing, and is passed over later.
   */
  withTruncatesSql(): string {
    const empty = [
      't.code AS last',
      't.pos',
      't.committed',
      'false AS plain',
      ...['val', ...(this.#ids.length === 0 ? [] : ['begun', 'died']), ...this.#ids.map((id) => `p${id}`)].map(
        (name) => `NULL::BIGINT AS ${name}`,
      ),
    ].join(', ')
    const keys = (alias: string) => this.#input.keyNames(`${alias}.k`).join(', ')
    const first = this.#guarded
      ? 'ASOF JOIN merge_truncates t ON b.target_pos < t.pos'
      : ', (FROM merge_truncates ORDER BY code LIMIT 1) t'
    const all = `FROM merge_events
      UNION ALL BY NAME SELECT DISTINCT ${keys('e')}, ${empty}
        FROM merge_events e ASOF JOIN merge_truncates t ON e.last < t.code
      UNION ALL BY NAME SELECT ${keys('b')}, ${empty} FROM merge_keys b ${first}
        WHERE b.rid IS NOT NULL AND ${this.#inBucket(this.#input.keyNames('b.k'))}`
    // Within a transaction only what came last counts.
    return `SELECT * FROM (${all})
      QUALIFY row_number() OVER (PARTITION BY ${this.#keys}, ${TRANSACTION} ORDER BY last DESC) = 1`
  }

  /** The events, as rows of `merge_result`. */
  severalSql(): string {
    const columns = [
      ...this.#input.keyNames('f.k'),
      'f.last',
      'f.val',
      'f.committed',
      'f.plain',
      `((f.last & 7) < ${PARTIAL_UPDATE} OR (f.last & 7) = ${TRUNCATE}) AS dead`,
      'NULL AS dead_pos',
      'b.rid',
      'b.live',
      'b.since',
      'true AS several',
      ...(this.#guarded ? ['f.pos AS newest', 'b.target_pos'] : []),
    ]
    const older = this.#guarded ? 'WHERE b.target_pos IS NULL OR b.target_pos < f.pos' : ''
    const from = `FROM merge_events f JOIN merge_keys b USING (${this.#keys}) ${older}`
    if (this.#ids.length === 0) return `SELECT ${columns.join(', ')} ${from}`
    const running = (name: string) =>
      `max(f.${name}) OVER (PARTITION BY ${this.#input.keyNames('f.k').join(', ')} ORDER BY f.last) AS ${name}`
    const runs = ['begun', 'died', ...this.#ids.map((id) => `p${id}`)].map(running)
    const names = columns.map((column) => column.split(/\.| AS /).at(-1))
    return `SELECT ${[...names, ...this.#lineageColumns(resetSql(), (id) => `p${id}`, 'rid')].join(', ')}
      FROM (SELECT ${[...columns, ...runs].join(', ')} ${from})`
  }

  #aggregates(): readonly string[] {
    return [
      'max(code) AS last',
      `max(code) FILTER (WHERE ${HAS_VALUES}) AS val`,
      'max(committed) AS committed',
      ...(this.#ids.length === 0 ? [] : resetAggregates()),
      ...this.#ids.map((id) => `max(code) FILTER (WHERE ${HAS_VALUES} AND ${hasColumnSql(id)}) AS p${id}`),
    ]
  }

  /** What `lineage.ts` works on; nothing where all rows are whole. */
  #lineageColumns(reset: string, value: (id: number) => string, rid: string): readonly string[] {
    if (this.#ids.length === 0) return []
    return [
      `${reset} AS reset`,
      `CASE WHEN ${reset} IS NULL THEN ${rid} END AS root`,
      'NULL::BIGINT AS completion',
      'false AS unresolved',
      ...this.#ids.map(
        (id) => `CASE WHEN ${reset} IS NULL OR ${value(id)} >= ${reset} THEN ${value(id)} END AS p${id}`,
      ),
    ]
  }
}
