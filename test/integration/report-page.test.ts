/** The HTML report in a real browser: opened from a file, as its readers do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test as plainTest } from 'vitest'
import type { CheckRun } from '../../src/core/file-check.ts'
import { compareRuns } from '../../src/reports/compare-runs.ts'
import { HTML_BYTES_MAX, htmlReport } from '../../src/reports/html-report.ts'
import { trendPoint } from '../../src/reports/report-data.ts'
import { browserPath, NO_BROWSER, startBrowser } from '../support/browser.ts'
import { makeCheckRun, makeLargeCheckRun } from '../support/check-runs.ts'

const HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=2">\u202egnp.exe\u0000=cmd|calc'
const folder = mkdtempSync(join(tmpdir(), 'simplyload-page-'))
const executable = browserPath()
let browser: Browser | undefined

beforeAll(async () => {
  if (executable !== undefined) browser = await startBrowser(executable)
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Opened {
  readonly page: Page
  /** Everything that the page asked for, itself included. */
  readonly requests: readonly string[]
  readonly problems: readonly string[]
}

const test = plainTest.extend<{ open: (html: string, width?: number) => Promise<Opened> }>({
  open: async ({ skip }, use) => {
    const pages: Page[] = []
    await use(async (html, width = 1280) => {
      if (browser === undefined) skip(NO_BROWSER)
      const path = join(folder, `${crypto.randomUUID()}.html`)
      writeFileSync(path, html)
      const page = await browser!.newPage({ viewport: { width, height: 900 } })
      pages.push(page)
      const requests: string[] = []
      const problems: string[] = []
      page.on('request', (request) => requests.push(request.url()))
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => problems.push(message.text()))
      await page.goto(pathToFileURL(path).href)
      await page.waitForSelector('html[data-ready]')
      return { page, requests, problems }
    })
    for (const page of pages) await page.close()
  },
})

const run = makeCheckRun({ seed: 3, days: 90, rules: 30 })

test('a report of 1,000 rules and 400 days is small, asks for nothing, and has all of them', async ({ open }) => {
  const html = htmlReport(makeLargeCheckRun())
  expect(Buffer.byteLength(html)).toBeLessThan(HTML_BYTES_MAX)
  const { page, requests, problems } = await open(html)
  expect(requests).toHaveLength(1)
  expect(problems).toEqual([])
  expect(await page.locator('#calendar button.cell').count()).toBe(400)
  await page.locator('[data-choice=pass]').click()
  expect(await page.locator('#findings [role=status]').textContent()).toBe('1,009 checks of 1,009')
})

test('what files hold is shown as text, whatever it is', async ({ open }) => {
  const { page, requests, problems } = await open(htmlReport(hostileRun()))
  await page.locator('#findings details', { hasText: 'samples' }).first().locator('summary').click()
  const cell = page.locator('#findings .samples td', { hasText: 'window.hit' }).first()
  expect(await cell.textContent()).toBe(
    '</script><script>window.hit=1</script><img src=x onerror="window.hit=2">U+202Egnp.exeU+0000=cmd|calc',
  )
  expect(await page.locator('.banner').textContent()).toContain('<img src=x onerror="window.hit=2">[U+202E]')
  expect(await page.evaluate('window.hit')).toBeUndefined()
  expect(await page.locator('img, iframe, object, #report script').count()).toBe(0)
  expect(requests).toHaveLength(1)
  expect(problems).toEqual([])
})

test('a script that got into the page would not run, and would reach no network', async ({ open }) => {
  const html = htmlReport(run).replace(
    '</header>',
    '</header><script>window.hit=3</script><img src="http://127.0.0.1:9/x">',
  )
  const { page, problems } = await open(html)
  expect(await page.evaluate('window.hit')).toBeUndefined()
  expect(problems.filter((problem) => problem.includes('Content Security Policy'))).toHaveLength(2)
})

test('from the calendar to a day, its rules and their sample rows', async ({ open }) => {
  const { page } = await open(htmlReport(run))
  const day = run.files[0]!.days.findLast(({ failed }) => Object.keys(failed).length > 0)!
  await page.locator(`button[data-day="${day.day}"]`).click()
  expect(await page.locator('.day-panel .large').textContent()).toBe(`${day.rows.toLocaleString('en')} rows`)
  const rules = page.locator('.day-rules details', { hasText: /\d rows?/ })
  expect(await rules.count()).toBeGreaterThanOrEqual(Object.keys(day.failed).length)
  await rules.first().locator('summary').click()
  // Rows are put into the page when they are asked for.
  await rules.first().locator('.samples').first().waitFor()
  const titles = await rules.first().locator('.samples th').allTextContents()
  expect(titles.slice(0, 3)).toEqual(['Line', 'Byte offset', 'Reason'])
  expect(await rules.first().locator('.samples .command code').textContent()).toMatch(/^zcat '.*' \| sed -n '\d+p/)
})

test('a day that was marked as expected says why', async ({ open }) => {
  const days = run.files[0]!.days.map((each, index) =>
    index === 5 ? { ...each, marked: 'strike at the carrier' } : each,
  )
  const { page } = await open(htmlReport({ ...run, files: [{ ...run.files[0]!, days }] }))
  await page.locator(`button[data-day="${days[5]!.day}"]`).click()
  expect(await page.locator('.day-facts').textContent()).toContain('Marked as expected: strike at the carrier')
})

test('the calendar can be used without a mouse', async ({ open }) => {
  const { page } = await open(htmlReport(run))
  await page.locator('button[data-day="2024-02-06"]').focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  expect(await page.locator('.day-panel h3').first().textContent()).toBe('Wednesday, 14 February 2024')
  expect(await page.locator('#calendar button.cell[tabindex="0"]').count()).toBe(1)
})

test('findings are found by their text and by what became of them', async ({ open }) => {
  const { page } = await open(htmlReport(run))
  const shown = () => page.locator('#finding-list details').count()
  const failures = await shown()
  await page.locator('[data-choice=pass]').click()
  expect(await shown()).toBeGreaterThan(failures)
  await page.locator('[type=search]').fill('COLUMN_ORDER')
  expect(await shown()).toBe(1)
  await page.locator('#finding-list summary').click()
  expect(await page.locator('#finding-list .details').textContent()).toContain('How to fixWrite them in the order')
})

test('a small screen is never wider than the page, in dark or light', async ({ open }) => {
  const { page } = await open(htmlReport(run), 400)
  await page.locator('#findings summary').nth(1).click()
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400)
  const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await paper()
  await page.emulateMedia({ colorScheme: 'light' })
  expect(await paper()).not.toBe(dark)
  await page.locator('#theme').click()
  expect(await paper()).toBe(dark)
})

test('on a small screen a row is a list with its titles, and the day that is chosen is in sight', async ({ open }) => {
  const made = makeCheckRun({ days: 300 })
  const files = made.files.map((file) => ({
    ...file,
    days: file.days.map((day, index) => ({ ...day, status: index === 290 ? ('missing' as const) : ('ok' as const) })),
  }))
  const { page } = await open(htmlReport({ ...made, files }), 400)
  expect(await page.evaluate('getComputedStyle(document.querySelector("#files td"), "::before").content')).toBe(
    '"Verdict"',
  )
  await expect.poll(() => page.evaluate('document.querySelector("#calendar .years").scrollLeft')).toBeGreaterThan(0)
  const chosen = page.locator('#calendar [data-chosen]')
  const { x = -1 } = (await chosen.boundingBox()) ?? {}
  expect(x > 0 && x < 380).toBe(true)
})

test('on paper every failure is open', async ({ open }) => {
  const { page } = await open(htmlReport(run))
  await page.emulateMedia({ media: 'print' })
  await page.evaluate("dispatchEvent(new Event('beforeprint'))")
  expect(await page.locator('#finding-list details:not([open])').count()).toBe(0)
  expect(await page.locator('#finding-list details').count()).toBeGreaterThan(3)
  expect(await page.locator('nav').isVisible()).toBe(false)
})

test('earlier runs, another run, several files and deletions are there', async ({ open }) => {
  const before = makeCheckRun({ seed: 8, days: 90, rules: 30, files: 3, run: 'before', startedMs: 1_714_000_000_000 })
  const deletions = [
    { set: 'monthly.files.sales', period: '2024-03', rows: 1234, outcome: 'deleted' as const, message: undefined },
  ]
  const several = { ...makeCheckRun({ seed: 3, days: 90, rules: 30, files: 3 }), deletions }
  const context = { before, trend: [trendPoint(before)], comparison: compareRuns(before, several) }
  const { page } = await open(htmlReport(several, context))
  expect(await page.locator('#trends rect').count()).toBe(6)
  expect(await page.locator('#comparison .change').count()).toBeGreaterThan(0)
  expect(await page.locator('#audit').textContent()).toContain('2024-03deleted1,234')
  await page.locator('#files button', { hasText: 'sales_2024-01-31' }).click()
  expect(new Set(await page.locator('#finding-list .where').allTextContents())).toEqual(
    new Set(['data/sales_2024-01-31.tsv.gz']),
  )
})

/** Everywhere that a file, a rule or a name of one can put text. */
function hostileRun(): CheckRun {
  const made = makeCheckRun({ days: 30, rules: 8, failing: 1, cell: HOSTILE })
  const files = made.files.map((file) => ({
    ...file,
    file: `data/${HOSTILE}.tsv`,
    reasons: [HOSTILE],
    checks: file.checks.map((check) => ({
      ...check,
      title: `samples ${HOSTILE}`,
      message: HOSTILE,
      sql: HOSTILE,
      why: HOSTILE,
      fix: HOSTILE,
    })),
  }))
  return { ...made, files, user: HOSTILE, host: HOSTILE, command: HOSTILE, calendar: [HOSTILE] }
}
