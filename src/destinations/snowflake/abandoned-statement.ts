type AbandonmentReason = 'deadline' | 'silence' | 'lock'

const MESSAGES: Readonly<Record<AbandonmentReason, (seconds: number) => string>> = {
  deadline: (seconds) => `no answer within ${seconds} s`,
  silence: (seconds) => `the server has been silent for ${seconds} s`,
  lock: (seconds) => `another session holds the lock on the checkpoints, also ${seconds} s after the stop`,
}

/**
 * A statement that was given up before its answer: nobody knows whether it was carried out.
 * `deadline`: it took too long. `silence`: the server does not answer at all. `lock`: somebody else has what it waits for, and
 * the run is to end.
 */
export class AbandonedStatement extends Error {
  override readonly name = 'AbandonedStatement'
  readonly reason: AbandonmentReason

  constructor(reason: AbandonmentReason, ms: number) {
    const seconds = Math.ceil(ms / 1000)
    super(MESSAGES[reason](seconds))
    this.reason = reason
  }
}
