/**
 * Appends the changes of a flush to a table in which every change is a row.
 *
 * A change of key is two rows, as it is for whoever looks at one key: the old one is deleted, the new one inserted. A
 * delete has what the source sends with it, at least the key. A value that was not sent because it is unchanged is taken
 * from the row before (`lineage.ts`), else read again; where the row is gone by then, it is NULL and in quarantine.
 */
import {
  DELETE,
  INSERT,
  MOVE_IN,
  PARTIAL_MOVE_IN,
  PARTIAL_UPDATE,
  TRUNCATE,
  UPDATE,
} from '../../warehouse/change-code.ts'
import { dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { currentKeysSql, joinEmptied, resetSince } from './lineage.ts'
import { rootColumns, unresolvedSql } from './lineage-columns.ts'
import { logColumnList } from './log-rows.ts'
import { hasColumnSql, KIND, lastCode, type MergeInput } from './merge-input.ts'
import type { PreparedMerge } from './prepared-merge.ts'
import { type Completion, completionCounts, RowValues } from './row-values.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { timestampLiteral, timestampOf } from './sql-time.ts'
import type { Survey } from './survey.ts'
import { columnSql, tableSql } from './table-names.ts'

const OF_CHANGE = 'MOD(e.code, 8)'
const HAS_MOVED = `${OF_CHANGE} IN (${MOVE_IN}, ${PARTIAL_MOVE_IN})`

/** Columns of the results besides those of `lineage.ts`. */
export const PARTIAL_COLUMNS = ['last', 'val', 'dead', 'dead_pos'] as const

/** Makes `result` with one row for each change that lacks values, as `lineage.ts` takes it. */
export async function collectPartial(session: SnowflakeSession, input: MergeInput, survey: Survey): Promise<void> {
  const { unchangedIds: ids, range } = survey
  const keys = input.keyNames('k')
  const run = `OVER (PARTITION BY ${keys.join(', ')} ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
  const runs = [
    `${lastCode(`${KIND} >= ${INSERT} OR ${KIND} < ${PARTIAL_UPDATE}`)} ${run} AS reset`,
    ...ids.map((id) => `${lastCode(`${KIND} >= ${PARTIAL_UPDATE} AND ${hasColumnSql(id)}`)} ${run} AS p${id}`),
  ]
  const reset = resetSince(input, 'c.reset')
  const columns = [
    ...keys.map((key) => `c.${key} AS ${key}`),
    'c.code AS last',
    'c.code AS val',
    'FALSE AS dead',
    'CAST(NULL AS VARCHAR) AS dead_pos',
    ...rootColumns(input, ids, {
      reset,
      root: (index) => `CASE WHEN ${reset} IS NULL THEN t.k${index + 1} END`,
      rootPosition: `CASE WHEN ${reset} IS NULL THEN t.pos END`,
      known: (id) => `CASE WHEN ${reset} IS NULL OR c.p${id} >= ${reset} THEN c.p${id} END`,
    }),
  ]
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS
     SELECT *, ${unresolvedSql(ids)} AS unresolved FROM (
       SELECT ${columns.join(', ')}
       FROM (SELECT ${[...keys, 'code', ...runs].join(', ')} FROM ${input.keyChanges}) c
       LEFT JOIN (${currentKeysSql(input, range)}) t ON ${input.sameKey('t', 'c')} ${joinEmptied(input, 'c.code')}
       WHERE MOD(c.code, 8) IN (${PARTIAL_UPDATE}, ${PARTIAL_MOVE_IN}))`,
  )
}

/** All changes, as rows. */
export async function appendMerge(
  session: SnowflakeSession,
  input: MergeInput,
  completion: Completion | undefined,
  loadedMs: number,
): Promise<PreparedMerge> {
  const { updates, deletes, truncates, quarantinedRows } = input.features
  if (updates + deletes + truncates + quarantinedRows === 0) {
    const sql = logSql(input, undefined, {}, loadedMs)
    return { apply: async () => ({ inserted: await session.run(sql), updated: 0, deleted: 0 }) }
  }
  const counted =
    completion === undefined
      ? {}
      : await session.row(
          `SELECT ${['COUNT(*) AS results', ...completionCounts(completion.unchangedIds)].join(', ')}
           FROM ${input.scratch('result')} r`,
        )
  const counts = await session.row(countsSql(input))
  const sql = logSql(input, completion, counted, loadedMs)
  const apply = async () => {
    const written = await session.run(sql)
    const [changes, moved] = [Number(counts.CHANGES), Number(counts.MOVED)]
    if (written !== changes + moved) throw new Error(`${written} rows were appended for ${changes} changes`)
    return {
      inserted: Number(counts.INSERTED),
      updated: Number(counts.UPDATED),
      deleted: Number(counts.DELETED) + moved,
    }
  }
  return { apply }
}

/** Rows that were read again: of those in `result`, which nothing newer is known of. */
export function readsMerge(session: SnowflakeSession, input: MergeInput, loadedMs: number): PreparedMerge {
  const { layout } = input
  const values = dataColumns(layout).map((_, index) => `e.v${index}`)
  const sql = `INSERT INTO ${tableSql(layout)} (${logColumnList(layout)})
    SELECT ${[...values, ...ownValues(input, 'read', loadedMs)].join(', ')} FROM ${input.rows} e
    JOIN ${input.scratch('result')} r ON r.last = e.code`
  return { apply: async () => ({ inserted: await session.run(sql), updated: 0, deleted: 0 }) }
}

/** Makes `result` of the rows that are newer than the last change of their key. */
export async function collectNewerReads(
  session: SnowflakeSession,
  input: MergeInput,
  { range }: Survey,
): Promise<void> {
  const { layout } = input
  const keys = input.keyNames('k').join(', ')
  const latest = `SELECT ${keys}, MAX(pos) AS pos FROM (
      SELECT ${input.targetKeys}, t.${columnSql(layout, POSITION_ID)} AS pos FROM ${tableSql(layout)} t WHERE TRUE${range})
    GROUP BY ${keys}`
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS
     SELECT ${input
       .keyNames('e.k')
       .map((key) => `${key} AS ${key.slice(2)}`)
       .join(', ')}, e.code AS last, e.pos AS newest
     FROM ${input.changes} e LEFT JOIN (${latest}) t ON ${input.sameKey('t', 'e')}
     WHERE t.pos IS NULL OR t.pos < e.pos`,
  )
}

function countsSql(input: MergeInput): string {
  return `SELECT ${[
    'COUNT(e.code) AS changes',
    `COUNT_IF(${OF_CHANGE} >= ${INSERT} AND ${OF_CHANGE} <> ${TRUNCATE}) AS inserted`,
    `COUNT_IF(${OF_CHANGE} IN (${UPDATE}, ${PARTIAL_UPDATE})) AS updated`,
    `COUNT_IF(${HAS_MOVED}) AS moved`,
    `COUNT_IF(${OF_CHANGE} = ${DELETE}) AS deleted`,
  ].join(', ')} FROM ${input.rows} e`
}

function logSql(input: MergeInput, completion: Completion | undefined, counted: Row, loadedMs: number): string {
  const { layout, features } = input
  const into = `INSERT INTO ${tableSql(layout)} (${logColumnList(layout)})`
  const rows = completion === undefined ? undefined : new RowValues(input, completion, counted)
  const values = rows?.values ?? dataColumns(layout).map((_, index) => `e.v${index}`)
  const results = rows === undefined ? '' : `LEFT JOIN ${input.scratch('result')} r ON r.val = e.code ${rows.joins}`
  const changes = `SELECT ${[...values, ...ownValues(input, 'insert', loadedMs)].join(', ')}
    FROM ${input.rows} e ${results} WHERE e.code IS NOT NULL`
  if (features.keyChanges === 0) return `${into} ${changes}`
  // What a change of key leaves behind.
  const place = new Map(input.keys.map(({ column }, index) => [column.id, `e.o${index + 1}`]))
  const left = dataColumns(layout).map((column) => place.get(column.id) ?? 'NULL')
  const own = ["'delete'", timestampOf('e.committed'), timestampLiteral(loadedMs), 'TRUE', 'e.pos']
  return `${into} ${changes} UNION ALL SELECT ${[...left, ...own].join(', ')} FROM ${input.rows} e WHERE ${HAS_MOVED}`
}

/** Our own columns of a change `e`, in the order of `logColumnList`. */
function ownValues(input: MergeInput, inserted: 'insert' | 'read', loadedMs: number): readonly string[] {
  const { kind } = input.layout.identity
  const rowId = kind === 'key' ? [] : [kind === 'bag' ? 'e.content_hash' : 'e.pos']
  const operation = `CASE ${OF_CHANGE} WHEN ${DELETE} THEN 'delete' WHEN ${TRUNCATE} THEN 'truncate'
      WHEN ${UPDATE} THEN 'update' WHEN ${PARTIAL_UPDATE} THEN 'update' ELSE '${inserted}' END`
  const isGone = `${OF_CHANGE} IN (${DELETE}, ${TRUNCATE})`
  return [...rowId, operation, timestampOf('e.committed'), timestampLiteral(loadedMs), isGone, 'e.pos']
}
