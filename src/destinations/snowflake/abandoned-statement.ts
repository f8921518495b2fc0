/**
 * A statement that was given up before its answer: nobody knows whether it was carried out.
 * `deadline`: it took too long. `silence`: the server does not answer at all.
 */
export class AbandonedStatement extends Error {
  override readonly name = 'AbandonedStatement'
  readonly reason: 'deadline' | 'silence'

  constructor(reason: 'deadline' | 'silence', ms: number) {
    const seconds = Math.ceil(ms / 1000)
    super(reason === 'deadline' ? `no answer within ${seconds} s` : `the server has been silent for ${seconds} s`)
    this.reason = reason
  }
}
