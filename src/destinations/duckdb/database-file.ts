/**
 * The DuckDB file, open only while it is needed.
 *
 * DuckDB lets one process write or several read, so the file is held from the first call until `release`, and not
 * between. Calls take turns. Opening waits for whoever has the file, for a bounded time.
 *
 * Closing does not checkpoint: that rewrites the last row group of every table that was touched (100 ms for ten tables
 * of 300k rows). But whoever opens the file next, readers included, replays what is in the log (3 ms for each small commit
 * to ten tables, more with every commit). So the log is folded into the file once the replays since the last time have
 * taken as long as that takes, past `LOG_BYTES_MAX`, and at the end.
 */
import { access, mkdir, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Clock } from '../../core/clock.ts'
import { isBreaking, isLockError, isMemoryError, lockHolder, translateError } from './errors.ts'
import { type Resources, Session } from './session.ts'
import { STORAGE_VERSION } from './text-compression.ts'

export interface DatabaseFileOptions {
  readonly path: string
  readonly memoryLimitBytes: number
  /** What DuckDB may use for rows that do not fit the limit. Absent: never more than the limit. */
  readonly memoryBytesMax: number | undefined
  readonly threads: number | undefined
  /** How long one call waits for whoever has the file. */
  readonly lockWaitMs: number
  readonly clock: Clock
}

export type Access = 'read' | 'write'

interface OpenInstance {
  readonly instance: DuckDBInstance
  readonly access: Access
  readonly resources: Resources
}

const LOG_BYTES_MAX = 2 << 20
/** Until they have been measured. */
const OPENING_MS_GUESS = 15
const CHECKPOINT_MS_GUESS = 100
const RETRY_MS_MIN = 5
const RETRY_MS_MAX = 200

/** Locks are per process: two instances of one file in the same process would not notice each other. By path. */
const HOLDERS = new Map<string, Map<DatabaseFile, Access>>()

export class DatabaseFile {
  readonly path: string
  readonly #options: DatabaseFileOptions
  readonly #threads: number
  #turn: Promise<unknown> = Promise.resolve()
  #open: OpenInstance | undefined
  /** What opening took without a log, at least. */
  #openingMs = OPENING_MS_GUESS
  /** What openings since the last checkpoint took beyond that. */
  #replayMs = 0
  #checkpointMs = CHECKPOINT_MS_GUESS

  constructor(options: DatabaseFileOptions) {
    this.#options = options
    this.path = resolve(options.path)
    this.#threads = options.threads ?? availableParallelism()
  }

  async exists(): Promise<boolean> {
    try {
      await access(this.path)
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
      throw translateError(error, `Opening ${this.path}`, {})
    }
  }

  /** One call at a time. Errors of DuckDB come translated; `doing` is the gerund that the error begins with. */
  use<T>(access: Access, doing: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const waitedForLockMs = await this.#acquire(access, signal)
      try {
        return await this.#withSession(signal, waitedForLockMs, work)
      } catch (error) {
        if (isBreaking(error)) this.#drop()
        if (signal.aborted && error === signal.reason) throw error
        throw translateError(error, doing, {})
      } finally {
        if (this.#open?.resources.hasGrown) this.#drop()
      }
    })
  }

  /** Lets go of the file. What is committed stays committed, whatever becomes of the checkpoint. */
  release(): Promise<void> {
    return this.#inTurn(async () => {
      const isDue = this.#replayMs > this.#checkpointMs || (await this.#logBytes()) > LOG_BYTES_MAX
      // A checkpoint that fails (disk full) loses nothing, and the next call that writes meets the same and reports it.
      if (isDue) await this.#checkpoint().catch(() => undefined)
      this.#drop()
    })
  }

  /** As `release`, and folds the log into the file, so that the file alone is the whole database. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#checkpoint().catch(() => undefined)
      this.#drop()
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #withSession<T>(
    signal: AbortSignal,
    waitedForLockMs: number,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const { instance, resources } = this.#opened()
    const connection = await instance.connect()
    const interrupt = () => connection.interrupt()
    signal.addEventListener('abort', interrupt, { once: true })
    try {
      const session = new Session(connection, signal, waitedForLockMs, resources)
      // Text forms of timestamps depend on it.
      await session.run("SET TimeZone = 'UTC'")
      return await work(session)
    } finally {
      signal.removeEventListener('abort', interrupt)
      connection.closeSync()
    }
  }

  #opened(): OpenInstance {
    if (this.#open === undefined) throw new Error('The file is not open')
    return this.#open
  }

  /** Returns how long others held the file, in milliseconds. */
  async #acquire(access: Access, signal: AbortSignal): Promise<number> {
    if (this.#open !== undefined && (access === 'read' || this.#open.access === 'write')) return 0
    this.#drop()
    const { clock, lockWaitMs } = this.#options
    const started = clock.elapsedMs()
    let delayMs = RETRY_MS_MIN
    for (;;) {
      signal.throwIfAborted()
      try {
        await this.#openInstance(access)
        return delayMs === RETRY_MS_MIN ? 0 : Math.round(clock.elapsedMs() - started)
      } catch (error) {
        const waitedMs = clock.elapsedMs() - started
        if (!isLockError(error) || waitedMs >= lockWaitMs) throw this.#openingError(error, waitedMs)
        await clock.sleep(delayMs, signal)
        delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)
      }
    }
  }

  #openingError(error: unknown, waitedMs: number): Error {
    const holder = isLockError(error) ? lockHolder(error) : undefined
    const who = holder === undefined ? '' : `, which process ${holder} holds`
    return translateError(error, `Opening ${this.path}${who}`, { waitedMs: Math.round(waitedMs) })
  }

  async #openInstance(access: Access): Promise<void> {
    const holders = HOLDERS.get(this.path) ?? new Map<DatabaseFile, Access>()
    if ([...holders.values()].some((held) => held === 'write' || access === 'write')) {
      throw new Error(`IO Error: Could not set lock on file "${this.path}": held in this process (PID ${process.pid})`)
    }
    HOLDERS.set(this.path, holders.set(this, access))
    try {
      if (access === 'write') await mkdir(dirname(this.path), { recursive: true })
      const { memoryBytesMax, clock } = this.#options
      const started = clock.elapsedMs()
      const instance = await this.#createInstance(access)
      this.#noteOpening(clock.elapsedMs() - started)
      const resources = { threadsMax: this.#threads, threads: this.#threads, memoryBytesMax, hasGrown: false }
      this.#open = { instance, access, resources }
      if (access === 'write') await runOnce(instance, 'PRAGMA disable_checkpoint_on_shutdown')
    } catch (error) {
      this.#drop()
      throw error
    }
  }

  async #createInstance(access: Access): Promise<DuckDBInstance> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const settings = this.#settings(access)
    try {
      return await DuckDBInstance.create(this.path, settings)
    } catch (error) {
      if (!isMemoryError(error)) throw error
      // The log holds a value too large to be replayed within the limit, and every later opening would meet it again.
      const { memory_limit: _, ...unlimited } = settings
      const instance = await DuckDBInstance.create(this.path, unlimited)
      if (access === 'read') return instance
      await runOnce(instance, 'CHECKPOINT')
      instance.closeSync()
      return await DuckDBInstance.create(this.path, settings)
    }
  }

  #settings(access: Access): Record<string, string> {
    const { memoryLimitBytes } = this.#options
    return {
      access_mode: access === 'write' ? 'READ_WRITE' : 'READ_ONLY',
      memory_limit: `${Math.floor(memoryLimitBytes / 1024)}KiB`,
      threads: String(this.#threads),
      temp_directory: `${this.path}.tmp`,
      // Of a file that is created; one that is there keeps its own, older or newer.
      storage_compatibility_version: STORAGE_VERSION,
      // Rows have no order of their own; keeping one would serialise loads and hold back row groups.
      preserve_insertion_order: 'false',
      // Everything needed is built in, and nothing is fetched at run time.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // A checkpoint compacts row groups that have lost a quarter of their rows, by default all of them at once: 8 CPU
      // seconds after 700k of 3M rows were replaced. One at a time (up to 1 s) keeps pace with what flushes leave.
      max_vacuum_tasks: '1',
    }
  }

  async #checkpoint(): Promise<void> {
    if (this.#open?.access !== 'write' || (await this.#logBytes()) === 0) return
    const { clock } = this.#options
    const started = clock.elapsedMs()
    // Also where it fails: it is not tried again with every release.
    this.#replayMs = 0
    await runOnce(this.#open.instance, 'CHECKPOINT')
    this.#checkpointMs = clock.elapsedMs() - started
  }

  #noteOpening(ms: number): void {
    this.#openingMs = Math.min(this.#openingMs, ms)
    this.#replayMs += ms - this.#openingMs
  }

  async #logBytes(): Promise<number> {
    if (this.#open?.access !== 'write') return 0
    const log = await stat(`${this.path}.wal`).catch(() => undefined)
    return log?.size ?? 0
  }

  #drop(): void {
    this.#open?.instance.closeSync()
    this.#open = undefined
    const holders = HOLDERS.get(this.path)
    holders?.delete(this)
    if (holders?.size === 0) HOLDERS.delete(this.path)
  }
}

async function runOnce(instance: DuckDBInstance, sql: string): Promise<void> {
  const connection = await instance.connect()
  try {
    await connection.run(sql)
  } finally {
    connection.closeSync()
  }
}
