import { expect, test } from 'vitest'
import { withLongRecords } from './long-records.ts'
import type { RejectedRecord } from './reject-list.ts'

const QUOTES: RejectedRecord = { kind: 'quotes', offset: 39, reason: 'a quote' }
const RAGGED: RejectedRecord = { kind: 'ragged', offset: 900, reason: 'too few' }
const LONG: RejectedRecord = { kind: 'length', offset: 59, reason: 'longer than a record may be' }

test('a record that the reader passes over in silence is refused, and said to be passed over', () => {
  const rejects = withLongRecords([RAGGED], [{ offset: 59, before: 39 }], { shift: 0, open: 1 })
  expect(rejects).toEqual([{ ...LONG, isPassedOver: true }, RAGGED])
})

test('what the reader says of its neighbour in its place is not held against the neighbour', () => {
  const rejects = withLongRecords([{ ...QUOTES, offset: 29 }, RAGGED], [{ offset: 59, before: 39 }], {
    shift: 10,
    open: 0,
  })
  expect(rejects).toEqual([{ ...LONG, offset: 49, isPassedOver: true }, RAGGED])
})

test('a neighbour that is wrong by itself stays so', () => {
  const rejects = withLongRecords([QUOTES], [{ offset: 59, before: 39 }], { shift: 0, open: 1 })
  expect(rejects).toEqual([QUOTES, { ...LONG, isPassedOver: true }])
})

test('a record that the reader refuses itself is left to it', () => {
  expect(withLongRecords([LONG], [{ offset: 59, before: 39 }], { shift: 0, open: 0 })).toEqual([LONG])
})
