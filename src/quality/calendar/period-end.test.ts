import { expect, test } from 'vitest'
import { dayText, parseDay } from './civil-date.ts'
import { NRF_YEAR } from './fiscal-year.ts'
import { openCalendar } from './open-calendar.ts'
import { periodEnds } from './period-end.ts'

test('periods end on their last business day', async () => {
  const calendar = await openCalendar({ named: 'nyse' })
  const ends = periodEnds(calendar, parseDay('2023-12-01')!, parseDay('2024-05-31')!, NRF_YEAR)
  expect(ends.map(({ day, ends }) => `${dayText(day)} ${ends.join(' ')}`)).toEqual([
    '2023-12-29 year fiscal_period', // Saturday 30 December ends December of the NRF
    '2024-01-31 month',
    '2024-02-02 fiscal_year', // Saturday 3 February
    '2024-02-29 month', // the leap day
    '2024-03-01 fiscal_period',
    '2024-03-28 quarter', // 29 March is Good Friday
    '2024-04-05 fiscal_period',
    '2024-04-30 month',
    '2024-05-03 fiscal_quarter',
    '2024-05-31 month fiscal_period',
  ])
})
