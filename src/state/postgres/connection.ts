/**
 * The one connection of a state, with its calls one after the other. When it is lost it is made anew: at once where
 * somebody waits for requests or holds the lock, else with the next call. A call that was under way is made once more;
 * when that fails too the server is away, and whoever asked decides how long to wait.
 *
 *   none ──call──▶ connecting ──▶ prepared, locked, listening ──lost──▶ none
 *                     └── failed: the call says why ──▶ none
 */
import { isPipelineError } from '../../core/errors.ts'
import type { Place } from './errors.ts'
import { postgresStateError } from './errors.ts'
import { takeWriterLock } from './writer-lock.ts'

/** The slice of a connection that is used. Rows by column name: int8 as bigint, json parsed, bool as such, else text. */
export interface StateClient {
  /** Of the server's process. */
  readonly pid: number
  readonly usable: boolean
  /** Without values the text may have several statements; the rows are those of the last one. */
  query<T>(sql: string, values?: readonly unknown[]): Promise<readonly T[]>
  onLost(listener: (error: Error) => void): unknown
  onNotification(listener: (channel: string, payload: string) => void): void
  close(): Promise<void>
  /** Cuts it at once. */
  destroy(): void
}

export interface ConnectionOptions {
  readonly place: Place
  readonly connect: (signal: AbortSignal) => Promise<StateClient>
  /** The writer: nobody else has the state for writing while this connection is there. */
  readonly exclusive: boolean
}

/** On which those who ask something say so; the payload is the schema. */
export const REQUEST_CHANNEL = 'simplyload_requests'

// A call is a handful of short statements. Beyond it the connection is taken for dead: one whose other end is gone
// without a word would else be noticed after a quarter of an hour.
const CALL_MS_MAX = 60_000
const RECONNECT_FIRST_MS = 500
const RECONNECT_MS_MAX = 30_000

// Whoever has turned it off for speed has not thought of this: an LSN is confirmed to the source because of what is
// committed here. The other settings let the server notice within a minute that our machine is gone, and free the lock.
const SESSION_SQL = `
  SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') = 'off';
  SELECT set_config(v.name, v.value, false) FROM (VALUES
    ('statement_timeout', '30s'), ('lock_timeout', '10s'), ('idle_in_transaction_session_timeout', '60s'),
    ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')) AS v(name, value)`

export class StateConnection implements AsyncDisposable {
  readonly #options: ConnectionOptions
  readonly #closing = new AbortController()
  readonly #listeners = new Set<() => void>()
  #client: StateClient | undefined
  /** Of the server's process that had the lock last. */
  #lockedBy: number | undefined
  #isListening = false
  #reconnecting: NodeJS.Timeout | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** `doing` is a gerund: its object is the state. `work` is harmless when it is done twice. */
  run<T>(doing: string, work: (client: StateClient) => Promise<T>): Promise<T> {
    const { place } = this.#options
    const mine = this.#last
      .then(() => this.#attempt(work))
      .catch((error: unknown) => {
        if (!isPipelineError(error, 'source_connection_lost')) throw error
        // The server says goodbye before its end of the connection is seen to be gone.
        this.#client?.destroy()
        return this.#attempt(work)
      })
      .catch((error: unknown) => {
        if (this.#client?.usable === false) this.#reconnect(RECONNECT_FIRST_MS, RECONNECT_FIRST_MS)
        throw postgresStateError(error, `${doing} the state ${place.server}, schema ${place.schema}`, place)
      })
    this.#last = mine.catch(() => undefined)
    return mine
  }

  /** All of it or nothing, and on the server's disk when it resolves. */
  transaction<T>(doing: string, work: (client: StateClient) => Promise<T>): Promise<T> {
    return this.run(doing, async (client) => {
      await client.query('BEGIN')
      try {
        const result = await work(client)
        await client.query('COMMIT')
        return result
      } catch (error) {
        // What is not rolled back ends with the connection.
        if (client.usable) await client.query('ROLLBACK').catch(() => client.destroy())
        throw error
      }
    })
  }

  /** Calls `notify` when a request is told, and when some may have been missed. */
  listen(notify: () => void): Disposable {
    this.#listeners.add(notify)
    if (!this.#isListening) this.#reconnect(RECONNECT_FIRST_MS, 0)
    return { [Symbol.dispose]: () => this.#listeners.delete(notify) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the state is closed'))
    clearTimeout(this.#reconnecting)
    this.#listeners.clear()
    await this.#last
    await this.#client?.close()
  }

  async #attempt<T>(work: (client: StateClient) => Promise<T>): Promise<T> {
    return await this.#withinTime(await this.#connected(), work)
  }

  async #connected(): Promise<StateClient> {
    const { signal } = this.#closing
    signal.throwIfAborted()
    if (this.#client?.usable !== true) this.#client = await this.#open(signal)
    const client = this.#client
    if (this.#listeners.size > 0 && !this.#isListening) {
      await client.query(`LISTEN ${REQUEST_CHANNEL}`)
      this.#isListening = true
      for (const notify of this.#listeners) notify()
    }
    return client
  }

  async #open(signal: AbortSignal): Promise<StateClient> {
    const { connect, exclusive, place } = this.#options
    this.#isListening = false
    const client = await connect(signal)
    try {
      await client.query(SESSION_SQL)
      if (exclusive) {
        await takeWriterLock(client, place, this.#lockedBy, signal)
        this.#lockedBy = client.pid
      }
    } catch (error) {
      client.destroy()
      throw error
    }
    client.onLost(() => this.#reconnect(RECONNECT_FIRST_MS, RECONNECT_FIRST_MS))
    client.onNotification((channel, payload) => {
      if (channel !== REQUEST_CHANNEL || payload !== place.schema) return
      for (const notify of this.#listeners) notify()
    })
    return client
  }

  /** In the background, where it matters before the next call. What does not mend by itself, the next call tells. */
  #reconnect(againMs: number, delayMs: number): void {
    if (this.#closing.signal.aborted) return
    if (!this.#options.exclusive && this.#listeners.size === 0) return
    clearTimeout(this.#reconnecting)
    this.#reconnecting = setTimeout(() => {
      this.run('Connecting to', async () => undefined).catch(() =>
        this.#reconnect(Math.min(2 * againMs, RECONNECT_MS_MAX), againMs),
      )
    }, delayMs)
    this.#reconnecting.unref()
  }

  async #withinTime<T>(client: StateClient, work: (client: StateClient) => Promise<T>): Promise<T> {
    const timer = setTimeout(() => client.destroy(), CALL_MS_MAX)
    try {
      return await work(client)
    } finally {
      clearTimeout(timer)
    }
  }
}
