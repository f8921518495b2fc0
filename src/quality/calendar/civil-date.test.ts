import { expect, test } from 'vitest'
import { civilOf, dayOf, dayText, isLeapYear, monthEnd, parseDay, weekdayOf } from './civil-date.ts'

test('days agree with those of UTC, over four centuries', () => {
  for (let day = dayOf(1800, 1, 1); day <= dayOf(2200, 12, 31); day += 97) {
    const utc = new Date(day * 86_400_000)
    expect(dayText(day)).toBe(utc.toISOString().slice(0, 10))
    expect(weekdayOf(day) % 7).toBe(utc.getUTCDay())
    const { year, month, dayOfMonth } = civilOf(day)
    expect(dayOf(year, month, dayOfMonth)).toBe(day)
  }
})

test.each([
  ['2024-02-29', true],
  ['2023-02-29', false],
  ['2000-02-29', true],
  ['1900-02-29', false],
  ['2024-04-31', false],
  ['2024-13-01', false],
  ['2024-1-01', false],
  ['2024-01-01T00:00', false],
])('%s is a date: %s', (text, exists) => {
  expect(parseDay(text) !== undefined).toBe(exists)
})

test('the nights in which clocks change are days like others', () => {
  // In New York, 8 March 2026 has 23 hours and 1 November 25.
  expect((parseDay('2026-03-09') ?? 0) - (parseDay('2026-03-08') ?? 0)).toBe(1)
  expect((parseDay('2026-11-02') ?? 0) - (parseDay('2026-11-01') ?? 0)).toBe(1)
})

test('February ends on the leap day', () => {
  expect(dayText(monthEnd(2024, 2))).toBe('2024-02-29')
  expect(dayText(monthEnd(2023, 14))).toBe('2024-02-29')
  expect([1900, 2000, 2023, 2024].map(isLeapYear)).toEqual([false, true, false, true])
})
