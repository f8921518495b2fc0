/**
 * The SQL with which DuckDB (1.5) reads a file of a set. What it must do so that no record is lost silently, each tried:
 * - `new_line` is given: found out by DuckDB it is the first line end in the file, also one within quotes, and then all records
 *   are lost without a word. `strict_mode` is left out: given, even as the default it is, it loses records that end in a quote
 *   where lines end in CRLF.
 * - `header` only where the file begins with it: DuckDB takes a blank line for one.
 * - `store_rejects`, never `ignore_errors` alone. One record may have several rejects; they are counted by their place.
 * - `enable_external_file_cache` off: else a file that is written again within a moment is taken for the one before.
 * Columns are read as text and cast one by one, so that one wrong value costs no row.
 */
import type { FileColumn, FileSet } from '../core/file-set.ts'
import type { Prologue } from './prologue.ts'
import { duckDbType, quoteName, quotePath, quoteText, triedCast, valueOfText } from './value-cast.ts'

/** Longest record in bytes that is read; a longer one is rejected. DuckDB holds two buffers of it for each thread. */
export const RECORD_BYTES_MAX = 16 << 20

/** For the DuckDB that reads files: nothing is fetched, and nothing is remembered of a file. */
export const READER_OPTIONS: Readonly<Record<string, string>> = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  enable_external_file_cache: 'false',
  preserve_insertion_order: 'true',
}

export interface ReadRequest {
  readonly set: FileSet
  /** What DuckDB opens: a file or a pipe. */
  readonly path: string
  /** Undefined for Parquet. */
  readonly prologue: Prologue | undefined
  /** The path begins with the first record: a pipe that is fed with records alone. */
  readonly recordsOnly?: boolean
  /** Columns of whole numbers whose texts are known to be values, all of them: DuckDB's reader makes the numbers. */
  readonly sound?: ReadonlySet<string>
  /** Begin of the names of the two temporary tables for what is rejected: `<rejects>_errors`. Unique on the connection. */
  readonly rejects: string
}

export interface ReadColumn {
  readonly column: FileColumn
  /** The text as it is in the file, NULL where a null word stands; of Parquet the value as stored. Over `ReadStatement.table`. */
  readonly raw: string
  /** The typed value, NULL also where the text is none. Over `ReadStatement.table`. */
  readonly value: string
  /** True where there is text and no value could be made of it. */
  readonly isBad: string
  /** False: the file does not have it, and all values are NULL. */
  readonly isPresent: boolean
}

export interface ReadStatement {
  /** What stands behind FROM: rows with columns of internal names, for the expressions of the columns. */
  readonly table: string
  /** In the order of the set. */
  readonly columns: readonly ReadColumn[]
  /** SELECT with typed columns under their own names. */
  readonly rows: string
  /** After `table` was read whole: one row per rejected record, `byteOffset` (from 0, in what DuckDB read), `reason`, `text`. Undefined: Parquet. */
  readonly rejected: string | undefined
  /** Removes the tables of rejects. */
  readonly cleanup: readonly string[]
}

/** `parquetColumns`: name → type as DuckDB calls it, of the file; for Parquet only. */
export function readStatement(request: ReadRequest, parquetColumns?: ReadonlyMap<string, string>): ReadStatement {
  return request.set.format.kind === 'parquet'
    ? readParquet(request, parquetColumns ?? new Map())
    : readDelimited(request)
}

function readDelimited({ set, path, prologue, recordsOnly = false, sound, rejects }: ReadRequest): ReadStatement {
  const { format } = set
  if (format.kind === 'parquet') throw new Error('a Parquet file is not delimited')
  const names = prologue?.header ?? set.columns.map(({ name }) => name)
  const skips = recordsOnly || prologue === undefined ? 0 : prologue.line - 1
  const hasHeader = !recordsOnly && prologue?.beginsWithHeader === true
  const quote = format.quote ?? ''
  const types = names.map(() => 'VARCHAR')
  /** Expressions that are asked for more than once, and are made once for each row. */
  const made: string[] = []
  const once = (sql: string, name: string): string => {
    if (/^\w+$/.test(sql)) return sql
    made.push(`${sql} AS ${name}`)
    return name
  }
  const columns = set.columns.map((column): ReadColumn => {
    const place = placeOf(column.name, names)
    if (place === undefined) return missing(column)
    const name = `c${place + 1}`
    if (sound?.has(column.name) === true && WHOLE_NUMBERS.has(column.type.kind)) {
      types[place] = duckDbType(column.type)
      return { column, raw: name, value: name, isBad: 'false', isPresent: true }
    }
    // Programs that quote everything write "" for a number that is not there; without quotes '' is NULL by the reader's own word.
    const mayBeEmpty = column.type.kind !== 'text' && format.quote !== undefined && format.nullWords.includes('')
    const text = mayBeEmpty ? `nullif(${name}, '')` : name
    const raw = once(text, `text${place + 1}`)
    const cast = triedCast(text, column)
    const tried = cast === undefined ? undefined : once(cast, `cast${place + 1}`)
    const value = valueOfText(raw, column, format.decimalSeparator, tried)
    const isBad = column.type.kind === 'text' ? 'false' : `(${raw} IS NOT NULL AND ${value} IS NULL)`
    return { column, raw, value, isBad, isPresent: true }
  })
  const options = [
    'auto_detect = false',
    // What is packed comes unpacked, through a pipe; by a name that ends in .gz DuckDB would unpack once more.
    "compression = 'none'",
    // A folder such as region=x is a part of the path, and no column.
    'hive_partitioning = false',
    `header = ${hasHeader}`,
    ...(hasHeader || skips === 0 ? [] : [`skip = ${skips}`]),
    `delim = ${quoteText(format.delimiter)}`,
    `quote = ${quoteText(quote)}`,
    `escape = ${quoteText(quote === '' ? '' : (format.escape ?? quote))}`,
    ...(prologue?.lineEnd === undefined ? [] : [`new_line = '${LINE_ENDS[prologue.lineEnd]}'`]),
    `nullstr = [${format.nullWords.map(quoteText).join(', ')}]`,
    'allow_quoted_nulls = false',
    `max_line_size = ${RECORD_BYTES_MAX}`,
    // Left alone it is sixteen times as much, and a file of 256 MiB is read by one thread.
    `buffer_size = ${2 * RECORD_BYTES_MAX}`,
    `columns = {${types.map((type, index) => `'c${index + 1}': '${type}'`).join(', ')}}`,
    'store_rejects = true',
    'rejects_limit = 0',
    `rejects_table = ${quoteText(`${rejects}_errors`)}`,
    `rejects_scan = ${quoteText(`${rejects}_scans`)}`,
  ].filter((option) => format.nullWords.length > 0 || !option.startsWith('nullstr'))
  const reader = `read_csv(${quotePath(path)}, ${options.join(', ')})`
  const table = made.length === 0 ? reader : `(SELECT *, ${made.join(', ')} FROM ${reader})`
  return {
    table,
    columns,
    rows: rowsOf(columns, table),
    rejected: rejectedSql(rejects, prologue?.lineEnd === '\r\n'),
    cleanup: [
      `DROP TABLE IF EXISTS ${quoteName(`${rejects}_errors`)}`,
      `DROP TABLE IF EXISTS ${quoteName(`${rejects}_scans`)}`,
    ],
  }
}

const WHOLE_NUMBERS: ReadonlySet<string> = new Set(['int16', 'int32', 'int64'])
const LINE_ENDS = { '\n': '\\n', '\r\n': '\\r\\n', '\r': '\\r' } as const

/** Of lines that end in CRLF, DuckDB gives all but the first one with the LF before them. */
function rejectedSql(rejects: string, isCrLf: boolean): string {
  const shift = isCrLf ? ' + CASE WHEN starts_with(first(csv_line), chr(10)) THEN 1 ELSE 0 END' : ''
  return `SELECT line_byte_position - 1${shift} AS "byteOffset",
    string_agg(DISTINCT lower(CAST(error_type AS VARCHAR)), ', ' ORDER BY lower(CAST(error_type AS VARCHAR))) AS reason,
    rtrim(ltrim(first(csv_line), chr(10) || chr(13)), chr(10) || chr(13)) AS text
    FROM ${quoteName(`${rejects}_errors`)} GROUP BY line_byte_position`
}

function readParquet({ set, path }: ReadRequest, types: ReadonlyMap<string, string>): ReadStatement {
  const table = `read_parquet(${quotePath(path)}, hive_partitioning = false)`
  const byName = new Map([...types].map(([name, type]) => [name.toLowerCase(), { name, type }]))
  const columns = set.columns.map((column): ReadColumn => {
    const found = byName.get(column.name.toLowerCase())
    if (found === undefined) return missing(column)
    const raw = quoteName(found.name)
    const value = valueOfStored(raw, found.type, column)
    const isBad = value === raw ? 'false' : `(${raw} IS NOT NULL AND ${value} IS NULL)`
    return { column, raw, value, isBad, isPresent: true }
  })
  return { table, columns, rows: rowsOf(columns, table), rejected: undefined, cleanup: [] }
}

/** Of a value that has a type already: the same value in ours, or none. */
function valueOfStored(raw: string, stored: string, column: FileColumn): string {
  const wanted = duckDbType(column.type)
  if (stored === (wanted === 'TIMESTAMPTZ' ? 'TIMESTAMP WITH TIME ZONE' : wanted) && column.type.kind !== 'json')
    return raw
  if (stored === 'VARCHAR') return valueOfText(raw, column, '.')
  if (column.type.kind === 'text' || column.type.kind === 'json') return `CAST(${raw} AS VARCHAR)`
  const cast = `TRY_CAST(${raw} AS ${wanted})`
  // What comes back different was rounded or cut.
  return `CASE WHEN TRY_CAST(${cast} AS ${stored}) = ${raw} THEN ${cast} END`
}

function missing(column: FileColumn): ReadColumn {
  const value = `CAST(NULL AS ${duckDbType(column.type)})`
  return { column, raw: 'CAST(NULL AS VARCHAR)', value, isBad: 'false', isPresent: false }
}

function rowsOf(columns: readonly ReadColumn[], table: string): string {
  return `SELECT ${columns.map(({ column, value }) => `${value} AS ${quoteName(column.name)}`).join(', ')} FROM ${table}`
}

/** Where a column stands in the file: by its name as it is, else without regard to case and to spaces around it. */
function placeOf(name: string, names: readonly string[]): number | undefined {
  const exact = names.indexOf(name)
  const place = exact >= 0 ? exact : names.findIndex((each) => looseName(each) === looseName(name))
  return place < 0 ? undefined : place
}

export function looseName(name: string): string {
  return name.trim().toLowerCase()
}
