/** What a store holds: objects, and uploads that are not finished. Times in whole seconds, as S3 tells them. */
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export interface StoredObject {
  readonly key: string
  /** Empty where the store keeps no bodies. */
  readonly body: Buffer
  readonly bytes: number
  readonly etag: string
  readonly modifiedMs: number
  /** Headers that come back with the object: metadata, encryption. */
  readonly headers: Readonly<Record<string, string>>
}

export interface StoredPart {
  readonly number: number
  readonly body: Buffer
  readonly bytes: number
  readonly etag: string
  readonly crc32: number
  readonly modifiedMs: number
}

export interface StoredUpload {
  readonly key: string
  readonly uploadId: string
  readonly startedMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly parts: Map<number, StoredPart>
}

/** How S3 names what is wrong. */
export class S3Fault extends Error {
  override readonly name = 'S3Fault'
  readonly status: number
  readonly code: string
  /** Besides code and message. */
  readonly fields: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.fields = fields
    this.headers = headers
  }
}

export interface BucketOptions {
  readonly region: string
  /** Smallest size of a part that is not the last. */
  readonly minPartBytes: number
  /** False: only sizes are kept, so that a benchmark does not measure this server. */
  readonly keepBodies: boolean
}

export class FakeBucket {
  readonly region: string
  readonly objects = new Map<string, StoredObject>()
  readonly uploads = new Map<string, StoredUpload>()
  readonly #options: BucketOptions

  constructor(options: BucketOptions) {
    this.#options = options
    this.region = options.region
  }

  put(key: string, body: Buffer, headers: Readonly<Record<string, string>>): StoredObject {
    const object = {
      key,
      body: this.#kept(body),
      bytes: body.byteLength,
      etag: this.#etag(body),
      modifiedMs: now(),
      headers,
    }
    this.objects.set(key, object)
    return object
  }

  begin(key: string, headers: Readonly<Record<string, string>>): StoredUpload {
    const uploadId = randomBytes(12).toString('hex')
    const upload = { key, uploadId, startedMs: now(), headers, parts: new Map() }
    this.uploads.set(uploadId, upload)
    return upload
  }

  upload(key: string, uploadId: string): StoredUpload {
    const upload = this.uploads.get(uploadId)
    if (upload === undefined || upload.key !== key) {
      throw new S3Fault(404, 'NoSuchUpload', 'The specified upload does not exist.')
    }
    return upload
  }

  putPart(key: string, uploadId: string, number: number, body: Buffer): StoredPart {
    const upload = this.upload(key, uploadId)
    const part = {
      number,
      body: this.#kept(body),
      bytes: body.byteLength,
      etag: this.#etag(body),
      crc32: this.#options.keepBodies ? crc32(body) : 0,
      modifiedMs: now(),
    }
    upload.parts.set(number, part)
    return part
  }

  /** `named`: the parts as the client lists them. */
  complete(
    key: string,
    uploadId: string,
    named: readonly { readonly number: number; readonly etag: string; readonly crc32: number | undefined }[],
  ): StoredObject {
    const upload = this.upload(key, uploadId)
    if (named.length === 0) throw new S3Fault(400, 'MalformedXML', 'You must specify at least one part')
    const parts = named.map(({ number, etag, crc32: checksum }, index) => {
      const part = upload.parts.get(number)
      if (index > 0 && number <= (named[index - 1]?.number ?? 0)) {
        throw new S3Fault(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
      }
      if (part === undefined || part.etag !== etag) throw new S3Fault(400, 'InvalidPart', `Part ${number} is not there`)
      if (this.#options.keepBodies && checksum !== undefined && checksum !== part.crc32) {
        throw new S3Fault(400, 'InvalidPart', `Part ${number} has another checksum`)
      }
      if (index < named.length - 1 && part.bytes < this.#options.minPartBytes) {
        throw new S3Fault(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
      }
      return part
    })
    const object = {
      key,
      body: Buffer.concat(parts.map((part) => part.body)),
      bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      etag: `"${createHash('md5')
        .update(parts.map((part) => part.etag).join())
        .digest('hex')}-${parts.length}"`,
      modifiedMs: now(),
      headers: upload.headers,
    }
    this.objects.set(key, object)
    this.uploads.delete(uploadId)
    return object
  }

  /** In the order of their bytes, after `after`. */
  keys(prefix: string, after: string): readonly string[] {
    return [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && (after === '' || inBytes(key, after) > 0))
      .sort(inBytes)
  }

  #kept(body: Buffer): Buffer {
    return this.#options.keepBodies ? body : Buffer.alloc(0)
  }

  #etag(body: Buffer): string {
    const content = this.#options.keepBodies ? body : randomBytes(8)
    return `"${createHash('md5').update(content).digest('hex')}"`
  }
}

function inBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function now(): number {
  return Math.floor(Date.now() / 1000) * 1000
}
