import { expect, it } from 'vitest'
import { makeCheckRun } from '../../test/support/check-runs.ts'
import type { CheckRun, FileResult } from '../core/file-check.ts'
import { summarize } from './summary.ts'

const made = makeCheckRun({ days: 30, rules: 4, failing: 0 })
const [file] = made.files as [FileResult]
const coverage = { bytes: 10, unpackedBytes: 10, records: 100, parsed: 98, rejected: 2, complete: true }
const withFiles = (...files: Partial<FileResult>[]): CheckRun => ({
  ...made,
  files: files.map((changes) => ({ ...file, coverage, ...changes })),
  sets: [],
})

it('a run without files is no pass', () => {
  const { headline, sentences, coverage: sum } = summarize(withFiles())
  expect(headline).toBe('Nothing was checked')
  expect(sentences).toEqual(['No file was checked, so nothing passed.'])
  expect(sum.holds).toBe(false)
})

it('a run that only removed rows says which', () => {
  const deletions = [
    { set: 'monthly.files.sales', period: '2024-03', rows: 1234, outcome: 'deleted' as const, message: undefined },
  ]
  expect(summarize({ ...withFiles(), deletions })).toMatchObject({
    headline: 'Rows were removed',
    sentences: ['1,234 rows of 2024-03 were removed from monthly.files.sales.'],
  })
})

it('three sentences at most, and the equation of coverage where there is room', () => {
  const sentences = (reasons: readonly string[]) => summarize(withFiles({ reasons })).sentences
  const accounted = 'Of 100 records, 98 were read and 2 rejected: none is unaccounted for.'
  expect(sentences(['One.'])).toEqual(['One.', accounted])
  expect(sentences(['One.', 'Two.', 'Three.'])).toEqual(['One.', 'Two.', 'Three.'])
})

it.each([
  ['a record that neither reader accounts for', { ...coverage, parsed: 97 }],
  ['an end that was not reached', { ...coverage, complete: false }],
])('%s breaks the equation', (_what, broken) => {
  const { coverage: sum, sentences } = summarize(withFiles({ reasons: [], coverage: broken }, { reasons: [] }))
  expect(sum).toMatchObject({ holds: false, openFiles: 1 })
  expect(sentences.at(-1)).toMatch(/^1 file was not read completely/)
})

it('of several files the worst is named', () => {
  const { sentences, files } = summarize(
    withFiles(
      { verdict: 'pass' },
      { verdict: 'warning', file: 'w', reasons: ['Late.'] },
      { verdict: 'fail', file: 'f', reasons: ['Half of it is missing.'] },
    ),
  )
  expect(sentences.slice(0, 2)).toEqual(['1 of 3 files fails, 1 has warnings.', 'f: Half of it is missing.'])
  expect(files).toEqual({ pass: 1, warning: 1, fail: 1 })
})

it('counters are held against the run before', () => {
  const [first, ...rest] = file.checks.filter(({ outcome }) => outcome === 'pass')
  const bad = { ...first!, outcome: 'fail' as const }
  const critical = (run: CheckRun, before?: CheckRun) => summarize(run, before).counters[0]
  expect(critical(withFiles({ checks: [bad, ...rest] }))).toMatchObject({
    severity: 'CRITICAL',
    failed: 1,
    failedBefore: undefined,
  })
  expect(critical(withFiles({ checks: rest }), withFiles({ checks: [bad, ...rest] }))).toMatchObject({
    failed: 0,
    failedBefore: 1,
  })
})
