/** Trouble on request: a plan looks at each call and says what becomes of it. */

export type CallKind =
  | 'login'
  | 'renewal'
  | 'query'
  | 'result'
  | 'chunk'
  | 'monitoring'
  | 'abort'
  | 'heartbeat'
  | 'close'
  | 'telemetry'

/** A request of a client. */
export interface TwinCall {
  readonly kind: CallKind
  /** Of `query`. */
  readonly sql: string | undefined
  /** From 1; a client repeats a call with the same id of its request. */
  readonly attempt: number
  readonly sessionId: string | undefined
}

export type Fault =
  /** Nothing is done; the answer is this HTTP status (429, 503, …). */
  | { readonly kind: 'answer'; readonly status: number }
  /** Nothing is done, and the connection is cut. */
  | { readonly kind: 'cut' }
  /** Everything is done, and the connection is cut before the answer. */
  | { readonly kind: 'lost reply' }
  /** Before anything is done. Milliseconds of real time. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The client must renew its token (390112). */
  | { readonly kind: 'session expired' }
  /** The session is closed, its transaction is rolled back (390111). */
  | { readonly kind: 'session gone' }
  /** The answer comes after so many times "still running" (333333). */
  | { readonly kind: 'slow answer'; readonly polls: number }
  /** The statement is refused with this error. */
  | { readonly kind: 'error'; readonly code: string; readonly sqlState: string; readonly message: string }
  /** The warehouse has no slot for the statement: it waits for so long, or for `STATEMENT_QUEUED_TIMEOUT_IN_SECONDS`. */
  | { readonly kind: 'queue full'; readonly ms: number }
  /** Of a PUT: the place to which the client uploads cannot be written. */
  | { readonly kind: 'cut upload' }

/** Asked once for each call. */
export type FaultPlan = (call: TwinCall) => Fault | undefined

export class Faults {
  /** Every call so far, oldest first; the last `CALLS_MAX` of them. */
  readonly calls: TwinCall[] = []
  plan: FaultPlan = () => undefined

  /** `fault` for the next call for which `matches` is true, once. */
  once(matches: (call: TwinCall) => boolean, fault: Fault): void {
    const before = this.plan
    let isDone = false
    this.plan = (call) => {
      if (isDone || !matches(call)) return before(call)
      isDone = true
      return fault
    }
  }

  clear(): void {
    this.plan = () => undefined
  }

  next(call: TwinCall): Fault | undefined {
    this.calls.push(call)
    if (this.calls.length > CALLS_MAX) this.calls.splice(0, CALLS_MAX / 2)
    return this.plan(call)
  }
}

const CALLS_MAX = 20_000
