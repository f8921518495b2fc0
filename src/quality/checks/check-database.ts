/**
 * DuckDB in memory, for reading files: bound in memory and in what it may touch. The files of a run and one folder for what does
 * not fit into memory are all that it can open, and nothing that a rule says changes that.
 */
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { PipelineError } from '../../core/errors.ts'

export interface CheckDatabaseOptions {
  /** Of the whole process. */
  readonly memoryBytes: number
  readonly threads: number
  /** Absolute. Where it works when memory is full; bad rows are written below it. */
  readonly folder: string
  /** Absolute; everything else is closed. */
  readonly paths: readonly string[]
}

/**
 * The process has more than DuckDB's own limit counts: Node, buffers of the reader, what its allocator holds back. Measured are
 * 250 to 410 MiB; files of long records have more.
 */
const BESIDE_BYTES = 1_536 * 2 ** 20
const SHARE_MIN = 0.5

export function duckdbMemoryBytes(memoryBytes: number): number {
  return Math.floor(Math.max(memoryBytes - BESIDE_BYTES, memoryBytes * SHARE_MIN))
}

export class CheckDatabase implements AsyncDisposable {
  readonly #instance: DuckDBInstance

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance
  }

  static async open({ memoryBytes, threads, folder, paths }: CheckDatabaseOptions): Promise<CheckDatabase> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.floor(duckdbMemoryBytes(memoryBytes) / 1024)}KiB`,
      threads: String(threads),
      temp_directory: `${folder}/overflow`,
      // Sums and counts know no order; samples number their rows and ask for it.
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connection = await instance.connect()
    try {
      const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')
      await connection.run("SET TimeZone = 'UTC'")
      await connection.run(`SET allowed_paths = [${list}]`)
      await connection.run(`SET allowed_directories = ['${folder.replaceAll("'", "''")}']`)
      await connection.run('SET enable_external_access = false')
      await connection.run('SET lock_configuration = true')
    } finally {
      connection.closeSync()
    }
    return new CheckDatabase(instance)
  }

  async session(signal: AbortSignal): Promise<CheckSession> {
    signal.throwIfAborted()
    const connection = await this.#instance.connect()
    // Else it does not say how far a statement is. As pragmas, for the configuration is locked.
    await connection.run('PRAGMA enable_progress_bar')
    await connection.run('PRAGMA disable_print_progress_bar')
    return new CheckSession(connection, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#instance.closeSync()
  }
}

/** One connection. Its temporary tables and views are gone when it is disposed. */
export class CheckSession implements Disposable {
  readonly #connection: DuckDBConnection
  readonly #signal: AbortSignal
  readonly #interrupt: () => void

  constructor(connection: DuckDBConnection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
    this.#interrupt = () => connection.interrupt()
    signal.addEventListener('abort', this.#interrupt, { once: true })
  }

  async run(sql: string): Promise<void> {
    await this.#guarded(() => this.#connection.run(sql))
  }

  /** Everything at once: for results that are small. */
  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const reader = await this.#guarded(() => this.#connection.runAndReadAll(sql))
    return reader.getRowsJS()
  }

  /** The only row. */
  async row(sql: string): Promise<readonly unknown[]> {
    const [row] = await this.rows(sql)
    if (row === undefined) throw new PipelineError('internal', 'Asking DuckDB', { cause: new Error('no row came') })
    return row
  }

  /** For rows of our own into a temporary table. */
  async appender(table: string): Promise<DuckDBAppender> {
    return await this.#guarded(() => this.#connection.createAppender(table))
  }

  /** Rows as they come; stopping early stops the query. */
  async *stream(sql: string): AsyncGenerator<readonly unknown[]> {
    const result = await this.#guarded(() => this.#connection.stream(sql))
    try {
      for (;;) {
        const chunk = await this.#guarded(() => result.fetchChunk())
        if (chunk === null || chunk.rowCount === 0) return
        for (let index = 0; index < chunk.rowCount; index++) yield chunk.getRowValues(index)
      }
    } finally {
      this.#connection.interrupt()
    }
  }

  /** 0 to 100, with what follows the reading; negative where it is not known. */
  get percent(): number {
    return this.#connection.progress.percentage
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
      this.#signal.throwIfAborted()
      throw error
    }
  }
}
