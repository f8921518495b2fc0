import { PipelineError } from '../core/errors.ts'
import { counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { ask } from './confirmation.ts'
import { EXIT } from './exit-code.ts'
import { printable } from './terminal-text.ts'

export interface DeleteOptions {
  readonly period: string
  readonly table?: readonly string[]
  readonly source?: string
  readonly yes: boolean
}

export async function fileDelete(context: CommandContext, options: DeleteOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const { period, table: tables = [], source, yes } = options
  const loading = (await context.open()).fileLoading()
  const selection = { period, tables, source }
  const counted_ = await loading.countPeriod(selection, signal)
  for (const each of counted_) {
    const { set, target, firstDay, lastDay, rows } = each
    output.event({ event: 'count', ...each })
    output.note(`${printable(set)}: ${counted(rows, 'row')} from ${firstDay} to ${lastDay} in ${printable(target)}`)
  }
  const rows = counted_.reduce((sum, each) => sum + each.rows, 0)
  if (rows === 0) {
    output.note('There is nothing to delete.')
    return done({ rows: 0 })
  }
  if (!yes && !(await isConfirmed(context, period, rows))) {
    output.note('Nothing was deleted.')
    return { outcome: 'interrupted', exitCode: EXIT.interrupted, fields: { rows: 0 } }
  }
  // Not the command line as it is: a result is kept, and --set may carry a secret.
  const command = ['files delete --period', period, ...tables.flatMap((table) => ['--table', table])].join(' ')
  const run = await loading.deletePeriod(selection, command, (event) => output.event({ ...event }), signal)
  let failed = 0
  for (const deletion of run.deletions ?? []) {
    output.event({ event: 'deletion', ...deletion })
    const { set, message, outcome } = deletion
    if (outcome === 'failed') failed++
    const words = outcome === 'deleted' ? `${counted(deletion.rows, 'row')} deleted` : `not deleted: ${message ?? ''}`
    const mark = outcome === 'deleted' ? output.colors.green('✓') : output.colors.red('✗')
    output.answer(`${mark} ${printable(set)}: ${printable(words)}`)
  }
  const deleted = (run.deletions ?? []).reduce((sum, each) => sum + each.rows, 0)
  const fields = { run: run.run, rows: deleted }
  return failed === 0 ? done(fields) : { outcome: 'partial', exitCode: EXIT.partial, fields }
}

async function isConfirmed(context: CommandContext, period: string, rows: number): Promise<boolean> {
  if (context.stdin.isTTY !== true) {
    throw new PipelineError('config_invalid', `Deleting ${period}`, {
      cause: new Error('nobody is there to be asked'),
      hint: 'Add --yes',
    })
  }
  const answer = await ask(context, `Delete ${counted(rows, 'row')} of ${period}? Write the period to confirm: `)
  return answer === period
}
