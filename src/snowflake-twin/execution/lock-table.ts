/**
 * Locks on tables, held until a transaction ends. Snowflake reads without locks, INSERT and COPY never wait for each other,
 * UPDATE, DELETE and MERGE have the table to themselves among those, and a change of the table waits for all writers.
 * https://docs.snowflake.com/en/sql-reference/transactions#resource-locking
 */
import { SnowflakeError } from '../sql/snowflake-error.ts'

export type LockMode = 'append' | 'modify' | 'define'

/** Whoever holds locks: one transaction, or one statement that commits by itself. */
export interface LockOwner {
  readonly id: string
  readonly queryId: string
  /** For how long it has done nothing. Milliseconds of real time. */
  readonly idleMs: () => number
  /** Rolls it back, and so lets its locks go. */
  readonly abort: () => void
}

interface Held {
  readonly owner: LockOwner
  mode: LockMode
}

interface Waiting {
  readonly owner: LockOwner
  readonly mode: LockMode
  readonly table: number
  readonly grant: () => void
}

const STRENGTH: readonly LockMode[] = ['append', 'modify', 'define']

/** Snowflake takes no more waiters for one lock than this (error 000625). */
const WAITERS_MAX = 20

export class LockTable {
  readonly #idleMsMax: number
  readonly #held = new Map<number, Held[]>()
  readonly #waiting: Waiting[] = []

  /**
   * A transaction that others wait for is rolled back after `idleMsMax` without a statement: its client may be gone.
   * https://docs.snowflake.com/en/sql-reference/transactions#aborting-transactions
   */
  constructor(idleMsMax: number) {
    this.#idleMsMax = idleMsMax
  }

  /** How many wait for a lock. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** True where it had to wait. `timeoutMs` of real time. `name` is for the error. */
  async acquire(
    owner: LockOwner,
    table: { readonly id: number; readonly name: string },
    mode: LockMode,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    signal.throwIfAborted()
    if (this.#tryAcquire(owner, table.id, mode)) return false
    const holder = this.#blockers(owner, table.id, mode)[0]
    if (this.#waiting.filter((waiter) => waiter.table === table.id).length >= WAITERS_MAX)
      throw lockError(
        `the number of waiters for this lock exceeds the ${WAITERS_MAX} statements limit.`,
        owner,
        table.name,
        holder,
      )
    if (this.#wouldDeadlock(owner, table.id, mode))
      throw lockError('a deadlock was detected.', owner, table.name, holder)
    await new Promise<void>((resolve, reject) => {
      const stop = (error: unknown): void => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        done()
        reject(error)
      }
      const onAbort = (): void => stop(signal.reason)
      const timer = setTimeout(
        () => stop(lockError('this lock has not yet been released.', owner, table.name, holder)),
        Math.min(timeoutMs, 2 ** 31 - 1),
      )
      timer.unref()
      const watch = setInterval(
        () => {
          for (const blocker of this.#blockers(owner, table.id, mode))
            if (blocker.idleMs() >= this.#idleMsMax) blocker.abort()
        },
        Math.max(10, this.#idleMsMax / 10),
      )
      watch.unref()
      const done = (): void => {
        clearTimeout(timer)
        clearInterval(watch)
        signal.removeEventListener('abort', onAbort)
      }
      const waiter: Waiting = {
        owner,
        mode,
        table: table.id,
        grant: () => {
          done()
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
    })
    return true
  }

  release(owner: LockOwner): void {
    for (const [table, held] of this.#held) {
      const rest = held.filter((lock) => lock.owner.id !== owner.id)
      if (rest.length === 0) this.#held.delete(table)
      else this.#held.set(table, rest)
    }
    // First come, first served; who cannot have it does not stop those behind for other tables.
    const overtaken = new Set<number>()
    for (const waiter of [...this.#waiting]) {
      if (overtaken.has(waiter.table)) continue
      if (this.#tryAcquire(waiter.owner, waiter.table, waiter.mode)) {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        waiter.grant()
      } else overtaken.add(waiter.table)
    }
  }

  #tryAcquire(owner: LockOwner, table: number, mode: LockMode): boolean {
    if (this.#blockers(owner, table, mode).length > 0) return false
    const held = this.#held.get(table) ?? []
    const own = held.find((lock) => lock.owner.id === owner.id)
    if (own === undefined) this.#held.set(table, [...held, { owner, mode }])
    else if (STRENGTH.indexOf(mode) > STRENGTH.indexOf(own.mode)) own.mode = mode
    return true
  }

  #blockers(owner: LockOwner, table: number, mode: LockMode): readonly LockOwner[] {
    return (this.#held.get(table) ?? [])
      .filter((lock) => lock.owner.id !== owner.id && !areCompatible(lock.mode, mode))
      .map((lock) => lock.owner)
  }

  #wouldDeadlock(owner: LockOwner, table: number, mode: LockMode): boolean {
    const seen = new Set<string>()
    const reaches = (blockers: readonly LockOwner[]): boolean =>
      blockers.some((blocker) => {
        if (blocker.id === owner.id) return true
        if (seen.has(blocker.id)) return false
        seen.add(blocker.id)
        return this.#waiting
          .filter((waiter) => waiter.owner.id === blocker.id)
          .some((waiter) => reaches(this.#blockers(waiter.owner, waiter.table, waiter.mode)))
      })
    return reaches(this.#blockers(owner, table, mode))
  }
}

function areCompatible(left: LockMode, right: LockMode): boolean {
  if (left === 'define' || right === 'define') return false
  return left === 'append' || right === 'append'
}

function lockError(why: string, owner: LockOwner, table: string, holder: LockOwner | undefined): SnowflakeError {
  return new SnowflakeError(
    '000625',
    '57014',
    `Statement '${owner.queryId}' has been aborted: ${
      holder === undefined ? '' : `statement '${holder.queryId}' has locked table '${table}' and `
    }${why}`,
  )
}
