/**
 * Synthetic daily counts with anomalies that are known, for the benchmark of the detector. A series is made from its seed alone:
 *
 *   mean = level × weekday × yearly season × trend × holiday × days about the month's end, after the shifts of level so far
 *   count = Poisson(mean × noise), noise of median 1: log-normal, or with the tails of Student's t
 */
import {
  type BusinessCalendar,
  businessDayFromMonthEnd,
  businessDayOfMonth,
} from '../../src/quality/calendar/business-calendar.ts'
import { civilOf, type Day, weekdayOf } from '../../src/quality/calendar/civil-date.ts'

export interface Injection {
  readonly kind: 'drop' | 'spike' | 'level_shift'
  readonly index: number
  readonly factor: number
}

export interface SyntheticSeries {
  readonly seed: number
  readonly firstDay: Day
  readonly values: Float64Array
  /** What the count would be in the middle: single anomalies left out, level shifts before that day included. */
  readonly means: Float64Array
  /** Standard deviation of the noise's logarithm. */
  readonly noise: number
  readonly tails: 'normal' | 't3' | 't5'
  readonly injections: readonly Injection[]
}

/** Anomalies begin here, and false alarms are counted from here: the days before are history. */
export const HISTORY_DAYS = 182
/** In which anomalies are, and false alarms are counted. */
export const YEARS = 2
const SERIES_DAYS = HISTORY_DAYS + YEARS * 365

const SHAPES: readonly (readonly number[])[] = [
  [1, 1, 1, 1, 1, 1, 1],
  [1.1, 1.05, 1, 1, 1.1, 0.6, 0.5],
  [0.9, 0.85, 0.9, 1, 1.25, 1.6, 1.2],
  [1.2, 1, 0.95, 0.95, 0.9, 0.25, 0.15],
]
const DROPS: readonly number[] = [0.5, 0.5, 0.3, 0.02]
const SPIKES: readonly number[] = [2, 2, 3, 1.6]
const SHIFTS: readonly number[] = [0.5, 0.65, 1.5, 2]
/** Drops and spikes together. */
const DAYS_PER_YEAR = 4
/** Days between two anomalies, so that each is told for itself. */
const APART_DAYS = 21

export function makeSeries(seed: number, calendar: BusinessCalendar, firstDay: Day): SyntheticSeries {
  const random = randomOf(seed)
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  // A few rows a day to a million.
  const level = 10 ** (1.5 + 4.5 * random())
  const shape = pick(SHAPES)
  const season = pick([0, 0.1, 0.3])
  const phase = random() * 2 * Math.PI
  const trend = (random() - 0.4) * 0.8
  const noise = 0.03 + 0.09 * random()
  const tails = pick(['normal', 'normal', 't5', 't3'] as const)
  const holidayFactor = pick([1, 0.5, 0.2, 1.4])
  const monthEnd = pick([
    [1, 1, 1, 1],
    [2.5, 1, 1, 1],
    [3, 1.8, 1.3, 1],
    [1.8, 1, 1, 1.5],
  ])
  const means = new Float64Array(SERIES_DAYS)
  const values = new Float64Array(SERIES_DAYS).fill(Number.NaN)
  const injections = injectionsOf(random, pick, calendar, firstDay)
  let shifted = 1
  for (let index = 0; index < SERIES_DAYS; index++) {
    const day = firstDay + index
    const injection = injections.find((candidate) => candidate.index === index)
    const { expected, kind } = calendar.about(day)
    const years = index / 365.25
    const fromEnd = businessDayFromMonthEnd(calendar, day) ?? 0
    const mean =
      level *
      shifted *
      (shape[weekdayOf(day) - 1] ?? 1) *
      (1 + season * Math.sin(2 * Math.PI * years + phase)) *
      (1 + trend) ** years *
      (kind === 'holiday' ? holidayFactor : 1) *
      (fromEnd >= 1 && fromEnd <= 3 ? (monthEnd[fromEnd - 1] ?? 1) : 1) *
      (businessDayOfMonth(calendar, day) === 1 ? (monthEnd[3] ?? 1) : 1)
    means[index] = mean
    const disturbance = Math.exp(noise * tailed(random, tails))
    if (expected) values[index] = poisson(random, mean * disturbance * (injection?.factor ?? 1))
    if (injection?.kind === 'level_shift') shifted *= injection.factor
  }
  return { seed, firstDay, values, means, noise, tails, injections }
}

export function isMonthEnd(calendar: BusinessCalendar, day: Day): boolean {
  const fromEnd = businessDayFromMonthEnd(calendar, day)
  return (
    (fromEnd !== undefined && fromEnd <= 3) || businessDayOfMonth(calendar, day) === 1 || civilOf(day).dayOfMonth === 1
  )
}

function injectionsOf(
  random: () => number,
  pick: <Item>(items: readonly Item[]) => Item,
  calendar: BusinessCalendar,
  firstDay: Day,
): readonly Injection[] {
  const injections: Injection[] = []
  const wanted = DAYS_PER_YEAR * YEARS
  // Half of the series have one shift of level.
  const shifts = random() < 0.5 ? 1 : 0
  for (let tries = 0; injections.length < wanted + shifts && tries < 500; tries++) {
    const index = HISTORY_DAYS + Math.floor(random() * (SERIES_DAYS - HISTORY_DAYS - APART_DAYS))
    const near = injections.some((other) => Math.abs(other.index - index) < APART_DAYS)
    if (near || !calendar.about(firstDay + index).expected) continue
    const kind = injections.length < shifts ? 'level_shift' : pick(['drop', 'spike'] as const)
    const factor = pick(kind === 'level_shift' ? SHIFTS : kind === 'drop' ? DROPS : SPIKES)
    injections.push({ kind, index, factor })
  }
  return injections
}

/** Scaled so that half of all values are as near to 0 as with a normal distribution. */
function tailed(random: () => number, tails: SyntheticSeries['tails']): number {
  if (tails === 'normal') return normal(random)
  const freedom = tails === 't3' ? 3 : 5
  let squares = 0
  for (let degree = 0; degree < freedom; degree++) squares += normal(random) ** 2
  return (normal(random) / Math.sqrt(squares / freedom)) * (tails === 't3' ? 0.882 : 0.928)
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Knuth's product for small means, a rounded normal for large ones, where the two cannot be told apart. */
function poisson(random: () => number, mean: number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  const limit = Math.exp(-mean)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count++
  return count
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b9) + 0x7f4a7c15) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
