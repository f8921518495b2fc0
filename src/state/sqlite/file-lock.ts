/**
 * One writer per state file. The lock is a transaction held open on a file beside it, so the operating system lets go of
 * it when the process ends, however it ends, and there is no stale lock to clear up.
 */
import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import { isBusy, stateError } from './errors.ts'

type Driver = typeof import('node:sqlite')

/** Throws `state_locked` naming the process that has it. */
export function lockFile(sqlite: Driver, path: string, holder: () => string | undefined): DatabaseSync {
  const lock = tryLock(sqlite, path)
  if (lock !== undefined) return lock
  const pid = holder()
  throw new PipelineError('state_locked', `Opening the state ${path}`, {
    cause: new Error(`another sync is running${pid === undefined ? '' : ` (process ${pid})`}`),
    hint: 'Stop the other one first, or give this one a state file of its own (state.path) and sources of its own',
    context: { path },
  })
}

/** True while a process holds the lock. */
export function isLocked(sqlite: Driver, path: string): boolean {
  const lock = tryLock(sqlite, path)
  lock?.close()
  return lock === undefined
}

function tryLock(sqlite: Driver, path: string): DatabaseSync | undefined {
  const lockPath = `${path}.lock`
  let lock: DatabaseSync | undefined
  try {
    lock = new sqlite.DatabaseSync(lockPath, { timeout: 0 })
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    if (isBusy(error)) return undefined
    throw stateError(error, `Locking the state ${path}`, lockPath)
  }
}
