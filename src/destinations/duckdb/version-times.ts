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
 * - `gone`, `gone_pos`: the version ended with its row.
 * - `closes`: `rowid` of the target's active version, where the event is the end of it.
 * - `replaces`: the row was there before.
 */
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { columnSql, dataColumns, POSITION_ID, tableSql } from './table-layout.ts'

export async function timeVersions(session: Session, input: MergeInput, isBackfill: boolean): Promise<void> {
  const { buckets } = input
  for (let bucket = 0; bucket < buckets; bucket++) {
    const keys = input.keyNames('k').join(', ')
    const part = buckets === 1 ? '' : ` WHERE hash(${keys}) % ${buckets} = ${bucket}`
    await session.run(
      `CREATE OR REPLACE TEMP TABLE merge_steps AS ${stepsSql(`(SELECT * FROM merge_result${part})`, keys)}`,
    )
    await passOver(session, input, isBackfill)
    const select = timedSql(keys)
    await session.run(
      bucket === 0
        ? `CREATE OR REPLACE TEMP TABLE merge_versions AS ${select}`
        : `INSERT INTO merge_versions ${select}`,
    )
  }
}

/**
 * `there`: the row was there before the event; `before`: code of the change that it had its values from, where that is in
 * the flush. Most keys have one event, and windows over all of them would take several times as long.
 */
function stepsSql(events: string, keys: string): string {
  const several = `(SELECT ${keys} FROM ${events} GROUP BY ${keys} HAVING count(*) > 1)`
  return `SELECT *, true AS counts, false AS several, live AS there, NULL::BIGINT AS before
      FROM ${events} ANTI JOIN ${several} USING (${keys})
    UNION ALL
    SELECT *, true, true, coalesce(NOT lag(dead) OVER w, live), lag(val) OVER w
      FROM ${events} SEMI JOIN ${several} USING (${keys}) WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
}

async function passOver(session: Session, input: MergeInput, isBackfill: boolean): Promise<void> {
  const isBag = input.layout.identity.kind === 'bag'
  // The content of a bag's row is its key, so it does not change.
  const counts = isBag ? 'dead = there' : '(there OR NOT dead)'
  const { repeated } = await session.row(
    'SELECT count(*) FILTER (WHERE plain AND there AND NOT dead) AS repeated FROM merge_steps',
  )
  if (!isBag && Number(repeated) > 0) await passOverEqual(session, input, isBackfill)
  await session.run(`DELETE FROM merge_steps WHERE NOT ${counts} OR NOT counts`)
}

/** Rows that were read again and are as they were. Held against the version before, in the flush or in the target. */
async function passOverEqual(session: Session, input: MergeInput, isBackfill: boolean): Promise<void> {
  const { layout } = input
  const columns = dataColumns(layout).flatMap((column, index) =>
    column.state === 'current' ? [{ column, index }] : [],
  )
  const changes = input.changesSql()
  const isSame = (other: (each: (typeof columns)[number]) => string) =>
    ['true', ...columns.map((each) => `e.v${each.index} IS NOT DISTINCT FROM ${other(each)}`)].join(' AND ')
  const asThere = `SELECT s.last, s.rid, s.dead_pos FROM merge_steps s JOIN ${changes} e ON e.code = s.val
    JOIN ${tableSql(layout)} b ON b.rowid = s.rid
    WHERE s.plain AND s.there AND s.before IS NULL AND ${isSame(({ column }) => `b.${quoteIdentifier(column.name)}`)}`
  const asBefore = `SELECT s.last, NULL, NULL FROM merge_steps s JOIN ${changes} e ON e.code = s.val
    JOIN ${changes} x ON x.code = s.before
    WHERE s.plain AND s.there AND ${isSame(({ index }) => `x.v${index}`)}`
  await session.run(`CREATE OR REPLACE TEMP TABLE merge_equal AS ${asThere} UNION ALL ${asBefore}`)
  await session.run('UPDATE merge_steps SET counts = false WHERE last IN (SELECT last FROM merge_equal)')
  if (!isBackfill) return
  // What is older than the backfill when it ends is gone at the source.
  await session.run(
    `UPDATE ${tableSql(layout)} SET ${columnSql(layout, POSITION_ID)} = q.dead_pos FROM merge_equal q
     WHERE ${tableSql(layout)}.rowid = q.rid`,
  )
}

function timedSql(keys: string): string {
  const own = '* EXCLUDE (counts, several, there, before)'
  const single = `SELECT ${own}, greatest(committed, since + 1) AS began, NULL::BIGINT AS until,
      false AS gone, NULL::VARCHAR AS gone_pos, CASE WHEN there THEN rid END AS closes, there AS replaces
    FROM merge_steps WHERE NOT several`
  // The n-th event of a key is at n + the largest of `committed - n` so far, and of `since`.
  const numbered = `SELECT *, row_number() OVER w AS number FROM merge_steps WHERE several
    WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
  const placed = `SELECT *, number + greatest(max(committed - number) OVER w, since) AS began
    FROM (${numbered}) WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
  const next = (column: string) => `lead(${column}) OVER w`
  const several = `SELECT * EXCLUDE (counts, several, there, before, number),
      ${next('began')} - CASE WHEN ${next('dead')} THEN 0 ELSE 1 END AS until,
      coalesce(${next('dead')}, false) AS gone, CASE WHEN ${next('dead')} THEN ${next('dead_pos')} END AS gone_pos,
      CASE WHEN number = 1 AND there THEN rid END AS closes, there AS replaces
    FROM (${placed}) WINDOW w AS (PARTITION BY ${keys} ORDER BY last)`
  return `${single} UNION ALL BY NAME ${several}`
}
