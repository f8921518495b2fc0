/**
 * The server's messages, cut out of the chunks of a socket: a type byte, an int32 length that counts itself, the body.
 *
 * A message that lies whole in a chunk is handed out in place. One that crosses chunks is copied together, and only then:
 * with chunks of 64 KiB and messages of 200 bytes that is one in three hundred.
 */
import { PipelineError } from '../../core/errors.ts'

const HEADER_BYTES = 5
/** A value holds at most 1 GiB less one byte (MaxAllocSize), and so does the message that it comes in. */
const FRAME_BYTES_MAX = 0x4000_0000 + 0x1_0000

export class MessageFrames {
  /** The message that `next` found. Valid until `next` is called again. */
  buffer: Buffer = EMPTY
  /** Type byte. */
  type = 0
  /** The body's range in `buffer`. */
  start = 0
  end = 0

  readonly #done: (chunk: Buffer) => void
  #chunks: Buffer[] = []
  #chunk: Buffer = EMPTY
  #offset = 0
  #queuedBytes = 0
  /** A message that crosses chunks, and how much of it is there. */
  #partial: Buffer | undefined
  #partialBytes = 0
  /** Header bytes at the end of a chunk, until the length is known. */
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0

  /** `done` is given each chunk that no message lies in any more. */
  constructor(done: (chunk: Buffer) => void = () => undefined) {
    this.#done = done
  }

  /** Bytes that were pushed and not looked at yet. */
  get queuedBytes(): number {
    return this.#queuedBytes + this.#chunk.length - this.#offset
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#queuedBytes += chunk.length
  }

  /** Moves to the next whole message. False: more bytes are needed. Throws `source_protocol` for an impossible length. */
  next(): boolean {
    for (;;) {
      const chunk = this.#chunk
      const offset = this.#offset
      const left = chunk.length - offset
      if (left === 0) {
        if (!this.#advance()) return false
        continue
      }
      if (this.#partial !== undefined || this.#headerBytes > 0) {
        if (this.#assemble()) return true
        continue
      }
      if (left >= HEADER_BYTES) {
        const end = offset + 1 + frameLength(chunk, offset)
        if (end <= chunk.length) {
          this.buffer = chunk
          this.type = chunk[offset] ?? 0
          this.start = offset + HEADER_BYTES
          this.end = end
          this.#offset = end
          return true
        }
        this.#begin(chunk, offset)
        continue
      }
      chunk.copy(this.#header, 0, offset)
      this.#headerBytes = left
      this.#offset = chunk.length
    }
  }

  /** Everything from the start of the present message on: what is handed back with the connection. */
  takeRest(): Buffer {
    const present = this.buffer.subarray(this.start - HEADER_BYTES, this.end)
    const chunk = this.#chunk.subarray(this.#offset)
    const rest = Buffer.concat([present, chunk, ...this.#chunks])
    this.#chunks = []
    this.#chunk = EMPTY
    this.#offset = 0
    this.#queuedBytes = 0
    return rest
  }

  #advance(): boolean {
    // Of the messages in it the last one was handed out, and is not valid any more.
    this.#done(this.#chunk)
    const chunk = this.#chunks.shift()
    if (chunk === undefined) {
      this.#chunk = EMPTY
      this.#offset = 0
      return false
    }
    this.#queuedBytes -= chunk.length
    this.#chunk = chunk
    this.#offset = 0
    return true
  }

  #begin(source: Buffer, offset: number): void {
    this.#partial = Buffer.allocUnsafe(1 + frameLength(source, offset))
    this.#partialBytes = 0
  }

  /** Takes what the present chunk has of a message that crosses chunks. True: it is whole. */
  #assemble(): boolean {
    if (this.#partial === undefined) {
      this.#headerBytes += this.#copyInto(this.#header, this.#headerBytes)
      if (this.#headerBytes < HEADER_BYTES) return false
      this.#begin(this.#header, 0)
      this.#header.copy(this.#partial ?? EMPTY)
      this.#partialBytes = HEADER_BYTES
      this.#headerBytes = 0
    }
    const partial = this.#partial ?? EMPTY
    this.#partialBytes += this.#copyInto(partial, this.#partialBytes)
    if (this.#partialBytes < partial.length) return false
    this.#partial = undefined
    this.buffer = partial
    this.type = partial[0] ?? 0
    this.start = HEADER_BYTES
    this.end = partial.length
    return true
  }

  #copyInto(target: Buffer, at: number): number {
    const copied = this.#chunk.copy(target, at, this.#offset)
    this.#offset += copied
    return copied
  }
}

const EMPTY = Buffer.alloc(0)

function frameLength(buffer: Buffer, offset: number): number {
  const length = buffer.readUInt32BE(offset + 1)
  if (length >= HEADER_BYTES - 1 && length <= FRAME_BYTES_MAX) return length
  throw new PipelineError('source_protocol', 'Reading a message of the server', {
    cause: new Error(`its length is given as ${length} bytes`),
    context: { type: String.fromCharCode(buffer[offset] ?? 0), length },
  })
}
