/**
 * The scale on which days are compared. Counts and sums move by factors (a Monday has 1.4 times a Sunday), so they are compared
 * as logarithms; sums of both signs are compared as they are.
 *
 * A count of mean μ varies by chance (variance μ) and by the life behind it (variance φ²μ²): a negative binomial. Anscombe's
 * transformation ("The transformation of Poisson, binomial and negative-binomial data", Biometrika 35, 1948) gives such counts
 * a variance of 1 whatever μ is: g(x) = (2/φ)·asinh(φ·√(x + 3/8)). It is 2·√(x + 3/8) for pure chance, and log(x)/φ for large counts.
 */
import { median } from './robust.ts'

export type Measure = 'count' | 'sum'

export interface MeasureScale {
  /** A value on the scale on which effects add up. */
  readonly toScale: (value: number) => number
  readonly fromScale: (scaled: number) => number
  /** Standard deviations between a value and the one expected. `spread`: of one day, on the scale, chance left out. */
  readonly deviation: (value: number, expected: number, spread: number) => number
  /** The value that is `deviations` away from the expected one: the inverse of `deviation`. */
  readonly bound: (expected: number, spread: number, deviations: number) => number
  /** Variance on the scale that chance alone gives a day. */
  readonly chance: (expected: number) => number
}

/** Of days with values, how many may be zero or negative before factors make no sense. */
const SIGNS_SHARE_MAX = 0.02
/** What is smaller than this share of a usual sum is as good as nothing. */
const SMALLEST_SHARE = 1e-3

export const COUNT_SCALE: MeasureScale = {
  toScale: (value) => Math.log1p(Math.max(0, value)),
  fromScale: (scaled) => Math.max(0, Math.expm1(scaled)),
  deviation: (value, expected, spread) => anscombe(value, spread) - anscombe(expected, spread),
  bound: (expected, spread, deviations) => {
    const root = Math.sinh(Math.max(0, ((anscombe(expected, spread) + deviations) * spread) / 2)) / spread
    return Math.max(0, root ** 2 - 3 / 8)
  },
  chance: (expected) => 1 / (expected + 1),
}

/** `values`: of days that have any. */
export function scaleOf(measure: Measure, values: readonly number[]): MeasureScale {
  if (measure === 'count') return COUNT_SCALE
  const usual = median(values.map(Math.abs)) || 1
  const notPositive = values.filter((value) => value <= 0).length
  return notPositive > values.length * SIGNS_SHARE_MAX ? differences(usual) : factors(usual * SMALLEST_SHARE)
}

function anscombe(value: number, spread: number): number {
  return (2 / spread) * Math.asinh(spread * Math.sqrt(Math.max(0, value) + 3 / 8))
}

function factors(smallest: number): MeasureScale {
  const toScale = (value: number) => Math.log(Math.max(smallest, value))
  return {
    toScale,
    fromScale: Math.exp,
    deviation: (value, expected, spread) => (toScale(value) - toScale(expected)) / spread,
    bound: (expected, spread, deviations) => Math.exp(toScale(expected) + deviations * spread),
    chance: () => 0,
  }
}

function differences(usual: number): MeasureScale {
  return {
    toScale: (value) => value / usual,
    fromScale: (scaled) => scaled * usual,
    deviation: (value, expected, spread) => (value - expected) / usual / spread,
    bound: (expected, spread, deviations) => expected + deviations * spread * usual,
    chance: () => 0,
  }
}
