/** Time as a parameter: `nowMs` is the calendar and may jump, `elapsedMs` only moves forward. */
export interface Clock {
  /** Milliseconds since 1970, for stamps that people read. */
  nowMs(): number
  /** Milliseconds since an arbitrary start, for intervals and time-outs. */
  elapsedMs(): number
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const stop = () => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal.addEventListener('abort', stop, { once: true })
    }),
}
