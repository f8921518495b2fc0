/** Files for the benchmarks of file checks: how they are generated, configured, and asked about by hand. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { CheckRule } from '../../src/core/file-check.ts'
import type { DelimitedFormat, FileColumn, FileSet } from '../../src/core/file-set.ts'
import type { ColumnType } from '../../src/core/table-schema.ts'

/** `orders`: TSV of 10 columns. `wide`: CSV of 200 quoted columns, gzip. `duplicates`: TSV of 10 columns, keys compared. */
export type FileShape = 'orders' | 'wide' | 'duplicates'

export interface FileBenchRequest {
  readonly side: 'limit' | 'check'
  readonly shape: FileShape
  readonly path: string
  readonly folder: string
  readonly memoryBytes: number
}

const DECIMAL: ColumnType = { kind: 'decimal', precision: 12, scale: 2 }
/** Name, type, SQL type, SQL that generates it from the number `i`. */
const ORDERS: readonly (readonly [string, ColumnType, string, string])[] = [
  ['id', { kind: 'int64' }, 'BIGINT', 'i'],
  ['day', { kind: 'date' }, 'DATE', "DATE '2024-01-01' + CAST(i % 366 AS INT)"],
  ['customer', { kind: 'text' }, 'VARCHAR', "'C' || lpad(CAST(hash(i) % 1000000 AS VARCHAR), 7, '0')"],
  [
    'country',
    { kind: 'text' },
    'VARCHAR',
    "['DE','FR','US','GB','JP','CN','IT','ES'][CAST(1 + hash(i * 3) % 8 AS INT)]",
  ],
  ['amount', DECIMAL, 'DECIMAL(12,2)', 'CAST((hash(i * 7) % 1000000) / 100.0 AS DECIMAL(12,2))'],
  ['quantity', { kind: 'int32' }, 'INTEGER', 'hash(i * 11) % 100'],
  ['email', { kind: 'text' }, 'VARCHAR', "'user' || (hash(i * 13) % 500000) || '@example.com'"],
  ['created', { kind: 'timestamp' }, 'TIMESTAMP', "TIMESTAMP '2024-01-01' + INTERVAL (i % 31536000) SECOND"],
  ['status', { kind: 'text' }, 'VARCHAR', "['new','paid','sent','closed'][CAST(1 + hash(i * 17) % 4 AS INT)]"],
  ['note', { kind: 'text' }, 'VARCHAR', "'Some text that describes order ' || i"],
]
const MORE_COLUMNS = 190

function columnsOf(shape: FileShape): typeof ORDERS {
  if (shape !== 'wide') return ORDERS
  const kinds: readonly (readonly [ColumnType, string, (at: number) => string])[] = [
    [{ kind: 'int64' }, 'BIGINT', (at) => `hash(i * ${at + 5}) % 100000`],
    [DECIMAL, 'DECIMAL(12,2)', (at) => `CAST((hash(i * ${at + 5}) % 1000000) / 100.0 AS DECIMAL(12,2))`],
    [{ kind: 'date' }, 'DATE', (at) => `DATE '2024-01-01' + CAST(hash(i * ${at + 5}) % 366 AS INT)`],
    [{ kind: 'text' }, 'VARCHAR', (at) => `'text ' || (hash(i * ${at + 5}) % 10000)`],
  ]
  const more = Array.from({ length: MORE_COLUMNS }, (_, at) => {
    const [type, sql, value] = kinds[at % kinds.length] as (typeof kinds)[number]
    return [`c${at}`, type, sql, value(at)] as const
  })
  return [...ORDERS, ...more]
}

/** Bytes of a row of text, roughly. */
const ROW_BYTES: Readonly<Record<FileShape, number>> = { orders: 128, duplicates: 128, wide: 2_170 }

export async function generateFile(shape: FileShape, path: string, gigabytes: number): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '3GB' })
  const connection = await instance.connect()
  const rows = Math.round((gigabytes * 1e9) / ROW_BYTES[shape])
  const list = columnsOf(shape).map(([name, , , value]) => `${value} AS ${name}`)
  const format = shape === 'wide' ? 'FORCE_QUOTE *, COMPRESSION gzip' : "DELIMITER '\t', QUOTE ''"
  await connection.run('SET preserve_insertion_order = false')
  await connection.run(
    `COPY (SELECT ${list.join(', ')} FROM range(${rows}) AS t(i)) TO '${path}' (FORMAT csv, HEADER, ${format})`,
  )
  connection.closeSync()
  instance.closeSync()
}

const COUNTRIES = ['DE', 'FR', 'US', 'GB', 'JP', 'CN', 'IT', 'ES']
const STATES = ['new', 'paid', 'sent', 'closed']
const RULES: readonly CheckRule[] = [
  { name: 'id', question: { kind: 'not_null', columns: ['id'] } },
  { name: 'amount', question: { kind: 'range', column: 'amount', min: '0', max: '100000' } },
  { name: 'quantity', question: { kind: 'range', column: 'quantity', min: '0', max: '1000' } },
  { name: 'country', question: { kind: 'values', column: 'country', values: COUNTRIES } },
  { name: 'email', question: { kind: 'pattern', column: 'email', pattern: '[^@ ]+@[^@ ]+\\.[a-z]+' } },
  { name: 'status', question: { kind: 'values', column: 'status', values: STATES } },
  { name: 'customer', question: { kind: 'length', column: 'customer', min: 8, max: 8 } },
].map((rule) => ({ ...rule, severity: 'CRITICAL', limit: {} }) as CheckRule)

export function benchSet(shape: FileShape): FileSet {
  const format: DelimitedFormat = {
    kind: 'delimited',
    delimiter: shape === 'wide' ? ',' : '\t',
    quote: shape === 'wide' ? '"' : undefined,
    escape: shape === 'wide' ? '"' : undefined,
    encoding: 'utf-8',
    header: true,
    skipLines: 0,
    nullWords: [''],
    decimalSeparator: '.',
  }
  const columns = columnsOf(shape).map(([name, type, sourceType], index): FileColumn => {
    return { id: index + 1, name, type, sourceType, nullable: true, sensitive: false }
  })
  return {
    table: { source: 'bench', namespace: 'files', name: shape },
    path: 'bench',
    format,
    compression: undefined,
    columns,
    dateColumn: 'day',
    key: [],
    write: 'append',
    rows: undefined,
    calendar: undefined,
    sums: ['amount'],
    rules: RULES,
    badRows: {},
  }
}

/**
 * What a person would write: one query that asks the same. Are the values of their types, do the seven rules hold, and what are
 * rows and sum of each day. Of duplicates: the keys that are there more than once.
 */
export function limitSql(shape: FileShape, path: string): string {
  const columns = columnsOf(shape)
  const dialect = shape === 'wide' ? `delim = ',', quote = '"', escape = '"'` : `delim = '\t', quote = '', escape = ''`
  const typed = shape === 'duplicates'
  const list = columns.map(([name, , sql]) => `'${name}': '${typed ? sql : 'VARCHAR'}'`).join(', ')
  const from = `read_csv('${path}', auto_detect = false, header = true, ${dialect}, columns = {${list}})`
  if (typed) return `SELECT id, count(*) FROM ${from} GROUP BY id HAVING count(*) > 1`
  const types = columns
    .filter(([, , sql]) => sql !== 'VARCHAR')
    .map(([name, , sql]) => `count(*) FILTER (${name} IS NOT NULL AND TRY_CAST(${name} AS ${sql}) IS NULL)`)
  const texts = (values: readonly string[]) => values.map((value) => `'${value}'`).join(', ')
  const rules = [
    'id IS NULL',
    'TRY_CAST(amount AS DECIMAL(12,2)) NOT BETWEEN 0 AND 100000',
    'TRY_CAST(quantity AS INTEGER) NOT BETWEEN 0 AND 1000',
    `country NOT IN (${texts(COUNTRIES)})`,
    "NOT regexp_full_match(email, '[^@ ]+@[^@ ]+\\.[a-z]+')",
    `status NOT IN (${texts(STATES)})`,
    'length(customer) <> 8',
  ].map((rule) => `count(*) FILTER (${rule})`)
  return `SELECT TRY_CAST(day AS DATE), count(*), sum(TRY_CAST(amount AS DECIMAL(12,2))), ${[...types, ...rules].join(', ')} FROM ${from} GROUP BY 1`
}
