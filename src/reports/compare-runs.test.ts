import { expect, it } from 'vitest'
import { makeCheckRun } from '../../test/support/check-runs.ts'
import type { CheckResult, CheckRun, FileResult } from '../core/file-check.ts'
import { compareRuns } from './compare-runs.ts'

const made = makeCheckRun({ days: 30, rules: 3, failing: 0 })
const [file] = made.files as [FileResult]
const [question] = file.checks.filter(({ id }) => id.startsWith('rule.')) as [CheckResult]

const fails = (id: string, failed: number): CheckResult => ({
  ...question,
  id,
  outcome: 'fail',
  failed,
  message: `${failed} rows`,
})
const passes = (id: string): CheckResult => ({ ...question, id, outcome: 'pass', failed: 0 })
const withFile = (changes: Partial<FileResult>): CheckRun => ({ ...made, files: [{ ...file, ...changes }], sets: [] })
const told = (older: CheckRun, newer: CheckRun) =>
  compareRuns(older, newer).findings.map(({ change, id }) => `${change} ${id}`)

it('equal runs have nothing to tell', () => {
  const comparison = compareRuns(made, made)
  expect(comparison).toMatchObject({ findings: [], days: [], configChanged: false })
  expect(comparison.files.map(({ change }) => change)).toEqual(['same'])
})

it('findings appear, go, and change', () => {
  const older = withFile({ checks: [passes('a'), fails('b', 3), fails('c', 3), fails('d', 1), passes('e')] })
  const newer = withFile({ checks: [fails('a', 9), passes('b'), fails('c', 4), fails('d', 1), passes('e')] })
  expect(told(older, newer)).toEqual(['appeared a', 'changed c', 'gone b'])
})

it('a question that is asked no more is news, and so is one that could not be answered', () => {
  const unknown: CheckResult = { ...passes('a'), outcome: 'not_evaluated', evaluated: 0 }
  expect(told(withFile({ checks: [passes('a')] }), withFile({ checks: [] }))).toEqual(['not_asked a'])
  expect(told(withFile({ checks: [passes('a')] }), withFile({ checks: [unknown] }))).toEqual(['appeared a'])
  // That it failed before does not make it well.
  expect(told(withFile({ checks: [fails('a', 1)] }), withFile({ checks: [] }))).toEqual(['not_asked a'])
  expect(told(withFile({ checks: [unknown] }), withFile({ checks: [] }))).toEqual([])
  expect(told(withFile({ checks: [passes('loaded.a')] }), withFile({ checks: [] }))).toEqual([])
  // What is told only where it is wrong is not wrong any more.
  expect(told(withFile({ checks: [fails('structure.quotes', 1)] }), withFile({ checks: [] }))).toEqual([
    'gone structure.quotes',
  ])
})

it('of a set that was not checked again nothing is known', () => {
  const older = { ...withFile({}), sets: [{ set: file.set, checks: [fails('rule.key', 2)], missingPeriods: [] }] }
  expect(told(older, withFile({}))).toEqual([])
  expect(told(older, { ...older, sets: [{ set: file.set, checks: [], missingPeriods: [] }] })).toEqual([
    'not_asked rule.key',
  ])
})

it('a month is held against the month before where each run has one file', () => {
  const march = withFile({ file: 'sales_2024-03.tsv', checks: [passes('a')], checksum: 'sha256:1' })
  const april = withFile({ file: 'sales_2024-04.tsv', checks: [fails('a', 2)], checksum: 'sha256:2' })
  const comparison = compareRuns(march, april)
  expect(comparison.files).toMatchObject([
    { change: 'changed', file: 'sales_2024-04.tsv', against: 'sales_2024-03.tsv' },
  ])
  expect(comparison.findings).toMatchObject([
    { change: 'appeared', file: 'sales_2024-04.tsv', older: { outcome: 'pass' } },
  ])
  // Days of another month are other days, not changed ones.
  expect(comparison.days).toEqual([])
})

it('several files are held against files of their own name only', () => {
  const named = (...names: string[]): CheckRun => ({ ...made, files: names.map((name) => ({ ...file, file: name })) })
  const { files } = compareRuns(named('a', 'b', 'c'), named('c', 'd', 'e'))
  expect(files.map(({ change, file: name }) => `${change} ${name}`)).toEqual([
    'same c',
    'appeared d',
    'appeared e',
    'gone a',
    'gone b',
  ])
})

it('findings of a file that was not checked again are neither gone nor mended', () => {
  const april: CheckRun = {
    ...made,
    files: [
      { ...file, checks: [fails('a', 2)] },
      { ...file, file: 'other', checks: [fails('b', 1)] },
    ],
    sets: [],
  }
  expect(told(april, withFile({ checks: [fails('a', 2)] }))).toEqual([])
})

it('days with other rows or another status are told', () => {
  const [first, ...rest] = file.days
  const newer = withFile({ days: [{ ...first!, rows: 1, status: 'partial' }, ...rest] })
  expect(compareRuns(withFile({}), newer).days).toEqual([
    {
      set: file.set,
      day: first!.day,
      older: { status: first!.status, rows: first!.rows },
      newer: { status: 'partial', rows: 1 },
    },
  ])
})
