import { expect, test } from 'vitest'
import { bytes, compact, counted, duration, stopwatch } from './quantity.ts'

test('numbers stay short and never reach the next unit', () => {
  expect([0, 0.4, 5.5, 999, 1000, 12_345, 999_499, 999_500, 1_204_331, 2e9].map(compact)).toEqual([
    '0',
    '0.4',
    '5.5',
    '999',
    '1.0k',
    '12.3k',
    '999k',
    '1.0M',
    '1.2M',
    '2.0G',
  ])
  expect([0, 999, 1000, 152_400_000, 5e15].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '152 MB', '5000 TB'])
})

test('durations carry over', () => {
  expect([0.4, 999, 4200, 59_700, 200_000, 3_600_000, 7_500_000, 273_600_000].map(duration)).toEqual([
    '0 ms',
    '999 ms',
    '4.2 s',
    '60 s',
    '3 min 20 s',
    '1 h',
    '2 h 5 min',
    '3 d 4 h',
  ])
  expect([0, 252_000, 3_852_000].map(stopwatch)).toEqual(['00:00', '04:12', '1:04:12'])
})

test('one is singular', () => {
  expect([counted(1, 'entry', 'entries'), counted(2, 'entry', 'entries'), counted(1000, 'row')]).toEqual([
    '1 entry',
    '2 entries',
    '1,000 rows',
  ])
})
