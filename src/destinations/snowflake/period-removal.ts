/**
 * Removals of days: rows of a day that are older than the removal go, whatever the table keeps of deletes else. They come
 * in files of their own; which days they name is read before the transaction, in which they are literals.
 */
import { PipelineError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { tableName } from '../../core/table-schema.ts'
import { dayText, type PeriodRun, periodRuns } from '../../warehouse/period-runs.ts'
import { currentColumn, dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import type { StagedRows } from './staged-rows.ts'
import { columnSql, tableSql } from './table-names.ts'

/** Statements of the transaction, after those that write rows. `staged`: removals alone, by the column with this id. */
export async function removalStatements(
  session: SnowflakeSession,
  { layout, schema, table: rowsOf }: StagedRows,
  columnId: number,
): Promise<readonly string[]> {
  const column = currentColumn(layout, columnId)
  if (column === undefined) {
    const table = tableName(schema.table)
    throw new PipelineError('destination_rejected', `Removing days of ${table}`, {
      cause: new Error('the column that says of which day a row is has no place at the destination'),
      hint: 'Keep the date column of the set in the table',
      context: { table },
    })
  }
  const value = `v${dataColumns(layout).indexOf(column)}`
  const rows = await session.rows(`SELECT DATEDIFF(DAY, '1970-01-01'::DATE, ${value}::DATE) AS day, pos FROM ${rowsOf}`)
  const runs = periodRuns(
    rows.map(({ DAY: day, POS: pos }) => ({ day: Number(day), position: String(pos) as Position })),
  )
  const name = quoteIdentifier(column.name)
  const isDay = column.type.kind === 'date' || column.type.kind.startsWith('timestamp')
  const compared = isDay ? name : `TRY_TO_DATE(${name})`
  const type = isDay ? snowflakeType(column.type) : 'DATE'
  const day = (of: number) => `${quoteLiteral(dayText(of))}::${type}`
  return runs.map(
    ({ from, through, position }: PeriodRun) =>
      `DELETE FROM ${tableSql(layout)} WHERE ${compared} >= ${day(from)} AND ${compared} < ${day(through + 1)}
       AND ${columnSql(layout, POSITION_ID)} < ${quoteLiteral(position)}`,
  )
}
