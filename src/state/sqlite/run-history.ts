/** Runs and errors, bounded. Statements only: whoever calls has a transaction open where they write. */
import type { DatabaseSync } from 'node:sqlite'
import type { ErrorRecord, RunRecord } from '../../core/state.ts'

/** Of each source. */
const ERRORS_KEPT = 2_000
const RUNS_KEPT = 1_000

export class RunHistory {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  saveRun(run: RunRecord): void {
    this.#database
      .prepare(
        `INSERT INTO runs (source, id, document) VALUES (?, ?, ?)
         ON CONFLICT (source, id) DO UPDATE SET document = excluded.document`,
      )
      .run(run.source, run.id, JSON.stringify(run))
    this.#dropOldest('runs', run.source, RUNS_KEPT)
  }

  /** The newest first, in the order in which they began to be recorded: a clock may jump. JSON has no `undefined`. */
  runs(source: string, limit: number): readonly RunRecord[] {
    return this.#newest('runs', source, limit).map(
      (document) => ({ endedMs: undefined, error: undefined, ...document }) as RunRecord,
    )
  }

  recordError(error: ErrorRecord): void {
    this.#database
      .prepare('INSERT INTO errors (source, document) VALUES (?, ?)')
      .run(error.source, JSON.stringify(error))
    this.#dropOldest('errors', error.source, ERRORS_KEPT)
  }

  errors(source: string, limit: number): readonly ErrorRecord[] {
    return this.#newest('errors', source, limit).map(
      (document) => ({ table: undefined, hint: undefined, ...document }) as ErrorRecord,
    )
  }

  #newest(table: 'runs' | 'errors', source: string, limit: number): readonly object[] {
    const sql = `SELECT document FROM ${table} WHERE source = ? ORDER BY number DESC LIMIT ?`
    const rows = this.#database.prepare(sql).all(source, limit)
    return rows.map((row) => JSON.parse(String(row.document)) as object)
  }

  #dropOldest(table: 'runs' | 'errors', source: string, kept: number): void {
    const newestDropped = `SELECT number FROM ${table} WHERE source = ? ORDER BY number DESC LIMIT 1 OFFSET ?`
    this.#database
      .prepare(`DELETE FROM ${table} WHERE source = ? AND number <= (${newestDropped})`)
      .run(source, source, kept)
  }
}
