/** Days that move through the year by a rule: the third Monday of January, Easter. */
import { type Day, dayOf, monthEnd, monthStart, type Weekday, weekdayOf } from './civil-date.ts'

/** The `n`th weekday of a month, from 1. */
export function nthWeekday(year: number, month: number, weekday: Weekday, n: number): Day {
  return onOrAfter(monthStart(year, month), weekday) + (n - 1) * 7
}

export function lastWeekday(year: number, month: number, weekday: Weekday): Day {
  return onOrBefore(monthEnd(year, month), weekday)
}

export function onOrAfter(day: Day, weekday: Weekday): Day {
  return day + ((weekday - weekdayOf(day) + 7) % 7)
}

export function onOrBefore(day: Day, weekday: Weekday): Day {
  return day - ((weekdayOf(day) - weekday + 7) % 7)
}

/** Easter Sunday of the western churches: "anonymous Gregorian algorithm", Nature, 20 April 1876; Meeus, Astronomical Algorithms, ch. 8. */
export function easterSunday(year: number): Day {
  const golden = year % 19
  const century = Math.floor(year / 100)
  const yearOfCentury = year % 100
  const moonCorrection = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3)
  const epact = (19 * golden + century - Math.floor(century / 4) - moonCorrection + 15) % 30
  const toSunday = (32 + 2 * (century % 4) + 2 * Math.floor(yearOfCentury / 4) - epact - (yearOfCentury % 4)) % 7
  const late = Math.floor((golden + 11 * epact + 22 * toSunday) / 451)
  const marchDays = epact + toSunday - 7 * late + 114
  return dayOf(year, Math.floor(marchDays / 31), (marchDays % 31) + 1)
}
