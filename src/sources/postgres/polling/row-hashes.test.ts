import { expect, test } from 'vitest'
import { WireBuffer } from '../../../columnar/wire-buffer.ts'
import { HASHES_MAX, hashRow, RowHashes } from './row-hashes.ts'

function hashOf(text: string | Uint8Array) {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const hash = { high: 0, low: 0 }
  hashRow(new WireBuffer(bytes), 0, bytes.length, hash)
  return hash
}

test('what was added is found again, also after a round through text, and nothing else is', () => {
  const hashes = new RowHashes()
  for (let row = 0; row < 20_000; row++) hashes.add(hashOf(`row ${row}`))
  for (let row = 0; row < 20_000; row += 7) hashes.add(hashOf(`row ${row}`))
  expect(hashes.size).toBe(20_000)
  const again = RowHashes.parse(hashes.toText())
  expect(again.size).toBe(20_000)
  for (let row = 0; row < 20_000; row++) expect(again.has(hashOf(`row ${row}`))).toBe(true)
  for (let row = 20_000; row < 40_000; row++) expect(again.has(hashOf(`row ${row}`))).toBe(false)
})

test('rows that differ in one bit, in their length or in the order of their bytes have different hashes', () => {
  const seen = new Set<string>()
  const note = (bytes: Uint8Array) => {
    const { high, low } = hashOf(bytes)
    seen.add(`${high}/${low}`)
  }
  const base = new Uint8Array(37)
  for (let bit = 0; bit < 37 * 8; bit++) {
    const bytes = base.slice()
    bytes[bit >> 3] = 1 << (bit & 7)
    note(bytes)
  }
  for (let length = 0; length < 64; length++) note(new Uint8Array(length))
  expect(seen.size).toBe(37 * 8 + 64)
})

test('either half of a hash spreads by itself', () => {
  const highs = new Set<number>()
  const lows = new Set<number>()
  for (let row = 0; row < 50_000; row++) {
    const { high, low } = hashOf(Buffer.from(Int32Array.of(0, row, 0).buffer))
    highs.add(high)
    lows.add(low)
  }
  // Of 50,000 random 32-bit numbers about 0.3 are expected to be the same as another one.
  expect(highs.size).toBeGreaterThan(49_990)
  expect(lows.size).toBeGreaterThan(49_990)
})

test('no more are kept than a token may have', () => {
  const hashes = new RowHashes()
  for (let row = 0; !hashes.isFull; row++) hashes.add({ high: row, low: row + 1 })
  expect(hashes.size).toBe(HASHES_MAX)
  expect(hashes.toText().length).toBeLessThan(6 * 1024 * 1024)
})
