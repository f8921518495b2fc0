/**
 * What a day should be like, from the days before it. On the scale of `measure-scale.ts`:
 *
 *   expected = profile of its weekday + level
 *   profile  = median of the last 10 same weekdays
 *   level    = median distance of the last 14 days from their profiles, stretched from the middle of those days to today
 *   spread   = 1.4826 · median absolute distance of the last 120 days from what was expected of them, chance taken out
 *
 * The profile gives the shape of the week; it is five weeks old in the middle, and the level brings it up to date, so that trend
 * and yearly season are followed. Both are medians, so single days that were not noticed do not move them.
 */
import type { Weekday } from '../calendar/civil-date.ts'
import type { SpecialClass } from './day-class.ts'
import type { MeasureScale } from './measure-scale.ts'
import { madSpread, median, tailRatio } from './robust.ts'

export interface Forecast {
  /** On the scale. */
  readonly center: number
  /** Same weekdays that it rests on. */
  readonly days: number
}

export interface SpecialEffect {
  /** Usual distance of the class from its ordinary weekday, on the scale. */
  readonly center: number
  readonly spread: number
  readonly days: number
  /** Larger than its own uncertainty. */
  readonly significant: boolean
}

interface PastDay {
  readonly index: number
  readonly weekday: Weekday
  /** On the scale; moved when the level shifts. */
  scaled: number
}

const PROFILE_DAYS = 10
const PROFILE_DAYS_MIN = 3
/** A profile must not rest on the summer when it is winter. */
const PROFILE_AGE_MAX = 7 * 26
const LEVEL_DAYS = 14
const LEVEL_DAYS_MIN = 7
/** Between the middle of the profile's days and the middle of the level's, and from there to today. */
const STRETCH = 1 + 8 / 31
const RESIDUALS = 120
const TAIL_RESIDUALS = 250
const TAIL_RESIDUALS_MIN = 60
const EFFECT_DAYS = 13
/** Middle value of few days: its error is larger than that of a mean. */
const MEDIAN_VARIANCE = 1.57

export class Baseline {
  readonly #scale: MeasureScale
  readonly #spreadMin: number
  readonly #days: PastDay[] = []
  readonly #residuals: number[] = []
  /** Also of days that were not ordinary. */
  readonly #allResiduals: number[] = []
  readonly #chances: number[] = []
  readonly #effects = new Map<SpecialClass, number[]>()
  /** Asked for several times a day; undefined after a day was learned. */
  #knownSpread: number | undefined
  #knownTails: number | undefined

  /** `spreadMin`: on the scale; smaller variation is never told. */
  constructor(scale: MeasureScale, spreadMin: number) {
    this.#scale = scale
    this.#spreadMin = spreadMin
  }

  /** Undefined while there are too few days. */
  forecast(index: number, weekday: Weekday): Forecast | undefined {
    const own = this.#profileDays(index, weekday)
    if (own.length < PROFILE_DAYS_MIN) return undefined
    const profiles = new Map<Weekday, number>([[weekday, median(own)]])
    const distances: number[] = []
    for (let at = this.#days.length - 1; at >= 0 && distances.length < LEVEL_DAYS; at--) {
      const past = this.#days[at]
      if (past === undefined || index - past.index > LEVEL_DAYS * 3) break
      const profile = profiles.get(past.weekday) ?? median(this.#profileDays(index, past.weekday))
      profiles.set(past.weekday, profile)
      distances.push(past.scaled - profile)
    }
    if (distances.length < LEVEL_DAYS_MIN) return undefined
    // While the profile is as young as the level there is nothing to stretch.
    const stretch = own.length < PROFILE_DAYS ? 1 : STRETCH
    return { center: (profiles.get(weekday) ?? 0) + stretch * median(distances), days: own.length }
  }

  /** Of one ordinary day on the scale, chance left out. */
  spread(): number {
    this.#knownSpread ??= this.#measuredSpread()
    return this.#knownSpread
  }

  #measuredSpread(): number {
    const known = this.#residuals.slice(-RESIDUALS)
    const chance = median(this.#chances.slice(-RESIDUALS)) || 0
    const variance = known.length === 0 ? 0 : madSpread(known, 0) ** 2 - chance
    return Math.max(this.#spreadMin, Math.sqrt(Math.max(0, variance)))
  }

  /** By how much more than a normal one the band must be wide; 1 while too little is known. */
  tails(): number {
    if (this.#allResiduals.length < TAIL_RESIDUALS_MIN) return 1
    this.#knownTails ??= tailRatio(this.#allResiduals.slice(-TAIL_RESIDUALS))
    return this.#knownTails
  }

  residualCount(): number {
    return this.#residuals.length
  }

  effect(special: SpecialClass): SpecialEffect | undefined {
    const seen = this.#effects.get(special)?.slice(-EFFECT_DAYS)
    if (seen === undefined) return undefined
    const center = median(seen)
    const spread = Math.max(this.spread(), madSpread(seen, center))
    return {
      center,
      spread: spread * Math.sqrt(1 + MEDIAN_VARIANCE / seen.length),
      days: seen.length,
      significant: Math.abs(center) > 2 * spread * Math.sqrt(MEDIAN_VARIANCE / seen.length),
    }
  }

  /** A day that others may be compared with; it may come late, when a shift has made it an ordinary one. */
  keep(index: number, weekday: Weekday, scaled: number): void {
    const after = this.#days.findLastIndex((past) => past.index < index)
    this.#days.splice(after + 1, 0, { index, weekday, scaled })
  }

  /** `residual`: distance from the forecast. `ordinary`: it counts for the spread. */
  learn(residual: number, expected: number, ordinary: boolean): void {
    this.#knownSpread = undefined
    this.#knownTails = undefined
    this.#allResiduals.push(residual)
    if (!ordinary) return
    this.#residuals.push(residual)
    this.#chances.push(this.#scale.chance(expected))
  }

  learnEffect(special: SpecialClass, residual: number): void {
    const seen = this.#effects.get(special)
    if (seen === undefined) this.#effects.set(special, [residual])
    else seen.push(residual)
  }

  /** Every day before `index` is from now on counted as `shift` higher. */
  move(shift: number, index: number): void {
    for (const day of this.#days) if (day.index < index) day.scaled += shift
  }

  #profileDays(index: number, weekday: Weekday): readonly number[] {
    const values: number[] = []
    for (let at = this.#days.length - 1; at >= 0 && values.length < PROFILE_DAYS; at--) {
      const past = this.#days[at]
      if (past === undefined || index - past.index > PROFILE_AGE_MAX) break
      if (past.weekday === weekday) values.push(past.scaled)
    }
    return values
  }
}
