/** What DuckDB is asked to read a part of a file: its rows in the types of the set, and what of them cannot be read. */
import type { DelimitedFormat, FileColumn, FoundFile } from '../../core/file-set.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import type { ValueLimits } from '../../core/value-limits.ts'
import { quoteText, valueOfText } from '../../file-sets/value-cast.ts'
import type { FilePart } from './file-parts.ts'
import { parquetValue } from './parquet-value.ts'
import { withinLimits } from './value-range.ts'

export interface PartStatement {
  /** After FROM: `r1`, … what is written, `v1`, … the values, by the place of the column in the set. */
  readonly relation: string
  /** By id of the table's columns. */
  readonly columns: readonly { readonly id: number; readonly value: string }[]
  /** A condition that fails the statement at the first value that cannot be read. */
  readonly strictly: string
  /** The row goes into quarantine whole. */
  readonly isBadRow: string
  /** JSON of what goes into quarantine; NULL: nothing. */
  readonly quarantine: string
  /** Undefined: every record becomes a row. */
  readonly countRejects: string | undefined
  /** Of each record that became none: `quarantine`, as above. */
  selectRejects(part: FilePart): string
  /** After it, however it ended. */
  readonly cleanUp: readonly string[]
  /** True for the error of `strictly`. */
  isRefusal(error: unknown): boolean
}

interface ReadColumn {
  readonly column: FileColumn
  readonly id: number
  readonly raw: string
  readonly value: string
  /** `r` is there and `v` is not. */
  readonly isBad: string
}

const REFUSAL = 'a value cannot be read'
const REJECTS = 'file_rejects'
const REJECT_SCANS = 'file_reject_scans'
/** Longer ones go into quarantine. Left alone, DuckDB takes buffers of sixteen times as much. */
const RECORD_BYTES_MAX = 16 << 20

export function partStatement(
  part: FilePart,
  file: FoundFile,
  schema: TableSchema,
  limits: ValueLimits | undefined,
): PartStatement {
  const { set } = file
  const { format } = set
  const isDelimited = format.kind === 'delimited'
  const source = isDelimited ? readCsv(part.path, format, set.columns.length) : `read_parquet(${quoteText(part.path)})`
  const columns = set.columns.flatMap((column, index): readonly ReadColumn[] => {
    const id = schema.columns.find(({ name }) => name === column.name)?.id
    const [raw, value] = [`r${index + 1}`, `v${index + 1}`]
    return id === undefined ? [] : [{ column, id, raw, value, isBad: `(${raw} IS NOT NULL AND ${value} IS NULL)` }]
  })
  const read = columns.map(({ column, raw, value }) => {
    const text = isDelimited ? raw : `CAST(${raw} AS VARCHAR)`
    const typed = isDelimited ? valueOfText(raw, column, format.decimalSeparator) : parquetValue(raw, column)
    return `${withinLimits(typed, column.type, limits)} AS ${value}, ${text} AS ${raw}`
  })
  const raws = isDelimited
    ? '*'
    : set.columns.map(({ name }, index) => `"${name.replaceAll('"', '""')}" AS r${index + 1}`).join(', ')
  const bad = columns.filter(({ column }) => (isDelimited ? column.type.kind !== 'text' || limits !== undefined : true))
  const isBadRow = wholeRow(columns, file, schema)
  const anyBad = [...bad.map(({ isBad }) => isBad), isBadRow].join(' OR ')
  return {
    relation: `(SELECT ${read.join(', ')} FROM (SELECT ${raws} FROM ${source}))`,
    columns: columns.map(({ id, value }) => ({ id, value })),
    strictly: `CASE WHEN ${anyBad} THEN error('${REFUSAL}') ELSE true END`,
    isBadRow,
    quarantine: quarantineSql(bad, columns, schema, isBadRow),
    countRejects: isDelimited ? `SELECT count(DISTINCT line) AS count FROM ${REJECTS}` : undefined,
    selectRejects: ({ line }) =>
      `SELECT to_json([{'columnId': 0, 'reason': lower(any_value(error_type::VARCHAR)) || ' in line ' || (line + ${line - 1}),
         'raw': any_value(csv_line), 'key': NULL}])::VARCHAR AS quarantine FROM ${REJECTS} GROUP BY line`,
    cleanUp: isDelimited ? [`DROP TABLE IF EXISTS ${REJECTS}`, `DROP TABLE IF EXISTS ${REJECT_SCANS}`] : [],
    isRefusal: (error) => error instanceof Error && error.message.includes(REFUSAL),
  }
}

/** Without a key, or without the day by which it is replaced, a row has no place in the table. */
function wholeRow(columns: readonly ReadColumn[], { set }: FoundFile, { identity }: TableSchema): string {
  const isNeeded = ({ column, id }: ReadColumn) =>
    (identity.kind === 'key' && identity.columnIds.includes(id)) ||
    (set.write === 'replace' && column.name === set.dateColumn)
  const missing = columns.filter(isNeeded).map(({ value }) => `${value} IS NULL`)
  return missing.length === 0 ? 'false' : `(${missing.join(' OR ')})`
}

function quarantineSql(
  bad: readonly ReadColumn[],
  columns: readonly ReadColumn[],
  { identity }: TableSchema,
  isBadRow: string,
): string {
  const shown = ({ column, raw }: ReadColumn) =>
    column.sensitive ? `CASE WHEN ${raw} IS NOT NULL THEN '***' END` : raw
  const keys = identity.kind === 'key' ? identity.columnIds : []
  const keyed = keys.flatMap((id) => columns.find((column) => column.id === id) ?? [])
  const key =
    keyed.length === 0
      ? 'NULL::VARCHAR'
      : `to_json([${keyed.map(({ value }) => `${value}::VARCHAR`).join(', ')}])::VARCHAR`
  const entry = (id: number, reason: string, raw: string, ofKey: string) =>
    `{'columnId': ${id}, 'reason': ${quoteText(reason)}, 'raw': ${raw}, 'key': ${ofKey}}`
  const whole = columns.map((each) => `${quoteText(each.column.name)}: ${shown(each)}`)
  const row = `to_json([${entry(0, 'row without key or day', `to_json({${whole.join(', ')}})::VARCHAR`, 'NULL::VARCHAR')}])`
  const values = bad.map((each) => {
    const { column, id, isBad } = each
    return `CASE WHEN ${isBad} THEN ${entry(id, `not accepted as ${column.sourceType}`, shown(each), key)} END`
  })
  if (bad.length === 0) return isBadRow === 'false' ? 'NULL::VARCHAR' : `CASE WHEN ${isBadRow} THEN ${row}::VARCHAR END`
  const list = `to_json(list_filter([${values.join(', ')}], lambda x: x IS NOT NULL))`
  const anyBad = bad.map(({ isBad }) => isBad).join(' OR ')
  return `CASE WHEN ${isBadRow} THEN ${row}::VARCHAR WHEN ${anyBad} THEN ${list}::VARCHAR END`
}

/** Explicit in all things, and every value as text: nothing is guessed. */
function readCsv(path: string, format: DelimitedFormat, columns: number): string {
  const names = Array.from({ length: columns }, (_, index) => `'r${index + 1}': 'VARCHAR'`)
  const options = [
    'auto_detect = false',
    'header = false',
    `columns = {${names.join(', ')}}`,
    `delim = ${quoteText(format.delimiter)}`,
    `quote = ${quoteText(format.quote ?? '')}`,
    `escape = ${quoteText(format.escape ?? '')}`,
    `nullstr = [${format.nullWords.map(quoteText).join(', ')}]`,
    'allow_quoted_nulls = false',
    'store_rejects = true',
    `rejects_table = '${REJECTS}'`,
    `rejects_scan = '${REJECT_SCANS}'`,
    'rejects_limit = 0',
    `max_line_size = ${RECORD_BYTES_MAX}`,
    `buffer_size = ${2 * RECORD_BYTES_MAX}`,
  ]
  return `read_csv(${quoteText(path.replaceAll(/[[*?]/g, '[$&]'))}, ${options.join(', ')})`
}
