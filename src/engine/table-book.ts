/**
 * The tables of one source while a run goes on: state, schema, checkpoint and the stage files that wait to be merged.
 * The one place that changes a table's state, so that memory, operational state and listeners never differ.
 */

import { describeError, isPipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { Position } from '../core/position.ts'
import type { BoundaryToken, StreamToken } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { TableRecord } from '../core/state.ts'
import { qualifiedTableName, type TableId, type TableSchema, tableName } from '../core/table-schema.ts'
import type { ConfiguredTable, SourceContext } from './context.ts'
import { type TableEvent, transition } from './table-machine.ts'

interface StreamPlace {
  readonly text: string
  readonly startAt: Position
}

export class BookedTable {
  readonly name: string
  configured: ConfiguredTable
  record: TableRecord
  /** Where the table's rows at the destination stand; undefined before its snapshot is complete. */
  checkpoint: Position | undefined
  /** The group that its rows at the destination move with; undefined: they stand alone. */
  group: string | undefined
  /** Recorded in the ledger, in order of position, not merged yet. */
  waiting: StageFile[] = []
  /** The boundary at whose record its schema changed last: files before it may have an earlier form. */
  schemaFrom: Position | undefined
  /** What the stream goes on from, and the position of the snapshot that it belongs to. */
  token: StreamPlace | undefined
  /** Those that came with boundaries beyond what is merged, in their order. */
  #tokensAhead: { readonly through: Position; readonly text: string }[] = []
  /** What the stream goes on from at the last boundary that is merged. */
  #tokenMerged: string | undefined

  constructor(configured: ConfiguredTable, record: TableRecord) {
    this.name = tableName(record.table)
    this.configured = configured
    this.record = record
  }

  get inGroup(): boolean {
    return this.group !== undefined
  }

  get schema(): TableSchema {
    return this.record.schema
  }

  get id(): TableId {
    return this.record.table
  }

  /** Undefined: it stands for nothing yet. */
  setToken(token: StreamPlace | undefined): void {
    this.token = token
    this.#tokenMerged = token?.text
    this.#tokensAhead = []
  }

  noteToken(token: StreamPlace, through: Position): void {
    this.token = token
    this.#tokensAhead.push({ through, text: token.text })
  }

  /** What the stream would go on from at `to`, which is no boundary before one that was asked for already. */
  tokenAt(to: Position): string | undefined {
    while (this.#tokensAhead[0] !== undefined && this.#tokensAhead[0].through <= to) {
      this.#tokenMerged = this.#tokensAhead.shift()?.text
    }
    return this.#tokenMerged
  }

  waitingRows(): number {
    return this.waiting.reduce((sum, file) => sum + file.rows, 0)
  }
}

export class TableBook {
  readonly #context: SourceContext
  readonly #tables = new Map<string, BookedTable>()
  /** Called when a table has moved on. */
  moved: () => void = () => undefined

  constructor(context: SourceContext) {
    this.#context = context
  }

  add(table: BookedTable): void {
    this.#tables.set(table.name, table)
  }

  all(): readonly BookedTable[] {
    return [...this.#tables.values()]
  }

  get(table: TableId): BookedTable {
    const found = this.find(table)
    invariant(found !== undefined, `the book has every configured table (${tableName(table)})`)
    return found
  }

  /** Undefined for a table that was taken out of the configuration while the run goes on. */
  find(table: TableId): BookedTable | undefined {
    return this.#tables.get(tableName(table))
  }

  /** Nobody follows it any more. */
  remove(table: BookedTable): void {
    this.#tables.delete(table.name)
  }

  /** Moves the state machine, saves and tells. */
  async move(table: BookedTable, event: TableEvent, change: Partial<TableRecord> = {}, reason?: string): Promise<void> {
    const next = transition(table.record, event)
    await this.save(table, { ...next, ...change })
    const { clock, emit, name } = this.#context
    emit({
      event: 'state',
      source: name,
      table: table.name,
      state: table.record.state,
      atMs: clock.nowMs(),
      ...(reason === undefined ? {} : { reason }),
    })
    this.moved()
  }

  async save(table: BookedTable, change: Partial<TableRecord>): Promise<void> {
    table.record = { ...table.record, ...change, updatedMs: this.#context.clock.nowMs() }
    await this.#context.state.saveTable(table.record)
  }

  /** The table stops with its error; everything else goes on. */
  async fail(table: BookedTable, error: unknown, needsResync: boolean): Promise<void> {
    const { clock, emit, log, name, state } = this.#context
    const message = describeError(error)
    const code = isPipelineError(error) ? error.code : 'internal'
    const hint = isPipelineError(error) ? error.hint : undefined
    const atMs = clock.nowMs()
    log.error({ source: name, table: table.name, code }, message)
    await state.recordError({ source: name, table: table.name, code, message, hint, atMs })
    const change = { lastError: message, lastErrorCode: code, ...(needsResync ? { backfill: undefined } : {}) }
    await this.move(table, needsResync ? 'gap' : 'failed', change, message)
    if (needsResync) {
      await this.discardWaiting(table)
      await state.clearChunks(table.id)
    }
    emit({
      event: 'error',
      source: name,
      table: table.name,
      code,
      message,
      atMs,
      ...(hint === undefined ? {} : { hint }),
    })
  }

  /** A snapshot begins, from which the stream will go on. What the stream remembered before is forgotten at once. */
  async remember(table: BookedTable, text: string, startAt: Position): Promise<void> {
    table.setToken({ text, startAt })
    await this.#context.state.saveToken({ table: table.id, token: text })
  }

  /** Of what came with a boundary, the tokens of tables that have not been read again since. */
  current(tokens: readonly BoundaryToken[]): readonly BoundaryToken[] {
    return tokens.filter((token) => this.find(token.table)?.token?.startAt === token.startAt)
  }

  /** As they were recorded before the run began. */
  addTokens(tokens: readonly StreamToken[]): void {
    for (const { table: id, token } of tokens) {
      const table = this.#tables.get(tableName(id))
      const startAt = table?.record.snapshotPosition
      if (table !== undefined && startAt !== undefined) table.setToken({ text: token, startAt })
    }
  }

  /** `through`: the boundary that they came with. */
  noteTokens(tokens: readonly BoundaryToken[], through: Position): void {
    for (const { table, token, startAt } of this.current(tokens)) {
      this.get(table).noteToken({ text: token, startAt }, through)
    }
  }

  /** The table will be read again: what is staged for it is useless. */
  async discardWaiting(table: BookedTable): Promise<void> {
    const { state, stage } = this.#context
    table.setToken(undefined)
    const files = await state.discardWaiting(table.id)
    table.waiting = []
    for (const file of files) await stage.remove(file.path)
  }

  /** Files that end before the table's checkpoint are in it already, and may have a schema that it never had here. */
  addWaiting(files: readonly StageFile[]): void {
    for (const file of files) {
      const table = this.#tables.get(tableName(file.schema.table))
      if (table !== undefined && file.kind === 'changes' && !isCovered(table, file)) table.waiting.push(file)
    }
  }

  /** The rows at the destination are complete as of `checkpoint`, outside every group. */
  async complete(table: BookedTable, checkpoint: Position): Promise<void> {
    table.checkpoint = checkpoint
    table.group = undefined
    table.waiting = table.waiting.filter((file) => !isCovered(table, file))
    await this.#context.state.reconcileLoaded(table.id, checkpoint, this.#context.clock.nowMs())
  }

  describe(table: BookedTable): string {
    return qualifiedTableName(table.id)
  }
}

function isCovered(table: BookedTable, file: StageFile): boolean {
  return table.checkpoint !== undefined && file.lastPosition < table.checkpoint
}

export function newRecord(schema: TableSchema, nowMs: number): TableRecord {
  return {
    table: schema.table,
    state: 'pending',
    schema,
    snapshotPosition: undefined,
    resumeState: undefined,
    lastError: undefined,
    lastErrorCode: undefined,
    lastSyncMs: undefined,
    rowsSnapshot: 0,
    changesMerged: 0,
    quarantined: 0,
    updatedMs: nowMs,
  }
}
