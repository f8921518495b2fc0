import { spawn } from 'node:child_process'
import type { ReportOutcome, SendOutcome } from '../core/file-report.ts'
import { bytes, counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { EXIT } from './exit-code.ts'

export interface ReportOptions {
  readonly html?: string
  readonly pdf?: string
  readonly email: boolean
  readonly open: boolean
  readonly sendPending: boolean
}

export async function fileReport(context: CommandContext, name: string, options: ReportOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const reports = (await context.open()).fileReports()
  if (options.sendPending) {
    const sends = await reports.sendPending(signal)
    if (sends.length === 0) output.note('No report waits to be sent.')
    return ended(context, sends, {})
  }
  // A report that goes nowhere would be none.
  const isNowhere = options.html === undefined && options.pdf === undefined && !options.email
  const html = options.html ?? (isNowhere || options.open ? `report-${name}.html` : undefined)
  const outcome = await reports.report({ run: name, html, pdf: options.pdf, email: options.email }, signal)
  tell(context, outcome)
  const [page] = outcome.written
  if (options.open && html !== undefined && page !== undefined) show(page.path)
  return ended(context, outcome.sends, { run: outcome.run, verdict: outcome.verdict })
}

function tell({ output }: CommandContext, { run, headline, sentences, verdict, written }: ReportOutcome): void {
  const colored = { pass: output.colors.green, warning: output.colors.yellow, fail: output.colors.red }[verdict]
  output.answer(`${colored(headline)} (${run})`)
  for (const sentence of sentences) output.answer(`  ${sentence}`)
  for (const file of written) {
    output.event({ event: 'written', ...file })
    output.answer(`${file.path}  ${bytes(file.bytes)}`)
  }
}

function ended(
  { output }: CommandContext,
  sends: readonly SendOutcome[],
  fields: Readonly<Record<string, unknown>>,
): CommandEnd {
  for (const send of sends) output.event({ event: 'send', ...send })
  const sent = sends.filter((send) => send.sent).length
  if (sent > 0) output.note(`${counted(sent, 'report')} sent.`)
  const [unsent] = sends.filter((send) => !send.sent)
  if (unsent === undefined) return done({ ...fields, sent })
  output.alert([
    `Not sent: the report of ${unsent.run}. ${unsent.problem ?? ''}`,
    'It waits beside the result, and goes with the next one: simplyload files report --send-pending',
  ])
  return { outcome: 'failed', exitCode: EXIT.destination, fields: { ...fields, sent } }
}

/** By whatever this machine opens pages with. That it has nothing is no failure: the path was told. */
function show(path: string): void {
  const [program, ...before] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer'] : ['xdg-open']
  if (program === undefined) return
  const child = spawn(program, [...before, path], { detached: true, stdio: 'ignore' })
  child.on('error', () => {})
  child.unref()
}
