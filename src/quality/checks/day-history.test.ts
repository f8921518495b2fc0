import { expect, test } from 'vitest'
import { makeCheckRun } from '../../../test/support/check-runs.ts'
import type { FileResult } from '../../core/file-check.ts'
import { dayHistory } from './day-history.ts'

test('what is usual is told by files whose rows were read, not by those that were rejected in part', () => {
  const [file] = makeCheckRun({ days: 3, rules: 1, failing: 0 }).files as [FileResult]
  const rejecting = (rejected: number): FileResult => ({
    ...file,
    coverage: { ...file.coverage, records: 100, rejected },
  })
  const days = (result: FileResult) => dayHistory(file.set, 'another', [result]).rows.size
  expect([days(rejecting(0)), days(rejecting(5)), days(rejecting(6))]).toEqual([3, 3, 0])
  // That it is there, and how many records it has, holds all the same.
  const { fileRecords, periods } = dayHistory(file.set, 'another', [{ ...rejecting(50), period: '2024-03' }])
  expect([fileRecords, [...periods]]).toEqual([[100], ['2024-03']])
})
