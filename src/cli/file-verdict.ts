/** The verdict of a run as people read it: the worst first, with what to do; what is well in one line. */
import {
  type BadRowSample,
  type CheckResult,
  type CheckRun,
  type FileResult,
  SEVERITIES,
  type Severity,
  type Verdict,
} from '../core/file-check.ts'
import { bytes, count, counted, duration } from '../core/quantity.ts'
import { unaskedQuestions } from '../core/unasked-questions.ts'
import type { CommandContext } from './command.ts'
import type { Palette } from './palette.ts'
import { displayWidth, fitted, printable, wrap } from './terminal-text.ts'

const SAMPLES_SHOWN = 3
const VALUES_SHOWN = 6
const WIDTH_MAX = 110
const LABEL = 10

export function checkEvent({ id, kind, severity, outcome, message, evaluated, failed, days }: CheckResult) {
  return { id, kind, severity, outcome, message, evaluated, failed, days }
}

export function printRun(context: CommandContext, run: CheckRun): void {
  for (const result of run.files) printFile(context, result)
  printSets(context, run)
  printEnd(context, run)
}

/** What is not well across files. */
export function printSets(context: CommandContext, run: CheckRun): void {
  const { output } = context
  for (const set of run.sets) {
    const told = set.checks.filter(({ outcome }) => outcome !== 'pass')
    if (told.length === 0) continue
    output.answer(`${mark(worst(told), output.colors)} ${output.colors.bold(printable(set.set))}, all files`)
    for (const check of told) printCheck(context, check)
    output.answer()
  }
}

function printFile(context: CommandContext, result: FileResult): void {
  const { output } = context
  const { colors } = output
  const { coverage, durationMs } = result
  const speed = durationMs > 200 ? `, ${bytes((result.bytes * 1000) / durationMs)}/s` : ''
  const facts = [bytes(result.bytes), counted(coverage.records, 'record'), `${duration(durationMs)}${speed}`]
  const name = [result.set, ...(result.period === undefined ? [] : [result.period])].join('  ')
  output.answer(
    `${mark(result.verdict, colors)} ${colors.bold(printable(result.file))}  ${colors.dim(printable(name))}`,
  )
  output.answer(`  ${facts.join(', ')}`)
  const failed = result.checks.filter(({ outcome, severity }) => outcome === 'fail' && severity !== 'INFO')
  const open = unaskedQuestions(result.checks)
  for (const severity of SEVERITIES) {
    for (const check of failed) if (check.severity === severity) printCheck(context, check)
    for (const each of open) if (each.severity === severity) printLabelled(context, severity, `${each.message}.`)
  }
  if (result.badRows !== undefined) {
    output.answer(`  ${counted(result.badRows.rows, 'bad row')} kept in ${printable(result.badRows.path)}`)
  }
  const passed = result.checks.filter(({ outcome }) => outcome === 'pass').length
  const unasked = result.checks.filter(({ outcome, severity }) => outcome === 'not_evaluated' && severity === 'INFO')
  const noted = result.checks.filter(({ outcome, severity }) => outcome === 'fail' && severity === 'INFO')
  const said = noted.length === 0 ? '' : `; for information: ${noted.map(({ message }) => message).join('; ')}`
  const rest = unasked.length === 0 ? '' : `; not evaluated: ${unasked.map(({ id }) => id).join(', ')}`
  for (const line of wrap(printable(`${counted(passed, 'check')} passed${rest}${said}.`), widthOf(context) - 2)) {
    output.answer(colors.dim(`  ${line}`))
  }
  output.answer()
}

function printLabelled(context: CommandContext, severity: Severity, text: string): void {
  const { colors } = context.output
  const color = severity === 'CRITICAL' ? colors.red : severity === 'WARNING' ? colors.yellow : colors.dim
  for (const [index, line] of wrap(printable(text), widthOf(context) - LABEL - 2).entries()) {
    context.output.answer(`  ${color(fitted(index === 0 ? severity : '', LABEL, 'left'))}${line}`)
  }
}

function printCheck(context: CommandContext, check: CheckResult): void {
  const { output } = context
  const { colors } = output
  const width = widthOf(context) - LABEL - 2
  printLabelled(
    context,
    check.severity,
    check.outcome === 'fail' ? check.message : `${check.title}: not evaluated. ${check.message}`,
  )
  const indent = ' '.repeat(LABEL + 2)
  for (const sample of check.samples.slice(0, SAMPLES_SHOWN)) {
    output.answer(colors.dim(`${indent}${cut(printable(sampleText(sample, check)), width)}`))
  }
  const more = Math.min(check.failed, Number.MAX_SAFE_INTEGER) - Math.min(check.samples.length, SAMPLES_SHOWN)
  if (check.samples.length > 0 && more > 0) output.answer(colors.dim(`${indent}… and ${count(more)} more`))
  if (check.why !== undefined) for (const line of wrap(printable(check.why), width)) output.answer(`${indent}${line}`)
  if (check.fix === undefined || check.outcome !== 'fail') return
  for (const [index, line] of wrap(printable(check.fix), width - 5).entries()) {
    output.answer(`${indent}${index === 0 ? `${colors.green('fix:')} ` : '     '}${line}`)
  }
}

/** `line 932: amount abc`: the column at fault first, where there is one. */
function sampleText({ line, byteOffset, values }: BadRowSample, { id }: CheckResult): string {
  const own = id.replace(/^structure\.\w+\./, '')
  const entries = Object.entries(values)
  const first = entries.filter(([name]) => name === own)
  const others = entries.filter(([name]) => name !== own)
  const shown = [...first, ...others].slice(0, first.length > 0 ? 3 : VALUES_SHOWN)
  const text = shown
    .map(([name, value]) => (name === 'record' ? (value ?? '') : `${name} ${value ?? 'NULL'}`))
    .join(', ')
  const place =
    line === undefined ? '' : `line ${count(line)}${byteOffset === undefined ? '' : `, byte ${count(byteOffset)}`}: `
  return `${place}${text}`
}

function printEnd({ output, program }: CommandContext, run: CheckRun): void {
  const { colors } = output
  const number = (verdict: Verdict) => run.files.filter((file) => file.verdict === verdict).length
  const parts = [
    ...(number('fail') > 0 ? [colors.red(`${count(number('fail'))} failed`)] : []),
    ...(number('warning') > 0 ? [colors.yellow(`${count(number('warning'))} with warnings`)] : []),
    ...(number('pass') > 0 ? [colors.green(`${count(number('pass'))} passed`)] : []),
  ]
  const sets = run.sets.filter(({ checks }) => checks.some(({ outcome }) => outcome === 'fail'))
  if (sets.length > 0) parts.push(colors.red(`${counted(sets.length, 'set')} with findings across files`))
  const total = run.files.reduce((sum, file) => sum + file.bytes, 0)
  const took = run.endedMs - run.startedMs
  output.answer(
    `${mark(run.verdict, colors)} ${counted(run.files.length, 'file')}, ${bytes(total)}: ${parts.join(', ')}; ${duration(took)}, at most ${count(run.peakRssMiB)} MiB.`,
  )
  output.answer(colors.dim(`  ${run.run}; a report of it: ${program} files report`))
}

function mark(verdict: Verdict, colors: Palette): string {
  return verdict === 'fail' ? colors.red('✗') : verdict === 'warning' ? colors.yellow('!') : colors.green('✓')
}

function worst(checks: readonly CheckResult[]): Verdict {
  if (checks.some(({ severity }) => severity === 'CRITICAL')) return 'fail'
  return checks.some(({ severity }) => severity === 'WARNING') ? 'warning' : 'pass'
}

/** Of text for people: a terminal that is wider is not filled. */
export function widthOf({ stdout }: CommandContext): number {
  return Math.max(40, Math.min(stdout.isTTY === true ? (stdout.columns ?? 80) : WIDTH_MAX, WIDTH_MAX))
}

function cut(text: string, width: number): string {
  return displayWidth(text) <= width ? text : fitted(text, width, 'left').trimEnd()
}
