/**
 * Removals of days: rows of a day that are older than the removal go, whatever the table keeps of deletes else. They come
 * in files of their own, after the rows of the flush, so that what replaces a day is written before the old rows go.
 */
import { dataColumn, type PeriodRemoval, SYSTEM_COLUMNS } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { tableName } from '../../core/table-schema.ts'
import { dayText, type PeriodRun, periodRuns } from '../../warehouse/period-runs.ts'
import { currentColumn, POSITION_ID, type TableLayout } from '../../warehouse/table-layout.ts'
import { duckdbType } from './column-type.ts'
import { fileList, quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import { columnSql, tableSql } from './table-sql.ts'

/** Removals before `from` are done. Returns the rows removed. */
export async function removePeriods(
  session: Session,
  layout: TableLayout,
  files: readonly InspectedFile[],
  from: Position,
): Promise<number> {
  let removed = 0
  for (const file of files) {
    const { removal } = file.file.features
    if (removal === undefined) continue
    for (const run of await runsOf(session, file, removal, from)) {
      removed += await session.run(`DELETE FROM ${tableSql(layout)} WHERE ${isRemoved(layout, file, removal, run)}`)
    }
  }
  return removed
}

async function runsOf(
  session: Session,
  { location }: InspectedFile,
  { columnId }: PeriodRemoval,
  from: Position,
): Promise<readonly PeriodRun[]> {
  const day = `datediff('day', DATE '1970-01-01', CAST(${dataColumn(columnId)} AS DATE))::INTEGER`
  const rows = await session.rows(
    `SELECT ${day} AS day, ${SYSTEM_COLUMNS.position} AS position
     FROM read_parquet(${fileList([location])}, hive_partitioning = false)
     WHERE ${SYSTEM_COLUMNS.op} = 'p' AND ${SYSTEM_COLUMNS.position} >= ${quoteLiteral(from)}`,
  )
  return periodRuns(rows.map((row) => ({ day: Number(row.day), position: String(row.position) as Position })))
}

function isRemoved(layout: TableLayout, { file }: InspectedFile, { columnId }: PeriodRemoval, run: PeriodRun): string {
  const column = currentColumn(layout, columnId)
  if (column === undefined) {
    const table = tableName(file.schema.table)
    throw new PipelineError('destination_rejected', `Removing days of ${table}`, {
      cause: new Error('the column that says of which day a row is has no place at the destination'),
      hint: 'Keep the date column of the set in the table',
      context: { table },
    })
  }
  const name = quoteIdentifier(column.name)
  const isDay = column.type.kind === 'date' || column.type.kind.startsWith('timestamp')
  const value = isDay ? name : `TRY_CAST(${name} AS DATE)`
  const type = isDay ? duckdbType(column.type) : 'DATE'
  return `${value} >= ${quoteLiteral(dayText(run.from))}::${type} AND ${value} < ${quoteLiteral(dayText(run.through + 1))}::${type}
    AND ${columnSql(layout, POSITION_ID)} < ${quoteLiteral(run.position)}`
}
