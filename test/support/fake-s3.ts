/**
 * An S3 server over real HTTP, for tests: buckets, objects, ranges, uploads in parts, listings in pages, checksums,
 * encryption headers, signatures; and faults on request. Path style only. What it does not know is `NotImplemented`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeBucket, S3Fault, type StoredObject } from './fake-s3-bucket.ts'
import {
  type Answer,
  actionOf,
  describeFault,
  encryptionOf,
  isoTime,
  keptHeaders,
  namedParts,
  readBody,
  readObject,
  requireSound,
  sizeOf,
  wrongRegion,
  type XmlField,
  xmlAnswer,
} from './fake-s3-messages.ts'
import { parseAuthorization, signatureOf } from './fake-s3-signature.ts'

export interface FakeS3Options {
  /** Default: one bucket `stage` in `eu-central-1`. */
  readonly buckets?: Readonly<Record<string, { readonly region?: string }>>
  /** Default: 5 MiB, as on Amazon S3. */
  readonly minPartBytes?: number
  /** Default: true. False: only sizes are kept, and nothing is checked. */
  readonly keepBodies?: boolean
  /** Objects of a page. Default: 1000. */
  readonly pageMax?: number
  /** Default: 0, any. */
  readonly port?: number
}

export interface Keys {
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** What a request asks for, as the store names the permission: `PutObject`, `UploadPart`, … */
export interface S3Call {
  readonly action: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** From 1, of this action on this key. */
  readonly attempt: number
}

export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly code: string; readonly message?: string }
  /** Before it is done. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** It is done, and the connection is cut before the answer. */
  | { readonly kind: 'lost reply' }
  /** The connection is cut after so many bytes of the body of the answer; with none, before anything is done. */
  | { readonly kind: 'cut'; readonly afterBytes?: number }
  /** After so many bytes of the body of the answer nothing comes any more. */
  | { readonly kind: 'stall'; readonly afterBytes: number }

export type FaultPlan = (call: S3Call) => Fault | undefined

/** Actions that a policy names otherwise than the call is named. */
const PERMISSION: Readonly<Record<string, string>> = {
  UploadPart: 'PutObject',
  CreateMultipartUpload: 'PutObject',
  CompleteMultipartUpload: 'PutObject',
  HeadObject: 'GetObject',
  ListObjectsV2: 'ListBucket',
  ListMultipartUploads: 'ListBucketMultipartUploads',
  ListParts: 'ListMultipartUploadParts',
}

export class FakeS3 implements AsyncDisposable {
  readonly endpoint: string
  readonly buckets: ReadonlyMap<string, FakeBucket>
  /** Who may come in. Empty: everyone. */
  readonly keys = new Map<string, Keys>([['AKIATEST', { secretAccessKey: 'secret-of-the-test' }]])
  /** Access keys whose tokens have expired. */
  readonly expired = new Set<string>()
  /** Permissions that nobody has: `DeleteObject`. */
  readonly denied = new Set<string>()
  /** A policy of the bucket: objects must be written with this encryption (`AES256`, `aws:kms`). */
  requiredEncryption: string | undefined
  fault: FaultPlan = () => undefined
  readonly calls: S3Call[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #options: FakeS3Options
  readonly #attempts = new Map<string, number>()

  private constructor(server: Server, options: FakeS3Options, port: number) {
    this.#server = server
    this.#options = options
    this.endpoint = `http://127.0.0.1:${port}`
    const { buckets = { stage: {} }, minPartBytes = 5 << 20, keepBodies = true } = options
    this.buckets = new Map(
      Object.entries(buckets).map(([name, { region = 'eu-central-1' }]) => [
        name,
        new FakeBucket({ region, minPartBytes, keepBodies }),
      ]),
    )
  }

  static async start(options: FakeS3Options = {}): Promise<FakeS3> {
    const server = createServer({ requestTimeout: 0, headersTimeout: 0 })
    server.keepAliveTimeout = 60_000
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
    const store = new FakeS3(server, options, (server.address() as AddressInfo).port)
    server.on('connection', (socket) => {
      store.#sockets.add(socket)
      socket.on('close', () => store.#sockets.delete(socket))
      socket.on('error', () => undefined)
    })
    server.on('request', (request, response) => {
      store.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)))
      })
    })
    return store
  }

  bucket(name = 'stage'): FakeBucket {
    const bucket = this.buckets.get(name)
    if (bucket === undefined) throw new S3Fault(404, 'NoSuchBucket', 'The specified bucket does not exist')
    return bucket
  }

  object(key: string, bucket = 'stage'): StoredObject {
    const object = this.bucket(bucket).objects.get(key)
    if (object === undefined) throw new S3Fault(404, 'NoSuchKey', 'The specified key does not exist.')
    return object
  }

  /** How often an action was called. */
  count(action: string): number {
    return this.calls.filter((call) => call.action === action).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [rawPath = '', rawQuery = ''] = (request.url ?? '').split('?', 2)
    const [, bucketName = '', ...rest] = rawPath.split('/')
    const query = new URLSearchParams(rawQuery)
    const key = decodeURIComponent(rest.join('/'))
    const action = actionOf(request.method ?? '', key, query, request.headers)
    const attempts = (this.#attempts.get(`${action} ${key}`) ?? 0) + 1
    this.#attempts.set(`${action} ${key}`, attempts)
    const call: S3Call = { action, bucket: bucketName, key, query, headers: request.headers, attempt: attempts }
    this.calls.push(call)
    const fault = this.fault(call)
    if (fault?.kind === 'cut' && fault.afterBytes === undefined) return void request.socket.destroy()
    try {
      if (fault?.kind === 'delay') await delay(fault.ms)
      if (fault?.kind === 'answer') throw new S3Fault(fault.status, fault.code, fault.message ?? fault.code)
      // Refused before the body is read, as a store does that is asked for something it does not do.
      this.#authenticate(request, rawPath, rawQuery)
      this.#authorize(call)
      const body = await readBody(request)
      if (this.#options.keepBodies !== false) requireSound(request.headers, body)
      const answer = this.#perform(call, body)
      if (fault?.kind === 'lost reply') return void request.socket.destroy()
      await send(
        response,
        request.method === 'HEAD' ? { ...answer, body: undefined, bytes: sizeOf(answer) } : answer,
        fault,
      )
    } catch (error) {
      if (!(error instanceof S3Fault)) throw error
      await send(response, describeFault(error, request.method === 'HEAD'), undefined)
    }
  }

  #authenticate(request: IncomingMessage, path: string, query: string): void {
    if (this.keys.size === 0) return
    const authorization = parseAuthorization(request.headers.authorization)
    if (authorization === undefined) throw new S3Fault(403, 'AccessDenied', 'Access Denied')
    const known = this.keys.get(authorization.accessKeyId)
    if (known === undefined) {
      throw new S3Fault(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
    }
    const token = request.headers['x-amz-security-token']
    if (this.expired.has(authorization.accessKeyId)) {
      throw new S3Fault(400, 'ExpiredToken', 'The provided token has expired.')
    }
    if (token !== known.sessionToken) throw new S3Fault(400, 'InvalidToken', 'The provided token is malformed')
    const signed = { method: request.method ?? '', path, query, headers: request.headers }
    if (signatureOf(signed, authorization, known.secretAccessKey) !== authorization.signature) {
      throw new S3Fault(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      )
    }
    const bucket = this.buckets.get(path.split('/')[1] ?? '')
    if (bucket !== undefined && bucket.region !== authorization.region) throw wrongRegion(bucket, authorization.region)
  }

  #authorize(call: S3Call): void {
    const permission = PERMISSION[call.action] ?? call.action
    if (this.denied.has(permission)) {
      throw new S3Fault(403, 'AccessDenied', `User is not authorized to perform: s3:${permission}`)
    }
    const writes = call.action === 'PutObject' || call.action === 'CreateMultipartUpload'
    const encryption = call.headers['x-amz-server-side-encryption']
    if (writes && this.requiredEncryption !== undefined && encryption !== this.requiredEncryption) {
      throw new S3Fault(403, 'AccessDenied', 'Access Denied by the policy of the bucket')
    }
  }

  #perform({ action, bucket: bucketName, key, query, headers }: S3Call, body: Buffer): Answer {
    const bucket = this.bucket(bucketName)
    switch (action) {
      case 'PutObject': {
        const { etag } = bucket.put(key, body, keptHeaders(headers))
        return { status: 200, headers: { etag, ...encryptionOf(headers) } }
      }
      case 'GetObject':
      case 'HeadObject':
        return readObject(this.object(key, bucketName), headers)
      case 'DeleteObject':
        bucket.objects.delete(key)
        return { status: 204 }
      case 'ListObjectsV2':
        return this.#listObjects(bucket, bucketName, query)
      case 'CreateMultipartUpload': {
        const { uploadId } = bucket.begin(key, keptHeaders(headers))
        return xmlAnswer('InitiateMultipartUploadResult', [
          ['Bucket', bucketName],
          ['Key', key],
          ['UploadId', uploadId],
        ])
      }
      case 'UploadPart': {
        const part = bucket.putPart(key, query.get('uploadId') ?? '', Number(query.get('partNumber')), body)
        return { status: 200, headers: { etag: part.etag } }
      }
      case 'CompleteMultipartUpload': {
        const object = bucket.complete(key, query.get('uploadId') ?? '', namedParts(body.toString()))
        return xmlAnswer('CompleteMultipartUploadResult', [
          ['Bucket', bucketName],
          ['Key', key],
          ['ETag', object.etag],
        ])
      }
      case 'AbortMultipartUpload':
        bucket.uploads.delete(bucket.upload(key, query.get('uploadId') ?? '').uploadId)
        return { status: 204 }
      case 'ListMultipartUploads':
        return this.#listUploads(bucket, query)
      case 'ListParts': {
        const { parts } = bucket.upload(key, query.get('uploadId') ?? '')
        const listed = [...parts.values()].map(
          (part): XmlField => [
            'Part',
            [
              ['PartNumber', String(part.number)],
              ['LastModified', isoTime(part.modifiedMs)],
              ['ETag', part.etag],
              ['Size', String(part.bytes)],
            ],
          ],
        )
        return xmlAnswer('ListPartsResult', [['IsTruncated', 'false'], ...listed])
      }
      default:
        throw new S3Fault(501, 'NotImplemented', `${action} is not implemented`)
    }
  }

  #listObjects(bucket: FakeBucket, name: string, query: URLSearchParams): Answer {
    const after = query.get('continuation-token') ?? query.get('start-after') ?? ''
    const max = Math.min(this.#options.pageMax ?? 1000, Number(query.get('max-keys') ?? 1000))
    const keys = bucket.keys(query.get('prefix') ?? '', after)
    const page = keys.slice(0, max)
    const next = keys.length > page.length ? page.at(-1) : undefined
    const contents = page.map((key): XmlField => {
      const object = this.object(key, name)
      return [
        'Contents',
        [
          ['Key', key],
          ['LastModified', isoTime(object.modifiedMs)],
          ['ETag', object.etag],
          ['Size', String(object.bytes)],
        ],
      ]
    })
    return xmlAnswer('ListBucketResult', [
      ['Name', name],
      ['KeyCount', String(page.length)],
      ['IsTruncated', String(next !== undefined)],
      ...(next === undefined ? [] : ([['NextContinuationToken', next]] as const)),
      ...contents,
    ])
  }

  #listUploads(bucket: FakeBucket, query: URLSearchParams): Answer {
    const mark = (upload: { readonly key: string; readonly uploadId: string }) => `${upload.key}\n${upload.uploadId}`
    const after = `${query.get('key-marker') ?? ''}\n${query.get('upload-id-marker') ?? ''}`
    const found = [...bucket.uploads.values()]
      .filter((upload) => upload.key.startsWith(query.get('prefix') ?? '') && mark(upload) > after)
      .sort((a, b) => (mark(a) < mark(b) ? -1 : 1))
    const page = found.slice(0, this.#options.pageMax ?? 1000)
    const last = page.at(-1)
    const uploads = page.map(
      (upload): XmlField => [
        'Upload',
        [
          ['Key', upload.key],
          ['UploadId', upload.uploadId],
          ['Initiated', isoTime(upload.startedMs)],
        ],
      ],
    )
    return xmlAnswer('ListMultipartUploadsResult', [
      ['IsTruncated', String(found.length > page.length)],
      ['NextKeyMarker', last?.key ?? ''],
      ['NextUploadIdMarker', last?.uploadId ?? ''],
      ...uploads,
    ])
  }
}

async function send(response: ServerResponse, answer: Answer, fault: Fault | undefined): Promise<void> {
  const { status, headers = {}, body } = answer
  const length = status === 204 ? {} : { 'content-length': String(sizeOf(answer)) }
  response.writeHead(status, { ...headers, ...length, 'x-amz-request-id': 'TESTREQUEST' })
  if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    await new Promise((resolve) => response.write(body?.subarray(0, fault.afterBytes) ?? '', resolve))
    if (fault.kind === 'cut') response.destroy()
    return
  }
  response.end(body)
}
