import type { Examination } from '../core/application.ts'
import type { Finding } from '../core/finding.ts'
import { counted } from '../core/quantity.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT } from './exit-code.ts'
import type { Palette } from './palette.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { displayWidth, fitted, printable } from './terminal-text.ts'

const SUBJECT_WIDTH_MAX = 44

export async function doctor(context: CommandContext, options: SelectionOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const found: Finding[] = []
  let failedPart: string | undefined
  for await (const examination of application.doctor(selection(options), signal)) {
    for (const finding of examination.findings) {
      output.event({ event: 'finding', part: examination.part, ...finding })
      found.push(finding)
      if (finding.level === 'error') failedPart ??= examination.part
    }
    for (const line of examinationLines(examination, output.colors)) output.answer(line)
  }
  const number = (level: Finding['level']): number => found.filter((finding) => finding.level === level).length
  const [errors, warnings] = [number('error'), number('warning')]
  output.answer(
    errors + warnings === 0
      ? output.colors.green(`All ${counted(found.length, 'check')} passed.`)
      : `${counted(errors, 'error')}, ${counted(warnings, 'warning')} in ${counted(found.length, 'check')}.`,
  )
  const exitCode = failedPart === undefined ? EXIT.ok : failedPart.startsWith('source') ? EXIT.source : EXIT.destination
  return {
    outcome: failedPart === undefined ? 'ok' : 'failed',
    exitCode,
    fields: { checks: found.length, errors, warnings },
  }
}

function examinationLines({ part, findings }: Examination, colors: Palette): readonly string[] {
  const widest = Math.max(0, ...findings.map((finding) => displayWidth(printable(finding.subject))))
  const width = Math.min(widest, SUBJECT_WIDTH_MAX)
  const lines = findings.flatMap((finding) => {
    const line = `  ${mark(finding.level, colors)} ${fitted(printable(finding.subject), width, 'left')}  ${printable(finding.message)}`
    // Verbatim and whole: it is there to be copied.
    const fix = finding.fix
      ?.split('\n')
      .map((text, index) => `    ${index === 0 ? colors.green('fix:') : '    '} ${printable(text)}`)
    return [line, ...(fix ?? [])]
  })
  return [colors.bold(part), ...lines, '']
}

function mark(level: Finding['level'], colors: Palette): string {
  return { ok: colors.green('✓'), note: colors.cyan('i'), warning: colors.yellow('!'), error: colors.red('✗') }[level]
}
