import type { Examination } from '../core/application.ts'
import type { Finding } from '../core/finding.ts'
import { counted } from '../core/quantity.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-code.ts'
import type { Palette } from './palette.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { displayWidth, fitted, printable } from './terminal-text.ts'

const SUBJECT_WIDTH_MAX = 44

export async function doctor(context: CommandContext, options: SelectionOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const found: Finding[] = []
  let exitCode: ExitCode = EXIT.ok
  for await (const examination of application.doctor(selection(options), signal)) {
    for (const finding of examination.findings) {
      output.event({ event: 'finding', part: examination.part, ...finding })
      found.push(finding)
      if (finding.level === 'error' && exitCode === EXIT.ok) exitCode = exitCodeOfFinding(examination.part, finding)
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
  return {
    outcome: exitCode === EXIT.ok ? 'ok' : 'failed',
    exitCode,
    fields: { checks: found.length, errors, warnings },
  }
}

/** What a sync would end with, so that a code means one thing. */
function exitCodeOfFinding(part: string, { code }: Finding): ExitCode {
  if (code !== undefined) return exitCodeFor(code)
  return part.startsWith('source') ? EXIT.source : EXIT.destination
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
