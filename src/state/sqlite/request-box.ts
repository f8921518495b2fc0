/** The door of commands to a state file that a sync may have: it takes no lock, and SQLite orders the short writes. */
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import type { RequestBox } from '../../core/state.ts'
import { loadSqlite } from '../sqlite-driver.ts'
import { prepareDatabase } from './database-schema.ts'
import { stateError } from './errors.ts'
import { RequestTable } from './request-table.ts'

const WAIT_MS = 5_000

/** Makes the file where there is none yet: the first sync then finds what it was asked. */
export async function openSqliteRequestBox(file: string): Promise<RequestBox> {
  const sqlite = loadSqlite()
  const path = resolve(file)
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(path), { recursive: true })
    database = new sqlite.DatabaseSync(path, { timeout: WAIT_MS })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    prepareDatabase(database, path, true)
    return new SqliteRequestBox(database, path)
  } catch (error) {
    if (database?.isOpen) database.close()
    throw stateError(error, `Opening the state ${path}`, path)
  }
}

class SqliteRequestBox implements RequestBox {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #requests: RequestTable

  constructor(database: DatabaseSync, path: string) {
    this.#database = database
    this.#path = path
    this.#requests = new RequestTable(database)
  }

  async ask(request: ControlRequest): Promise<void> {
    this.#do('Writing', () => this.#requests.ask(request))
  }

  async request(id: string): Promise<ControlRecord | undefined> {
    return this.#do('Reading', () => this.#requests.find(id))
  }

  async openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#do('Reading', () => this.#requests.open(source))
  }

  async answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    this.#do('Writing', () => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        this.#requests.answer(id, answer)
        this.#database.exec('COMMIT')
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close()
  }

  #do<T>(doing: 'Reading' | 'Writing', work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw stateError(error, `${doing} the state ${this.#path}`, this.#path)
    }
  }
}
