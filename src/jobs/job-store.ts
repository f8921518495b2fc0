/**
 * Records of jobs, in an SQLite file that starters, keepers and onlookers open at the same time (write-ahead log). Every call is
 * one transaction that is on disk when it returns, and states change only from the state that was read, so nothing that is
 * killed at any point leaves half of a record, and two that look at once do not both decide.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { PipelineError } from '../core/errors.ts'
import type { Job, JobProgress, JobRequest, JobState } from '../core/job.ts'
import { type JobEvent, nextJobState } from './job-machine.ts'
import type { ProcessIdentity } from './process-identity.ts'

type Driver = typeof import('node:sqlite')

/** For others that write at the same moment. */
const WAIT_MS = 10_000
const VERSION = 1
/** In the header of the file, so that the database of another program is not taken for ours: `SLjb`. */
const APPLICATION_ID = 0x534c6a62

const TABLES = `
  CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, state TEXT NOT NULL, needs TEXT, request TEXT NOT NULL,
    created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,
    keeper TEXT, process TEXT, progress TEXT NOT NULL, cancel_ms INTEGER, grace_ms INTEGER,
    exit_code INTEGER, reason TEXT, hint TEXT
  ) STRICT;
  CREATE INDEX jobs_open ON jobs (state, needs, number) WHERE state IN ('queued', 'running');
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`

/** What the port does not show. */
export interface JobRecord extends Job {
  readonly number: number
  /** The process that keeps the job; undefined until it has taken it over. */
  readonly keeper: ProcessIdentity | undefined
  readonly process: ProcessIdentity | undefined
}

export interface JobEnd {
  readonly endedMs: number
  readonly exitCode?: number | undefined
  readonly reason?: string | undefined
  readonly hint?: string | undefined
}

export class JobStore implements Disposable {
  readonly #database: DatabaseSync
  readonly #path: string

  /** Throws `state_unavailable`, or `state_version` for a file that a newer version has written. */
  constructor(sqlite: Driver, path: string) {
    let database: DatabaseSync | undefined
    try {
      mkdirSync(dirname(path), { recursive: true })
      database = new sqlite.DatabaseSync(path, { timeout: WAIT_MS })
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      prepare(database, path)
    } catch (error) {
      database?.close()
      throw storeError(error, 'Opening', path)
    }
    this.#database = database
    this.#path = path
  }

  add(request: JobRequest, createdMs: number): JobRecord {
    const slug = request.name.split(' ').at(-1) ?? 'job'
    return this.#transaction(() => {
      const row = this.#one(
        `INSERT INTO jobs (state, needs, request, created_ms, progress) VALUES ('queued', ?, ?, ?, '{}') RETURNING number`,
        request.needs ?? null,
        JSON.stringify(request),
        createdMs,
      )
      const number = Number(row?.number)
      const id = `${slug}-${number}`
      this.#run('UPDATE jobs SET id = ? WHERE number = ?', id, number)
      return this.#record(id)
    })
  }

  /** Undefined: there is none. */
  find(id: string): JobRecord | undefined {
    const row = this.#one('SELECT * FROM jobs WHERE id = ? OR CAST(number AS TEXT) = ?', id, id)
    return row === undefined ? undefined : recordOf(row)
  }

  /** The newest first. */
  newest(limit: number): readonly JobRecord[] {
    return this.#all('SELECT * FROM jobs ORDER BY number DESC LIMIT ?', limit).map(recordOf)
  }

  open(): readonly JobRecord[] {
    return this.#all(`SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY number`).map(recordOf)
  }

  ids(): readonly string[] {
    return this.#all('SELECT id FROM jobs ORDER BY number DESC').map((row) => String(row.id))
  }

  setKeeper(id: string, keeper: ProcessIdentity): void {
    this.#run('UPDATE jobs SET keeper = ? WHERE id = ?', JSON.stringify(keeper), id)
  }

  setProcess(id: string, process: ProcessIdentity): void {
    this.#run('UPDATE jobs SET process = ? WHERE id = ?', JSON.stringify(process), id)
  }

  setProgress(id: string, progress: JobProgress): void {
    this.#run('UPDATE jobs SET progress = ? WHERE id = ?', JSON.stringify(progress), id)
  }

  /** False: it is not open any more. */
  askToCancel(id: string, askedMs: number, graceMs: number): boolean {
    const changes = this.#run(
      `UPDATE jobs SET cancel_ms = coalesce(cancel_ms, ?1), grace_ms = min(coalesce(grace_ms, ?2), ?2)
       WHERE id = ?3 AND state IN ('queued', 'running')`,
      askedMs,
      graceMs,
      id,
    )
    return changes === 1
  }

  /**
   * The job runs from now on, unless an older one that needs the same is queued or runs: then that one's id. Undefined: it
   * runs; or it is not queued any more, which the caller sees in its state.
   */
  begin(id: string, startedMs: number): string | undefined {
    return this.#transaction(() => {
      const job = this.#record(id)
      if (nextJobState(job.state, 'begin') === undefined) return undefined
      const holder = this.#holder(job)
      if (holder !== undefined) return holder
      this.#run(`UPDATE jobs SET state = 'running', started_ms = ? WHERE id = ?`, startedMs, id)
      return undefined
    })
  }

  /** What it waits for. */
  holder(job: JobRecord): string | undefined {
    return job.state === 'queued' ? this.#holder(job) : undefined
  }

  /** False: the job has ended already; it stays as it ended. */
  end(id: string, event: Exclude<JobEvent, 'begin'>, end: JobEnd): boolean {
    return this.#transaction(() => {
      const state = nextJobState(this.#record(id).state, event)
      if (state === undefined) return false
      this.#run(
        'UPDATE jobs SET state = ?, ended_ms = ?, exit_code = ?, reason = ?, hint = ? WHERE id = ?',
        state,
        end.endedMs,
        end.exitCode ?? null,
        end.reason ?? null,
        end.hint ?? null,
        id,
      )
      return true
    })
  }

  /** Forgets ended jobs but the newest `kept`. Returns their ids. */
  forget(kept: number): readonly string[] {
    return this.#all(
      `DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND number <= (
         SELECT number FROM jobs WHERE state NOT IN ('queued', 'running') ORDER BY number DESC LIMIT 1 OFFSET ?
       ) RETURNING id`,
      kept,
    ).map((row) => String(row.id))
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #holder(job: JobRecord): string | undefined {
    if (job.needs === undefined) return undefined
    const row = this.#one(
      `SELECT id FROM jobs WHERE needs = ? AND (state = 'running' OR (state = 'queued' AND number < ?)) ORDER BY number LIMIT 1`,
      job.needs,
      job.number,
    )
    return row === undefined ? undefined : String(row.id)
  }

  #record(id: string): JobRecord {
    const record = this.find(id)
    if (record === undefined) throw new Error(`the record of job ${id} is gone`)
    return record
  }

  #transaction<T>(work: () => T): T {
    return this.#translated('Writing', () => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  #translated<T>(doing: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw storeError(error, doing, this.#path)
    }
  }

  #one(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#translated('Reading', () => this.#database.prepare(sql).get(...values))
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#translated('Reading', () => this.#database.prepare(sql).all(...values))
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): number {
    return this.#translated('Writing', () => Number(this.#database.prepare(sql).run(...values).changes))
  }
}

type Row = Readonly<Record<string, unknown>>

/** JSON has no `undefined`. */
type WrittenRequest = Omit<JobRequest, 'needs' | 'retryOf'> & Partial<Pick<JobRequest, 'needs' | 'retryOf'>>

function recordOf(row: Row): JobRecord {
  const request = JSON.parse(String(row.request)) as WrittenRequest
  const process = identity(row.process)
  const askedMs = number(row.cancel_ms)
  const state = String(row.state) as JobState
  return {
    needs: undefined,
    retryOf: undefined,
    ...request,
    number: Number(row.number),
    id: String(row.id),
    state,
    createdMs: Number(row.created_ms),
    startedMs: number(row.started_ms),
    endedMs: number(row.ended_ms),
    keeper: identity(row.keeper),
    process,
    pid: process?.pid,
    progress: JSON.parse(String(row.progress)) as JobProgress,
    cancel: askedMs === undefined ? undefined : { askedMs, graceMs: Number(row.grace_ms) },
    exitCode: number(row.exit_code),
    reason: row.reason === null ? undefined : String(row.reason),
    hint: row.hint === null ? undefined : String(row.hint),
    waitsFor: undefined,
  }
}

function number(value: unknown): number | undefined {
  return value === null ? undefined : Number(value)
}

function identity(value: unknown): ProcessIdentity | undefined {
  if (value === null) return undefined
  return { start: undefined, ...(JSON.parse(String(value)) as { readonly pid: number }) }
}

/** Two may come to an empty file at the same time. */
function prepare(database: DatabaseSync, path: string): void {
  const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
  database.exec('BEGIN IMMEDIATE')
  const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_master').get() ?? {}
  if (count === 0) database.exec(TABLES)
  const application = pragma('application_id')
  const version = pragma('user_version')
  database.exec('COMMIT')
  if (application !== APPLICATION_ID) {
    throw new PipelineError('state_unavailable', `Opening the jobs in ${path}`, {
      cause: new Error('it is a database of another program'),
      hint: 'Move it away',
      context: { path },
    })
  }
  if (version !== VERSION) {
    throw new PipelineError('state_version', `Opening the jobs in ${path}`, {
      cause: new Error(`it has format ${version}; this version knows ${VERSION}`),
      hint: 'Use the newer version of SimplyLoad that wrote it',
      context: { path, format: version, known: VERSION },
    })
  }
}

/** https://www.sqlite.org/rescode.html#full; the low byte of a result code is the primary one. */
const FULL = 13

function storeError(error: unknown, doing: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  const isFull = error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === FULL
  return new PipelineError(isFull ? 'state_full' : 'state_unavailable', `${doing} the jobs in ${path}`, {
    cause: error,
    hint: isFull
      ? `Free space on the disk that holds ${path}; jobs that run go on`
      : `Let this user write ${dirname(path)}, and see that its disk is sound; a damaged file may be moved away, with the history in it`,
    context: { path },
  })
}
