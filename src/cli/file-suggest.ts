/** `files check --suggest`: which set takes a file, and an entry for `tables` where none does. */
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { printable } from './terminal-text.ts'

export async function filesSuggest(context: CommandContext, paths: readonly string[]): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const suggestions = await application.files().suggest(paths, signal)
  for (const { file, sets, yaml, reasons, problem } of suggestions) {
    output.event({ event: 'suggestion', file, sets, yaml, reasons, problem })
    const none =
      problem === undefined ? 'no table takes it; this one would:' : `no table takes it. ${printable(problem)}`
    const of = sets.length === 0 ? none : `belongs to ${sets.join(' and ')}`
    output.note(`${printable(file)}: ${of}`)
    for (const line of yaml?.trimEnd().split('\n') ?? []) output.answer(printable(line))
  }
  return done({ files: suggestions.length, suggested: suggestions.filter(({ yaml }) => yaml !== undefined).length })
}
