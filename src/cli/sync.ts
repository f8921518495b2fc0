import type { Application, ConfigSummary, SyncRequest } from '../core/application.ts'
import type { ProgressListener, SyncSummary } from '../core/progress.ts'
import { counted, duration } from '../core/quantity.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import type { ShownProgress } from './display/show-live.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { printable } from './terminal-text.ts'

const EXIT_OF: Readonly<Record<SyncSummary['outcome'], ExitCode>> = {
  ok: EXIT.ok,
  partial: EXIT.partial,
  failed: EXIT.partial,
  interrupted: EXIT.interrupted,
}

export async function sync(
  context: CommandContext,
  options: SelectionOptions & { readonly once: boolean },
): Promise<CommandEnd> {
  const application = await context.open()
  const fixes = new Map<string, string>()
  const summary = await run(
    context,
    application,
    { ...selection(options), once: options.once, reloads: context.reloads },
    fixes,
  )
  const { tables, outcome, ...counts } = summary
  for (const table of tables) context.output.event({ event: 'table', ...table })
  printEnd(context, summary, fixes)
  return { outcome, exitCode: EXIT_OF[outcome], fields: counts }
}

/** Leaves in `fixes` what to do about each table that failed. */
async function run(
  context: CommandContext,
  application: Application,
  request: SyncRequest,
  fixes: Map<string, string>,
): Promise<SyncSummary> {
  // Gone before anything else is printed, also before an error.
  using progress = await showProgress(context, application.summary())
  const listener: ProgressListener = (event) => {
    if (event.event === 'error' && event.hint !== undefined)
      fixes.set(`${event.source} ${event.table ?? ''}`, event.hint)
    progress.listener(event)
  }
  return await application.sync(request, listener, context.signal)
}

/** JSON lines, a live display, or plain lines: what the reader can use. */
async function showProgress(context: CommandContext, summary: ConfigSummary): Promise<ShownProgress> {
  const { output, stdout, stderr } = context
  if (output.json) return { listener: (event) => output.event({ ...event }), [Symbol.dispose]: () => undefined }
  for (const warning of summary.warnings) output.note(`${output.noteColors.yellow('warning:')} ${printable(warning)}`)
  const isTerminal = stdout.isTTY === true && stderr.isTTY === true && context.environment.TERM !== 'dumb'
  if (isTerminal && context.options.logLevel === undefined) {
    const { showLive } = await import('./display/show-live.ts')
    return showLive(context, summary, process.stderr)
  }
  const { PlainLines } = await import('./display/plain-lines.ts')
  const lines = new PlainLines((line) => output.note(line))
  const listener: ProgressListener = (event) => {
    // Where it runs as a job, its keeper hears them.
    output.event({ ...event })
    lines.apply(event)
  }
  return { listener, [Symbol.dispose]: () => lines.end(Date.now()) }
}

function printEnd({ output, signal }: CommandContext, summary: SyncSummary, fixes: ReadonlyMap<string, string>): void {
  const { noteColors: colors } = output
  for (const { source, table, state, error } of summary.tables) {
    if (error === undefined) continue
    output.note(`${colors.red('✗')} ${printable(`${source} ${table}`)}: ${state}: ${printable(error)}`)
    const fix = fixes.get(`${source} ${table}`)
    if (fix !== undefined) output.note(`  ${colors.green('fix:')} ${printable(fix)}`)
  }
  const { outcome, rowsSnapshot, changesMerged, quarantined, durationMs } = summary
  const mark = outcome === 'ok' ? colors.green('✓') : outcome === 'interrupted' ? colors.yellow('■') : colors.red('✗')
  const words = {
    ok: signal.aborted ? 'Stopped' : 'Done',
    partial: 'Done, but some tables failed',
    failed: 'Failed',
    interrupted: 'Stopped',
  }[outcome]
  const facts = [`${counted(rowsSnapshot, 'row')} copied`, `${counted(changesMerged, 'change')} merged`]
  if (quarantined > 0) facts.push(`values of ${counted(quarantined, 'row')} in quarantine (simplyload quarantine list)`)
  output.note(`${mark} ${words}: ${facts.join(', ')}, in ${duration(durationMs)}.`)
}
