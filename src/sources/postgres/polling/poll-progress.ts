import type { RowNumbering } from '../../../columnar/row-version-builder.ts'
import { positionPrefix } from '../../../core/position.ts'
import { type PollPlace, STEPS_MAX } from './poll-clock.ts'

/** How far one poll has come. */
export class PollProgress {
  readonly readMs: number
  /** Since the last boundary. */
  changes = 0
  /** Of the table with the most. */
  rows = 0
  numbering: RowNumbering
  readonly #generation: number
  readonly #place: PollPlace
  readonly #readUs: number
  #step = 0

  constructor(generation: number, place: PollPlace, serverUs: bigint) {
    this.#generation = generation
    this.#place = place
    this.#readUs = Number(serverUs)
    this.readMs = Math.floor(this.#readUs / 1000)
    this.numbering = this.#numbered()
  }

  get mayStep(): boolean {
    // One is kept for the keys.
    return this.#step < STEPS_MAX - 2
  }

  /** The boundary behind all rows so far. Rows that follow are numbered anew. */
  next(): bigint {
    this.#step++
    this.numbering = this.#numbered()
    return this.#place.step(this.#step)
  }

  #numbered(): RowNumbering {
    return {
      prefix: positionPrefix(this.#generation, this.#place.step(this.#step)),
      readUs: this.#readUs,
      ordinal: 0,
    }
  }
}
