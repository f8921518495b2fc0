import type { CheckResult, CheckRun, LoadResult } from '../core/file-check.ts'
import type { BadRowsFormat, FileProgressListener, OnBadRows } from '../core/file-commands.ts'
import type { ProgressEvent, ProgressListener } from '../core/progress.ts'
import { counted, duration } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { showFiles } from './display/show-files.ts'
import { EXIT } from './exit-code.ts'
import { printSets, widthOf } from './file-verdict.ts'
import { sendWaiting } from './send-waiting.ts'
import { printable, wrap } from './terminal-text.ts'

export interface LoadOptions {
  readonly again: boolean
  readonly onBadRows: OnBadRows
  readonly badRowsFormat?: BadRowsFormat
  readonly checksum: boolean
  readonly memory?: number
}

const MARKS: Readonly<Record<LoadResult['outcome'], string>> = {
  loaded: '✓',
  already_loaded: '·',
  refused: '✗',
  failed: '✗',
}

/** A mark and a space. */
const INDENT = 2

export async function fileLoad(
  context: CommandContext,
  paths: readonly string[],
  { again, onBadRows, badRowsFormat, checksum, memory }: LoadOptions,
): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const loading = application.fileLoading()
  // Not the command line as it is: a result is kept, and --set may carry a secret.
  const words = [...(again ? ['--again'] : []), ...(onBadRows === 'quarantine' ? ['--on-bad-rows quarantine'] : [])]
  const command = ['files load', ...paths, ...words].join(' ')
  const request = { paths, again, onBadRows, badRowsFormat, checksum, memoryBytes: memory, command }
  const { PlainLines } = await import('./display/plain-lines.ts')
  const lines = new PlainLines((line) => output.note(line))
  let run: CheckRun
  {
    // Gone before anything else is printed: an error, or what the sync tells.
    let shown = showFiles(context)
    using _ = { [Symbol.dispose]: () => shown[Symbol.dispose]() }
    const load: FileProgressListener = (event) => {
      if (event.event === 'files') {
        shown[Symbol.dispose]()
        shown = showFiles(context, 'Loading')
      }
      shown.listener(event)
    }
    const sync: ProgressListener = (event) => {
      output.event({ ...event })
      if (!shown.isLive) return isAboutBeginning(event) ? undefined : lines.apply(event)
      const message = noticeOf(event)
      if (message !== undefined) shown.listener({ event: 'notice', atMs: event.atMs, message })
    }
    run = await loading.load(request, { check: (event) => shown.listener(event), load, sync }, signal)
  }
  lines.end(Date.now())
  printSets(context, run)
  for (const load of run.loads) tell(context, load)
  for (const { file, checks } of run.files) tellLoaded(context, file, checks.filter(isWrongThere))
  await sendWaiting(context, application.fileReports())
  return ended(context, run)
}

/** Every file set begins with a snapshot without rows, of which nobody wants to hear. */
function isAboutBeginning(event: ProgressEvent): boolean {
  return event.event === 'snapshot' || (event.event === 'state' && /^(snapshotting|catching_up)$/.test(event.state))
}

/** Rows are there and are not what they should be: no load takes them out again. */
function isWrongThere({ id, outcome, severity }: CheckResult): boolean {
  return id.startsWith('loaded.') && outcome === 'fail' && severity !== 'INFO'
}

function tellLoaded({ output }: CommandContext, file: string, failed: readonly CheckResult[]): void {
  const { colors } = output
  for (const { severity, message, fix } of failed) {
    const mark = severity === 'CRITICAL' ? colors.red('✗') : colors.yellow('!')
    output.answer(`${mark} ${printable(file)}, in the table: ${printable(message)}`)
    if (fix !== undefined) output.answer(`  ${colors.green('fix:')} ${printable(fix)}`)
  }
}

/** What is to be seen beside the files on their way. */
function noticeOf(event: ProgressEvent): string | undefined {
  if (event.event === 'retry') return `trying again in ${duration(event.delayMs)}: ${event.message}`
  return event.event === 'error' || event.event === 'notice' ? event.message : undefined
}

function tell(context: CommandContext, { file, outcome, rows, message }: LoadResult): void {
  const { output } = context
  const { colors } = output
  const isBad = outcome === 'refused' || outcome === 'failed'
  const mark = isBad ? colors.red(MARKS[outcome]) : outcome === 'loaded' ? colors.green(MARKS.loaded) : MARKS[outcome]
  const words = {
    loaded: counted(rows, 'row'),
    already_loaded: 'loaded before',
    refused: 'not loaded',
    failed: 'failed',
  }
  output.event({ event: 'load', file, outcome, rows, message })
  const text = `${file}: ${words[outcome]}${message === undefined ? '' : `: ${message}`}`
  for (const [index, line] of wrap(printable(text), widthOf(context) - INDENT).entries()) {
    output.answer(`${index === 0 ? mark : ' '} ${line}`)
  }
}

function ended({ output, program, signal }: CommandContext, { run, loads, files }: CheckRun): CommandEnd {
  const of = (outcome: LoadResult['outcome']) => loads.filter((load) => load.outcome === outcome)
  const rows = of('loaded').reduce((sum, load) => sum + load.rows, 0)
  const bad = of('refused').length + of('failed').length
  const fields = { run, loaded: of('loaded').length, refused: of('refused').length, failed: of('failed').length, rows }
  const report = bad === 0 ? '' : `; a report of it: ${program} files report`
  output.note(`${counted(of('loaded').length, 'file')} loaded, ${counted(rows, 'row')}; result ${run}${report}`)
  if (signal.aborted) return { outcome: 'interrupted', exitCode: EXIT.interrupted, fields }
  if (bad > 0) return { outcome: 'partial', exitCode: EXIT.partial, fields }
  const isWrong = files.some(({ checks }) =>
    checks.some((check) => isWrongThere(check) && check.severity === 'CRITICAL'),
  )
  return isWrong ? { outcome: 'different', exitCode: EXIT.different, fields } : done(fields)
}
