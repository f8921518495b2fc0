/** The PDF, as another program reads it: poppler's pdftotext, where it is installed. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeCheckRun, makeLargeCheckRun } from '../../test/support/check-runs.ts'
import { pdfReport } from './pdf-report.ts'

const run = makeCheckRun({ seed: 3, days: 90, rules: 30 })

it('is a PDF of a few pages with its font inside', async () => {
  const pdf = (await pdfReport(run)).toString('latin1')
  expect(pdf.slice(0, 5)).toBe('%PDF-')
  expect(pageCount(pdf)).toBe(2)
  expect(pdf).toMatch(/\/FontFile2/)
  expect(pdf).not.toMatch(/\/URI|\/JavaScript|\/Launch/)
})

it('stays short for a thousand rules', async () => {
  const pdf = await pdfReport(makeLargeCheckRun())
  expect(pdf.length).toBeLessThan(1_000_000)
  expect(pageCount(pdf.toString('latin1'))).toBeLessThan(30)
})

it('says in text what the run found', async ({ skip }) => {
  if (spawnSync('pdftotext', ['-v']).error !== undefined) skip('there is no pdftotext here: install poppler-utils')
  const hostile = '<b>x</b> \u202eevil =1+1'
  const [file] = run.files
  const [day, ...days] = file!.days
  const marked = { ...day!, marked: 'strike at the carrier' }
  const changed = { ...run, files: [{ ...file!, reasons: [hostile], days: [marked, ...days] }] }
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-pdf-'))
  try {
    const path = join(folder, 'report.pdf')
    writeFileSync(path, await pdfReport(changed, { before: makeCheckRun({ seed: 9 }) }))
    const { stdout } = spawnSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' })
    const text = stdout.replace(/\s+/g, ' ')
    for (const words of [
      'Failed',
      '<b>x</b> [U+202E]evil =1+1',
      'records counted',
      'Calendar of monthly.files.sales',
      `Days that are marked as expected Day Why Table ${day!.day} strike at the carrier`,
      'Audit trail',
    ])
      expect(text).toContain(words)
    const failed = file!.checks.filter(({ outcome }) => outcome === 'fail')
    expect(failed.length).toBeGreaterThan(2)
    for (const { title } of failed) expect(text).toContain(title)
    expect(text).toContain(`${run.user} on ${run.host}`)
    expect(text).toMatch(/in the last run/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function pageCount(pdf: string): number {
  return pdf.match(/\/Type \/Page\b(?!s)/g)?.length ?? 0
}
