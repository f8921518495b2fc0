/** Files of a stage as one relation of DuckDB: Parquet, CSV, JSON. */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { PlainOptions } from '../catalog/catalog-objects.ts'
import { unsupported } from '../refusals.ts'
import type { StageRows } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { quoted, textLiteral } from '../sql/stored-name.ts'

/** File names within the stage, and the folder where they are. At least one. */
export interface OpenFiles {
  readonly folder: string
  readonly paths: readonly string[]
  readonly metadataPrefix: string
}

export async function openRows(
  connection: DuckDBConnection,
  files: OpenFiles,
  format: PlainOptions,
): Promise<StageRows> {
  const type = String(format.TYPE ?? 'CSV').toUpperCase()
  switch (type) {
    case 'PARQUET':
      return parquetRows(connection, files)
    case 'CSV':
      return csvRows(connection, files, format)
    case 'JSON':
      return jsonRows(files, format)
    default:
      throw unsupported(`FILE_FORMAT TYPE = ${type}`)
  }
}

async function parquetRows(connection: DuckDBConnection, files: OpenFiles): Promise<StageRows> {
  const list = files.paths.map((path) => textLiteral(join(files.folder, path))).join(', ')
  const from = `read_parquet([${list}], filename = '_FILENAME', file_row_number = true, union_by_name = true, hive_partitioning = false)`
  const described = await describedColumns(connection, from)
  return {
    type: 'parquet',
    from,
    columns: described.filter(({ name }) => name !== '_FILENAME' && name !== 'file_row_number'),
    filenameSql: filenameSql('_FILENAME', files),
    rowNumberSql: '(file_row_number + 1)',
  }
}

async function describedColumns(
  connection: DuckDBConnection,
  from: string,
): Promise<readonly { readonly name: string; readonly type: string }[]> {
  try {
    const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`)
    return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }))
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new SnowflakeError('100142', '22000', `Error parsing the parquet file: ${reason}`)
  }
}

/** One query per file, so that rows can be numbered in the order of the file. */
async function csvRows(connection: DuckDBConnection, files: OpenFiles, format: PlainOptions): Promise<StageRows> {
  const options = csvOptions(format)
  const width = await widestFile(connection, files, options)
  const names = Array.from({ length: width }, (_, index) => `c${index + 1}`)
  const columns = `{${names.map((name) => `'${name}': 'VARCHAR'`).join(', ')}}`
  const parts = files.paths.map((path) => {
    const source = `read_csv(${textLiteral(join(files.folder, path))}, columns = ${columns}, null_padding = true, auto_detect = false, ${options})`
    return `SELECT *, ${textLiteral(`${files.metadataPrefix}${path}`)} AS _filename, row_number() OVER () AS _row FROM ${source}`
  })
  return {
    type: 'csv',
    from: `(${parts.join(' UNION ALL ')})`,
    columns: names.map((name) => ({ name, type: 'VARCHAR' })),
    filenameSql: '_filename',
    rowNumberSql: '_row',
  }
}

async function widestFile(connection: DuckDBConnection, files: OpenFiles, options: string): Promise<number> {
  let width = 1
  for (const path of files.paths) {
    const file = textLiteral(join(files.folder, path))
    const reader = await connection.runAndReadAll(
      `DESCRIBE SELECT * FROM read_csv(${file}, all_varchar = true, null_padding = true, ${options})`,
    )
    width = Math.max(width, reader.getRows().length)
  }
  return width
}

function csvOptions(format: PlainOptions): string {
  const quote = characterOption(format.FIELD_OPTIONALLY_ENCLOSED_BY) ?? ''
  const escaping = characterOption(format.ESCAPE) ?? (quote === '' ? '' : quote)
  const nulls = Array.isArray(format.NULL_IF) ? format.NULL_IF.map(String) : ['\\N']
  const emptyIsNull = format.EMPTY_FIELD_AS_NULL !== false
  const settings = [
    'header = false',
    `delim = ${textLiteral(characterOption(format.FIELD_DELIMITER) ?? ',')}`,
    `quote = ${textLiteral(quote)}`,
    `escape = ${textLiteral(escaping)}`,
    `skip = ${Number(format.SKIP_HEADER ?? 0)}`,
    `nullstr = [${[...nulls, ...(emptyIsNull ? [''] : [])].map(textLiteral).join(', ')}]`,
    'strict_mode = true',
  ]
  const compression = String(format.COMPRESSION ?? 'AUTO').toUpperCase()
  if (compression !== 'AUTO') settings.push(`compression = ${textLiteral(compression.toLowerCase())}`)
  return settings.join(', ')
}

/** `NONE` is no character; escapes such as `\t` are as in Snowflake's strings. */
function characterOption(value: PlainOptions[string] | undefined): string | undefined {
  if (typeof value !== 'string' || value.toUpperCase() === 'NONE') return undefined
  return value === '\\t' ? '\t' : value === '\\n' ? '\n' : value
}

function jsonRows(files: OpenFiles, format: PlainOptions): StageRows {
  const kind = format.STRIP_OUTER_ARRAY === true ? 'array' : 'auto'
  const parts = files.paths.map((path) => {
    const file = textLiteral(join(files.folder, path))
    const name = textLiteral(`${files.metadataPrefix}${path}`)
    return `SELECT json AS c1, ${name} AS _filename, row_number() OVER () AS _row FROM read_json_objects(${file}, format = '${kind}')`
  })
  return {
    type: 'json',
    from: `(${parts.join(' UNION ALL ')})`,
    columns: [{ name: 'c1', type: 'JSON' }],
    filenameSql: '_filename',
    rowNumberSql: '_row',
  }
}

function filenameSql(column: string, files: OpenFiles): string {
  const path = `substr(${quoted(column)}, ${[...files.folder].length + 2})`
  return files.metadataPrefix === '' ? path : `(${textLiteral(files.metadataPrefix)} || ${path})`
}
