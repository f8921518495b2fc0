/**
 * Fiscal years: of twelve calendar months from any month, or of 52 or 53 weeks in quarters of 4-4-5, 4-5-4 or 5-4-4 weeks that
 * end on one weekday, as IRS Publication 538 ("52-53-week tax year") and the National Retail Federation describe them.
 */
import { PipelineError } from '../../core/errors.ts'
import { civilOf, type Day, dayText, monthEnd, monthStart, type Weekday } from './civil-date.ts'
import { lastWeekday, onOrBefore } from './movable-day.ts'

export type FiscalYearRequest = MonthsRequest | WeeksRequest

interface MonthsRequest {
  readonly kind: 'months'
  /** First month, 1 to 12. */
  readonly startMonth: number
  /** The calendar year that gives the fiscal year its number. */
  readonly namedAfter: 'start' | 'end'
}

interface WeeksRequest {
  readonly kind: 'weeks'
  /** Weeks of the three periods of a quarter. */
  readonly pattern: '4-4-5' | '4-5-4' | '5-4-4'
  /** The month at whose end the year ends, 1 to 12. */
  readonly endMonth: number
  readonly endWeekday: Weekday
  /** `last`: the last such weekday in the month. `nearest`: the one nearest to its last day, perhaps in the next month. */
  readonly anchor: 'last' | 'nearest'
  readonly namedAfter: 'start' | 'end'
  /** Which period has a 53rd week, where there is one. */
  readonly longPeriod: number
}

/** The merchandising calendar of the National Retail Federation. https://nrf.com/resources/4-5-4-calendar */
export const NRF_YEAR: FiscalYearRequest = {
  kind: 'weeks',
  pattern: '4-5-4',
  endMonth: 1,
  endWeekday: 6,
  anchor: 'nearest',
  namedAfter: 'start',
  longPeriod: 12,
}

export interface FiscalPeriod {
  readonly year: number
  /** 1 to 4. */
  readonly quarter: number
  /** 1 to 12. */
  readonly period: number
  readonly firstDay: Day
  readonly lastDay: Day
}

export interface FiscalYear {
  readonly year: number
  readonly firstDay: Day
  readonly lastDay: Day
  /** Twelve, in order. */
  readonly periods: readonly FiscalPeriod[]
}

const PERIODS = 12
const WEEK_DAYS = 7
const ORDINARY_YEAR_DAYS = 52 * WEEK_DAYS

/** Throws `config_invalid` for a month or a period that is not 1 to 12. */
export function fiscalYear(request: FiscalYearRequest, year: number): FiscalYear {
  check(request)
  return request.kind === 'months' ? yearOfMonths(request, year) : yearOfWeeks(request, year)
}

/** The period that a day is in. Throws as `fiscalYear` does. */
export function fiscalPeriodOf(request: FiscalYearRequest, day: Day): FiscalPeriod {
  const { year } = civilOf(day)
  for (const candidate of [year - 1, year, year + 1]) {
    const { firstDay, lastDay, periods } = fiscalYear(request, candidate)
    if (day < firstDay || day > lastDay) continue
    const period = periods.find(({ lastDay: end }) => day <= end)
    if (period !== undefined) return period
  }
  throw new PipelineError('internal', `Finding the fiscal period of ${dayText(day)}`)
}

/** Week of the fiscal year, from 1; weeks begin on the weekday on which the year begins. */
export function fiscalWeekOf(request: FiscalYearRequest, day: Day): number {
  const { firstDay } = fiscalYear(request, fiscalPeriodOf(request, day).year)
  return Math.floor((day - firstDay) / WEEK_DAYS) + 1
}

function yearOfMonths({ startMonth, namedAfter }: MonthsRequest, year: number): FiscalYear {
  const startYear = namedAfter === 'end' && startMonth > 1 ? year - 1 : year
  const periods = Array.from({ length: PERIODS }, (_, index) => ({
    year,
    quarter: Math.floor(index / 3) + 1,
    period: index + 1,
    firstDay: monthStart(startYear, startMonth + index),
    lastDay: monthEnd(startYear, startMonth + index),
  }))
  return yearOf(year, periods)
}

function yearOfWeeks(request: WeeksRequest, year: number): FiscalYear {
  // A year that ends with December begins about 1 January of the same year.
  const endYear = request.namedAfter === 'start' && request.endMonth < 12 ? year + 1 : year
  const firstDay = endOfWeeks(request, endYear - 1) + 1
  const lastDay = endOfWeeks(request, endYear)
  const long = lastDay - firstDay + 1 > ORDINARY_YEAR_DAYS
  const weeks = request.pattern.split('-').map(Number)
  const periods: FiscalPeriod[] = []
  let next = firstDay
  for (let period = 1; period <= PERIODS; period++) {
    const periodWeeks = (weeks[(period - 1) % 3] ?? 0) + (long && period === request.longPeriod ? 1 : 0)
    const end = next + periodWeeks * WEEK_DAYS - 1
    periods.push({ year, quarter: Math.ceil(period / 3), period, firstDay: next, lastDay: end })
    next = end + 1
  }
  return yearOf(year, periods)
}

function endOfWeeks({ endMonth, endWeekday, anchor }: WeeksRequest, calendarYear: number): Day {
  // Nearest to the last day: at most three days after it.
  return anchor === 'last'
    ? lastWeekday(calendarYear, endMonth, endWeekday)
    : onOrBefore(monthEnd(calendarYear, endMonth) + 3, endWeekday)
}

function yearOf(year: number, periods: readonly FiscalPeriod[]): FiscalYear {
  return { year, firstDay: periods[0]?.firstDay ?? 0, lastDay: periods.at(-1)?.lastDay ?? 0, periods }
}

function check(request: FiscalYearRequest): void {
  const numbers =
    request.kind === 'months'
      ? { startMonth: request.startMonth }
      : { endMonth: request.endMonth, longPeriod: request.longPeriod }
  for (const [key, value] of Object.entries(numbers)) {
    if (Number.isInteger(value) && value >= 1 && value <= PERIODS) continue
    throw new PipelineError('config_invalid', 'Making a fiscal year', {
      cause: new Error(`${key} is ${value}`),
      hint: `${key} is a whole number from 1 to ${PERIODS}.`,
    })
  }
}
