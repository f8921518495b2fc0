/**
 * The clock that positions of files are made of: 64-bit numbers that only rise. The upper half counts rounds, the lower one
 * the ranges of a round, so that the end of a round is known before its files are.
 *
 *   ──┬── first range ─┬─ second range ─┬── … ──┬── end of the round = start of the next one ──▶
 *
 * A range has the number that the boundary before it has: it is the first thing that this boundary does not cover.
 */
const ROUND = 1n << 32n

export class FileClock {
  #next: bigint

  /** `floor`: as far as it is known to have come. */
  constructor(floor = 0n) {
    this.#next = floor < ROUND ? ROUND : floor
  }

  /** What the range that is written next gets, and the boundary before it. */
  get next(): bigint {
    return this.#next
  }

  /** The range is written: returns the boundary behind it. */
  advance(): bigint {
    this.#next += 1n
    return this.#next
  }

  raise(floor: bigint): void {
    if (floor > this.#next) this.#next = floor
  }

  /** The end of a round that begins at `start`. */
  static endOfRound(start: bigint): bigint {
    return (start / ROUND + 1n) * ROUND
  }
}
