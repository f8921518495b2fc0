/** What the display knows: the events of a run, added up. Bounded, whatever the number of events. */
import type { ProgressEvent } from '../../core/progress.ts'
import type { TableState } from '../../core/state.ts'
import { backfillEnd } from './backfill-end.ts'
import { RateMeter } from './rate-meter.ts'

export interface TableModel {
  readonly source: string
  readonly table: string
  state: TableState
  /** Rows copied and changes merged. */
  rows: number
  readonly rowRate: RateMeter
  readonly byteRate: RateMeter
  snapshotRows: number
  snapshotBytes: number
  estimatedRows: number
  /** Absent while none goes on. */
  backfill: { readonly rows: number; readonly bytes: number; readonly estimatedRows: number } | undefined
  quarantined: number
  latencyMs: number | undefined
  /** Staged and not merged: since when, and up to where. */
  waiting: { readonly sinceMs: number; readonly lastMs: number; readonly through: string } | undefined
  changedMs: number
  error: string | undefined
}

export interface SourceModel {
  readonly source: string
  position: string | undefined
  lagBytes: number | undefined
  waitedForLockMs: number
  retry: { readonly message: string; readonly attempt: number; readonly untilMs: number } | undefined
}

export interface Note {
  readonly level: 'info' | 'warning' | 'error'
  readonly text: string
  readonly atMs: number
}

const NOTES_MAX = 50
export const LATENCIES_MAX = 120

export class SyncModel {
  readonly startedMs: number
  readonly tables = new Map<string, TableModel>()
  readonly sources = new Map<string, SourceModel>()
  readonly notes: Note[] = []
  /** Newest last, milliseconds. */
  readonly latencies: number[] = []
  readonly rowRate = new RateMeter()
  readonly byteRate = new RateMeter()
  changesMerged = 0
  stopping = false

  constructor(startedMs: number) {
    this.startedMs = startedMs
  }

  /** So that tables are shown before their first event. */
  expect(source: string, table: string): void {
    this.#table(source, table)
  }

  apply(event: ProgressEvent): void {
    const source = this.#source(event.source)
    switch (event.event) {
      case 'start':
        break
      case 'tables':
        for (const { table: name, state, reason } of event.tables) {
          const table = this.#table(event.source, name)
          table.state = state
          table.error = reason
        }
        break
      case 'state': {
        const table = this.#table(event.source, event.table)
        table.state = event.state
        // Why a table stops is said by the error that follows.
        if (event.state === 'failed' || event.state === 'needs_resync') break
        table.error = undefined
        if (event.reason !== undefined)
          this.#note('info', `${event.table}: ${event.state}, ${event.reason}`, event.atMs)
        break
      }
      case 'snapshot': {
        this.#recovered(source, event.atMs)
        const table = this.#table(event.source, event.table)
        this.#count(table, event.rows - table.snapshotRows, event.bytes - table.snapshotBytes, event.atMs)
        table.snapshotRows = event.rows
        table.snapshotBytes = event.bytes
        table.estimatedRows = event.estimatedRows
        break
      }
      case 'backfill': {
        this.#recovered(source, event.atMs)
        const table = this.#table(event.source, event.table)
        const before = table.backfill ?? { rows: event.rows, bytes: event.bytes }
        this.#count(table, event.rows - before.rows, event.bytes - before.bytes, event.atMs)
        const { rows, bytes, estimatedRows, outcome } = event
        table.backfill = outcome === undefined ? { rows, bytes, estimatedRows } : undefined
        const level = outcome === 'refused' ? 'warning' : 'info'
        if (outcome !== undefined) this.#note(level, `${event.table}: ${backfillEnd(event)}`, event.atMs)
        break
      }
      case 'staged':
        this.#recovered(source, event.atMs)
        source.position = event.position
        source.lagBytes = event.lagBytes
        this.byteRate.add(event.bytes, event.atMs)
        for (const name of event.tables) {
          const table = this.#table(event.source, name)
          const sinceMs = table.waiting?.sinceMs ?? event.atMs
          table.waiting = { sinceMs, lastMs: event.atMs, through: event.position }
        }
        break
      case 'merged':
        this.#recovered(source, event.atMs)
        source.position = event.position
        source.waitedForLockMs = event.waitedForLockMs
        for (const merged of event.tables) {
          const table = this.#table(event.source, merged.table)
          const changes = merged.inserted + merged.updated + merged.deleted
          this.#count(table, changes, 0, event.atMs)
          this.changesMerged += changes
          table.quarantined += merged.quarantined
          table.latencyMs = event.latencyMs ?? table.latencyMs
          table.waiting = stillWaiting(table.waiting, event.position)
        }
        if (event.latencyMs !== undefined) {
          this.latencies.push(event.latencyMs)
          if (this.latencies.length > LATENCIES_MAX) this.latencies.shift()
        }
        break
      case 'schema':
        this.#note('info', `${event.table}: ${event.changes.join('; ')}`, event.atMs)
        break
      case 'retry':
        source.retry = { message: event.message, attempt: event.attempt, untilMs: event.atMs + event.delayMs }
        break
      case 'error': {
        const hint = event.hint === undefined ? '' : `; fix: ${event.hint}`
        if (event.table !== undefined) this.#table(event.source, event.table).error = event.message
        this.#note('error', `${event.table ?? event.source}: ${event.message}${hint}`, event.atMs)
        break
      }
      case 'notice':
        this.#note('warning', `${event.source}: ${event.message}`, event.atMs)
        break
      case 'stopping':
        this.stopping = true
        break
    }
  }

  #count(table: TableModel, rows: number, bytes: number, atMs: number): void {
    // A snapshot that starts again from a smaller count is not negative progress.
    const [moreRows, moreBytes] = [Math.max(0, rows), Math.max(0, bytes)]
    table.rows += moreRows
    if (moreRows > 0) table.changedMs = atMs
    table.rowRate.add(moreRows, atMs)
    table.byteRate.add(moreBytes, atMs)
    this.rowRate.add(moreRows, atMs)
    this.byteRate.add(moreBytes, atMs)
  }

  #recovered(source: SourceModel, atMs: number): void {
    if (source.retry === undefined) return
    this.#note('info', `${source.source}: going on after ${source.retry.attempt} failed attempts`, atMs)
    source.retry = undefined
  }

  #note(level: Note['level'], text: string, atMs: number): void {
    this.notes.push({ level, text, atMs })
    if (this.notes.length > NOTES_MAX) this.notes.shift()
  }

  #source(name: string): SourceModel {
    const known = this.sources.get(name)
    if (known !== undefined) return known
    const made: SourceModel = {
      source: name,
      position: undefined,
      lagBytes: undefined,
      waitedForLockMs: 0,
      retry: undefined,
    }
    this.sources.set(name, made)
    return made
  }

  #table(source: string, table: string): TableModel {
    const key = `${source}\0${table}`
    const known = this.tables.get(key)
    if (known !== undefined) return known
    const made: TableModel = {
      source,
      table,
      state: 'pending',
      rows: 0,
      rowRate: new RateMeter(),
      byteRate: new RateMeter(),
      snapshotRows: 0,
      snapshotBytes: 0,
      estimatedRows: 0,
      backfill: undefined,
      quarantined: 0,
      latencyMs: undefined,
      waiting: undefined,
      changedMs: 0,
      error: undefined,
    }
    this.tables.set(key, made)
    return made
  }
}

/** What was staged while the others were being merged. */
function stillWaiting(waiting: TableModel['waiting'], merged: string): TableModel['waiting'] {
  return waiting === undefined || waiting.through <= merged ? undefined : { ...waiting, sinceMs: waiting.lastMs }
}
