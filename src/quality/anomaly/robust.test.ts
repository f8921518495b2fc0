import { expect, test } from 'vitest'
import { madSpread, median, quantile, tailRatio } from './robust.ts'

test.each([
  [[3, 1, 2], 0.5, 2],
  [[4, 1, 2, 3], 0.5, 2.5],
  // R: quantile(c(1, 2, 4, 8, 16), 0.9) is 12.8
  [[16, 1, 8, 2, 4], 0.9, 12.8],
])('of %j the quantile %f is %f', (values, share, expected) => {
  expect(quantile(values, share)).toBeCloseTo(expected, 10)
})

test('wild values do not move the middle and the spread', () => {
  const values = [9, 10, 11, 10, 9, 11, 10]
  expect(madSpread([...values, 1e9])).toBeCloseTo(1.4826, 6)
  expect(median([...values, 1e9])).toBe(10)
})

// Quantiles of the distributions themselves; the ratio of R: qt(0.975, df) / (1.4826 * qt(0.75, df)) / 1.96.
test.each([
  [(share: number) => Math.tan(Math.PI * (share - 0.5)), 4.372], // Cauchy, t with 1 degree of freedom
  [(share: number) => 2 * share - 1, 1],
])('longer tails than normal are measured', (quantileOf, ratio) => {
  const values = Array.from({ length: 4001 }, (_, index) => quantileOf((index + 0.5) / 4001))
  expect(tailRatio(values)).toBeCloseTo(ratio, 1)
})

test('nothing is known of no values', () => {
  expect(median([])).toBeNaN()
  expect(tailRatio([])).toBe(1)
})
