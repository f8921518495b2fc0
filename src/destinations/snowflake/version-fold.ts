/**
 * Folds the changes of a flush to one event per key and transaction: for tables that keep every version of a row.
 *
 * An event says how the row of the key stood when the transaction was committed. `result` has one row per event, with
 * the columns that `fold.ts` describes where `lineage.ts` needs them (there `b1`, … are of the key's active version, and
 * `p<id>` and `reset` reach back over earlier events of the flush), and
 * - `k1`, …: the key. `pos`: the position of the last change. `committed`: when the transaction was, in microseconds.
 * - `dead`: the row was gone when the transaction was committed.
 * - `plain`: inserts and nothing else; where the row is there already, it has been read again.
 * - `live`: the key has an active version in the target. `since`: when that began or, where there is none and its row was
 *   deleted, when the last one ended.
 * - `several`: the key has more events. `newest`: as `pos`. `actives`: how many active versions the key has.
 */
import { ORDINAL_DIGITS, POSITION_LENGTH } from '../../core/position.ts'
import { INSERT, PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import { ACTIVE_ID, DELETED_ID, END_ID, POSITION_ID, START_ID } from '../../warehouse/table-layout.ts'
import { truncatesSql } from './fold.ts'
import { resetAggregates, resetSql, rootColumns, unresolvedSql } from './lineage-columns.ts'
import { hasColumnSql, KIND, lastCode, type MergeInput } from './merge-input.ts'
import type { SnowflakeSession } from './session.ts'
import { microsOf } from './sql-time.ts'
import type { Survey } from './survey.ts'
import { columnSql, tableSql } from './table-names.ts'

/** Columns of the results besides those of `lineage.ts`. */
export const EVENT_COLUMNS = [
  'last',
  'val',
  'pos',
  'committed',
  'plain',
  'dead',
  'dead_pos',
  'live',
  'since',
  'several',
  'newest',
  'actives',
] as const

export interface VersionFoldOptions {
  /** Rows of the target may be newer than some of the changes: those changes are then ignored. */
  readonly guarded: boolean
  readonly survey: Survey
}

export async function foldVersions(
  session: SnowflakeSession,
  input: MergeInput,
  options: VersionFoldOptions,
): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS ${resultSql(input, options)}`)
}

// All but the ordinal of a position is the same for all changes of a transaction.
const TRANSACTION = `LEFT(pos, ${POSITION_LENGTH - ORDINAL_DIGITS})`
const HAS_VALUES = `${KIND} >= ${PARTIAL_UPDATE}`

function resultSql(input: MergeInput, { guarded, survey }: VersionFoldOptions): string {
  const { unchangedIds: ids } = survey
  const hasTruncates = input.features.truncates > 0
  const parts = [
    `folded AS (${foldedSql(input, ids)})`,
    `known AS (${knownSql(input, survey.range)})`,
    ...(hasTruncates ? [`truncates AS (${truncatesSql(input, ['committed'])})`] : []),
    `events AS (${hasTruncates ? withTruncatesSql(input, ids) : 'SELECT * FROM folded'})`,
  ]
  const of = `PARTITION BY ${input.keyNames('f.k').join(', ')}`
  const running = (name: string) =>
    `MAX(f.${name}) OVER (${of} ORDER BY f.last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS ${name}`
  const runs = ids.length === 0 ? [] : ['begun', 'died', ...ids.map((id) => `p${id}`)].map(running)
  const columns = [
    ...input.keyNames('k').map((key) => `f.${key} AS ${key}`),
    'f.last AS last',
    'f.val AS val',
    'f.pos AS pos',
    'f.committed AS committed',
    'f.plain AS plain',
    `(MOD(f.last, 8) < ${PARTIAL_UPDATE} OR MOD(f.last, 8) = ${TRUNCATE}) AS dead`,
    'CAST(NULL AS VARCHAR) AS dead_pos',
    'COALESCE(b.actives, 0) > 0 AS live',
    'b.since AS since',
    `COUNT(*) OVER (${of}) > 1 AS several`,
    'f.pos AS newest',
    'COALESCE(b.actives, 0) AS actives',
    ...runs,
  ]
  const older = guarded ? ' WHERE b.pos IS NULL OR b.pos < f.pos' : ''
  const events = `SELECT ${columns.join(', ')} FROM events f LEFT JOIN known b ON ${input.sameKey('b', 'f')}${older}`
  const kept = [...input.keyNames('k'), ...EVENT_COLUMNS]
  const reset = resetSql('g.')
  const lineage = rootColumns(input, ids, {
    reset,
    root: (index) => `CASE WHEN ${reset} IS NULL AND g.live THEN g.k${index + 1} END`,
    known: (id) => `CASE WHEN ${reset} IS NULL OR g.p${id} >= ${reset} THEN g.p${id} END`,
  })
  const select = `SELECT ${[...kept.map((name) => `g.${name} AS ${name}`), ...lineage].join(', ')} FROM (${events}) g`
  const all = ids.length === 0 ? events : `SELECT *, ${unresolvedSql(ids)} AS unresolved FROM (${select})`
  return `WITH ${parts.join(', ')} ${all}`
}

function foldedSql(input: MergeInput, ids: readonly number[]): string {
  const keys = input.keyNames('k').join(', ')
  const aggregates = [
    'MAX(code) AS last',
    `${lastCode(HAS_VALUES)} AS val`,
    'MAX(pos) AS pos',
    'MAX(committed) AS committed',
    `BOOLAND_AGG(${KIND} = ${INSERT}) AS plain`,
    ...(ids.length === 0 ? [] : resetAggregates()),
    ...ids.map((id) => `${lastCode(`${HAS_VALUES} AND ${hasColumnSql(id)}`)} AS p${id}`),
  ]
  return `SELECT ${keys}, ${aggregates.join(', ')}
    FROM (SELECT c.*, ${TRANSACTION} AS tx FROM ${input.keyChanges} c) GROUP BY ${keys}, tx`
}

/** What the target knows of the keys: one row for each that it has. */
function knownSql(input: MergeInput, range: string): string {
  const { layout } = input
  const own = (id: number) => `t.${columnSql(layout, id)}`
  const isActive = own(ACTIVE_ID)
  const since = (id: number, condition: string) => `MAX(CASE WHEN ${condition} THEN ${microsOf(own(id))} END)`
  const pos = (condition: string) => `MAX(CASE WHEN ${condition} THEN ${own(POSITION_ID)} END)`
  const keys = input.keyNames('f.k')
  return `SELECT ${keys.map((key) => `${key} AS ${key.slice(2)}`).join(', ')}, COUNT_IF(${isActive}) AS actives,
      COALESCE(${since(START_ID, isActive)}, ${since(END_ID, own(DELETED_ID))}) AS since,
      COALESCE(${pos(isActive)}, ${pos(own(DELETED_ID))}) AS pos
    FROM ${tableSql(layout)} t JOIN (SELECT DISTINCT ${input.keyNames('k').join(', ')} FROM folded) f
      ON ${input.onTarget('f')}${range}
    WHERE ${isActive} OR ${own(DELETED_ID)} GROUP BY ${keys.join(', ')}`
}

/**
 * A row that lives at the time of a truncate dies of it: of the first one after its last change. One for a row that is
 * dead by then changes nothing, and is passed over later.
 */
function withTruncatesSql(input: MergeInput, ids: readonly number[]): string {
  const keys = (alias: string) => input.keyNames(`${alias}.k`).join(', ')
  const empty = [
    'x.code',
    'CAST(NULL AS NUMBER(19,0))',
    'x.pos',
    'x.committed',
    'FALSE',
    ...(ids.length === 0 ? [] : ['begun', 'died', ...ids]).map(() => 'CAST(NULL AS NUMBER(19,0))'),
  ].join(', ')
  const all = `SELECT * FROM folded
    UNION ALL SELECT DISTINCT ${keys('e')}, ${empty}
      FROM folded e JOIN truncates x ON e.last < x.code AND e.last > x.after_code
    UNION ALL SELECT ${keys('b')}, ${empty}
      FROM known b JOIN truncates x ON b.pos < x.pos AND b.pos >= x.after_pos WHERE b.actives > 0`
  // Within a transaction only what came last counts.
  return `SELECT * FROM (${all})
    QUALIFY ROW_NUMBER() OVER (PARTITION BY ${input.keyNames('k').join(', ')}, ${TRANSACTION} ORDER BY last DESC) = 1`
}
