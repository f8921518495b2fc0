/** The embedded DuckDB that parses files and writes stage files, opened when first needed and let go of when idle. */

import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { READER_OPTIONS } from '../../file-sets/read-statement.ts'
import { emptyScratch } from './scratch.ts'

export interface ReaderLimits {
  /** Absolute: parts, stage files on their way, and what does not fit into memory. Emptied when it is opened. */
  readonly scratch: string
  readonly memoryBytes: number
  readonly threads?: number | undefined
}

export class ReaderSession {
  readonly #limits: ReaderLimits
  #instance: DuckDBInstance | undefined
  #connection: DuckDBConnection | undefined
  #isEmptied = false

  constructor(limits: ReaderLimits) {
    this.#limits = limits
  }

  async open(): Promise<void> {
    await this.#connected()
  }

  async run(sql: string, signal: AbortSignal): Promise<number> {
    const connection = await this.#connected()
    return this.#interruptible(connection, signal, async () => {
      const reader = await connection.runAndReadAll(sql)
      const [row] = reader.getRowsJS()
      return Number(row?.[0] ?? 0)
    })
  }

  async rows(sql: string, signal: AbortSignal): Promise<readonly Record<string, unknown>[]> {
    const connection = await this.#connected()
    return this.#interruptible(connection, signal, async () => (await connection.runAndReadAll(sql)).getRowObjectsJS())
  }

  /** Its memory is free until it is needed again. */
  close(): void {
    this.#connection?.closeSync()
    this.#instance?.closeSync()
    this.#connection = undefined
    this.#instance = undefined
  }

  async #connected(): Promise<DuckDBConnection> {
    if (this.#connection !== undefined) return this.#connection
    const { scratch, memoryBytes, threads } = this.#limits
    if (!this.#isEmptied) await emptyScratch(scratch)
    this.#isEmptied = true
    const { DuckDBInstance } = await import('@duckdb/node-api')
    this.#instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.floor(memoryBytes / 1024)}KiB`,
      temp_directory: join(scratch, 'overflow'),
      ...READER_OPTIONS,
      ...(threads === undefined ? {} : { threads: String(threads) }),
    })
    this.#connection = await this.#instance.connect()
    await this.#connection.run("SET TimeZone = 'UTC'")
    return this.#connection
  }

  async #interruptible<T>(connection: DuckDBConnection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const interrupt = () => connection.interrupt()
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }
}
