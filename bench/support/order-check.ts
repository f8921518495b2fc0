/** Whether the destination has what the source has: count and checksum over every column, computed by each side itself. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { Twin } from '../../src/snowflake-twin/twin.ts'
import type { BenchServer } from './bench-server.ts'
import { ORDER_TABLE } from './order-table.ts'
import { FINAL_ORDER_TABLE } from './product.ts'

interface TableSum {
  readonly rows: string
  readonly sum: string
}

/** The text over which a row is hashed must be the same on both sides, hence the numbers and microseconds. */
function hashedText(microseconds: (column: string) => string, attributes = 'attributes'): string {
  const columns = [
    'id',
    'quantity',
    'amount',
    'email',
    "coalesce(note, '-')",
    microseconds('created_at'),
    microseconds('updated_at'),
    'paid::int',
    '(score * 4)::bigint',
    attributes,
  ]
  return columns.map((column) => `${column}::text`).join(" || '|' || ")
}

/** Where objects are kept as values, their text is not that of the source. */
const ATTRIBUTES = "(attributes->>'channel') || ' ' || (attributes->>'items')"

const POSTGRES = (attributes?: string) => `SELECT count(*)::text AS rows,
  sum(('x' || substr(md5(${hashedText((column) => `(extract(epoch FROM ${column}) * 1000000)::bigint`, attributes)}), 1, 8))::bit(32)::bigint)::text AS sum
  FROM ${ORDER_TABLE}`

const DUCKDB = (table: string, attributes?: string) => `SELECT count(*)::text AS rows,
  sum(('0x' || substr(md5(${hashedText((column) => `epoch_us(${column})`, attributes)}), 1, 8))::bigint)::text AS sum
  FROM ${table}`

/** Throws where they differ. `current`: which rows of the table count. Returns their number. */
export async function requireSameOrders(
  server: BenchServer,
  warehouse: string,
  table: string,
  current = 'NOT _fivetran_deleted',
): Promise<number> {
  const [expected] = await server.query<TableSum & Record<string, string>>(POSTGRES())
  return requireSame(expected, await queryDuckDb<TableSum>(warehouse, `${DUCKDB(table)} WHERE ${current}`))
}

/** The same of a table on the local Snowflake, which DuckDB reads there. */
export async function requireSameOnTwin(server: BenchServer, twin: Twin, database: string): Promise<number> {
  const [schema = '', name = ''] = FINAL_ORDER_TABLE.toUpperCase().split('.')
  const table = twin.state.catalog
    .all('table')
    .find((each) => each.name.database === database && each.name.schema === schema && each.name.name === name)
  if (table === undefined) throw new Error(`There is no table ${FINAL_ORDER_TABLE}`)
  const [expected] = await server.query<TableSum & Record<string, string>>(POSTGRES(ATTRIBUTES))
  const connection = await twin.state.instance.connect()
  try {
    const sql = `${DUCKDB(table.from, ATTRIBUTES)} WHERE NOT _fivetran_deleted`
    const [found] = (await connection.runAndReadAll(sql)).getRowObjectsJson()
    return requireSame(expected, found as unknown as TableSum)
  } finally {
    connection.closeSync()
  }
}

function requireSame(expected: TableSum | undefined, found: TableSum): number {
  if (expected?.rows === found.rows && expected.sum === found.sum) return Number(found.rows)
  throw new Error(
    `The destination differs: ${found.rows} rows with sum ${found.sum} in place of ${expected?.rows} with ${expected?.sum}`,
  )
}

/** Rows that count in all Parquet files of a stage: those of aborted subtransactions have no position. */
export async function countStagedRows(stage: string, kind: 'snapshot' | 'changes'): Promise<number> {
  const where = kind === 'changes' ? 'WHERE _source_position IS NOT NULL' : ''
  const files = `read_parquet('${stage.replaceAll("'", "''")}/**/*.parquet', union_by_name = true)`
  return Number(
    (await queryDuckDb<{ rows: string }>(':memory:', `SELECT count(*)::text AS rows FROM ${files} ${where}`)).rows,
  )
}

export async function queryDuckDb<Row>(path: string, sql: string): Promise<Row> {
  const instance = await DuckDBInstance.create(path, path === ':memory:' ? {} : { access_mode: 'READ_ONLY' })
  try {
    const connection = await instance.connect()
    try {
      const [row] = (await connection.runAndReadAll(sql)).getRowObjectsJson()
      return row as Row
    } finally {
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
  }
}
