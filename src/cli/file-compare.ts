import type { FindingChange, FindingState, RunComparison } from '../core/file-report.ts'
import { count, counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

/** A terminal is no report; the JSON lines and the HTML report have all of them. */
const LINES_MAX = 100

export async function fileCompare(
  context: CommandContext,
  older: string,
  newer: string,
  options: { readonly html?: string },
): Promise<CommandEnd> {
  const { output, signal } = context
  const comparison = await (await context.open()).fileReports().compare(older, newer, options.html, signal)
  for (const file of comparison.files) output.event({ event: 'file', ...file })
  for (const finding of comparison.findings) output.event({ event: 'finding', ...finding })
  for (const day of comparison.days) output.event({ event: 'day', ...day })
  tellFiles(context, comparison)
  tellFindings(context, comparison)
  tellDays(context, comparison)
  if (comparison.configChanged) output.note('The two runs were made with configurations that differ.')
  const number = (change: FindingChange['change']) => comparison.findings.filter((one) => one.change === change).length
  const counts = {
    appeared: number('appeared'),
    gone: number('gone'),
    changed: number('changed'),
    notAsked: number('not_asked'),
  }
  const unasked =
    counts.notAsked === 0 ? '' : ` ${counted(counts.notAsked, 'question')} of the older run not asked in the newer one.`
  output.note(
    `${counted(counts.appeared, 'finding')} appeared, ${count(counts.gone)} gone, ${count(counts.changed)} changed.${unasked}`,
  )
  return done({ older: comparison.older.run, newer: comparison.newer.run, ...counts })
}

/** A file that one of two runs did not check may be there all the same. */
const FILE_CHANGES = {
  appeared: 'not checked before',
  gone: 'not checked now',
  changed: 'changed',
  same: 'same',
} as const

function tellFiles({ output }: CommandContext, { files }: RunComparison): void {
  const records = (side: { readonly records: number } | undefined) => (side === undefined ? '' : count(side.records))
  output.table(
    [
      { title: 'FILE', flexible: true },
      { title: 'CHANGE' },
      { title: 'AGAINST', flexible: true },
      { title: 'RECORDS BEFORE', align: 'right' },
      { title: 'NOW', align: 'right' },
      { title: 'VERDICT BEFORE' },
      { title: 'NOW' },
    ],
    files.map(({ file, change, against, older, newer }) => [
      file,
      FILE_CHANGES[change],
      against ?? '',
      records(older),
      records(newer),
      older?.verdict ?? '',
      newer?.verdict ?? '',
    ]),
  )
}

function tellFindings({ output }: CommandContext, { findings }: RunComparison): void {
  if (findings.length === 0) return
  const shown = findings.slice(0, LINES_MAX)
  output.answer()
  output.table(
    [
      { title: 'CHANGE' },
      { title: 'SEVERITY' },
      { title: 'CHECK', flexible: true },
      { title: 'FILE', flexible: true },
      { title: 'BEFORE', align: 'right' },
      { title: 'NOW', align: 'right' },
    ],
    shown.map(({ change, severity, id, file, set, older, newer }) => [
      change.replace('_', ' '),
      severity,
      id,
      file ?? `${set}, all files`,
      stateText(older),
      stateText(newer),
    ]),
  )
  if (findings.length > shown.length)
    output.note(`${count(findings.length - shown.length)} more with --json or --html.`)
}

function tellDays({ output }: CommandContext, { days }: RunComparison): void {
  if (days.length === 0) return
  const shown = days.slice(0, LINES_MAX)
  output.answer()
  output.table(
    [
      { title: 'DAY' },
      { title: 'BEFORE' },
      { title: 'NOW' },
      { title: 'ROWS BEFORE', align: 'right' },
      { title: 'NOW', align: 'right' },
    ],
    shown.map(({ day, older, newer }) => [
      day,
      older?.status ?? '',
      newer?.status ?? '',
      older === undefined ? '' : count(older.rows),
      newer === undefined ? '' : count(newer.rows),
    ]),
  )
  if (days.length > shown.length)
    output.note(`${counted(days.length - shown.length, 'more day')} with --json or --html.`)
}

function stateText(state: FindingState | undefined): string {
  if (state === undefined) return 'not asked'
  return state.outcome === 'fail' ? counted(state.failed, 'failed', 'failed') : state.outcome.replace('_', ' ')
}
