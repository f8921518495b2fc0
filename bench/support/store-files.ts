/**
 * Writes files into a store and reports how long it took: as our stage does, or with the SDK's own upload. Started by
 * `stage-s3.ts` as a process of its own; files that are written at the same time take their turns as in a sync.
 */
import { randomBytes } from 'node:crypto'
import { openS3Stage } from '../../src/stages/s3/s3-stage.ts'
import { peakRssMiB } from './peak-memory.ts'

export interface StoreRequest {
  readonly side: 'stage' | 'sdk'
  readonly endpoint: string
  /** Of the files, in bytes, in order. */
  readonly sizes: readonly number[]
  readonly filesAtOnce: number
  readonly cache: string
}

export interface StoreResult {
  readonly seconds: number
  readonly rssMiB: number
}

const KEYS = { accessKeyId: 'AKIABENCH', secretAccessKey: 'secret' }
const REGION = 'eu-central-1'
const MEMORY_BYTES_MAX = 128 << 20
const PART_BYTES = 8 << 20
/** What the Parquet encoder hands over at once, about. */
const WRITE_BYTES = 256 << 10

const request = JSON.parse(process.argv[2] ?? '') as StoreRequest
const write = request.side === 'stage' ? await throughStage() : await throughSdk()
// The first request loads the SDK.
await write('warm-up', 1 << 20)
const started = performance.now()
let next = 0
await Promise.all(
  Array.from({ length: request.filesAtOnce }, async () => {
    for (let index = next++; index < request.sizes.length; index = next++) {
      await write(`files/${index}`, request.sizes[index] ?? 0)
    }
  }),
)
const seconds = (performance.now() - started) / 1000
process.send?.({ seconds, rssMiB: Math.round(peakRssMiB()) } satisfies StoreResult)
process.disconnect()

async function throughStage(): Promise<(path: string, bytes: number) => Promise<void>> {
  const stage = openS3Stage({
    bucket: 'stage',
    prefix: 'bench',
    region: REGION,
    endpoint: request.endpoint,
    path_style: true,
    access_key_id: KEYS.accessKeyId,
    secret_access_key: KEYS.secretAccessKey,
    cache: request.cache,
    memoryBytesMax: MEMORY_BYTES_MAX,
    partBytes: PART_BYTES,
  })
  const noise = randomBytes(4 << 20)
  const never = new AbortController().signal
  return async (path, bytes) => {
    const writer = await stage.create(path, never)
    for (let written = 0; written < bytes; ) {
      const at = written % noise.byteLength
      const piece = noise.subarray(at, at + Math.min(WRITE_BYTES, bytes - written))
      await writer.write(piece)
      written += piece.byteLength
    }
    await writer.commit()
  }
}

/** With the whole file in memory, which spares it the reading. */
async function throughSdk(): Promise<(path: string, bytes: number) => Promise<void>> {
  const { S3Client } = await import('@aws-sdk/client-s3')
  const { Upload } = await import('@aws-sdk/lib-storage')
  const client = new S3Client({
    region: REGION,
    endpoint: request.endpoint,
    forcePathStyle: true,
    credentials: KEYS,
  })
  const noise = randomBytes(Math.max(1 << 20, ...request.sizes))
  return async (path, bytes) => {
    const params = { Bucket: 'stage', Key: `bench/${path}`, Body: noise.subarray(0, bytes) }
    await new Upload({ client, params, partSize: PART_BYTES }).done()
  }
}
