/**
 * Which days are business days, and on which days rows are expected. What is written down wins over what is computed: own
 * closures and working days over holidays, holidays over the week.
 */
import { PipelineError } from '../../core/errors.ts'
import { civilOf, type Day, dayText, monthEnd, monthStart, WEEKDAYS, type Weekday, weekdayOf } from './civil-date.ts'

export interface CalendarDay {
  /** `working_day`: a day of its own list, such as a Saturday that makes up for a holiday. */
  readonly kind: 'weekday' | 'weekend' | 'holiday' | 'closure' | 'working_day'
  /** For people: `Saturday`, `Good Friday`, the name of a closure. */
  readonly name: string
  readonly business: boolean
  /** Rows are expected. */
  readonly expected: boolean
}

export interface BusinessCalendar {
  /** For reports: what the calendar was made of, with versions and sources. */
  readonly description: string
  /** What a person should know who relies on it. */
  readonly notes: readonly string[]
  readonly about: (day: Day) => CalendarDay
}

/** A day of a person's own list. */
export interface OwnDay {
  readonly day: Day
  readonly name?: string
}

export interface CalendarParts {
  readonly description: string
  readonly notes: readonly string[]
  readonly weekend: readonly Weekday[]
  /** Days of a year that are closed by rule, with their names. */
  readonly holidays: (year: number) => ReadonlyMap<Day, string>
  readonly closures: readonly OwnDay[]
  readonly workingDays: readonly OwnDay[]
  /** `every_day`: rows are expected on weekends and holidays too, closures alone excepted. */
  readonly expect: 'business_days' | 'every_day'
}

/** Throws `config_invalid` where a day is a closure and a working day. */
export function makeCalendar(parts: CalendarParts): BusinessCalendar {
  const closures = byDay(parts.closures, 'closure')
  const workingDays = byDay(parts.workingDays, 'working day')
  for (const day of closures.keys()) {
    if (!workingDays.has(day)) continue
    throw new PipelineError('config_invalid', `Making the calendar "${parts.description}"`, {
      cause: new Error(`${dayText(day)} is a closure and a working day`),
      hint: 'Leave it in one of the two lists.',
    })
  }
  const years = new Map<number, ReadonlyMap<Day, string>>()
  const holidaysOf = (year: number) => {
    const known = years.get(year) ?? parts.holidays(year)
    years.set(year, known)
    return known
  }
  const everyDay = parts.expect === 'every_day'
  return {
    description: parts.description,
    notes: parts.notes,
    about: (day) => {
      const closure = closures.get(day)
      if (closure !== undefined) return { kind: 'closure', name: closure, business: false, expected: false }
      const workingDay = workingDays.get(day)
      if (workingDay !== undefined) return { kind: 'working_day', name: workingDay, business: true, expected: true }
      const holiday = holidaysOf(civilOf(day).year).get(day)
      if (holiday !== undefined) return { kind: 'holiday', name: holiday, business: false, expected: everyDay }
      const weekday = weekdayOf(day)
      const business = !parts.weekend.includes(weekday)
      return {
        kind: business ? 'weekday' : 'weekend',
        name: capitalized(WEEKDAYS[weekday - 1] ?? ''),
        business,
        expected: business || everyDay,
      }
    },
  }
}

/** Ascending, `through` included. */
export function expectedDays(calendar: BusinessCalendar, from: Day, through: Day): readonly Day[] {
  return daysBetween(from, through).filter((day) => calendar.about(day).expected)
}

export function businessDays(calendar: BusinessCalendar, from: Day, through: Day): readonly Day[] {
  return daysBetween(from, through).filter((day) => calendar.about(day).business)
}

/** 1 for the first business day of the calendar month; undefined for a day that is none. */
export function businessDayOfMonth(calendar: BusinessCalendar, day: Day): number | undefined {
  const { year, month } = civilOf(day)
  return calendar.about(day).business ? businessDays(calendar, monthStart(year, month), day).length : undefined
}

/** 1 for the last business day of the calendar month; undefined for a day that is none. */
export function businessDayFromMonthEnd(calendar: BusinessCalendar, day: Day): number | undefined {
  const { year, month } = civilOf(day)
  return calendar.about(day).business ? businessDays(calendar, day, monthEnd(year, month)).length : undefined
}

/** Ascending, `through` included. */
export function daysBetween(from: Day, through: Day): readonly Day[] {
  return Array.from({ length: Math.max(0, through - from + 1) }, (_, offset) => from + offset)
}

function byDay(days: readonly OwnDay[], what: string): ReadonlyMap<Day, string> {
  return new Map(days.map(({ day, name }) => [day, name ?? what]))
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
