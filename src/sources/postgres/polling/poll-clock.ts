/**
 * The clock that positions of a source without a log are made of: 64-bit numbers that only rise, close to microseconds
 * since 1970 by the server's clock. Where that clock jumps back, this one goes on in small steps until it is overtaken.
 *
 * A snapshot and its place on this clock are taken together, by one at a time: a later place always means a later
 * snapshot, so of two versions of a row the one with the larger position is the newer one.
 *
 *   ──┬── last ──┬─ steps of a poll, each the place of some rows ─┬── final: the end of the poll ──▶
 *
 * The end of a poll lies behind whatever was asked for before its snapshot was taken, its steps lie before that.
 */

/** Boundaries within one poll. */
export const STEPS_MAX = 1_024

export interface PollPlace {
  /** `index`: below `STEPS_MAX`. */
  step(index: number): bigint
  readonly final: bigint
}

export class PollClock {
  #last: bigint
  #turn: Promise<unknown> = Promise.resolve()

  /** `floor`: as far as it is known to have come. */
  constructor(floor = 0n) {
    this.#last = floor
  }

  raise(floor: bigint): void {
    if (floor > this.#last) this.#last = floor
  }

  /** What polls reach that begin from now on, and no other one. `serverUs`: now, by the server's clock. */
  target(serverUs: bigint): bigint {
    this.raise(serverUs - BigInt(STEPS_MAX) - 1n)
    return this.#last + BigInt(STEPS_MAX) + 1n
  }

  /** `take` takes a snapshot and says what the server's clock says. Nobody else takes one meanwhile. */
  place<T extends { readonly serverUs: bigint }>(
    take: () => Promise<T>,
  ): Promise<{ readonly taken: T; readonly place: PollPlace }> {
    const placed = this.#turn.then(async () => {
      const taken = await take()
      const base = this.#last + 1n
      const least = base + BigInt(STEPS_MAX)
      const final = taken.serverUs > least ? taken.serverUs : least
      this.#last = final
      return { taken, place: { step: (index: number) => base + BigInt(index), final } }
    })
    this.#turn = placed.catch(() => undefined)
    return placed
  }
}
