/**
 * Calendars of markets and payment systems that no country's holidays give, by their published rules. All are closed on
 * Saturdays and Sundays.
 */
import { type Day, dayOf, weekdayOf } from './civil-date.ts'
import { easterSunday, lastWeekday, nthWeekday } from './movable-day.ts'

export interface NamedCalendar {
  readonly title: string
  /** Where the rules are published. */
  readonly source: string
  /** First year that the rules describe. */
  readonly firstYear: number
  /** Closed days of one year, Saturdays and Sundays not among them. */
  readonly closedDays: (year: number) => ReadonlyMap<Day, string>
}

/** Closures without a rule: mourning, attacks, storms. */
const NYSE_ONCE: readonly (readonly [year: number, month: number, dayOfMonth: number, reason: string])[] = [
  [2001, 9, 11, 'Attacks of 11 September'],
  [2001, 9, 12, 'Attacks of 11 September'],
  [2001, 9, 13, 'Attacks of 11 September'],
  [2001, 9, 14, 'Attacks of 11 September'],
  [2004, 6, 11, 'Mourning for President Reagan'],
  [2007, 1, 2, 'Mourning for President Ford'],
  [2012, 10, 29, 'Hurricane Sandy'],
  [2012, 10, 30, 'Hurricane Sandy'],
  [2018, 12, 5, 'Mourning for President G. H. W. Bush'],
  [2025, 1, 9, 'Mourning for President Carter'],
]

export const NAMED_CALENDARS: Readonly<Record<string, NamedCalendar>> = {
  nyse: {
    title: 'New York Stock Exchange',
    source:
      'NYSE Rule 7.2 and the yearly "Holidays and Early Closings" releases; closures without a rule up to 2025. ' +
      'Days that close early are open days.',
    // Martin Luther King Day is kept since 1998.
    firstYear: 1998,
    closedDays: nyseClosedDays,
  },
  target2: {
    title: 'TARGET, TARGET2, T2 of the Eurosystem',
    source: 'European Central Bank, "Long-term calendar for TARGET closing days", 14 December 2000, in force from 2002',
    firstYear: 2002,
    closedDays: targetClosedDays,
  },
}

function nyseClosedDays(year: number): ReadonlyMap<Day, string> {
  const days = new Map<Day, string>()
  // Rule 7.2: a Saturday's holiday is kept on Friday, a Sunday's on Monday.
  const keep = (day: Day, name: string) => {
    const weekday = weekdayOf(day)
    if (weekday === 6) days.set(day - 1, `${name} (observed)`)
    else if (weekday === 7) days.set(day + 1, `${name} (observed)`)
    else days.set(day, name)
  }
  // The same rule's exception: not on a Friday that ends a month or a year.
  const newYear = dayOf(year, 1, 1)
  if (weekdayOf(newYear) !== 6) keep(newYear, "New Year's Day")
  days.set(nthWeekday(year, 1, 1, 3), 'Martin Luther King, Jr. Day')
  days.set(nthWeekday(year, 2, 1, 3), "Washington's Birthday")
  days.set(easterSunday(year) - 2, 'Good Friday')
  days.set(lastWeekday(year, 5, 1), 'Memorial Day')
  if (year >= 2022) keep(dayOf(year, 6, 19), 'Juneteenth National Independence Day')
  keep(dayOf(year, 7, 4), 'Independence Day')
  days.set(nthWeekday(year, 9, 1, 1), 'Labor Day')
  days.set(nthWeekday(year, 11, 4, 4), 'Thanksgiving Day')
  keep(dayOf(year, 12, 25), 'Christmas Day')
  for (const [closedYear, month, dayOfMonth, reason] of NYSE_ONCE) {
    if (closedYear === year) days.set(dayOf(year, month, dayOfMonth), reason)
  }
  return days
}

function targetClosedDays(year: number): ReadonlyMap<Day, string> {
  const easter = easterSunday(year)
  const days: readonly (readonly [Day, string])[] = [
    [dayOf(year, 1, 1), "New Year's Day"],
    [easter - 2, 'Good Friday'],
    [easter + 1, 'Easter Monday'],
    [dayOf(year, 5, 1), 'Labour Day'],
    [dayOf(year, 12, 25), 'Christmas Day'],
    [dayOf(year, 12, 26), '26 December'],
  ]
  // A closing day on a weekend is not moved.
  return new Map(days.filter(([day]) => weekdayOf(day) < 6))
}
