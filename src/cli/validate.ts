import { counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

/** An invalid file never gets here: opening it throws, with every problem in it. Calendars and rules of files are tried then. */
export async function validate({ open, output, signal }: CommandContext): Promise<CommandEnd> {
  const application = await open()
  const summary = application.summary()
  if (summary.sources.some(({ type }) => type === 'files')) await application.files().validate(signal)
  const tables = summary.sources.reduce((sum, source) => sum + source.tables.length, 0)
  for (const message of summary.warnings) {
    output.event({ event: 'warning', message })
    output.note(`${output.noteColors.yellow('warning:')} ${message}`)
  }
  const size = `${counted(summary.sources.length, 'source')}, ${counted(tables, 'table')}`
  output.answer(`${output.colors.green('✓')} ${summary.file} is valid: ${size} → ${summary.destination.description}`)
  return done({ file: summary.file, sources: summary.sources.length, tables, warnings: summary.warnings.length })
}
