import { expect, test } from 'vitest'
import { isPipelineError } from '../../core/errors.ts'
import { dayText } from './civil-date.ts'
import { readDayIcs } from './day-ics.ts'
import { readDayCsv } from './day-list.ts'

const RANGE = { firstYear: 2023, lastYear: 2026 }

test('closed and working days are read from CSV', () => {
  const text =
    '\uFEFFdate;kind;name\r\n2026-12-24;closed;"Christmas; the eve"\r\n\r\n# spring\r\n2026-02-14;Working;\r\n2026-12-31\r\n'
  const { closures, workingDays } = readDayCsv(text, 'days.csv')
  expect(closures.map(({ day, name }) => [dayText(day), name])).toEqual([
    ['2026-12-24', 'Christmas; the eve'],
    ['2026-12-31', undefined],
  ])
  expect(workingDays.map(({ day }) => dayText(day))).toEqual(['2026-02-14'])
})

test.each([
  ['2026-02-30\n', 'Reading days.csv, line 1', 'Write it as 2026-12-31.'],
  ['# own\n2026-02-28\n28.02.2026\n', 'Reading days.csv, line 3', 'Write it as 2026-12-31.'],
  ['2026-02-28,workin\n', 'Reading days.csv, line 1', 'Did you mean "working"?'],
])('what is no day is an error with its line: %j', (text, message, hint) => {
  expect(caught(() => readDayCsv(text, 'days.csv'))).toEqual([message, hint])
})

// In the forms that Google Calendar, Outlook and calendarlabs.com export.
const ICS = [
  'BEGIN:VCALENDAR',
  'BEGIN:VEVENT',
  'DTSTART;VALUE=DATE:20241224',
  'DTEND;VALUE=DATE:20241227',
  'SUMMARY;LANGUAGE=en;X-P="a:b":Christmas\\, all three',
  '  days',
  'BEGIN:VALARM',
  'DURATION:PT15M',
  'END:VALARM',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'DTSTART;TZID=Europe/Berlin:20260105T000000',
  'DURATION:P1D',
  'SUMMARY:Inventory',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'DTSTART;VALUE=DATE:20200229',
  'RRULE:FREQ=YEARLY',
  'SUMMARY:Leap day',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'DTSTART;VALUE=DATE:20220501',
  'RRULE:FREQ=YEARLY;UNTIL=20240501',
  'SUMMARY:May',
  'END:VEVENT',
  'BEGIN:VEVENT',
  'DTSTART;VALUE=DATE:20250606',
  'STATUS:CANCELLED',
  'END:VEVENT',
  'END:VCALENDAR',
].join('\r\n')

test('all-day events are read from iCalendar', () => {
  expect(readDayIcs(ICS, 'own.ics', RANGE).map(({ day, name }) => `${dayText(day)} ${name}`)).toEqual([
    '2023-05-01 May',
    '2024-02-29 Leap day',
    '2024-05-01 May',
    '2024-12-24 Christmas, all three days',
    '2024-12-25 Christmas, all three days',
    '2024-12-26 Christmas, all three days',
    '2026-01-05 Inventory',
  ])
})

test.each([
  ['DTSTART:20260105T090000', 4, 'Only whole days can be closed: remove the event, or make it last all day.'],
  [
    'DTSTART:20260105\nRRULE:FREQ=WEEKLY',
    5,
    'Events that return on one date every year are read; list others in a CSV file.',
  ],
  [
    'DTSTART:20260105\nRRULE:FREQ=YEARLY;BYDAY=1MO',
    5,
    'Events that return on one date every year are read; list others in a CSV file.',
  ],
  ['DTSTART:20260105\nEXDATE:20270105', 5, 'List its days in a CSV file.'],
  ['DTSTART:20260105\nDTEND:20260105', 5, '1 to 366 are read.'],
  ['DTSTART:20260230', 4, 'Write it as 20261231.'],
  ['SUMMARY:Nothing', 5, 'Add it, or remove the event.'],
])('an event that would be lost is an error with its line: %j', (properties, line, hint) => {
  const text = `BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n${properties}\nEND:VEVENT\nEND:VCALENDAR\n`
  expect(caught(() => readDayIcs(text, 'own.ics', RANGE))).toEqual([`Reading own.ics, line ${line}`, hint])
})

function caught(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return isPipelineError(error) ? [error.message, error.hint] : error
  }
}
