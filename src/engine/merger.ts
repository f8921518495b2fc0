/**
 * Brings staged changes into final tables: one transaction for all live tables, ending at a recorded boundary.
 *
 * A table that is done with its snapshot catches up in its shadow table, out of sight, until little is left; then it is
 * promoted in the same transaction that moves the others, so that it joins at exactly their position. A table that
 * fails is detached with its own checkpoint, and the flush is tried again without it.
 */
import {
  DEFAULT_GROUP,
  type Flush,
  type FlushResult,
  type Lease,
  type MissingBaseRows,
  type TableFlush,
  type TableFlushResult,
} from '../core/destination.ts'
import { disposition, isPipelineError, PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { Position } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import { tableName } from '../core/table-schema.ts'
import { completionBatchId, placeBatch } from './batch-name.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import { writeBatchFile } from './stage-file-writer.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import type { Turn } from './turn.ts'

export interface MergePorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly sourceGuard: Guard
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
}

/** What a transform needs is asked for before the destination is, and each may ask for rows of other tables. */
const COMPLETIONS_MAX = 4

/** A table with more waiting than this merges by itself first, so that the others do not wait for it. */
const PROMOTE_ROWS_MAX = 200_000

export interface MergeTotals {
  changes: number
  quarantined: number
}

export class Merger {
  readonly totals: MergeTotals = { changes: 0, quarantined: 0 }
  readonly #context: SourceContext
  readonly #ports: MergePorts
  /** Boundaries of the groups, by name. */
  readonly #groups: Map<string, Position>
  #completions = 0
  /** Commit time of the newest change that is recorded but not merged, and how often a flush took what was there. */
  #newestCommitMs: number | undefined

  constructor(context: SourceContext, ports: MergePorts, groups: ReadonlyMap<string, Position>) {
    this.#context = context
    this.#ports = ports
    this.#groups = new Map(groups)
  }

  noteCommit(commitMs: number | undefined): void {
    if (commitMs !== undefined) this.#newestCommitMs = commitMs
  }

  /** True while there is something that a flush up to `to` would change. `wants`: where tables should have come. */
  pending(to: Position, wants?: Position): boolean {
    return this.#participants(to).length > 0 || this.#isBehind(to, wants)
  }

  #isBehind(to: Position, wants: Position | undefined): boolean {
    const reached = this.#groups.get(DEFAULT_GROUP)
    return wants !== undefined && to >= wants && reached !== undefined && reached < wants
  }

  /** Merges everything recorded before `to`. Resolves when it is committed; tables that failed are left out. */
  async flush(to: Position, wants?: Position): Promise<void> {
    let again = true
    while (again && !this.#ports.stop.immediate.aborted) {
      again = await this.#ports.destinationTurn.run(() => this.#step(to, wants))
    }
  }

  /** One transaction. True where more is left to do: others waited for one table, or one was taken out. */
  async #step(to: Position, wants: Position | undefined): Promise<boolean> {
    const all = this.#participants(to)
    const alone = all.find(
      (table) => table.record.state === 'catching_up' && waitingRowsBefore(table, to) > PROMOTE_ROWS_MAX,
    )
    const tables = alone === undefined ? all : [alone]
    // Where nothing changed, the boundary alone moves.
    if (tables.length === 0 && !this.#isBehind(to, wants)) return false
    const failed = await this.#attempt(tables, to, alone !== undefined)
    return failed !== undefined || alone !== undefined
  }

  #takesPart(table: BookedTable): boolean {
    const { only } = this.#context
    const { state } = table.record
    return (state === 'live' || state === 'catching_up') && (only === undefined || only.has(table.name))
  }

  #hasWork(table: BookedTable, to: Position): boolean {
    // Outside the group a table has to reach the group's boundary even where nothing changed.
    return !table.inGroup || table.waiting.some((file) => file.firstPosition < to) || hasNewForm(table, to)
  }

  #participants(to: Position): readonly BookedTable[] {
    return this.#ports.book
      .all()
      .filter(
        (table) =>
          this.#takesPart(table) &&
          this.#hasWork(table, to) &&
          table.checkpoint !== undefined &&
          (table.inGroup || table.checkpoint <= to),
      )
  }

  /** Returns the table that failed and was taken out, if any. */
  async #attempt(tables: readonly BookedTable[], to: Position, alone: boolean): Promise<BookedTable | undefined> {
    const { clock } = this.#context
    const started = clock.elapsedMs()
    const commitMs = this.#newestCommitMs
    const parts = tables.map((table) => this.#part(table, to, alone))
    const group = alone ? {} : { group: { name: DEFAULT_GROUP, from: this.#groups.get(DEFAULT_GROUP), to } }
    try {
      const result = await this.#flushComplete({
        lease: this.#ports.lease,
        ...group,
        to,
        tables: parts,
        loadedMs: clock.nowMs(),
      })
      await this.#committed(tables, parts, to, result, alone, started, commitMs)
      return undefined
    } catch (error) {
      const failing = failingTable(error, tables)
      if (failing === undefined || this.#ports.stop.immediate.aborted) throw error
      await this.#takeOut(failing, error)
      return failing
    }
  }

  #part(table: BookedTable, to: Position, alone: boolean): TableFlush {
    invariant(table.checkpoint !== undefined, 'a table that merges has a checkpoint')
    const files = table.waiting.filter((file) => file.firstPosition < to)
    const into = table.inGroup ? 'final' : table.record.state === 'live' ? 'rejoin' : alone ? 'shadow' : 'promote'
    const part = { target: table.configured.target, schema: newestSchema(table, files), files, from: table.checkpoint }
    return { ...part, into, ...(table.record.backfill === undefined ? {} : { tombstones: true }) }
  }

  /** Flushes; where partial changes find no row, reads those rows at the source and flushes again. */
  async #flushComplete(flush: Flush): Promise<Extract<FlushResult, { outcome: 'committed' }>> {
    const { destination, clock } = this.#context
    const { destinationGuard, stop } = this.#ports
    let tables = flush.tables
    let attemptedMs = 0
    let lockedSinceMs: number | undefined
    const completed: StageFile[] = []
    let rounds = 0
    try {
      for (;;) {
        const now: Flush = { ...flush, tables }
        const result = await destinationGuard.run(async () => {
          attemptedMs = clock.elapsedMs()
          return await destination.flush(now, stop.immediate).catch((error: unknown) => {
            if (isPipelineError(error, 'destination_locked')) lockedSinceMs ??= attemptedMs
            throw error
          })
        }, stop.immediate)
        if (result.outcome === 'committed') {
          const earlierMs = lockedSinceMs === undefined ? 0 : attemptedMs - lockedSinceMs
          return { ...result, waitedForLockMs: Math.round(result.waitedForLockMs + earlierMs) }
        }
        rounds++
        const answers = new Map<string, readonly StageFile[]>()
        for (const missing of result.missing) {
          const part = tables.find((table) => tableName(table.target.table) === tableName(missing.table))
          invariant(part !== undefined && rounds < COMPLETIONS_MAX, 'a table is completed in a few rounds')
          const files = await this.#readMissing(missing)
          completed.push(...files)
          answers.set(tableName(missing.table), files)
        }
        tables = tables.map((table) => {
          const files = answers.get(tableName(table.target.table))
          return files === undefined ? table : { ...table, completion: { files } }
        })
      }
    } finally {
      for (const file of completed) await this.#context.stage.remove(file.path)
    }
  }

  /** No file where all of the rows are gone. */
  async #readMissing(missing: MissingBaseRows): Promise<readonly StageFile[]> {
    const { source, stage, settings, clock, log, name } = this.#context
    const { book, lease, sourceGuard, stop } = this.#ports
    const table = book.get(missing.table)
    invariant(table.checkpoint !== undefined, 'a table that merges has a checkpoint')
    const at = table.checkpoint
    log.info(
      { source: name, table: table.name, keys: missing.keys.length },
      'reading rows again whose unchanged values are nowhere else',
    )
    const batch = await sourceGuard.run(
      () => source.readRows(table.schema, missing.keys, at, stop.immediate),
      stop.immediate,
    )
    if (batch.rows === 0) return []
    const batchId = completionBatchId(lease, at, this.#completions++)
    const place = placeBatch(settings.customer, table.id, batchId, clock.nowMs())
    return [await writeBatchFile(stage, batch, place, stop.immediate)]
  }

  async #committed(
    tables: readonly BookedTable[],
    parts: readonly TableFlush[],
    to: Position,
    result: Extract<FlushResult, { outcome: 'committed' }>,
    alone: boolean,
    started: number,
    commitMs: number | undefined,
  ): Promise<void> {
    const { clock, emit, name, state } = this.#context
    const loadedMs = clock.nowMs()
    if (!alone) this.#advanceGroup(to)
    await state.markLoaded(
      parts.flatMap((part) => part.files.map((file) => file.batchId)),
      loadedMs,
    )
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
      const change = {
        lastSyncMs: loadedMs,
        changesMerged: table.record.changesMerged + merged,
        quarantined: table.record.quarantined + (counts?.quarantined ?? 0),
        mergedSchema: part.schema.version,
      }
      if (part.into === 'promote') await this.#ports.book.move(table, 'promoted', change)
      else await this.#ports.book.save(table, change)
      if (part.into !== 'shadow') table.group = DEFAULT_GROUP
    }
    const latency = commitMs === undefined || alone ? {} : { latencyMs: Math.max(0, loadedMs - commitMs) }
    if (!alone && this.#newestCommitMs === commitMs) this.#newestCommitMs = undefined
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

  #advanceGroup(to: Position): void {
    this.#groups.set(DEFAULT_GROUP, to)
    this.#context.ledgerPages?.reached(to)
    for (const table of this.#ports.book.all()) if (table.inGroup) table.checkpoint = to
  }

  async #takeOut(table: BookedTable, error: unknown): Promise<void> {
    const { destination } = this.#context
    const { book, lease, destinationGuard, stop } = this.#ports
    if (table.inGroup) {
      await destinationGuard.run(() => destination.detach(lease, table.id, stop.immediate), stop.immediate)
      table.group = undefined
    }
    await book.fail(
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
