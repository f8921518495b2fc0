/** SQL of a person, row by row. */
import { PipelineError } from '../../core/errors.ts'
import type { SnowflakePool } from './connection-pool.ts'
import type { SnowflakeSession } from './session.ts'

export interface QueryRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Iterate once, to the end or not: a connection is held until then. */
  readonly rows: AsyncIterable<readonly (string | boolean | null)[]>
}

type Answer = Awaited<ReturnType<SnowflakeSession['stream']>>

export async function queryRows(pool: SnowflakePool, sql: string, signal: AbortSignal): Promise<QueryRows> {
  const opened = Promise.withResolvers<Answer>()
  const finished = Promise.withResolvers<void>()
  const held = pool.use('Running the query', { phase: 'query' }, signal, async (session) => {
    opened.resolve(await start(session, sql))
    await finished.promise
  })
  held.catch((error: unknown) => opened.reject(error))
  const answer = await opened.promise
  async function* rows(): AsyncGenerator<readonly (string | boolean | null)[]> {
    try {
      yield* answer.rows
    } finally {
      finished.resolve()
      await held
    }
  }
  return {
    columns: answer.columns.map((column) => ({ name: column.getName(), type: column.getType().toUpperCase() })),
    rows: rows(),
  }
}

/** Who asks may see what Snowflake says of it in full, values included. */
async function start(session: SnowflakeSession, sql: string): Promise<Answer> {
  try {
    return await session.stream(sql)
  } catch (error) {
    if (session.isStop(error)) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new PipelineError('destination_rejected', 'Running the query', { cause: new Error(message) })
  }
}
