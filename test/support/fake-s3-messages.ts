/** What a store says and hears over HTTP: actions, headers, answers in XML. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { crc32 } from 'node:zlib'
import { type FakeBucket, S3Fault, type StoredObject } from './fake-s3-bucket.ts'

const KEPT_HEADERS = /^(x-amz-meta-.*|x-amz-server-side-encryption.*|content-type)$/

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
  /** Of a body that is not sent. */
  readonly bytes?: number
}

export type XmlField = readonly [name: string, content: string | readonly XmlField[]]

export function actionOf(
  method: string,
  key: string,
  query: URLSearchParams,
  headers: IncomingMessage['headers'],
): string {
  const isPart = query.has('uploadId')
  if (key === '') {
    if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2'
    if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
  } else {
    if (method === 'PUT' && headers['x-amz-copy-source'] !== undefined) return 'CopyObject'
    if (method === 'PUT') return isPart ? 'UploadPart' : 'PutObject'
    if (method === 'GET') return isPart ? 'ListParts' : 'GetObject'
    if (method === 'HEAD') return 'HeadObject'
    if (method === 'DELETE') return isPart ? 'AbortMultipartUpload' : 'DeleteObject'
    if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload'
    if (method === 'POST' && isPart) return 'CompleteMultipartUpload'
  }
  return `${method} ${[...query.keys()].join()}`
}

export function wrongRegion(bucket: FakeBucket, asked: string): S3Fault {
  const headers = { 'x-amz-bucket-region': bucket.region }
  // The global endpoint redirects; those of regions say what they expect.
  if (asked === 'us-east-1') {
    const message = 'The bucket you are attempting to access must be addressed using the specified endpoint.'
    return new S3Fault(301, 'PermanentRedirect', message, { Endpoint: `s3.${bucket.region}.amazonaws.com` }, headers)
  }
  const message = `The authorization header is malformed; the region '${asked}' is wrong; expecting '${bucket.region}'`
  return new S3Fault(400, 'AuthorizationHeaderMalformed', message, { Region: bucket.region }, headers)
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export function requireSound(headers: IncomingMessage['headers'], body: Buffer): void {
  const checksum = headers['x-amz-checksum-crc32']
  if (checksum !== undefined && Buffer.from(String(checksum), 'base64').readUInt32BE() !== crc32(body)) {
    throw new S3Fault(400, 'BadDigest', 'The CRC32 you specified did not match the calculated checksum.')
  }
  const sha256 = headers['x-amz-content-sha256']
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)) {
    if (createHash('sha256').update(body).digest('hex') !== sha256) {
      throw new S3Fault(400, 'XAmzContentSHA256Mismatch', 'The SHA256 you specified did not match what was computed')
    }
  }
}

export function readObject(object: StoredObject, headers: IncomingMessage['headers']): Answer {
  const match = headers['if-match']
  if (match !== undefined && match !== object.etag) {
    throw new S3Fault(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
  }
  const known = {
    etag: object.etag,
    'last-modified': new Date(object.modifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    ...object.headers,
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
  if (range === null) return { status: 200, headers: known, body: object.body, bytes: object.bytes }
  const start = Number(range[1])
  const end = range[2] === '' ? object.bytes - 1 : Math.min(Number(range[2]), object.bytes - 1)
  if (start >= object.bytes) throw new S3Fault(416, 'InvalidRange', 'The requested range is not satisfiable')
  return {
    status: 206,
    headers: { ...known, 'content-range': `bytes ${start}-${end}/${object.bytes}` },
    body: object.body.subarray(start, end + 1),
  }
}

export function keptHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (KEPT_HEADERS.test(name) ? [[name, String(value)]] : [])),
  )
}

export function encryptionOf(headers: IncomingMessage['headers']): Record<string, string> {
  const value = headers['x-amz-server-side-encryption']
  return value === undefined ? {} : { 'x-amz-server-side-encryption': String(value) }
}

export function namedParts(xml: string) {
  return [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => {
    const field = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(part)?.[1]
    const checksum = field('ChecksumCRC32')
    return {
      number: Number(field('PartNumber')),
      etag: (field('ETag') ?? '').replaceAll('&quot;', '"'),
      crc32: checksum === undefined ? undefined : Buffer.from(checksum, 'base64').readUInt32BE(),
    }
  })
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

export function xmlAnswer(root: string, fields: readonly XmlField[]): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml([[root, fields]])) }
}

export function xml(fields: readonly XmlField[]): string {
  return fields
    .map(([name, content]) => `<${name}>${typeof content === 'string' ? escapeXml(content) : xml(content)}</${name}>`)
    .join('')
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

export function describeFault({ status, code, message, fields, headers }: S3Fault, isHead: boolean): Answer {
  const content = { Code: code, Message: message, ...fields, RequestId: 'TESTREQUEST' }
  const body = isHead ? undefined : Buffer.from(xml([['Error', Object.entries(content)]]))
  return { status, headers: { ...headers, 'content-type': 'application/xml', connection: 'close' }, body }
}

export function sizeOf({ body, bytes }: Answer): number {
  return bytes ?? body?.byteLength ?? 0
}
