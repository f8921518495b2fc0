/**
 * A run as lines of a log, for pipes and files: what happened to each table at once, what flows every few seconds.
 */
import type { ProgressEvent } from '../../core/progress.ts'
import { bytes, compact, count, counted, duration, timeOfDay } from '../../core/quantity.ts'
import { printable } from '../terminal-text.ts'
import { backfillEnd } from './backfill-end.ts'
import { percentile } from './sparkline.ts'
import { STATE_WORDS } from './view.ts'

const SUMMARY_MS = 5000

interface Flow {
  sinceMs: number
  changes: number
  merges: number
  latencies: number[]
  lagBytes: number
}

export class PlainLines {
  readonly #write: (line: string) => void
  readonly #flows = new Map<string, Flow>()
  /** Table → when its last line about the snapshot was written. */
  readonly #told = new Map<string, number>()

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  apply(event: ProgressEvent): void {
    const text = this.#text(event)
    if (text !== undefined) this.#line(event, text)
  }

  /** Undefined: it is told later, summed up, or not at all. */
  #text(event: ProgressEvent): string | undefined {
    switch (event.event) {
      case 'start':
        return `started, ${counted(event.tables, 'table')}`
      case 'tables':
        return standingText(event)
      case 'state':
        return stateText(event)
      case 'snapshot':
        return this.#snapshotText(event)
      case 'backfill':
        return this.#backfillText(event)
      case 'staged':
        this.#flow(event).lagBytes = event.lagBytes
        return undefined
      case 'merged':
        return this.#merged(event)
      case 'schema':
        return `${event.table}: ${event.changes.join('; ')}`
      case 'retry':
        return `${event.message}; trying again in ${duration(event.delayMs)} (attempt ${event.attempt})`
      case 'error': {
        const what = event.table === undefined ? event.message : `${event.table}: ${event.message}`
        return `error: ${what}${event.hint === undefined ? '' : `; fix: ${event.hint}`}`
      }
      case 'notice':
        return event.message
      case 'stopping':
        return 'stopping: finishing what is in hand; a second signal stops at once'
    }
  }

  #snapshotText(event: Extract<ProgressEvent, { event: 'snapshot' }>): string | undefined {
    const finished = event.chunksDone === event.chunks
    const toldMs = this.#told.get(event.table)
    if (toldMs === undefined) this.#told.set(event.table, event.atMs)
    if (!finished && (toldMs === undefined || event.atMs - toldMs < SUMMARY_MS)) return undefined
    this.#told.set(event.table, event.atMs)
    const rows = finished
      ? counted(event.rows, 'row')
      : `${count(event.rows)} of about ${compact(event.estimatedRows)} rows`
    return `${event.table}: ${rows} copied (${bytes(event.bytes)})`
  }

  #backfillText(event: Extract<ProgressEvent, { event: 'backfill' }>): string | undefined {
    if (event.outcome !== undefined) {
      this.#told.delete(event.table)
      return `${event.table}: ${backfillEnd(event)}`
    }
    const toldMs = this.#told.get(event.table)
    if (toldMs === undefined) this.#told.set(event.table, event.atMs)
    if (toldMs === undefined || event.atMs - toldMs < SUMMARY_MS) return undefined
    this.#told.set(event.table, event.atMs)
    return `${event.table}: ${count(event.rows)} of about ${compact(event.estimatedRows)} rows read again, ${count(event.merged)} merged`
  }

  #merged(event: Extract<ProgressEvent, { event: 'merged' }>): string | undefined {
    const flow = this.#flow(event)
    flow.merges += 1
    let quarantined = 0
    for (const table of event.tables) {
      flow.changes += table.inserted + table.updated + table.deleted
      quarantined += table.quarantined
    }
    if (event.latencyMs !== undefined) flow.latencies.push(event.latencyMs)
    if (event.atMs - flow.sinceMs >= SUMMARY_MS) this.#summarize(event.source, flow, event.atMs)
    if (quarantined === 0) return undefined
    const names = event.tables.filter((table) => table.quarantined > 0).map((table) => table.table)
    return `values of ${counted(quarantined, 'row')} in quarantine: ${names.join(', ')}`
  }

  /** Tells what is not told yet. */
  end(atMs: number): void {
    for (const [source, flow] of this.#flows) this.#summarize(source, flow, atMs)
  }

  #flow(event: { readonly source: string; readonly atMs: number }): Flow {
    const known = this.#flows.get(event.source)
    if (known !== undefined) return known
    const made: Flow = { sinceMs: event.atMs, changes: 0, merges: 0, latencies: [], lagBytes: 0 }
    this.#flows.set(event.source, made)
    return made
  }

  /** An interval in which nothing changed says nothing. */
  #summarize(source: string, flow: Flow, atMs: number): void {
    if (flow.changes > 0) {
      const latency = flow.latencies.length === 0 ? '' : `, median latency ${duration(percentile(flow.latencies, 0.5))}`
      const text = `merged ${counted(flow.changes, 'change')} in ${counted(flow.merges, 'merge')}${latency}, ${bytes(flow.lagBytes)} behind`
      this.#line({ source, atMs }, text)
    }
    this.#flows.delete(source)
  }

  #line(event: { readonly source: string; readonly atMs: number }, text: string): void {
    this.#write(printable(`${timeOfDay(event.atMs)} ${event.source}: ${text}`))
  }
}

function stateText({ table, state, reason }: Extract<ProgressEvent, { event: 'state' }>): string {
  // Why a table stops is said by the error that follows.
  const why = reason === undefined || state === 'failed' || state === 'needs_resync' ? '' : `, ${reason}`
  return `${table}: ${STATE_WORDS[state]}${why}`
}

/** Tables that begin are told of as they do; those that stand still by name. */
function standingText({ tables }: Extract<ProgressEvent, { event: 'tables' }>): string | undefined {
  const known = tables.filter(({ state }) => state !== 'pending')
  if (known.length === 0) return undefined
  const texts = [...Map.groupBy(known, ({ state }) => state)].map(([state, group]) => {
    const names = state === 'live' ? '' : `: ${group.map(({ table }) => table).join(', ')}`
    return `${counted(group.length, 'table')} ${STATE_WORDS[state]}${names}`
  })
  return texts.join('; ')
}
