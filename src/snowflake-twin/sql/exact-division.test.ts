import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divideExactly } from './exact-division.ts'

test.each([
  ['2', '7', 6, '0.285714'],
  ['1', '3', 0, '0'],
  ['5', '2', 0, '3'],
  ['-5', '2', 0, '-3'],
  ['10.001', '.002'.replace('.', '0.'), 9, '5000.500000000'],
  ['99999999999999999999999999999999999999', '0.01', 2, '9999999999999999999999999999999999999900.00'],
  ['-0.001', '7', 2, '0.00'],
])('%s / %s to %d places is %s', (a, b, scale, expected) => {
  expect(divideExactly(a, b, scale)).toBe(expected)
})

test('nothing is divided by zero', () => {
  expect(divideExactly('1', '0.00', 2)).toBeUndefined()
})

test('a quotient is within half a unit of its last place', () => {
  const integers = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
  fc.assert(
    fc.property(
      integers,
      integers.filter((n) => n !== 0n),
      (a, b) => {
        const quotient = BigInt(divideExactly(String(a), String(b), 6)?.replace('.', '') ?? '')
        const off = 2n * (quotient * b - a * 10n ** 6n)
        expect((off < 0n ? -off : off) <= (b < 0n ? -b : b)).toBe(true)
      },
    ),
  )
})
