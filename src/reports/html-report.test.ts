/** What is in the page without looking at it; how it looks and behaves is tested in a browser, in test/integration. */
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { makeCheckRun } from '../../test/support/check-runs.ts'
import { htmlReport } from './html-report.ts'
import type { ReportData } from './report-data.ts'

const run = makeCheckRun({ seed: 5, days: 60, rules: 120, failing: 0.9 })

it('has every sample row where there is room', () => {
  const data = unpacked(htmlReport(run))
  expect(sampleCount(data)).toBe(run.files[0]!.checks.reduce((sum, { samples }) => sum + samples.length, 0))
  expect(data.leftOut).toEqual([])
})

it('keeps to its size by leaving out sample rows, says so, and keeps every count', () => {
  const whole = htmlReport(run)
  const bytesMax = Buffer.byteLength(whole) - 20_000
  const page = htmlReport(run, {}, bytesMax)
  expect(Buffer.byteLength(page)).toBeLessThanOrEqual(bytesMax)
  const [data, all] = [unpacked(page), unpacked(whole)]
  const missing = sampleCount(all) - sampleCount(data)
  expect(missing).toBeGreaterThan(0)
  expect(data.leftOut.join()).toContain(`${missing} sample rows are in the result file only`)
  const counts = ({ files }: ReportData) =>
    files[0]!.checks.map(({ id, failed, evaluated }) => ({ id, failed, evaluated }))
  expect(counts(data)).toEqual(counts(all))
})

it('has the statement of a pass once, for all checks that it answers', () => {
  const sql = [...Array(5000).keys()].map((index) => `count(*) FILTER (c${index} > ${index * 7919})`).join(',\n')
  const [file] = run.files
  const shared = { ...run, files: [{ ...file!, checks: file!.checks.map((check) => ({ ...check, sql })) }], sets: [] }
  const data = unpacked(htmlReport(shared))
  expect(data.statements).toHaveLength(1)
  expect(data.files[0]!.checks.every(({ statement }) => statement === 0)).toBe(true)
  expect(data.statements[0]).toBe(`${sql.slice(0, 100_000)}…`)
  expect(data.leftOut).toEqual(['SQL ends after 100,000 characters.'])
})

it('says by day what failed, with the right rules', () => {
  const [file] = unpacked(htmlReport(run)).files
  const [original] = run.files
  original!.days.forEach(({ failed }, index) => {
    const pairs = file!.days.failed[index]!
    const told = Object.fromEntries(
      [...Array(pairs.length / 2).keys()].map((at) => [file!.checks[pairs[at * 2]!]!.id, pairs[at * 2 + 1]!]),
    )
    expect(told).toEqual(failed)
  })
})

it('has its banner as text for readers without scripts', () => {
  const page = htmlReport({ ...run, files: [{ ...run.files[0]!, reasons: ['<i>No</i> day is "there".'] }] })
  expect(page).toContain('<bdi>&lt;i&gt;No&lt;/i&gt; day is &quot;there&quot;.</bdi>')
  expect(page.match(/<script/g)).toHaveLength(2)
})

function unpacked(page: string): ReportData {
  const [, packed = ''] = /id="data">([^<]*)</.exec(page) ?? []
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString())
}

function sampleCount({ files }: ReportData): number {
  return files.flatMap(({ checks }) => checks).reduce((sum, { samples }) => sum + samples.length, 0)
}
