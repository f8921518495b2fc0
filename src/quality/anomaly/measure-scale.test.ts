import { expect, test } from 'vitest'
import { COUNT_SCALE, scaleOf } from './measure-scale.ts'

// For pure chance: 2·(√(x + 3/8) − √(μ + 3/8)). For large counts: log((x + 3/8) / (μ + 3/8)) / φ.
test.each([
  [2, 10, 1e-4, 2 * (Math.sqrt(2.375) - Math.sqrt(10.375))],
  [0, 10, 1e-4, 2 * (Math.sqrt(0.375) - Math.sqrt(10.375))],
  [2e6, 1e6, 0.1, Math.log(2) / 0.1],
  [5e5, 1e6, 0.1, Math.log(0.5) / 0.1],
  [100, 100, 0.1, 0],
])('%i rows where %i are expected, with a spread of %f', (value, expected, spread, deviations) => {
  expect(COUNT_SCALE.deviation(value, expected, spread)).toBeCloseTo(deviations, 2)
})

test.each([
  ['counts', COUNT_SCALE],
  ['sums of one sign', scaleOf('sum', [10, 20, 30])],
  ['sums of both signs', scaleOf('sum', [10, -20, 30])],
])('the bounds of %s are as far away as was asked', (_, scale) => {
  for (const expected of [40, 4000]) {
    for (const deviations of [-2, 3.25]) {
      const bound = scale.bound(expected, 0.1, deviations)
      expect(scale.deviation(bound, expected, 0.1)).toBeCloseTo(deviations, 6)
    }
    expect(scale.fromScale(scale.toScale(expected))).toBeCloseTo(expected, 6)
  }
})

test('there are no fewer than no rows', () => {
  expect(COUNT_SCALE.bound(3, 0.1, -5)).toBe(0)
})
