/**
 * Rows of `COPY … TO STDOUT (FORMAT binary)` → batches, straight from the socket.
 *
 * Tuples are decoded where they lie in the chunks that the socket delivers. Pulling is the back-pressure: while a full
 * batch waits to be taken nothing is read, so at most two batches exist at a time besides those that the consumer holds.
 *
 * The binary format (PostgreSQL documentation, "COPY", "Binary Format"): a signature of 11 bytes, flags, the length of an
 * extension; per tuple an int16 field count and per field an int32 length with the value; at the end the count -1. The
 * server sends a message per tuple, the signature together with the first one.
 */
import { PipelineError } from '../../core/errors.ts'
import type { PostgresClient, TakenSocket } from './client.ts'
import { MessageFrames } from './message-frames.ts'

/** Takes tuples one by one and gives batches. */
export interface TupleBuilder<B> {
  /** That `take` would give. */
  readonly rows: number
  readonly bytes: number
  /** `offset`: of a complete tuple, its int16 field count first. Returns the offset behind it. */
  appendTuple(buffer: Uint8Array, offset: number): number
  /** Before the bytes of a buffer change: takes what it still needs of them. */
  decode(): void
  take(): B
}

export interface CopyLimits {
  readonly batchRowsMax: number
  readonly batchBytesMax: number
}

const COPY_DATA = 0x64 // d
// H CopyOutResponse, c CopyDone, and what the server may send at any time: N notice, S parameter, A notification.
const PASSED_OVER = new Set([0x48, 0x63, 0x4e, 0x53, 0x41])
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER_BYTES = SIGNATURE.length + 8
const TRAILER_COUNT = 0xffff

/**
 * Yields batches of at least one row. `skipRows`: leading rows to pass over, because they were yielded before the
 * connection broke. An early return or an abort cuts the connection; after a full read it can be used again.
 */
export async function* readCopy<B>(
  client: PostgresClient,
  sql: string,
  builder: TupleBuilder<B>,
  limits: CopyLimits,
  skipRows: number,
  signal: AbortSignal,
): AsyncGenerator<B, void, undefined> {
  signal.throwIfAborted()
  const receiver = new CopyReceiver(client, sql, builder, limits, skipRows)
  const stop = (): void => receiver.fail(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      const batch = await receiver.next()
      if (batch === undefined) return
      yield batch
    }
  } finally {
    signal.removeEventListener('abort', stop)
    receiver.end()
  }
}

class CopyReceiver<B> {
  readonly #client: PostgresClient
  readonly #builder: TupleBuilder<B>
  readonly #limits: CopyLimits
  readonly #frames = new MessageFrames()
  readonly #socket: TakenSocket
  readonly #ready: B[] = []
  #skipRows: number
  #started = false
  #paused = false
  #released = false
  #outcome: { readonly error: unknown } | 'finished' | undefined
  #wake: (() => void) | undefined

  constructor(client: PostgresClient, sql: string, builder: TupleBuilder<B>, limits: CopyLimits, skipRows: number) {
    this.#client = client
    this.#builder = builder
    this.#limits = limits
    this.#skipRows = skipRows
    // All tuples of a chunk are decoded before the next one is read.
    this.#socket = client.takeSocket(sql, 'lent', (bytes) => this.#receive(bytes))
    this.#socket.finished.then(
      () => this.#finish(),
      (error: unknown) => this.fail(error),
    )
  }

  /** Undefined: all rows have been taken. */
  async next(): Promise<B | undefined> {
    for (;;) {
      if (typeof this.#outcome === 'object') throw this.#outcome.error
      const batch = this.#ready.shift()
      if (batch !== undefined) {
        if (this.#ready.length === 0 && this.#paused) {
          this.#paused = false
          this.#socket.resume()
        }
        return batch
      }
      if (this.#outcome === 'finished') return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  fail(error: unknown): void {
    this.#outcome ??= { error }
    this.#wake?.()
  }

  /** Rows that nobody takes any more cannot be called back: the connection goes. */
  end(): void {
    if (this.#outcome !== 'finished') this.#client.destroy()
  }

  #finish(): void {
    if (this.#builder.rows > 0) this.#ready.push(this.#builder.take())
    this.#outcome ??= 'finished'
    this.#wake?.()
  }

  #receive(bytes: Buffer): void {
    if (this.#outcome !== undefined) return
    try {
      this.#frames.push(bytes)
      this.#decode()
      this.#builder.decode()
      if (this.#builder.rows > 0 && this.#builder.bytes >= this.#limits.batchBytesMax)
        this.#ready.push(this.#builder.take())
    } catch (error) {
      this.fail(error)
      return
    }
    if (this.#ready.length === 0) return
    this.#wake?.()
    if (this.#released) return
    this.#paused = true
    this.#socket.pause()
  }

  #decode(): void {
    const frames = this.#frames
    const builder = this.#builder
    const rowsMax = this.#limits.batchRowsMax
    while (frames.next()) {
      if (frames.type !== COPY_DATA) {
        if (PASSED_OVER.has(frames.type)) continue
        this.#released = true
        this.#socket.release(frames.takeRest())
        return
      }
      const start = this.#started ? frames.start : this.#start()
      if (start === frames.end) continue
      if (frames.buffer.readUInt16BE(start) === TRAILER_COUNT) continue
      if (this.#skipRows > 0) {
        this.#skipRows -= 1
        continue
      }
      if (builder.appendTuple(frames.buffer, start) !== frames.end) throw misaligned()
      if (builder.rows >= rowsMax) this.#ready.push(builder.take())
    }
  }

  /** Where the first tuple begins, behind the signature. */
  #start(): number {
    const { buffer, start, end } = this.#frames
    const signed = end - start >= HEADER_BYTES && buffer.subarray(start, start + SIGNATURE.length).equals(SIGNATURE)
    if (!signed || buffer.readUInt32BE(start + SIGNATURE.length) !== 0) {
      throw new PipelineError('source_protocol', 'Reading rows of COPY', {
        cause: new Error('they do not begin with the signature of the binary format'),
      })
    }
    this.#started = true
    return start + HEADER_BYTES + buffer.readUInt32BE(start + HEADER_BYTES - 4)
  }
}

function misaligned(): PipelineError {
  return new PipelineError('source_protocol', 'Reading rows of COPY', {
    cause: new Error('a message does not hold exactly one row'),
    hint: 'Connect to the server directly: something between changes its messages',
  })
}
