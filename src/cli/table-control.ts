/** Commands that ask something of a sync, running or not: `backfill`, `table pause · resume · resync · add`. */
import type { ControlCommand, ControlledTable, ControlReport, ControlWait } from '../core/application.ts'
import type { WrittenRange } from '../core/control-request.ts'
import { counted } from '../core/quantity.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { EXIT } from './exit-code.ts'
import { printable } from './terminal-text.ts'

export interface WaitOptions {
  readonly wait: boolean
  /** Milliseconds. */
  readonly timeout?: number
}

export interface ControlOptions extends WaitOptions {
  readonly source?: string
}

export interface BackfillOptions extends ControlOptions {
  readonly table: readonly string[]
  readonly column?: string
  readonly from?: string
  readonly to?: string
}

export function backfill(context: CommandContext, options: BackfillOptions): Promise<CommandEnd> {
  const { column, from, to } = options
  const range: WrittenRange = {
    ...(column === undefined ? {} : { column }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
  const isWhole = Object.keys(range).length === 0
  return control(context, options.table, options, { kind: 'backfill', ...(isWhole ? {} : { range }) })
}

export async function control(
  context: CommandContext,
  tables: readonly string[],
  options: ControlOptions,
  action: ControlCommand['action'],
): Promise<CommandEnd> {
  const command = { action, source: options.source, tables, wait: waitOf(options) }
  const application = await context.open()
  return conclude(context, await application.control(command, (table) => tell(context, table), context.signal), options)
}

export async function addTables(
  context: CommandContext,
  tables: readonly string[],
  options: ControlOptions,
): Promise<CommandEnd> {
  const { output } = context
  const application = await context.open()
  const { file } = application.summary()
  const command = { source: options.source, tables, wait: waitOf(options) }
  const report = await application.addTables(command, (table) => tell(context, table), context.signal)
  for (const table of report.added) {
    output.event({ event: 'added', source: table.source, table: tableName(table), file })
    output.answer(`${output.colors.green('✓')} ${printable(tableName(table))}: added to ${printable(file)}`)
  }
  return conclude(context, report, options)
}

function waitOf({ wait, timeout }: WaitOptions): ControlWait {
  return { until: wait ? 'done' : 'taken', timeoutMs: timeout }
}

function tell({ output }: CommandContext, { table, answer }: ControlledTable): void {
  if (answer === undefined) return
  const { outcome, message } = answer
  output.event({ event: 'answer', source: table.source, table: tableName(table), outcome, message })
  const { green, red, yellow } = output.colors
  const mark = { accepted: yellow('…'), done: green('✓'), refused: red('✗') }[outcome]
  const said = outcome === 'refused' ? `refused: ${message ?? ''}` : (message ?? outcome)
  output.answer(`${mark} ${printable(tableName(table))}: ${printable(said)}`)
}

function conclude(
  { output, program }: CommandContext,
  { running, tables }: ControlReport,
  options: WaitOptions,
): CommandEnd {
  const of = (outcome: string) => tables.filter(({ answer }) => answer?.outcome === outcome).length
  const counts = { accepted: of('accepted'), done: of('done'), refused: of('refused') }
  const untaken = tables.length - counts.accepted - counts.done - counts.refused
  const fields = { running, ...counts, untaken }
  if (untaken > 0) {
    const requests = `${counted(untaken, 'request')} noted`
    const what = running
      ? 'the sync has not come to it yet (`status` shows what waits)'
      : `no sync runs; the next one takes it up: ${program} sync`
    output.answer(`${output.colors.yellow('…')} ${requests}: ${what}`)
  }
  const isUnfinished = options.wait && running && counts.accepted + untaken > 0
  if (isUnfinished)
    output.answer('Not finished when the time was up, or the sync ended; it goes on with what was asked.')
  if (counts.refused > 0 || isUnfinished) return { outcome: 'partial', exitCode: EXIT.partial, fields }
  return done(fields)
}
