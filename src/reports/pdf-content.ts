/** What stands in the PDF: the executive summary, the calendar, the findings, the facts for the audit. */
import type { Content, Style, TableCell } from 'pdfmake/interfaces.js'
import type { CheckResult, CheckRun } from '../core/file-check.ts'
import { bytes, count, counted, duration } from '../core/quantity.ts'
import { CALENDAR_WIDTH, calendarSvg, setDays } from './calendar-svg.ts'
import { visibleText } from './escape-html.ts'
import { timeText } from './figures.ts'
import { SEVERITY_COLORS, VERDICT_COLORS } from './report-colors.ts'
import { checksOf, compareChecks, difference, markedDays, type ReportSummary } from './summary.ts'

/** More pages than anybody reads; the HTML report has all. */
const FINDINGS_MAX = 200
const FILES_MAX = 100
const MARKS_MAX = 100
const TEXT_MAX = 600
const PAGE_WIDTH = 515

export const STYLES: Readonly<Record<string, Style>> = {
  title: { fontSize: 20, bold: true },
  heading: { fontSize: 13, bold: true, margin: [0, 16, 0, 6] },
  soft: { color: '#5b6878' },
  head: { color: '#5b6878', fontSize: 8, bold: true },
  figure: { fontSize: 18, bold: true },
}

export function pdfContent(run: CheckRun, summary: ReportSummary): Content[] {
  return [
    {
      columns: [
        { text: 'SimplyLoad: file report', bold: true },
        { text: timeText(run.startedMs), alignment: 'right', style: 'soft' },
      ],
    },
    banner(summary),
    counters(summary),
    ...(run.files.length > 0 ? [coverage(summary)] : []),
    ...calendars(run),
    ...marks(run),
    ...findings(run),
    ...(run.files.length > 0 ? files(run) : []),
    ...audit(run),
  ]
}

function banner({ verdict, headline, sentences }: ReportSummary): Content {
  const [paper, ink] = VERDICT_COLORS[verdict]
  const lines = sentences.map((sentence): Content => ({ text: plain(sentence), margin: [0, 3, 0, 0] }))
  return {
    margin: [0, 8, 0, 12],
    table: {
      widths: [4, '*'],
      body: [
        [
          { text: '', fillColor: ink },
          {
            stack: [{ text: headline, style: 'title', color: ink }, ...lines],
            fillColor: paper,
            margin: [10, 8, 10, 10],
          },
        ],
      ],
    },
    layout: 'noBorders',
  }
}

function counters({ counters: severities }: ReportSummary): Content {
  const tiles = severities.map(({ severity, failed, failedBefore }) => ({
    stack: [
      { text: count(failed), style: 'figure', ...(failed > 0 && { color: SEVERITY_COLORS[severity] }) },
      { text: `${severity} failed` },
      { text: difference(failed, failedBefore), style: 'soft', fontSize: 8 },
    ],
  }))
  const sum = (of: 'notEvaluated' | 'passed'): number => severities.reduce((total, counter) => total + counter[of], 0)
  const others = [
    { stack: [{ text: count(sum('notEvaluated')), style: 'figure' }, { text: 'not evaluated' }] },
    { stack: [{ text: count(sum('passed')), style: 'figure' }, { text: 'passed' }] },
  ]
  return { columns: [...tiles, ...others] }
}

function coverage({ coverage: sum }: ReportSummary): Content {
  const { records, parsed, rejected, holds, openFiles, bytes: size } = sum
  const sign = records === parsed + rejected ? '=' : '≠'
  return {
    stack: [
      { text: 'Coverage', style: 'heading' },
      {
        text: [
          { text: `${count(records)} ${sign} ${count(parsed)} + ${count(rejected)}`, fontSize: 12, bold: true },
          `   records counted ${holds ? 'are' : 'against'} records read + rejected. `,
          holds
            ? `${bytes(size)} read, to the end of every file.`
            : `${counted(openFiles, 'file')} not read completely.`,
        ],
      },
    ],
    unbreakable: true,
  }
}

function calendars(run: CheckRun): Content[] {
  return [...new Set(run.files.map(({ set }) => set))].flatMap((set): Content[] => {
    const svg = calendarSvg(setDays(run, set))
    if (svg === undefined) return []
    const width = Math.min(PAGE_WIDTH, CALENDAR_WIDTH)
    return [
      {
        stack: [
          { text: `Calendar of ${plain(set)}`, style: 'heading' },
          { svg, width },
        ],
        unbreakable: true,
      },
    ]
  })
}

function marks(run: CheckRun): Content[] {
  const all = markedDays(run)
  if (all.length === 0) return []
  const rows = all
    .slice(0, MARKS_MAX)
    .map(({ set, day, reason }): TableCell[] => [{ text: day }, { text: plain(reason) }, { text: plain(set) }])
  const left = all.length - rows.length
  return [
    { text: 'Days that are marked as expected', style: 'heading' },
    listing([60, '*', 160], ['Day', 'Why', 'Table'], rows),
    ...(left > 0 ? [{ text: `${counted(left, 'more day')} in the HTML report.`, style: 'soft' }] : []),
  ]
}

function findings(run: CheckRun): Content[] {
  const all = [...checksOf(run)].sort((a, b) => compareChecks(a.check, b.check))
  const open = all.filter(({ check }) => check.outcome !== 'pass')
  const isSeveral = run.files.length > 1
  const rows = open
    .slice(0, FINDINGS_MAX)
    .map(({ check, file, set }): TableCell[] => [
      { text: check.severity, color: SEVERITY_COLORS[check.severity], bold: true, fontSize: 8 },
      { stack: told(check, isSeveral ? (file ?? set) : undefined) },
      { text: check.outcome === 'fail' ? count(check.failed) : 'not evaluated', alignment: 'right' },
      { text: count(check.evaluated), alignment: 'right' },
    ])
  const rest = [
    ...(open.length > rows.length ? [`${count(open.length - rows.length)} more findings are in the HTML report.`] : []),
    `${count(all.length - open.length)} checks passed.`,
  ]
  return [
    { text: 'Findings', style: 'heading' },
    ...(rows.length === 0 ? [] : [listing([54, '*', 52, 46], ['Severity', 'Finding', '!Failed', '!Asked of'], rows)]),
    { text: rest.join(' '), style: 'soft', margin: [0, 6, 0, 0] },
  ]
}

function told(check: CheckResult, where: string | undefined): Content[] {
  return [
    { text: plain(check.title), bold: true },
    { text: plain(check.message) },
    ...(where === undefined ? [] : [{ text: plain(where), style: 'soft', fontSize: 8 }]),
    ...(check.why === undefined ? [] : [{ text: plain(check.why), style: 'soft' }]),
    ...(check.fix === undefined || check.outcome !== 'fail'
      ? []
      : [{ text: `Fix: ${plain(check.fix)}`, style: 'soft' }]),
  ]
}

function files(run: CheckRun): Content[] {
  const rows = run.files
    .slice(0, FILES_MAX)
    .map(({ file, verdict, coverage: of, bytes: size, checksum }): TableCell[] => [
      { text: verdict, color: VERDICT_COLORS[verdict][1], bold: true },
      { stack: [{ text: plain(file) }, { text: checksum ?? 'no checksum', style: 'soft', fontSize: 7 }] },
      { text: count(of.records), alignment: 'right' },
      { text: count(of.rejected), alignment: 'right' },
      { text: bytes(size), alignment: 'right' },
    ])
  const left = run.files.length - rows.length
  return [
    { text: 'Files', style: 'heading' },
    ...(rows.length === 0
      ? []
      : [listing([45, '*', 62, 50, 50], ['Verdict', 'File', '!Records', '!Rejected', '!Size'], rows)]),
    ...(left > 0 ? [{ text: `${counted(left, 'more file')} in the HTML report.`, style: 'soft' }] : []),
  ]
}

function audit(run: CheckRun): Content[] {
  const loads = run.loads
    .slice(0, FILES_MAX)
    .map(({ file, outcome, rows, message }): TableCell[] => [
      { text: plain(file) },
      { text: outcome.replace('_', ' ') },
      { text: count(rows), alignment: 'right' },
      { text: plain(message ?? '') },
    ])
  const deletions = (run.deletions ?? []).map(({ set, period, rows, outcome }): TableCell[] => [
    { text: plain(`${set} ${period}`) },
    { text: outcome },
    { text: count(rows), alignment: 'right' },
    { text: '' },
  ])
  const facts: readonly (readonly [string, string])[] = [
    ['Run', run.run],
    ['Command', run.command],
    ['Who', `${run.user} on ${run.host}`],
    ['When', `${timeText(run.startedMs)}, for ${duration(run.endedMs - run.startedMs)}`],
    ['Tool', `SimplyLoad ${run.toolVersion}`],
    ['Configuration', run.configChecksum],
    ['Calendar', run.calendar.join('; ') || 'none'],
  ]
  return [
    {
      unbreakable: true,
      stack: [
        { text: 'Audit trail', style: 'heading' },
        {
          table: {
            widths: [80, '*'],
            body: facts.map(([term, text]): TableCell[] => [{ text: term, style: 'soft' }, { text: plain(text) }]),
          },
          layout: 'noBorders',
        },
      ],
    },
    ...(loads.length + deletions.length === 0
      ? []
      : [
          { text: '', margin: [0, 4, 0, 0] } satisfies Content,
          listing(['*', 70, 62, '*'], ['What', 'Outcome', '!Rows', 'Message'], [...loads, ...deletions]),
        ]),
  ]
}

/** A title with `!` in front is that of numbers. */
function listing(widths: (number | '*')[], titles: readonly string[], rows: TableCell[][]): Content {
  const head = titles.map((title): TableCell => {
    const isNumber = title.startsWith('!')
    return { text: isNumber ? title.slice(1) : title, style: 'head', alignment: isNumber ? 'right' : 'left' }
  })
  return {
    table: { headerRows: 1, widths, body: [head, ...rows], dontBreakRows: true },
    layout: {
      hLineWidth: (line) => (line === 0 ? 0 : 0.5),
      vLineWidth: () => 0,
      hLineColor: () => '#dfe4ea',
      paddingLeft: () => 0,
      paddingRight: () => 8,
      paddingTop: () => 4,
      paddingBottom: () => 4,
    },
  }
}

function plain(text: string): string {
  const visible = visibleText(text)
  return visible.length > TEXT_MAX ? `${visible.slice(0, TEXT_MAX)}…` : visible
}
