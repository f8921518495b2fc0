import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tellWhileSlow } from './slow-notice.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('what takes minutes is told after one, two and four, and not once it is done', async () => {
  const told: number[] = []
  const done = Promise.withResolvers<string>()
  const answer = tellWhileSlow(
    () => done.promise,
    (soFarMs) => told.push(soFarMs / 60_000),
  )
  await vi.advanceTimersByTimeAsync(5 * 60_000)
  done.resolve('merged')
  expect(await answer).toBe('merged')
  await vi.advanceTimersByTimeAsync(60 * 60_000)
  expect(told).toEqual([1, 2, 4])
})
