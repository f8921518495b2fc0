/** `sync_runs` and `sync_errors`, bounded. Statements only: whoever calls has a transaction open where they write. */
import { createHash } from 'node:crypto'
import type { ErrorRecord, RunRecord } from '../../core/state.ts'
import type { StateClient } from './connection.ts'
import { plainText, timestamp } from './values.ts'

/** Of each source. */
const ERRORS_KEPT = 2_000
const RUNS_KEPT = 1_000
/** The bound is held now and then: looking for the oldest at each insert costs more than the insert. */
const BOUNDED_EVERY = 100n

export class RunTables {
  readonly #s: string

  /** `s`: the schema, quoted. */
  constructor(s: string) {
    this.#s = s
  }

  async saveRun(client: StateClient, run: RunRecord): Promise<void> {
    const [saved] = await client.query<{ number: bigint }>(
      `INSERT INTO ${this.#s}.sync_runs
         (source, run, started_at, ended_at, outcome, rows_snapshot, changes_staged, changes_merged, error, document)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (source, run) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
         outcome = excluded.outcome, rows_snapshot = excluded.rows_snapshot, changes_staged = excluded.changes_staged,
         changes_merged = excluded.changes_merged, error = excluded.error, document = excluded.document
       RETURNING number`,
      [
        run.source,
        run.id,
        timestamp(run.startedMs),
        timestamp(run.endedMs),
        run.outcome,
        run.rowsSnapshot,
        run.changesStaged,
        run.changesMerged,
        plainText(run.error),
        JSON.stringify(run),
      ],
    )
    await this.#bound(client, 'sync_runs', run.source, saved?.number, RUNS_KEPT)
  }

  /** The newest first, in the order in which they began to be recorded: a clock may jump. JSON has no `undefined`. */
  async runs(client: StateClient, source: string, limit: number): Promise<readonly RunRecord[]> {
    const rows = await this.#newest<RunRecord>(client, 'sync_runs', source, limit)
    return rows.map((run) => ({ ...run, endedMs: run.endedMs, error: run.error }))
  }

  /** The same error is recorded once, since whoever gets no answer records it again. */
  async recordError(client: StateClient, error: ErrorRecord): Promise<void> {
    const document = JSON.stringify(error)
    const [saved] = await client.query<{ number: bigint }>(
      `INSERT INTO ${this.#s}.sync_errors (id, source, source_table, code, message, hint, at, document)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING RETURNING number`,
      [
        createHash('sha256').update(document).digest('hex'),
        error.source,
        error.table === undefined ? null : `${error.source}.${error.table}`,
        error.code,
        plainText(error.message),
        plainText(error.hint),
        timestamp(error.atMs),
        document,
      ],
    )
    await this.#bound(client, 'sync_errors', error.source, saved?.number, ERRORS_KEPT)
  }

  async errors(client: StateClient, source: string, limit: number): Promise<readonly ErrorRecord[]> {
    const rows = await this.#newest<ErrorRecord>(client, 'sync_errors', source, limit)
    return rows.map((error) => ({ ...error, table: error.table, hint: error.hint }))
  }

  async #newest<T>(client: StateClient, table: string, source: string, limit: number): Promise<readonly T[]> {
    const rows = await client.query<{ document: T }>(
      `SELECT document FROM ${this.#s}.${table} WHERE source = $1 ORDER BY number DESC LIMIT $2`,
      [source, limit],
    )
    return rows.map((row) => row.document)
  }

  async #bound(
    client: StateClient,
    table: string,
    source: string,
    number: bigint | undefined,
    kept: number,
  ): Promise<void> {
    if (number === undefined || number % BOUNDED_EVERY !== 0n) return
    await client.query(
      `DELETE FROM ${this.#s}.${table} WHERE source = $1 AND number <=
         (SELECT number FROM ${this.#s}.${table} WHERE source = $1 ORDER BY number DESC OFFSET $2 LIMIT 1)`,
      [source, kept],
    )
  }
}
