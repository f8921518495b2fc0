/**
 * Tables without a key whose deletes carry the whole old row: rows are recognised by their content, and counted.
 *
 * The n-th copy of a content is the row `<content hash>/<n>`. Where b copies live, an insert brings copy b + 1 to life
 * and a delete takes copy b away, so every change has a key, and bags are folded like any other table. Copies that are
 * marked deleted come to life again before new ones are made.
 */
import { SYSTEM_COLUMNS } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { shellWord } from '../../core/shell-word.ts'
import { tableName } from '../../core/table-schema.ts'
import { DELETE, INSERT, TRUNCATE } from '../../warehouse/change-code.ts'
import { DELETED_ID, HASH_DIGITS, ROW_ID_ID } from '../../warehouse/table-layout.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { hasColumn } from './stage-inspection.ts'
import { columnSql, tableSql } from './table-sql.ts'

/** Fills `merge_bag(code, k1)`: which copy each change is about. */
export async function numberCopies(session: Session, input: MergeInput): Promise<void> {
  invariant(hasColumn(input.relation.files, SYSTEM_COLUMNS.contentHash), 'rows of a bag have a content hash')
  const { layout, features } = input
  const rows = input.rowsSql()
  // After a truncate no copy lives, so counting begins anew; `era` counts the truncates before a change.
  const truncates = `(SELECT code, row_number() OVER (ORDER BY code) AS era FROM ${rows} WHERE (code & 7) = ${TRUNCATE})`
  const changes = `SELECT code, content_hash AS hash FROM ${rows} WHERE (code & 7) IN (${INSERT}, ${DELETE})`
  const era = features.truncates === 0 ? '0' : 'coalesce(t.era, 0)'
  const join = features.truncates === 0 ? '' : `ASOF LEFT JOIN ${truncates} t ON c.code > t.code`
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_copies AS SELECT c.code, c.hash, ${era} AS era FROM (${changes}) c ${join}`,
  )
  const rowId = columnSql(layout, ROW_ID_ID)
  const living = `SELECT left(${rowId}, ${HASH_DIGITS}) AS hash, count(*) AS living FROM ${tableSql(layout)}
    WHERE ${columnSql(layout, DELETED_ID)} IS NOT TRUE
      AND left(${rowId}, ${HASH_DIGITS}) IN (SELECT hash FROM merge_copies) GROUP BY 1`
  const before = 'CASE WHEN c.era = 0 THEN coalesce(l.living, 0) ELSE 0 END'
  // Most contents occur once in a flush; only for the others their order matters.
  const step = `CASE WHEN (code & 7) = ${INSERT} THEN 1 ELSE -1 END`
  const once = `SELECT any_value(code) AS code, hash, any_value(era) AS era, 0 AS earlier FROM merge_copies
    GROUP BY hash HAVING count(*) = 1`
  const repeated = `SELECT code, hash, era, coalesce(sum(${step}) OVER (PARTITION BY hash, era ORDER BY code
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS earlier
    FROM merge_copies WHERE hash IN (SELECT hash FROM merge_copies GROUP BY hash HAVING count(*) > 1)`
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_bag AS
     SELECT code, hash || '/' || copy AS k1, copy FROM (
       SELECT c.code, c.hash,
         (${before} + c.earlier + CASE WHEN (c.code & 7) = ${INSERT} THEN 1 ELSE 0 END)::BIGINT AS copy
       FROM (${once} UNION ALL ${repeated}) c LEFT JOIN (${living}) l ON l.hash = c.hash)`,
  )
  const { lost } = await session.row('SELECT count(*) AS lost FROM merge_bag WHERE copy < 1 OR k1 IS NULL')
  if (Number(lost) > 0) throw unknownRows(input, Number(lost))
}

/** Content that is not there cannot be deleted: something was lost before, and going on would hide it. */
function unknownRows(input: MergeInput, rows: number): PipelineError {
  const table = tableName(input.relation.schema.table)
  return new PipelineError('source_gap', `Deleting rows of ${table}`, {
    cause: new Error(`${rows} deleted rows are not in the destination`),
    hint: `Read the table again: simplyload table resync ${shellWord(table)}`,
    context: { table, rows },
  })
}
