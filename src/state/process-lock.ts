/**
 * One process at a time. The lock is a transaction held open on an SQLite file without content, so the operating system
 * lets go of it when the process ends, however it ends, and there is no stale lock to clear up. Across machines it is
 * worth what the file system's locks are worth: who may write a destination is decided by the lease there.
 */
import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { loadSqlite } from './sqlite-driver.ts'

/** https://www.sqlite.org/rescode.html#busy; the low byte of a result code is the primary one. */
const BUSY = 5

/** Undefined where another process has it for `waitMs` from now on. Throws SQLite's error where the file cannot be opened. */
export function tryLock(path: string, waitMs: number): Disposable | undefined {
  const sqlite = loadSqlite()
  let database: DatabaseSync | undefined
  try {
    database = new sqlite.DatabaseSync(path, { timeout: waitMs })
    database.exec('BEGIN EXCLUSIVE')
    const held = database
    return {
      [Symbol.dispose]: () => {
        if (held.isOpen) held.close()
      },
    }
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/** True while a process holds the lock. Asks without taking it, and without needing to write. */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false
  const sqlite = loadSqlite()
  try {
    using database = new sqlite.DatabaseSync(path, { timeout: 0, readOnly: true })
    database.prepare('SELECT count(*) FROM sqlite_master').get()
    return false
  } catch (error) {
    if (isBusy(error)) return true
    throw error
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === BUSY
}
