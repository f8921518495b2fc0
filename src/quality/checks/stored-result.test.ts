import { expect, test } from 'vitest'
import { makeCheckRun } from '../../../test/support/check-runs.ts'
import type { CheckRun } from '../../core/file-check.ts'
import { parseResult, storedText } from './stored-result.ts'

/** Every rule of every file answered by one pass, as it is. */
function onePass(rules: number): CheckRun {
  const run = makeCheckRun({ rules, files: 2 })
  const sql = `SELECT ${Array.from({ length: rules }, (_, index) => `count(*) FILTER (amount > ${index})`).join(', ')} FROM file`
  const checks = (part: CheckRun['files'][number]) =>
    part.checks.map((check) => ({ ...check, sql: check.kind === 'rule' ? sql : undefined }))
  return { ...run, files: run.files.map((file) => ({ ...file, checks: checks(file) })) }
}

test('a result comes back as it was', () => {
  const run = onePass(20)
  expect(parseResult(storedText(run), 'a.json')).toEqual(run)
  const own = makeCheckRun({ rules: 20 })
  expect(parseResult(storedText(own), 'a.json')).toEqual(own)
})

test('the statement of a pass is written once, whatever number of rules it answers', () => {
  const text = storedText(onePass(500))
  expect(text.match(/SELECT count/g)).toHaveLength(1)
  const checks = parseResult(text, 'a.json').files.flatMap((file) => file.checks.filter(({ kind }) => kind === 'rule'))
  expect(new Set(checks.map(({ sql }) => sql?.length)).size).toBe(1)
})

test('results of the version before are read', () => {
  const run = onePass(5)
  expect(parseResult(JSON.stringify({ ...run, version: 1 }), 'a.json')).toEqual(run)
})

test('what is no result, or of a version to come, is told', () => {
  expect(() => parseResult('{"version":', 'a.json')).toThrow('Reading the result a.json')
  expect(() => parseResult('{"version":99}', 'a.json')).toThrow(
    expect.objectContaining({
      code: 'state_version',
      cause: new Error('it has version 99, and this program reads versions 1 and 2'),
    }),
  )
})
