/**
 * A log of bounded size: what is written goes to `path`; once that is full it becomes `path.1`, over the one before, and a new
 * `path` begins. So the latest output is always there, at least one part of it, at most two.
 */
import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'

/** Of each of the two parts: a day and more of a sync's lines. */
export const LOG_PART_BYTES_MAX = 2 << 20

export class LogFile implements Disposable {
  readonly #path: string
  readonly #partBytesMax: number
  #descriptor: number
  #bytes: number
  #unwritten = 0

  constructor(path: string, partBytesMax = LOG_PART_BYTES_MAX) {
    this.#path = path
    this.#partBytesMax = partBytesMax
    this.#descriptor = openSync(path, 'a')
    this.#bytes = statSync(path).size
  }

  /**
   * `text` ends at the end of a line, so that parts do. Where the disk is full the job goes on without its log: bytes that
   * could not be written are counted, and said as soon as there is room again.
   */
  write(text: string): void {
    try {
      if (this.#unwritten > 0) {
        this.#append(`… ${this.#unwritten} bytes of output are missing here: the disk was full\n`)
        this.#unwritten = 0
      }
      this.#append(text)
    } catch {
      this.#unwritten += Buffer.byteLength(text)
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }

  #append(text: string): void {
    const bytes = Buffer.from(text)
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#partBytesMax) this.#turn()
    for (let written = 0; written < bytes.length; ) {
      const more = writeSync(this.#descriptor, bytes, written)
      written += more
      this.#bytes += more
    }
  }

  #turn(): void {
    closeSync(this.#descriptor)
    renameSync(this.#path, turnedPath(this.#path))
    this.#descriptor = openSync(this.#path, 'a')
    this.#bytes = 0
  }
}

export function turnedPath(path: string): string {
  return `${path}.1`
}
