/** One connection for the length of one call: statements, bound values, transactions, interruption. */
import type { DuckDBConnection, DuckDBResult, DuckDBValue } from '@duckdb/node-api'
import { isInterruption, isMemoryError } from './errors.ts'

export type SqlValue = string | number | bigint | boolean | null
/** A row by column name; 64-bit integers come as bigint. */
export type SqlRow = Readonly<Record<string, unknown>>

/** What one open instance may use. */
export interface Resources {
  readonly threadsMax: number
  threads: number
  /** What it grows to for a row that does not fit the usual limit; absent where the limit is a person's own. */
  readonly memoryBytesMax: number | undefined
  hasGrown: boolean
}

export class Session {
  /** How long the file was held by someone else when it was opened for this call. */
  readonly waitedForLockMs: number
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal
  readonly #resources: Resources

  constructor(connection: DuckDBConnection, signal: AbortSignal, waitedForLockMs: number, resources: Resources) {
    this.#resources = resources
    this.#connection = connection
    this.#signal = signal
    this.waitedForLockMs = waitedForLockMs
  }

  /** True for the error with which a call ends that was told to stop. */
  isStop(error: unknown): boolean {
    return this.#signal.aborted && error === this.#signal.reason
  }

  /** Threads cost more than they give where a statement has a few hundred rows: a quarter of the CPU of a small flush. */
  async useThreads(wanted: 'one' | 'all'): Promise<void> {
    const resources = this.#resources
    const count = wanted === 'one' || resources.hasGrown ? 1 : resources.threadsMax
    if (count === resources.threads) return
    await this.run(`SET threads = ${count}`)
    resources.threads = count
  }

  /**
   * After memory ran out: one thread, and more memory than usual. A single value may be 64 MiB, and DuckDB holds several
   * copies of it at a time. False where there is no more to have.
   */
  async useMoreMemory(): Promise<boolean> {
    const { memoryBytesMax, hasGrown } = this.#resources
    if (memoryBytesMax === undefined || hasGrown) return false
    this.#resources.hasGrown = true
    await this.useThreads('one')
    await this.run(`SET memory_limit = '${Math.floor(memoryBytesMax / 1024)}KiB'`)
    return true
  }

  /** What failed for want of memory is done again with more, once. It must leave nothing behind when it fails. */
  async retryWithMoreMemory<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isMemoryError(error) || !(await this.useMoreMemory())) throw error
      return work()
    }
  }

  /** Returns the number of rows that were changed. */
  async run(sql: string, values?: readonly SqlValue[]): Promise<number> {
    const result = await this.#guarded(() => this.#connection.run(sql, bound(values)))
    return result.rowsChanged
  }

  async rows(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    const reader = await this.#guarded(() => this.#connection.runAndReadAll(sql, bound(values)))
    return reader.getRowObjectsJS()
  }

  /** Rows are fetched as they are asked for. */
  async stream(sql: string): Promise<DuckDBResult> {
    return this.#guarded(() => this.#connection.stream(sql))
  }

  /** The only row of a query that always has one. */
  async row(sql: string, values?: readonly SqlValue[]): Promise<SqlRow> {
    const [row] = await this.rows(sql, values)
    if (row === undefined) throw new Error('The query gave no row')
    return row
  }

  /** Rolled back when `work` throws, and when it returns `ROLL_BACK`. */
  async transaction<T>(work: () => Promise<T | Rollback<T>>): Promise<T> {
    await this.run('BEGIN')
    try {
      const result = await work()
      if (result instanceof Rollback) {
        await this.run('ROLLBACK')
        return result.value
      }
      await this.run('COMMIT')
      return result
    } catch (error) {
      // A failed COMMIT, or an error that DuckDB takes for fatal, has ended the transaction already; an aborted signal
      // must not keep it open.
      await this.#connection.run('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  async #guarded<T>(statement: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted()
    try {
      return await statement()
    } catch (error) {
      if (this.#signal.aborted && isInterruption(error)) throw this.#signal.reason
      throw error
    }
  }
}

/** What a transaction returns that found nothing to keep. */
export class Rollback<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}

function bound(values: readonly SqlValue[] | undefined): DuckDBValue[] | undefined {
  return values === undefined || values.length === 0 ? undefined : [...values]
}
