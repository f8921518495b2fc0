/**
 * Statements that wait for other sessions: a logical slot waits until every transaction that was open at its start has
 * ended, because it must see transactions from their beginning; a lock waits for whoever holds it. Such a wait has a
 * deadline, and what is in the way is named.
 */
import { PipelineError } from '../../core/errors.ts'
import { connect, type PostgresClient } from './client.ts'

interface Blocker {
  readonly pid: number
  readonly application: string
  readonly role: string | null
  readonly state: string
  readonly seconds: number | null
}

const BLOCKERS = `SELECT a.pid, a.application_name AS application, a.usename::text AS role, coalesce(a.state, '') AS state,
    extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds
  FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) ORDER BY a.xact_start`
const PREPARED = `SELECT gid AS transaction, extract(epoch FROM clock_timestamp() - prepared)::int AS seconds
  FROM pg_prepared_xacts ORDER BY prepared LIMIT 1`
const ASK_TIMEOUT_MS = 5_000

export interface BoundedStatement {
  readonly sql: string
  readonly values?: readonly unknown[]
  /** "Creating the slot simplyload_shop". */
  readonly doing: string
  readonly timeoutMs: number
}

/** Past the deadline: `source_busy`, naming who is in the way. The client must have no statement_timeout of its own. */
export async function queryWithDeadline<T>(
  client: PostgresClient,
  statement: BoundedStatement,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const deadline = new AbortController()
  let blocked: Promise<PipelineError> | undefined
  // Asked while it still waits: after the statement is cancelled the server no longer knows what it waited for.
  const timer = setTimeout(() => {
    blocked = describeBlocker(client, statement).finally(() => deadline.abort(new Error('deadline')))
  }, statement.timeoutMs)
  try {
    return await client.query<T>(statement.sql, statement.values, AbortSignal.any([signal, deadline.signal]))
  } catch (error) {
    signal.throwIfAborted()
    // The server answers before it has removed a half-made slot, and takes the next statement after that.
    await client.query('SELECT 1', undefined, signal).catch(() => undefined)
    throw deadline.signal.aborted && blocked !== undefined ? await blocked : error
  } finally {
    clearTimeout(timer)
  }
}

/** Never rejects. */
async function describeBlocker(client: PostgresClient, statement: BoundedStatement): Promise<PipelineError> {
  const doing = `${statement.doing} within ${statement.timeoutMs / 1000} s`
  try {
    const timeout = AbortSignal.timeout(ASK_TIMEOUT_MS)
    await using observer = await connect(client.settings, { purpose: 'observer' }, timeout)
    const [blocker] = await observer.query<Blocker>(BLOCKERS, [client.pid], timeout)
    if (blocker !== undefined) return heldBy(doing, blocker)
    const [prepared] = await observer.query<{ transaction: string; seconds: number }>(PREPARED, undefined, timeout)
    if (prepared !== undefined) {
      return new PipelineError('source_busy', doing, {
        cause: new Error(`a prepared transaction is open for ${prepared.seconds} s`),
        hint: `Finish it: COMMIT PREPARED or ROLLBACK PREPARED '${prepared.transaction.replaceAll("'", "''")}' (SELECT * FROM pg_prepared_xacts)`,
      })
    }
    return unknownBlocker(doing, new Error('the server did not finish it in time'))
  } catch (cause) {
    return unknownBlocker(doing, cause)
  }
}

function heldBy(doing: string, blocker: Blocker): PipelineError {
  const application = blocker.application === '' ? 'without application name' : blocker.application
  // A role without pg_monitor sees neither the age nor the name of others' sessions.
  const about =
    blocker.role === null
      ? ''
      : ` (${application}, role ${blocker.role}${blocker.state === '' ? '' : `, ${blocker.state}`})`
  const age = blocker.seconds === null ? '' : `, open for ${blocker.seconds} s`
  return new PipelineError('source_busy', doing, {
    cause: new Error(`it waits for the transaction of process ${blocker.pid}${about}${age}`),
    hint: `Let that transaction end, or end it: SELECT pg_terminate_backend(${blocker.pid}). Or raise slot_timeout`,
    context: { pid: blocker.pid },
  })
}

function unknownBlocker(doing: string, cause: unknown): PipelineError {
  return new PipelineError('source_busy', doing, {
    cause,
    hint: 'Look for long transactions: SELECT pid, application_name, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start. Or raise slot_timeout',
  })
}
