/**
 * Tables without a key whose deletes carry the whole old row: rows are recognised by their content, and counted.
 *
 * The n-th copy of a content is the row `<content hash>/<n>`. Where b copies live, an insert brings copy b + 1 to life
 * and a delete takes copy b away, so every change has a key, and bags are folded like any other table. Copies that are
 * marked deleted come to life again before new ones are made.
 */
import { PipelineError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import { tableName } from '../../core/table-schema.ts'
import { DELETE, INSERT } from '../../warehouse/change-code.ts'
import { DELETED_ID, HASH_DIGITS, ROW_ID_ID } from '../../warehouse/table-layout.ts'
import { truncatesSql } from './fold.ts'
import type { MergeInput } from './merge-input.ts'
import type { SnowflakeSession } from './session.ts'
import { columnSql, tableSql } from './table-names.ts'

/** Makes the table `bag` with `code`, `k1`: which copy each change is about. */
export async function numberCopies(session: SnowflakeSession, input: MergeInput): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('bag')} AS ${copiesSql(input)}`)
  const { LOST: lost } = await session.row(
    `SELECT COUNT_IF(nth < 1 OR k1 IS NULL) AS lost FROM ${input.scratch('bag')}`,
  )
  if (Number(lost) > 0) throw unknownRows(input, Number(lost))
}

function copiesSql(input: MergeInput): string {
  const { layout, features } = input
  const kind = 'MOD(s.code, 8)'
  const step = `CASE WHEN ${kind} = ${INSERT} THEN 1 ELSE -1 END`
  const changes = `SELECT s.code AS code, s.content_hash AS hash, ${eraSql(input)} AS era, ${step} AS step
    FROM ${input.rows} s${features.truncates === 0 ? '' : ` LEFT JOIN (${erasSql(input)}) x ON s.code > x.after_code AND s.code < x.code`}
    WHERE ${kind} IN (${INSERT}, ${DELETE})`
  const rowId = columnSql(layout, ROW_ID_ID)
  const living = `SELECT LEFT(t.${rowId}, ${HASH_DIGITS}) AS hash, COUNT(*) AS living FROM ${tableSql(layout)} t
    WHERE NOT COALESCE(t.${columnSql(layout, DELETED_ID)}, FALSE)
      AND LEFT(t.${rowId}, ${HASH_DIGITS}) IN (SELECT content_hash FROM ${input.rows}) GROUP BY LEFT(t.${rowId}, ${HASH_DIGITS})`
  // An insert brings the copy behind those that live, a delete takes the last of them.
  const nth = `CASE WHEN c.era = 0 THEN COALESCE(l.living, 0) ELSE 0 END + c.steps + CASE WHEN c.step = 1 THEN 0 ELSE 1 END`
  return `SELECT code, nth, hash || '/' || CAST(nth AS VARCHAR) AS k1
    FROM (SELECT c.code AS code, c.hash AS hash, ${nth} AS nth
          FROM (SELECT code, hash, era, step, SUM(step) OVER (PARTITION BY hash, era ORDER BY code
                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS steps
                FROM (${changes})) c
          LEFT JOIN (${living}) l ON l.hash = c.hash)`
}

/** After a truncate no copy lives, so counting begins anew; an era ends with a truncate, the last one does not. */
function eraSql({ features }: MergeInput): string {
  return features.truncates === 0 ? '0' : 'COALESCE(x.era, -1)'
}

/** The first era, in which the copies of the target count, has number 0. */
function erasSql(input: MergeInput): string {
  return `SELECT code, after_code, ROW_NUMBER() OVER (ORDER BY code) - 1 AS era FROM (${truncatesSql(input)})`
}

/** Content that is not there cannot be deleted: something was lost before, and going on would hide it. */
function unknownRows(input: MergeInput, rows: number): PipelineError {
  const table = tableName(input.schema.table)
  return new PipelineError('source_gap', `Deleting rows of ${table}`, {
    cause: new Error(`${rows} deleted rows are not in the destination`),
    hint: `Read the table again: simplyload table resync ${shellWord(table)}`,
    context: { table, rows },
  })
}
