/**
 * One stage file being written: `open → write… → commit`, or `→ abort` at any time.
 *
 * Bytes go to `<path>.partial-<pid>-<random>` in the same folder; `commit` makes them durable, then gives them their
 * name, then makes the name durable. So under its path a file is whole, also after a crash or a loss of power.
 *
 * Small writes are gathered in a buffer. While a full one is on its way to the disk the next is filled, so a writer
 * holds at most two, and an error of the disk is thrown by the next `write` or by `commit`.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { invariant } from '../../core/invariant.ts'
import type { StageWriter, StoredContent } from '../../core/stage.ts'
import { stageError } from './errors.ts'
import { makeFolder, syncFolder } from './folder.ts'

// 256 KiB to 4 MiB measured the same; below, the cost of each call to the operating system shows.
const BUFFER_BYTES = 1 << 20

const MAKE_FOLDER_ATTEMPTS_MAX = 10

/** Buffers that no file is using: made anew for every file they would be a tenth of a snapshot's garbage. */
const spare: Buffer[] = []
const SPARE_MAX = 4

function giveBuffer(buffer: Buffer): void {
  if (spare.length < SPARE_MAX) spare.push(buffer)
}

export class LocalWriter implements StageWriter {
  /** Where the bytes are until `commit`. */
  readonly partialPath: string
  readonly #path: string
  readonly #handle: FileHandle
  readonly #signal: AbortSignal
  readonly #ended: () => void
  #state: 'open' | 'committed' | 'aborted' | 'failed' = 'open'
  #renamed = false
  #bytes = 0
  #buffer: Buffer | undefined
  #filled = 0
  #inFlight: Promise<void> = Promise.resolve()

  private constructor(path: string, partialPath: string, handle: FileHandle, signal: AbortSignal, ended: () => void) {
    this.#path = path
    this.partialPath = partialPath
    this.#handle = handle
    this.#signal = signal
    this.#ended = ended
  }

  /** `path` is absolute. `ended` is called once the partial file is gone. */
  static async open(path: string, signal: AbortSignal, ended: () => void): Promise<LocalWriter> {
    const partialPath = `${path}.partial-${process.pid}-${randomBytes(6).toString('hex')}`
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        await makeFolder(dirname(path))
        return new LocalWriter(path, partialPath, await open(partialPath, 'wx'), signal, ended)
      } catch (error) {
        // Retention removes folders as they become empty, perhaps between our two calls.
        const vanished = error instanceof Error && 'code' in error && error.code === 'ENOENT'
        if (!vanished || attempt === MAKE_FOLDER_ATTEMPTS_MAX) throw stageError(error, `Creating ${path}`, path)
      }
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    invariant(this.#state === 'open', 'a stage file is written only while it is open')
    this.#signal.throwIfAborted()
    try {
      await this.#append(bytes)
    } catch (error) {
      this.#state = 'failed'
      throw stageError(error, `Writing ${this.#path}`, this.#path)
    }
  }

  async commit(): Promise<StoredContent> {
    invariant(this.#state === 'open', 'a stage file is committed once, and only if all writes succeeded')
    try {
      await this.#flush()
      await this.#inFlight
      // Once fsync has failed the kernel may have dropped the pages: this file is never tried again.
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.partialPath, this.#path)
      this.#renamed = true
      await syncFolder(dirname(this.#path))
    } catch (error) {
      this.#state = 'failed'
      throw stageError(error, `Writing ${this.#path}`, this.#path)
    }
    this.#state = 'committed'
    this.#release()
    return { bytes: this.#bytes }
  }

  async abort(): Promise<void> {
    if (this.#state === 'committed' || this.#state === 'aborted') return
    this.#state = 'aborted'
    // Its error, if any, was thrown by `write` or no longer matters.
    await this.#inFlight.catch(() => undefined)
    this.#release()
    try {
      await this.#handle.close()
      await rm(this.#renamed ? this.#path : this.partialPath, { force: true })
    } catch (error) {
      throw stageError(error, `Removing ${this.partialPath}`, this.partialPath)
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.byteLength
    if (bytes.byteLength >= BUFFER_BYTES) {
      await this.#flush()
      await this.#inFlight
      // The caller may reuse its memory afterwards, so this one is waited for.
      return writeFully(this.#handle, bytes)
    }
    let taken = 0
    while (taken < bytes.byteLength) {
      this.#buffer ??= spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
      const part = bytes.subarray(taken, taken + BUFFER_BYTES - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.byteLength
      taken += part.byteLength
      if (this.#filled === BUFFER_BYTES) await this.#flush()
    }
  }

  /** Starts writing the buffer, once the one before has been written. */
  async #flush(): Promise<void> {
    await this.#inFlight
    const buffer = this.#buffer
    if (buffer === undefined || this.#filled === 0) return
    const full = buffer.subarray(0, this.#filled)
    this.#buffer = undefined
    this.#filled = 0
    this.#inFlight = writeFully(this.#handle, full).then(() => {
      giveBuffer(buffer)
    })
    // Whoever writes next hears of a failure; until then it must not count as unhandled.
    this.#inFlight.catch(() => undefined)
  }

  #release(): void {
    if (this.#buffer !== undefined) giveBuffer(this.#buffer)
    this.#buffer = undefined
    this.#ended()
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.byteLength) {
    const result = await handle.write(bytes, written, bytes.byteLength - written)
    written += result.bytesWritten
  }
}
