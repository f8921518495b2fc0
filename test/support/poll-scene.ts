/** Tables of a test database that are polled, step by step: each poll is asked for, and its rows are read back. */

import type { Batch } from '../../src/core/batch.ts'
import { SYSTEM_COLUMNS } from '../../src/core/batch.ts'
import type { Position } from '../../src/core/position.ts'
import type { StreamEvent, StreamRequest, TableRequest } from '../../src/core/source.ts'
import { type TableSchema, tableName } from '../../src/core/table-schema.ts'
import { connect } from '../../src/sources/postgres/client.ts'
import { postgresSourceSchema } from '../../src/sources/postgres/config.ts'
import { connectionSettings } from '../../src/sources/postgres/connection-settings.ts'
import { openFirstRead } from '../../src/sources/postgres/polling/first-read.ts'
import { PollClock } from '../../src/sources/postgres/polling/poll-clock.ts'
import { pollOptions } from '../../src/sources/postgres/polling/poll-options.ts'
import {
  LATE_ARRIVALS_BLIND_MS,
  LATE_ARRIVALS_MS,
  LOCK_TIMEOUT_MS,
  PAGE_ROWS,
  type PollSource,
  PollStream,
} from '../../src/sources/postgres/polling/poll-stream.ts'
import { pollFollowable } from '../../src/sources/postgres/polling/row-key.ts'
import { requestedTables, tableSchema } from '../../src/sources/postgres/table-schemas.ts'
import { collect } from './postgres-source.ts'
import { vectorValues } from './vector-values.ts'

export interface SceneOptions {
  readonly url: string
  /** As in `simplyload.yaml`. */
  readonly tables: readonly (string | Readonly<Record<string, unknown>>)[]
  readonly pageRows?: number
  readonly lockTimeoutMs?: number
  readonly lateArrivalsMs?: number
  /** As far as the poll clock is known to have come. */
  readonly clock?: bigint
}

export interface PolledRow {
  readonly table: string
  readonly op: string
  readonly position: Position | undefined
  readonly id?: unknown
  /** By name of the column. */
  readonly [column: string]: unknown
}

interface Followed {
  readonly request: TableRequest
  schema: TableSchema
  startAt: Position
  token: string | undefined
}

const SIGNAL_MS = 100_000

export class PollScene implements AsyncDisposable {
  readonly events: StreamEvent[] = []
  readonly tables = new Map<string, Followed>()
  firstRows: readonly PolledRow[] = []
  clock: PollClock
  readonly #options: SceneOptions
  #config: ReturnType<typeof postgresSourceSchema.parse>
  readonly #settings: ReturnType<typeof connectionSettings>
  #source: PollSource
  #reached: bigint
  #stream: PollStream | undefined
  #iterator: AsyncIterator<StreamEvent> | undefined

  private constructor(options: SceneOptions) {
    this.#options = options
    this.#config = postgresSourceSchema.parse({ type: 'postgres', url: options.url, tables: options.tables })
    this.#settings = connectionSettings({ url: options.url })
    this.clock = new PollClock(options.clock)
    this.#reached = options.clock ?? 0n
    this.#source = {
      settings: this.#settings,
      clock: this.clock,
      intervalMs: undefined,
      lateArrivalsMs: (isBlind) => this.#lateMs(isBlind),
      optionsOf: ({ schema }) => this.#optionsOf(schema.table),
      pageRows: options.pageRows ?? PAGE_ROWS,
      lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
      historyBroken: false,
      failed: new Set(),
      busy: new Map(),
    }
  }

  /** Reads all tables for the first time. */
  static async open(options: SceneOptions): Promise<PollScene> {
    const scene = new PollScene(options)
    scene.firstRows = await scene.firstRead()
    return scene
  }

  /** Returns the rows. */
  async firstRead(): Promise<PolledRow[]> {
    const signal = AbortSignal.timeout(SIGNAL_MS)
    await using client = await connect(this.#settings, {}, signal)
    const requests = this.#config.tables.map(({ name, exclude, key }): TableRequest => {
      const [namespace = '', table = ''] = name.split('.')
      return { table: { source: 'shop', namespace, name: table }, exclude, typeOverrides: {}, key }
    })
    const found = await requestedTables(client, requests, signal, 'polling')
    const schemas = found.map((table) =>
      tableSchema(
        table,
        client.serverVersion,
        pollFollowable(table.catalog, this.#optionsOf(table.request.table), table.request.key),
      ),
    )
    const options = {
      settings: this.#settings,
      slotTimeoutMs: 5_000,
      chunkBytes: 64 * 1024 * 1024,
      clock: this.clock,
      lateArrivalsMs: (isBlind: boolean) => this.#lateMs(isBlind),
      optionsOf: ({ table }: TableSchema) => this.#optionsOf(table),
    }
    const limits = { batchRowsMax: 10_000, batchBytesMax: 8 * 1024 * 1024 }
    const request = { generation: 1, schemas, connections: 1, ...limits }
    await using session = await openFirstRead(options, request, signal)
    const rows: PolledRow[] = []
    for (const [index, schema] of schemas.entries()) {
      const { chunks, token } = await session.plan(schema, signal)
      for (const chunk of chunks)
        for (const batch of await collect(session.readChunk(schema, chunk, signal))) rows.push(...rowsOf(batch))
      this.tables.set(tableName(schema.table), { request: requests[index]!, schema, startAt: session.position, token })
    }
    return rows
  }

  /** One poll that begins now. Returns its rows. */
  async poll(): Promise<PolledRow[]> {
    const events = await this.#readPoll()
    return events.flatMap((event) => (event.kind === 'changes' ? rowsOf(event.batch) : []))
  }

  /** The poll with which a stream begins of its own accord. Returns its rows. */
  async firstPoll(): Promise<PolledRow[]> {
    this.#open()
    const events = await this.#until(({ kind }) => kind === 'boundary')
    return events.flatMap((event) => (event.kind === 'changes' ? rowsOf(event.batch) : []))
  }

  /** The same as events, tokens recorded. */
  async pollEvents(): Promise<StreamEvent[]> {
    return this.#readPoll()
  }

  /** Reads events until one fits; what was recorded until then is kept, the rest is lost with the stream. */
  async breakAfter(fits: (event: StreamEvent) => boolean): Promise<StreamEvent[]> {
    const stream = this.#open()
    await this.#want(stream)
    const events = await this.#until(fits)
    await this.close()
    return events
  }

  async close(): Promise<void> {
    await this.#stream?.[Symbol.asyncDispose]()
    this.#stream = undefined
    this.#iterator = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** As by another process, to which `reached` is the last boundary that was recorded. */
  async restart(reached: bigint): Promise<void> {
    await this.close()
    this.#reached = reached
    this.clock = new PollClock(reached)
    this.#source = { ...this.#source, clock: this.clock }
  }

  rowsOf(batch: Batch): readonly PolledRow[] {
    return rowsOf(batch)
  }

  /** Other options for the tables, from the next stream on. */
  configure(tables: SceneOptions['tables']): void {
    this.#config = postgresSourceSchema.parse({ type: 'postgres', url: this.#options.url, tables })
  }

  /** As if all polls so far had been made until `clock`, and had seen cursors up to it. Microseconds since 1970. */
  async pretend(table: string, clock: bigint): Promise<void> {
    await this.close()
    const followed = this.tables.get(table)!
    const seen = String(clock - 946_684_800_000_000n)
    const history = [[String(clock), seen]]
    followed.token = JSON.stringify({ ...this.token(table), seen, from: seen, history })
    this.#reached = clock
    this.clock.raise(clock)
  }

  token(table: string): Readonly<Record<string, unknown>> {
    return JSON.parse(this.tables.get(table)?.token ?? 'null')
  }

  async #readPoll(): Promise<StreamEvent[]> {
    const stream = this.#open()
    const target = await this.#want(stream)
    return this.#until((event) => event.kind === 'boundary' && event.lsn >= target)
  }

  async #want(stream: PollStream): Promise<bigint> {
    await using client = await connect(this.#settings, {}, AbortSignal.timeout(SIGNAL_MS))
    const [row] = await client.query<{ us: bigint }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS us',
    )
    const target = this.clock.target(row!.us)
    stream.requestBoundary(target)
    return target
  }

  async #until(fits: (event: StreamEvent) => boolean): Promise<StreamEvent[]> {
    const events: StreamEvent[] = []
    for (;;) {
      const next = await this.#iterator!.next()
      if (next.done === true) return events
      events.push(next.value)
      this.events.push(next.value)
      if (next.value.kind === 'boundary') this.#record(next.value)
      if (next.value.kind === 'schema') this.tables.get(tableName(next.value.schema.table))!.schema = next.value.schema
      if (fits(next.value)) return events
    }
  }

  #record(event: Extract<StreamEvent, { kind: 'boundary' }>): void {
    this.#reached = event.lsn
    for (const { table, token } of event.tokens ?? []) this.tables.get(tableName(table))!.token = token
    this.#stream?.confirm(event.lsn)
  }

  #open(): PollStream {
    if (this.#stream !== undefined) return this.#stream
    const request: StreamRequest = {
      generation: 1,
      fromLsn: this.#reached,
      tables: [...this.tables.values()].map(({ schema, request: table, startAt, token }) => ({
        schema,
        request: table,
        startAt,
        ...(token === undefined ? {} : { token }),
      })),
      // Polls are asked for.
      flushAfterMs: 1_000_000,
      batchRowsMax: 10_000,
      batchBytesMax: 8 * 1024 * 1024,
      memoryBytesMax: 32 * 1024 * 1024,
    }
    this.#stream = new PollStream(this.#source, request, AbortSignal.timeout(SIGNAL_MS))
    this.#iterator = this.#stream[Symbol.asyncIterator]()
    return this.#stream
  }

  #optionsOf({ namespace, name }: { readonly namespace: string; readonly name: string }) {
    return pollOptions(this.#config, { namespace, name })
  }

  #lateMs(isBlind: boolean): number {
    return this.#options.lateArrivalsMs ?? (isBlind ? LATE_ARRIVALS_BLIND_MS : LATE_ARRIVALS_MS)
  }
}

function rowsOf(batch: Batch): PolledRow[] {
  const columns = batch.vectors.map((vector) => {
    const column = batch.schema.columns.find(({ id }) => id === vector.fieldId)
    return { name: column?.name ?? vector.name, values: vectorValues(vector) }
  })
  const of = (name: string, row: number) => columns.find((column) => column.name === name)?.values[row]
  return Array.from({ length: batch.rows }, (_, row) => ({
    ...Object.fromEntries(columns.map(({ name, values }) => [name, values[row]])),
    table: batch.schema.table.name,
    op: String(of(SYSTEM_COLUMNS.op, row) ?? 'i'),
    position: of(SYSTEM_COLUMNS.position, row) as Position | undefined,
  }))
}
