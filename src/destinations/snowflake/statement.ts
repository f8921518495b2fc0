/**
 * One statement, from sending to its answer: with a deadline of ours, cancelled on the server when told to stop.
 *
 * The driver sends a request that failed on the network again for hours (the same request id, so that the server runs it
 * once). So while a statement is out, the server is asked for a sign of life, which the driver does not retry; after
 * two that stay out, the statement is given up.
 */
import { AbandonedStatement } from './abandoned-statement.ts'
import type { DriverColumn, DriverConnection, DriverStatement } from './driver.ts'

/** Bound as text, which Snowflake converts to the type that the place wants. */
export type SqlValue = string | number | bigint | boolean | null

export interface StatementRequest {
  readonly sql: string
  readonly binds: readonly SqlValue[]
  readonly parameters: Readonly<Record<string, string | number>>
}

export interface StatementLimits {
  /** From sending to the answer, waiting for the warehouse included. */
  readonly deadlineMs: number
  /** Between two questions whether the server is there. */
  readonly signOfLifeMs: number
}

/** Values in the order of `columns`: exact text, a boolean, or null. */
export type StatementRow = readonly (string | boolean | null)[]

export interface StatementAnswer {
  readonly columns: readonly DriverColumn[]
  readonly queryId: string
  /** Iterate at most once. */
  readonly rows: AsyncIterable<StatementRow>
}

/** Exact where JavaScript's own types are not; booleans are. */
const FETCH_AS_STRING = ['Number', 'Date', 'JSON', 'Buffer'] as const
/** How long a cancelled statement may take to end, before its connection is given up. */
const CANCEL_MS = 10_000
const SILENCES_MAX = 2

/** `onAbandoned`: the server may still be at it, so the connection must not be used again. */
export async function executeStatement(
  connection: DriverConnection,
  { sql, binds, parameters }: StatementRequest,
  limits: StatementLimits,
  signal: AbortSignal | undefined,
  onAbandoned: () => void,
): Promise<StatementAnswer> {
  signal?.throwIfAborted()
  const answer = Promise.withResolvers<DriverStatement>()
  // Nobody may be waiting any more when it comes.
  answer.promise.catch(() => undefined)
  const sent = connection.execute({
    sqlText: sql,
    ...(binds.length === 0 ? {} : { binds: binds.map((value) => (value === null ? null : String(value))) }),
    parameters,
    fetchAsString: FETCH_AS_STRING,
    rowMode: 'array',
    streamResult: true,
    complete: (error, statement) => (error ? answer.reject(error) : answer.resolve(statement)),
  })
  const statement = await untilStopped(connection, sent, answer.promise, limits, signal, onAbandoned)
  return {
    columns: statement.getColumns() ?? [],
    queryId: statement.getQueryId() ?? '',
    rows: readRows(statement, signal),
  }
}

async function untilStopped(
  connection: DriverConnection,
  sent: DriverStatement,
  answer: Promise<DriverStatement>,
  { deadlineMs, signOfLifeMs }: StatementLimits,
  signal: AbortSignal | undefined,
  onAbandoned: () => void,
): Promise<DriverStatement> {
  const stop = Promise.withResolvers<never>()
  stop.promise.catch(() => undefined)
  let isStopped = false
  const giveUp = (reason: unknown) => {
    isStopped = true
    stop.reject(reason)
  }
  const interrupt = () => giveUp(signal?.reason)
  signal?.addEventListener('abort', interrupt, { once: true })
  const deadline = setTimeout(() => giveUp(new AbandonedStatement('deadline', deadlineMs)), deadlineMs)
  const watch = watchServer(connection, signOfLifeMs, (ms) => giveUp(new AbandonedStatement('silence', ms)))
  try {
    return await Promise.race([answer, stop.promise])
  } catch (error) {
    if (isStopped && !(await endsWhenCancelled(sent, answer))) onAbandoned()
    throw error
  } finally {
    clearTimeout(deadline)
    clearInterval(watch)
    signal?.removeEventListener('abort', interrupt)
  }
}

/** One question at a time: where packets are swallowed, an answer stays out for longer than the time between two. */
function watchServer(connection: DriverConnection, everyMs: number, onSilence: (ms: number) => void): NodeJS.Timeout {
  let silences = 0
  let isAsking = false
  let heardMs = performance.now()
  const ask = async () => {
    isAsking = true
    const isThere = await connection.isValidAsync()
    isAsking = false
    silences = isThere ? 0 : silences + 1
    if (isThere) heardMs = performance.now()
    else if (silences >= SILENCES_MAX) onSilence(performance.now() - heardMs)
  }
  return setInterval(() => {
    if (!isAsking) void ask()
  }, everyMs)
}

async function endsWhenCancelled(sent: DriverStatement, answer: Promise<unknown>): Promise<boolean> {
  // Whether cancelling worked is seen from the statement's own answer.
  sent.cancel(() => undefined)
  const timeout = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => timeout.resolve(false), CANCEL_MS)
  const ended = answer.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

async function* readRows(statement: DriverStatement, signal: AbortSignal | undefined): AsyncGenerator<StatementRow> {
  const stream = statement.streamRows()
  const interrupt = () => stream.destroy(signal?.reason as Error)
  signal?.addEventListener('abort', interrupt, { once: true })
  try {
    signal?.throwIfAborted()
    for await (const row of stream) yield row as StatementRow
    signal?.throwIfAborted()
  } finally {
    signal?.removeEventListener('abort', interrupt)
    stream.destroy()
  }
}
