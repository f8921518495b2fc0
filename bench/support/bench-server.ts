/**
 * The PostgreSQL server of a benchmark: embedded, with settings that keep the disk and the background out of the
 * figures. Limit and measured side use the same server, database and table.
 */
import pg from 'pg'
import { type EmbeddedPostgres, startPostgres } from '../../src/demo/embedded-postgres.ts'

/** Beside the embedded server's own: `fsync`, `full_page_writes` and `synchronous_commit` are off there. */
export const SERVER_SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '32GB',
  min_wal_size: '2GB',
  checkpoint_timeout: '1h',
  // A vacuum in the middle of one run and not of the other would be noise; tables are vacuumed after they are filled.
  autovacuum: 'off',
  jit: 'off',
  // Readers with parallel workers would make the single connection of the limit something else.
  max_parallel_workers_per_gather: 0,
} as const

export interface BenchServer extends AsyncDisposable {
  readonly postgres: EmbeddedPostgres
  readonly url: string
  /** One connection, statements one after the other. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(sql: string): Promise<Row[]>
  /** The first column of the first row, as text. */
  value(sql: string): Promise<string>
}

export async function startBenchServer(settings: Readonly<Record<string, string | number>> = {}): Promise<BenchServer> {
  const postgres = await startPostgres({ settings: { ...SERVER_SETTINGS, ...settings } })
  const client = new pg.Client({ connectionString: postgres.url })
  client.on('error', () => undefined) // the server is stopped under it at the end; a query would say so
  await client.connect()
  const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> =>
    (await client.query<Row>(sql)).rows
  return {
    postgres,
    url: postgres.url,
    query,
    async value(sql) {
      const [row] = await query(sql)
      return String(Object.values(row ?? {})[0])
    },
    async [Symbol.asyncDispose]() {
      await client.end()
      await postgres.stop()
    },
  }
}
