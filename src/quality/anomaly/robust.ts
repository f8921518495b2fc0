/** Statistics that a few wild values do not move. All give NaN for no values. */

/** Of a standard normal distribution, the median of absolute values is 1/1.4826. */
const NORMAL_MAD = 1.4826
/** Of a standard normal distribution, 95% of absolute values are below. */
const NORMAL_Q95 = 1.96

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Linear between neighbours (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996). */
export function quantile(values: readonly number[], share: number): number {
  return quantileOfSorted(sortedOf(values), share)
}

/** `new`, not `from`: that one asks an iterator for each value, and medians are asked for thousands of times. */
function sortedOf(values: readonly number[]): Float64Array {
  return new Float64Array(values).sort()
}

function quantileOfSorted(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

/** Standard deviation of normal values, from the median distance to `center`. */
export function madSpread(values: readonly number[], center = median(values)): number {
  return NORMAL_MAD * median(values.map((value) => Math.abs(value - center)))
}

/**
 * How much longer the tails are than normal ones: 1 for normal residuals, 1.2 for Student's t with 5 degrees of freedom, 1.4
 * with 3. It compares the 95% quantile of distances with their median, so fewer than 5% of wild values do not count.
 */
export function tailRatio(residuals: readonly number[]): number {
  const distances = sortedOf(residuals.map(Math.abs))
  const spread = NORMAL_MAD * quantileOfSorted(distances, 0.5)
  return spread > 0 ? Math.max(1, quantileOfSorted(distances, 0.95) / (NORMAL_Q95 * spread)) : 1
}
