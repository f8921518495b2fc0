import type { DemoEvent, RunDemo } from '../core/demo.ts'
import { counted, duration } from '../core/quantity.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT } from './exit-code.ts'
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
  output.answer(`  ${context.program} query --config ${configFile} "FROM shop_public.orders LIMIT 5"`)
  output.answer(`  duckdb ${warehouse}`)
  return {
    outcome: verified ? 'ok' : 'different',
    exitCode: verified ? EXIT.ok : EXIT.different,
    fields: { ...report },
  }
}

const ERASE_LINE = '\r\x1b[K'

function tell({ output, stdout }: CommandContext, event: DemoEvent): void {
  const { colors } = output
  // A terminal sees what is going on; a pipe gets what was done.
  const isTerminal = stdout.isTTY === true && !output.json
  switch (event.event) {
    case 'begin':
      if (isTerminal) stdout.write(colors.dim(`  ${event.message} …`))
      return
    case 'done':
      if (isTerminal) stdout.write(ERASE_LINE)
      output.answer(`${colors.green('✓')} ${event.message} ${colors.dim(`(${duration(event.durationMs)})`)}`)
      if (event.step === 'snapshot') {
        output.answer()
        output.answer('Now the shop changes, and each change is looked for in warehouse.duckdb:')
      }
      return
    case 'arrival': {
      const name = event.change + ' '.repeat(Math.max(0, CHANGE_WIDTH - displayWidth(event.change)))
      const latency = duration(event.latencyMs).padStart(7)
      output.answer(`  ${colors.green('✓')} ${colors.bold(name)} ${latency}  ${printable(event.seen)}`)
      output.answer(colors.dim(`      ${printable(event.sql)}`))
    }
  }
}
