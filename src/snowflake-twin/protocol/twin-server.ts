/**
 * Snowflake's HTTP protocol, as far as its Node driver speaks it: log in, renew a token, send a query, ask for its result, watch it,
 * stop it, keep the session, close it. There is no public specification; what drivers send and read is in their sources
 * (snowflake-connector-nodejs: services/sf.js, connection/statement.js).
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { CallKind, Fault, Faults } from '../faults.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { TwinState } from '../twin-state.ts'
import { type DeskQuery, QueryDesk } from './query-desk.ts'
import { parameterList, runningReply } from './query-reply.ts'
import type { SessionRegistry } from './session-registry.ts'
import { asText, type JsonObject, REPLY_CODE, type Reply, readJson, sessionFailure, success } from './wire-message.ts'

/** After so long a client is told that its query still runs. Snowflake waits 45 seconds; clients take any time. */
const ANSWER_WITHIN_MS = 45_000

interface Route {
  readonly kind: CallKind
  readonly queryId?: string
  readonly chunk?: number
}

interface Call extends Route {
  readonly request: IncomingMessage
  readonly url: URL
  readonly body: JsonObject
  readonly fault: Fault | undefined
}

type Answer = Reply | { readonly status: number } | { readonly text: string }

export class TwinServer {
  readonly #faults: Faults
  readonly #registry: SessionRegistry
  readonly #desk: QueryDesk
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #attempts = new Map<string, number>()
  #port = 0

  constructor(state: TwinState, faults: Faults, registry: SessionRegistry) {
    this.#faults = faults
    this.#registry = registry
    this.#desk = new QueryDesk(state, () => this.url)
    this.#server = createServer({ requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(error instanceof Error ? error.message : 'failed')
      })
    })
    this.#server.keepAliveTimeout = 60_000
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => undefined)
    })
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get desk(): QueryDesk {
    return this.#desk
  }

  /** Loopback only: the twin trusts whoever reaches it. */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const route = routeOf(request.method ?? 'GET', url)
    const body = await readJson(request)
    if (route === undefined) return send(response, { status: 404 })
    const fault = this.#faults.next({
      kind: route.kind,
      sql: asText(body.sqlText),
      attempt: this.#attempt(url),
      sessionId: this.#registry.peek(request.headers.authorization)?.id,
    })
    if (fault?.kind === 'answer') return send(response, { status: fault.status })
    if (fault?.kind === 'cut') return void request.socket.destroy()
    if (fault?.kind === 'delay') await delay(fault.ms)
    const answer = await this.#answer({ ...route, request, url, body, fault })
    if (fault?.kind === 'lost reply') return void request.socket.destroy()
    send(response, answer)
  }

  #attempt(url: URL): number {
    const id = url.searchParams.get('requestId')
    if (id === null) return 1
    const attempt = (this.#attempts.get(id) ?? 0) + 1
    this.#attempts.set(id, attempt)
    if (this.#attempts.size > 10_000) this.#attempts.clear()
    return attempt
  }

  async #answer(call: Call): Promise<Answer> {
    const { kind, request, body, fault } = call
    try {
      if (kind === 'login') return this.#registry.serves(body) ? await this.#login(call) : { status: 403 }
      if (kind === 'telemetry') return success(null)
      if (kind === 'chunk') return this.#chunk(call)
      if (kind === 'renewal') return this.#registry.renew(request.headers.authorization)
      const session = this.#registry.session(request.headers.authorization)
      if (fault?.kind === 'session gone') await this.#registry.close(session)
      if (fault?.kind === 'session gone')
        return sessionFailure(
          REPLY_CODE.sessionGone,
          'Session no longer exists. New login required to access the service.',
        )
      if (fault?.kind === 'session expired') this.#registry.expire(session)
      if (fault?.kind === 'session expired')
        return sessionFailure(
          REPLY_CODE.sessionExpired,
          'Authentication token has expired. The user must authenticate again.',
        )
      switch (kind) {
        case 'query': {
          const query = this.#desk.submit(session, {
            requestId: call.url.searchParams.get('requestId') ?? randomUUID(),
            body,
            isUploadCut: fault?.kind === 'cut upload',
            refusal:
              fault?.kind === 'error' ? new SnowflakeError(fault.code, fault.sqlState, fault.message) : undefined,
            queueMs: fault?.kind === 'queue full' ? fault.ms : 0,
          })
          if (fault?.kind === 'slow answer') query.pollsLeft = fault.polls
          if (body.asyncExec === true) return runningReply(query.id, true)
          return await this.#wait(query)
        }
        case 'result':
          return await this.#result(call)
        case 'monitoring':
          return this.#monitoring(call)
        case 'abort':
          return this.#abort(call)
        case 'close':
          await this.#registry.close(session)
          return success(null)
        default:
          return success(null)
      }
    } catch (error) {
      if (error instanceof SnowflakeError) return sessionFailure(error.code, error.message)
      throw error
    }
  }

  async #login({ url, body }: Call): Promise<Reply> {
    const { session, tokens } = await this.#registry.login(body, url.searchParams)
    const { database, schema, warehouse, role } = session.place
    return success({
      ...tokens,
      validityInSeconds: 3600,
      masterValidityInSeconds: 14400,
      displayUserName: session.user,
      serverVersion: '9.0.0 local',
      firstLogin: false,
      remMeToken: null,
      remMeValidityInSeconds: 0,
      healthCheckInterval: 45,
      newClientForUpgrade: null,
      sessionId: Number(session.id),
      parameters: parameterList(session.parameters.all()),
      sessionInfo: {
        databaseName: database ?? null,
        schemaName: schema ?? null,
        warehouseName: warehouse ?? null,
        roleName: role,
      },
      idToken: null,
      idTokenValidityInSeconds: 0,
      responseData: null,
      mfaToken: null,
      mfaTokenValidityInSeconds: 0,
    })
  }

  async #result(call: Call): Promise<Answer> {
    const query = this.#desk.find(call.queryId ?? '')
    return query === undefined ? unknownQuery(call.queryId) : this.#wait(query)
  }

  async #wait(query: DeskQuery): Promise<Reply> {
    if (query.pollsLeft > 0) {
      query.pollsLeft -= 1
      return runningReply(query.id, false)
    }
    const stop = new AbortController()
    const late = delay(ANSWER_WITHIN_MS, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
    const reply = await Promise.race([query.reply, late])
    stop.abort()
    return reply ?? runningReply(query.id, false)
  }

  #monitoring(call: Call): Answer {
    const query = this.#desk.find(call.queryId ?? '')
    if (query === undefined) return success({ queries: [] })
    const { id, status, errorCode, errorMessage, startMs, endMs, sql, warehouse } = query.record
    const isPending = !query.isSettled || query.pollsLeft > 0
    if (query.pollsLeft > 0) query.pollsLeft -= 1
    return success({
      queries: [
        {
          id,
          status: isPending
            ? status === 'QUEUED'
              ? status
              : 'RUNNING'
            : status === 'ABORTED'
              ? 'FAILED_WITH_ERROR'
              : status,
          state: isPending ? 'RUNNING' : 'SUCCEEDED',
          errorCode: errorCode ?? null,
          errorMessage: errorMessage ?? null,
          startTime: startMs,
          endTime: endMs,
          sqlText: sql,
          warehouseName: warehouse ?? null,
        },
      ],
    })
  }

  #abort(call: Call): Answer {
    const session = this.#registry.session(call.request.headers.authorization)
    const requestId = asText(call.body.requestId)
    const query =
      call.queryId === undefined
        ? requestId === undefined
          ? undefined
          : this.#desk.ofRequest(session, requestId)
        : this.#desk.find(call.queryId)
    if (query === undefined) return sessionFailure('000605', `Identified SQL statement is not currently executing.`)
    query.stop()
    return success(null)
  }

  #chunk({ queryId = '', chunk = 0 }: Call): Answer {
    const found = this.#desk.chunk(queryId, chunk)
    return found === undefined ? { status: 404 } : { text: found.body }
  }
}

function routeOf(method: string, url: URL): Route | undefined {
  const { pathname } = url
  if (method === 'POST') {
    switch (pathname) {
      case '/session/v1/login-request':
        return { kind: 'login' }
      case '/session/token-request':
        return { kind: 'renewal' }
      case '/session/heartbeat':
        return { kind: 'heartbeat' }
      case '/session':
        return { kind: 'close' }
      case '/telemetry/send':
      case '/telemetry/send/sessionless':
        return { kind: 'telemetry' }
      case '/queries/v1/query-request':
        return { kind: 'query' }
      case '/queries/v1/abort-request':
        return { kind: 'abort' }
      default: {
        const [, queryId] = /^\/queries\/([0-9a-f-]+)\/abort-request$/.exec(pathname) ?? []
        return queryId === undefined ? undefined : { kind: 'abort', queryId }
      }
    }
  }
  const [, result] = /^\/queries\/([0-9a-f-]+)\/result$/.exec(pathname) ?? []
  if (result !== undefined) return { kind: 'result', queryId: result }
  const [, watched] = /^\/monitoring\/queries\/([0-9a-f-]+)$/.exec(pathname) ?? []
  if (watched !== undefined) return { kind: 'monitoring', queryId: watched }
  const [, queryId, chunk] = /^\/chunks\/([0-9a-f-]+)\/(\d+)$/.exec(pathname) ?? []
  return queryId === undefined ? undefined : { kind: 'chunk', queryId, chunk: Number(chunk) }
}

function unknownQuery(id: string | undefined): Reply {
  return sessionFailure('000709', `Statement ${id ?? ''} not found`)
}

function send(response: ServerResponse, answer: Answer): void {
  if ('status' in answer) {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end('{}')
    return
  }
  // A driver would parse a chunk that says it is JSON, and it is not: its outer brackets are left out.
  const type = 'text' in answer ? 'binary/octet-stream' : 'application/json'
  const text = 'text' in answer ? answer.text : JSON.stringify(answer)
  const body = Buffer.from(text)
  response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body)
}
