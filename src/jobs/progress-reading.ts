/** Reads from the events of a command how far it is. Events that say nothing about that are passed over. */
import type { JobProgress } from '../core/job.ts'

/** Speed is that of the last seconds: files and tables differ. */
const WINDOW_MS = 15_000

export class ProgressReading {
  #progress: JobProgress = {}
  /** Bytes by table or file, as events tell them for each. */
  readonly #bytes = new Map<string, number>()
  readonly #rows = new Map<string, number>()
  readonly #live = new Set<string>()
  /** Outcomes of files that were to be loaded, as they are told at the end. */
  readonly #loads: boolean[] = []
  #window: { readonly atMs: number; readonly bytes: number }[] = []
  #outcome: string | undefined
  #error: { readonly reason: string; readonly hint: string | undefined } | undefined

  get progress(): JobProgress {
    return this.#progress
  }

  /** The last error that was told. */
  get error(): { readonly reason: string; readonly hint: string | undefined } | undefined {
    return this.#error
  }

  /** As the command said at its end: `partial`, `different`. */
  get outcome(): string | undefined {
    return this.#outcome
  }

  memory(rssBytes: number): void {
    const rssBytesPeak = Math.max(rssBytes, this.#progress.rssBytesPeak ?? 0)
    this.#progress = { ...this.#progress, rssBytes, rssBytesPeak }
  }

  /** `line`: one JSON object. `nowMs`: of a clock that only moves forward. */
  apply(line: string, nowMs: number): void {
    const event = JSON.parse(line) as Readonly<Record<string, unknown>>
    const table = text(event.table) ?? text(event.file) ?? ''
    switch (event.event) {
      case 'start':
        this.#set({ parts: whole(event.tables) ?? whole(event.files) })
        break
      case 'tables':
        for (const each of Array.isArray(event.tables) ? event.tables : [])
          if (each.state === 'live') this.#live.add(`${event.source} ${each.table}`)
        this.#set({ part: this.#live.size })
        break
      case 'state':
        if (event.state === 'live') this.#live.add(`${event.source} ${table}`)
        this.#set({ part: this.#live.size, activity: `${table}: ${event.state}` })
        break
      case 'snapshot':
      case 'backfill':
        this.#count(`${event.source} ${table}`, event, nowMs)
        this.#set({ activity: `copying ${table}` })
        break
      case 'progress':
        this.#set({
          activity: [text(event.activity), table].filter((word) => word !== undefined && word !== '').join(' '),
          part: whole(event.part),
          parts: whole(event.parts),
          rows: whole(event.rows),
          bytesTotal: whole(event.bytesTotal),
        })
        this.#meter(whole(event.bytes), nowMs)
        break
      case 'load':
        this.#loads.push(event.outcome === 'loaded' || event.outcome === 'already_loaded')
        this.#set({ part: this.#loads.filter((isLoaded) => isLoaded).length, parts: this.#loads.length })
        break
      case 'error':
        this.#error = { reason: errorText(event), hint: text(event.hint) }
        break
      case 'end':
        this.#outcome = text(event.outcome)
        break
      default:
    }
  }

  #count(key: string, event: Readonly<Record<string, unknown>>, nowMs: number): void {
    this.#bytes.set(key, whole(event.bytes) ?? 0)
    this.#rows.set(key, whole(event.rows) ?? 0)
    this.#set({ rows: sum(this.#rows) })
    this.#meter(sum(this.#bytes), nowMs)
  }

  #meter(bytes: number | undefined, nowMs: number): void {
    if (bytes === undefined) return
    // A smaller number is that of another file, or of a new start.
    if (bytes < (this.#window.at(-1)?.bytes ?? 0)) this.#window = []
    this.#window.push({ atMs: nowMs, bytes })
    this.#window = this.#window.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS)
    const first = this.#window[0]
    const tookMs = first === undefined ? 0 : nowMs - first.atMs
    const bytesPerSecond = first === undefined || tookMs <= 0 ? undefined : ((bytes - first.bytes) * 1000) / tookMs
    const left = (this.#progress.bytesTotal ?? bytes) - bytes
    const isKnown = bytesPerSecond !== undefined && bytesPerSecond > 0 && left > 0
    this.#set({ bytes, bytesPerSecond, remainingMs: isKnown ? (left * 1000) / bytesPerSecond : undefined })
  }

  #set(fields: JobProgress): void {
    this.#progress = { ...this.#progress, ...fields }
  }
}

/** `Opening warehouse.duckdb failed: it is locked`, as people read it; a table where one is named. */
function errorText(event: Readonly<Record<string, unknown>>): string {
  const [cause, ...more] = Array.isArray(event.causes) ? event.causes.map(String) : []
  const message = text(event.message) ?? 'an error'
  const said = cause === undefined ? message : [`${message} failed`, cause, ...more].join(': ')
  return text(event.table) === undefined ? said : `${event.table}: ${said}`
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function sum(values: ReadonlyMap<string, number>): number {
  let total = 0
  for (const value of values.values()) total += value
  return total
}
