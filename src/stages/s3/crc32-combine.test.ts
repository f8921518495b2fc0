import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32Combine } from './crc32-combine.ts'

test('the checksum of two pieces is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ maxLength: 3000 }), (first, second) => {
      expect(crc32Combine(crc32(first), crc32(second), second.byteLength)).toBe(crc32(second, crc32(first)))
    }),
  )
})

test('pieces of the sizes of parts, one after the other', () => {
  const content = randomBytes(20_000_001)
  let combined = 0
  for (let at = 0; at < content.byteLength; at += 8 << 20) {
    const piece = content.subarray(at, at + (8 << 20))
    combined = crc32Combine(combined, crc32(piece), piece.byteLength)
  }
  expect(combined).toBe(crc32(content))
})
