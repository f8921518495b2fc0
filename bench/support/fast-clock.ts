/** Time that runs faster than it does: an hour of waiting in a minute. Only what waits by this clock hurries. */
import type { Clock } from '../../src/core/clock.ts'

export class FastClock implements Clock {
  #speed = 1
  /** Of the simulated calendar and of this process, when the speed was last set. */
  #sinceMs = Date.now()
  #sinceRealMs = performance.now()
  readonly #startMs = this.#sinceMs

  nowMs(): number {
    return Math.floor(this.#nowMs())
  }

  elapsedMs(): number {
    return this.#nowMs() - this.#startMs
  }

  setSpeed(speed: number): void {
    this.#sinceMs = this.#nowMs()
    this.#sinceRealMs = performance.now()
    this.#speed = speed
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (signal.aborted) return Promise.reject(signal.reason)
    const endMs = this.#nowMs() + ms
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    // In short steps, as the speed may change meanwhile.
    const step = () => {
      const leftMs = endMs - this.#nowMs()
      if (leftMs > 0) {
        timer = setTimeout(step, Math.min(50, leftMs / this.#speed))
        return
      }
      signal.removeEventListener('abort', stop)
      resolve()
    }
    let timer = setTimeout(step, 0)
    signal.addEventListener('abort', stop, { once: true })
    return promise
  }

  #nowMs(): number {
    return this.#sinceMs + (performance.now() - this.#sinceRealMs) * this.#speed
  }
}
