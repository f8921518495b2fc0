/** Literals of Postgres types, as arbitraries of fast-check. */
import fc from 'fast-check'

const RUNS = 400
export function samples(arbitrary: fc.Arbitrary<string>, edges: readonly string[]): (string | null)[] {
  return [...edges, null, ...fc.sample(arbitrary, { numRuns: RUNS, seed: 7 }), null]
}

export const digits = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most })
export const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
export const pgText = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed())
export const numeric = fc
  .tuple(fc.constantFrom('', '-'), digits(1, 40), fc.option(digits(1, 30), { nil: undefined }))
  .map(([sign, whole, fraction]) => sign + whole + (fraction === undefined ? '' : `.${fraction}`))

export const float64 = fc
  .oneof(fc.double({ noNaN: true }), fc.integer(), fc.double({ min: -1e6, max: 1e6, noNaN: true }))
  .map(String)
export const float32 = fc
  .oneof(
    fc.float({ noNaN: true }),
    fc.integer({ min: -149, max: 127 }).map((exponent) => 2 ** exponent),
    fc.float({ min: -1e6, max: 1e6, noNaN: true }),
  )
  .map(String)

export function clock(seconds: number): string {
  const part = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`
}

export function quoteInner(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
}
