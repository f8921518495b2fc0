/** How well a detector finds the injected anomalies of a series, and what else it tells. */
import type { BusinessCalendar } from '../../src/quality/calendar/business-calendar.ts'
import { HISTORY_DAYS, type Injection, isMonthEnd, type SyntheticSeries } from './anomaly-series.ts'

/** Indexes of the days on which something is told for the first time. */
export type Detector = (series: SyntheticSeries, calendar: BusinessCalendar) => readonly number[]

export interface Score {
  readonly found: readonly Injection[]
  readonly missed: readonly Injection[]
  /** Days told on which nothing was injected. */
  readonly falseAlarms: readonly number[]
  readonly falseAlarmsAtMonthEnd: number
}

/** A shift of level is found in time within these days; what is told of it later is told twice. */
const SHIFT_DAYS = 10

export function scoreOf(series: SyntheticSeries, calendar: BusinessCalendar, told: readonly number[]): Score {
  const within = (injection: Injection, index: number) =>
    injection.kind === 'level_shift'
      ? index >= injection.index && index < injection.index + SHIFT_DAYS
      : index === injection.index
  const found = series.injections.filter((injection) => told.some((index) => within(injection, index)))
  const falseAlarms = told.filter(
    (index) => index >= HISTORY_DAYS && !series.injections.some((injection) => within(injection, index)),
  )
  return {
    found,
    missed: series.injections.filter((injection) => !found.includes(injection)),
    falseAlarms,
    falseAlarmsAtMonthEnd: falseAlarms.filter((index) => isMonthEnd(calendar, series.firstDay + index)).length,
  }
}
