import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { businessDayFromMonthEnd, businessDayOfMonth, expectedDays } from './business-calendar.ts'
import { dayText, parseDay } from './civil-date.ts'
import { type CalendarRequest, openCalendar } from './open-calendar.ts'

const day = (text: string) => parseDay(text)!

test.each<[string, CalendarRequest, string, string, boolean]>([
  ['a Sunday', {}, '2026-03-01', 'weekend', false],
  ['a Monday', {}, '2026-03-02', 'weekday', true],
  ['the leap day', {}, '2024-02-29', 'weekday', true],
  ['Assumption in Bavaria', { country: 'DE', region: 'BY/KATH' }, '2025-08-15', 'holiday', false],
  ['Assumption in Berlin', { country: 'DE', region: 'BE' }, '2025-08-15', 'weekday', true],
  ['Corpus Christi in Bavaria', { country: 'DE', region: 'by' }, '2026-06-04', 'holiday', false],
  ['Bastille Day', { country: 'FR' }, '2026-07-14', 'holiday', false],
  ['the substitute of 4 July', { country: 'US' }, '2026-07-03', 'holiday', false],
  ['All Saints in Haiti, when clocks change', { country: 'HT' }, '2027-11-01', 'holiday', false],
  ['the day after it', { country: 'HT' }, '2027-11-02', 'holiday', false],
  ['the third day of a feast', { country: 'BA' }, '2026-03-22', 'holiday', false],
  ['a Friday in Egypt', { country: 'EG' }, '2026-03-06', 'weekend', false],
  ['a Sunday in Egypt', { country: 'EG' }, '2026-03-08', 'weekday', true],
  ['a Saturday where the week has no end', { weekend: [] }, '2026-03-07', 'weekday', true],
  [
    'a make-up Saturday',
    { country: 'CN', workingDays: [{ day: day('2026-02-14') }] },
    '2026-02-14',
    'working_day',
    true,
  ],
  [
    'a holiday that is worked',
    { named: 'nyse', workingDays: [{ day: day('2024-07-04') }] },
    '2024-07-04',
    'working_day',
    true,
  ],
  ['a stocktaking', { closures: [{ day: day('2026-03-02'), name: 'Stocktaking' }] }, '2026-03-02', 'closure', false],
  ['a Sunday of a shop', { expect: 'every_day' }, '2026-03-01', 'weekend', true],
  [
    'a closure of a shop',
    { expect: 'every_day', closures: [{ day: day('2026-03-01') }] },
    '2026-03-01',
    'closure',
    false,
  ],
  [
    'a closure of a shop that is a holiday too',
    { country: 'DE', expect: 'every_day', closures: [{ day: day('2026-12-25') }] },
    '2026-12-25',
    'closure',
    false,
  ],
  ['Good Friday on the exchange', { named: 'NYSE' }, '2026-04-03', 'holiday', false],
  ['1 May of TARGET', { named: 'target2' }, '2026-05-01', 'holiday', false],
])('%s', async (_, request, date, kind, expected) => {
  expect((await openCalendar(request)).about(day(date))).toMatchObject({ kind, expected })
})

test.each<[string, CalendarRequest, RegExp]>([
  ['a country by its name', { country: 'Germny' }, /^Did you mean DE \(Germany\)\?$/],
  ['another code of a country', { country: 'uk' }, /^Did you mean GB \(United Kingdom\)\?$/],
  ['an unknown country', { country: 'Atlantis' }, /^Known are AD, AE, .* more\.$/],
  ['an unknown region', { country: 'DE', region: 'BV' }, /^Did you mean (B.) \(/],
  ['a region by its name', { country: 'DE', region: 'Bayen' }, /^Did you mean BY \(Bayern\)\?$/],
  [
    'a region where there are none',
    { country: 'AD', region: 'XXXX' },
    /Andorra|Did you mean|Known are|Leave the region out/,
  ],
  ['an unknown calendar', { named: 'nyce' }, /^Did you mean "nyse"\?$/],
  ['a calendar by its newer name', { named: 'T2' }, /^Did you mean "target2"\?$/],
  ['a calendar that nothing is near to', { named: 'tokyo' }, /^Known are nyse, target2\.$/],
  ['a calendar and a country', { named: 'nyse', country: 'US' }, /^Name one of the two\.$/],
  ['a region without its country', { region: 'BY' }, /^Add `country`\.$/],
  ['a day in two lists', { closures: [{ day: 0 }], workingDays: [{ day: 0 }] }, /^Leave it in one of the two lists\.$/],
])('%s is an error that says what was meant', async (_, request, hint) => {
  const error = await openCalendar(request).catch((reason: unknown) => reason)
  expect(isPipelineError(error, 'config_invalid') && error.hint).toMatch(hint)
})

test('a named calendar says from when its rules are known', async () => {
  const calendar = await openCalendar({ named: 'target2' })
  expect(calendar.about(day('2002-01-02')).business).toBe(true)
  expect(() => calendar.about(day('2001-12-24'))).toThrow('Reading the calendar "target2" of 2001')
})

test('who relies on a calendar without make-up days is told', async () => {
  const [bare, full] = await Promise.all([
    openCalendar({ country: 'CN' }),
    openCalendar({ country: 'CN', workingDays: [{ day: day('2026-02-14') }] }),
  ])
  expect([bare.notes.length, full.notes.length]).toEqual([1, 0])
})

test('days are counted within the month', async () => {
  const calendar = await openCalendar({ named: 'target2' })
  // April 2026: Good Friday is the 3rd, Easter Monday the 6th.
  expect(expectedDays(calendar, day('2026-04-01'), day('2026-04-08')).map(dayText)).toEqual([
    '2026-04-01',
    '2026-04-02',
    '2026-04-07',
    '2026-04-08',
  ])
  expect(businessDayOfMonth(calendar, day('2026-04-07'))).toBe(3)
  expect(businessDayOfMonth(calendar, day('2026-04-06'))).toBeUndefined()
  expect(businessDayFromMonthEnd(calendar, day('2026-04-30'))).toBe(1)
  // 1 May is closed, so the fourth business day before the end of May is Tuesday 26.
  expect(businessDayFromMonthEnd(calendar, day('2026-05-26'))).toBe(4)
  expect(businessDayOfMonth(calendar, day('2026-05-04'))).toBe(1)
})
