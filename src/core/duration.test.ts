import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DURATION_PATTERN, durationMs, formatDuration } from './duration.ts'

it.each([
  ['200ms', 200],
  ['10s', 10_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
  ['1.5h', 5_400_000],
  ['0s', 0],
  ['2 s', 2000],
  ['0.0004s', 0],
])('%s is %i ms', (text, ms) => expect(durationMs(text)).toBe(ms))

it.each([
  '',
  '10',
  '-1s',
  '1S',
  '1 month',
  '1sec',
  's',
  '1.s',
  '.5s',
  '1e3s',
  ' 1s',
  '1s ',
  '1  s',
  '1s2',
  '999999999d',
  'NaNs',
  '1h30m',
])('%j is no duration', (text) => {
  expect(DURATION_PATTERN.test(text)).toBe(false)
  expect(() => durationMs(text)).toThrow(RangeError)
})

it('a formatted duration reads back as the same number of milliseconds', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 99_999_999 }),
      fc.constantFrom(1, 1000, 60_000, 3_600_000, 86_400_000),
      (count, unitMs) => {
        const text = formatDuration(count * unitMs)
        expect(durationMs(text)).toBe(count * unitMs)
      },
    ),
  )
})

it('whatever the pattern accepts is a whole number of milliseconds that arithmetic keeps exact', () => {
  fc.assert(
    fc.property(fc.stringMatching(DURATION_PATTERN), (text) => {
      expect(Number.isSafeInteger(durationMs(text))).toBe(true)
    }),
  )
})
