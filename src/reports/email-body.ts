/**
 * What an e-mail says: the executive summary, as HTML in tables with styles at each element, which is what programs for
 * e-mail agree on, and as plain text.
 */
import type { CheckRun } from '../core/file-check.ts'
import { bytes, count, counted } from '../core/quantity.ts'
import { escapeHtml, visibleText } from './escape-html.ts'
import { timeText } from './figures.ts'
import { SEVERITY_COLORS, VERDICT_COLORS } from './report-colors.ts'
import { checksOf, compareChecks, difference, type MarkedDay, markedDays, type ReportSummary } from './summary.ts'

/** A summary, not the report. */
const FINDINGS_MAX = 12
const MESSAGE_MAX = 300
const MARKS_MAX = 10
const WIDTH = 640

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
const SOFT = 'color:#5b6878'

/** One line without characters that could be taken for another header. */
export function emailSubject(run: CheckRun, summary: ReportSummary): string {
  const [only, ...others] = run.files
  const what = only === undefined ? run.command : others.length === 0 ? only.file : counted(run.files.length, 'file')
  return visibleText(`${summary.headline}: ${what}`).replace(/\s+/g, ' ').slice(0, 200)
}

/** `pictureId`: the content id of the calendar's picture; undefined where there is none. */
export function emailHtml(run: CheckRun, summary: ReportSummary, pictureId: string | undefined): string {
  const [paper, ink] = VERDICT_COLORS[summary.verdict]
  const sentences = summary.sentences
    .map((sentence) => `<p style="margin:6px 0 0">${escapeHtml(sentence)}</p>`)
    .join('')
  const rows = [
    `<tr><td style="padding:22px 24px;background:${paper};border-left:8px solid ${ink}">
<h1 style="margin:0;font-size:24px;color:${ink}">${summary.headline}</h1>${sentences}</td></tr>`,
    row(counters(summary)),
    ...(run.files.length > 0 ? [row(coverage(summary))] : []),
    ...(pictureId === undefined
      ? []
      : [
          row(
            `<img src="cid:${pictureId}" width="592" alt="Calendar of the days of the data" style="display:block;width:100%;max-width:592px;height:auto;border:0">`,
          ),
        ]),
    row(findings(run)),
    ...marks(run).map((line) => row(`<p style="margin:0;${SOFT}">${escapeHtml(line)}</p>`)),
    row(
      `<p style="margin:0;font-size:12px;${SOFT}">Run ${escapeHtml(run.run)} of ${timeText(run.startedMs)} by ${escapeHtml(run.user)} on ${escapeHtml(run.host)}, SimplyLoad ${escapeHtml(run.toolVersion)}. All findings are in the attached file.</p>`,
    ),
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light"><title>${escapeHtml(emailSubject(run, summary))}</title></head>
<body style="margin:0;padding:0;background:#f5f6f8">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f5f6f8"><tr><td align="center" style="padding:20px 8px">
<table role="presentation" width="${WIDTH}" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff" style="width:100%;max-width:${WIDTH}px;${FONT};font-size:14px;line-height:1.45;color:#16202c">
${rows.join('\n')}
</table>
</td></tr></table>
</body></html>
`
}

function row(content: string): string {
  return `<tr><td style="padding:16px 24px 0">${content}</td></tr>`
}

function counters({ counters: severities }: ReportSummary): string {
  const tile = (value: number, words: string, remark: string, color: string): string =>
    `<td width="20%" valign="top" style="padding:0 6px 8px 0;font-size:12px"><span style="font-size:24px;font-weight:bold;color:${color}">${count(value)}</span><br>${words}<br><span style="font-size:11px;${SOFT}">${remark}</span></td>`
  const sum = (of: 'notEvaluated' | 'passed'): number => severities.reduce((total, counter) => total + counter[of], 0)
  const tiles = [
    ...severities.map(({ severity, failed, failedBefore }) =>
      tile(
        failed,
        `${severity} failed`,
        difference(failed, failedBefore),
        failed > 0 ? SEVERITY_COLORS[severity] : '#16202c',
      ),
    ),
    tile(sum('notEvaluated'), 'not evaluated', sum('notEvaluated') > 0 ? 'not a pass' : '', '#16202c'),
    tile(sum('passed'), 'passed', '', '#1a7146'),
  ]
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>${tiles.join('')}</tr></table>`
}

function coverage({ coverage: sum }: ReportSummary): string {
  const sign = sum.records === sum.parsed + sum.rejected ? '=' : '≠'
  const words = sum.holds ? 'holds' : `does not hold: ${counted(sum.openFiles, 'file')} not read completely`
  return `<p style="margin:0"><b>${count(sum.records)}</b> records counted ${sign} <b>${count(sum.parsed)}</b> read + <b>${count(sum.rejected)}</b> rejected: ${words}. ${bytes(sum.bytes)}.</p>`
}

function findings(run: CheckRun): string {
  const open = openFindings(run)
  if (open.length === 0) return '<p style="margin:0">No check failed.</p>'
  const cell = 'padding:7px 10px 7px 0;border-top:1px solid #dfe4ea'
  const rows = open.slice(0, FINDINGS_MAX).map(
    ({ check, file, set }) =>
      `<tr><td valign="top" style="${cell};font-size:11px;font-weight:bold;color:${SEVERITY_COLORS[check.severity]}">${check.severity}</td>
<td valign="top" style="${cell}"><b>${escapeHtml(check.title)}</b><br>${escapeHtml(check.message.slice(0, MESSAGE_MAX))}${run.files.length > 1 ? `<br><span style="font-size:12px;${SOFT}">${escapeHtml(file ?? set)}</span>` : ''}</td>
<td valign="top" align="right" style="${cell};padding-right:0;white-space:nowrap">${check.outcome === 'fail' ? count(check.failed) : 'not evaluated'}</td></tr>`,
  )
  const left = open.length - rows.length
  const rest = left > 0 ? `<p style="margin:8px 0 0;${SOFT}">${count(left)} more in the attached file.</p>` : ''
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">${rows.join('')}</table>${rest}`
}

/** Days that a person has called expected, with the reason. */
function marks(run: CheckRun): readonly string[] {
  const all = markedDays(run)
  const several = new Set(all.map(({ set }) => set)).size > 1
  const told = ({ set, day, reason }: MarkedDay) =>
    `${several ? `${set} ` : ''}${day} is marked as expected: ${reason.slice(0, MESSAGE_MAX)}`
  const left = all.length - MARKS_MAX
  return [
    ...all.slice(0, MARKS_MAX).map(told),
    ...(left > 0 ? [`${counted(left, 'more day')} marked as expected; the PDF and the HTML report have them.`] : []),
  ]
}

function openFindings(run: CheckRun) {
  return [...checksOf(run)]
    .filter(({ check }) => check.outcome !== 'pass')
    .sort((a, b) => compareChecks(a.check, b.check))
}

export function emailText(run: CheckRun, summary: ReportSummary): string {
  const { records, parsed, rejected } = summary.coverage
  const open = openFindings(run)
  const lines = [
    summary.headline.toUpperCase(),
    ...summary.sentences,
    '',
    ...summary.counters.map(
      ({ severity, failed, failedBefore }) =>
        `${severity}: ${count(failed)} failed, ${difference(failed, failedBefore)}`,
    ),
    ...(run.files.length > 0
      ? [`${count(records)} records counted, ${count(parsed)} read, ${count(rejected)} rejected`]
      : []),
    '',
    ...open
      .slice(0, FINDINGS_MAX)
      .map(
        ({ check, file, set }) =>
          `- ${check.severity} ${file ?? set}: ${check.outcome === 'fail' ? '' : `${check.title}: not evaluated. `}${check.message.slice(0, MESSAGE_MAX)}`,
      ),
    ...(open.length > FINDINGS_MAX ? [`${count(open.length - FINDINGS_MAX)} more in the attached file.`] : []),
    ...marks(run).map((line) => `- ${line}`),
    '',
    `Run ${run.run} of ${timeText(run.startedMs)} by ${run.user} on ${run.host}`,
  ]
  return `${lines.map(visibleText).join('\n')}\n`
}
