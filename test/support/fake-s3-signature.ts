/** AWS Signature Version 4 of a request, computed anew from what arrived, as a store checks it. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface SignedRequest {
  readonly method: string
  /** As on the request line, still encoded. */
  readonly path: string
  readonly query: string
  readonly headers: IncomingHttpHeaders
}

export interface Authorization {
  readonly accessKeyId: string
  /** `20260101/eu-central-1/s3/aws4_request`. */
  readonly scope: string
  readonly region: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

export function parseAuthorization(header: string | undefined): Authorization | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/([^/]+)\/s3\/aws4_request), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header ?? '',
    )
  if (match === null) return undefined
  const [, accessKeyId = '', scope = '', region = '', signedHeaders = '', signature = ''] = match
  return { accessKeyId, scope, region, signedHeaders: signedHeaders.split(';'), signature }
}

export function signatureOf(request: SignedRequest, authorization: Authorization, secretAccessKey: string): string {
  const { scope, signedHeaders } = authorization
  const text = (name: string) => String(request.headers[name] ?? '')
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.query),
    ...signedHeaders.map((name) => `${name}:${text(name).trim().replaceAll(/\s+/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    text('x-amz-content-sha256'),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', text('x-amz-date'), scope, sha256(canonical)].join('\n')
  const key = scope.split('/').reduce((secret: string | Buffer, part) => hmac(secret, part), `AWS4${secretAccessKey}`)
  return hmac(key, toSign).toString('hex')
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  return query
    .split('&')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(key: string | Buffer, content: string): Buffer {
  return createHmac('sha256', key).update(content).digest()
}
