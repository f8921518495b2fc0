/**
 * The memory of all uploads of a stage, in two halves: buffers that are being filled, and parts on their way. A writer
 * that finds no room for a larger buffer goes to disk; a part that finds none waits, and so does whoever writes it.
 */
import { invariant } from '../../core/invariant.ts'

/** Requests on their way at once: beyond it a single connection to the network is not used better. */
const SENDS_MAX = 16

export class UploadMemory {
  readonly partBytes: number
  readonly #holdMax: number
  readonly #sendMax: number
  #held = 0
  #sending = 0
  #sends = 0
  readonly #waiting: (() => void)[] = []
  /** Whole buffers that nobody uses: made anew for every part they would be most of the garbage. */
  readonly #spare: Buffer[] = []

  /** `bytesMax`: bound on both halves together. */
  constructor(bytesMax: number, partBytes: number) {
    this.partBytes = partBytes
    this.#holdMax = Math.max(bytesMax / 2, partBytes)
    this.#sendMax = Math.max(bytesMax / 2, partBytes)
  }

  /** A buffer to fill, of the size asked for; undefined where there is no room. */
  takeBuffer(bytes: number): Buffer | undefined {
    if (this.#held + bytes > this.#holdMax) return undefined
    this.#held += bytes
    return (bytes === this.partBytes ? this.#spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes)
  }

  /** For a part that has been claimed. At least as long as asked for. */
  claimedBuffer(bytes: number): Buffer {
    const fitsSpare = bytes <= this.partBytes && 2 * bytes >= this.partBytes
    return (fitsSpare ? this.#spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes)
  }

  /** It is filled and counts among the parts on their way, or nobody needs it. */
  release(bytes: number): void {
    this.#held -= bytes
    invariant(this.#held >= 0, 'a buffer is released once')
  }

  /** Memory to be used again. */
  recycle(buffer: Buffer): void {
    if (buffer.byteLength === this.partBytes && this.#spare.length * this.partBytes < this.#sendMax) {
      this.#spare.push(buffer)
    }
  }

  /** Waits its turn to send. Call what it returns when the request is over. */
  async claim(bytes: number, signal: AbortSignal): Promise<() => void> {
    while (!this.#fits(bytes)) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.push(resolve)
      try {
        await promise
      } finally {
        signal.removeEventListener('abort', stop)
      }
    }
    signal.throwIfAborted()
    this.#sending += bytes
    this.#sends++
    return () => {
      this.#sending -= bytes
      this.#sends--
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  #fits(bytes: number): boolean {
    return this.#sends === 0 || (this.#sends < SENDS_MAX && this.#sending + bytes <= this.#sendMax)
  }
}
