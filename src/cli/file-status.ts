import type { FileState, SetStatus } from '../core/file-loading.ts'
import { counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { widthOf } from './file-verdict.ts'
import { printable, wrap } from './terminal-text.ts'

const WORDS: Readonly<Record<FileState, string>> = {
  new: 'not loaded',
  current: 'in progress',
  loaded: 'loaded',
  changed: 'changed since it was loaded',
  removed: 'its period was deleted',
  gone: 'loaded, and not there any more',
}

export async function fileStatus(
  context: CommandContext,
  tables: readonly string[],
  { source }: { readonly source?: string },
): Promise<CommandEnd> {
  const { output, signal } = context
  const sets = await (await context.open()).fileLoading().status({ tables, source }, signal)
  for (const set of sets) {
    output.event({ event: 'set', ...set })
    tell(context, set)
  }
  return done({ sets: sets.length })
}

function tell(
  context: CommandContext,
  { set, target, write, files, completed, current, failed, problem: stopped }: SetStatus,
): void {
  const { output } = context
  const { colors } = output
  const loaded = files.filter(({ state }) => state === 'loaded' || state === 'gone').length
  output.answer(
    `${colors.bold(printable(set))} → ${printable(target)} (${write}): ${loaded} of ${counted(files.length, 'file')} loaded`,
  )
  if (stopped !== undefined) output.answer(`  ${colors.red('stopped:')} ${printable(stopped)}`)
  if (completed.length > 0) output.answer(`  completed: ${spans(completed)}`)
  if (current !== undefined) output.answer(`  in progress: ${printable(current)}`)
  if (failed.length > 0) output.answer(`  failed: ${colors.red(failed.map(printable).join(', '))}`)
  for (const [index, { file, state, rows, share, problem }] of files.entries()) {
    if (state === 'loaded' && problem === undefined) continue
    const part = state === 'current' ? `, ${Math.floor(share * 100)} %` : ''
    const told = rows > 0 ? `, ${counted(rows, 'row')}` : ''
    output.answer(`  file ${index + 1} of ${files.length}, ${printable(file)}: ${WORDS[state]}${part}${told}`)
    if (problem === undefined || problem === stopped) continue
    for (const line of wrap(printable(problem), widthOf(context) - 4)) output.answer(`    ${line}`)
  }
}

/** Enough to see what is there; all of it is in --json. */
const SHOWN_MAX = 24

function spans(periods: readonly string[]): string {
  if (periods.length <= SHOWN_MAX) return periods.map(printable).join(', ')
  return `${printable(periods[0] ?? '')} … ${printable(periods.at(-1) ?? '')} (${periods.length})`
}
