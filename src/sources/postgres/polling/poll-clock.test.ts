import { expect, test } from 'vitest'
import { PollClock, STEPS_MAX } from './poll-clock.ts'

const at = (serverUs: bigint) => async () => ({ serverUs })

test('places rise with every snapshot, whatever the clock of the server says', async () => {
  const clock = new PollClock(1_000n)
  let last = 1_000n
  for (const serverUs of [1_000_000n, 1_000_000n, 5n, 0n, 2_000_000n]) {
    const { place } = await clock.place(at(serverUs))
    expect(place.step(0)).toBeGreaterThan(last)
    expect(place.step(STEPS_MAX - 1)).toBeLessThan(place.final)
    last = place.final
  }
  expect(last).toBe(2_000_000n)
})

test('what is asked for is reached by the next poll and by none that had begun', async () => {
  const clock = new PollClock()
  for (const [begun, now, next] of [
    [1_000_000n, 1_000_001n, 1_000_002n],
    [1_000_003n, 1_000_003n, 1_000_003n],
    [9_000_000n, 20n, 10n],
    [30n, 12_000_000n, 40n],
  ] as const) {
    const earlier = await clock.place(at(begun))
    const target = clock.target(now)
    expect(earlier.place.final).toBeLessThan(target)
    const later = await clock.place(at(next))
    expect(later.place.final).toBeGreaterThanOrEqual(target)
    // Boundaries in the middle of a poll come before what was asked for.
    expect(later.place.step(STEPS_MAX - 1)).toBeLessThan(target)
  }
})

test('snapshots are taken one after the other, also after one that failed', async () => {
  const clock = new PollClock()
  const order: string[] = []
  const take = (name: string, fails = false) =>
    clock.place(async () => {
      order.push(`${name} begins`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      order.push(`${name} ends`)
      if (fails) throw new Error(name)
      return { serverUs: 0n }
    })
  const [first, second, third] = await Promise.allSettled([take('a'), take('b', true), take('c')])
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
