/** Every statement that was sent, as QUERY_HISTORY shows it; the oldest go when there are too many. */
import type { StatementResult } from '../protocol/query-reply.ts'

export type QueryStatus = 'RUNNING' | 'QUEUED' | 'SUCCESS' | 'FAILED_WITH_ERROR' | 'ABORTED'

export interface QueryRecord {
  readonly id: string
  readonly sql: string
  readonly sessionId: string
  readonly user: string
  readonly tag: string
  readonly role: string
  readonly database: string | undefined
  readonly schema: string | undefined
  status: QueryStatus
  /** `SELECT`, `MERGE`, `COPY`, `CREATE_TABLE`, … */
  type: string
  /** On the twin's clock, by the cost model. */
  startMs: number
  endMs: number
  /** Set where the statement has used one. */
  warehouse: string | undefined
  warehouseSize: string | undefined
  creditsPerHour: number
  bytesScanned: number
  bytesWritten: number
  rowsProduced: number
  rowsInserted: number
  rowsUpdated: number
  rowsDeleted: number
  errorCode: string | undefined
  errorMessage: string | undefined
  transactionId: string | undefined
}

/** Statements that QUERY_HISTORY can show. */
const RECORDS_MAX = 500_000
/** Results that a client can fetch again, or RESULT_SCAN can read. */
const RESULTS_MAX = 200

export class QueryHistory {
  #records: QueryRecord[] = []
  readonly #results = new Map<string, StatementResult>()

  add(record: QueryRecord): void {
    this.#records.push(record)
    if (this.#records.length > RECORDS_MAX) this.#records = this.#records.slice(RECORDS_MAX / 10)
  }

  /** Oldest first. */
  all(): readonly QueryRecord[] {
    return this.#records
  }

  keep(queryId: string, result: StatementResult): void {
    this.#results.set(queryId, result)
    const oldest = this.#results.keys().next().value
    if (this.#results.size > RESULTS_MAX && oldest !== undefined) this.#results.delete(oldest)
  }

  result(queryId: string): StatementResult | undefined {
    return this.#results.get(queryId)
  }
}
