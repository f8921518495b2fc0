/** One at a time, in order of asking: calls to a destination for one source must not overlap. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work)
    // The chain itself never rejects; whoever asked sees the error.
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
