/** Counts the statements that this process runs on DuckDB and SQLite, by their text, without changing them. */
import type { CountedStatement } from './sync-request.ts'

type Method = (this: unknown, ...parameters: readonly unknown[]) => unknown

/** Must run before anything prepares a statement. Returns what was counted so far. */
export async function countStatements(): Promise<() => readonly CountedStatement[]> {
  const counts = new Map<string, CountedStatement>()
  const note = (where: CountedStatement['where'], sql: unknown) => {
    if (typeof sql !== 'string') return
    const key = `${where} ${sql}`
    counts.set(key, { where, sql, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  const { DuckDBConnection } = await import('@duckdb/node-api')
  // Everything else comes down to these: `run` with values, `stream` and `start` extract the statements of their text.
  wrap(DuckDBConnection.prototype, 'run', ([sql, values]) => {
    if (values === undefined) note('duckdb', sql)
  })
  for (const name of ['extractStatements', 'prepare'])
    wrap(DuckDBConnection.prototype, name, ([sql]) => note('duckdb', sql))
  const { DatabaseSync, StatementSync } = await import('node:sqlite')
  wrap(DatabaseSync.prototype, 'exec', ([sql]) => note('sqlite', sql))
  for (const name of ['run', 'get', 'all', 'iterate'])
    wrap(StatementSync.prototype, name, (_parameters, self) => note('sqlite', Reflect.get(Object(self), 'sourceSQL')))
  return () => [...counts.values()]
}

function wrap(prototype: object, name: string, note: (parameters: readonly unknown[], self: unknown) => void): void {
  const original: unknown = Reflect.get(prototype, name)
  if (typeof original !== 'function') return
  const counted: Method = function (...parameters) {
    note(parameters, this)
    return Reflect.apply(original, this, parameters)
  }
  Reflect.set(prototype, name, counted)
}
