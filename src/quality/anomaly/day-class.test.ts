import { expect, test } from 'vitest'
import { parseDay } from '../calendar/civil-date.ts'
import { NRF_YEAR } from '../calendar/fiscal-year.ts'
import { type CalendarRequest, openCalendar } from '../calendar/open-calendar.ts'
import { classOf } from './day-class.ts'

// TARGET is closed on 3 and 6 April 2026 (Easter), 1 May, 25 December; 30 April and 1 June are Thursday and Monday.
test.each<[string, CalendarRequest, string, boolean]>([
  ['2026-03-18', { named: 'target2' }, '', false],
  ['2026-04-02', { named: 'target2' }, 'before_holiday', false],
  ['2026-04-07', { named: 'target2' }, 'after_holiday', false],
  ['2026-04-30', { named: 'target2' }, 'month_end before_holiday', false],
  ['2026-05-04', { named: 'target2' }, 'after_holiday month_start', false],
  ['2026-06-30', { named: 'target2' }, 'quarter_end month_end', false],
  ['2026-06-29', { named: 'target2' }, 'second_to_month_end', false],
  ['2026-06-26', { named: 'target2' }, 'third_to_month_end', false],
  ['2026-12-31', { named: 'target2' }, 'year_end month_end before_holiday', false],
  ['2026-04-03', { named: 'target2', expect: 'every_day' }, 'holiday', false],
  ['2026-04-04', { named: 'target2', expect: 'every_day' }, 'after_holiday', false],
  [
    '2026-02-14',
    { country: 'CN', workingDays: [{ day: parseDay('2026-02-14')! }] },
    'make_up_day before_holiday',
    false,
  ],
  ['2024-02-02', { named: 'nyse' }, 'fiscal_year_end fiscal_period_end', true],
  ['2024-05-31', { named: 'nyse' }, 'month_end fiscal_period_end', true],
])('%s in %o is %s', async (date, request, special, fiscal) => {
  const calendar = await openCalendar(request)
  expect(classOf(calendar, parseDay(date)!, fiscal ? NRF_YEAR : undefined).special.join(' ')).toBe(special)
})
