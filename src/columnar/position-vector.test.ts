import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectorValues } from '../../test/support/vector-values.ts'
import { position, positionPrefix } from '../core/position.ts'
import { positionVector } from './position-vector.ts'

test('ordinals are numbered from 1 without the aborted rows, which have none', () => {
  const ordinals = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)
  const { vector, rows, firstOrdinal, lastOrdinal } = positionVector(
    positionPrefix(1, 7n),
    ordinals,
    Float64Array.of(1, 2, 5, 5, 9, 12),
  )
  const at = (ordinal: number) => position(1, 7n, ordinal)
  expect(vectorValues(vector)).toEqual([null, null, at(1), at(2), null, at(3), at(4), at(5), null])
  expect([rows, firstOrdinal, lastOrdinal]).toEqual([5, 1, 5])
})

test('any batch of any transaction agrees with counting one by one', () => {
  const arbitrary = fc.tuple(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 200 }))
  fc.assert(
    fc.property(arbitrary, ([received]) => {
      // Per row of the transaction: whether it was aborted, and whether it is in this batch.
      const aborted: number[] = []
      const expected: (string | null)[] = []
      const ordinals: number[] = []
      let final = 0
      for (const [index, [isAborted, isHere]] of received.entries()) {
        const ordinal = index + 1
        if (isAborted) {
          if (aborted.at(-1) === ordinal - 1) aborted[aborted.length - 1] = ordinal
          else aborted.push(ordinal, ordinal)
        } else final++
        if (!isHere) continue
        ordinals.push(ordinal)
        expected.push(isAborted ? null : position(1, 7n, final))
      }
      const { vector, rows } = positionVector(
        positionPrefix(1, 7n),
        Float64Array.from(ordinals),
        Float64Array.from(aborted),
      )
      expect(vectorValues(vector)).toEqual(expected)
      expect(rows).toBe(expected.filter((found) => found !== null).length)
    }),
  )
})

test('a batch of aborted rows alone has no row', () => {
  const found = positionVector(positionPrefix(1, 7n), Float64Array.of(4, 5), Float64Array.of(2, 9))
  expect(found).toMatchObject({ rows: 0, firstOrdinal: 0, lastOrdinal: 0 })
  expect(found.vector.nullCount).toBe(2)
})
