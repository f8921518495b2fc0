/**
 * The table of the figures: ten columns (bigint, int, numeric, 2 text, 2 timestamptz, bool, float8, jsonb), about 180
 * bytes a row on the wire. Values are made from the row's number, so that every run has the same ones.
 */
import type { BenchServer } from './bench-server.ts'

export const ORDER_TABLE = 'bench.orders'

const COLUMNS = `
  id bigint PRIMARY KEY,
  quantity int NOT NULL,
  amount numeric(12,2) NOT NULL,
  email text NOT NULL,
  note text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  paid boolean NOT NULL,
  score float8 NOT NULL,
  attributes jsonb NOT NULL`

/** The select list for row number `i`. */
const ROW = `
  i,
  (i * 7919 % 1000)::int,
  ((i * 104729 % 100000000) / 100.0)::numeric(12,2),
  'customer' || i % 500000 || '@example.com',
  CASE WHEN i % 10 = 0 THEN NULL ELSE md5(i::text) END,
  timestamptz '2024-01-01 00:00:00+00' + i * interval '7 seconds',
  timestamptz '2024-06-01 00:00:00+00' + i * interval '3 seconds' + (i % 1000000) * interval '1 microsecond',
  i % 3 = 0,
  (i % 100000) / 4.0,
  jsonb_build_object('channel', CASE i % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'store' ELSE 'partner' END, 'items', i % 20)`

export function insertOrders(table: string, first: number, last: number): string {
  return `INSERT INTO ${table} SELECT ${ROW} FROM generate_series(${first}::bigint, ${last}::bigint) AS i`
}

/** Every column that is not the key gets a new value of about the same size. */
export function updateOrders(table: string, first: number, last: number): string {
  return `UPDATE ${table} SET quantity = quantity + 1, amount = amount + 0.01, note = md5(note), paid = NOT paid,
    updated_at = updated_at + interval '1 day', score = score + 0.25 WHERE id BETWEEN ${first} AND ${last}`
}

/** Frozen and vacuumed, so that no reader has to set hint bits for the next one. */
export async function createOrders(server: BenchServer, rows: number, table = ORDER_TABLE): Promise<void> {
  await server.query('CREATE SCHEMA IF NOT EXISTS bench')
  await server.query(`CREATE TABLE ${table} (${COLUMNS})`)
  await server.query(insertOrders(table, 1, rows))
  await server.query(`VACUUM (FREEZE, ANALYZE) ${table}`)
}

/** Statements that read the whole table over as many connections, by ranges of blocks of the same size. */
export async function copyStatements(server: BenchServer, connections: number, table = ORDER_TABLE): Promise<string[]> {
  if (connections === 1) return [`COPY ${table} TO STDOUT (FORMAT binary)`]
  const blocks = Number(await server.value(`SELECT pg_relation_size('${table}') / current_setting('block_size')::int`))
  return Array.from({ length: connections }, (_, at) => {
    const from = Math.floor((blocks * at) / connections)
    const to = at === connections - 1 ? 4294967295 : Math.floor((blocks * (at + 1)) / connections)
    return `COPY (SELECT * FROM ${table} WHERE ctid >= '(${from},0)' AND ctid < '(${to},0)') TO STDOUT (FORMAT binary)`
  })
}
