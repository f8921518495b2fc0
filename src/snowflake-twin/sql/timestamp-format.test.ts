import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatMoment, parseMoment } from './timestamp-format.ts'

const micros = (iso: string) => BigInt(Date.parse(`${iso}Z`)) * 1000n

// docs: sql-reference/date-time-input-output, "Date and time format elements"
test.each([
  ['YYYY-MM-DD HH24:MI:SS.FF3', '2024-02-03 04:05:06.789'],
  ['DD.MM.YY', '03.02.24'],
  ['MON DD, YYYY', 'Feb 03, 2024'],
  ['MMMM', 'February'],
  ['DY HH12:MI AM', 'Sat 04:05 AM'],
  ['YYYY"T"HH24MI', '2024T0405'],
  ['FF', '789000000'],
  ['TZHTZM TZH:TZM', '-0330 -03:30'],
])('%s writes %s', (format, expected) => {
  expect(formatMoment(micros('2024-02-03T04:05:06.789'), -210, format)).toBe(expected)
})

test.each([
  ['2024-02-03', 'AUTO', '2024-02-03T00:00:00', undefined],
  ['2024-02-03T04:05:06.5Z', 'AUTO', '2024-02-03T04:05:06.5', 0],
  ['2024-02-03 04:05:06 -0330', 'AUTO', '2024-02-03T04:05:06', -210],
  ['1706932800', 'AUTO', '2024-02-03T04:00:00', undefined],
  ['1706932800000', 'AUTO', '2024-02-03T04:00:00', undefined],
  ['03/02/2024 11:15 pm', 'DD/MM/YYYY HH12:MI AM', '2024-02-03T23:15:00', undefined],
])('%s by %s is %s', (text, format, iso, offsetMinutes) => {
  expect(parseMoment(text, format)).toEqual({ micros: micros(iso), offsetMinutes })
})

test.each([
  ['2024-02-30', 'AUTO'],
  ['2023-02-29', 'AUTO'],
  ['2024-01-01 24:00:00', 'AUTO'],
  ['2024-01-01 00:00:00.1234567', 'AUTO'],
  ['2024-01-01 x', 'YYYY-MM-DD'],
  ['tomorrow', 'AUTO'],
])('%s by %s is no moment', (text, format) => {
  expect(parseMoment(text, format)).toBeUndefined()
})

test('what is written is read again, in all years', () => {
  const format = 'YYYY-MM-DD HH24:MI:SS.FF6'
  const moments = fc.bigInt({ min: micros('0001-01-01T00:00:00'), max: micros('9999-12-31T23:59:59') })
  fc.assert(
    fc.property(moments, (moment) => {
      const text = formatMoment(moment, 0, format)
      expect(parseMoment(text, format)?.micros).toBe(moment)
      expect(parseMoment(text, 'AUTO')?.micros).toBe(moment)
      expect(text.slice(0, 10)).toBe(new Date(Math.floor(Number(moment) / 1000)).toISOString().slice(0, 10))
    }),
  )
})
