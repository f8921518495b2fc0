import { type Clock, systemClock } from '../core/clock.ts'

/** Wakes a loop. Notifications that come while nobody waits are kept as one. */
export class Wake {
  readonly #clock: Clock
  #pending = false
  #wake: (() => void) | undefined

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  notify(): void {
    this.#pending = true
    this.#wake?.()
  }

  /** Resolves at the next notification, after `timeoutMs`, or when `signal` aborts; true when notified. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#pending && !signal.aborted) {
      const over = new AbortController()
      await new Promise<void>((resolve) => {
        const finish = () => {
          over.abort()
          signal.removeEventListener('abort', finish)
          resolve()
        }
        if (Number.isFinite(timeoutMs)) this.#clock.sleep(timeoutMs, over.signal).then(finish, () => undefined)
        signal.addEventListener('abort', finish, { once: true })
        this.#wake = finish
      })
      this.#wake = undefined
    }
    const notified = this.#pending
    this.#pending = false
    return notified
  }
}
