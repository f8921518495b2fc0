/** A clock that stands still until it is moved. What sleeps by it wakes up when its time has come, and only then. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../src/core/clock.ts'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

export class ManualClock implements Clock {
  #nowMs: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  elapsedMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const stop = () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      }
      const wake = () => {
        this.#sleepers.delete(sleeper)
        signal.removeEventListener('abort', stop)
        resolve()
      }
      const sleeper = { atMs: this.#nowMs + ms, wake }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** To this moment, and to each on the way at which somebody wakes up; whoever does gets a turn before time goes on. */
  async moveTo(ms: number): Promise<void> {
    // Whoever is about to sleep does so by the time that it has seen.
    await turn()
    for (;;) {
      const next = Math.min(ms, ...[...this.#sleepers].map(({ atMs }) => atMs))
      this.#nowMs = Math.max(this.#nowMs, next)
      for (const sleeper of [...this.#sleepers]) if (sleeper.atMs <= this.#nowMs) sleeper.wake()
      await turn()
      if (this.#nowMs >= ms) return
    }
  }
}
