/**
 * Which compression the text of a new table gets.
 *
 * Left alone, DuckDB tries each method on each column of each row group before it writes it: a fifth of the CPU of a whole load
 * (1.1 of 5.9 seconds for 3M rows with three such columns, and the file is as large). What repeats and what does not is seen in
 * the first file just as well. The choice stays with the table; where values are too long for it, DuckDB leaves them as
 * they are.
 *
 * zstd is written a third faster than FSST and read twice as fast; of short texts it makes a fifth more. Files of an older storage
 * version than `STORAGE_VERSION` have no zstd and no `dict_fsst`: those that are there keep what they have.
 */
import { dataColumns, type LayoutColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import { relationSql } from './stage-relation.ts'

/** Column id → method. Columns that are not in it are DuckDB's to decide. */
export type TextCompression = ReadonlyMap<number, TextMethod>

type TextMethod = 'fsst' | 'dictionary' | 'zstd' | 'dict_fsst'

interface TextMethods {
  readonly rare: TextMethod
  readonly repeated: TextMethod
}

/** Of new database files. DuckDB reads them from 1.3 on, which is of May 2025. */
export const STORAGE_VERSION = 'v1.3.0'

/** Fewer values tell nothing. */
export const SAMPLE_ROWS_MIN = 10_000
const SAMPLE_ROWS_MAX = 50_000
/** Distinct values per value, above which a dictionary never pays. */
const RARE_FROM = 0.4
/** Distinct values in a sample, up to which it always does. */
const REPEATED_UP_TO = 2_000

export async function chooseTextCompression(
  session: Session,
  layout: TableLayout,
  files: readonly InspectedFile[],
): Promise<TextCompression> {
  const texts = dataColumns(layout).flatMap((column, index) => (isText(column) ? [{ id: column.id, index }] : []))
  const sample = files.toSorted((a, b) => b.file.rows - a.file.rows)[0]
  if (texts.length === 0 || sample === undefined || sample.file.rows < SAMPLE_ROWS_MIN) return new Map()
  const counts = texts.map(
    ({ index }) => `approx_count_distinct(v${index}) AS d${index}, count(v${index}) AS n${index}`,
  )
  const rows = relationSql({ files: [sample], layout, schema: sample.file.schema, from: undefined, careful: true })
  const values = texts.map(({ index }) => `v${index}`).join(', ')
  const row = await session.row(
    `SELECT ${counts.join(', ')} FROM (SELECT ${values} FROM ${rows} LIMIT ${SAMPLE_ROWS_MAX})`,
  )
  const methods = await textMethods(session)
  const chosen = new Map<number, TextMethod>()
  for (const { id, index } of texts) {
    const distinct = Number(row[`d${index}`])
    const present = Number(row[`n${index}`])
    if (present < SAMPLE_ROWS_MIN) continue
    if (distinct > present * RARE_FROM) chosen.set(id, methods.rare)
    else if (distinct <= REPEATED_UP_TO) chosen.set(id, methods.repeated)
  }
  return chosen
}

/** What the storage version of the open file has. */
export async function textMethods(session: Session): Promise<TextMethods> {
  const { version } = await session.row(
    "SELECT tags['storage_version'] AS version FROM duckdb_databases() WHERE database_name = current_database()",
  )
  const [, major = 0, minor = 0] = /^v(\d+)\.(\d+)/.exec(String(version)) ?? []
  const isNew = Number(major) > 1 || Number(minor) >= 3
  return isNew ? { rare: 'zstd', repeated: 'dict_fsst' } : { rare: 'fsst', repeated: 'dictionary' }
}

function isText(column: LayoutColumn): boolean {
  const { kind } = column.type
  return column.state === 'current' && (kind === 'text' || kind === 'json')
}
