/**
 * One walsender connection from START_REPLICATION on: CopyData in, standby status updates out.
 *
 *   server: 'd' 'w' dataStart walEnd sendTime, message of the plugin      client: 'd' 'r' written flushed applied time
 *           'd' 'k' walEnd sendTime reply-now?                                    reply-now?
 *
 * Bytes are read ahead up to a bound; beyond it the socket is paused, and TCP stops the server. Status updates go out by a
 * timer whether anybody reads or not: a paused socket sees no question of the server, which after `wal_sender_timeout`
 * would take us for dead.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { PipelineError } from '../../core/errors.ts'
import { connect, type PostgresClient, type TakenSocket } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { translateError } from './errors.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import { MessageFrames } from './message-frames.ts'
import { timestampOf } from './pgoutput.ts'
import { releaseBytes } from './plain-socket.ts'
import { quoteIdentifier, quoteLiteral } from './sql-text.ts'
import { readSystem, type SystemIdentity } from './system-identity.ts'

export interface ReplicationOptions {
  readonly settings: ConnectionSettings
  readonly slot: string
  readonly publications: readonly string[]
  /** The server that is meant, as far as that is known. */
  readonly identity?: SystemIdentity | undefined
  /** Commits at or after it are sent. */
  readonly fromLsn: bigint
  /** Values in their binary form, where the type has one. */
  readonly binary: boolean
  /** Large transactions are sent before they commit. */
  readonly streaming: boolean
  /** A warning of the server. What it throws ends the stream. */
  readonly onWarning: (sqlState: string, message: string) => void
}

/** First byte of CopyData from the server. */
export const COPY_DATA = { walData: 0x77, keepAlive: 0x6b } as const
/** Bytes before the plugin's message in CopyData with WAL. */
export const WAL_DATA_HEADER_BYTES = 25

const TYPE = { copyBoth: 0x57, copyData: 0x64, error: 0x45, notice: 0x4e, parameter: 0x53 } as const

// Enough that the socket never runs dry while a batch is encoded, little enough not to count.
const READ_AHEAD_BYTES = 1024 * 1024
// The server writes each change by itself. A reader that is quicker gets them one by one, which costs both sides a system
// call and a wake-up each (measured with 180-byte rows: 2.9 µs of our CPU a change, 1.8 µs with this).
const SMALL_BURST_BYTES = 16 * 1024
const GATHER_MS = 1
const STATUS_EVERY_MS_MAX = 10_000
const STATUS_EVERY_MS_MIN = 50
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])
const GOODBYE_MS = 1_000
/** Status updates in a row that ask for an answer and get none, while we listen: then the server is gone. */
const UNANSWERED_MAX = 30

export class ReplicationConnection {
  readonly #client: PostgresClient
  readonly #options: ReplicationOptions
  readonly #frames = new MessageFrames(releaseBytes)
  readonly #timer: NodeJS.Timeout
  #socket: TakenSocket | undefined
  #started = false
  #paused = false
  #gathering = false
  #burstBytes = 0
  #closed = false
  #failure: Error | undefined
  #woken = false
  #wake: (() => void) | undefined
  #unanswered = 0
  #writtenLsn = 0n
  #confirmedLsn = 0n

  private constructor(client: PostgresClient, options: ReplicationOptions, statusEveryMs: number) {
    this.#client = client
    this.#options = options
    this.#timer = setInterval(() => this.#statusByTimer(), statusEveryMs)
    client.onLost((error) => this.#fail(error))
  }

  /** Resolves when the server has begun to send. */
  static async open(options: ReplicationOptions, signal: AbortSignal): Promise<ReplicationConnection> {
    const client = await connect(options.settings, { replication: true, purpose: 'stream' }, signal)
    let connection: ReplicationConnection | undefined
    try {
      if (options.identity !== undefined) requireSame(options, options.identity, await readSystem(client, signal))
      const [row] = await client.query<{ timeout: number; holder: number | null; confirmed: string | null }>(
        `SELECT setting::int AS timeout, s.active_pid AS holder, s.confirmed_flush_lsn AS confirmed
         FROM pg_settings LEFT JOIN pg_replication_slots s ON s.slot_name = ${quoteLiteral(options.slot)}
         WHERE name = 'wal_sender_timeout'`,
      )
      // It may confirm once more and be gone a moment later: what it confirms would be passed over without a word.
      if (row?.holder != null) throw heldBy(options, row.holder)
      const confirmed = row?.confirmed == null ? 0n : parseLsn(row.confirmed)
      if (confirmed > options.fromLsn) throw movedOn(options, confirmed)
      const timeoutMs = row?.timeout ?? 0
      const everyMs = timeoutMs === 0 ? STATUS_EVERY_MS_MAX : Math.min(STATUS_EVERY_MS_MAX, timeoutMs / 3)
      connection = new ReplicationConnection(client, options, Math.max(STATUS_EVERY_MS_MIN, everyMs))
      await connection.#start(signal)
      return connection
    } catch (error) {
      if (connection === undefined) client.destroy()
      else connection.destroy()
      throw error
    }
  }

  /** The CopyData body that `next` found, in place. */
  get buffer(): Buffer {
    return this.#frames.buffer
  }

  get start(): number {
    return this.#frames.start
  }

  get end(): number {
    return this.#frames.end
  }

  /** Moves to the next CopyData that has been received whole. False: `wait` for more. */
  next(): boolean {
    while (this.#frames.next()) {
      if (this.#frames.type === TYPE.copyData) return true
      this.#takeOther()
      if (this.#failure !== undefined) return false
    }
    return false
  }

  /** Until something was received, `wake` was called, or the time has passed. Throws what ended the connection. */
  async wait(delayMs: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
    this.#resume()
    if (this.#woken) {
      this.#woken = false
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    this.#wake = wake
    const timer = delayMs === undefined ? undefined : setTimeout(wake, delayMs)
    signal.addEventListener('abort', wake, { once: true })
    await promise
    this.#wake = undefined
    this.#woken = false
    clearTimeout(timer)
    signal.removeEventListener('abort', wake)
    signal.throwIfAborted()
  }

  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  /** The log has been received up to here. */
  received(lsn: bigint): void {
    if (lsn > this.#writtenLsn) this.#writtenLsn = lsn
  }

  /** The server may forget everything before it. */
  confirm(lsn: bigint): void {
    if (lsn > this.#confirmedLsn) this.#confirmedLsn = lsn
    this.received(lsn)
    this.sendStatus(false)
  }

  /** `replyNow`: the server answers at once with how far it has read the log. */
  sendStatus(replyNow: boolean): void {
    if (!this.#started || this.#closed || this.#failure !== undefined) return
    const message = Buffer.alloc(39)
    message.writeUInt8(TYPE.copyData, 0)
    message.writeUInt32BE(38, 1)
    message.writeUInt8(0x72, 5) // r
    message.writeBigUInt64BE(this.#writtenLsn, 6)
    message.writeBigUInt64BE(this.#confirmedLsn, 14)
    message.writeBigUInt64BE(this.#confirmedLsn, 22)
    message.writeBigInt64BE(timestampOf(Date.now()), 30)
    message.writeUInt8(replyNow ? 1 : 0, 38)
    this.#socket?.write(message)
  }

  /**
   * Says what is confirmed and goodbye. When it resolves the slot is free, unless the server was in the middle of a large
   * transaction: then it notices later.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.sendStatus(false)
    this.#closed = true
    clearInterval(this.#timer)
    if (this.#socket !== undefined && this.#failure === undefined) {
      this.#socket.write(TERMINATE)
      this.#socket.resume()
      const grace = new AbortController()
      const late = delay(GOODBYE_MS, undefined, { signal: grace.signal }).catch(() => undefined)
      await Promise.race([this.#socket.finished.catch(() => undefined), late])
      grace.abort()
    }
    await this.#client.close()
  }

  /** Cuts the connection. The server frees the slot when it notices. */
  destroy(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#client.destroy()
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { slot, publications, fromLsn, binary, streaming } = this.#options
    const names = publications.map(quoteIdentifier).join(',')
    const on = (option: boolean): string => (option ? "'on'" : "'off'")
    const options = `proto_version '2', publication_names ${plainLiteral(names)}, binary ${on(binary)}, streaming ${on(streaming)}, messages 'true'`
    const sql = `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${formatLsn(fromLsn)} (${options})`
    this.#socket = this.#client.takeSocket(sql, 'kept', (bytes) => this.#receive(bytes))
    // Its end reaches us as bytes, or as the loss of the connection.
    this.#socket.finished.catch((error: unknown) =>
      this.#fail(error instanceof Error ? error : new Error(String(error))),
    )
    while (!this.#started) {
      if (this.#frames.next()) {
        if (this.#frames.type === TYPE.copyBoth) this.#started = true
        else this.#takeOther()
      } else {
        await this.wait(undefined, signal)
      }
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#closed) return
    this.#unanswered = 0
    this.#frames.push(bytes)
    if (!this.#paused && this.#frames.queuedBytes > READ_AHEAD_BYTES) this.#pause()
    // One reading of the socket may give many chunks: with TLS one for each record.
    if (this.#burstBytes === 0) setImmediate(() => this.#endBurst())
    this.#burstBytes += bytes.length
  }

  #endBurst(): void {
    if (!this.#paused && this.#burstBytes < SMALL_BURST_BYTES) this.#gather()
    this.#burstBytes = 0
    this.wake()
  }

  #pause(): void {
    this.#paused = true
    this.#socket?.pause()
  }

  #resume(): void {
    if (!this.#paused || this.#gathering) return
    this.#paused = false
    this.#socket?.resume()
  }

  /** Lets a little come together, so that both sides are not woken for each message. */
  #gather(): void {
    this.#pause()
    this.#gathering = true
    setTimeout(() => {
      this.#gathering = false
      if (this.#frames.queuedBytes <= READ_AHEAD_BYTES) this.#resume()
    }, GATHER_MS)
  }

  /** Whatever is no CopyData. */
  #takeOther(): void {
    const { type, buffer, start, end } = this.#frames
    if (type === TYPE.parameter) return
    if (type === TYPE.notice) {
      const { code, message } = readServerError(buffer, start, end)
      this.#options.onWarning(code, message)
      return
    }
    if (type === TYPE.error) {
      // It says more than the loss of the connection that follows, and may be read only after it.
      this.#failure = undefined
      this.#fail(translateError(readServerError(buffer, start, end), this.#doing(), this.#options.settings))
      return
    }
    // CopyDone or CommandComplete: the server is shutting down.
    this.#fail(
      new PipelineError('source_connection_lost', this.#doing(), {
        cause: new Error('the server has ended the stream'),
      }),
    )
  }

  #doing(): string {
    return `Reading slot ${this.#options.slot}`
  }

  #statusByTimer(): void {
    if (!this.#started || this.#failure !== undefined) return
    if (!this.#paused && ++this.#unanswered > UNANSWERED_MAX) {
      this.#fail(
        new PipelineError('source_connection_lost', this.#doing(), { cause: new Error('the server does not answer') }),
      )
      return
    }
    this.sendStatus(this.#unanswered > 1)
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined || this.#closed) return
    this.#failure = error
    clearInterval(this.#timer)
    this.wake()
  }
}

/** The server would start where the slot stands, and say nothing about what lies before. */
function heldBy({ slot }: ReplicationOptions, pid: number): PipelineError {
  return new PipelineError('source_slot_in_use', `Reading slot ${slot}`, {
    cause: new Error(`process ${pid} reads it`),
    hint: `If that is no other sync that should go on: SELECT pg_terminate_backend(${pid})`,
    context: { slot, pid },
  })
}

/** After a failover the same address leads to another server, whose log goes on differently from some place on. */
function requireSame({ slot }: ReplicationOptions, before: SystemIdentity, now: SystemIdentity): void {
  if (now.system === before.system && now.timeline === before.timeline) return
  const what = now.system === before.system ? 'timeline' : 'system'
  throw new PipelineError('source_moved', `Reading slot ${slot}`, {
    cause: new Error(`another server took over: ${what} ${now[what]}, not ${before[what]}`),
    hint: 'The next start finds out what still holds',
    context: { slot },
  })
}

function movedOn({ slot, fromLsn }: ReplicationOptions, confirmed: bigint): PipelineError {
  return new PipelineError('source_gap', `Reading slot ${slot} from ${formatLsn(fromLsn)}`, {
    cause: new Error(`it has been moved on to ${formatLsn(confirmed)}, so the changes between the two are gone`),
    hint: 'Something else has read or advanced the slot. Read the tables again: simplyload table resync',
    context: { slot },
  })
}

/** The grammar of replication commands knows no E'' strings, and takes backslashes as they are. */
function plainLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** An ErrorResponse or NoticeResponse as `pg` would hand it over. */
function readServerError(buffer: Buffer, start: number, end: number): Error & { readonly code: string } {
  const fields = new Map<string, string>()
  for (let at = start; at < end && buffer[at] !== 0; ) {
    const to = buffer.indexOf(0, at + 1)
    if (to < 0 || to >= end) break
    fields.set(String.fromCharCode(buffer[at] ?? 0), buffer.toString('utf8', at + 1, to))
    at = to + 1
  }
  return Object.assign(new Error(fields.get('M') ?? 'the server reports an error without a message'), {
    code: fields.get('C') ?? 'XX000',
    severity: fields.get('S') ?? 'ERROR',
  })
}
