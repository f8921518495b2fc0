import { expect, test } from 'vitest'
import { dayText } from './civil-date.ts'
import { easterSunday } from './movable-day.ts'
import { NAMED_CALENDARS } from './named-calendar.ts'

// Published by NYSE: "Holidays and Early Closings" of the years named, and its release of 27 December 2021 for 2022 to 2024.
test.each<[number, string]>([
  [2011, '01-17 02-21 04-22 05-30 07-04 09-05 11-24 12-26'],
  [2012, '01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25'],
  [2015, '01-01 01-19 02-16 04-03 05-25 07-03 09-07 11-26 12-25'],
  [2016, '01-01 01-18 02-15 03-25 05-30 07-04 09-05 11-24 12-26'],
  [2022, '01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26'],
  [2023, '01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25'],
  [2024, '01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25'],
])('NYSE is closed in %i as published', (year, published) => {
  expect(closedIn('nyse', year)).toBe(published)
})

// By the press release of 14 December 2000 and the dates of Easter.
test.each<[number, string]>([
  [2023, '04-07 04-10 05-01 12-25 12-26'],
  [2024, '01-01 03-29 04-01 05-01 12-25 12-26'],
  [2026, '01-01 04-03 04-06 05-01 12-25'],
])('TARGET is closed in %i as published', (year, published) => {
  expect(closedIn('target2', year)).toBe(published)
})

// Earliest and latest dates that Easter can have, and those of both sides of a century.
test.each(['1818-03-22', '1943-04-25', '2000-04-23', '2008-03-23', '2024-03-31', '2038-04-25'])(
  'Easter is %s',
  (text) => {
    expect(dayText(easterSunday(Number(text.slice(0, 4))))).toBe(text)
  },
)

function closedIn(name: string, year: number): string {
  const days = [...(NAMED_CALENDARS[name]?.closedDays(year).keys() ?? [])]
  return days
    .sort((a, b) => a - b)
    .map((day) => dayText(day).slice(5))
    .join(' ')
}
