/**
 * One writer per state file. The lock is a transaction held open on a file beside it, so the operating system lets go of
 * it when the process ends, however it ends, and there is no stale lock to clear up.
 */
import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'
import { isBusy, stateError } from './errors.ts'

type Driver = typeof import('node:sqlite')

// Somebody who only asks whether it is locked is in the way for a moment.
const LOCK_WAIT_MS = 500

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

/** True while a process holds the lock. Asks without taking it, and without needing to write. */
export function isLocked(sqlite: Driver, path: string): boolean {
  const lockPath = lockPathOf(path)
  if (!existsSync(lockPath)) return false
  try {
    using lock = new sqlite.DatabaseSync(lockPath, { timeout: 0, readOnly: true })
    lock.prepare('SELECT count(*) FROM sqlite_master').get()
    return false
  } catch (error) {
    if (isBusy(error)) return true
    throw stateError(error, `Examining the lock of the state ${path}`, lockPath)
  }
}

function tryLock(sqlite: Driver, path: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined
  try {
    lock = new sqlite.DatabaseSync(lockPathOf(path), { timeout: LOCK_WAIT_MS })
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    if (isBusy(error)) return undefined
    throw stateError(error, `Locking the state ${path}`, lockPathOf(path))
  }
}

function lockPathOf(path: string): string {
  return `${path}.lock`
}
