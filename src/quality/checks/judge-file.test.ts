import { expect, test } from 'vitest'
import type { Coverage } from '../../core/file-check.ts'
import { coverageCheck } from './judge-file.ts'

const WHOLE: Coverage = { bytes: 9, unpackedBytes: 9, records: 10, parsed: 8, rejected: 2, complete: true }
const judged = (over: Partial<Coverage>, scan = {}) =>
  coverageCheck({ count: {}, ...scan } as Parameters<typeof coverageCheck>[0], { ...WHOLE, ...over }, undefined)

test('records that one reader counts and the other does not see fail the file, one too many as one too few', () => {
  expect(judged({})).toMatchObject({ outcome: 'pass', evaluated: 10 })
  for (const parsed of [7, 9]) {
    const check = judged({ parsed })
    expect(check).toMatchObject({ outcome: 'fail', failed: 1, severity: 'CRITICAL' })
    expect(check.message).toContain(`10 records by another count, ${parsed} parsed, 2 rejected`)
  }
})

test('a file that was not read to its end fails also where the counts agree', () => {
  const check = judged({}, { count: { incomplete: 'its gzip was cut' } })
  expect(check).toMatchObject({ outcome: 'fail', failed: 1 })
  expect(check.message).toContain('its gzip was cut')
})
