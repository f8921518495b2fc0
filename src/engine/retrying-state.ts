/**
 * Operational state that waits until it can be asked again. Its server may restart and its disk may be full at any
 * moment, also between a commit at the destination and the note of it: the run then stands still at that step and goes
 * on behind it, so the data is late, and nothing in memory differs from what is recorded.
 *
 * Calls are made one after the other, in the order in which they were asked: were a failed one tried again behind a
 * newer one, it would put back what the newer one has replaced. Each is harmless when it is made twice (the first answer
 * may be lost on its way), which is a promise of the port.
 *
 * Whoever is told to stop does not wait without end: nothing is lost by stopping between two steps, as by a kill.
 */
import type { Clock } from '../core/clock.ts'
import { disposition, isPipelineError, PipelineError } from '../core/errors.ts'
import type { State } from '../core/state.ts'
import { Attempts } from './attempts.ts'
import type { StopSignals } from './context.ts'
import type { RetryNotice } from './guard.ts'
import { Turn } from './turn.ts'

/** An orchestrator that asks a process to stop usually kills it after 30 s. */
const STOP_WAIT_MS = 10_000

export interface RetryingStateOptions {
  readonly clock: Clock
  readonly stop: StopSignals
  /** In a row; without end for a daemon. */
  readonly attemptsMax: number
  readonly tell: (notice: RetryNotice) => void
}

/** What time mends is tried again; when that takes too long the error is `state_unavailable`, which ends the run. */
export function retryingState(inner: State, options: RetryingStateOptions): State {
  const patience = new Patience(options)
  const turn = new Turn()
  const ask = <T>(call: () => Promise<T>): Promise<T> => turn.run(() => patience.run(call))
  return {
    source: (...args) => ask(() => inner.source(...args)),
    saveSource: (...args) => ask(() => inner.saveSource(...args)),
    tables: (...args) => ask(() => inner.tables(...args)),
    saveTable: (...args) => ask(() => inner.saveTable(...args)),
    removeTable: (...args) => ask(() => inner.removeTable(...args)),
    savePlan: (...args) => ask(() => inner.savePlan(...args)),
    chunks: (...args) => ask(() => inner.chunks(...args)),
    finishChunk: (...args) => ask(() => inner.finishChunk(...args)),
    clearChunks: (...args) => ask(() => inner.clearChunks(...args)),
    recordStaged: (...args) => ask(() => inner.recordStaged(...args)),
    saveToken: (...args) => ask(() => inner.saveToken(...args)),
    tokens: (...args) => ask(() => inner.tokens(...args)),
    waiting: (...args) => ask(() => inner.waiting(...args)),
    markLoaded: (...args) => ask(() => inner.markLoaded(...args)),
    reconcileLoaded: (...args) => ask(() => inner.reconcileLoaded(...args)),
    loadedBefore: (...args) => ask(() => inner.loadedBefore(...args)),
    forget: (...args) => ask(() => inner.forget(...args)),
    notePruned: (...args) => ask(() => inner.notePruned(...args)),
    discardWaiting: (...args) => ask(() => inner.discardWaiting(...args)),
    saveRun: (...args) => ask(() => inner.saveRun(...args)),
    runs: (...args) => ask(() => inner.runs(...args)),
    recordError: (...args) => ask(() => inner.recordError(...args)),
    errors: (...args) => ask(() => inner.errors(...args)),
    ask: (...args) => ask(() => inner.ask(...args)),
    request: (...args) => ask(() => inner.request(...args)),
    openRequests: (...args) => ask(() => inner.openRequests(...args)),
    answerRequest: (...args) => ask(() => inner.answerRequest(...args)),
    watchRequests: (notify) => inner.watchRequests(notify),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
}

class Patience {
  readonly #clock: Clock
  readonly #stop: StopSignals
  readonly #attempts: Attempts
  /** Since when a stop waits for the state. */
  #stoppingSinceMs: number | undefined
  /** Whoever comes after the first to give up need not wait again. */
  #exhausted = false

  constructor({ clock, stop, attemptsMax, tell }: RetryingStateOptions) {
    this.#clock = clock
    this.#stop = stop
    this.#attempts = new Attempts(attemptsMax, clock, tell)
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await call()
        this.#attempts.progressed()
        this.#stoppingSinceMs = undefined
        this.#exhausted = false
        return result
      } catch (error) {
        if (!isPipelineError(error) || disposition(error.code) !== 'auto') throw error
        await this.#waitAfter(error)
      }
    }
  }

  async #waitAfter(error: PipelineError): Promise<void> {
    const { graceful, immediate } = this.#stop
    const stopping = graceful.aborted || immediate.aborted
    if (stopping && this.#stoppingSinceMs === undefined) {
      this.#stoppingSinceMs = this.#clock.elapsedMs()
      // From the long pauses of an outage back to short ones.
      this.#attempts.progressed()
    }
    const waitedMs = this.#clock.elapsedMs() - (this.#stoppingSinceMs ?? this.#clock.elapsedMs())
    if (this.#exhausted || immediate.aborted || waitedMs >= STOP_WAIT_MS) throw this.#givenUp(error)
    await this.#attempts.failed(error, stopping ? immediate : graceful).catch(() => {
      throw this.#givenUp(error)
    })
  }

  #givenUp(error: PipelineError): PipelineError {
    this.#exhausted = true
    return new PipelineError('state_unavailable', 'Waiting for the state', {
      cause: error,
      hint: error.hint ?? 'The next sync goes on from here; nothing is lost',
      context: error.context,
    })
  }
}
