/** Division of decimal numbers as Snowflake does it: to a fixed scale, half away from zero. */

/** Undefined: division by zero. */
export function divideExactly(dividend: string, divisor: string, scale: number): string | undefined {
  const [top, topScale] = unscaled(dividend)
  const [bottom, bottomScale] = unscaled(divisor)
  if (bottom === 0n) return undefined
  const shift = scale - topScale + bottomScale
  const numerator = shift >= 0 ? top * 10n ** BigInt(shift) : top
  const denominator = shift >= 0 ? bottom : bottom * 10n ** BigInt(-shift)
  const negative = numerator < 0n !== denominator < 0n
  const [n, d] = [magnitude(numerator), magnitude(denominator)]
  const quotient = (2n * n + d) / (2n * d)
  const digits = quotient.toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return negative && quotient !== 0n ? `-${text}` : text
}

function unscaled(text: string): readonly [bigint, number] {
  const point = text.indexOf('.')
  if (point === -1) return [BigInt(text), 0]
  return [BigInt(text.replace('.', '')), text.length - point - 1]
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}
