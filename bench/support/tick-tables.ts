/** The tables of the latency benchmark. A tick is one transaction that changes one row of each of them. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { BenchServer } from './bench-server.ts'

export function tickTables(tables: number): string[] {
  return Array.from({ length: tables }, (_, at) => `bench.${tickTable(at)}`)
}

function tickTable(at: number): string {
  return `ticks_${String(at).padStart(2, '0')}`
}

/** `bench.tick(n)`: in each table one insert (three ticks of ten) or one update of a row that no other tick changes. */
export async function createTickTables(server: BenchServer, tables: number, rows: number): Promise<void> {
  await server.query('CREATE SCHEMA bench')
  for (const table of tickTables(tables)) {
    await server.query(
      `CREATE TABLE ${table} (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(12,2) NOT NULL, state text NOT NULL,
         tick int, written_at timestamptz)`,
    )
    await server.query(
      `INSERT INTO ${table} SELECT i, 'customer ' || i % 5000, i % 10000 / 100.0, 'open' FROM generate_series(1, ${rows}) AS i`,
    )
    await server.query(`VACUUM (FREEZE, ANALYZE) ${table}`)
  }
  // 37 has no factor in common with the number of rows, so the updates of two ticks meet only after all rows were changed.
  const changes = tickTables(tables).map(
    (table, at) => `
    IF (n + ${at}) % 10 < 3 THEN
      INSERT INTO ${table} VALUES (${rows} + n, 'customer ' || n % 5000, 1, 'open', n, clock_timestamp());
    ELSE
      UPDATE ${table} SET amount = amount + 1, state = 'changed', tick = n, written_at = clock_timestamp()
        WHERE id = 1 + (n::bigint * 37) % ${rows};
    END IF;`,
  )
  await server.query(
    `CREATE FUNCTION bench.tick(n int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${changes.join('')} END $$`,
  )
}

/** Of every change in the warehouse: milliseconds from its statement until the merge that loaded it was visible. */
export async function tickLatencies(
  warehouse: string,
  tables: number,
  visibleMs: ReadonlyMap<number, number>,
): Promise<Float64Array<ArrayBuffer>> {
  const instance = await DuckDBInstance.create(warehouse, { access_mode: 'READ_ONLY' })
  try {
    const connection = await instance.connect()
    const found: number[] = []
    for (let at = 0; at < tables; at++) {
      const reader = await connection.runAndReadAll(
        `SELECT epoch_us(written_at)::double, epoch_ms(_fivetran_synced)::double FROM bench_bench.${tickTable(at)} WHERE tick IS NOT NULL`,
      )
      for (const [writtenUs, loadedMs] of reader.getRows()) {
        const seenMs = visibleMs.get(Number(loadedMs))
        if (seenMs === undefined) throw new Error(`No merge had the load time ${String(loadedMs)}`)
        found.push(seenMs - Number(writtenUs) / 1000)
      }
    }
    connection.closeSync()
    return Float64Array.from(found)
  } finally {
    instance.closeSync()
  }
}
