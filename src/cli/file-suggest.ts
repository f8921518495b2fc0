/** `files check --suggest`: which table takes a file, an entry for `tables` where none does, and a whole configuration where there is none. */
import type { FileSuggestion } from '../core/file-commands.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { printable } from './terminal-text.ts'

const BEFORE = ['version: 1', 'sources:', '  incoming:', '    type: files', '    tables:']
const AFTER = ['destination: { type: duckdb, path: warehouse.duckdb }']
/** Of an entry below `tables` of a source. */
const INDENT = '    '

export async function filesSuggest(context: CommandContext, paths: readonly string[]): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open({ mayLackFile: true })
  const isFirst = application.summary().sources.length === 0
  const suggestions = await application.files().suggest(paths, signal)
  const isWhole = isFirst && suggestions.some(({ yaml }) => yaml !== undefined)
  if (isWhole) {
    output.note('There is no configuration here; this could be one. Write it to simplyload.yaml, and read it:')
    for (const line of BEFORE) output.answer(line)
  }
  for (const suggestion of suggestions) {
    const { file, sets, yaml, reasons, alike, problem } = suggestion
    output.event({ event: 'suggestion', file, sets, yaml, reasons, alike, problem })
    output.note(`${printable(file)}: ${whatOf(suggestion)}`)
    for (const line of yaml?.trimEnd().split('\n') ?? []) output.answer(printable(isWhole ? INDENT + line : line))
  }
  if (isWhole) for (const line of AFTER) output.answer(line)
  return done({ files: suggestions.length, suggested: suggestions.filter(({ yaml }) => yaml !== undefined).length })
}

function whatOf({ sets, alike, problem }: FileSuggestion): string {
  if (sets.length > 0) return `belongs to ${sets.join(' and ')}`
  if (alike !== undefined) return `no table takes it; ${alike}, proposed above, would`
  return problem === undefined ? 'no table takes it; this one would:' : `no table takes it. ${printable(problem)}`
}
