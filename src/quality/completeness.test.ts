import { expect, test } from 'vitest'
import { dayText, parseDay } from './calendar/civil-date.ts'
import { type CalendarRequest, openCalendar } from './calendar/open-calendar.ts'
import { type CompletenessRequest, checkCompleteness } from './completeness.ts'

const day = (text: string) => parseDay(text)!

/** Rows for each expected day of April 2026, with changes by date. Good Friday is the 3rd, Easter Monday the 6th. */
async function april(
  changes: Readonly<Record<string, number>>,
  request: CalendarRequest = { named: 'target2' },
  more: Partial<CompletenessRequest> = {},
) {
  const calendar = await openCalendar(request)
  const rows = new Map<number, number>()
  for (let date = day('2026-03-01'); date <= day('2026-05-31'); date++) {
    if (calendar.about(date).expected) rows.set(date, 1000 + (date % 5) * 40)
  }
  for (const [date, count] of Object.entries(changes)) rows.set(day(date), count)
  return checkCompleteness({ calendar, from: day('2026-04-01'), through: day('2026-04-30'), rows, ...more })
}

const told = ({ findings }: Awaited<ReturnType<typeof april>>) =>
  findings.map(
    ({ kind, severity, from, through, days }) =>
      `${severity} ${kind} ${dayText(from)} ${dayText(through)} ${days.length}`,
  )

test('a month without its Sundays and holidays is complete', async () => {
  const result = await april({})
  // 30 days, 8 of them on weekends, 2 holidays.
  expect(result).toMatchObject({ outcome: 'pass', expectedDays: 20, presentDays: 20, uncomparedDays: 0, findings: [] })
})

test.each<[string, Readonly<Record<string, number>>, readonly string[]]>([
  ['a Monday without rows', { '2026-04-13': 0 }, ['CRITICAL missing 2026-04-13 2026-04-13 1']],
  ['the last day of the month', { '2026-04-30': 0 }, ['CRITICAL missing 2026-04-30 2026-04-30 1']],
  ['Friday and Monday', { '2026-04-17': 0, '2026-04-20': 0 }, ['CRITICAL gap 2026-04-17 2026-04-20 2']],
  ['a Sunday with rows', { '2026-04-12': 3 }, ['WARNING unexpected 2026-04-12 2026-04-12 1']],
  ['a holiday with rows', { '2026-04-03': 900 }, ['WARNING unexpected 2026-04-03 2026-04-03 1']],
  [
    'every Saturday with rows',
    { '2026-04-04': 50, '2026-04-11': 50, '2026-04-18': 50, '2026-04-25': 50 },
    ['WARNING unexpected 2026-04-04 2026-04-25 4'],
  ],
  ['a third of the rows', { '2026-04-14': 350 }, ['WARNING partial 2026-04-14 2026-04-14 1']],
  ['more than half of the rows', { '2026-04-14': 600 }, []],
  ['twice the rows', { '2026-04-14': 2160 }, ['WARNING duplicate 2026-04-14 2026-04-14 1']],
  ['three times the rows, which is for the detector of anomalies', { '2026-04-14': 3200 }, []],
  [
    'two findings in the order of their days',
    { '2026-04-29': 0, '2026-04-02': 100 },
    ['WARNING partial 2026-04-02 2026-04-02 1', 'CRITICAL missing 2026-04-29 2026-04-29 1'],
  ],
])('%s', async (_, changes, findings) => {
  const result = await april(changes)
  expect(told(result)).toEqual(findings)
  expect(result.outcome).toBe(findings.length === 0 ? 'pass' : 'fail')
})

test('a finding says what was expected and why', async () => {
  const { findings } = await april({ '2026-04-13': 0, '2026-04-14': 250 })
  expect(findings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^2026-04-13: no rows on Monday, a day with rows by the calendar, 1,\d+ rows usual$/),
    expect.stringMatching(/^2026-04-14: 250 rows, 2\d% of the 1,\d+ rows usual$/),
  ])
})

test('a shop expects its Sundays and not its closures', async () => {
  const shop: CalendarRequest = {
    country: 'DE',
    expect: 'every_day',
    closures: [{ day: day('2026-04-06'), name: 'Inventory' }],
  }
  const complete = await april({}, shop)
  expect([complete.outcome, complete.expectedDays]).toEqual(['pass', 29])
  expect(told(await april({ '2026-04-12': 0 }, shop))).toEqual(['CRITICAL missing 2026-04-12 2026-04-12 1'])
  // A holiday may be quiet.
  expect(told(await april({ '2026-04-03': 120 }, shop))).toEqual([])
})

test('a day with the rows and the sum of another one may be a copy', async () => {
  const sums = new Map([
    [day('2026-04-14'), 5120.25],
    [day('2026-04-15'), 5120.25],
    [day('2026-04-16'), 0],
    [day('2026-04-17'), 0],
  ])
  const same = { '2026-04-14': 1011, '2026-04-15': 1011, '2026-04-16': 1012, '2026-04-17': 1012 }
  expect(told(await april(same, undefined, { sums }))).toEqual(['WARNING duplicate 2026-04-15 2026-04-15 1'])
  expect(told(await april(same))).toEqual([])
})

test('days of few rows may have none by chance', async () => {
  const calendar = await openCalendar({})
  const rows = new Map(Array.from({ length: 90 }, (_, index) => [day('2026-03-01') + index, 1 + (index % 4)]))
  rows.delete(day('2026-04-14'))
  for (const date of rows.keys()) if (!calendar.about(date).expected) rows.delete(date)
  const result = checkCompleteness({ calendar, from: day('2026-04-01'), through: day('2026-04-30'), rows })
  expect(result).toMatchObject({ outcome: 'pass', findings: [{ kind: 'missing', severity: 'INFO' }] })
})

test('nothing to evaluate is no pass', async () => {
  const calendar = await openCalendar({})
  const weekend = { calendar, from: day('2026-04-04'), through: day('2026-04-05'), rows: new Map<number, number>() }
  expect(checkCompleteness(weekend)).toMatchObject({ outcome: 'not_evaluated', expectedDays: 0 })
  // A file without rows fails: its days are missing.
  expect(checkCompleteness({ ...weekend, through: day('2026-04-07') })).toMatchObject({
    outcome: 'fail',
    findings: [{ kind: 'gap', usualRows: undefined }],
  })
})

test('days that can be compared with nothing are counted', async () => {
  const calendar = await openCalendar({})
  const rows = new Map(
    [6, 7, 8, 9, 10].map((date) => [day(`2026-04-${String(date).padStart(2, '0')}`), 10 ** date % 97]),
  )
  const result = checkCompleteness({ calendar, from: day('2026-04-06'), through: day('2026-04-10'), rows })
  expect(result).toMatchObject({ outcome: 'pass', presentDays: 5, uncomparedDays: 5 })
})
