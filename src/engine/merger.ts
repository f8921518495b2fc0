/**
 * Brings staged changes into final tables: one transaction for all live tables of a group, ending at a recorded boundary.
 *
 * A table that is done with its snapshot catches up in its shadow table, out of sight, until little is left; then it is
 * promoted in the same transaction that moves the others, so that it joins at exactly their position. A table that
 * fails is detached with its own checkpoint, and the flush is tried again without it. A table whose freshness is another
 * one now goes on with its group until the other one moves; then it leaves and joins, at once.
 */
import type { Lease, TableFlush, TableFlushResult } from '../core/destination.ts'
import { disposition, isPipelineError, PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { Position } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import { tableName } from '../core/table-schema.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import { type Committed, RowCompletion } from './row-completion.ts'
import { tellWhileSlow } from './slow-notice.ts'
import type { StagedBoundary } from './stager.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import { currentGroup, groupOf } from './table-group.ts'
import type { Turn } from './turn.ts'

export interface MergePorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly sourceGuard: Guard
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
}

/** A table with more waiting than this merges by itself first, so that the others do not wait for it. */
const PROMOTE_ROWS_MAX = 200_000

export interface MergeTotals {
  changes: number
  quarantined: number
}

/** What a flush of a group has to do. */
export interface GroupWork {
  /** When the oldest change that waits was staged. Milliseconds since 1970; undefined: none waits. */
  readonly stagedMs: number | undefined
  readonly files: number
  /** A table has been read, and nobody sees it yet. */
  readonly promotes: boolean
  /** A table that was paused, or had failed, goes on. */
  readonly rejoins: boolean
}

export class Merger {
  readonly totals: MergeTotals = { changes: 0, quarantined: 0 }
  readonly #context: SourceContext
  readonly #ports: MergePorts
  readonly #completion: RowCompletion
  /** Boundaries of the groups, by name. */
  readonly #groups: Map<string, Position>
  /** By group: commit time of the newest change that is recorded but not merged. */
  readonly #newestCommitMs = new Map<string, number>()

  constructor(context: SourceContext, ports: MergePorts, groups: ReadonlyMap<string, Position>) {
    this.#context = context
    this.#ports = ports
    this.#completion = new RowCompletion(context, ports)
    this.#groups = new Map(groups)
  }

  noteStaged({ boundary, files }: StagedBoundary): void {
    const { newestCommitMs } = boundary
    if (newestCommitMs === undefined) return
    for (const file of files) {
      const table = this.#ports.book.find(file.schema.table)
      if (table !== undefined) this.#newestCommitMs.set(this.groupOf(table), newestCommitMs)
    }
  }

  /** The group that the table is merged with: the one that it is in, or else joins. */
  groupOf(table: BookedTable): string {
    return currentGroup(table, this.#context.settings)
  }

  /** Names of the groups that tables are in or should be. */
  groups(): ReadonlySet<string> {
    const { settings } = this.#context
    const names = new Set<string>()
    for (const table of this.#ports.book.all()) {
      names.add(groupOf(table.configured, settings))
      if (table.group !== undefined) names.add(table.group)
    }
    return names
  }

  /** Undefined where a flush up to `to` would change nothing. */
  work(group: string, to: Position): GroupWork | undefined {
    const tables = this.#participants(group, to)
    if (tables.length === 0) return undefined
    const staged = tables.flatMap((table) => table.waiting.find((file) => file.firstPosition < to)?.stagedMs ?? [])
    return {
      stagedMs: staged.length === 0 ? undefined : Math.min(...staged),
      files: tables.reduce((sum, table) => sum + table.waiting.length, 0),
      promotes: tables.some((table) => table.record.state === 'catching_up'),
      rejoins: tables.some((table) => table.record.state === 'live' && !table.inGroup),
    }
  }

  /** True where the group has tables, and its boundary at the destination is before `at`. */
  isBehind(group: string, at: Position): boolean {
    const reached = this.#groups.get(group)
    if (reached === undefined || reached >= at) return false
    return this.#ports.book.all().some((table) => table.group === group && this.#takesPart(table))
  }

  /**
   * Merges everything of the group that was recorded before `to`. Resolves when it is committed; tables that failed are left
   * out. `moves`: where nothing changed, the boundary alone moves.
   */
  async flush(group: string, to: Position, moves = false): Promise<void> {
    let again = true
    while (again && !this.#ports.stop.immediate.aborted) {
      again = await this.#ports.destinationTurn.run(() => this.#step(group, to, moves))
    }
  }

  /** One transaction. True where more is left to do: others waited for one table, or one was taken out. */
  async #step(group: string, to: Position, moves: boolean): Promise<boolean> {
    const all = this.#participants(group, to)
    const alone = all.find(
      (table) => table.record.state === 'catching_up' && waitingRowsBefore(table, to) > PROMOTE_ROWS_MAX,
    )
    const tables = alone === undefined ? all : [alone]
    if (tables.length === 0 && !(moves && this.isBehind(group, to))) return false
    for (const table of tables) if (table.inGroup && table.group !== group) await this.#detach(table)
    const failed = await this.#attempt(alone === undefined ? group : undefined, tables, to)
    return failed !== undefined || alone !== undefined
  }

  #takesPart(table: BookedTable): boolean {
    const { only } = this.#context
    const { state } = table.record
    return (state === 'live' || state === 'catching_up') && (only === undefined || only.has(table.name))
  }

  #participants(group: string, to: Position): readonly BookedTable[] {
    return this.#ports.book.all().filter((table) => this.#takesPart(table) && this.#hasWork(table, group, to))
  }

  #hasWork(table: BookedTable, group: string, to: Position): boolean {
    if (table.checkpoint === undefined) return false
    if (table.group === group) return table.waiting.some((file) => file.firstPosition < to) || hasNewForm(table, to)
    // Outside the group a table has to reach the group's boundary even where nothing changed.
    return groupOf(table.configured, this.#context.settings) === group && table.checkpoint <= to
  }

  /** Returns the table that failed and was taken out, if any. `group` undefined: the table stays by itself. */
  async #attempt(
    group: string | undefined,
    tables: readonly BookedTable[],
    to: Position,
  ): Promise<BookedTable | undefined> {
    const { clock } = this.#context
    const started = clock.elapsedMs()
    const parts = tables.map((table) => this.#part(table, group, to))
    const commitMs = group === undefined ? undefined : this.#newestCommitMs.get(group)
    try {
      const flush = {
        lease: this.#ports.lease,
        ...(group === undefined ? {} : { group: { name: group, from: this.#groups.get(group), to } }),
        to,
        tables: parts,
        loadedMs: clock.nowMs(),
      }
      const result = await tellWhileSlow(
        () => this.#completion.flush(flush),
        (soFarMs) => this.#tellSlow(tables, soFarMs),
      )
      await this.#committed(group, tables, parts, to, result, started, commitMs)
      return undefined
    } catch (error) {
      const failing = failingTable(error, tables)
      if (failing === undefined || this.#ports.stop.immediate.aborted) throw error
      await this.#takeOut(failing, error)
      if (parts.some((part) => part.into === 'promote')) await this.#lookUp(failing)
      return failing
    }
  }

  #tellSlow(tables: readonly BookedTable[], soFarMs: number): void {
    const { emit, name, clock } = this.#context
    const named = tables.slice(0, 3).map((table) => table.name)
    const all =
      tables.length > named.length ? `${named.join(', ')} and ${tables.length - named.length} more` : named.join(', ')
    const message = `The merge of ${all} has taken ${Math.round(soFarMs / 60_000)} min so far. Where that is not its size, another session may hold a lock on a table (on Snowflake: SHOW LOCKS IN ACCOUNT)`
    emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  }

  #part(table: BookedTable, group: string | undefined, to: Position): TableFlush {
    invariant(table.checkpoint !== undefined, 'a table that merges has a checkpoint')
    const files = table.waiting.filter((file) => file.firstPosition < to)
    const joins = group === undefined ? 'shadow' : 'promote'
    const into = table.inGroup ? 'final' : table.record.state === 'live' ? 'rejoin' : joins
    const part = { target: table.configured.target, schema: newestSchema(table, files), files, from: table.checkpoint }
    const keeps = into !== 'shadow' && this.#context.source.keepsTokens === true
    const token = keeps ? table.tokenAt(to) : undefined
    return {
      ...part,
      into,
      ...(table.record.backfill === undefined ? {} : { tombstones: true }),
      ...(token === undefined ? {} : { token: { token, schema: part.schema } }),
    }
  }

  async #committed(
    group: string | undefined,
    tables: readonly BookedTable[],
    parts: readonly TableFlush[],
    to: Position,
    result: Committed,
    started: number,
    commitMs: number | undefined,
  ): Promise<void> {
    const { clock, emit, name, state } = this.#context
    const loadedMs = clock.nowMs()
    if (group !== undefined) this.#advanceGroup(group, to)
    for (const [index, table] of tables.entries()) {
      const part = parts[index]
      invariant(part !== undefined, 'each table has its part')
      const counts = result.tables.find((entry) => tableName(entry.table) === table.name)
      const merged = (counts?.inserted ?? 0) + (counts?.updated ?? 0) + (counts?.deleted ?? 0)
      this.totals.changes += merged
      this.totals.quarantined += counts?.quarantined ?? 0
      const done = new Set(part.files)
      table.waiting = table.waiting.filter((file) => !done.has(file))
      table.checkpoint = to
      table.group = group
      const change = {
        lastSyncMs: loadedMs,
        changesMerged: table.record.changesMerged + merged,
        quarantined: table.record.quarantined + (counts?.quarantined ?? 0),
        mergedSchema: part.schema.version,
        mergedThrough: to,
      }
      if (part.into === 'promote') await this.#ports.book.move(table, 'promoted', change)
      else await this.#ports.book.save(table, change)
    }
    // After the tables, so that whoever finds a file gone also finds how far its table had come.
    await state.markLoaded(
      parts.flatMap((part) => part.files.map((file) => file.batchId)),
      loadedMs,
    )
    const latency = commitMs === undefined ? {} : { latencyMs: Math.max(0, loadedMs - commitMs) }
    if (group !== undefined && this.#newestCommitMs.get(group) === commitMs) this.#newestCommitMs.delete(group)
    emit({
      event: 'merged',
      source: name,
      tables: result.tables.map(describeResult),
      position: to,
      durationMs: Math.round(clock.elapsedMs() - started),
      waitedForLockMs: result.waitedForLockMs,
      atMs: loadedMs,
      ...latency,
    })
  }

  /** A promotion that breaks off may come after the transaction that moved the table and its group. */
  async #lookUp(failed: BookedTable): Promise<void> {
    const { destination, name } = this.#context
    const { destinationGuard, stop } = this.#ports
    const found = await destinationGuard.run(() => destination.checkpoints(name, stop.immediate), stop.immediate)
    for (const [group, position] of found?.groups ?? []) {
      const known = this.#groups.get(group)
      if (known === undefined || known < position) this.#advanceGroup(group, position)
    }
    const own = found?.tables.find(({ table }) => tableName(table) === failed.name)
    if (own !== undefined) failed.checkpoint = own.position
  }

  #advanceGroup(group: string, to: Position): void {
    this.#groups.set(group, to)
    this.#context.ledgerPages?.reached(to)
    for (const table of this.#ports.book.all()) if (table.group === group) table.checkpoint = to
  }

  async #detach(table: BookedTable): Promise<void> {
    const { destination } = this.#context
    const { lease, destinationGuard, stop } = this.#ports
    await destinationGuard.run(() => destination.detach(lease, table.id, stop.immediate), stop.immediate)
    table.group = undefined
  }

  async #takeOut(table: BookedTable, error: unknown): Promise<void> {
    if (table.inGroup) await this.#detach(table)
    await this.#ports.book.fail(
      table,
      error,
      isPipelineError(error, 'stage_file_missing') || isPipelineError(error, 'stage_file_damaged'),
    )
  }
}

function waitingRowsBefore(table: BookedTable, to: Position): number {
  return table.waiting.reduce((sum, file) => (file.firstPosition < to ? sum + file.rows : sum), 0)
}

/** It was altered, and no row that waits has the form that it has now. */
function hasNewForm({ record, waiting, schemaFrom }: BookedTable, to: Position): boolean {
  if (record.mergedSchema === undefined || record.mergedSchema === record.schema.version) return false
  // Rows of the form before come first.
  return schemaFrom === undefined ? waiting.every((file) => file.firstPosition < to) : schemaFrom <= to
}

/** Files may lag behind the book's schema, which follows the stream. */
function newestSchema(table: BookedTable, files: readonly StageFile[]): TableFlush['schema'] {
  return files.at(-1)?.schema ?? table.schema
}

/** The table to leave out, where the error is one table's own and nothing that time mends. */
function failingTable(error: unknown, tables: readonly BookedTable[]): BookedTable | undefined {
  if (!(error instanceof PipelineError) || disposition(error.code) !== 'operator') return undefined
  return tables.find((table) => table.name === error.context.table)
}

function describeResult(result: TableFlushResult) {
  const { inserted, updated, deleted, quarantined } = result
  return { table: tableName(result.table), inserted, updated, deleted, quarantined }
}
