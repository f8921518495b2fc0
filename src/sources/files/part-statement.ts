/** What DuckDB is asked to read a part of a file: its rows in the types of the set, and what of them cannot be read. */
import type { FileColumn, FoundFile } from '../../core/file-set.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import type { ValueLimits } from '../../core/value-limits.ts'
import { type ReadStatement, readStatement } from '../../file-sets/read-statement.ts'
import { quoteText } from '../../file-sets/value-cast.ts'
import type { FilePart } from './file-parts.ts'
import { withinLimits } from './value-range.ts'

export interface PartStatement {
  /** After FROM: `r1`, … what is written, `v1`, … the values, by the place of the column in the set. */
  readonly relation: string
  /** By id of the table's columns. `strict`: the value, or the failure of the statement where it cannot be read. */
  readonly columns: readonly { readonly id: number; readonly value: string; readonly strict: string }[]
  /** The row goes into quarantine whole. */
  readonly isBadRow: string
  /** JSON of what goes into quarantine; NULL: nothing. */
  readonly quarantine: string
  /** How many records became no row; undefined: every one does. */
  readonly countRejects: string | undefined
  /** Of each of them: `quarantine`, as above. */
  readonly selectRejects: string | undefined
  /** After it, however it ended. */
  readonly cleanUp: readonly string[]
  /** True for the error of `strict`. */
  isRefusal(error: unknown): boolean
}

interface PartColumn {
  readonly column: FileColumn
  readonly id: number
  readonly raw: string
  readonly value: string
  /** `r` is there and `v` is not. */
  readonly isBad: string
}

const REFUSAL = 'a value cannot be read'
/** From 0; every Parquet file has it, unless it hides it. */
const ROW_NUMBER = 'file_row_number'

/** `stored`: types of the columns that a Parquet file has. */
export function partStatement(
  part: FilePart,
  { set, name }: FoundFile,
  schema: TableSchema,
  limits: ValueLimits | undefined,
  stored: ReadonlyMap<string, string> | undefined,
): PartStatement {
  const { path, prologue } = part
  const read = readStatement({ set, path, prologue, recordsOnly: true, rejects: 'part' }, stored)
  const columns = read.columns.flatMap(({ column }, index): readonly PartColumn[] => {
    const id = schema.columns.find((each) => each.name === column.name)?.id
    const [raw, value] = [`r${index + 1}`, `v${index + 1}`]
    return id === undefined ? [] : [{ column, id, raw, value, isBad: `(${raw} IS NOT NULL AND ${value} IS NULL)` }]
  })
  const bad = columns.filter(({ column }) => {
    const of = read.columns.find((each) => each.column.name === column.name)
    return of !== undefined && (of.isBad !== 'false' || withinLimits(of.value, column.type, limits) !== of.value)
  })
  const needed = columns.filter(({ column, id }) =>
    isNeeded(column, id, set.write === 'replace' ? set.dateColumn : undefined, schema),
  )
  const isBadRow = needed.length === 0 ? 'false' : `(${needed.map(({ value }) => `${value} IS NULL`).join(' OR ')})`
  return {
    relation: relationOf(read, limits, rowsOf(part, stored)),
    columns: columns.map((column) => ({ id: column.id, value: column.value, strict: strictOf(column, bad, needed) })),
    isBadRow,
    quarantine: quarantineSql(bad, columns, schema, isBadRow),
    countRejects: read.rejected === undefined ? undefined : `SELECT count(*) AS count FROM (${read.rejected})`,
    selectRejects: read.rejected === undefined ? undefined : rejectsSql(read.rejected, name, part.from),
    cleanUp: read.cleanup,
    isRefusal: (error) => error instanceof Error && error.message.includes(REFUSAL),
  }
}

/** Each value by itself, so that no condition has to look at all of them for each row. */
function strictOf(column: PartColumn, bad: readonly PartColumn[], needed: readonly PartColumn[]): string {
  const { raw, value } = column
  const refusal = `error('${REFUSAL}')`
  if (needed.includes(column)) return `coalesce(${value}, ${refusal})`
  return bad.includes(column) ? `coalesce(${value}, CASE WHEN ${raw} IS NOT NULL THEN ${refusal} END)` : value
}

/** True: the file has a column of the name by which DuckDB is asked for rows by number, and cannot be cut. */
export function hidesRowNumber(stored: ReadonlyMap<string, string>): boolean {
  return [...stored.keys()].some((name) => name.toLowerCase() === ROW_NUMBER)
}

/** Of a part of a Parquet file; DuckDB reads no row group that has none of them. */
function rowsOf({ line, records }: FilePart, stored: ReadonlyMap<string, string> | undefined): string {
  if (stored === undefined || hidesRowNumber(stored)) return ''
  return ` WHERE ${ROW_NUMBER} >= ${line - 1} AND ${ROW_NUMBER} < ${line - 1 + records}`
}

/** `where`: over what the file has. */
function relationOf({ columns, table }: ReadStatement, limits: ValueLimits | undefined, where: string): string {
  const selected = columns.flatMap(({ column, raw, value }, index) => [
    `${withinLimits(value, column.type, limits)} AS v${index + 1}`,
    `CAST(${raw} AS VARCHAR) AS r${index + 1}`,
  ])
  return `(SELECT ${selected.join(', ')} FROM ${table}${where})`
}

/** Without a key, or without the day by which it is replaced, a row has no place in the table; other values may be said to be needed. */
function isNeeded(
  { name, nullable }: FileColumn,
  id: number,
  date: string | undefined,
  { identity }: TableSchema,
): boolean {
  return !nullable || name === date || (identity.kind === 'key' && identity.columnIds.includes(id))
}

/** `from`: offset of the part in the file. */
function rejectsSql(rejected: string, file: string, from: number): string {
  const reason = `reason || ' at byte ' || ("byteOffset" + ${from}) || ' of ' || ${quoteText(file)}`
  return `SELECT to_json([{'columnId': 0, 'reason': ${reason}, 'raw': text, 'key': NULL}])::VARCHAR AS quarantine FROM (${rejected})`
}

function quarantineSql(
  bad: readonly PartColumn[],
  columns: readonly PartColumn[],
  { identity }: TableSchema,
  isBadRow: string,
): string {
  const shown = ({ column, raw }: PartColumn) =>
    column.sensitive ? `CASE WHEN ${raw} IS NOT NULL THEN '***' END` : raw
  const keys = identity.kind === 'key' ? identity.columnIds : []
  const keyed = keys.flatMap((id) => columns.find((column) => column.id === id) ?? [])
  const texts = keyed.map(({ value }) => `${value}::VARCHAR`)
  const key = texts.length === 0 ? 'NULL::VARCHAR' : `to_json([${texts.join(', ')}])::VARCHAR`
  const entry = (id: number, reason: string, raw: string, ofKey: string) =>
    `{'columnId': ${id}, 'reason': ${quoteText(reason)}, 'raw': ${raw}, 'key': ${ofKey}}`
  const whole = columns.map((each) => `${quoteText(each.column.name)}: ${shown(each)}`)
  const row = `to_json([${entry(0, 'row without a value that must be there', `to_json({${whole.join(', ')}})::VARCHAR`, 'NULL::VARCHAR')}])::VARCHAR`
  if (bad.length === 0) return `CASE WHEN ${isBadRow} THEN ${row} END`
  const values = bad.map((each) => {
    const reason = `not accepted as ${each.column.sourceType}`
    return `CASE WHEN ${each.isBad} THEN ${entry(each.id, reason, shown(each), key)} END`
  })
  const list = `to_json(list_filter([${values.join(', ')}], lambda x: x IS NOT NULL))::VARCHAR`
  return `CASE WHEN ${isBadRow} THEN ${row} WHEN ${bad.map(({ isBad }) => isBad).join(' OR ')} THEN ${list} END`
}
