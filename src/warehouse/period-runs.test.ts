import { expect, test } from 'vitest'
import type { Position } from '../core/position.ts'
import { dayText, periodRuns } from './period-runs.ts'

const at = (position: string) => position as Position

test('days that follow each other and go together are one range', () => {
  const days = [19784, 19783, 19786, 19785].map((day) => ({ day, position: at('b') }))
  expect(periodRuns(days)).toEqual([{ from: 19783, through: 19786, position: 'b' }])
})

test('gaps and other positions begin another one; of one day the later position counts', () => {
  const days = [
    { day: 1, position: at('a') },
    { day: 2, position: at('b') },
    { day: 2, position: at('a') },
    { day: 5, position: at('b') },
  ]
  expect(periodRuns(days)).toEqual([
    { from: 1, through: 1, position: 'a' },
    { from: 2, through: 2, position: 'b' },
    { from: 5, through: 5, position: 'b' },
  ])
})

test('days are written as dates', () => {
  expect([0, 19783, -1].map(dayText)).toEqual(['1970-01-01', '2024-03-01', '1969-12-31'])
})
