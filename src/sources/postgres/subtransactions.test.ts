import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Subtransactions } from './subtransactions.ts'

test('ranges are exactly the rows of subtransactions that were rolled back', () => {
  const rows = fc.array(fc.record({ id: fc.integer({ min: 1, max: 6 }), step: fc.integer({ min: 1, max: 3 }) }))
  fc.assert(
    fc.property(rows, fc.uniqueArray(fc.integer({ min: 1, max: 6 })), (list, rolledBack) => {
      const subtransactions = new Subtransactions()
      let ordinal = 0
      const gone: number[] = []
      list.forEach(({ id, step }) => {
        subtransactions.append(id, ordinal + 1)
        for (let index = 0; index < step; index++) {
          ordinal++
          if (rolledBack.includes(id)) gone.push(ordinal)
        }
      })
      for (const id of rolledBack) subtransactions.rollBack(id)
      const ranges = subtransactions.rolledBackRanges(ordinal)
      const covered: number[] = []
      for (let index = 0; index < ranges.length; index += 2) {
        for (let at = ranges[index]!; at <= ranges[index + 1]!; at++) covered.push(at)
      }
      expect(covered).toEqual(gone)
      // Neighbours are merged.
      for (let index = 2; index < ranges.length; index += 2)
        expect(ranges[index]!).toBeGreaterThan(ranges[index - 1]! + 1)
    }),
  )
})

test('a transaction takes memory by its changes of subtransaction, not by its rows', () => {
  const plain = new Subtransactions()
  for (let ordinal = 1; ordinal <= 100_000; ordinal++) plain.append(7, ordinal)
  expect(plain.bytes).toBeLessThan(100)
  const savepoints = new Subtransactions()
  for (let ordinal = 1; ordinal <= 100_000; ordinal++) savepoints.append(ordinal, ordinal)
  expect(savepoints.bytes).toBeLessThan(100_000 * 12 * 2)
})
