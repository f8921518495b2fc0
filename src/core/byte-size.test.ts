import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BYTE_SIZE_PATTERN, byteSize, formatByteSize } from './byte-size.ts'

it.each<[string | number, number]>([
  ['64MiB', 67_108_864],
  ['512MB', 512_000_000],
  ['1 GiB', 1_073_741_824],
  ['1.5KiB', 1536],
  ['0', 0],
  ['100000', 100_000],
  [67_108_864, 67_108_864],
  ['10b', 10],
  ['1tib', 1_099_511_627_776],
])('%s is %i bytes', (value, bytes) => expect(byteSize(value)).toBe(bytes))

it.each([
  '',
  '-1',
  'MiB',
  '5iB',
  '64M',
  '64 mebibytes',
  '1e6',
  ' 1',
  '1 ',
  '1.5',
  '9999TiB',
  -1,
  1.5,
  Number.NaN,
  2 ** 60,
])('%j is no size', (value) => {
  expect(BYTE_SIZE_PATTERN.test(String(value))).toBe(false)
  expect(() => byteSize(value)).toThrow(RangeError)
})

it('a formatted size reads back as the same number of bytes', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 999 }),
      fc.constantFrom(1, 1000, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4),
      (count, unitBytes) => {
        expect(byteSize(formatByteSize(count * unitBytes))).toBe(count * unitBytes)
      },
    ),
  )
})

it('whatever the pattern accepts is a whole number of bytes that arithmetic keeps exact', () => {
  fc.assert(
    fc.property(fc.stringMatching(BYTE_SIZE_PATTERN), (text) => {
      expect(Number.isSafeInteger(byteSize(text))).toBe(true)
    }),
  )
})
