/**
 * Warehouses as they run: they resume for a statement, suspend when nothing has run for AUTO_SUSPEND, and are billed by the second, with
 * a minute at each resume. Nothing here waits: a statement takes the time of the cost model on the twin's clock, and what has
 * happened meanwhile is worked out when somebody asks.
 */
import { BILLED_MS_MIN, creditsPerHour, modelledMs, type Workload } from './cost-model.ts'

export interface WarehouseSettings {
  readonly size: string
  readonly isSecondGeneration: boolean
  /** Undefined: never. */
  readonly autoSuspendMs: number | undefined
}

/** From a resume, or a change of size, to a suspension or another change. `toMs` undefined: it still runs. */
export interface RunningTime {
  readonly fromMs: number
  readonly toMs: number | undefined
  readonly creditsPerHour: number
  /** False where it began with a change of size. */
  readonly isResume: boolean
}

export interface StatementTime {
  readonly startMs: number
  readonly endMs: number
  /** The statement found it suspended. */
  readonly hasResumed: boolean
}

interface Running {
  settings: WarehouseSettings
  fromMs: number
  isResume: boolean
  /** End of the last statement so far. */
  busyUntilMs: number
  /** When the throughput is free again: statements side by side share it. */
  throughputFreeMs: number
}

export class WarehouseMeter {
  readonly #past = new Map<string, RunningTime[]>()
  readonly #running = new Map<string, Running>()

  /** A statement that arrives at `atMs`. */
  account(name: string, settings: WarehouseSettings, atMs: number, workload: Workload): StatementTime {
    const before = this.#current(name, atMs)
    const running = before ?? this.#resume(name, settings, atMs)
    const { fixedMs, throughputMs } = modelledMs(workload, running.settings.size)
    const begin = Math.max(atMs, running.fromMs) + fixedMs
    const endMs = throughputMs === 0 ? begin : Math.max(begin, running.throughputFreeMs) + throughputMs
    if (throughputMs > 0) running.throughputFreeMs = endMs
    running.busyUntilMs = Math.max(running.busyUntilMs, endMs)
    return { startMs: atMs, endMs, hasResumed: before === undefined }
  }

  isRunning(name: string, atMs: number): boolean {
    return this.#current(name, atMs) !== undefined
  }

  resume(name: string, settings: WarehouseSettings, atMs: number): void {
    if (this.#current(name, atMs) === undefined) this.#resume(name, settings, atMs)
  }

  /** Statements that run are let end. */
  suspend(name: string, atMs: number): void {
    const running = this.#current(name, atMs)
    if (running !== undefined) this.#close(name, running, Math.max(atMs, running.busyUntilMs))
  }

  /** A new size or AUTO_SUSPEND, at once. */
  change(name: string, settings: WarehouseSettings, atMs: number): void {
    const running = this.#current(name, atMs)
    if (running === undefined) return
    if (
      running.settings.size === settings.size &&
      running.settings.isSecondGeneration === settings.isSecondGeneration
    ) {
      running.settings = settings
      return
    }
    this.#close(name, running, atMs)
    this.#running.set(name, { ...running, settings, fromMs: atMs, isResume: false })
  }

  rename(name: string, to: string): void {
    for (const map of [this.#past, this.#running] as Map<string, unknown>[]) {
      if (!map.has(name)) continue
      map.set(to, map.get(name))
      map.delete(name)
    }
  }

  names(): readonly string[] {
    return [...new Set([...this.#past.keys(), ...this.#running.keys()])]
  }

  /** Oldest first. */
  times(name: string, atMs: number): readonly RunningTime[] {
    const running = this.#current(name, atMs)
    const past = this.#past.get(name) ?? []
    return running === undefined ? past : [...past, runningTime(running, undefined)]
  }

  /** Credits for running between two moments; a resume is billed with its minute from when it happens. */
  credits(name: string, fromMs: number, toMs: number, atMs: number): number {
    return this.times(name, atMs).reduce((sum, time) => sum + billedMs(time, fromMs, toMs, atMs) * rate(time), 0)
  }

  /** Milliseconds that are billed between two moments. */
  billedMs(name: string, fromMs: number, toMs: number, atMs: number): number {
    return this.times(name, atMs).reduce((sum, time) => sum + billedMs(time, fromMs, toMs, atMs), 0)
  }

  restore(name: string, times: readonly RunningTime[]): void {
    this.#past.set(name, [...times])
  }

  #resume(name: string, settings: WarehouseSettings, atMs: number): Running {
    const last = this.#past.get(name)?.at(-1)?.toMs ?? 0
    const fromMs = Math.max(atMs, last)
    const running: Running = { settings, fromMs, isResume: true, busyUntilMs: fromMs, throughputFreeMs: fromMs }
    this.#running.set(name, running)
    return running
  }

  /** Suspended meanwhile, if its time has come. */
  #current(name: string, atMs: number): Running | undefined {
    const running = this.#running.get(name)
    const idleMs = running?.settings.autoSuspendMs
    if (running === undefined || idleMs === undefined || atMs <= running.busyUntilMs + idleMs) return running
    this.#close(name, running, running.busyUntilMs + idleMs)
    return undefined
  }

  #close(name: string, running: Running, toMs: number): void {
    this.#running.delete(name)
    const past = this.#past.get(name) ?? []
    past.push(runningTime(running, toMs))
    this.#past.set(name, past)
  }
}

function runningTime({ settings, fromMs, isResume }: Running, toMs: number | undefined): RunningTime {
  return { fromMs, toMs, isResume, creditsPerHour: creditsPerHour(settings.size, settings.isSecondGeneration) }
}

function billedMs(time: RunningTime, fromMs: number, toMs: number, atMs: number): number {
  const end = Math.max(time.toMs ?? atMs, time.isResume ? time.fromMs + BILLED_MS_MIN : time.fromMs)
  return Math.max(0, Math.min(end, toMs) - Math.max(time.fromMs, fromMs))
}

/** Credits per millisecond. */
function rate(time: RunningTime): number {
  return time.creditsPerHour / 3_600_000
}
