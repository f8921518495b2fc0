/** One writer per state file: a lock beside it. */
import { anotherWriter } from '../another-writer.ts'
import { isLocked, tryLock } from '../process-lock.ts'
import { stateError } from './errors.ts'

// Somebody who only asks whether it is locked is in the way for a moment.
const LOCK_WAIT_MS = 500

/** Throws `state_locked` naming the process that has it. */
export function lockFile(path: string, holder: () => string | undefined): Disposable {
  const lock = translated(path, 'Locking the state', () => tryLock(lockPathOf(path), LOCK_WAIT_MS))
  if (lock !== undefined) return lock
  const pid = holder()
  throw anotherWriter({
    place: path,
    holder: pid === undefined ? undefined : `process ${pid}`,
    other: 'a state file of its own (state.path)',
    context: { path },
  })
}

export function isFileLocked(path: string): boolean {
  return translated(path, 'Examining the lock of the state', () => isLocked(lockPathOf(path)))
}

function translated<T>(path: string, doing: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw stateError(error, `${doing} ${path}`, lockPathOf(path))
  }
}

function lockPathOf(path: string): string {
  return `${path}.lock`
}
