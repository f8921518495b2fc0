/**
 * All statements that a running sync makes during a stretch of work: on PostgreSQL by pg_stat_statements, of the sync's own
 * role; on DuckDB and SQLite as counted in its process.
 */
import type { BenchServer } from './bench-server.ts'
import type { RunningSync } from './measured-sync.ts'
import type { CountedStatement } from './sync-request.ts'

/** Of a server whose statements are counted. */
export const COUNTING_SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.max': 20_000,
  max_locks_per_transaction: 256,
} as const

export interface Counted {
  readonly where: CountedStatement['where'] | 'postgres'
  readonly sql: string
  readonly count: number
}

/** A role of the sync's own, so that its statements are told from the harness's. Returns its URL. */
export async function createLoader(server: BenchServer): Promise<string> {
  await server.query(
    "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE ROLE loader SUPERUSER LOGIN PASSWORD 'loader'",
  )
  const address = new URL(server.url)
  address.username = 'loader'
  address.password = 'loader'
  return address.href
}

/** The sync runs in a process that counts (`counted`), as the loader. */
export async function countDuring(
  server: BenchServer,
  sync: RunningSync,
  work: () => Promise<void>,
): Promise<Counted[]> {
  const before = new Map((await sync.count()).map((each) => [`${each.where} ${each.sql}`, each.count]))
  await server.query('SELECT pg_stat_statements_reset()')
  await work()
  const after = await sync.count()
  const postgres = await server.query<{ sql: string; count: number }>(
    `SELECT query AS sql, calls::int AS count FROM pg_stat_statements WHERE userid = 'loader'::regrole`,
  )
  const inProcess = after.map((each) => ({
    ...each,
    count: each.count - (before.get(`${each.where} ${each.sql}`) ?? 0),
  }))
  return [
    ...inProcess.filter((each) => each.count > 0),
    ...postgres.map((each): Counted => ({ where: 'postgres', ...each })),
  ]
}

/** By where they ran. */
export function totals(statements: readonly Counted[]): Record<string, number> {
  const sums: Record<string, number> = { postgres: 0, duckdb: 0, sqlite: 0 }
  for (const { where, count } of statements) sums[where] = (sums[where] ?? 0) + count
  return sums
}
