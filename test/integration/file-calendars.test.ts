/** Days of a file against calendars of each kind: which are missed, which are not, and which should have had no rows. */
import { expect, test } from 'vitest'
import { dayText, monthEnd, monthStart, parseDay, weekdayOf } from '../../src/quality/calendar/civil-date.ts'
import type { CalendarRequest } from '../../src/quality/calendar/open-calendar.ts'
import { checkOf, checkOne, findings, month, salesSet } from '../support/checked-file.ts'

const DE: CalendarRequest = { country: 'DE' }
const own = (text: string, name = text) => ({ day: parseDay(text) ?? 0, name })

/** Twenty rows, or as many as `more` says, on each Monday to Friday of the month that `without` does not name. */
async function checked(
  calendar: CalendarRequest,
  [year, number]: readonly [number, number],
  without: readonly string[],
  more: Readonly<Record<string, number>> = {},
) {
  const days = Array.from({ length: 31 }, (_, index) => monthStart(year, number) + index)
  const lines = days
    .filter((day) => day <= monthEnd(year, number))
    .flatMap((day) => {
      const text = dayText(day)
      const usual = weekdayOf(day) < 6 && !without.includes(text) ? 20 : 0
      return Array.from({ length: more[text] ?? usual }, (_, row) => `${row}\t${text}\t${row + weekdayOf(day)}.50\tx\n`)
    })
  const set = salesSet({ calendar: 'business' })
  const period = month(year, number)
  const result = await checkOne(`id\tday\tamount\tnote\n${lines.join('')}`, set, { calendar, period })
  const check = checkOf(result, 'completeness.days')
  return { found: findings(result), severity: check?.severity, message: check?.message ?? '', result }
}

// 2024-03-29 is Good Friday.
const EASTER = ['2024-03-29']

test('a holiday needs no rows, and with rows it is told', async () => {
  expect((await checked(DE, [2024, 3], EASTER)).found).toEqual([])
  const busy = await checked(DE, [2024, 3], [])
  expect(busy).toMatchObject({ found: ['completeness.days fail 1/20'], severity: 'WARNING' })
  expect(busy.message).toBe('2024-03-29: 20 rows on Good Friday, when none are expected')
  expect(busy.result.days.find(({ day }) => day === '2024-03-29')?.status).toBe('unexpected')
})

test('a holiday of a region is none elsewhere', async () => {
  const assumption = ['2024-08-15']
  expect((await checked({ country: 'DE', region: 'SL' }, [2024, 8], assumption)).found).toEqual([])
  expect((await checked({ country: 'DE', region: 'BE' }, [2024, 8], assumption)).found).toEqual([
    'completeness.days fail 1/22',
  ])
})

test('an own closure needs no rows, a make-up Saturday does', async () => {
  const closed = { ...DE, closures: [own('2024-03-20', 'Inventory')], workingDays: [own('2024-03-23', 'Make-up')] }
  const fine = await checked(closed, [2024, 3], [...EASTER, '2024-03-20'], { '2024-03-23': 20 })
  expect(fine.found).toEqual([])
  const lost = await checked(closed, [2024, 3], EASTER)
  expect(lost).toMatchObject({ found: ['completeness.days fail 2/20'], severity: 'CRITICAL' })
  expect(lost.message).toContain('2024-03-20: 20 rows on Inventory, when none are expected')
  expect(lost.message).toContain('2024-03-23: no rows on Make-up, a day with rows by the calendar')
})

test('exchanges close on days of their own', async () => {
  // Martin Luther King Jr. Day is a holiday of New York's exchange, and none of European payments; so is 1 May the other way.
  expect((await checked({ named: 'nyse' }, [2024, 1], ['2024-01-01', '2024-01-15'])).found).toEqual([])
  expect((await checked({ named: 'target2' }, [2024, 1], ['2024-01-01', '2024-01-15'])).found).toEqual([
    'completeness.days fail 1/22',
  ])
  expect((await checked({ named: 'target2' }, [2024, 5], ['2024-05-01'])).found).toEqual([])
})

test('another weekend, and rows every day', async () => {
  const friday: CalendarRequest = { weekend: ['friday', 'saturday'] }
  const sundays = await checked(friday, [2024, 3], [])
  expect(sundays.severity).toBe('CRITICAL')
  expect(sundays.message).toContain('2024-03-03: no rows on Sunday')
  expect(sundays.result.days.find(({ day }) => day === '2024-03-08')?.status).toBe('unexpected')
  const daily = await checked({ expect: 'every_day' }, [2024, 3], [])
  expect(daily.found).toEqual(['completeness.days fail 10/31'])
  expect(daily.message).toMatch(/^2024-03-02 to 2024-03-03: no rows on 2 days with rows by the calendar/)
})

test('days in a row are one gap, a day with a part of its rows is partial, two alike may be one', async () => {
  const gap = await checked(DE, [2024, 3], [...EASTER, '2024-03-12', '2024-03-13', '2024-03-14'])
  expect(gap.message).toContain('2024-03-12 to 2024-03-14: no rows on 3 days with rows by the calendar')
  const partial = await checked(DE, [2024, 3], EASTER, { '2024-03-12': 4 })
  expect(partial).toMatchObject({ found: ['completeness.days fail 1/20'], severity: 'WARNING' })
  expect(partial.message).toBe('2024-03-12: 4 rows, 20% of the 20 rows usual')
})
