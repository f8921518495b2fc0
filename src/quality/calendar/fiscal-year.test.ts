import { expect, test } from 'vitest'
import { dayText, parseDay, weekdayOf } from './civil-date.ts'
import { type FiscalYearRequest, fiscalPeriodOf, fiscalWeekOf, fiscalYear, NRF_YEAR } from './fiscal-year.ts'

// National Retail Federation: 53 weeks in fiscal 2000, 2006, 2012, 2017 and 2023 (https://nrf.com/resources/4-5-4-calendar).
test('years of the NRF have 53 weeks as published', () => {
  const long = []
  for (let year = 1999; year <= 2027; year++) {
    const { firstDay, lastDay } = fiscalYear(NRF_YEAR, year)
    expect(weekdayOf(firstDay)).toBe(7)
    expect(fiscalYear(NRF_YEAR, year + 1).firstDay).toBe(lastDay + 1)
    if (lastDay - firstDay + 1 === 53 * 7) long.push(year)
  }
  expect(long).toEqual([2000, 2006, 2012, 2017, 2023])
})

// From the 4-5-4 calendars that the NRF publishes.
test.each([
  [2015, 9, '2015-10-04', '2015-10-31'],
  [2023, 1, '2023-01-29', '2023-02-25'],
  [2023, 12, '2023-12-31', '2024-02-03'],
  [2024, 1, '2024-02-04', '2024-03-02'],
  [2024, 10, '2024-11-03', '2024-11-30'],
  [2024, 12, '2025-01-05', '2025-02-01'],
])('period %2$i of the NRF year %1$i', (year, period, first, last) => {
  expect(texts(fiscalYear(NRF_YEAR, year).periods[period - 1])).toEqual([first, last])
})

const LAST_SATURDAY: FiscalYearRequest = {
  kind: 'weeks',
  pattern: '4-4-5',
  endMonth: 9,
  endWeekday: 6,
  anchor: 'last',
  namedAfter: 'end',
  longPeriod: 3,
}

// Apple's annual reports: fiscal years end on the last Saturday of September; 2017 and 2023 had a 53rd week, in the first quarter.
test.each([
  [2022, '2021-09-26', '2022-09-24', 52],
  [2023, '2022-09-25', '2023-09-30', 53],
  [2024, '2023-10-01', '2024-09-28', 52],
])('a year that ends on the last Saturday of September: %i', (year, first, last, weeks) => {
  const found = fiscalYear(LAST_SATURDAY, year)
  expect(texts(found)).toEqual([first, last])
  const lengths = found.periods.map(({ firstDay, lastDay }) => (lastDay - firstDay + 1) / 7)
  expect(lengths.join('')).toBe(weeks === 53 ? '446445445445' : '445445445445')
})

test.each<[FiscalYearRequest, string, number, number, number]>([
  [{ kind: 'months', startMonth: 10, namedAfter: 'end' }, '2024-10-01', 2025, 1, 1],
  [{ kind: 'months', startMonth: 10, namedAfter: 'end' }, '2024-09-30', 2024, 4, 12],
  [{ kind: 'months', startMonth: 4, namedAfter: 'start' }, '2025-03-31', 2024, 4, 12],
  [{ kind: 'months', startMonth: 4, namedAfter: 'start' }, '2024-02-29', 2023, 4, 11],
  [{ kind: 'months', startMonth: 1, namedAfter: 'end' }, '2024-12-31', 2024, 4, 12],
  [NRF_YEAR, '2024-02-03', 2023, 4, 12],
  [NRF_YEAR, '2024-02-04', 2024, 1, 1],
])('%o has %s in its year %i, quarter %i, period %i', (request, date, year, quarter, period) => {
  expect(fiscalPeriodOf(request, parseDay(date)!)).toMatchObject({ year, quarter, period })
})

test('weeks are counted from the first day of the year', () => {
  expect(fiscalWeekOf(NRF_YEAR, parseDay('2024-02-03')!)).toBe(53)
  expect(fiscalWeekOf(NRF_YEAR, parseDay('2024-02-04')!)).toBe(1)
})

test('a month that does not exist is an error', () => {
  expect(() => fiscalYear({ kind: 'months', startMonth: 13, namedAfter: 'end' }, 2024)).toThrow('Making a fiscal year')
})

function texts(span: { readonly firstDay: number; readonly lastDay: number } | undefined): readonly string[] {
  return span === undefined ? [] : [dayText(span.firstDay), dayText(span.lastDay)]
}
