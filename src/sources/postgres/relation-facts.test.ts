import { expect, test } from 'vitest'
import { isInProgress } from './relation-facts.ts'

test.each([
  ['100:110:100,105', 100, true],
  ['100:110:100,105', 105, true],
  ['100:110:100,105', 104, false],
  ['100:110:100,105', 99, false],
  ['100:110:100,105', 110, true],
  ['100:110:100,105', 5000, true],
  ['100:100:', 99, false],
  ['100:100:', 100, true],
  // Ids of 64 bits, of which the log has the low 32.
  ['8589934590:8589934600:8589934590', 4294967294, true],
  ['8589934590:8589934600:8589934590', 4294967295, false],
  ['8589934590:8589934600:8589934590', 7, false],
  ['8589934590:8589934600:8589934590', 8, true],
])('in the snapshot %s transaction %i is in progress: %s', (snapshot, transaction, expected) => {
  expect(isInProgress(snapshot, transaction)).toBe(expected)
})
