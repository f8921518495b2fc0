/** What one statement has at hand while it runs: its session, what it sees, its line in the history, and how it is stopped. */
import type { DuckDBValue } from '@duckdb/node-api'
import type { SessionCatalog } from '../catalog/session-catalog.ts'
import type { SystemRelations } from '../catalog/system-relations.ts'
import type { CatalogDraft } from '../catalog/twin-catalog.ts'
import type { QueryRecord } from '../history/query-history.ts'
import { canceled } from '../refusals.ts'
import type { Session } from '../session.ts'
import { runtimeError } from '../sql/runtime-error.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { TwinState } from '../twin-state.ts'
import type { LockMode } from './lock-table.ts'
import type { Touched } from './session-transaction.ts'

export interface StatementContext {
  readonly state: TwinState
  readonly session: Session
  readonly catalog: SessionCatalog
  readonly system: SystemRelations
  readonly record: QueryRecord
  readonly signal: AbortSignal
}

export interface Lock {
  readonly table: { readonly id: number; readonly name: string }
  readonly mode: LockMode
}

/** Rows of a DuckDB query, read whole. */
export async function queryRows(
  { session, signal }: StatementContext,
  sql: string,
): Promise<readonly (readonly DuckDBValue[])[]> {
  return interruptible(session, signal, async () => {
    const reader = await session.connection.runAndReadAll(sql)
    return reader.getRows()
  })
}

/**
 * Runs `work` in the session's transaction, or in one of its own that is committed at once. The locks are held until that one ends. What fails
 * leaves an open transaction as it was.
 */
export async function inTransaction<T>(
  context: StatementContext,
  locks: readonly Lock[],
  touched: Touched,
  work: () => Promise<T>,
): Promise<T> {
  const { session, state, record, signal } = context
  const { transaction, parameters } = session
  const isOwn = !transaction.isOpen
  if (isOwn) {
    const isExplicit = touched.writes.length > 0 && !parameters.flag('AUTOCOMMIT')
    await transaction.begin(session.lockOwner(record.id), isExplicit)
  }
  const isAlone = isOwn && transaction.id === undefined
  record.transactionId = transaction.id
  try {
    for (const { table, mode } of locks)
      await state.locks.acquire(transaction.owner, table, mode, parameters.number('LOCK_TIMEOUT') * 1000, signal)
    await transaction.refresh(touched)
    const result = await interruptible(session, signal, work)
    if (isAlone) await transaction.commit()
    return result
  } catch (error) {
    if (isAlone) await transaction.rollback()
    throw asStatementError(error, signal)
  }
}

/** A change of a table waits for its writers. Before it, an open transaction has been committed. */
export async function withTableLock<T>(
  { state, session, record, signal }: StatementContext,
  table: { readonly id: number; readonly name: { readonly name: string } } | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (table === undefined) return work()
  const owner = session.lockOwner(record.id)
  const timeoutMs = session.parameters.number('LOCK_TIMEOUT') * 1000
  try {
    await state.locks.acquire(owner, { id: table.id, name: table.name.name }, 'define', timeoutMs, signal)
    return await work()
  } finally {
    state.locks.release(owner)
  }
}

/** A change of the catalog, with the DuckDB statements that belong to it. */
export function changeCatalog<T>(
  { state, session, signal }: StatementContext,
  work: (draft: CatalogDraft) => Promise<T>,
): Promise<T> {
  return interruptible(session, signal, () => state.catalog.change(session.connection, work))
}

/** Stopped by the signal, with the error of a statement that was canceled. */
export async function interruptible<T>(session: Session, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw asStatementError(signal.reason, signal)
  const stop = (): void => session.connection.interrupt()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await work()
  } catch (error) {
    throw asStatementError(error, signal)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function asStatementError(error: unknown, signal: AbortSignal): Error {
  if (!signal.aborted) return runtimeError(error)
  return signal.reason instanceof SnowflakeError ? signal.reason : canceled()
}
