/**
 * The bytes of one part before it is sent. Small files stay in a small buffer, larger ones get the buffer of a whole part;
 * where the memory of the stage has no room (a transaction that writes to a thousand tables at once) they go to a file.
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { invariant } from '../../core/invariant.ts'
import { cacheError } from './errors.ts'
import type { ScratchFolder } from './scratch-folder.ts'
import type { UploadMemory } from './upload-memory.ts'

const SMALL_BYTES = [64 << 10, 1 << 20] as const

export interface TakenPart {
  readonly bytes: Buffer
  /** The request is over: the memory may be used again. */
  done(): void
}

export class PartBuffer {
  readonly #memory: UploadMemory
  readonly #scratch: ScratchFolder
  #partBytes: number
  #length = 0
  #buffer: Buffer | undefined
  #spool: { readonly path: string; readonly handle: FileHandle } | undefined

  constructor(memory: UploadMemory, scratch: ScratchFolder) {
    this.#memory = memory
    this.#scratch = scratch
    this.#partBytes = memory.partBytes
  }

  get length(): number {
    return this.#length
  }

  get isFull(): boolean {
    return this.#length === this.#partBytes
  }

  /** Of the part that comes next. */
  set partBytes(bytes: number) {
    invariant(this.#length === 0, 'a part that has begun keeps its size')
    this.#partBytes = bytes
  }

  /** Copies what has room and returns how many bytes that was. */
  async append(bytes: Uint8Array): Promise<number> {
    const taken = bytes.subarray(0, this.#partBytes - this.#length)
    const needed = this.#length + taken.byteLength
    if (this.#spool === undefined && !this.#grow(needed)) await this.#spill()
    if (this.#spool !== undefined) await this.#writeSpool(taken)
    else this.#buffer?.set(taken, this.#length)
    this.#length = needed
    return taken.byteLength
  }

  /** Takes the part out; the next one begins empty. The caller has claimed the memory for it. */
  async take(): Promise<TakenPart> {
    const length = this.#length
    const buffer = this.#spool === undefined ? this.#buffer : await this.#readSpool()
    if (this.#spool === undefined && buffer !== undefined) this.#memory.release(buffer.byteLength)
    await this.#closeSpool()
    this.#buffer = undefined
    this.#length = 0
    return {
      bytes: buffer?.subarray(0, length) ?? Buffer.alloc(0),
      done: () => {
        if (buffer !== undefined) this.#memory.recycle(buffer)
      },
    }
  }

  async discard(): Promise<void> {
    if (this.#buffer !== undefined) {
      this.#memory.release(this.#buffer.byteLength)
      this.#memory.recycle(this.#buffer)
    }
    this.#buffer = undefined
    this.#length = 0
    await this.#closeSpool()
  }

  /** False where there is no memory for it. */
  #grow(needed: number): boolean {
    const before = this.#buffer
    if (before !== undefined && before.byteLength >= needed) return true
    const size = SMALL_BYTES.find((small) => small >= needed && small < this.#partBytes) ?? this.#partBytes
    const grown = this.#memory.takeBuffer(size)
    if (grown === undefined) return false
    if (before !== undefined) {
      grown.set(before.subarray(0, this.#length))
      this.#memory.release(before.byteLength)
    }
    this.#buffer = grown
    return true
  }

  async #spill(): Promise<void> {
    const path = await this.#scratch.newPath('part')
    try {
      this.#spool = { path, handle: await open(path, 'wx+') }
    } catch (error) {
      throw cacheError(error, `Creating ${path}`, path)
    }
    const before = this.#buffer
    if (before === undefined) return
    const held = this.#length
    this.#length = 0
    await this.#writeSpool(before.subarray(0, held))
    this.#length = held
    this.#buffer = undefined
    this.#memory.release(before.byteLength)
    this.#memory.recycle(before)
  }

  async #writeSpool(bytes: Uint8Array): Promise<void> {
    invariant(this.#spool !== undefined, 'a file is open')
    const { handle, path } = this.#spool
    try {
      for (let written = 0; written < bytes.byteLength; ) {
        const left = bytes.byteLength - written
        written += (await handle.write(bytes, written, left, this.#length + written)).bytesWritten
      }
    } catch (error) {
      throw cacheError(error, `Writing ${path}`, path)
    }
  }

  async #readSpool(): Promise<Buffer> {
    invariant(this.#spool !== undefined, 'a file is open')
    const { handle, path } = this.#spool
    const buffer = this.#memory.claimedBuffer(this.#length)
    try {
      for (let read = 0; read < this.#length; ) {
        const { bytesRead } = await handle.read(buffer, read, this.#length - read, read)
        if (bytesRead === 0) throw new Error(`it ends after ${read} bytes`)
        read += bytesRead
      }
      return buffer
    } catch (error) {
      throw cacheError(error, `Reading ${path}`, path)
    }
  }

  async #closeSpool(): Promise<void> {
    const spool = this.#spool
    this.#spool = undefined
    if (spool === undefined) return
    await spool.handle.close()
    await rm(spool.path, { force: true })
  }
}
