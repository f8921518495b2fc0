/**
 * Long work that may break anywhere and goes on where it was: following a stream, reading a snapshot. What counts is how
 * often it failed since it last got anywhere, not how often in all.
 */

import type { Clock } from '../core/clock.ts'
import { disposition, isPipelineError } from '../core/errors.ts'
import type { RetryNotice } from './guard.ts'

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000
const DOUBLINGS_MAX = 12

export class Attempts {
  readonly #max: number
  readonly #clock: Clock
  readonly #tell: (notice: RetryNotice) => void
  #inARow = 0

  constructor(max: number, clock: Clock, tell: (notice: RetryNotice) => void) {
    this.#max = max
    this.#clock = clock
    this.#tell = tell
  }

  /** Something was achieved that need not be done again. */
  progressed(): void {
    this.#inARow = 0
  }

  /** Waits before the next attempt; throws `error` where time does not mend it or too many attempts got nowhere. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (!isPipelineError(error) || disposition(error.code) !== 'auto') throw error
    this.#inARow++
    if (this.#inARow > this.#max) throw error
    const ceilingMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#inARow - 1, DOUBLINGS_MAX))
    const delayMs = Math.round(ceilingMs * (0.5 + Math.random() / 2))
    this.#tell({ error, attempt: this.#inARow, delayMs })
    // A stop ends the waiting; the caller looks at the signal.
    await this.#clock.sleep(delayMs, signal).catch(() => undefined)
  }
}
