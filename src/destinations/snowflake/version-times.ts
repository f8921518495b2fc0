/**
 * When versions begin and end: the events of `version-fold.ts` → `versions`.
 *
 * The events of a key come one after the other, by position. Commit times need not: clocks are set back, and servers
 * replaced. So an event is at its commit time, but at least a microsecond after the event of its key before it. A version
 * begins at its event; it ends a microsecond before the next one begins, or at the event that took the row away.
 *
 * Passed over is what changes nothing: a row that is taken away and was not there, and a row that was read again and is
 * as it was.
 *
 * `versions` has the columns of `result`, for each event that counts, and
 * - `began`: when the event was; `until`: the last moment of the version, absent while it lasts. Microseconds since 1970.
 * - `gone`: the version ended with its row, by the change at the position `gone_pos`.
 * - `closes`: the event is the end of the target's active version.
 * - `replaces`: the row was there before.
 */
import { ACTIVE_ID, dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { currentRowsSql } from './current-rows.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { SnowflakeSession } from './session.ts'
import type { Survey } from './survey.ts'
import { columnSql, tableSql } from './table-names.ts'

export interface TimingOptions {
  readonly survey: Survey
  readonly isBackfill: boolean
  /** Columns of the results. */
  readonly columns: readonly string[]
}

/** Returns whether rows of `equal` have to be touched (`touchStatement`). */
export async function timeVersions(
  session: SnowflakeSession,
  input: MergeInput,
  { survey, isBackfill, columns }: TimingOptions,
): Promise<boolean> {
  const findsEqual = await hasReadAgain(session, input, survey)
  if (findsEqual) {
    await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('equal')} AS ${equalSql(input, survey)}`)
  }
  const of = `OVER (PARTITION BY ${input.keyNames('k').join(', ')} ORDER BY last)`
  const next = (column: string) => `LEAD(${column}) ${of}`
  // The content of a bag's row is its key, so it does not change.
  const counts = input.isBag ? 'dead = there' : '(there OR NOT dead)'
  const isNews = findsEqual ? ` AND last NOT IN (SELECT last FROM ${input.scratch('equal')})` : ''
  const kept = [...input.keyNames('k'), ...columns].join(', ')
  // The n-th event of a key is at n + the largest of `committed - n` so far, and of `since`.
  const largest = `MAX(committed - step) OVER (PARTITION BY ${input.keyNames('k').join(', ')} ORDER BY last
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('versions')} AS
     SELECT ${kept}, began, ${next('began')} - CASE WHEN ${next('dead')} THEN 0 ELSE 1 END AS until,
       COALESCE(${next('dead')}, FALSE) AS gone, CASE WHEN ${next('dead')} THEN ${next('pos')} END AS gone_pos,
       step = 1 AND there AS closes, there AS replaces
     FROM (SELECT ${kept}, there, step, step + GREATEST(largest, COALESCE(since, largest)) AS began
           FROM (SELECT ${kept}, there, step, ${largest} AS largest
                 FROM (SELECT ${kept}, there, ROW_NUMBER() ${of} AS step FROM (${stepsSql(input)}) WHERE ${counts}${isNews})))`,
  )
  return findsEqual && isBackfill
}

/** Rows that were there were read again. */
async function hasReadAgain(session: SnowflakeSession, input: MergeInput, survey: Survey): Promise<boolean> {
  // One change of each key, and none that begins a row.
  const isMoot = survey.begun === 0 && survey.keys === survey.changes
  if (input.isBag || isMoot) return false
  const { AGAIN: again } = await session.row(`SELECT COUNT_IF(plain AND there) AS again FROM (${stepsSql(input)})`)
  return Number(again) > 0
}

/** `there`: the row was there before the event. `earlier`: the change that it then had its values from, if of the flush. */
function stepsSql(input: MergeInput): string {
  const of = `OVER (PARTITION BY ${input.keyNames('k').join(', ')} ORDER BY last)`
  return `SELECT *, COALESCE(NOT LAG(dead) ${of}, live) AS there, LAG(val) ${of} AS earlier FROM ${input.scratch('result')}`
}

/** Rows that were read again and are as they are in the target (`of_target`), or as an earlier change of the flush left them. */
function equalSql(input: MergeInput, { range }: Survey): string {
  const { layout } = input
  const current = dataColumns(layout).flatMap((column, index) =>
    column.state === 'current' ? [{ column, index }] : [],
  )
  const isSame = (other: (each: (typeof current)[number]) => string) =>
    ['TRUE', ...current.map((each) => `e.v${each.index} IS NOT DISTINCT FROM ${other(each)}`)].join(' AND ')
  return `SELECT s.last AS last, ${input
    .keyNames('k')
    .map((key) => `s.${key} AS ${key}`)
    .join(', ')}, e.pos AS pos,
      s.earlier IS NULL AS of_target
    FROM (${stepsSql(input)}) s JOIN ${input.changes} e ON e.code = s.val
    LEFT JOIN (${currentRowsSql(layout, 't.*', range)}) b ON s.earlier IS NULL AND ${input.keys
      .map(({ quoted, name }) => `b.${quoted} = s.${name}`)
      .join(' AND ')}
    LEFT JOIN ${input.changes} x ON x.code = s.earlier
    WHERE s.plain AND s.there AND CASE WHEN s.earlier IS NULL THEN ${isSame(({ column }) => `b.${quoteIdentifier(column.name)}`)}
      ELSE ${isSame(({ index }) => `x.v${index}`)} END`
}

/** What is older than a backfill when it ends is gone at the source, so rows that are as they were take its position. */
export function touchStatement(input: MergeInput, range: string): string {
  const { layout } = input
  return `MERGE INTO ${tableSql(layout)} t USING (SELECT * FROM ${input.scratch('equal')} WHERE of_target) r
    ON ${input.onTarget('r')}${range} AND t.${columnSql(layout, ACTIVE_ID)}
    WHEN MATCHED THEN UPDATE SET ${columnSql(layout, POSITION_ID)} = r.pos`
}
