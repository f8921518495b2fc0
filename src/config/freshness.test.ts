import { expect, test } from 'vitest'
import { freshnessProblems } from './freshness.ts'

const MINUTE_MS = 60_000
const RANGE = { minMs: MINUTE_MS, maxMs: 1440 * MINUTE_MS, text: 'must be between 1m and 1d' }

function problems(freshnessMs: number | undefined, tables: readonly (number | undefined)[], range?: typeof RANGE) {
  const sources = { shop: { tables: tables.map((freshness) => ({ freshness })) }, other: {} }
  const sync = { intervalMs: 10_000, freshnessMs }
  return freshnessProblems({ destination: { type: 'x' }, sync, sources }, range).map(({ path, message }) =>
    [path.join('.'), message].join(': '),
  )
}

test('without a range everything from the interval up is taken', () => {
  expect(problems(10_000, [undefined, 10_000, 1e12])).toEqual([])
  const late = 'must not be shorter than sync.interval, in which changes are staged'
  expect(problems(9_999, [1, 10_000, 0])).toEqual([
    `sync.freshness: ${late}`,
    `sources.shop.tables.0.freshness: ${late}`,
    `sources.shop.tables.2.freshness: ${late}`,
  ])
})

test('a range has both of its ends', () => {
  expect(problems(undefined, [MINUTE_MS, 1440 * MINUTE_MS], RANGE)).toEqual([])
  expect(problems(59_999, [1440 * MINUTE_MS + 1], RANGE)).toEqual([
    'sync.freshness: must be between 1m and 1d',
    'sources.shop.tables.0.freshness: must be between 1m and 1d',
  ])
})
