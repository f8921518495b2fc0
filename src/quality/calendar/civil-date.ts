/**
 * Civil dates as whole numbers: days since 1970-01-01 in the Gregorian calendar. They have no time and no zone, so clocks that
 * are put forward or back cannot move them. Conversion by Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
 * (days_from_civil, civil_from_days): years of 365.2425 days that begin on 1 March, so that the leap day is the last one.
 */

/** Days since 1970-01-01. */
export type Day = number

/** As in ISO 8601: 1 is Monday, 7 is Sunday. */
export type Weekday = 1 | 2 | 3 | 4 | 5 | 6 | 7

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export type WeekdayName = (typeof WEEKDAYS)[number]

export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly dayOfMonth: number
}

const DAYS_IN_ERA = 146_097
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468

/** Does not check that the date exists: day 0 of a month is the last of the month before. */
export function dayOf(year: number, month: number, dayOfMonth: number): Day {
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + dayOfMonth - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_IN_ERA + dayOfEra - DAYS_TO_1970
}

export function civilOf(day: Day): CivilDate {
  const shifted = day + DAYS_TO_1970
  const era = Math.floor(shifted / DAYS_IN_ERA)
  const dayOfEra = shifted - era * DAYS_IN_ERA
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    dayOfMonth: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

/** Of `YYYY-MM-DD`; undefined for any other form and for a date that does not exist. */
export function parseDay(text: string): Day | undefined {
  const [, year, month, dayOfMonth] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  if (year === undefined) return undefined
  const day = dayOf(Number(year), Number(month), Number(dayOfMonth))
  return dayText(day) === text ? day : undefined
}

/** `YYYY-MM-DD`. */
export function dayText(day: Day): string {
  const { year, month, dayOfMonth } = civilOf(day)
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(dayOfMonth).padStart(2, '0')}`
}

export function weekdayOf(day: Day): Weekday {
  // 1970-01-01 was a Thursday.
  return (((((day + 3) % 7) + 7) % 7) + 1) as Weekday
}

export function weekdayNumber(name: WeekdayName): Weekday {
  return (WEEKDAYS.indexOf(name) + 1) as Weekday
}

/** `year` and `month` may be out of step: month 13 is January of the next year. */
export function monthStart(year: number, month: number): Day {
  return dayOf(year + Math.floor((month - 1) / 12), ((((month - 1) % 12) + 12) % 12) + 1, 1)
}

export function monthEnd(year: number, month: number): Day {
  return monthStart(year, month + 1) - 1
}

export function isLeapYear(year: number): boolean {
  return monthEnd(year, 2) - monthStart(year, 2) === 28
}
