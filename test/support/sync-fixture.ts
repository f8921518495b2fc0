/**
 * A database, a configuration and a warehouse of a test's own, and syncs between them in this process, with any part
 * wrapped. The warehouse is read only while no sync runs: one process must not open a DuckDB file twice.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import type pg from 'pg'
import { loadConfig } from '../../src/config/load.ts'
import { CONFIG_SCHEMA, openRequestBox } from '../../src/connectors.ts'
import type { ControlAction, ControlAnswer } from '../../src/core/control-request.ts'
import type { ProgressEvent, SyncSummary } from '../../src/core/progress.ts'
import type { RequestBox } from '../../src/core/state.ts'
import { type ComparedTable, compareTable, type Difference, textRows } from './comparison.ts'
import { inDuckDbFile } from './duckdb-look.ts'
import { runPipeline, type Wraps } from './pipeline.ts'
import { createTestDatabase, type TestDatabase } from './postgres.ts'
import { type StateKind, stateConfig } from './state-config.ts'

export interface SyncOptions {
  readonly wraps?: Wraps
  readonly settings?: readonly string[]
  readonly only?: readonly string[]
}

export interface SyncEnd {
  readonly summary: SyncSummary
  readonly error: unknown
}

export interface SyncFixtureOptions {
  /** Run before anything else. */
  readonly sql: string
  /** As in `simplyload.yaml`. */
  readonly tables: readonly (string | Readonly<Record<string, unknown>>)[]
  /** Over the defaults below. */
  readonly source?: Readonly<Record<string, unknown>>
  readonly sync?: Readonly<Record<string, unknown>>
  /** Beside `shop`. */
  readonly moreSources?: Readonly<Record<string, unknown>>
  /** Default: `copy.{table}`. */
  readonly naming?: string
  /** Where warehouse, stage and state go; by default below a temporary folder that is removed in the end. */
  readonly paths?: { readonly warehouse?: string; readonly stage?: string }
  /** In place of a folder. */
  readonly stage?: Readonly<Record<string, unknown>>
  readonly serverUrl?: string
  /** Default: SQLite. PostgreSQL: beside the source. */
  readonly state?: StateKind
}

const WAIT_MS = 60_000

export class SyncFixture implements AsyncDisposable {
  readonly database: TestDatabase
  readonly folder: string
  readonly configFile: string
  readonly warehouse: string
  readonly stageFolder: string
  #client: pg.Client | undefined

  private constructor(database: TestDatabase, folder: string, warehouse: string, stageFolder: string) {
    this.database = database
    this.folder = folder
    this.configFile = join(folder, 'simplyload.yaml')
    this.warehouse = warehouse
    this.stageFolder = stageFolder
  }

  static async create(options: SyncFixtureOptions): Promise<SyncFixture> {
    const database = await createTestDatabase(
      ...(options.serverUrl === undefined ? [] : ([options.serverUrl] as const)),
    )
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-sync-'))
    const warehouse = options.paths?.warehouse ?? join(folder, 'warehouse.duckdb')
    const stage = options.paths?.stage ?? join(folder, 'stage')
    const fixture = new SyncFixture(database, folder, warehouse, stage)
    await database.query(options.sql)
    await mkdir(folder, { recursive: true })
    const config = {
      version: 1,
      sources: {
        shop: {
          type: 'postgres',
          url: database.url,
          mode: 'cdc',
          slot: `slot_of_${database.name}`,
          publication: 'simplyload',
          tables: options.tables,
          ...options.source,
        },
        ...options.moreSources,
      },
      destination: { type: 'duckdb', path: warehouse },
      stage: options.stage ?? { type: 'local', path: stage },
      state: stateConfig(options.state ?? 'sqlite', database.url),
      naming: options.naming ?? 'copy.{table}',
      sync: { interval: '50ms', memory: '256MiB', ...options.sync },
    }
    // JSON is YAML.
    await writeFile(fixture.configFile, JSON.stringify(config, null, 2))
    return fixture
  }

  sql(text: string): Promise<readonly Record<string, unknown>[]> {
    return this.database.query(text)
  }

  /** Starts a sync that goes on until it is stopped. */
  start(options: SyncOptions = {}): RunningSync {
    return new RunningSync(this.configFile, false, options)
  }

  /** Runs to the position that is current now. Rejects where the run failed as a whole. */
  async once(options: SyncOptions = {}): Promise<SyncEnd & { readonly events: readonly ProgressEvent[] }> {
    const run = new RunningSync(this.configFile, true, options)
    const end = await run.ended
    if (end.error !== undefined) throw end.error
    return { ...end, events: run.events }
  }

  async #requestBox(): Promise<RequestBox> {
    const request = { file: this.configFile, environment: process.env, settings: [] }
    const { config, folder } = await loadConfig(CONFIG_SCHEMA, request)
    return openRequestBox(config, folder)
  }

  /** Asks as a command does, beside a sync or before one. Returns the id. */
  async ask(action: ControlAction, name = 't'): Promise<string> {
    await using box = await this.#requestBox()
    const id = crypto.randomUUID()
    await box.ask({ id, table: { source: 'shop', namespace: 'public', name }, action, askedMs: Date.now() })
    return id
  }

  /** The answer to a request, as soon as there is one of these. */
  async answer(id: string, ...outcomes: readonly ControlAnswer['outcome'][]): Promise<ControlAnswer> {
    await using box = await this.#requestBox()
    const deadline = Date.now() + WAIT_MS
    for (;;) {
      const answer = (await box.request(id))?.answer
      if (answer !== undefined && (outcomes.length === 0 || outcomes.includes(answer.outcome))) return answer
      if (Date.now() > deadline)
        throw new Error(`waited ${WAIT_MS} ms for an answer; so far: ${JSON.stringify(answer)}`)
      await delay(20)
    }
  }

  /** Rows of a query on the warehouse; every column must be text. No sync may be running. */
  async copied(sql: string): Promise<(string | null)[][]> {
    return this.withWarehouse((connection) => textRows(connection, sql))
  }

  /** What a comparison without any code of the product finds. No sync may be running. */
  async differences(
    ...tables: readonly (Omit<ComparedTable, 'target'> & Partial<Pick<ComparedTable, 'target'>>)[]
  ): Promise<readonly Difference[]> {
    this.#client ??= await this.database.connect()
    const client = this.#client
    return this.withWarehouse(async (connection) => {
      const found: Difference[] = []
      for (const table of tables) {
        const target = table.target ?? { namespace: 'copy', name: table.name }
        found.push(...(await compareTable(client, connection, { ...table, target })))
      }
      return found
    })
  }

  /** No sync may be running. */
  async withWarehouse<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return inDuckDbFile(this.warehouse, 'READ_ONLY', use)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.dispose()
    await rm(this.folder, { recursive: true, force: true })
  }
}

export class RunningSync {
  readonly events: ProgressEvent[] = []
  readonly ended: Promise<SyncEnd>
  readonly #graceful = new AbortController()
  readonly #immediate = new AbortController()
  readonly #waiters = new Set<() => void>()
  #over = false

  constructor(configFile: string, once: boolean, { wraps, settings, only }: SyncOptions) {
    this.ended = runPipeline({
      configFile,
      once,
      listener: (event) => {
        this.events.push(event)
        for (const wake of this.#waiters) wake()
      },
      stop: { graceful: this.#graceful.signal, immediate: this.#immediate.signal },
      ...(wraps === undefined ? {} : { wraps }),
      ...(settings === undefined ? {} : { settings }),
      ...(only === undefined ? {} : { only: new Set(only) }),
    })
      .then(({ summary, firstError }) => ({ summary, error: firstError }))
      .finally(() => {
        this.#over = true
        for (const wake of this.#waiters) wake()
      })
    // Whoever cares awaits it; until then it must not end the process.
    this.ended.catch(() => undefined)
  }

  /** The first event that fits, among those so far or later ones. Rejects where the sync ends without it. */
  async heard<E extends ProgressEvent['event']>(
    event: E,
    fits: (event: Extract<ProgressEvent, { event: E }>) => boolean = () => true,
  ): Promise<Extract<ProgressEvent, { event: E }>> {
    const isWanted = (each: ProgressEvent): each is Extract<ProgressEvent, { event: E }> =>
      each.event === event && fits(each as Extract<ProgressEvent, { event: E }>)
    let found: Extract<ProgressEvent, { event: E }> | undefined
    await this.until(() => {
      found ??= this.events.find(isWanted)
      return found !== undefined
    }, event)
    if (found === undefined) throw new Error(`"${event}" was not heard`)
    return found
  }

  async live(...tables: readonly string[]): Promise<void> {
    for (const table of tables) await this.heard('state', (event) => event.table === table && event.state === 'live')
  }

  /** Looks after every event. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => finish(new Error(`waited ${WAIT_MS} ms for ${what}`)), WAIT_MS)
      const look = () => {
        if (condition()) finish()
        else if (this.#over) finish(new Error(`the sync ended before ${what}: ${this.#told()}`))
      }
      const finish = (error?: Error) => {
        clearTimeout(timer)
        this.#waiters.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      this.#waiters.add(look)
      look()
    })
  }

  /** Finishes what is in hand and commits it. */
  async stop(): Promise<SyncEnd> {
    this.#graceful.abort()
    return this.ended
  }

  /** Stops in the middle of whatever it does: the nearest thing to a kill within one process. */
  async crash(): Promise<void> {
    this.#graceful.abort()
    this.#immediate.abort()
    await this.ended.catch(() => undefined)
  }

  #told(): string {
    return JSON.stringify(this.events.slice(-5))
  }
}
