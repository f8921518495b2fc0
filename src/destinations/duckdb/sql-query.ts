/** SQL of a person, read only, row by row. */
import type { DuckDBResult } from '@duckdb/node-api'
import { PipelineError } from '../../core/errors.ts'
import type { DatabaseFile } from './database-file.ts'
import type { Session } from './session.ts'

export type QueryValue = string | number | boolean | null

export interface QueryRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Iterate once, to the end or not: the file is held until then. */
  readonly rows: AsyncIterable<readonly QueryValue[]>
}

/** Waits for a sync that holds the file, as any other call does. */
export async function queryRows(file: DatabaseFile, sql: string, signal: AbortSignal): Promise<QueryRows> {
  const opened = Promise.withResolvers<DuckDBResult>()
  const finished = Promise.withResolvers<void>()
  const held = file.use('read', 'Running the query', signal, async (session: Session) => {
    opened.resolve(await start(session, sql))
    await finished.promise
  })
  held.catch((error: unknown) => opened.reject(error))
  const result = await opened.promise
  const names = result.deduplicatedColumnNames()
  const columns = names.map((name, index) => ({ name, type: result.columnType(index).toString() }))
  async function* rows(): AsyncGenerator<readonly QueryValue[]> {
    try {
      for await (const chunk of result.yieldRowsJson()) yield* chunk.map((row) => row.map(plainValue))
    } finally {
      finished.resolve()
      await held
    }
  }
  return { columns, rows: rows() }
}

/** Who asks may see what DuckDB says of it in full, values included. */
async function start(session: Session, sql: string): Promise<DuckDBResult> {
  try {
    return await session.stream(sql)
  } catch (error) {
    if (session.isStop(error)) throw error
    throw new PipelineError('destination_rejected', 'Running the query', { cause: error })
  }
}

function plainValue(value: unknown): QueryValue {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value
  return typeof value === 'string' ? value : JSON.stringify(value)
}
