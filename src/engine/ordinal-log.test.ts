import fc from 'fast-check'
import { expect, test } from 'vitest'
import { giveMemory } from '../columnar/vector-memory.ts'
import { packOrdinals, unpackOrdinals } from './ordinal-log.ts'

test('ordinals come back as they went in, whatever the gaps between them', () => {
  const gap = fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 250, max: 260 }),
    fc.integer({ min: 1, max: 2 ** 33 }),
  )
  fc.assert(
    fc.property(fc.array(gap, { maxLength: 300 }), (gaps) => {
      let ordinal = 0
      const ordinals = Float64Array.from(gaps, (step) => (ordinal += step))
      expect(unpackOrdinals(packOrdinals(ordinals))).toEqual(ordinals)
    }),
  )
})

test('ordinals of large batches come back too, in memory that others had before', () => {
  for (const gap of [1, 300, 2]) {
    for (const rows of [70_000, 8_200, 20_001]) {
      const ordinals = Float64Array.from({ length: rows }, (_, row) => 5 + row * gap)
      const unpacked = unpackOrdinals(packOrdinals(ordinals))
      expect(unpacked).toEqual(ordinals)
      giveMemory(unpacked.fill(-1).buffer)
    }
  }
})

test('the rows of a transaction over one table, or over two in turn, take next to no memory', () => {
  const oneTable = Float64Array.from({ length: 100_000 }, (_, row) => row + 1)
  const twoTables = Float64Array.from({ length: 100_000 }, (_, row) => (row % 4 === 0 ? row * 2 : row * 2 + 1))
  expect(packOrdinals(oneTable).packed.length).toBeLessThan(1_000)
  expect(packOrdinals(twoTables).packed.length).toBeLessThan(10_000)
})
