/**
 * The wire: the calls to one bucket that a stage needs. The SDK is loaded with the first call, so that commands which only
 * name a stage do not pay for it. It repeats what a moment mends; what is left is one of our errors.
 */
import type { Readable } from 'node:stream'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { type CallSubject, faultName, isUnexplained, s3Error } from './errors.ts'

export interface BucketSettings {
  readonly bucket: string
  readonly prefix: string
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
  readonly path_style: boolean
  readonly access_key_id?: string | undefined
  readonly secret_access_key?: string | undefined
  readonly session_token?: string | undefined
  readonly encryption?: 'sse-s3' | 'sse-kms' | undefined
  readonly kms_key?: string | undefined
  /** A connection on which nothing moves for so long is given up. Milliseconds. */
  readonly idleMs: number
}

export interface FoundObject {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface FoundUpload {
  readonly key: string
  readonly uploadId: string
  readonly startedMs: number
}

export interface UploadedPart {
  readonly number: number
  readonly etag: string
  /** Of its bytes. */
  readonly crc32: number
}

export interface OpenBody {
  readonly body: Readable
  /** Of the whole object. */
  readonly bytes: number
  readonly etag: string
}

const CONNECT_MS = 5_000
const ATTEMPTS_MAX = 5
/** Above what uploads and downloads do at once, so that a listing never waits behind them. */
const SOCKETS_MAX = 64
/** Tells our upload from any other one of the same key. */
const UPLOAD_MARK = 'simplyload-upload'

type Sdk = typeof import('@aws-sdk/client-s3')

interface Wire {
  readonly sdk: Sdk
  readonly client: S3Client
}

interface CallOptions {
  readonly abortSignal?: AbortSignal
}

export class Bucket {
  readonly #settings: BucketSettings
  #wire: Promise<Wire> | undefined

  constructor(settings: BucketSettings) {
    this.#settings = settings
  }

  /** `s3://bucket/key`. */
  location(key: string): string {
    return `s3://${this.#settings.bucket}/${key}`
  }

  /** `mark` is found again by `isUploadedAs`. */
  async put(key: string, body: Uint8Array, crc32: number, mark: string, signal: AbortSignal): Promise<void> {
    const content = { Body: body, ChecksumCRC32: base64(crc32), Metadata: { [UPLOAD_MARK]: mark } }
    await this.#call('s3:PutObject', key, 'Writing', signal, ({ sdk, client }, options) =>
      client.send(new sdk.PutObjectCommand({ ...this.#object(key), ...content, ...this.#encrypted() }), options),
    )
  }

  /** `mark` is found again by `isUploadedAs`. */
  async beginUpload(key: string, mark: string, signal: AbortSignal): Promise<string> {
    const { UploadId } = await this.#call('s3:PutObject', key, 'Writing', signal, ({ sdk, client }, options) =>
      client.send(
        new sdk.CreateMultipartUploadCommand({
          ...this.#object(key),
          ChecksumAlgorithm: 'CRC32',
          Metadata: { [UPLOAD_MARK]: mark },
          ...this.#encrypted(),
        }),
        options,
      ),
    )
    return required(UploadId, 'UploadId')
  }

  async uploadPart(
    key: string,
    uploadId: string,
    number: number,
    body: Uint8Array,
    crc32: number,
    signal: AbortSignal,
  ): Promise<UploadedPart> {
    const { ETag } = await this.#call('s3:PutObject', key, 'Writing', signal, ({ sdk, client }, options) =>
      client.send(
        new sdk.UploadPartCommand({
          ...this.#object(key),
          UploadId: uploadId,
          PartNumber: number,
          Body: body,
          ChecksumCRC32: base64(crc32),
        }),
        options,
      ),
    )
    return { number, etag: required(ETag, 'ETag'), crc32 }
  }

  async completeUpload(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
    signal: AbortSignal,
  ): Promise<void> {
    const Parts = parts.map(({ number, etag, crc32 }) => ({
      PartNumber: number,
      ETag: etag,
      ChecksumCRC32: base64(crc32),
    }))
    await this.#call('s3:PutObject', key, 'Writing', signal, ({ sdk, client }, options) =>
      client.send(
        new sdk.CompleteMultipartUploadCommand({
          ...this.#object(key),
          UploadId: uploadId,
          MultipartUpload: { Parts },
        }),
        options,
      ),
    )
  }

  /** Harmless where there is none. */
  async abortUpload(key: string, uploadId: string): Promise<void> {
    await this.#call(
      's3:AbortMultipartUpload',
      key,
      'Removing the unfinished',
      undefined,
      async ({ sdk, client }, options) => {
        try {
          await client.send(new sdk.AbortMultipartUploadCommand({ ...this.#object(key), UploadId: uploadId }), options)
        } catch (error) {
          if (faultName(error) !== 'NoSuchUpload') throw error
        }
      },
    )
  }

  async stat(key: string): Promise<FoundObject | undefined> {
    return (await this.#head(key))?.object
  }

  /** Whether the object under the key is what was written with this mark. */
  async isUploadedAs(key: string, mark: string): Promise<boolean> {
    return (await this.#head(key))?.mark === mark
  }

  /**
   * From byte `offset` on; `etag`: only if it is still that object. Undefined where there is none; `changed` where it is
   * another one.
   */
  async open(
    key: string,
    signal: AbortSignal,
    from?: { readonly offset: number; readonly etag: string },
  ): Promise<OpenBody | 'changed' | undefined> {
    const range = from === undefined ? {} : { Range: `bytes=${from.offset}-`, IfMatch: from.etag }
    return this.#call('s3:GetObject', key, 'Reading', signal, async ({ sdk, client }, options) => {
      try {
        const found = await client.send(new sdk.GetObjectCommand({ ...this.#object(key), ...range }), options)
        return {
          // In Node.js a body is a stream of the connection.
          body: required(found.Body, 'Body') as Readable,
          bytes: (from?.offset ?? 0) + (found.ContentLength ?? Number.NaN),
          etag: found.ETag ?? '',
        }
      } catch (error) {
        const name = faultName(error)
        if (name === 'NoSuchKey' || name === 'NotFound') return undefined
        if (name === 'PreconditionFailed' || name === 'InvalidRange') return 'changed'
        throw error
      }
    })
  }

  /** Harmless where there is none. */
  async remove(key: string): Promise<void> {
    await this.#call('s3:DeleteObject', key, 'Removing', undefined, ({ sdk, client }, options) =>
      client.send(new sdk.DeleteObjectCommand(this.#object(key)), options),
    )
  }

  /** Objects whose keys begin with `start`, in the order of keys. */
  async *list(start: string): AsyncGenerator<FoundObject> {
    for (let token: string | undefined; ; ) {
      const page = await this.#call('s3:ListBucket', start, 'Listing', undefined, ({ sdk, client }, options) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.#settings.bucket,
            Prefix: start,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          options,
        ),
      )
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
      if (token === undefined) return
    }
  }

  /** Uploads that were begun and not finished, for keys that begin with `start`. */
  async *unfinished(start: string): AsyncGenerator<FoundUpload> {
    for (let marker: { readonly KeyMarker: string; readonly UploadIdMarker: string } | undefined; ; ) {
      const page = await this.#call(
        's3:ListBucketMultipartUploads',
        start,
        'Listing unfinished uploads of',
        undefined,
        ({ sdk, client }, options) =>
          client.send(
            new sdk.ListMultipartUploadsCommand({ Bucket: this.#settings.bucket, Prefix: start, ...marker }),
            options,
          ),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue
        yield { key: Key, uploadId: UploadId, startedMs: Initiated?.getTime() ?? 0 }
      }
      if (page.IsTruncated !== true) return
      marker = { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
    }
  }

  /** When the newest part was written; undefined without any, or where the upload is over. Milliseconds since 1970. */
  async lastPartMs(key: string, uploadId: string): Promise<number | undefined> {
    let newestMs: number | undefined
    for (let marker: string | undefined; ; ) {
      const page = await this.#call(
        's3:ListMultipartUploadParts',
        key,
        'Examining the unfinished',
        undefined,
        async ({ sdk, client }, options) => {
          try {
            return await client.send(
              new sdk.ListPartsCommand({
                ...this.#object(key),
                UploadId: uploadId,
                ...(marker === undefined ? {} : { PartNumberMarker: marker }),
              }),
              options,
            )
          } catch (error) {
            if (faultName(error) === 'NoSuchUpload') return undefined
            throw error
          }
        },
      )
      for (const { LastModified } of page?.Parts ?? []) {
        newestMs = Math.max(newestMs ?? 0, LastModified?.getTime() ?? 0)
      }
      if (page?.IsTruncated !== true) return newestMs
      marker = page.NextPartNumberMarker
    }
  }

  async close(): Promise<void> {
    const wire = await this.#wire
    wire?.client.destroy()
  }

  async #head(key: string): Promise<{ readonly object: FoundObject; readonly mark: string | undefined } | undefined> {
    return this.#call('s3:GetObject', key, 'Examining', undefined, async ({ sdk, client }, options) => {
      try {
        const found = await client.send(new sdk.HeadObjectCommand(this.#object(key)), options)
        const object = { key, bytes: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 }
        return { object, mark: found.Metadata?.[UPLOAD_MARK] }
      } catch (error) {
        // An answer to HEAD has no body to say what is wrong, or that it is the bucket that is not there.
        if (isUnexplained(error)) for await (const _ of this.list(key)) break
        if (faultName(error) === 'NotFound') return undefined
        throw error
      }
    })
  }

  async #call<T>(
    action: string,
    key: string,
    doing: string,
    signal: AbortSignal | undefined,
    send: (wire: Wire, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const location = this.location(key)
    try {
      this.#wire ??= connect(this.#settings)
      // A signal of its own for each call: the SDK adds listeners, and a run has one signal for hundreds of calls.
      return await send(await this.#wire, signal === undefined ? {} : { abortSignal: AbortSignal.any([signal]) })
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, `${doing} ${location}`, this.#subject(action, location))
    }
  }

  #subject(action: string, location: string): CallSubject {
    const { bucket, prefix } = this.#settings
    const objects = prefix === '' ? '*' : `${prefix}/*`
    const isAboutBucket = action.startsWith('s3:ListBucket')
    return { location, bucket, action, resource: `arn:aws:s3:::${bucket}${isAboutBucket ? '' : `/${objects}`}` }
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#settings.bucket, Key: key }
  }

  #encrypted() {
    const { encryption, kms_key } = this.#settings
    if (encryption === undefined) return {}
    if (encryption === 'sse-s3') return { ServerSideEncryption: 'AES256' as const }
    // The key of the bucket spares a call to KMS for each object.
    const key = kms_key === undefined ? {} : { SSEKMSKeyId: kms_key }
    return { ServerSideEncryption: 'aws:kms' as const, BucketKeyEnabled: true, ...key }
  }
}

async function connect(settings: BucketSettings): Promise<Wire> {
  const sdk = await import('@aws-sdk/client-s3')
  const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
  const config: S3ClientConfig = {
    forcePathStyle: settings.path_style,
    maxAttempts: ATTEMPTS_MAX,
    // Checksums are ours: computed while the bytes pass by, and given with each request.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it the SDK opens a connection of its own for each part.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: settings.idleMs,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      logger: silent,
    },
    logger: silent,
  }
  if (settings.endpoint !== undefined) config.endpoint = settings.endpoint
  if (settings.region !== undefined) config.region = settings.region
  // Stores other than Amazon's mostly have no regions, and sign with this one.
  else if (settings.endpoint !== undefined) config.region = 'us-east-1'
  if (settings.access_key_id !== undefined && settings.secret_access_key !== undefined) {
    config.credentials = {
      accessKeyId: settings.access_key_id,
      secretAccessKey: settings.secret_access_key,
      ...(settings.session_token === undefined ? {} : { sessionToken: settings.session_token }),
    }
  }
  return { sdk, client: new sdk.S3Client(config) }
}

/** As S3 writes checksums. */
function base64(crc32: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32 >>> 0)
  return bytes.toString('base64')
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the store answered without ${name}`)
  return value
}
