import type { CheckpointStatus } from '../core/application.ts'
import { PipelineError } from '../core/errors.ts'
import { counted, duration } from '../core/quantity.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { ask } from './confirmation.ts'
import { EXIT } from './exit-code.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { printable } from './terminal-text.ts'

export async function listCheckpoints({ open, output, signal }: CommandContext): Promise<CommandEnd> {
  const found = await (await open()).checkpoints({ tables: [] }, signal)
  for (const one of found) output.event(checkpointEvent(one))
  output.table(
    [
      { title: 'SOURCE' },
      { title: 'TABLE', flexible: true },
      { title: 'AT' },
      { title: 'POSITION', dispensable: 1 },
      { title: 'MOVES', dispensable: 2 },
    ],
    found.map((one) => [one.table.source, tableName(one.table), one.sourcePosition, one.position, movement(one)]),
  )
  return done({ checkpoints: found.length })
}

export async function showCheckpoint(
  { open, output, signal }: CommandContext,
  table: string,
  options: { readonly source?: string },
): Promise<CommandEnd> {
  const [found] = await (await open()).checkpoints({ source: options.source, tables: [table] }, signal)
  if (found === undefined) {
    throw new PipelineError('not_found', `Finding the checkpoint of ${table}`, {
      cause: 'the destination has none: the table was never copied whole',
      hint: 'simplyload checkpoint list shows those that exist',
    })
  }
  output.event(checkpointEvent(found))
  output.answer(`table      ${printable(`${found.table.source}: ${tableName(found.table)}`)}`)
  output.answer(`at         ${found.sourcePosition}`)
  output.answer(`position   ${found.position}`)
  output.answer(`moves      ${movement(found)}`)
  return done()
}

export async function resetCheckpoints(
  context: CommandContext,
  options: SelectionOptions & { readonly yes: boolean },
): Promise<CommandEnd> {
  const { output } = context
  const application = await context.open()
  const what =
    options.table === undefined ? `all tables of ${options.source ?? 'every source'}` : options.table.join(', ')
  if (!options.yes) {
    if (context.stdin.isTTY !== true) {
      throw new PipelineError('config_invalid', `Resetting the checkpoints of ${what}`, {
        cause: 'it needs a confirmation, and standard input is not a terminal',
        hint: 'Add --yes',
      })
    }
    const answer = await ask(context, `The next sync will copy ${what} anew. Reset? [y/N] `)
    if (!/^y(es)?$/i.test(answer)) return { outcome: 'interrupted', exitCode: EXIT.interrupted, fields: { reset: 0 } }
  }
  const reset = await application.resetCheckpoints(selection(options), context.signal)
  for (const table of reset) output.event({ event: 'reset', table })
  output.answer(
    `${output.colors.green('✓')} ${counted(reset.length, 'checkpoint')} reset: ${reset.map(printable).join(', ')}`,
  )
  return done({ reset: reset.length })
}

function movement({ freshnessMs }: CheckpointStatus): string {
  return freshnessMs === undefined ? 'alone' : `with all live tables of ${duration(freshnessMs)}`
}

function checkpointEvent({ table, ...rest }: CheckpointStatus): Readonly<Record<string, unknown>> {
  return { event: 'checkpoint', source: table.source, table: tableName(table), ...rest }
}
