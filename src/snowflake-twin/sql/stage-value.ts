/**
 * `$1:column` of staged files. Snowflake reads each Parquet row as one VARIANT; here the path is the file's own column, with its own type, so that
 * `$1:id::NUMBER(19,0)` casts the exact value (docs: user-guide/querying-stage, data-load-parquet; types as USE_VECTORIZED_SCANNER maps them).
 */
import type { Statement } from './binding.ts'
import { unknown } from './binding.ts'
import { asText } from './cast.ts'
import { variantOf } from './cast-variant.ts'
import type { DataType } from './data-type.ts'
import type { StageRows } from './session-context.ts'
import { quoted, textLiteral } from './stored-name.ts'
import type { Expression, PathStep } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { FLOAT, number, TEXT, VARIANT, value } from './value.ts'

/** `$index` alone: the row (Parquet, JSON), or a field (CSV). */
export function stagePosition(statement: Statement, rows: StageRows, alias: string, index: number): Value {
  if (rows.type === 'csv') {
    const column = rows.columns[index - 1]
    return column === undefined ? value('CAST(NULL AS VARCHAR)', TEXT) : value(`${alias}.${quoted(column.name)}`, TEXT)
  }
  if (index !== 1) return value('CAST(NULL AS JSON)', VARIANT)
  if (rows.type === 'json') return value(`${alias}."c1"`, VARIANT)
  const fields = rows.columns.map((column) => {
    const field = variantOf(nativeValue(`${alias}.${quoted(column.name)}`, column.type), (moment) =>
      asText(statement, moment),
    )
    return `${textLiteral(column.name)}, ${field.sql}`
  })
  return value(`json_object(${fields.join(', ')})`, VARIANT)
}

/** `$1:a.b[0]`: the first step is a column of a Parquet file; undefined where the path is not one of a column. */
export function stagePath(
  statement: Statement,
  rows: StageRows,
  alias: string,
  of: Expression & { type: 'position' },
  steps: readonly PathStep[],
): { readonly column: Value; readonly rest: readonly PathStep[] } | undefined {
  const [first, ...rest] = steps
  if (rows.type !== 'parquet' || of.index !== 1 || first === undefined || !('field' in first)) return undefined
  const column = rows.columns.find(({ name }) => name === first.field)
  // A name that the file does not have is NULL, not an error.
  if (column === undefined) return { column: value('CAST(NULL AS JSON)', VARIANT), rest: [] }
  const native = nativeValue(`${alias}.${quoted(column.name)}`, column.type)
  const variant = variantOf(native, (moment) => asText(statement, moment))
  return { column: native.type.kind === 'VARIANT' ? native : { ...variant, native }, rest }
}

/** METADATA$FILENAME and METADATA$FILE_ROW_NUMBER. */
export function stageMetadata(statement: Statement, rows: StageRows, expression: Expression, name: string): Value {
  if (name === 'METADATA$FILENAME') return value(`(${rows.filenameSql})`, TEXT)
  if (name === 'METADATA$FILE_ROW_NUMBER') return value(`(${rows.rowNumberSql})`, number(38, 0), { exact: false })
  throw unknown(statement, expression, name)
}

/** A column of a file, by DuckDB's name of its type. */
function nativeValue(sql: string, duckdbType: string): Value {
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(duckdbType)
  if (decimal !== null) return value(sql, number(Number(decimal[1]), Number(decimal[2])))
  if (/^U?(?:TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(duckdbType)) return value(sql, number(20, 0), { exact: false })
  const type = TYPES[duckdbType]
  if (type !== undefined) return value(sql, type, { exact: EXACT.includes(duckdbType) })
  if (duckdbType === 'JSON') return value(sql, VARIANT)
  if (duckdbType === 'UUID') return value(`CAST(${sql} AS VARCHAR)`, TEXT)
  // Lists, structs and maps.
  return value(`to_json(${sql})`, VARIANT)
}

const EXACT: readonly string[] = [
  'VARCHAR',
  'BLOB',
  'BOOLEAN',
  'DATE',
  'TIME',
  'DOUBLE',
  'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE',
]
const TYPES: Readonly<Record<string, DataType>> = {
  VARCHAR: { kind: 'VARCHAR', length: Number.MAX_SAFE_INTEGER },
  BLOB: { kind: 'BINARY', length: Number.MAX_SAFE_INTEGER },
  BOOLEAN: { kind: 'BOOLEAN' },
  DATE: { kind: 'DATE' },
  TIME: { kind: 'TIME', precision: 6 },
  DOUBLE: FLOAT,
  FLOAT,
  TIMESTAMP: { kind: 'TIMESTAMP_NTZ', precision: 6 },
  TIMESTAMP_S: { kind: 'TIMESTAMP_NTZ', precision: 0 },
  TIMESTAMP_MS: { kind: 'TIMESTAMP_NTZ', precision: 3 },
  TIMESTAMP_NS: { kind: 'TIMESTAMP_NTZ', precision: 9 },
  'TIMESTAMP WITH TIME ZONE': { kind: 'TIMESTAMP_LTZ', precision: 6 },
}
