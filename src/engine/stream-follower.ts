/**
 * Follows the source's changes and makes them durable, connection after connection: each starts at the last recorded
 * boundary. A confirmation goes out only after the boundary is in the ledger.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Lease } from '../core/destination.ts'
import { disposition, isPipelineError } from '../core/errors.ts'
import { boundary, type Position } from '../core/position.ts'
import type { ChangeStream, StreamEvent, StreamRequest, StreamTable } from '../core/source.ts'
import { columnById, type TableId, type TableSchema, tableName } from '../core/table-schema.ts'
import type { Attempts } from './attempts.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { KeyComparer } from './key-comparer.ts'
import { type StagedBoundary, Stager } from './stager.ts'
import { beginningOf } from './start-plan.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import { isBeforeSnapshot, stagesChanges } from './table-machine.ts'
import { resetTable } from './table-reset.ts'
import type { Turn } from './turn.ts'

export interface FollowPorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly generation: number
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  readonly keys: KeyComparer
  /** Connections that broke since anything was recorded. */
  readonly attempts: Attempts
  /** A boundary is in the ledger. */
  readonly recorded: (staged: StagedBoundary) => void
  /** A table must be read again. */
  readonly unread: () => void
}

type StreamSettings = Pick<StreamRequest, 'flushAfterMs' | 'batchRowsMax' | 'batchBytesMax' | 'memoryBytesMax'>

type SchemaEvent = Extract<StreamEvent, { kind: 'schema' }>

interface NoticedSchema {
  readonly event: SchemaEvent
  /** How often the table had been followed anew when it was noticed. */
  readonly beginning: number | undefined
}

export class StreamFollower {
  changesStaged = 0
  readonly #context: SourceContext
  readonly #ports: FollowPorts
  #recordedLsn: bigint
  #targetLsn = 0n
  #stream: ChangeStream | undefined
  #streams = 0
  #connection = new AbortController()
  #opened: StreamSettings | undefined
  /** How often a table has been followed anew, by name. */
  readonly #beginnings = new Map<string, number>()

  constructor(context: SourceContext, ports: FollowPorts, fromLsn: bigint) {
    this.#context = context
    this.#ports = ports
    this.#recordedLsn = fromLsn
  }

  /** Everything before it is in the ledger. */
  get recorded(): Position {
    return boundary(this.#ports.generation, this.#recordedLsn)
  }

  get reachedTarget(): boolean {
    return this.#recordedLsn >= this.#targetLsn
  }

  /** A boundary at or after `lsn` is wanted, even where nothing is committed any more. */
  reach(lsn: bigint): void {
    if (lsn > this.#targetLsn) this.#targetLsn = lsn
    this.#stream?.requestBoundary(lsn)
  }

  /** Where the settings that the stream was opened with are others now, it is opened anew. */
  refresh(): void {
    if (this.#opened !== undefined && !isDeepStrictEqual(this.#opened, this.#streamSettings())) this.reconnect()
  }

  #streamSettings(): StreamSettings {
    const { intervalMs, batchRowsMax, batchBytesMax, memoryBytesMax } = this.#context.settings
    return { flushAfterMs: intervalMs, batchRowsMax, batchBytesMax, memoryBytesMax: memoryBytesMax / 4 }
  }

  /** Follows the tables of the book anew, from the last recorded boundary on. */
  reconnect(): void {
    this.#connection.abort(new Error('followed anew'))
  }

  /** Until a stop is asked for; rejects with what no new connection mends. */
  async run(): Promise<void> {
    const { stop, attempts } = this.#ports
    while (!stop.graceful.aborted) {
      this.#connection = new AbortController()
      try {
        await this.#follow(AbortSignal.any([stop.graceful, this.#connection.signal]))
      } catch (error) {
        if (stop.graceful.aborted && !isFatal(error)) return
        if (this.#connection.signal.aborted && error === this.#connection.signal.reason) continue
        await attempts.failed(error, stop.graceful)
      }
    }
  }

  /** One connection: until it breaks or a stop is asked for. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { source } = this.#context
    const { lease, generation, stop } = this.#ports
    const settings = this.#streamSettings()
    this.#opened = settings
    const stager = new Stager(this.#context, lease, this.#streams++, stop.immediate)
    const schemas: NoticedSchema[] = []
    const beginnings = new Map(this.#beginnings)
    try {
      await using stream = await source.openStream(
        {
          generation,
          fromLsn: this.#recordedLsn,
          tables: this.#streamTables(),
          ...settings,
          compareKeys: (schema, keys) => this.#ports.keys.compare(schema, keys, () => stager.drain()),
        },
        AbortSignal.any([signal, stager.failed]),
      )
      this.#stream = stream
      for (const table of this.#ports.book.all()) {
        // While the stream was being opened, its snapshot got a position.
        if (beginnings.get(table.name) !== this.#beginnings.get(table.name)) stream.addTable(this.#streamTable(table))
      }
      if (this.#targetLsn > this.#recordedLsn) stream.requestBoundary(this.#targetLsn)
      for await (const event of stream) {
        await this.#take(event, stager, schemas, stream)
        stager.throwFailure()
      }
      await stager.drain()
    } finally {
      this.#stream = undefined
      await stager.discardUnrecorded()
    }
  }

  /** The table has a snapshot: of the stream it needs what comes after, and knows its form at that point. */
  follow(table: BookedTable): void {
    this.#beginnings.set(table.name, (this.#beginnings.get(table.name) ?? 0) + 1)
    this.#stream?.addTable(this.#streamTable(table))
  }

  #streamTables(): readonly StreamTable[] {
    const tables = this.#ports.book.all().filter((table) => stagesChanges(table.record.state))
    return tables.map((table) => this.#streamTable(table))
  }

  #streamTable(table: BookedTable): StreamTable {
    return {
      schema: table.schema,
      request: table.configured.request,
      startAt: table.record.snapshotPosition ?? beginningOf(this.#ports.generation),
      ...(table.token === undefined ? {} : { token: table.token.text }),
    }
  }

  async #take(event: StreamEvent, stager: Stager, schemas: NoticedSchema[], stream: ChangeStream): Promise<void> {
    const { book } = this.#ports
    switch (event.kind) {
      case 'changes':
        if (this.#isFollowed(event.batch.schema.table)) await stager.add(event.batch)
        return
      case 'file':
        if (this.#isFollowed(event.batch.schema.table)) stager.addFile(event.batch)
        return
      case 'in-progress':
        if (this.#isFollowed(event.batch.schema.table)) await stager.addInProgress(event.batch)
        return
      case 'transaction-committed':
        return stager.commitTransaction(event)
      case 'transaction-aborted':
        return stager.abortTransaction(event.transaction)
      case 'schema':
        schemas.push({ event, beginning: this.#beginnings.get(tableName(event.schema.table)) })
        return
      case 'table-failed': {
        const table = book.find(event.table)
        return table === undefined ? undefined : this.failTable(table, event.error, event.needsResync)
      }
      case 'boundary': {
        const changed = schemas.splice(0)
        // Schemas first: were the process killed after the ledger has the rows, nothing would come that tells of them again.
        const prepare = async () => {
          for (const change of changed) await this.#changeSchema(change, event.through)
        }
        const tokens = event.tokens ?? []
        return stager.seal(event, {
          prepare,
          isWanted: (file) => book.find(file.schema.table) !== undefined,
          tokens: () => book.current(tokens),
          recorded: (staged) => {
            book.noteTokens(tokens, event.through)
            book.addWaiting(staged.files)
            this.#recorded(staged, stream)
          },
        })
      }
      case 'notice':
        return this.#tell(event.table, event.message)
    }
  }

  #isFollowed(id: TableId): boolean {
    const table = this.#ports.book.find(id)
    return table !== undefined && stagesChanges(table.record.state)
  }

  #tell(table: TableId | undefined, message: string): void {
    const { clock, emit, name, log } = this.#context
    const text = table === undefined ? message : `${tableName(table)}: ${message}`
    log.warn({ source: name, ...(table === undefined ? {} : { table: tableName(table) }) }, message)
    emit({ event: 'notice', source: name, message: text, atMs: clock.nowMs() })
  }

  #recorded(staged: StagedBoundary, stream: ChangeStream): void {
    const { clock, emit, name } = this.#context
    const { boundary: event, files } = staged
    this.#recordedLsn = event.lsn
    this.#ports.attempts.progressed()
    stream.confirm(event.lsn)
    this.changesStaged += event.changes
    if (files.length > 0) {
      emit({
        event: 'staged',
        source: name,
        changes: event.changes,
        tables: [...new Set(files.map((file) => tableName(file.schema.table)))],
        files: files.length,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        position: event.through,
        lagBytes: Number(event.sourceLsn > event.lsn ? event.sourceLsn - event.lsn : 0n),
        atMs: clock.nowMs(),
      })
    }
    this.#ports.recorded(staged)
  }

  async #changeSchema({ event, beginning }: NoticedSchema, through: Position): Promise<void> {
    const { clock, emit, name } = this.#context
    const { book } = this.#ports
    const table = book.find(event.schema.table)
    if (table === undefined) return
    // The stream may lag behind the snapshot: what it then notices is older than what the snapshot has found.
    if (isBeforeSnapshot(table.record) || beginning !== this.#beginnings.get(table.name)) return
    emit({ event: 'schema', source: name, table: table.name, changes: event.changes, atMs: clock.nowMs() })
    const rewritten = event.rewritten || fillsTransformed(table, event.schema)
    table.schemaFrom = through
    if (rewritten && stagesChanges(table.record.state)) {
      // Rows at the destination no longer follow from the changes. With the new schema alone saved, nothing would tell of
      // it again.
      await resetTable(this.#context, this.#ports, table, { schema: event.schema }, 'its rows have to be read again')
      this.#ports.unread()
    } else {
      await book.save(table, { schema: event.schema })
    }
  }

  /** The table leaves the others with its error. */
  async failTable(table: BookedTable, error: Error, needsResync: boolean): Promise<void> {
    const { destination } = this.#context
    const { book, lease, destinationGuard, destinationTurn, stop } = this.#ports
    await destinationTurn.run(async () => {
      if (table.inGroup) {
        await destinationGuard.run(() => destination.detach(lease, table.id, stop.immediate), stop.immediate)
        table.group = undefined
      }
      await book.fail(table, error, needsResync)
    })
  }
}

/** What a transform makes of the value that a new column has in rows that are there, it would have to be asked for each. */
function fillsTransformed(table: BookedTable, schema: TableSchema): boolean {
  if (table.configured.target.transform === undefined) return false
  return schema.columns.some(
    (column) => column.missingValue !== undefined && columnById(table.schema, column.id) === undefined,
  )
}

function isFatal(error: unknown): boolean {
  return isPipelineError(error) && disposition(error.code) === 'fatal'
}
