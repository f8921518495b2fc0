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
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'
import { NO_END } from './version-writer.ts'

/**
 * What no table of versions may have, counted. Versions of a key follow each other: each begins a microsecond after the end
 * of the one before, unless the row was deleted in between.
 */
export async function historyFaults(session: Session, layout: TableLayout): Promise<HistoryFaults> {
  const column = (id: number) => columnSql(layout, id)
  const keys = identityColumns(layout).map((each) => quoteIdentifier(each.name))
  const of = keys.join(', ')
  const [start, end, active] = [column(START_ID), column(END_ID), column(ACTIVE_ID)]
  const versions = `SELECT ${start} AS began, ${end} AS ended, ${active} AS active, ${column(DELETED_ID)} AS deleted,
      lead(${start}) OVER w AS next FROM ${tableSql(layout)}
    WINDOW w AS (PARTITION BY ${of} ORDER BY ${start}, ${end})`
  const count = (name: string, condition: string) => `count(*) FILTER (WHERE ${condition}) AS ${name}`
  const counts = await session.row(
    `SELECT ${count('duplicates', 'next = began')},
       ${count('overlaps', `next <= ended OR ended < began OR active <> (ended = ${NO_END})`)},
       ${count('gaps', 'NOT active AND NOT deleted AND next IS DISTINCT FROM ended + INTERVAL 1 MICROSECOND')}
     FROM (${versions})`,
  )
  const { several } = await session.row(
    `SELECT count(*) AS several FROM (SELECT 1 FROM ${tableSql(layout)} WHERE ${active} GROUP BY ${of} HAVING count(*) > 1)`,
  )
  return {
    duplicates: Number(counts.duplicates),
    overlaps: Number(counts.overlaps),
    gaps: Number(counts.gaps),
    severalActive: Number(several),
  }
}
