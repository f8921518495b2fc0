/**
 * The columns of stage files as a COPY selects them: `$1` is a row of a Parquet file, a column that the file does not have
 * is NULL there. Only casts, CASE, NVL, ||, PARSE_JSON and ENDSWITH: a COPY takes few functions, and neither
 * WHERE nor joins.
 */
import { dataColumn, oldKeyColumn, SYSTEM_COLUMNS } from '../../core/batch.ts'
import type { StageFile } from '../../core/stage.ts'
import { type Column, type ColumnType, columnById, type TableSchema } from '../../core/table-schema.ts'
import { columnForType, type LayoutColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { inputForm, missingValueSql } from './missing-value.ts'

/** What the values of a table's files are read as. */
export interface FileColumns {
  readonly layout: TableLayout
  /** The newest schema: its missing values fill columns that older files do not have. */
  readonly schema: TableSchema
  /** JSON is parsed, and fails the COPY where it is none; false: it stays text. */
  readonly parseJson: boolean
}

/** Bytes: the table of casts has none from VARIANT to BINARY, but TO_BINARY is documented to take a VARIANT. */
export function fileColumn(name: string, type: string): string {
  const value = `$1:${quoteIdentifier(name)}`
  return type === 'BINARY' ? `TO_BINARY(${value})` : `${value}::${type}`
}

export function systemColumn(name: keyof typeof SYSTEM_COLUMNS): string {
  return fileColumn(SYSTEM_COLUMNS[name], 'VARCHAR')
}

export const COMMITTED_AT = fileColumn(SYSTEM_COLUMNS.committedAt, 'TIMESTAMP_TZ(6)')

/**
 * In the order of the file. Where it begins is not said for Parquet: the documentation shows 1 for CSV and JSON, others
 * found 0 for binary formats. So nothing may depend on it, and it is not calculated with.
 */
export const ROW_NUMBER = 'METADATA$FILE_ROW_NUMBER'

/** `values`: for each file, by the end of its path. */
export function byFile(
  files: readonly StageFile[],
  pathOf: (file: StageFile) => string,
  value: (file: StageFile, index: number) => string,
): string {
  const values = files.map(value)
  const [first] = values
  if (first !== undefined && values.every((each) => each === first)) return first
  const cases = files.map((file, index) => {
    const end = quoteLiteral(`/${pathOf(file).split('/').at(-1)}`)
    return `WHEN ENDSWITH(METADATA$FILENAME, ${end}) THEN ${values[index]}`
  })
  return `CASE ${cases.join(' ')} END`
}

/** Files whose columns are read alike. */
export function shapeOf(file: StageFile): string {
  const types = file.schema.columns.map((column) => [column.id, snowflakeType(column.type), column.type.kind])
  // Days that are removed are read for themselves.
  const removal = file.features.removal?.columnId ?? 0
  return JSON.stringify([types, file.kind === 'snapshot' ? file.firstPosition : '', removal])
}

export function valueSql(file: StageFile, { layout, schema, parseJson }: FileColumns, column: LayoutColumn): string {
  const inFile = columnById(file.schema, column.id)
  if (inFile !== undefined) {
    if (columnForType(layout, column.id, inFile.type) !== column) return nothing(column, parseJson)
    return converted(dataColumn(column.id), inFile.type, column, parseJson)
  }
  const newest = column.state === 'current' ? columnById(schema, column.id) : undefined
  return newest === undefined ? nothing(column, parseJson) : missing(newest, column, parseJson)
}

/** NULL where the change did not change the key. */
export function oldKeySql(file: StageFile, columns: FileColumns, column: LayoutColumn): string {
  const inFile = columnById(file.schema, column.id)
  if (inFile === undefined) return nothing(column, columns.parseJson)
  return converted(oldKeyColumn(column.id), inFile.type, column, columns.parseJson)
}

/** The type that the values have in staged rows. */
export function stagedType(column: LayoutColumn, parseJson: boolean): string {
  return column.type.kind === 'json' && !parseJson ? 'VARCHAR' : snowflakeType(column.type)
}

function nothing(column: LayoutColumn, parseJson: boolean): string {
  return `NULL::${stagedType(column, parseJson)}`
}

function missing(source: Column, column: LayoutColumn, parseJson: boolean): string {
  if (column.type.kind === 'json' && !parseJson) {
    return source.missingValue === undefined ? nothing(column, false) : quoteLiteral(source.missingValue)
  }
  const value = missingValueSql(source)
  if (value === undefined) return nothing(column, parseJson)
  if (column.type.kind === source.type.kind) return value
  return `CAST(${quoteLiteral(inputForm(source.missingValue ?? '', source.type))} AS ${snowflakeType(column.type)})`
}

function converted(name: string, from: ColumnType, to: LayoutColumn, parseJson: boolean): string {
  // What a stage file holds as text is read as text also where the destination's column is text.
  const inFile = from.kind === 'json' ? 'VARCHAR' : snowflakeType(from)
  const value = fileColumn(name, inFile)
  if (to.type.kind === 'json') return parseJson ? `PARSE_JSON(${value})` : value
  const type = snowflakeType(to.type)
  return type === inFile ? value : `${value}::${type}`
}
