/** What DuckDB itself takes to bring a few changes into several tables: nothing that merges at intervals can be faster. */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { median } from './statistics.ts'

const ROUNDS = 15
/** Of each table: a fifth of a second of the load. */
const CHANGED_ROWS = 20

/** Median seconds of: open the file, delete and insert in each table in one transaction, commit, close the file. */
export async function bareMergeSeconds(folder: string, tables: number, rows: number): Promise<number> {
  const file = join(folder, 'bare.duckdb')
  await withConnection(file, async (run) => {
    for (let at = 0; at < tables; at++)
      await run(
        `CREATE TABLE t${at} AS SELECT i AS id, 'customer ' || i % 5000 AS customer, (i % 10000 / 100)::decimal(12,2) AS amount, 'open' AS state, now() AS written_at FROM range(${rows}) r(i)`,
      )
  })
  const taken: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    await withConnection(file, async (run) => {
      await run('BEGIN')
      for (let at = 0; at < tables; at++) {
        const keys = `SELECT (i * 37 + ${round * CHANGED_ROWS}) % ${rows} AS id FROM range(${CHANGED_ROWS}) r(i)`
        await run(`DELETE FROM t${at} USING (${keys}) AS k WHERE t${at}.id = k.id`)
        await run(`INSERT INTO t${at} SELECT id, 'customer', 1, 'changed', now() FROM (${keys})`)
      }
      await run('COMMIT')
    })
    taken.push((performance.now() - started) / 1000)
  }
  return median(taken)
}

async function withConnection(
  file: string,
  use: (run: (sql: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(file)
  try {
    const connection = await instance.connect()
    await use((sql) => connection.run(sql))
    connection.closeSync()
  } finally {
    instance.closeSync()
  }
}
