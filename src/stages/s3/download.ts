/** One object → one file of this machine, checked while its bytes pass by. A broken connection goes on where it was. */
import { type FileHandle, open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { isPipelineError, PipelineError } from '../../core/errors.ts'
import type { StageFile } from '../../core/stage.ts'
import { stageFileError } from '../../core/stage-file-error.ts'
import type { Bucket } from './client.ts'
import { cacheError } from './errors.ts'

const ATTEMPTS_MAX = 6
const FIRST_DELAY_MS = 100

export interface DownloadPorts {
  readonly bucket: Bucket
  /** A connection on which nothing comes for so long is given up. Milliseconds. */
  readonly idleMs: number
}

interface Progress {
  offset: number
  crc32: number
  etag: string
}

const NOTHING: Progress = { offset: 0, crc32: 0, etag: '' }

/**
 * Writes the object to `target`, which is made. Throws `stage_file_missing`, or `stage_file_damaged` where size or checksum
 * are not those of `file`.
 */
export async function download(
  { bucket, idleMs }: DownloadPorts,
  key: string,
  file: StageFile,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const handle = await open(target, 'wx').catch((error: unknown) => {
    throw cacheError(error, `Creating ${target}`, target)
  })
  try {
    let progress = { ...NOTHING }
    let doubted = false
    for (let failures = 0; ; ) {
      try {
        await readOn(bucket, key, file, handle, target, progress, idleMs, signal)
        if (matches(file, progress)) return
        // Once more from the beginning: the bytes may have been changed on their way.
        if (doubted) throw stageFileError('stage_file_damaged', file, new Error(difference(file, progress)))
        doubted = true
        progress = { ...NOTHING }
      } catch (error) {
        signal.throwIfAborted()
        if (!isPipelineError(error, 'stage_unavailable') || ++failures === ATTEMPTS_MAX) throw error
        await delay(FIRST_DELAY_MS * 2 ** (failures - 1) * (0.5 + Math.random() / 2), undefined, { signal })
      }
    }
  } finally {
    await handle.close()
  }
}

/** Until the end of the object, or of the connection. */
async function readOn(
  bucket: Bucket,
  key: string,
  file: StageFile,
  handle: FileHandle,
  target: string,
  progress: Progress,
  idleMs: number,
  signal: AbortSignal,
): Promise<void> {
  const opened = await bucket.open(key, signal, progress.offset === 0 ? undefined : progress)
  if (opened === undefined) throw stageFileError('stage_file_missing', file, undefined)
  if (opened === 'changed') {
    throw stageFileError('stage_file_damaged', file, new Error('it was replaced while it was read'))
  }
  const { body } = opened
  if (opened.bytes !== file.bytes) {
    body.destroy()
    throw stageFileError('stage_file_damaged', file, new Error(sizeDifference(file, opened.bytes)))
  }
  progress.etag = opened.etag
  const stop = () => body.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  idleGuard(body, idleMs)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      await writeAll(handle, chunk, progress.offset, target)
      progress.offset += chunk.byteLength
      progress.crc32 = crc32(chunk, progress.crc32)
    }
    if (progress.offset < file.bytes) throw new Error(`the connection ended after ${progress.offset} bytes`)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PipelineError) throw error
    throw new PipelineError('stage_unavailable', `Reading ${bucket.location(key)}`, {
      cause: error,
      context: { location: bucket.location(key), bytes: progress.offset },
    })
  } finally {
    signal.removeEventListener('abort', stop)
    body.destroy()
  }
}

function idleGuard(body: object, idleMs: number): void {
  const message = body as Partial<IncomingMessage>
  message.setTimeout?.(idleMs, () => {
    message.destroy?.(new Error(`nothing came for ${idleMs} ms`))
  })
}

async function writeAll(handle: FileHandle, bytes: Buffer, offset: number, target: string): Promise<void> {
  try {
    for (let written = 0; written < bytes.byteLength; ) {
      written += (await handle.write(bytes, written, bytes.byteLength - written, offset + written)).bytesWritten
    }
  } catch (error) {
    throw cacheError(error, `Writing ${target}`, target)
  }
}

function matches(file: StageFile, progress: Progress): boolean {
  return file.checksum === undefined || file.checksum === checksumOf(progress)
}

function difference(file: StageFile, progress: Progress): string {
  return `its checksum is ${checksumOf(progress)}, and ${file.checksum} was written`
}

function sizeDifference(file: StageFile, bytes: number): string {
  return `it has ${bytes} bytes, and ${file.bytes} were written`
}

function checksumOf(progress: Progress): string {
  return formatChecksum(progress.crc32)
}

/** As the ledger records it. */
export function formatChecksum(crc: number): string {
  return `crc32:${crc.toString(16).padStart(8, '0')}`
}
