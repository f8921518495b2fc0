/** The band in which a day is ordinary, by the class that it is compared with. */
import { WEEKDAYS } from '../calendar/civil-date.ts'
import type { Baseline, Forecast } from './baseline.ts'
import type { DayClass, SpecialClass } from './day-class.ts'

export interface Band {
  readonly comparedAs: string
  /** On the scale. */
  readonly center: number
  /** On the scale, of one standard deviation. */
  readonly spread: number
  /** Days that it rests on. */
  readonly days: number
}

export interface Bands {
  /** A day in any of them is ordinary. */
  readonly bands: readonly Band[]
  /** What lies between two of them is ordinary too. */
  readonly between: boolean
  /** `spikes`: what is above cannot be judged, because no such day has been seen. */
  readonly unjudged: 'nothing' | 'spikes' | 'everything'
}

/** Days of a special class that make an opinion. */
const SPECIAL_DAYS_MIN = 2
/** Before that many, a day near a special one may differ by so much more. */
const UNKNOWN_WIDENING = 1.5

/** Of which no day is known: what may differ from an ordinary day at all. */
const UNJUDGED: Partial<Record<SpecialClass, Bands['unjudged']>> = {
  holiday: 'everything',
  make_up_day: 'everything',
  month_end: 'spikes',
  quarter_end: 'spikes',
  year_end: 'everything',
  fiscal_period_end: 'spikes',
  fiscal_quarter_end: 'spikes',
  fiscal_year_end: 'everything',
}
/** Two holidays, or two days beside them, may differ: from closed to ordinary. */
const BETWEEN: readonly SpecialClass[] = ['holiday', 'before_holiday', 'after_holiday', 'make_up_day', 'year_end']

export function bandsOf(baseline: Baseline, forecast: Forecast, { weekday, special }: DayClass): Bands {
  const spread = baseline.spread()
  const ordinary: Band = {
    comparedAs: WEEKDAYS[weekday - 1] ?? '',
    center: forecast.center,
    spread,
    days: forecast.days,
  }
  const known: Band[] = []
  let usual = true
  for (const name of special) {
    const effect = baseline.effect(name)
    if (effect === undefined || effect.days < SPECIAL_DAYS_MIN) continue
    known.push({
      comparedAs: name,
      center: forecast.center + effect.center,
      spread: effect.spread,
      days: effect.days,
    })
    // A month's end that always has more must have it again.
    if (effect.significant && !BETWEEN.includes(name)) usual = false
  }
  const between = special.some((name) => BETWEEN.includes(name))
  if (known.length > 0) return { bands: usual ? [...known, ordinary] : known, between, unjudged: 'nothing' }
  const unjudged = special.map((name) => UNJUDGED[name]).find((part) => part !== undefined) ?? 'nothing'
  const wide = special.length === 0 ? ordinary : { ...ordinary, spread: spread * UNKNOWN_WIDENING }
  return { bands: [wide], between: false, unjudged }
}
