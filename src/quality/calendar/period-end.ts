/** Days on which books are closed: the last business day of a month, quarter, fiscal period or fiscal year. */
import { type BusinessCalendar, businessDays } from './business-calendar.ts'
import { civilOf, type Day, monthEnd } from './civil-date.ts'
import { type FiscalYearRequest, fiscalPeriodOf } from './fiscal-year.ts'

export type PeriodEnd = 'month' | 'quarter' | 'year' | 'fiscal_period' | 'fiscal_quarter' | 'fiscal_year'

/**
 * What ends on this day: of calendar periods the longest one, then of fiscal periods the longest one. Empty for an ordinary
 * day. A month without business days ends on none.
 */
export function periodEndsOn(calendar: BusinessCalendar, day: Day, fiscal?: FiscalYearRequest): readonly PeriodEnd[] {
  if (!calendar.about(day).business) return []
  const ends: PeriodEnd[] = []
  const { year, month } = civilOf(day)
  if (isLast(calendar, day, monthEnd(year, month)))
    ends.push(month === 12 ? 'year' : month % 3 === 0 ? 'quarter' : 'month')
  if (fiscal !== undefined) {
    const { period, lastDay } = fiscalPeriodOf(fiscal, day)
    if (isLast(calendar, day, lastDay)) {
      ends.push(period === 12 ? 'fiscal_year' : period % 3 === 0 ? 'fiscal_quarter' : 'fiscal_period')
    }
  }
  return ends
}

/** Days on which something ends, ascending, `through` included. */
export function periodEnds(
  calendar: BusinessCalendar,
  from: Day,
  through: Day,
  fiscal?: FiscalYearRequest,
): readonly { readonly day: Day; readonly ends: readonly PeriodEnd[] }[] {
  return businessDays(calendar, from, through)
    .map((day) => ({ day, ends: periodEndsOn(calendar, day, fiscal) }))
    .filter(({ ends }) => ends.length > 0)
}

function isLast(calendar: BusinessCalendar, day: Day, end: Day): boolean {
  return businessDays(calendar, day + 1, end).length === 0
}
