import type { HistoryFaults } from '../../core/destination.ts'
import {
  ACTIVE_ID,
  DELETED_ID,
  END_ID,
  identityColumns,
  START_ID,
  type TableLayout,
} from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { microsOf, NO_END } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'

/**
 * What no table of versions may have, counted. Versions of a key follow each other: each begins a microsecond after the end
 * of the one before, unless the row was deleted in between.
 */
export async function historyFaults(session: SnowflakeSession, layout: TableLayout): Promise<HistoryFaults> {
  const counts = await session.row(historyQualitySql(layout))
  return {
    duplicates: Number(counts.DUPLICATES),
    overlaps: Number(counts.OVERLAPS),
    gaps: Number(counts.GAPS),
    severalActive: Number(counts.SEVERAL_ACTIVE),
  }
}

/** One row with the counts; also for people to run. */
export function historyQualitySql(layout: TableLayout): string {
  const own = (id: number) => columnSql(layout, id)
  const of = identityColumns(layout)
    .map((column) => quoteIdentifier(column.name))
    .join(', ')
  const [start, end, active] = [own(START_ID), own(END_ID), own(ACTIVE_ID)]
  const versions = `SELECT ${start} AS began, ${end} AS ended, ${active} AS active, ${own(DELETED_ID)} AS deleted,
      LEAD(${start}) OVER (PARTITION BY ${of} ORDER BY ${start}, ${end}) AS next_began,
      ROW_NUMBER() OVER (PARTITION BY ${of}, ${active} ORDER BY ${start}, ${end}) AS place
    FROM ${tableSql(layout)}`
  return `SELECT COUNT_IF(next_began = began) AS duplicates,
      COUNT_IF(next_began <= ended OR ended < began OR active <> (ended = ${NO_END})) AS overlaps,
      COUNT_IF(NOT active AND NOT deleted AND ${microsOf('next_began')} IS DISTINCT FROM ${microsOf('ended')} + 1) AS gaps,
      COUNT_IF(active AND place = 2) AS several_active
    FROM (${versions})`
}
