/**
 * A connection to PostgreSQL, ordinary or as a walsender, on the `pg` driver.
 *
 * `pg` opens connections, authenticates and runs catalog queries. Bulk data does not pass through it: its message
 * objects cost about 6 µs of CPU each. `takeSocket` sends one statement and hands every byte of the answer to the
 * caller, who gives the connection back with the first byte that does not concern it.
 */
import type { Socket } from 'node:net'
import { SESSION_SETTINGS } from '../../columnar/postgres-type.ts'
import type { WireRules } from '../../columnar/wire-column.ts'
import { PipelineError } from '../../core/errors.ts'
import { type ConnectionSettings, describeConnection } from './connection-settings.ts'
import { createDriver, type DriverClient, type DriverConnection, type Row } from './driver.ts'
import { sqlState, translateError } from './errors.ts'
import { giveBytes, lendBytes } from './plain-socket.ts'
import { quoteLiteral } from './sql-text.ts'
import { type ConnectionAttempt, connectionAttempts, noteWorking } from './tls.ts'

export interface ConnectOptions {
  /** A walsender of the database: takes replication commands and simple queries, no parameters. */
  readonly replication?: boolean
  /** Shown behind `application_name` in pg_stat_activity: `simplyload snapshot`. */
  readonly purpose?: string
}

/** A connection whose bytes go to somebody else for the length of one statement. */
export interface TakenSocket {
  /** Resolves when the statement is over and the connection can be used again; rejects with the server's error or the loss. */
  readonly finished: Promise<void>
  /** False: the socket's buffer is full, wait for `drained`. */
  write(bytes: Uint8Array): boolean
  drained(): Promise<void>
  /** Stops reading; the server's sending then comes to a halt. */
  pause(): void
  resume(): void
  /** Gives the connection back. `rest`: bytes received from the first message on that the caller leaves to the driver. */
  release(rest: Buffer): void
}

const CANCEL_GRACE_MS = 3_000
const CLOSE_GRACE_MS = 2_000
const VERSION_MIN = 140_000

// No time limit may end a session in which we hold a snapshot. `search_path` is empty so that names in values (regclass)
// are always qualified. With `row_security` off a policy that would hide rows is an error instead of lost rows.
const OWN_SETTINGS: Readonly<Record<string, string>> = {
  search_path: '',
  lc_monetary: 'C',
  row_security: 'off',
  synchronize_seqscans: 'off',
  jit: 'off', // compiling takes longer than any of our statements gains by it
  lock_timeout: '0',
  idle_session_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  transaction_timeout: '0', // 17 and later, hence the WHERE
}

function sessionSql(settings: ConnectionSettings): string {
  const values = { ...SESSION_SETTINGS, ...OWN_SETTINGS, statement_timeout: String(settings.statementTimeoutMs) }
  const rows = Object.entries(values).map(([name, value]) => `(${quoteLiteral(name)}, ${quoteLiteral(value)})`)
  return `SELECT pg_catalog.current_setting('server_version_num')::int AS version,
  pg_catalog.current_setting('server_encoding') AS encoding, pg_catalog.set_config(v.name, v.value, false) FROM (VALUES ${rows.join(', ')}) AS v(name, value)
WHERE pg_catalog.current_setting(v.name, true) IS NOT NULL`
}

/** Connects and prepares the session. Throws a PipelineError that says what is wrong and how to mend it. */
export async function connect(
  settings: ConnectionSettings,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<PostgresClient> {
  const attempts = await connectionAttempts(settings)
  let worst: PipelineError | undefined
  for (const attempt of attempts) {
    signal.throwIfAborted()
    try {
      const client = await connectOnce(settings, options, attempt, signal)
      if (worst !== undefined) noteWorking(settings, attempt)
      return client
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      if (worst === undefined || progress(error) > progress(worst)) worst = error
      // libpq goes on with the other form where the server or TLS refuses this one, not where nobody answers.
      const refused = error.code === 'source_tls' || error.code === 'source_authentication'
      const cut = attempt.tls !== undefined && error.code === 'source_connection_lost'
      if (!(refused || cut)) break
    }
  }
  throw worst
}

async function connectOnce(
  settings: ConnectionSettings,
  options: ConnectOptions,
  attempt: ConnectionAttempt,
  signal: AbortSignal,
): Promise<PostgresClient> {
  const driver = createDriver(settings, options.purpose, options.replication === true, attempt.tls)
  const client = new PostgresClient(driver, settings)
  const doing = `Connecting to ${describeConnection(settings)}`
  const stop = (): void => client.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await driver.connect()
    const [row] = await client.query<{ version: number; encoding: string }>(sessionSql(settings))
    client.serverVersion = row?.version ?? 0
    if (row?.encoding === 'SQL_ASCII') {
      // Else the server refuses the whole statement for one value that is no UTF-8.
      await client.query("SET client_encoding = 'SQL_ASCII'")
      client.wireRules = { ...client.wireRules, encoding: 'verify' }
    }
    if (client.serverVersion < VERSION_MIN) {
      throw new PipelineError('source_setting', doing, {
        cause: new Error(`the server is PostgreSQL ${Math.floor(client.serverVersion / 10_000)}`),
        hint: 'Upgrade it to PostgreSQL 14 or later',
      })
    }
    return client
  } catch (error) {
    client.destroy()
    signal.throwIfAborted()
    throw translateError(error, doing, settings)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Of two refusals the one that came further tells what is wrong: a wrong password, not the missing TLS after it; and a
 * connection that was cut, which time mends, not the TLS that the server does not have anyway.
 */
function progress(error: PipelineError): number {
  if (error.code === 'source_tls') return 0
  if (error.code === 'source_connection_lost') return 1
  return sqlState(error) === '28000' ? 2 : 3
}

/** Statements run one after the other, in the order of the calls. */
export class PostgresClient implements AsyncDisposable {
  readonly settings: ConnectionSettings
  /** As `server_version_num`: 180004. */
  serverVersion = 0
  /** For values that come over this connection. */
  wireRules: WireRules
  readonly #driver: DriverClient
  readonly #lossListeners = new Set<(error: Error) => void>()
  #tail: Promise<unknown> = Promise.resolve()
  #lost: Error | undefined
  #ended = false

  constructor(driver: DriverClient, settings: ConnectionSettings) {
    this.#driver = driver
    this.settings = settings
    this.wireRules = { encoding: 'trusted', limits: settings.limits }
    driver.on('error', (error) => this.#lose(error))
  }

  /** Process id of the server's backend. */
  get pid(): number {
    return this.#driver.processID ?? 0
  }

  get usable(): boolean {
    return this.#lost === undefined && !this.#ended
  }

  /** Why the connection is gone; undefined while it is good. */
  get lost(): Error | undefined {
    return this.#lost
  }

  /** Calls once, at once where the connection is already lost. Not called after `close`. Returns how to take it back. */
  onLost(listener: (error: Error) => void): () => void {
    if (this.#lost === undefined) this.#lossListeners.add(listener)
    else listener(this.#lost)
    return () => this.#lossListeners.delete(listener)
  }

  /** What other sessions NOTIFY on channels that this one listens to. */
  onNotification(listener: (channel: string, payload: string) => void): void {
    this.#driver.on('notification', ({ channel, payload }) => listener(channel, payload ?? ''))
  }

  /** Without values the simple protocol is used, which a walsender takes too. An abort cancels the statement at the server. */
  query<T = Row>(sql: string, values?: readonly unknown[], signal?: AbortSignal): Promise<readonly T[]> {
    return this.#inTurn(
      async () => {
        signal?.throwIfAborted()
        const running = values === undefined ? this.#driver.query(sql) : this.#driver.query(sql, [...values])
        const result = await this.#cancellable(running, signal)
        const last = Array.isArray(result) ? result.at(-1) : result
        return (last?.rows ?? []) as unknown as readonly T[]
      },
      sql,
      signal,
    )
  }

  /**
   * Sends `sql` as a simple query; all bytes of the answer go to `onBytes`. Statements before it must be finished.
   * `bytes`: whether they may be kept, or are valid only until `onBytes` returns, which saves much memory and time.
   */
  takeSocket(sql: string, bytes: 'kept' | 'lent', onBytes: (bytes: Buffer) => void): TakenSocket {
    const socket = this.#driver.connection.stream
    let driverListeners: ((bytes: Buffer) => void)[] | undefined
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let failure: Error | undefined
    this.#driver.query({
      submit: (connection: DriverConnection) => {
        driverListeners = socket.listeners('data') as ((bytes: Buffer) => void)[]
        socket.removeAllListeners('data')
        socket.on('data', onBytes)
        if (bytes === 'lent') lendBytes(socket)
        connection.query(sql)
      },
      handleError: (error: Error) => {
        // After an error of the server ReadyForQuery follows, but the driver tells it no more to this query.
        failure = error
        reject(translateError(this.#lost ?? error, firstWords(sql), this.settings, sql))
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => (failure === undefined ? resolve() : undefined),
      handleCopyData: () => undefined,
      handleRowDescription: () => undefined,
      handleDataRow: () => undefined,
      handleEmptyQuery: () => undefined,
    })
    this.#tail = promise.catch(() => undefined)
    return {
      finished: promise,
      write: (bytes) => socket.write(bytes),
      drained: () => this.#drained(socket),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      release: (rest) => {
        if (driverListeners === undefined) return
        const listeners = driverListeners
        driverListeners = undefined
        socket.removeListener('data', onBytes)
        giveBytes(socket)
        for (const listener of listeners) socket.on('data', listener)
        socket.resume()
        if (rest.length > 0) for (const listener of listeners) listener(rest)
      },
    }
  }

  /** Ends the session politely; forcibly after two seconds. Harmless when repeated. */
  async close(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#lossListeners.clear()
    const timer = setTimeout(() => this.#driver.connection.stream.destroy(), CLOSE_GRACE_MS)
    try {
      await this.#driver.end()
    } finally {
      clearTimeout(timer)
    }
  }

  /** Cuts the connection at once. The server notices when it next sends. */
  destroy(): void {
    this.#ended = true
    this.#lossListeners.clear()
    this.#driver.connection.stream.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #inTurn<T>(work: () => Promise<T>, sql: string, signal: AbortSignal | undefined): Promise<T> {
    const turn = this.#tail.then(work).catch((error: unknown) => {
      if (signal?.aborted === true && error === signal.reason) throw error
      throw translateError(
        this.#lost !== undefined && sqlState(error) === undefined ? this.#lost : error,
        firstWords(sql),
        this.settings,
        sql,
      )
    })
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  /** On abort the server is asked to stop; the session is cut where it does not. Then the signal's reason is thrown. */
  async #cancellable<T>(running: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return running
    let cancelling: Promise<void> | undefined
    const stop = (): void => {
      cancelling = this.#cancel()
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await running
    } catch (error) {
      if (cancelling === undefined) throw error
      throw signal.reason
    } finally {
      signal.removeEventListener('abort', stop)
      await cancelling
    }
  }

  async #cancel(): Promise<void> {
    const timer = setTimeout(() => this.destroy(), CANCEL_GRACE_MS)
    try {
      // By SQL and not by CancelRequest: that would need its own TLS handshake, this one is already written.
      await using other = await connect(this.settings, { purpose: 'cancel' }, AbortSignal.timeout(CANCEL_GRACE_MS))
      await other.query('SELECT pg_catalog.pg_cancel_backend($1)', [this.pid])
    } catch {
      // It cannot be asked (no free connection, the server is gone): the end of the session ends the statement.
      this.destroy()
    } finally {
      clearTimeout(timer)
    }
  }

  #drained(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined || socket.destroyed) return reject(this.#lost ?? new Error('Connection terminated'))
      const settle = (): void => {
        socket.removeListener('drain', settle)
        socket.removeListener('close', settle)
        if (socket.destroyed) reject(this.#lost ?? new Error('Connection terminated'))
        else resolve()
      }
      socket.on('drain', settle)
      socket.on('close', settle)
    })
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return
    const translated = translateError(error, `Talking to ${describeConnection(this.settings)}`, this.settings)
    this.#lost = translated
    if (this.#ended) return
    for (const listener of this.#lossListeners) listener(translated)
    this.#lossListeners.clear()
  }
}

/** The first words of a statement say what was done without showing constants. */
function firstWords(sql: string): string {
  const words = sql
    .trimStart()
    .slice(0, 60)
    .split(/[\s(]+/)
  return `Running ${words.slice(0, 2).join(' ')}`
}
