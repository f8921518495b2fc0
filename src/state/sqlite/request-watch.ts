import type { DatabaseSync } from 'node:sqlite'

const LOOK_EVERY_MS = 500

/**
 * Calls `notify` when another connection has changed the file. `data_version` is answered from memory that SQLite shares
 * between processes: about 3 µs, no disk.
 */
export function watchDatabase(database: DatabaseSync, notify: () => void): Disposable {
  const version = database.prepare('PRAGMA data_version')
  let seen = version.get()?.data_version
  const timer = setInterval(() => {
    const now = database.isOpen ? version.get()?.data_version : seen
    if (now === seen) return
    seen = now
    notify()
  }, LOOK_EVERY_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
