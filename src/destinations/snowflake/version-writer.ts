/** Writes `versions` into the target: a row for each version; those that end are told so in place. One MERGE does both. */
import { invariant } from '../../core/invariant.ts'
import {
  ACTIVE_ID,
  DELETED_ID,
  dataColumns,
  END_ID,
  LOAD_TIME_ID,
  POSITION_ID,
  ROW_ID_ID,
  START_ID,
  type TableLayout,
} from '../../warehouse/table-layout.ts'
import { truncatesSql } from './fold.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { MergeCounts, PreparedMerge } from './prepared-merge.ts'
import { type Completion, completionCounts, RowValues } from './row-values.ts'
import type { SnowflakeSession } from './session.ts'
import { microsOf, NO_END, timestampLiteral, timestampOf } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'
import { touchStatement } from './version-times.ts'

export interface VersionWriteOptions extends Completion {
  readonly loadedMs: number
  /** Condition on rows `t` of the target; '' or begins with AND. */
  readonly range: string
  /** Rows that were read again and are as they were take the position of the reading. */
  readonly touches: boolean
}

const OWN_IDS = [START_ID, END_ID, ACTIVE_ID, LOAD_TIME_ID, DELETED_ID, POSITION_ID]

/** The columns of the table: ours behind those of the source's rows. */
export function versionColumnList(layout: TableLayout): readonly string[] {
  const ids = layout.identity.kind === 'key' ? OWN_IDS : [ROW_ID_ID, ...OWN_IDS]
  const data = dataColumns(layout).map((column) => quoteIdentifier(column.name))
  return [...data, ...ids.map((id) => columnSql(layout, id))]
}

export async function versionsMerge(
  session: SnowflakeSession,
  input: MergeInput,
  options: VersionWriteOptions,
): Promise<PreparedMerge> {
  const counts = await session.row(
    `SELECT ${[
      'COUNT(*) AS events',
      'COUNT_IF(NOT r.dead) AS versions',
      'COUNT_IF(NOT r.dead AND NOT r.replaces) AS inserted',
      'COUNT_IF(NOT r.dead AND r.replaces) AS updated',
      'COUNT_IF(r.dead) AS deleted',
      'COUNT_IF(r.closes) AS closed',
      'COALESCE(MAX(r.actives), 0) AS actives',
      ...completionCounts(options.unchangedIds),
    ].join(', ')} FROM ${input.scratch('versions')} r`,
  )
  invariant(Number(counts.ACTIVES) <= 1, 'a key has one active version in the target')
  const [versions, closed] = [Number(counts.VERSIONS), Number(counts.CLOSED)]
  const rows = new RowValues(input, options, counts)
  const sql = mergeSql(input, rows, closed > 0, options)
  const apply = async (): Promise<MergeCounts> => {
    if (options.touches) await session.run(touchStatement(input, options.range))
    if (versions + closed > 0) {
      const written = await session.change(sql)
      invariant(written.inserted === versions, 'each version has exactly one change with its values')
      invariant(written.updated === closed, 'each version ends once')
    }
    const truncated = input.features.truncates > 0 ? await truncateRest(session, input) : 0
    return {
      inserted: Number(counts.INSERTED),
      updated: Number(counts.UPDATED),
      deleted: Number(counts.DELETED) + truncated,
    }
  }
  return { apply }
}

/** Of a source row, either the key is that of a version that ends (`m1`, …), or it is a new version. */
function mergeSql(input: MergeInput, rows: RowValues, closes: boolean, options: VersionWriteOptions): string {
  const { layout } = input
  const own = (id: number) => columnSql(layout, id)
  const inserted = [
    ...rows.values.map((value, index) => `${value} AS c${index}`),
    ...(layout.identity.kind === 'key' ? [] : ['e.k1 AS row_id']),
    `${timestampOf('r.began')} AS began_at`,
    `COALESCE(${timestampOf('r.until')}, ${NO_END}) AS until_at`,
    'r.until IS NULL AS lasts',
    'r.gone AS gone',
    'COALESCE(r.gone_pos, e.pos) AS new_pos',
  ]
  const names = inserted.map((column) => column.slice(column.lastIndexOf(' AS ') + 4))
  const versions = `SELECT ${[...input.keyNames('m').map((name, index) => `CASE WHEN FALSE THEN r.k${index + 1} END AS ${name}`), ...inserted].join(', ')}
    FROM ${input.scratch('versions')} r JOIN ${input.changes} e ON e.code = r.val ${rows.joins} WHERE NOT r.dead`
  const ended: Readonly<Record<string, string>> = {
    until_at: `${timestampOf('CASE WHEN r.dead THEN r.began ELSE r.began - 1 END')}`,
    gone: 'r.dead',
    new_pos: 'r.pos',
  }
  const endings = `SELECT ${[...input.keyNames('r.k'), ...names.map((name) => ended[name] ?? 'NULL')].join(', ')}
    FROM ${input.scratch('versions')} r WHERE r.closes`
  const source = closes ? `${versions} UNION ALL ${endings}` : versions
  const values = [
    ...names.slice(0, names.indexOf('began_at') + 3).map((name) => `r.${name}`),
    timestampLiteral(options.loadedMs),
    'r.gone',
    'r.new_pos',
  ]
  const matched = closes
    ? `WHEN MATCHED AND r.gone THEN UPDATE SET ${own(END_ID)} = r.until_at, ${own(ACTIVE_ID)} = FALSE,
       ${own(DELETED_ID)} = TRUE, ${own(POSITION_ID)} = r.new_pos
     WHEN MATCHED THEN UPDATE SET ${own(END_ID)} = r.until_at, ${own(ACTIVE_ID)} = FALSE
     `
    : ''
  return `MERGE INTO ${tableSql(layout)} t USING (${source}) r
     ON ${input.onTarget('r', 'm')}${options.range} AND t.${own(ACTIVE_ID)}
     ${matched}WHEN NOT MATCHED THEN INSERT (${versionColumnList(layout).join(', ')}) VALUES (${values.join(', ')})`
}

/**
 * Active versions that are `doomed` (a condition on columns) end, with their rows, as of the position `death` (SQL).
 * Returns how many.
 */
export async function endVersions(
  session: SnowflakeSession,
  layout: TableLayout,
  doomed: string,
  death: string,
  atMs: number,
): Promise<number> {
  const own = (id: number) => columnSql(layout, id)
  return session.run(
    `UPDATE ${tableSql(layout)} SET
       ${own(END_ID)} = GREATEST(${timestampLiteral(atMs)}, ${timestampOf(`${microsOf(own(START_ID))} + 1`)}),
       ${own(ACTIVE_ID)} = FALSE, ${own(DELETED_ID)} = TRUE, ${own(POSITION_ID)} = ${death}
     WHERE ${own(ACTIVE_ID)} AND ${doomed}`,
  )
}

/** Rows that no change of the flush is about end with the first truncate after them. After the MERGE. */
async function truncateRest(session: SnowflakeSession, input: MergeInput): Promise<number> {
  const { layout } = input
  const own = (id: number) => columnSql(layout, id)
  const keys = input.keyNames('k').join(', ')
  // Also those that a change has left as they were: a row that is there again in the transaction that emptied the table.
  const doomed = `SELECT ${input.targetKeys}, x.pos AS pos, x.committed AS committed
    FROM ${tableSql(layout)} t JOIN (${truncatesSql(input, ['committed'])}) x
      ON t.${own(POSITION_ID)} < x.pos AND t.${own(POSITION_ID)} >= x.after_pos
    LEFT JOIN (SELECT DISTINCT ${keys} FROM ${input.scratch('result')}) r ON ${input.onTarget('r')}
    WHERE t.${own(ACTIVE_ID)} AND r.k1 IS NULL`
  return session.run(
    `MERGE INTO ${tableSql(layout)} t USING (${doomed}) d ON ${input.onTarget('d')} AND t.${own(ACTIVE_ID)}
     WHEN MATCHED THEN UPDATE SET
       ${own(END_ID)} = ${timestampOf(`GREATEST(d.committed, ${microsOf(`t.${own(START_ID)}`)} + 1)`)},
       ${own(ACTIVE_ID)} = FALSE, ${own(DELETED_ID)} = TRUE, ${own(POSITION_ID)} = d.pos`,
  )
}
