import type { Examination } from '../core/application.ts'
import type { Finding } from '../core/finding.ts'
import { counted } from '../core/quantity.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-code.ts'
import type { Palette } from './palette.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { displayWidth, fitted, printable, wrap } from './terminal-text.ts'

const SUBJECT_WIDTH_MAX = 44
const MESSAGE_WIDTH_MIN = 30

export async function doctor(context: CommandContext, options: SelectionOptions): Promise<CommandEnd> {
  const { output, signal, stdout } = context
  const terminalWidth = stdout.isTTY === true ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY
  const application = await context.open()
  const found: Finding[] = []
  let exitCode: ExitCode = EXIT.ok
  for await (const examination of application.doctor(selection(options), signal)) {
    for (const finding of examination.findings) {
      output.event({ event: 'finding', part: examination.part, ...finding })
      found.push(finding)
      if (finding.level === 'error' && exitCode === EXIT.ok) exitCode = exitCodeOfFinding(examination.part, finding)
    }
    for (const line of examinationLines(examination, output.colors, terminalWidth)) output.answer(line)
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

function examinationLines({ part, findings }: Examination, colors: Palette, terminalWidth: number): readonly string[] {
  const widest = Math.max(0, ...findings.map((finding) => displayWidth(printable(finding.subject))))
  const width = Math.min(widest, SUBJECT_WIDTH_MAX)
  const lines = findings.flatMap((finding) => {
    const subject = fitted(printable(finding.subject), width, 'left')
    const besideWidth = Math.max(terminalWidth - width - 6, MESSAGE_WIDTH_MIN)
    const [first = '', ...more] = wrap(printable(finding.message), besideWidth)
    const line = `  ${mark(finding.level, colors)} ${subject}  ${first}`
    // Verbatim and whole: it is there to be copied.
    const fix = finding.fix
      ?.split('\n')
      .map((text, index) => `    ${index === 0 ? colors.green('fix:') : '    '} ${printable(text)}`)
    return [line, ...more.map((text) => `${' '.repeat(width + 6)}${text}`), ...(fix ?? [])]
  })
  return [colors.bold(part), ...lines, '']
}

function mark(level: Finding['level'], colors: Palette): string {
  return { ok: colors.green('✓'), note: colors.cyan('i'), warning: colors.yellow('!'), error: colors.red('✗') }[level]
}
