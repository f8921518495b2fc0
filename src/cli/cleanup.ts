import { bytes, counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

export async function cleanup({ open, output, signal }: CommandContext): Promise<CommandEnd> {
  const report = await (await open()).cleanup(signal)
  const removed = `${counted(report.filesRemoved, 'stage file')} (${bytes(report.bytesRemoved)})`
  output.answer(`${output.colors.green('✓')} Removed ${removed}; ${counted(report.filesKept, 'file')} kept.`)
  return done({ ...report })
}
