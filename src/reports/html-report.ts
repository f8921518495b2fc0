/**
 * The report as one HTML file, which needs no network and may use none: its policy allows this one script and this one
 * style, by their checksums. What files hold is only in the packed data, and the script makes text of it, never elements.
 */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { CheckRun } from '../core/file-check.ts'
import { escapeHtml } from './escape-html.ts'
import { timeText } from './figures.ts'
import { pageSource } from './page-source.ts'
import { type ReportBudget, type ReportContext, type ReportData, reportData } from './report-data.ts'
import type { ReportSummary } from './summary.ts'

export const HTML_BYTES_MAX = 5_000_000

/** Tried in turn until the page is small enough. */
const BUDGETS: readonly ReportBudget[] = [
  { perCheck: 10, valueLength: 500, checks: 5000, rulesPerDay: 5000, sqlLength: 100_000 },
  { perCheck: 5, valueLength: 200, checks: 1000, rulesPerDay: 1000, sqlLength: 20_000 },
  { perCheck: 2, valueLength: 100, checks: 200, rulesPerDay: 1000, sqlLength: 4000 },
  { perCheck: 1, valueLength: 60, checks: 50, rulesPerDay: 200, sqlLength: 400 },
  { perCheck: 1, valueLength: 40, checks: 5, rulesPerDay: 20, sqlLength: 100 },
  { perCheck: 0, valueLength: 0, checks: 0, rulesPerDay: 3, sqlLength: 0 },
]

const SIGNS = { pass: '✓', warning: '!', fail: '✕' } as const

/** At most `bytesMax` long, as far as leaving things out helps; what was left out is said in it. */
export function htmlReport(run: CheckRun, context: ReportContext = {}, bytesMax = HTML_BYTES_MAX): string {
  let page = ''
  for (const budget of BUDGETS) {
    page = htmlPage(reportData(run, context, budget))
    if (Buffer.byteLength(page) <= bytesMax) break
  }
  return page
}

function htmlPage(data: ReportData): string {
  const { script, style } = pageSource()
  const policy = [
    "default-src 'none'",
    `script-src ${checksum(script)}`,
    `style-src ${checksum(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const packed = gzipSync(JSON.stringify(data), { level: 7 }).toString('base64')
  const { run, summary } = data
  const title = `${summary.headline}: ${run.run}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#report">To the report</a>
<header>
<div class="top"><b>SimplyLoad</b> <span>${escapeHtml(run.command)}</span> <span>${timeText(run.startedMs)}</span>
<span class="actions"><button type="button" id="theme">Light or dark</button><button type="button" id="print">Print</button></span></div>
${banner(summary)}
</header>
<nav aria-label="Sections"></nav>
<main id="report" aria-busy="true"><noscript><p class="hint">The rest of this page is drawn by a script, which is switched off here.</p></noscript></main>
<footer>Made by SimplyLoad ${escapeHtml(run.toolVersion)} from run ${escapeHtml(run.run)}. This page uses no network.</footer>
<script type="text/plain" id="data">${packed}</script>
<script>${script}</script>
</body>
</html>
`
}

function banner({ verdict, headline, sentences }: ReportSummary): string {
  const items = sentences.map((sentence) => `<li><bdi>${escapeHtml(sentence)}</bdi></li>`).join('')
  return `<div class="banner ${verdict}" role="status"><div class="sign" aria-hidden="true"><span>${SIGNS[verdict]}</span></div><h1>${headline}</h1><ul>${items}</ul></div>`
}

/** As a policy names a script or style that stands in the page. */
function checksum(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
