/** The middle value; the mean of the two middle ones where their number is even. NaN for no values. */
export function median(values: Iterable<number>): number {
  return quantile(values, 0.5)
}

/** Linear between the neighbours. NaN for no values. */
export function quantile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}
