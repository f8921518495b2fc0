/**
 * Retry and circuit breaker of one side (a source, a destination).
 *
 * Failures whose disposition is `auto` are tried again with exponential backoff and jitter. After `BREAK_AFTER` of them
 * in a row the circuit opens: every task on that side waits for one trial call instead of hammering it together.
 */
import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  decorrelatedJitterGenerator,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
  type RetryPolicy,
  retry,
  wrap,
} from 'cockatiel'
import { disposition, isPipelineError, type PipelineError } from '../core/errors.ts'
import type { StopSignals } from './context.ts'

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000
const BREAK_AFTER = 5
const HALF_OPEN_AFTER_MS = 5_000

export interface RetryNotice {
  readonly error: PipelineError
  readonly attempt: number
  readonly delayMs: number
}

export interface Guard {
  /**
   * Runs `work`, again and again while it fails with `auto`; rejects at once when `signal` aborts between attempts. With both
   * signals: once `graceful` is aborted, no attempt follows one that failed.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal | StopSignals): Promise<T>
  readonly open: boolean
}

/** `attemptsMax`: `Number.POSITIVE_INFINITY` for a daemon; a `sync --once` gives up and says why. */
export function createGuard(attemptsMax: number, onRetry: (notice: RetryNotice) => void): Guard {
  const isAuto = handleWhen((error) => isPipelineError(error) && disposition(error.code) === 'auto')
  const retries = handleWhen(
    (error) => isBrokenCircuitError(error) || (isPipelineError(error) && disposition(error.code) === 'auto'),
  )
  const breaker: CircuitBreakerPolicy = circuitBreaker(isAuto, {
    halfOpenAfter: HALF_OPEN_AFTER_MS,
    breaker: new ConsecutiveBreaker(BREAK_AFTER),
  })
  const policy = (last: { error: PipelineError | undefined }): RetryPolicy => {
    const retrying = retry(retries, {
      maxAttempts: attemptsMax,
      backoff: new ExponentialBackoff({
        initialDelay: FIRST_DELAY_MS,
        maxDelay: LONGEST_DELAY_MS,
        generator: decorrelatedJitterGenerator,
      }),
    })
    retrying.onRetry((event) => {
      const error = 'error' in event ? event.error : undefined
      if (isPipelineError(error)) {
        last.error = error
        onRetry({ error, attempt: event.attempt, delayMs: Math.round(event.delay) })
      }
    })
    return retrying
  }
  return {
    get open() {
      return breaker.state === CircuitState.Open
    },
    async run(work, stop) {
      const { graceful, immediate: signal } = stop instanceof AbortSignal ? { graceful: stop, immediate: stop } : stop
      if (graceful.aborted) {
        signal.throwIfAborted()
        return work()
      }
      const last: { error: PipelineError | undefined } = { error: undefined }
      try {
        return await wrap(policy(last), breaker).execute(
          () => {
            signal.throwIfAborted()
            if (last.error !== undefined) graceful.throwIfAborted()
            return work()
          },
          AbortSignal.any([signal, graceful]),
        )
      } catch (error) {
        signal.throwIfAborted()
        if (graceful.aborted && last.error !== undefined) throw last.error
        // The circuit's own error says nothing about the cause.
        throw isBrokenCircuitError(error) && last.error !== undefined ? last.error : error
      }
    },
  }
}
