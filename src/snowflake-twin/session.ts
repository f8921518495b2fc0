/** One session of a client: where it is, who it is, its own DuckDB connection and transaction. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { StageObject, TableObject } from './catalog/catalog-objects.ts'
import type { LockOwner, LockTable } from './execution/lock-table.ts'
import { type RowDelta, SessionTransaction } from './execution/session-transaction.ts'
import type { TableVersions } from './execution/table-versions.ts'
import { canceled } from './refusals.ts'
import { SessionParameters } from './session-parameters.ts'
import { prepareConnection } from './sql/duckdb-setup.ts'
import type { ObjectName, SessionVariable } from './sql/session-context.ts'

export interface SessionPlace {
  database: string | undefined
  schema: string | undefined
  warehouse: string | undefined
  role: string
}

/** Queries of a session that LAST_QUERY_ID and RESULT_SCAN can find. */
const QUERY_IDS_MAX = 100

export class Session {
  readonly id: string
  readonly user: string
  readonly client: string
  readonly place: SessionPlace
  readonly parameters = new SessionParameters()
  readonly variables = new Map<string, SessionVariable>()
  readonly connection: DuckDBConnection
  readonly transaction: SessionTransaction
  /** Of this session alone; they hide permanent ones of the same name. */
  readonly temporaryTables = new Map<string, TableObject>()
  readonly temporaryStages = new Map<string, StageObject>()
  readonly queryIds: string[] = []
  /** On the twin's clock: when the last statement has ended by the cost model. */
  freeAtMs = 0
  isClosed = false
  /** Aborted when the session is closed: what it runs and waits for ends. */
  readonly ending = new AbortController()
  #running = 0
  #endedAtMs = performance.now()
  #lost: string | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    given: { readonly id: string; readonly user: string; readonly client: string; readonly place: SessionPlace },
    connection: DuckDBConnection,
    transaction: SessionTransaction,
  ) {
    this.id = given.id
    this.user = given.user
    this.client = given.client
    this.place = given.place
    this.connection = connection
    this.transaction = transaction
  }

  static async open(
    given: { readonly id: string; readonly user: string; readonly client: string; readonly place: SessionPlace },
    instance: DuckDBInstance,
    shared: {
      readonly locks: LockTable
      readonly versions: TableVersions
      readonly onCommit: (deltas: readonly RowDelta[]) => void
    },
  ): Promise<Session> {
    const connection = await instance.connect()
    await prepareConnection(connection)
    const transaction = new SessionTransaction(connection, shared.locks, shared.versions, shared.onCommit)
    return new Session(given, connection, transaction)
  }

  /** Statements of a session run one after the other. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#running += 1
    const turn = this.#turn.then(work).finally(() => {
      this.#running -= 1
      this.#endedAtMs = performance.now()
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** For a transaction or a statement that takes locks. */
  lockOwner(queryId: string): LockOwner {
    return {
      id: queryId,
      queryId,
      idleMs: () => (this.#running > 0 ? 0 : performance.now() - this.#endedAtMs),
      abort: () => {
        if (this.#running > 0 || this.transaction.id !== queryId) return
        this.#lost = queryId
        void this.inTurn(() => this.transaction.rollback())
      },
    }
  }

  /** Once, the transaction that was rolled back while the client did nothing. */
  takeLostTransaction(): string | undefined {
    const lost = this.#lost
    this.#lost = undefined
    return lost
  }

  remember(queryId: string): void {
    this.queryIds.push(queryId)
    if (this.queryIds.length > QUERY_IDS_MAX) this.queryIds.shift()
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.ending.abort(canceled())
    await this.inTurn(async () => {
      await this.transaction.rollback()
      this.connection.closeSync()
    })
  }
}

export function nameKey(name: ObjectName): string {
  return [name.database, name.schema, name.name].join('\u0000')
}
