/**
 * A level that has shifted: five days in a row lie on one side of what was expected, their median by 2.5 standard deviations or more.
 * The median of five normal residuals varies by 0.54 deviations, so that this happens by chance about once in 50,000 days.
 */
import type { Weekday } from '../calendar/civil-date.ts'
import { median } from './robust.ts'

export interface RecentDay {
  readonly index: number
  readonly weekday: Weekday
  /** On the scale. */
  readonly scaled: number
  /** Distance from what was expected, on the scale. */
  readonly residual: number
  /** The same in standard deviations. */
  readonly deviation: number
  /** Kept out of the baseline so far. */
  readonly apart: boolean
}

export interface Shift {
  /** On the scale. */
  readonly size: number
  readonly deviation: number
  /** The days that show it, oldest first. */
  readonly days: readonly RecentDay[]
}

const SHIFT_DAYS = 5
const SHIFT_AT = 2.5
/** Between the first and the last of them. */
const SPAN_MAX = 14

export class ShiftWatch {
  #recent: readonly RecentDay[] = []

  forget(): void {
    this.#recent = []
  }

  /** `certain`: a person has said that the level is another one, so that any five days give its size. */
  see(day: RecentDay, certain: boolean): Shift | undefined {
    const near = this.#recent.filter((past) => day.index - past.index < SPAN_MAX)
    this.#recent = [...near, day].slice(-SHIFT_DAYS)
    if (this.#recent.length < SHIFT_DAYS) return undefined
    const deviation = median(this.#recent.map((past) => past.deviation))
    const oneSide = this.#recent.every((past) => past.deviation * deviation > 0)
    if (!certain && (!oneSide || Math.abs(deviation) < SHIFT_AT)) return undefined
    return { size: median(this.#recent.map((past) => past.residual)), deviation, days: this.#recent }
  }
}
