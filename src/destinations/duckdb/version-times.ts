/**
 * When versions begin and end: the events of `version-fold.ts` → `merge_versions`.
 *
 * The events of a key come one after the other, by position. Commit times need not: clocks are set back, and servers
 * replaced. So an event is at its commit time, but at least a microsecond after the event of its key before it. A version
 * begins at its event; it ends a microsecond before the next one begins, or at the event that took the row away.
 *
 * Passed over is what changes nothing: a row that is taken away and was not there, and a row that was read again and is
 * as it was.
 *
 * `merge_versions` has the columns of `merge_result`, for each event that counts, and
 * - `began`: when the event was; `until`: the last moment of the version, absent while it lasts. Microseconds since 1970.
 * - `gone`: the version ended with its row, by the change with the code `gone_code`.
 * - `closes`: `rowid` of the target's active version, where the event is the end of it.
 * - `replaces`: the row was there before.
 */
import { dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

export async function timeVersions(session: Session, input: MergeInput, isBackfill: boolean): Promise<void> {
  const isBag = input.layout.identity.kind === 'bag'
  const { several, again } = await session.row(
    `SELECT count(*) FILTER (WHERE several) AS several, count(*) FILTER (WHERE NOT several AND plain AND live) AS again
     FROM merge_result`,
  )
  if (Number(again) > 0 && !isBag) {
    await findEqual(session, input, 'merge_result WHERE NOT several AND plain AND live', isBackfill)
    await session.run('DELETE FROM merge_result WHERE last IN (SELECT last FROM merge_equal)')
  }
  if (Number(several) > 0) await timeSeveral(session, input, isBag, isBackfill)
  // The content of a bag's row is its key, so it does not change.
  const counts = isBag ? 'dead = live' : '(live OR NOT dead)'
  const single = `SELECT *, greatest(committed, since + 1) AS began, NULL::BIGINT AS until, false AS gone,
      NULL::BIGINT AS gone_code, CASE WHEN live THEN rid END AS closes, live AS replaces
    FROM merge_result WHERE NOT several AND ${counts}`
  const all = Number(several) > 0 ? `${single} UNION ALL BY NAME FROM merge_timed` : single
  await session.run(`CREATE OR REPLACE TEMP VIEW merge_versions AS ${all}`)
}

/**
 * Rows `s` that were read again and are as they are in the target, or as the change `s.before` of the flush left them:
 * `merge_equal`.
 */
async function findEqual(session: Session, input: MergeInput, among: string, isBackfill: boolean): Promise<void> {
  const { layout } = input
  const columns = dataColumns(layout).flatMap((column, index) =>
    column.state === 'current' ? [{ column, index }] : [],
  )
  const isSame = (other: (each: (typeof columns)[number]) => string) =>
    ['true', ...columns.map((each) => `e.v${each.index} IS NOT DISTINCT FROM ${other(each)}`)].join(' AND ')
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_equal AS
     SELECT s.last, s.rid, e.pos FROM (SELECT last, val, rid FROM ${among}) s
     JOIN ${input.changesSql()} e ON e.code = s.val JOIN ${tableSql(layout)} b ON b.rowid = s.rid
     WHERE ${isSame(({ column }) => `b.${quoteIdentifier(column.name)}`)}`,
  )
  if (!isBackfill) return
  // What is older than the backfill when it ends is gone at the source.
  await session.run(
    `UPDATE ${tableSql(layout)} SET ${columnSql(layout, POSITION_ID)} = q.pos FROM merge_equal q
     WHERE ${tableSql(layout)}.rowid = q.rid`,
  )
}

async function timeSeveral(session: Session, input: MergeInput, isBag: boolean, isBackfill: boolean): Promise<void> {
  const { buckets } = input
  const keys = input.keyNames('k').join(', ')
  for (let bucket = 0; bucket < buckets; bucket++) {
    const part = buckets === 1 ? '' : ` AND hash(${keys}) % ${buckets} = ${bucket}`
    // `there`: the row was there before the event. `before`: where it then had its values from, if from the flush.
    await session.run(
      `CREATE OR REPLACE TEMP TABLE merge_steps AS
       SELECT *, coalesce(NOT lag(dead) OVER w, live) AS there, lag(val) OVER w AS before
       FROM merge_result WHERE several${part} WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`,
    )
    await passOver(session, input, isBag, isBackfill)
    const into = bucket === 0 ? 'CREATE OR REPLACE TEMP TABLE merge_timed AS' : 'INSERT INTO merge_timed'
    await session.run(`${into} ${timedSql(keys)}`)
  }
}

async function passOver(session: Session, input: MergeInput, isBag: boolean, isBackfill: boolean): Promise<void> {
  await session.run(`DELETE FROM merge_steps WHERE ${isBag ? 'dead <> there' : 'dead AND NOT there'}`)
  const { again } = await session.row('SELECT count(*) FILTER (WHERE plain AND there) AS again FROM merge_steps')
  if (isBag || Number(again) === 0) return
  await findEqual(session, input, 'merge_steps WHERE plain AND there AND before IS NULL', isBackfill)
  const values = dataColumns(input.layout).map((_, index) => `v${index}`)
  const changes = input.changesSql()
  await session.run(
    `INSERT INTO merge_equal SELECT s.last, NULL, NULL FROM merge_steps s
     JOIN ${changes} e ON e.code = s.val JOIN ${changes} x ON x.code = s.before WHERE s.plain AND s.there
       AND ${['true', ...values.map((name) => `e.${name} IS NOT DISTINCT FROM x.${name}`)].join(' AND ')}`,
  )
  await session.run('DELETE FROM merge_steps WHERE last IN (SELECT last FROM merge_equal)')
}

function timedSql(keys: string): string {
  const next = (column: string) => `lead(${column}) OVER w`
  // The n-th event of a key is at n + the largest of `committed - n` so far, and of `since`.
  const numbered = `SELECT *, row_number() OVER w AS number FROM merge_steps WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
  const placed = `SELECT *, number + greatest(max(committed - number) OVER w, since) AS began
    FROM (${numbered}) WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
  return `SELECT * EXCLUDE (there, before, number), ${next('began')} - CASE WHEN ${next('dead')} THEN 0 ELSE 1 END AS until,
      coalesce(${next('dead')}, false) AS gone, CASE WHEN ${next('dead')} THEN ${next('last')} END AS gone_code,
      CASE WHEN number = 1 AND there THEN rid END AS closes, there AS replaces
    FROM (${placed}) WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
}
