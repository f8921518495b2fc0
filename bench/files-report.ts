/**
 * The HTML report of a run with 1,000 rules and 400 days, in a real browser: from opening the file until a click on a day has
 * shown its rules. The limit is an empty page of the same browser, opened from a file as well.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { storedText } from '../src/quality/checks/stored-result.ts'
import { htmlReport } from '../src/reports/html-report.ts'
import { browserPath, NO_BROWSER, startBrowser } from '../test/support/browser.ts'
import { makeLargeCheckRun } from '../test/support/check-runs.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { peakRssMiB } from './support/peak-memory.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROUNDS = 11
const BYTES_MAX = 5_000_000
const MS_MAX = 1000
const EMPTY = '<!doctype html><html data-ready="0"><title>empty</title><button>day</button></html>'

export const filesReport: Benchmark = {
  name: 'files-report',
  summary: 'HTML report of 1,000 rules × 400 days until a day was chosen, against an empty page',
  run: measureReport,
}

async function measureReport(options: BenchOptions): Promise<BenchReport> {
  const executable = browserPath()
  if (executable === undefined) throw new Error(NO_BROWSER)
  await using folder = await makeWorkFolder()
  const run = makeLargeCheckRun()
  const started = performance.now()
  const html = htmlReport(run)
  const makingMs = Math.round(performance.now() - started)
  const rssMiB = Math.round(peakRssMiB())
  const bytes = Buffer.byteLength(html)
  options.say(`report: ${bytes} bytes, made in ${makingMs} ms`)
  const write = async (name: string, content: string): Promise<string> => {
    const path = join(folder.path, name)
    await writeFile(path, content)
    return pathToFileURL(path).href
  }
  const [report, empty] = [await write('report.html', html), await write('empty.html', EMPTY)]
  const browser = await startBrowser(executable)
  try {
    const timed = async (address: string, button: string): Promise<number> => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      try {
        await page.goto(address, { waitUntil: 'commit' })
        await page.waitForSelector('html[data-ready]', { state: 'attached' })
        // In the page, so that the way of the command to it is not counted; two frames later the answer is to be seen.
        return await page.evaluate(
          `new Promise((resolve) => {
            document.querySelector('${button}').click()
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
          })`,
        )
      } finally {
        await page.close()
      }
    }
    const measure = () => timed(report, '#calendar button.cell[data-day="2023-06-14"]')
    await measure()
    const rounds = await inTurn(options.rounds ?? ROUNDS, () => timed(empty, 'button'), measure)
    const { pairs, ...figures } = describeRounds(rounds, 1)
    return {
      ...figures,
      unit: 'ms',
      rssMiB,
      goal: `at most ${BYTES_MAX / 1e6} MB and ${MS_MAX} ms`,
      met: bytes <= BYTES_MAX && figures.measured <= MS_MAX,
      details: {
        limit: 'an empty page of the same browser, from opening it until a click on its button was painted',
        measured: 'the report, from opening it until a click on a day was painted with its rules',
        bytes,
        resultBytes: Buffer.byteLength(storedText(run)),
        makingMs,
        browser: browser.version(),
        pairs,
      },
    }
  } finally {
    await browser.close()
  }
}
