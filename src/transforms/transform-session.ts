/** DuckDB in memory, for what transforms compute: one instance, and a connection for each piece of work. */
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

export interface TransformDatabaseOptions {
  /** Of DuckDB; beyond it, it works on disk. */
  readonly memoryBytes: number
  /** Where it works then, and where transformed files lie. */
  readonly folder: string
}

export class TransformDatabase {
  readonly #options: TransformDatabaseOptions
  #instance: Promise<DuckDBInstance> | undefined

  constructor(options: TransformDatabaseOptions) {
    this.#options = options
  }

  async session(signal: AbortSignal): Promise<TransformSession> {
    this.#instance ??= this.#open()
    const connection = await (await this.#instance).connect()
    const session = new TransformSession(connection, signal)
    // Text forms of timestamps depend on it.
    await session.run("SET TimeZone = 'UTC'")
    return session
  }

  async close(): Promise<void> {
    const instance = await this.#instance?.catch(() => undefined)
    this.#instance = undefined
    instance?.closeSync()
  }

  async #open(): Promise<DuckDBInstance> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const { memoryBytes, folder } = this.#options
    return await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.floor(memoryBytes / 1024)}KiB`,
      temp_directory: `${folder}/overflow`,
      // Everything needed is built in, and nothing is fetched at run time.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
  }
}

/** Its temporary tables are gone when it is disposed. */
export class TransformSession implements Disposable {
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal
  readonly #interrupt: () => void

  constructor(connection: DuckDBConnection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
    this.#interrupt = () => connection.interrupt()
    signal.addEventListener('abort', this.#interrupt, { once: true })
  }

  async run(sql: string): Promise<number> {
    return (await this.#guarded(() => this.#connection.run(sql))).rowsChanged
  }

  async rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.#guarded(() => this.#connection.runAndReadAll(sql))).getRowObjectsJS()
  }

  /** The only row of a query that always has one. */
  async row(sql: string): Promise<Readonly<Record<string, unknown>>> {
    const [row] = await this.rows(sql)
    if (row === undefined) throw new Error('The query gave no row')
    return row
  }

  /** The first column, and the others, each as a list of the driver's values. */
  async columns(
    sql: string,
  ): Promise<{ readonly numbers: readonly unknown[]; readonly columns: readonly (readonly unknown[])[] }> {
    const reader = await this.#guarded(() => this.#connection.runAndReadAll(sql))
    const [numbers = [], ...columns] = reader.getColumns()
    return { numbers, columns }
  }

  appender(table: string): Promise<DuckDBAppender> {
    return this.#guarded(() => this.#connection.createAppender(table))
  }

  /** True for the error with which work ends that was told to stop. */
  isStop(error: unknown): boolean {
    return this.#signal.aborted && error === this.#signal.reason
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#interrupt)
    this.#connection.closeSync()
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason
      throw error
    }
  }
}
