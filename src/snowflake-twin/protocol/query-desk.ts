/**
 * Queries of all sessions: each request is run once, however often a client repeats it, and its answer can be fetched later by its
 * id. A query that takes longer than a client waits goes on, and the client asks again.
 */
import { randomUUID } from 'node:crypto'
import { runStatement, type Statement } from '../execution/run-statement.ts'
import type { QueryRecord } from '../history/query-history.ts'
import { canceled, compilationError } from '../refusals.ts'
import type { Session } from '../session.ts'
import { runtimeError } from '../sql/runtime-error.ts'
import type { Bind } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { TwinState } from '../twin-state.ts'
import { multiReply, type ResultChunk, resultReply, type StatementResult, type WireRow } from './query-reply.ts'
import { splitStatements } from './statement-split.ts'
import { asObject, asText, type JsonObject, type Reply, statementFailure } from './wire-message.ts'

/** A running or ended query. */
export interface DeskQuery {
  readonly id: string
  readonly requestId: string
  readonly session: Session
  readonly record: QueryRecord
  readonly reply: Promise<Reply>
  isSettled: boolean
  /** Answers "still running" so many times more, though it has ended. */
  pollsLeft: number
  readonly stop: () => void
}

export interface QueryRequest {
  readonly requestId: string
  readonly body: JsonObject
  readonly isUploadCut: boolean
  readonly refusal: SnowflakeError | undefined
  readonly queueMs: number
}

/** Rows of a result that are sent with the answer itself, and at most this many bytes of them. */
const INLINE_ROWS_MAX = 5_000
const INLINE_BYTES_MAX = 1 << 20
/** Answers that clients may still fetch, and characters of their chunks; the oldest go first. */
const QUERIES_KEPT = 500
const CHUNK_CHARACTERS_MAX = 256 << 20

export class QueryDesk {
  readonly #state: TwinState
  /** `http://127.0.0.1:8100`. */
  readonly #url: () => string
  readonly #queries = new Map<string, DeskQuery>()
  readonly #byRequest = new Map<string, DeskQuery>()
  readonly #chunks = new Map<string, readonly ResultChunk[]>()
  #chunkCharacters = 0

  constructor(state: TwinState, url: () => string) {
    this.#state = state
    this.#url = url
  }

  find(queryId: string): DeskQuery | undefined {
    return this.#queries.get(queryId)
  }

  ofRequest(session: Session, requestId: string): DeskQuery | undefined {
    return this.#byRequest.get(`${session.id} ${requestId}`)
  }

  chunk(queryId: string, index: number): ResultChunk | undefined {
    return this.#chunks.get(queryId)?.[index]
  }

  /** The query that this request began before, or a new one. */
  submit(session: Session, request: QueryRequest): DeskQuery {
    const known = this.ofRequest(session, request.requestId)
    if (known !== undefined) return known
    const sql = asText(request.body.sqlText) ?? ''
    const query = this.#open(session, request.requestId, sql, request.body, async (record, signal) => {
      await waitInQueue(session, request.queueMs, record, signal)
      if (request.refusal !== undefined) throw request.refusal
      const statements = splitStatements(sql)
      const wanted = statementCount(session, request.body)
      if (wanted !== 0 && statements.length !== wanted && !(wanted === 1 && statements.length === 0))
        throw new SnowflakeError(
          '000008',
          '0A000',
          `Actual statement count ${statements.length} did not match the desired statement count ${wanted}.`,
        )
      if (statements.length > 1) return this.#runSeveral(session, request, statements, record, signal)
      const statement: Statement = {
        sql: statements[0] ?? sql,
        binds: bindsOf(request.body),
        describeOnly: request.body.describeOnly === true,
        isUploadCut: request.isUploadCut,
      }
      return this.#answer(session, record, await runStatement(this.#state, session, statement, record, signal))
    })
    this.#byRequest.set(`${session.id} ${request.requestId}`, query)
    return query
  }

  #open(
    session: Session,
    requestId: string,
    sql: string,
    body: JsonObject,
    work: (record: QueryRecord, signal: AbortSignal) => Promise<Reply>,
    isChild = false,
  ): DeskQuery {
    const id = randomUUID()
    const record = this.#record(session, id, sql, body)
    const abort = new AbortController()
    const signal = AbortSignal.any([abort.signal, session.ending.signal])
    const run = async (): Promise<Reply> => {
      const undo: (() => void)[] = []
      try {
        if (!isChild) undo.push(...withStatementParameters(session, body), withDeadline(session, abort))
        signal.throwIfAborted()
        const reply = await work(record, signal)
        record.status = 'SUCCESS'
        return reply
      } catch (error) {
        return this.#failed(record, runtimeError(error))
      } finally {
        for (const step of undo) step()
        session.remember(id)
      }
    }
    const query: DeskQuery = {
      id,
      requestId,
      session,
      record,
      reply: (isChild ? run() : session.inTurn(run)).then((reply) => {
        query.isSettled = true
        return reply
      }),
      isSettled: false,
      pollsLeft: 0,
      stop: () => abort.abort(canceled()),
    }
    this.#state.history.add(record)
    this.#queries.set(id, query)
    this.#forgetOldest()
    return query
  }

  async #runSeveral(
    session: Session,
    request: QueryRequest,
    statements: readonly string[],
    parent: QueryRecord,
    signal: AbortSignal,
  ): Promise<Reply> {
    const children: { id: string; typeId: number }[] = []
    for (const sql of statements) {
      let typeId = 0
      const child = this.#open(
        session,
        request.requestId,
        sql,
        request.body,
        async (record) => {
          const statement: Statement = { sql, binds: [], describeOnly: false, isUploadCut: false }
          const result = await runStatement(this.#state, session, statement, record, signal)
          typeId = result.typeId
          return this.#answer(session, record, result)
        },
        true,
      )
      const reply = await child.reply
      // The first failure ends the rest. https://docs.snowflake.com/en/developer-guide/node-js/nodejs-driver-execute
      if (!reply.success) {
        const data = asObject(reply.data)
        throw new SnowflakeError(reply.code ?? '000603', asText(data.sqlState) ?? 'XX000', reply.message ?? '')
      }
      children.push({ id: child.id, typeId })
    }
    parent.type = 'MULTI_STATEMENT'
    return multiReply(parent.id, children)
  }

  #answer(session: Session, record: QueryRecord, result: StatementResult): Reply {
    this.#state.history.keep(record.id, result)
    const chunks = this.#chunked(record.id, result.rows)
    if (chunks.length > 0) this.#keepChunks(record.id, chunks)
    return resultReply(record.id, result, chunks, { ...session.place, parameters: session.parameters.all() })
  }

  #keepChunks(queryId: string, chunks: readonly ResultChunk[]): void {
    this.#chunks.set(queryId, chunks)
    this.#chunkCharacters += characters(chunks)
    for (const id of this.#chunks.keys()) {
      if (this.#chunkCharacters <= CHUNK_CHARACTERS_MAX || id === queryId) return
      this.#dropChunks(id)
    }
  }

  #dropChunks(queryId: string): void {
    this.#chunkCharacters -= characters(this.#chunks.get(queryId) ?? [])
    this.#chunks.delete(queryId)
  }

  #chunked(queryId: string, rows: readonly WireRow[]): readonly ResultChunk[] {
    const chunks: ResultChunk[] = []
    let part: string[] = []
    let bytes = 0
    const close = (): void => {
      if (part.length === 0) return
      const url = `${this.#url()}/chunks/${queryId}/${chunks.length}`
      chunks.push({ url, body: part.join(','), rowCount: part.length })
      part = []
      bytes = 0
    }
    for (const row of rows) {
      const text = JSON.stringify(row)
      part.push(text)
      bytes += text.length
      if (part.length >= INLINE_ROWS_MAX || bytes >= INLINE_BYTES_MAX) close()
    }
    if (chunks.length === 0) return []
    close()
    return chunks
  }

  #failed(record: QueryRecord, error: SnowflakeError): Reply {
    record.status = error.code === canceled().code ? 'ABORTED' : 'FAILED_WITH_ERROR'
    record.errorCode = error.code
    record.errorMessage = error.message
    return statementFailure(error, record.id)
  }

  #record(session: Session, id: string, sql: string, body: JsonObject): QueryRecord {
    const tag = asText(asObject(body.parameters).QUERY_TAG) ?? session.parameters.text('QUERY_TAG')
    const now = this.#state.clock.nowMs()
    const { database, schema, role } = session.place
    return {
      id,
      sql,
      sessionId: session.id,
      user: session.user,
      tag,
      role,
      database,
      schema,
      status: 'RUNNING',
      type: 'UNKNOWN',
      startMs: now,
      endMs: now,
      warehouse: undefined,
      warehouseSize: undefined,
      creditsPerHour: 0,
      bytesScanned: 0,
      bytesWritten: 0,
      rowsProduced: 0,
      rowsInserted: 0,
      rowsUpdated: 0,
      rowsDeleted: 0,
      errorCode: undefined,
      errorMessage: undefined,
      transactionId: undefined,
    }
  }

  #forgetOldest(): void {
    for (const [id, query] of this.#queries) {
      if (this.#queries.size <= QUERIES_KEPT) return
      if (!query.isSettled) continue
      this.#queries.delete(id)
      this.#dropChunks(id)
      this.#byRequest.delete(`${query.session.id} ${query.requestId}`)
    }
  }
}

function characters(chunks: readonly ResultChunk[]): number {
  return chunks.reduce((sum, { body }) => sum + body.length, 0)
}

/** Parameters that hold for one request; put back afterwards. */
function withStatementParameters(session: Session, body: JsonObject): readonly (() => void)[] {
  const undo: (() => void)[] = []
  for (const [name, value] of Object.entries(asObject(body.parameters))) {
    const { parameters } = session
    const before = parameters.isSet(name) ? parameters.all().get(name) : undefined
    parameters.set(name, value)
    undo.push(() => (before === undefined ? parameters.unset(name) : parameters.set(name, before)))
  }
  return undo
}

/** STATEMENT_TIMEOUT_IN_SECONDS, of real time. */
function withDeadline(session: Session, abort: AbortController): () => void {
  const seconds = session.parameters.number('STATEMENT_TIMEOUT_IN_SECONDS')
  const reached = (): void => abort.abort(timedOut(seconds))
  const timer = seconds > 0 && seconds < 86_400 ? setTimeout(reached, seconds * 1000) : undefined
  timer?.unref()
  return () => clearTimeout(timer)
}

function timedOut(seconds: number): SnowflakeError {
  return new SnowflakeError(
    '000630',
    '57014',
    `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`,
  )
}

function statementCount(session: Session, body: JsonObject): number {
  const given = asObject(body.parameters).MULTI_STATEMENT_COUNT
  return given === undefined ? session.parameters.number('MULTI_STATEMENT_COUNT') : Number(given)
}

function bindsOf(body: JsonObject): readonly Bind[] {
  if (asText(body.bindStage) !== undefined)
    throw compilationError('002028', '42601', 'values bound through a stage are not known to the local Snowflake')
  const bindings = asObject(body.bindings)
  return Array.from({ length: Object.keys(bindings).length }, (_, index) => {
    const bind = asObject(bindings[String(index + 1)])
    return { type: asText(bind.type) ?? 'TEXT', value: bind.value as Bind['value'] }
  })
}

/** A full queue: the statement waits, or is canceled by STATEMENT_QUEUED_TIMEOUT_IN_SECONDS. */
async function waitInQueue(session: Session, ms: number, record: QueryRecord, signal: AbortSignal): Promise<void> {
  if (ms === 0) return
  const limit = session.parameters.number('STATEMENT_QUEUED_TIMEOUT_IN_SECONDS')
  if (limit > 0 && ms >= limit * 1000) throw timedOut(limit)
  record.status = 'QUEUED'
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason)
      },
      { once: true },
    )
  })
  record.status = 'RUNNING'
}
