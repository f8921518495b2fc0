/** What the detector is asked and what it answers. */
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import type { Day } from '../calendar/civil-date.ts'
import type { FiscalYearRequest } from '../calendar/fiscal-year.ts'
import type { Measure } from './measure-scale.ts'

export interface DailySeries {
  readonly measure: Measure
  readonly firstDay: Day
  /** One for each day from `firstDay` on; NaN where nothing is known of the day. */
  readonly values: Float64Array
}

export interface AnomalyRequest {
  readonly series: DailySeries
  readonly calendar: BusinessCalendar
  readonly fiscal?: FiscalYearRequest
  /** Days that a person has called expected, with the reason: no alarm, and no day is compared with them. */
  readonly expectedDays?: ReadonlyMap<Day, string>
  /** Days from which another level is the normal one, as a person has said. */
  readonly newNormalFrom?: readonly Day[]
  readonly settings?: Partial<AnomalySettings>
}

export interface AnomalySettings {
  /** Robust standard deviations. */
  readonly warningAt: number
  readonly criticalAt: number
  /** Smaller differences are never told, as a share of what was expected. */
  readonly smallestShare: number
  readonly direction: 'both' | 'drop' | 'spike'
}

export type DayState =
  | 'ordinary'
  | 'anomaly'
  /** Too little is known of days like this: not evaluated. */
  | 'learning'
  /** Marked by a person. */
  | 'expected'
  /** No rows where rows are expected: for completeness to tell. */
  | 'missing'
  /** Rows where none are expected: for completeness to tell. */
  | 'unexpected'
  | 'closed'

export interface DayVerdict {
  readonly day: Day
  readonly value: number
  readonly state: DayState
  /** Weekday, or the special class that the day was compared with. Undefined for days that were not compared. */
  readonly comparedAs: string | undefined
  /** What days like it suggest, and the band outside of which a day is told; NaN where nothing was compared. */
  readonly expected: number
  readonly lower: number
  readonly upper: number
  /** Days like it that this rests on. */
  readonly days: number
  /** Robust standard deviations from what was expected; NaN where nothing was compared. */
  readonly deviation: number
}

export type Severity = 'CRITICAL' | 'WARNING' | 'INFO'

export interface AnomalyFinding {
  readonly kind: 'drop' | 'spike' | 'level_shift'
  readonly severity: Severity
  readonly from: Day
  /** Of a level shift: the day on which it was certain. It lasts. */
  readonly through: Day
  /** The value divided by what was expected; of a level shift, the level by the one before. */
  readonly size: number
  readonly message: string
}

export interface AnomalyResult {
  /** `not_evaluated`: no day could be compared, which is no pass. */
  readonly outcome: 'pass' | 'fail' | 'not_evaluated'
  readonly evaluatedDays: number
  readonly learningDays: number
  /** One for each day of the series. */
  readonly verdicts: readonly DayVerdict[]
  readonly findings: readonly AnomalyFinding[]
}
