/** The JSON bodies of Snowflake's HTTP protocol, as its own drivers read them. */
import type { IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { SnowflakeError } from '../sql/snowflake-error.ts'

export interface Reply {
  readonly success: boolean
  readonly code: string | null
  readonly message: string | null
  readonly data: unknown
}

/** Codes of replies about a session or a query that still runs. */
export const REPLY_CODE = {
  tokenInvalid: '390104',
  sessionGone: '390111',
  sessionExpired: '390112',
  masterExpired: '390114',
  inProgress: '333333',
  inProgressAsync: '333334',
} as const

export function success(data: unknown): Reply {
  return { success: true, code: null, message: null, data }
}

export function sessionFailure(code: string, message: string): Reply {
  return { success: false, code, message, data: null }
}

/** `queryId` is what a person looks for in the history. */
export function statementFailure(error: SnowflakeError, queryId: string): Reply {
  const { code, sqlState, message } = error
  const data = { internalError: false, errorCode: code, sqlState, queryId, line: -1, pos: -1, type: 'COMPILATION' }
  return { success: false, code, message, data }
}

export type JsonObject = Readonly<Record<string, unknown>>

/** Bodies are bounded so that a broken client cannot fill the memory. */
const BODY_BYTES_MAX = 256 << 20

export async function readJson(request: IncomingMessage): Promise<JsonObject> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) throw new SnowflakeError('390000', '08001', 'The request is too large')
    parts.push(part)
  }
  const body = Buffer.concat(parts)
  if (body.length === 0) return {}
  const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
  return asObject(JSON.parse(text.toString('utf8')))
}

export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
