/**
 * Holds a table of the source against its copy, independently of the product: both servers render values as text, and
 * what they render differently is brought to one form here.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type pg from 'pg'
import type { WriteMode } from '../../src/core/destination.ts'

export interface ComparedTable {
  readonly namespace: string
  readonly name: string
  /** Names of the key columns; empty: rows are counted by content. */
  readonly key: readonly string[]
  readonly target: { readonly namespace: string; readonly name: string }
  /** How the copy is written. Default: `merge`. Of other modes the latest state is compared. */
  readonly write?: WriteMode
  /** The copy is in Snowflake, which keeps the value of JSON, not its text, and holds less than DuckDB. */
  readonly inSnowflake?: boolean
}

export interface Difference {
  readonly table: string
  readonly kind: 'missing' | 'extra' | 'different' | 'duplicate'
  readonly key: string
  readonly column?: string
  readonly source?: string | null
  readonly destination?: string | null
  /** `_source_position` of the row at the destination. */
  readonly position?: string | null
}

type Row = readonly (string | null)[]

interface SourceColumn {
  readonly name: string
  readonly attnum: number
  readonly type: string
}

const SHOWN_CHARACTERS = 80

export async function compareTable(
  source: pg.Client,
  destination: DuckDBConnection,
  table: ComparedTable,
  limit = 10,
): Promise<readonly Difference[]> {
  const columns = await sourceColumns(source, table)
  const names = await destinationNames(destination, table, columns)
  const sourceRows = await readSource(source, table, columns)
  const copied = await readDestination(destination, table, columns, names)
  const keyIndexes = table.key.map((name) => columns.findIndex((column) => column.name === name))
  const all = keyIndexes.length === 0 ? compareBags(sourceRows, copied) : compareKeyed(sourceRows, copied, keyIndexes)
  return all.slice(0, limit).map((difference) => describe(difference, table, columns))
}

interface CopiedRow {
  readonly values: Row
  readonly position: string | null
}

interface Found {
  readonly kind: Difference['kind']
  readonly key: string
  readonly source?: Row
  readonly destination?: CopiedRow
}

function compareKeyed(source: readonly Row[], copied: readonly CopiedRow[], key: readonly number[]): Found[] {
  const keyOf = (row: Row) => JSON.stringify(key.map((index) => row[index]))
  const left = new Map(source.map((row) => [keyOf(row), row]))
  const found: Found[] = []
  const seen = new Set<string>()
  for (const row of copied) {
    const at = keyOf(row.values)
    const original = left.get(at)
    if (seen.has(at)) found.push({ kind: 'duplicate', key: at, destination: row })
    else if (original === undefined) found.push({ kind: 'extra', key: at, destination: row })
    else if (JSON.stringify(original) !== JSON.stringify(row.values))
      found.push({ kind: 'different', key: at, source: original, destination: row })
    seen.add(at)
  }
  for (const [at, row] of left) if (!seen.has(at)) found.push({ kind: 'missing', key: at, source: row })
  return found
}

function compareBags(source: readonly Row[], copied: readonly CopiedRow[]): Found[] {
  const left = new Map<string, number>()
  for (const row of source) {
    const content = JSON.stringify(row)
    left.set(content, (left.get(content) ?? 0) + 1)
  }
  const found: Found[] = []
  for (const row of copied) {
    const content = JSON.stringify(row.values)
    const count = left.get(content) ?? 0
    if (count === 0) found.push({ kind: 'extra', key: content, destination: row })
    else left.set(content, count - 1)
  }
  for (const [content, count] of left) {
    for (let missing = 0; missing < count; missing++) found.push({ kind: 'missing', key: content })
  }
  return found
}

function describe(found: Found, table: ComparedTable, columns: readonly SourceColumn[]): Difference {
  const differs = columns.findIndex((_, index) => found.source?.[index] !== found.destination?.values[index])
  const common = {
    table: `${table.namespace}.${table.name}`,
    kind: found.kind,
    key: shorten(found.key) ?? '',
    position: found.destination?.position ?? null,
  }
  if (found.kind !== 'different') return common
  return {
    ...common,
    column: columns[differs]?.name ?? '',
    source: shorten(found.source?.[differs] ?? null),
    destination: shorten(found.destination?.values[differs] ?? null),
  }
}

function shorten(text: string | null): string | null {
  return text === null || text.length <= SHOWN_CHARACTERS
    ? text
    : `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length})`
}

async function sourceColumns(source: pg.Client, table: ComparedTable): Promise<readonly SourceColumn[]> {
  const { rows } = await source.query<SourceColumn>(
    `SELECT attname AS name, attnum, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`${quote(table.namespace)}.${quote(table.name)}`],
  )
  return rows
}

async function readSource(source: pg.Client, table: ComparedTable, columns: readonly SourceColumn[]): Promise<Row[]> {
  await source.query(
    `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1`,
  )
  const list = columns.map(({ name, type }) => sourceText(quote(name), type)).join(', ')
  const { rows } = await source.query<(string | null)[]>({
    text: `SELECT ${list} FROM ${quote(table.namespace)}.${quote(table.name)}`,
    rowMode: 'array',
  })
  return rows.map((row) => row.map((text, index) => oneForm(text, columns[index]?.type ?? 'text', table)))
}

/** `format` uses the type's own output function; a cast to text would cut the padding of char(n). */
function sourceText(column: string, type: string): string {
  const text = type.endsWith('[]') ? `to_json(${column})::text` : `format('%s', ${column})`
  return `CASE WHEN ${column} IS NULL THEN NULL ELSE ${text} END`
}

/** Columns are found by name; where a name was used again, by the number that the product has noted. */
async function destinationNames(
  destination: DuckDBConnection,
  table: ComparedTable,
  columns: readonly SourceColumn[],
): Promise<readonly string[]> {
  const noted = await notedColumns(destination, table)
  return columns.map((column) => noted.get(column.attnum) ?? column.name)
}

async function notedColumns(destination: DuckDBConnection, table: ComparedTable): Promise<Map<number, string>> {
  const rows = await textRows(
    destination,
    `SELECT column_id::VARCHAR, column_name FROM _simplyload.columns
      WHERE namespace = ${literal(table.namespace)} AND table_name = ${literal(table.name)} AND slot = 'final' AND state = 'current'`,
  )
  return new Map(rows.map(([id, name]) => [Number(id), name ?? '']))
}

async function readDestination(
  destination: DuckDBConnection,
  table: ComparedTable,
  columns: readonly SourceColumn[],
  names: readonly string[],
): Promise<CopiedRow[]> {
  const from = `${quote(table.target.namespace)}.${quote(table.target.name)}`
  const described = await textRows(destination, `SELECT column_name, column_type FROM (DESCRIBE ${from})`)
  const types = new Map(described.map(([name, type]) => [name ?? '', type ?? '']))
  const list = names.map((name) => {
    const type = types.get(name)
    if (type === undefined) return `'the column ${name.replaceAll("'", "''")} is missing'`
    return type === 'BLOB' ? `lower(hex(${quote(name)}))` : `CAST(${quote(name)} AS VARCHAR)`
  })
  const keys = table.key.map((name) => quote(names[columns.findIndex((column) => column.name === name)] ?? name))
  const rows = await textRows(destination, currentRowsSql(table.write ?? 'merge', from, keys, list))
  return rows.map((row) => ({
    values: row.slice(0, -1).map((text, index) => oneForm(text, columns[index]?.type ?? 'text', table)),
    position: row.at(-1) ?? null,
  }))
}

/** The values of `list`, and the position, of each row that the source should have. */
export function currentRowsSql(
  write: WriteMode,
  from: string,
  keys: readonly string[],
  list: readonly string[],
): string {
  const selected = [...list, 'CAST("_source_position" AS VARCHAR)'].join(', ')
  if (write === 'merge') return `SELECT ${selected} FROM ${from} WHERE NOT "_fivetran_deleted"`
  if (write === 'history') return `SELECT ${selected} FROM ${from} WHERE "_fivetran_active"`
  const since = `"_op" <> 'truncate' AND "_source_position" >=
    (SELECT coalesce(max("_source_position"), '') FROM ${from} WHERE "_op" = 'truncate')`
  if (keys.length > 0) {
    const rank = `rank() OVER (PARTITION BY ${keys.join(', ')} ORDER BY "_source_position" DESC)`
    return `SELECT ${selected} FROM (SELECT * FROM ${from} WHERE ${since} QUALIFY ${rank} = 1) WHERE "_op" <> 'delete'`
  }
  const values = list.length === 0 ? "'a row'" : list.join(', ')
  return `SELECT *, NULL FROM (SELECT ${values} FROM ${from} WHERE ${since} AND "_op" <> 'delete'
    EXCEPT ALL SELECT ${values} FROM ${from} WHERE ${since} AND "_op" = 'delete')`
}

/** What breaks the rules of the table's write mode, told in words; none where all is well. */
export async function brokenRules(destination: DuckDBConnection, table: ComparedTable): Promise<readonly string[]> {
  const { target, key, write } = table
  if (write === 'history') return brokenVersions(destination, target, key.length === 0 ? ['_fivetran_id'] : key)
  return write === 'append' ? repeatedChanges(destination, target) : []
}

/** Each change has a position of its own; those that a reading anew has found share its boundary. */
async function repeatedChanges(
  destination: DuckDBConnection,
  target: ComparedTable['target'],
): Promise<readonly string[]> {
  const rows = await textRows(
    destination,
    `SELECT _source_position, _op, count(*)::VARCHAR FROM ${quote(target.namespace)}.${quote(target.name)}
     WHERE NOT ends_with(_source_position, '/0000000000') AND _op <> 'read' GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 10`,
  )
  return rows.map(([position, op, count]) => `${target.name}: ${op} at ${position} is there ${count} times`)
}

/** What breaks the rules of a table of versions, told in words; none where all is well. */
export async function brokenVersions(
  destination: DuckDBConnection,
  target: ComparedTable['target'],
  keys: readonly string[],
): Promise<readonly string[]> {
  const key = keys.map(quote).join(', ')
  const from = `${quote(target.namespace)}.${quote(target.name)}`
  const before = (column: string) => `lag(${column}) OVER (PARTITION BY ${key} ORDER BY _fivetran_start, _fivetran_end)`
  const rows = await textRows(
    destination,
    `SELECT CASE
         WHEN last_end IS NOT NULL AND _fivetran_start <= last_end THEN 'begins before the one before ends'
         WHEN last_end IS NOT NULL AND NOT last_gone AND epoch_us(_fivetran_start) <> epoch_us(last_end) + 1
           THEN 'does not begin where the one before ends'
         WHEN _fivetran_end < _fivetran_start THEN 'ends before it begins'
         WHEN is_last AND _fivetran_active = _fivetran_deleted THEN 'is the last one, and neither active nor deleted'
         WHEN NOT is_last AND _fivetran_active THEN 'is active, and not the last one'
       END AS problem, to_json([${keys.map((name) => `CAST(${quote(name)} AS VARCHAR)`).join(', ')}])::VARCHAR, _source_position
     FROM (SELECT *, ${before('_fivetran_end')} AS last_end, ${before('_fivetran_deleted')} AS last_gone,
             lead(1) OVER (PARTITION BY ${key} ORDER BY _fivetran_start, _fivetran_end) IS NULL AS is_last FROM ${from})
     WHERE problem IS NOT NULL ORDER BY 2, 3 LIMIT 10`,
  )
  return rows.map(
    ([problem, at, position]) => `${target.name}: version of ${shorten(at ?? '')} at ${position} ${problem}`,
  )
}

/** Every column of the query must be text. */
export async function textRows(destination: DuckDBConnection, sql: string): Promise<(string | null)[][]> {
  const result = await destination.stream(sql)
  const rows: (string | null)[][] = []
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return rows
    for (const row of chunk.getRows())
      rows.push(row.map((value) => (value === null || value === undefined ? null : String(value))))
  }
}

function oneForm(text: string | null, type: string, { inSnowflake }: ComparedTable): string | null {
  if (text === null) return null
  if (inSnowflake === true && isTooMuch(text, type)) return null
  if (type.endsWith('[]')) return JSON.stringify(JSON.parse(text))
  if (inSnowflake === true && (type === 'json' || type === 'jsonb')) return jsonForm(text)
  switch (type.replace(/\(.*\)/, '')) {
    case 'boolean':
      return text === 't' ? 'true' : text === 'f' ? 'false' : text
    case 'real':
      return floatForm(text, Math.fround)
    case 'double precision':
      return floatForm(text, (number) => number)
    case 'bytea':
      return text.replace(/^\\x/, '')
    case 'numeric':
      // A DECIMAL has no NaN: it is in quarantine.
      return text === 'NaN' && type !== 'numeric' ? null : text
    default:
      return text
  }
}

/** What is in quarantine there: the end of a day, years beyond four digits, long numbers in JSON. */
function isTooMuch(text: string, type: string): boolean {
  if (type === 'time without time zone') return text === '24:00:00'
  if (type === 'date' || type.startsWith('timestamp')) return /infinity|BC$|^\d{5}/.test(text)
  return type.startsWith('json') && /\d{16}|\d[eE]/.test(text)
}

function jsonForm(text: string): string {
  const ordered = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value
  return JSON.stringify(JSON.parse(text), ordered)
}

/** DuckDB's storage does not keep the sign of a zero: runs of 0 and -0 are compressed as one value. */
function floatForm(text: string, round: (number: number) => number): string {
  const number = round(Number(text.replace(/^(-?)inf$/i, '$1Infinity').replace(/^-?nan$/i, 'NaN')))
  return String(number)
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
