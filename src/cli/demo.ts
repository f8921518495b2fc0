import type { DemoEvent, RunDemo } from '../core/demo.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT } from './exit-code.ts'
import { counted, duration } from './quantity.ts'
import { displayWidth, printable } from './terminal-text.ts'

const CHANGE_WIDTH = 22

export async function demo(
  context: CommandContext,
  options: { readonly folder: string },
  runDemo: RunDemo,
): Promise<CommandEnd> {
  const { output } = context
  const { colors } = output
  const report = await runDemo({ folder: options.folder, signal: context.signal }, (event) => {
    output.event({ ...event })
    tell(context, event)
  })
  const { verified, warehouse, configFile } = report
  output.answer()
  output.answer(
    verified
      ? colors.green(`✓ Verified: ${counted(report.rowsCompared, 'row')} on both sides, every one the same.`)
      : colors.red('✗ Source and destination differ.'),
  )
  const arrival = `median ${duration(report.latencyMsMedian)}, longest ${duration(report.latencyMsMax)}`
  output.answer(
    `  ${counted(report.rowsSnapshot, 'row')} copied, ${counted(report.changes, 'change')} followed (${arrival}), in ${duration(report.durationMs)}.`,
  )
  output.answer()
  output.answer(`The tables stay in ${colors.bold(warehouse)}. Look at them:`)
  output.answer(`  npx simplyload query --config ${configFile} "FROM shop_public.orders LIMIT 5"`)
  output.answer(`  duckdb ${warehouse}`)
  return {
    outcome: verified ? 'ok' : 'different',
    exitCode: verified ? EXIT.ok : EXIT.different,
    fields: { ...report },
  }
}

function tell({ output }: CommandContext, event: DemoEvent): void {
  const { colors } = output
  if (event.event === 'step') {
    const took = event.durationMs === undefined ? '' : colors.dim(` (${duration(event.durationMs)})`)
    output.answer(`${event.durationMs === undefined ? colors.cyan('›') : colors.green('✓')} ${event.message}${took}`)
    return
  }
  const name = event.change + ' '.repeat(Math.max(0, CHANGE_WIDTH - displayWidth(event.change)))
  output.answer(
    `  ${colors.green('✓')} ${colors.bold(name)} ${duration(event.latencyMs).padStart(7)}  ${printable(event.seen)}`,
  )
  output.answer(colors.dim(`      ${printable(event.sql)}`))
}
