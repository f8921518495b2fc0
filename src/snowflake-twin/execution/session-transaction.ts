/**
 * One session's transaction. Snowflake is READ COMMITTED: each statement sees what was committed before it began. DuckDB gives a whole
 * transaction one snapshot, and a failed statement ends it. So the changes of an open transaction are kept as a journal of DuckDB statements:
 * where another session has changed a table that the next statement touches, and after a failed statement, the DuckDB transaction is
 * begun anew and the journal is played again. That gives the same rows only while nobody has changed what those statements had read;
 * where somebody has, the transaction is refused and rolled back.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { LockOwner, LockTable } from './lock-table.ts'
import type { TableVersions } from './table-versions.ts'

/** Tables that a statement touches, by id. */
export interface Touched {
  /** The target of UPDATE, DELETE and MERGE is read too. */
  readonly reads: readonly number[]
  readonly writes: readonly number[]
}

/** What a transaction adds to a table when it commits. */
export interface RowDelta {
  readonly table: number
  readonly rows: number
  readonly bytes: number
}

export class SessionTransaction {
  readonly #connection: DuckDBConnection
  readonly #locks: LockTable
  readonly #versions: TableVersions
  readonly #onCommit: (deltas: readonly RowDelta[]) => void
  #owner: LockOwner | undefined
  /** By BEGIN, or by the first change without AUTOCOMMIT; else it ends with its statement. */
  #isExplicit = false
  #snapshot = 0
  #journal: string[] = []
  #journalReads = new Set<number>()
  #written = new Set<number>()
  #deltas: RowDelta[] = []

  constructor(
    connection: DuckDBConnection,
    locks: LockTable,
    versions: TableVersions,
    onCommit: (deltas: readonly RowDelta[]) => void,
  ) {
    this.#connection = connection
    this.#locks = locks
    this.#versions = versions
    this.#onCommit = onCommit
  }

  /** Of the transaction that BEGIN opened. */
  get id(): string | undefined {
    return this.#isExplicit ? this.#owner?.id : undefined
  }

  get isOpen(): boolean {
    return this.#owner !== undefined
  }

  /** Locks are taken in its name. */
  get owner(): LockOwner {
    if (this.#owner === undefined) throw new Error('No transaction is open')
    return this.#owner
  }

  async begin(owner: LockOwner, isExplicit: boolean): Promise<void> {
    this.#owner = owner
    this.#isExplicit = isExplicit
    await this.#start()
  }

  async commit(): Promise<void> {
    if (this.#owner === undefined) return
    try {
      await this.#connection.run('COMMIT')
    } catch (error) {
      await this.rollback()
      throw error
    }
    if (this.#written.size > 0) this.#versions.markChanged(this.#written)
    this.#onCommit(this.#deltas)
    this.#end()
  }

  async rollback(): Promise<void> {
    if (this.#owner === undefined) return
    // DuckDB has ended the transaction by itself after some errors.
    await this.#connection.run('ROLLBACK').catch(() => undefined)
    this.#end()
  }

  /** Before each statement, once its locks are held. */
  async refresh(touched: Touched): Promise<void> {
    if (this.#owner === undefined) return
    if (!this.#versions.isNewer([...touched.reads, ...touched.writes], this.#snapshot)) return
    await this.#replay()
  }

  /** Runs the changes of one statement; a failure undoes them and leaves the transaction as it was. */
  async change<T>(touched: Touched, work: (run: (sql: string) => Promise<number>) => Promise<T>): Promise<T> {
    const done: string[] = []
    try {
      const result = await work(async (sql) => {
        const { rowsChanged } = await this.#connection.run(sql)
        done.push(sql)
        return rowsChanged
      })
      this.#journal.push(...done)
      for (const table of touched.reads) this.#journalReads.add(table)
      for (const table of touched.writes) this.#written.add(table)
      return result
    } catch (error) {
      if (this.#isExplicit) await this.#replay()
      throw error
    }
  }

  count(delta: RowDelta): void {
    this.#deltas.push(delta)
  }

  async #start(): Promise<void> {
    this.#snapshot = this.#versions.sequence
    await this.#connection.run('BEGIN')
  }

  async #replay(): Promise<void> {
    if (this.#journal.length > 0 && this.#versions.isNewer(this.#journalReads, this.#snapshot)) {
      await this.rollback()
      throw new SnowflakeError(
        '000603',
        'XX000',
        'The local Snowflake cannot go on with this transaction: another session has changed a table that it had read. It is rolled back.',
      )
    }
    await this.#connection.run('ROLLBACK').catch(() => undefined)
    await this.#start()
    for (const sql of this.#journal) await this.#connection.run(sql)
  }

  #end(): void {
    const owner = this.#owner
    this.#owner = undefined
    this.#isExplicit = false
    this.#journal = []
    this.#journalReads = new Set()
    this.#written = new Set()
    this.#deltas = []
    if (owner !== undefined) this.#locks.release(owner)
  }
}
