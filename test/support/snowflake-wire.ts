/**
 * The far side of Snowflake's wire, for what a session does when the server says something or nothing: answers are given by
 * the test. The twin (`test/support/twin.ts`) is the one that understands SQL.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface WireRequest {
  readonly path: string
  readonly sql: string
  readonly binds: readonly { readonly type: string; readonly value: string | null }[]
  readonly parameters: Readonly<Record<string, unknown>>
  /** Of the session that sent it. */
  readonly token: string
}

export type WireAnswer =
  | { readonly columns: readonly WireColumn[]; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly code: string; readonly message: string; readonly sqlState?: string }
  | { readonly httpStatus: number }
  /** The connection is cut. */
  | 'cut'
  /** No answer until the statement is cancelled. */
  | 'wait'

export interface WireColumn {
  readonly name: string
  readonly type: string
  readonly scale?: number
}

export interface Wire extends AsyncDisposable {
  readonly port: number
  /** What was asked, in order; `login`, `cancel`, `logout` and `heartbeat` in place of the SQL of others. */
  readonly log: readonly string[]
  readonly requests: readonly WireRequest[]
}

const OK: WireAnswer = { columns: [{ name: 'status', type: 'text' }], rows: [['Statement executed successfully.']] }

/** `answer`: undefined for what succeeds and says nothing. Logins are asked too, with `login` as SQL. */
export async function startWire(answer: (request: WireRequest) => WireAnswer | undefined): Promise<Wire> {
  const log: string[] = []
  const requests: WireRequest[] = []
  const waiting: (() => void)[] = []
  let logins = 0

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse((await textOf(request)) || '{}') as Record<string, unknown>
    const path = (request.url ?? '').split('?')[0] ?? ''
    const token = /Token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (path === '/telemetry/send') log.push('telemetry')
    const name = NAMES.find(([pattern]) => pattern.test(request.url ?? ''))?.[1]
    const sql = name ?? String(body.sqlText ?? '')
    const asked: WireRequest = {
      path: request.url ?? '',
      sql,
      binds: Object.values((body.bindings ?? {}) as Record<string, WireRequest['binds'][number]>),
      parameters: (body.parameters ?? (body.data as Record<string, unknown>) ?? {}) as Record<string, unknown>,
      token,
    }
    if (sql !== '') log.push(sql)
    requests.push(asked)
    const given = answer(asked)
    if (given === 'cut') return void request.socket.destroy()
    if (given === 'wait') {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return reply(response, failure({ code: '000604', message: 'SQL execution canceled', sqlState: '57014' }))
    }
    if (given !== undefined && 'httpStatus' in given) return void response.writeHead(given.httpStatus).end('{}')
    if (given !== undefined && 'code' in given) return reply(response, failure(given))
    if (sql === 'login') return reply(response, login(++logins))
    if (sql === 'cancel') for (const resolve of waiting.splice(0)) resolve()
    reply(response, name === undefined ? result(given ?? OK) : { success: true, data: null })
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => response.destroy(error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    log,
    requests,
    async [Symbol.asyncDispose]() {
      for (const resolve of waiting.splice(0)) resolve()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^\/session\/v1\/login-request/, 'login'],
  [/abort-request/, 'cancel'],
  [/^\/session\?delete=true/, 'logout'],
  [/^\/session\/heartbeat/, 'heartbeat'],
]

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function reply(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function login(number: number): unknown {
  const data = {
    token: `session-${number}`,
    masterToken: `master-${number}`,
    validityInSeconds: 3600,
    masterValidityInSeconds: 14400,
    sessionId: number,
    parameters: [],
    sessionInfo: {},
  }
  return { success: true, code: null, message: null, data }
}

function failure({ code, message, sqlState }: { code: string; message: string; sqlState?: string }): unknown {
  return { success: false, code, message, data: { sqlState, errorCode: code, queryId: QUERY_ID } }
}

const QUERY_ID = '01b00000-0000-0000-0000-000000000001'

const PARAMETERS = {
  TIMEZONE: 'UTC',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS.FF6',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6',
  TIMESTAMP_LTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM',
  TIMESTAMP_TZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM',
  BINARY_OUTPUT_FORMAT: 'HEX',
  JS_TREAT_INTEGER_AS_BIGINT: false,
}

function result(answer: WireAnswer): unknown {
  if (typeof answer === 'string' || !('columns' in answer)) throw new Error('no rows')
  const rowtype = answer.columns.map(({ name, type, scale }) => ({ name, type, scale: scale ?? 0, nullable: true }))
  const data = {
    queryId: QUERY_ID,
    statementTypeId: 0x1000,
    rowtype,
    rowset: answer.rows,
    total: answer.rows.length,
    returned: answer.rows.length,
    parameters: Object.entries(PARAMETERS).map(([name, value]) => ({ name, value })),
    queryResultFormat: 'json',
    version: 1,
  }
  return { success: true, code: null, message: null, data }
}
