/** Wakes a loop. Notifications that come while nobody waits are kept as one. */
export class Wake {
  #pending = false
  #wake: (() => void) | undefined

  notify(): void {
    this.#pending = true
    this.#wake?.()
  }

  /** Resolves at the next notification, after `timeoutMs`, or when `signal` aborts; true when notified. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          resolve()
        }
        const timer = Number.isFinite(timeoutMs) ? setTimeout(finish, timeoutMs) : undefined
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
