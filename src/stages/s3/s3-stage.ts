/** A stage in a bucket. Other processes may read it, sweep it and remove files from it at any time. */

import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { LocalFiles, Stage, StageFile, StageObject, StageWriter, StoredContent } from '../../core/stage.ts'
import { Bucket, type BucketSettings } from './client.ts'
import { LocalCopies } from './local-copies.ts'
import { isStagePath, keyOf, pathOf } from './location.ts'
import { S3Writer } from './s3-writer.ts'
import { ScratchFolder } from './scratch-folder.ts'
import { UploadMemory } from './upload-memory.ts'

export interface S3StageOptions extends Omit<BucketSettings, 'idleMs'> {
  /** Absolute; for copies of files while they are loaded. */
  readonly cache: string
  /** Bound on what uploads hold in memory; two parts at least. */
  readonly memoryBytesMax: number
  /** Default: 8 MiB. Amazon S3 takes no less than 5 MiB. */
  readonly partBytes?: number
  /** A connection on which nothing moves for so long is given up. Milliseconds. */
  readonly idleMs?: number
  /** Bound on copies that wait for another attempt. */
  readonly keptCopiesBytesMax?: number
}

/** Large enough that requests do not count, small enough that several are on their way in little memory. */
const PART_BYTES = 8 << 20
/** What a merge that waits for a lock would else fetch again and again. */
const KEPT_COPIES_BYTES_MAX = 2 ** 30
/** A store that sends nothing for so long has lost the request. */
const IDLE_MS = 30_000
/** Of a file that is uploaded at a time: what is larger makes the upload wait for the disk. */
const READ_FILE_BYTES = 1 << 20
const READ_BYTES_MAX = 256 << 20

/** Asks nothing of the store yet. */
export function openS3Stage(options: S3StageOptions): Stage {
  return new S3Stage(options)
}

class S3Stage implements Stage {
  readonly shared = true
  readonly compression = 'full'
  readonly #prefix: { readonly prefix: string }
  readonly #bucket: Bucket
  readonly #scratch: ScratchFolder
  readonly #memory: UploadMemory
  readonly #copies: LocalCopies
  readonly #writers = new Set<S3Writer>()

  constructor(options: S3StageOptions) {
    const { cache, memoryBytesMax, partBytes = PART_BYTES, idleMs = IDLE_MS } = options
    const { keptCopiesBytesMax = KEPT_COPIES_BYTES_MAX } = options
    this.#prefix = { prefix: options.prefix }
    this.#bucket = new Bucket({ ...options, idleMs })
    this.#scratch = new ScratchFolder(cache)
    this.#memory = new UploadMemory(memoryBytesMax, partBytes)
    this.#copies = new LocalCopies({
      bucket: this.#bucket,
      idleMs,
      scratch: this.#scratch,
      keyOf: (path) => this.#key(path),
      keepBytesMax: keptCopiesBytesMax,
    })
  }

  async create(path: string, signal: AbortSignal): Promise<StageWriter> {
    const key = this.#key(path)
    signal.throwIfAborted()
    const ports = { bucket: this.#bucket, memory: this.#memory, scratch: this.#scratch }
    const writer = new S3Writer(ports, key, signal, () => {
      this.#writers.delete(writer)
    })
    this.#writers.add(writer)
    return writer
  }

  async adopt(path: string, file: string, signal: AbortSignal): Promise<StoredContent> {
    const writer = await this.create(path, signal)
    try {
      for await (const bytes of createReadStream(file, { highWaterMark: READ_FILE_BYTES })) {
        await writer.write(bytes as Buffer)
      }
      const content = await writer.commit()
      await rm(file, { force: true })
      return content
    } catch (error) {
      await writer.abort()
      throw error
    }
  }

  location(path: string): string {
    return this.#bucket.location(this.#key(path))
  }

  fetch(files: readonly StageFile[], signal: AbortSignal): Promise<LocalFiles> {
    return this.#copies.take(files, signal)
  }

  async read(path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const opened = await this.#bucket.open(this.#key(path), signal)
    if (opened === undefined || opened === 'changed') return undefined
    const { body, bytes } = opened
    try {
      invariant(bytes <= READ_BYTES_MAX, 'what is read at once is small')
      const content = Buffer.concat(await body.toArray({ signal }))
      if (content.byteLength === bytes) return content
      throw new Error(`the connection ended after ${content.byteLength} bytes`)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof PipelineError) throw error
      const location = this.location(path)
      throw new PipelineError('stage_unavailable', `Reading ${location}`, { cause: error, context: { location } })
    } finally {
      body.destroy()
    }
  }

  async stat(path: string): Promise<StageObject | undefined> {
    const found = await this.#bucket.stat(this.#key(path))
    return found === undefined ? undefined : { path, bytes: found.bytes, modifiedMs: found.modifiedMs }
  }

  async *list(prefix: string): AsyncIterable<StageObject> {
    const start = prefix.replace(/\/$/, '')
    invariant(start === '' || isStagePath(start), 'a stage is listed below whole parts of a path')
    for await (const { key, bytes, modifiedMs } of this.#bucket.list(this.#below(start))) {
      const path = pathOf(this.#prefix, key)
      if (path !== undefined) yield { path, bytes, modifiedMs }
    }
  }

  remove(path: string): Promise<void> {
    return this.#bucket.remove(this.#key(path))
  }

  async sweep(beforeMs: number): Promise<number> {
    let removed = 0
    for await (const upload of this.#bucket.unfinished(this.#below(''))) {
      const { key, uploadId, startedMs } = upload
      if (startedMs >= beforeMs || pathOf(this.#prefix, key) === undefined || this.#isMine(key)) continue
      // A transaction may be open for days, and its file be written to until a moment ago.
      const lastPartMs = await this.#bucket.lastPartMs(key, uploadId)
      if (lastPartMs !== undefined && lastPartMs >= beforeMs) continue
      await this.#bucket.abortUpload(key, uploadId)
      removed++
    }
    return removed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const aborted = await Promise.allSettled([...this.#writers].map((writer) => writer.abort()))
    await this.#scratch[Symbol.asyncDispose]()
    await this.#bucket.close()
    const failed = aborted.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #isMine(key: string): boolean {
    return [...this.#writers].some((writer) => writer.key === key)
  }

  #key(path: string): string {
    invariant(isStagePath(path), 'a stage path consists of encoded names between slashes')
    return keyOf(this.#prefix, path)
  }

  /** What all keys below a path begin with; '' where that is the whole bucket. */
  #below(path: string): string {
    if (path !== '') return `${this.#key(path)}/`
    return this.#prefix.prefix === '' ? '' : `${this.#prefix.prefix}/`
  }
}
