/** One connection for the length of one call: statements, bound values, transactions, files. */
import { invariant } from '../../core/invariant.ts'
import { AbandonedStatement } from './abandoned-statement.ts'
import { type DriverColumn, type DriverConnection, restoreUmask } from './driver.ts'
import { isSessionGone } from './errors.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { formatQueryTag, type QueryTag } from './query-tag.ts'
import { executeStatement, type SqlValue, type StatementAnswer, type StatementRow } from './statement.ts'

export type { SqlValue } from './statement.ts'

/**
 * A row by column name as selected (upper case where the query does not quote it). Numbers are exact text (`-1.50`),
 * floats as Snowflake prints them (`NaN`, `inf`), times UTC as `2026-01-31 23:59:59.000001` (TIMESTAMP_NTZ), with `+00:00`
 * (TIMESTAMP_LTZ, TIMESTAMP_TZ), dates `2026-01-31`, BINARY hexadecimal in upper case, VARIANT JSON text.
 */
export type Row = Readonly<Record<string, string | boolean | null>>

/** Of a MERGE, INSERT, UPDATE or DELETE. */
export interface ChangeCounts {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

export interface SessionLimits {
  /** For each statement. */
  readonly statementMs: number
  /** For one file. */
  readonly uploadMs: number
  readonly signOfLifeMs: number
}

export interface SessionOptions {
  readonly connection: DriverConnection
  /** It was used before, so the server may have forgotten it meanwhile. */
  readonly isReused: boolean
  readonly reconnect: () => Promise<DriverConnection>
  readonly tag: QueryTag
  readonly limits: SessionLimits
  readonly signal: AbortSignal
}

/** To end what was begun; the answer to an open question may be lost with it, and then the checkpoint tells. */
const END_MS = 120_000
/** A lock that is not given by then is held by somebody who is gone, until Snowflake ends that session. */
const LOCK_WAIT_MS = 3000

export class SnowflakeSession {
  #connection: DriverConnection
  readonly #reconnect: () => Promise<DriverConnection>
  readonly #limits: SessionLimits
  readonly #signal: AbortSignal
  #mayReconnect: boolean
  #tag: QueryTag
  #isBroken = false
  #isInTransaction = false
  /** Its current database may be another one than that of the connection. */
  #isAway = false
  /** Ends statements that wait, beside the signal of the call. */
  #hurry: AbortSignal | undefined

  constructor({ connection, isReused, reconnect, tag, limits, signal }: SessionOptions) {
    this.#connection = connection
    this.#reconnect = reconnect
    this.#mayReconnect = isReused
    this.#tag = tag
    this.#limits = limits
    this.#signal = signal
  }

  get connection(): DriverConnection {
    return this.#connection
  }

  /** The connection must not be used by anybody else. */
  get isBroken(): boolean {
    return this.#isBroken || this.#isInTransaction || this.#isAway
  }

  /** True for the error with which a call ends that was told to stop. */
  isStop(error: unknown): boolean {
    return this.#signal.aborted && error === this.#signal.reason
  }

  /** What the next statements are for, as their cost is told by it. `table`: `namespace.name` at the source; undefined: of no single one. */
  phase(phase: string, table?: string): void {
    const { table: _, ...tag } = this.#tag
    this.#tag = { ...tag, phase, ...(table === undefined ? {} : { table }) }
  }

  /**
   * Statements of `work` take no time but where they wait for locks of others. Some seconds after `stopping` aborts, the one
   * that runs is cancelled.
   */
  async hurried<T>(stopping: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (stopping === undefined) return work()
    const hurry = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const begin = () => {
      timer = setTimeout(() => hurry.abort(new AbandonedStatement('lock', LOCK_WAIT_MS)), LOCK_WAIT_MS)
    }
    if (stopping.aborted) begin()
    else stopping.addEventListener('abort', begin, { once: true })
    this.#hurry = hurry.signal
    try {
      return await work()
    } finally {
      this.#hurry = undefined
      stopping.removeEventListener('abort', begin)
      clearTimeout(timer)
    }
  }

  /** Returns the number of rows that were changed. */
  async run(sql: string, binds: readonly SqlValue[] = []): Promise<number> {
    const { inserted, updated, deleted } = await this.change(sql, binds)
    return inserted + updated + deleted
  }

  /** The driver's own count adds up all columns, also that of rows which an UPDATE met several times. */
  async change(sql: string, binds: readonly SqlValue[] = []): Promise<ChangeCounts> {
    const { columns, rows } = await this.#execute(sql, binds)
    const counts = { inserted: 0, updated: 0, deleted: 0 }
    for await (const row of rows) {
      for (const [index, column] of columns.entries()) {
        const kind = /^number of rows (inserted|updated|deleted)$/.exec(column.getName())?.[1] as keyof ChangeCounts
        if (kind !== undefined) counts[kind] += Number(row[index])
      }
    }
    return counts
  }

  /** CREATE SCHEMA makes the schema's database the current one: afterwards it is again the one that it was. */
  async createSchema(schema: string, isElsewhere: boolean): Promise<void> {
    const sql = `CREATE SCHEMA IF NOT EXISTS ${schema}`
    if (!isElsewhere) return void (await this.run(sql))
    const { NAME: own } = await this.row('SELECT CURRENT_DATABASE() AS name')
    this.#isAway = true
    await this.run(sql)
    await this.run(`USE DATABASE ${quoteIdentifier(String(own))}`)
    this.#isAway = false
  }

  async rows(sql: string, binds: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const { columns, rows } = await this.#execute(sql, binds)
    const names = columns.map((column) => column.getName())
    const found: Row[] = []
    for await (const row of rows) found.push(rowObject(names, row))
    return found
  }

  /** The only row of a query that always has one. */
  async row(sql: string, binds: readonly SqlValue[] = []): Promise<Row> {
    const [row] = await this.rows(sql, binds)
    if (row === undefined) throw new Error('The query gave no row')
    return row
  }

  /** Rows are fetched as they are asked for; iterate once. */
  async stream(
    sql: string,
    binds: readonly SqlValue[] = [],
  ): Promise<{ readonly columns: readonly DriverColumn[]; readonly rows: AsyncIterable<StatementRow> }> {
    return this.#execute(sql, binds)
  }

  /**
   * Rolled back when `work` throws, and when it returns a `Rollback`. No DDL inside: it would commit what was done so far.
   * A signal does not interrupt COMMIT, so that whether it happened is known wherever the server answers.
   */
  async transaction<T>(work: () => Promise<T | Rollback<T>>): Promise<T> {
    invariant(!this.#isInTransaction, 'transactions are not nested')
    await this.run('BEGIN')
    this.#isInTransaction = true
    try {
      const result = await work()
      if (result instanceof Rollback) {
        await this.#end('ROLLBACK')
        return result.value
      }
      await this.#end('COMMIT')
      return result
    } catch (error) {
      // Where this fails too the connection is given up, and the server rolls back when it ends the session.
      if (this.#isInTransaction && !this.#isBroken) await this.#end('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  /** `stageUrl`: `@"DB"."SCHEMA"."STAGE"/folder`; the file keeps its name. As it is: Parquet is compressed already. */
  async put(localPath: string, stageUrl: string): Promise<{ readonly name: string; readonly bytes: number }> {
    const path = localPath.replaceAll('\\', '/')
    const sql = `PUT ${quoteLiteral(`file://${path}`)} ${quoteLiteral(stageUrl)} AUTO_COMPRESS = FALSE OVERWRITE = TRUE PARALLEL = 4`
    const { columns, rows } = await this.#execute(sql, [], this.#limits.uploadMs).finally(restoreUmask)
    const names = columns.map((column) => column.getName())
    for await (const values of rows) {
      const { target, targetSize, status, message } = rowObject(names, values)
      if (status !== 'UPLOADED') throw new Error(`The file was not uploaded (${status}): ${message}`)
      return { name: String(target), bytes: Number(targetSize) }
    }
    throw new Error('The file was not uploaded: the driver says nothing about it')
  }

  /** COMMIT or ROLLBACK: nobody interrupts it. */
  async #end(sql: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    try {
      await this.#send(sql, [], Math.min(END_MS, this.#limits.statementMs), undefined)
      this.#isInTransaction = false
    } catch (error) {
      this.#isBroken = true
      throw error
    }
  }

  async #execute(
    sql: string,
    binds: readonly SqlValue[],
    deadlineMs = this.#limits.statementMs,
  ): Promise<StatementAnswer> {
    const mayReconnect = this.#mayReconnect
    this.#mayReconnect = false
    const signal = this.#hurry === undefined ? this.#signal : AbortSignal.any([this.#signal, this.#hurry])
    try {
      return await this.#send(sql, binds, deadlineMs, signal)
    } catch (error) {
      // The first statement on a connection that the server has forgotten was not carried out.
      if (!mayReconnect || !isSessionGone(error)) throw error
      this.#isBroken = false
      this.#connection = await this.#reconnect()
      return await this.#send(sql, binds, deadlineMs, signal)
    }
  }

  async #send(
    sql: string,
    binds: readonly SqlValue[],
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<StatementAnswer> {
    const request = {
      sql,
      binds,
      parameters: {
        QUERY_TAG: formatQueryTag(this.#tag),
        // The server ends it too, where cancelling does not get through.
        STATEMENT_TIMEOUT_IN_SECONDS: Math.max(1, Math.ceil(deadlineMs / 1000)),
      },
    }
    const limits = { deadlineMs, signOfLifeMs: this.#limits.signOfLifeMs }
    const abandon = () => {
      this.#isBroken = true
    }
    try {
      return await executeStatement(this.#connection, request, limits, signal, abandon)
    } catch (error) {
      if (isSessionGone(error)) this.#isBroken = true
      throw error
    }
  }
}

/** What a transaction returns that found nothing to keep. */
export class Rollback<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}

function rowObject(names: readonly string[], values: StatementRow): Row {
  const row: Record<string, string | boolean | null> = {}
  for (const [index, name] of names.entries()) row[name] = values[index] ?? null
  return row
}
