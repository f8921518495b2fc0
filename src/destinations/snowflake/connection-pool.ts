/**
 * Connections to one account, kept while they may be used again: a login costs half a second, and a session that
 * sleeps costs nothing. Nothing is sent on a connection that nobody uses, so that an idle sync sends no statement.
 */
import type { Clock } from '../../core/clock.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import { connectionSettings } from './connection-settings.ts'
import { type DriverConnection, type DriverError, loadDriver } from './driver.ts'
import type { ErrorPlace } from './error-rules.ts'
import { translateError } from './errors.ts'
import { formatQueryTag, type QueryTag } from './query-tag.ts'
import { type SessionLimits, SnowflakeSession } from './session.ts'
import { SESSION_PARAMETERS, sessionParameterStatement } from './session-parameters.ts'
import { executeStatement } from './statement.ts'

export interface SnowflakePoolOptions {
  readonly config: SnowflakeDestinationConfig
  /** Relative paths of keys and tokens start here. */
  readonly folder: string
  /** Id of this process's run, for the query tags. */
  readonly run: string
  readonly clock: Clock
}

export interface Upload {
  /** Makes the file ready, until disposed. */
  open(signal: AbortSignal): Promise<{ readonly localPath: string } & AsyncDisposable>
  /** That it has there. */
  readonly name: string
  /** `@"DB"."SCHEMA"."STAGE"/folder` */
  readonly stageUrl: string
}

interface IdleConnection {
  readonly connection: DriverConnection
  readonly sinceMs: number
}

/** A PUT is one stream to the object store, which no single one fills; more than this mostly wait for each other. */
const UPLOADS_MAX = 4
const IDLE_MAX = UPLOADS_MAX
/** The server forgets a session after four hours; one that is thrown away before is a login, not an error. */
const IDLE_MS_MAX = 3 * 3_600_000
const LOGIN_MS = 120_000
const SIGN_OF_LIFE_MS = 20_000
/** A file has at most some hundred MiB. A driver that hangs (it does, on some read errors) must not hold a sync. */
const UPLOAD_MS = 1_800_000
const CLOSE_MS = 5000

export class SnowflakePool implements AsyncDisposable {
  readonly #options: SnowflakePoolOptions
  readonly #idle: IdleConnection[] = []
  /** Given up while something was under way. The server still has their sessions until it can be told. */
  readonly #abandoned: DriverConnection[] = []
  #wasReached = false

  constructor(options: SnowflakePoolOptions) {
    this.#options = options
  }

  /**
   * A connection for the length of `work`. Errors of the driver and the server come translated; `doing` is the gerund
   * that the error begins with. Where the signal aborts, its reason is thrown once the statement has ended on the server.
   */
  async use<T>(
    doing: string,
    tag: QueryTag,
    signal: AbortSignal,
    work: (session: SnowflakeSession) => Promise<T>,
  ): Promise<T> {
    const session = await this.#open(doing, tag, signal)
    try {
      return await work(session)
    } catch (error) {
      if (session.isStop(error)) throw error
      throw translateError(error, doing, this.#place(tag))
    } finally {
      this.#giveBack(session)
    }
  }

  /** PUT, several at once. Sizes are those on the stage, in the order of `uploads`. */
  async put(doing: string, tag: QueryTag, uploads: readonly Upload[], signal: AbortSignal): Promise<readonly number[]> {
    const sizes: number[] = []
    const failure = new AbortController()
    const either = AbortSignal.any([signal, failure.signal])
    let next = 0
    const upload = async (session: SnowflakeSession) => {
      for (let index = next++; index < uploads.length; index = next++) {
        const upload = uploads[index] as Upload
        await using file = await upload.open(either)
        sizes[index] = (await session.put(file.localPath, upload.stageUrl)).bytes
      }
    }
    const lanes = Array.from({ length: Math.min(UPLOADS_MAX, uploads.length) }, async () => {
      try {
        await this.use(doing, tag, either, upload)
      } catch (error) {
        if (!failure.signal.aborted) failure.abort(error)
        throw error
      }
    })
    await Promise.allSettled(lanes)
    signal.throwIfAborted()
    failure.signal.throwIfAborted()
    return sizes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connections = [...this.#idle.splice(0).map((idle) => idle.connection), ...this.#abandoned.splice(0)]
    await Promise.all(connections.map(close))
  }

  async #open(doing: string, tag: QueryTag, signal: AbortSignal): Promise<SnowflakeSession> {
    signal.throwIfAborted()
    const { config, clock } = this.#options
    const reused = this.#takeIdle(clock.elapsedMs())
    const connect = () => this.#connect(tag, signal)
    const limits: SessionLimits = {
      statementMs: config.statementTimeoutMs,
      uploadMs: UPLOAD_MS,
      signOfLifeMs: SIGN_OF_LIFE_MS,
    }
    try {
      const connection = reused ?? (await connect())
      const run = this.#options.run
      return new SnowflakeSession({
        connection,
        isReused: reused !== undefined,
        reconnect: connect,
        tag: { run, ...tag },
        limits,
        signal,
      })
    } catch (error) {
      if (signal.aborted && error === signal.reason) throw error
      throw translateError(error, doing, this.#place(tag))
    }
  }

  #place({ table }: QueryTag): ErrorPlace {
    const { account, user, role, warehouse, database } = this.#options.config
    const wasReached = this.#wasReached
    return { account, user, role, warehouse, database, wasReached, ...(table === undefined ? {} : { table }) }
  }

  #takeIdle(nowMs: number): DriverConnection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.connection.isUp() && nowMs - idle.sinceMs < IDLE_MS_MAX) return idle.connection
      void close(idle.connection)
    }
    return undefined
  }

  async #connect(tag: QueryTag, signal: AbortSignal): Promise<DriverConnection> {
    const { config, folder } = this.#options
    const [driver, settings] = await Promise.all([loadDriver(), connectionSettings(config, folder)])
    const connection = driver.createConnection(settings)
    await login(connection, signal)
    this.#wasReached = true
    // The server is there again: it can be told which sessions nobody uses any more, so that their locks go.
    for (const abandoned of this.#abandoned.splice(0)) void close(abandoned)
    const request = {
      sql: sessionParameterStatement({
        ...SESSION_PARAMETERS,
        STATEMENT_QUEUED_TIMEOUT_IN_SECONDS: Math.ceil(config.queueTimeoutMs / 1000),
      }),
      binds: [],
      parameters: { QUERY_TAG: formatQueryTag({ ...tag, run: this.#options.run, phase: 'connect' }) },
    }
    const limits = { deadlineMs: LOGIN_MS, signOfLifeMs: SIGN_OF_LIFE_MS }
    try {
      await executeStatement(connection, request, limits, signal, () => undefined)
    } catch (error) {
      void close(connection)
      throw error
    }
    return connection
  }

  #giveBack(session: SnowflakeSession): void {
    const { connection } = session
    if (!session.isBroken && connection.isUp() && this.#idle.length < IDLE_MAX) {
      this.#idle.push({ connection, sinceMs: this.#options.clock.elapsedMs() })
      return
    }
    if (session.isBroken) this.#abandoned.push(connection)
    void close(connection)
  }
}

async function login(connection: DriverConnection, signal: AbortSignal): Promise<void> {
  const end = Promise.withResolvers<void>()
  const stop = () => end.reject(signal.reason)
  const timer = setTimeout(() => end.reject(new Error(`no answer to the login within ${LOGIN_MS / 1000} s`)), LOGIN_MS)
  signal.addEventListener('abort', stop, { once: true })
  connection.connect((error: DriverError | undefined) => {
    if (error) end.reject(error)
    else end.resolve()
  })
  try {
    await end.promise
  } catch (error) {
    void close(connection)
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

/** Tells the server that the session is over, for a bounded time; what it still had open is rolled back. */
async function close(connection: DriverConnection): Promise<void> {
  if (!connection.isUp()) return
  const closed = Promise.withResolvers<void>()
  const timer = setTimeout(closed.resolve, CLOSE_MS)
  connection.destroy(() => closed.resolve())
  await closed.promise
  clearTimeout(timer)
}
