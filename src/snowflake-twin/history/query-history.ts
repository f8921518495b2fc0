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
/** Results that RESULT_SCAN can read, and rows of all of them; the oldest go first, the last one stays. */
const RESULTS_MAX = 200
const RESULT_ROWS_MAX = 200_000

export class QueryHistory {
  #records: QueryRecord[] = []
  readonly #results = new Map<string, StatementResult>()
  #resultRows = 0

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
    this.#resultRows += result.rows.length
    for (const [id, kept] of this.#results) {
      const hasRoom = this.#results.size <= RESULTS_MAX && this.#resultRows <= RESULT_ROWS_MAX
      if (hasRoom || id === queryId) return
      this.#results.delete(id)
      this.#resultRows -= kept.rows.length
    }
  }

  result(queryId: string): StatementResult | undefined {
    return this.#results.get(queryId)
  }
}
