/** Whether the destination has what the source has: count and checksum over every column, computed by each side itself. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchServer } from './bench-server.ts'
import { ORDER_TABLE } from './order-table.ts'

interface TableSum {
  readonly rows: string
  readonly sum: string
}

/** The text over which a row is hashed must be the same on both sides, hence the numbers and microseconds. */
function hashedText(microseconds: (column: string) => string): string {
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
    'attributes::text',
  ]
  return columns.map((column) => `${column}::text`).join(" || '|' || ")
}

const POSTGRES = `SELECT count(*)::text AS rows,
  sum(('x' || substr(md5(${hashedText((column) => `(extract(epoch FROM ${column}) * 1000000)::bigint`)}), 1, 8))::bit(32)::bigint)::text AS sum
  FROM ${ORDER_TABLE}`

const DUCKDB = (table: string) => `SELECT count(*)::text AS rows,
  sum(('0x' || substr(md5(${hashedText((column) => `epoch_us(${column})`)}), 1, 8))::bigint)::text AS sum
  FROM ${table}`

/** Throws where they differ. `current`: which rows of the table count. Returns their number. */
export async function requireSameOrders(
  server: BenchServer,
  warehouse: string,
  table: string,
  current = 'NOT _fivetran_deleted',
): Promise<number> {
  const [expected] = await server.query<TableSum & Record<string, string>>(POSTGRES)
  const found = await queryDuckDb<TableSum>(warehouse, `${DUCKDB(table)} WHERE ${current}`)
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
