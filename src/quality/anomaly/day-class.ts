/** What kind of day it is to a business: days are compared with days of their class. */
import { type BusinessCalendar, businessDayFromMonthEnd, businessDayOfMonth } from '../calendar/business-calendar.ts'
import { type Day, type Weekday, weekdayOf } from '../calendar/civil-date.ts'
import type { FiscalYearRequest } from '../calendar/fiscal-year.ts'
import { type PeriodEnd, periodEndsOn } from '../calendar/period-end.ts'

export type SpecialClass =
  | 'holiday'
  | 'make_up_day'
  | 'before_holiday'
  | 'after_holiday'
  | 'month_start'
  | 'second_to_month_end'
  | 'third_to_month_end'
  | `${PeriodEnd}_end`

export interface DayClass {
  readonly weekday: Weekday
  /** Most special first: a quarter's end is also a month's. Empty for an ordinary day. */
  readonly special: readonly SpecialClass[]
}

/** Days without rows that are walked over between a holiday and the day before or after it. */
const CLOSED_DAYS_MAX = 10

export function classOf(calendar: BusinessCalendar, day: Day, fiscal?: FiscalYearRequest): DayClass {
  const special: SpecialClass[] = []
  const { kind } = calendar.about(day)
  if (kind === 'holiday') special.push('holiday')
  else if (kind === 'working_day') special.push('make_up_day')
  for (const end of periodEndsOn(calendar, day, fiscal)) special.push(`${end}_end`)
  if (special.some((name) => name === 'year_end' || name === 'quarter_end')) special.push('month_end')
  else if (special.some((name) => name === 'fiscal_year_end' || name === 'fiscal_quarter_end'))
    special.push('fiscal_period_end')
  if (kind !== 'holiday') {
    if (meetsHoliday(calendar, day, -1)) special.push('after_holiday')
    else if (meetsHoliday(calendar, day, 1)) special.push('before_holiday')
  }
  if (businessDayOfMonth(calendar, day) === 1) special.push('month_start')
  const toEnd = businessDayFromMonthEnd(calendar, day)
  if (toEnd === 2) special.push('second_to_month_end')
  if (toEnd === 3) special.push('third_to_month_end')
  return { weekday: weekdayOf(day), special }
}

/** Whether a holiday or closure comes before the next day with rows, in the direction of `step`. */
function meetsHoliday(calendar: BusinessCalendar, day: Day, step: 1 | -1): boolean {
  for (let distance = 1; distance <= CLOSED_DAYS_MAX; distance++) {
    const { kind, expected } = calendar.about(day + distance * step)
    if (kind === 'holiday' || kind === 'closure') return true
    if (expected) return false
  }
  return false
}
