/**
 * One stage file being written: `open → write… → commit`, or `→ abort` at any time.
 *
 * A file of one part is one request at its commit. A larger one is an upload in parts, several on their way while the next
 * is filled; under its path it is seen once it is completed, whole. So an unfinished file is never visible.
 *
 * The reply to the last request may be lost although the store has done its work. Each file carries a mark of its writer,
 * which tells whether the object is this one.
 */
import { randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isPipelineError, PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { StageWriter, StoredContent } from '../../core/stage.ts'
import type { Bucket, UploadedPart } from './client.ts'
import { crc32Combine } from './crc32-combine.ts'
import { formatChecksum } from './download.ts'
import { PartBuffer } from './part-buffer.ts'
import type { ScratchFolder } from './scratch-folder.ts'
import type { UploadMemory } from './upload-memory.ts'

export interface WriterPorts {
  readonly bucket: Bucket
  readonly memory: UploadMemory
  readonly scratch: ScratchFolder
}

/**
 * An upload has 10,000 parts at most, and some stores want all of one size. Equal ones do for 40 GB; only a file that is
 * larger than that gets larger ones, for another 300 GB.
 */
const EQUAL_PARTS = 5_000
const LARGE_PARTS_FACTOR = 8

export class S3Writer implements StageWriter {
  readonly key: string
  readonly #ports: WriterPorts
  readonly #signal: AbortSignal
  readonly #ended: () => void
  readonly #mark = randomUUID()
  readonly #part: PartBuffer
  readonly #sent: Promise<UploadedPart | undefined>[] = []
  #state: 'open' | 'committing' | 'committed' | 'aborted' | 'failed' = 'open'
  #uploadId: string | undefined
  #failure: { readonly error: unknown } | undefined
  #bytes = 0
  #crc32 = 0
  #mayBeVisible = false

  /** `ended` is called once nothing of the file is unfinished any more. */
  constructor(ports: WriterPorts, key: string, signal: AbortSignal, ended: () => void) {
    this.#ports = ports
    this.key = key
    // Of its own, since waiting and sending add listeners: a run has one signal for hundreds of files.
    this.#signal = AbortSignal.any([signal])
    this.#ended = ended
    this.#part = new PartBuffer(ports.memory, ports.scratch)
  }

  async write(bytes: Uint8Array): Promise<void> {
    invariant(this.#state === 'open', 'a stage file is written only while it is open')
    this.#signal.throwIfAborted()
    try {
      for (let taken = 0; taken < bytes.byteLength; ) {
        // A full part is sent when more follows, so that a file of exactly one part is one request.
        if (this.#part.isFull) await this.#send()
        taken += await this.#part.append(bytes.subarray(taken))
      }
      this.#bytes += bytes.byteLength
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async commit(): Promise<StoredContent> {
    invariant(this.#state === 'open', 'a stage file is committed once, and only if all writes succeeded')
    this.#state = 'committing'
    try {
      this.#signal.throwIfAborted()
      if (this.#uploadId === undefined) await this.#put()
      else await this.#complete(this.#uploadId)
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    this.#state = 'committed'
    this.#ended()
    return { bytes: this.#bytes, checksum: formatChecksum(this.#crc32) }
  }

  async abort(): Promise<void> {
    if (this.#state === 'committed' || this.#state === 'aborted') return
    this.#state = 'aborted'
    // Their errors were thrown by `write` or `commit`, or no longer matter.
    await Promise.all(this.#sent)
    await this.#part.discard()
    try {
      await this.#removeRemains()
    } catch (error) {
      // What is left is seen by nobody and found by the next sweep; whoever aborts has an error of his own to tell.
      if (!(error instanceof PipelineError)) throw error
    } finally {
      this.#ended()
    }
  }

  async #put(): Promise<void> {
    const { bucket, memory } = this.#ports
    const done = await memory.claim(this.#part.length, this.#signal)
    try {
      const part = await this.#part.take()
      this.#crc32 = crc32(part.bytes)
      this.#mayBeVisible = true
      await bucket.put(this.key, part.bytes, this.#crc32, this.#mark, this.#signal)
      part.done()
    } finally {
      done()
    }
  }

  /** Starts sending the part, once there is room for another one on its way. */
  async #send(): Promise<void> {
    const { bucket, memory } = this.#ports
    if (this.#failure !== undefined) throw this.#failure.error
    this.#uploadId ??= await bucket.beginUpload(this.key, this.#mark, this.#signal)
    const uploadId = this.#uploadId
    const done = await memory.claim(this.#part.length, this.#signal)
    const number = this.#sent.length + 1
    const part = await this.#part.take()
    this.#part.partBytes = memory.partBytes * (number < EQUAL_PARTS ? 1 : LARGE_PARTS_FACTOR)
    const checksum = crc32(part.bytes)
    this.#crc32 = crc32Combine(this.#crc32, checksum, part.bytes.byteLength)
    const sent = bucket.uploadPart(this.key, uploadId, number, part.bytes, checksum, this.#signal)
    this.#sent.push(
      sent
        .then((uploaded) => {
          part.done()
          return uploaded
        })
        .catch((error: unknown) => {
          this.#failure ??= { error }
          return undefined
        })
        .finally(done),
    )
  }

  async #complete(uploadId: string): Promise<void> {
    const { bucket } = this.#ports
    if (this.#part.length > 0) await this.#send()
    const parts = (await Promise.all(this.#sent)).filter((part) => part !== undefined)
    if (this.#failure !== undefined) throw this.#failure.error
    this.#mayBeVisible = true
    try {
      await bucket.completeUpload(this.key, uploadId, parts, this.#signal)
    } catch (error) {
      // Done, and the reply was lost: there is no such upload any more, or nobody answers.
      if (!isPipelineError(error, 'stage_unavailable') || !(await this.#isVisible())) throw error
    }
  }

  async #isVisible(): Promise<boolean> {
    try {
      return await this.#ports.bucket.isUploadedAs(this.key, this.#mark)
    } catch (error) {
      if (error instanceof PipelineError) return false
      throw error
    }
  }

  async #removeRemains(): Promise<void> {
    const { bucket } = this.#ports
    if (this.#uploadId !== undefined) await bucket.abortUpload(this.key, this.#uploadId)
    if (this.#mayBeVisible && (await bucket.isUploadedAs(this.key, this.#mark))) await bucket.remove(this.key)
  }
}
