import { expect, test } from 'vitest'
import { BoundaryPacer } from './boundary-pacer.ts'

const FLUSH_AFTER_MS = 1000

function pacer(): BoundaryPacer {
  return new BoundaryPacer(FLUSH_AFTER_MS, 100n, 0)
}

test('nothing is due while nothing happens', () => {
  const idle = pacer()
  expect(idle.isDue(1e9)).toBe(false)
  expect(idle.dueInMs(1e9)).toBeUndefined()
})

test('commits wait until enough time has passed since the boundary before', () => {
  const busy = pacer()
  busy.committed(200n, 5, 3)
  expect(busy.isDue(999)).toBe(false)
  expect(busy.dueInMs(999)).toBe(1)
  expect(busy.isDue(1000)).toBe(true)
  busy.committed(300n, 4, 1)
  expect(busy.take(1000)).toEqual({ lsn: 300n, transactions: 2, changes: 4, newestCommitMs: 5 })
  expect(busy.isDue(1999)).toBe(false)
  expect(busy.take(2500)).toEqual({ lsn: 300n, transactions: 0, changes: 0, newestCommitMs: undefined })
})

test('a batch that has left makes a boundary due at the next commit', () => {
  const full = pacer()
  full.batchYielded()
  expect(full.isDue(1)).toBe(false)
  full.committed(200n, 0, 100)
  expect(full.isDue(1)).toBe(true)
  full.take(1)
  full.committed(300n, 0, 1)
  expect(full.isDue(2)).toBe(false)
})

test('a stretch of the log without commits for us makes a boundary due, as seldom as commits do', () => {
  const segment = 1n << 24n
  const quiet = pacer()
  quiet.reached(100n + segment)
  expect(quiet.isDue(999)).toBe(false)
  expect(quiet.isDue(1000)).toBe(true)
  quiet.take(1000)
  quiet.reached(100n + segment)
  quiet.reached(150n)
  expect(quiet.isDue(1e9)).toBe(false)
})

test('what is written about a boundary is no reason for another one', () => {
  const idle = pacer()
  for (let written = 1n; written <= 100n; written++) {
    idle.reached(100n + written * 8192n)
    expect(idle.isDue(1e9)).toBe(false)
    expect(idle.dueInMs(1e9)).toBeUndefined()
  }
  idle.committed(2_000_000n, 5, 1)
  expect(idle.isDue(1e9)).toBe(true)
  expect(idle.take(1e9).lsn).toBe(2_000_000n)
})

test('a boundary that was asked for is due as soon as the log has been read that far', () => {
  const asked = pacer()
  asked.request(250n)
  asked.request(200n)
  expect(asked.isDue(1)).toBe(false)
  expect(asked.requested).toBe(250n)
  asked.reached(249n)
  expect(asked.isDue(1)).toBe(false)
  asked.reached(250n)
  expect(asked.isDue(1)).toBe(true)
  expect(asked.take(1).lsn).toBe(250n)
  expect(asked.requested).toBeUndefined()
  expect(asked.isDue(2)).toBe(false)
  // Asked again for what lies behind: an answer is due all the same.
  asked.request(180n)
  expect(asked.isDue(3)).toBe(true)
})
