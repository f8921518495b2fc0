/** The calendar of a twin: warehouses, load metadata and `CURRENT_TIMESTAMP` live by it. */

export interface TwinClock {
  /** Milliseconds since 1970. */
  nowMs(): number
}

/** Stands still until it is told to go. */
export class SettableClock implements TwinClock {
  #nowMs: number

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  /** Never backwards. */
  advance(ms: number): void {
    if (ms < 0) throw new RangeError('A clock does not go back')
    this.#nowMs += ms
  }

  set(toMs: number): void {
    this.advance(toMs - this.#nowMs)
  }
}
