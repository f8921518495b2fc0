/**
 * The executive summary, made once for all forms of a report: verdict, three sentences, how many checks of each severity
 * failed, and the equation of coverage.
 */
import type { CheckResult, CheckRun, FileResult, Severity, Verdict } from '../core/file-check.ts'
import { SEVERITIES } from '../core/file-check.ts'
import { count, counted } from '../core/quantity.ts'

export interface SeverityCounter {
  readonly severity: Severity
  readonly failed: number
  readonly notEvaluated: number
  readonly passed: number
  /** What failed in the run before; undefined where there is none. */
  readonly failedBefore: number | undefined
}

/** `records = parsed + rejected`, over all files. */
export interface CoverageSum {
  readonly bytes: number
  readonly records: number
  readonly parsed: number
  readonly rejected: number
  /** Files whose end was not reached, or whose records are not all accounted for. */
  readonly openFiles: number
  readonly holds: boolean
}

export interface ReportSummary {
  readonly verdict: Verdict
  readonly headline: string
  /** Three at most, the worst first. */
  readonly sentences: readonly string[]
  readonly counters: readonly SeverityCounter[]
  readonly coverage: CoverageSum
  readonly files: Readonly<Record<Verdict, number>>
}

const HEADLINES: Readonly<Record<Verdict, string>> = {
  pass: 'Passed',
  warning: 'Passed with warnings',
  fail: 'Failed',
}

const VERDICT_ORDER: readonly Verdict[] = ['fail', 'warning', 'pass']

/** Nothing that was evaluated is no pass. */
function headline({ files, deletions = [], verdict }: CheckRun): string {
  if (files.length > 0) return HEADLINES[verdict]
  if (deletions.length === 0) return 'Nothing was checked'
  return deletions.every(({ outcome }) => outcome === 'deleted') ? 'Rows were removed' : 'Rows were not removed'
}

export function summarize(run: CheckRun, before?: CheckRun): ReportSummary {
  const coverage = coverageSum(run.files)
  const files = { pass: 0, warning: 0, fail: 0 }
  for (const file of run.files) files[file.verdict] += 1
  return {
    verdict: run.verdict,
    headline: headline(run),
    sentences: sentences(run, coverage),
    counters: counters(run, before),
    coverage,
    files,
  }
}

/** Every check of a run, with the file it was made of; undefined for checks over all files of a set. */
export function* checksOf(
  run: CheckRun,
): Generator<{ readonly check: CheckResult; readonly set: string; readonly file: string | undefined }> {
  for (const { set, file, checks } of run.files) for (const check of checks) yield { check, set, file }
  for (const { set, checks } of run.sets) for (const check of checks) yield { check, set, file: undefined }
}

/** Worst first: what failed before what was not evaluated before what passed; then by severity, then by how much. */
export function compareChecks(a: CheckResult, b: CheckResult): number {
  return (
    outcomeRank(a) - outcomeRank(b) ||
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    b.failed - a.failed ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  )
}

function outcomeRank({ outcome }: CheckResult): number {
  return outcome === 'fail' ? 0 : outcome === 'not_evaluated' ? 1 : 2
}

/** Against the run before, in words. */
export function difference(now: number, before: number | undefined): string {
  if (before === undefined) return 'no earlier run'
  if (now === before) return 'as in the last run'
  return now > before
    ? `${count(now - before)} more than in the last run`
    : `${count(before - now)} fewer than in the last run`
}

function counters(run: CheckRun, before: CheckRun | undefined): readonly SeverityCounter[] {
  const checks = [...checksOf(run)]
  const earlier = before && [...checksOf(before)]
  return SEVERITIES.map((severity) => {
    const of = checks.filter(({ check }) => check.severity === severity)
    const having = (outcome: string) => of.filter(({ check }) => check.outcome === outcome).length
    return {
      severity,
      failed: having('fail'),
      notEvaluated: having('not_evaluated'),
      passed: having('pass'),
      failedBefore: earlier?.filter(({ check }) => check.severity === severity && check.outcome === 'fail').length,
    }
  })
}

function coverageSum(files: readonly FileResult[]): CoverageSum {
  let [bytes, records, parsed, rejected, openFiles] = [0, 0, 0, 0, 0]
  for (const { coverage } of files) {
    bytes += coverage.bytes
    records += coverage.records
    parsed += coverage.parsed
    rejected += coverage.rejected
    if (!coverage.complete || coverage.records !== coverage.parsed + coverage.rejected) openFiles += 1
  }
  return { bytes, records, parsed, rejected, openFiles, holds: openFiles === 0 && files.length > 0 }
}

function sentences(run: CheckRun, coverage: CoverageSum): readonly string[] {
  const [only, ...others] = run.files
  if (only === undefined) return withoutFiles(run)
  const told = others.length === 0 ? only.reasons : severalFiles(run)
  const rest = coverageSentence(coverage)
  return told.length < 3 ? [...told, rest] : told.slice(0, 3)
}

function withoutFiles({ deletions = [] }: CheckRun): readonly string[] {
  if (deletions.length === 0) return ['No file was checked, so nothing passed.']
  return deletions
    .slice(0, 3)
    .map(({ set, period, rows, outcome, message }) =>
      outcome === 'deleted'
        ? `${counted(rows, 'row')} of ${period} ${rows === 1 ? 'was' : 'were'} removed from ${set}.`
        : `Rows of ${period} were not removed from ${set}: ${message ?? 'it failed'}.`,
    )
}

/** How many files do not pass, and the worst reason of the worst file. */
function severalFiles(run: CheckRun): readonly string[] {
  const bad = run.files
    .filter(({ verdict }) => verdict !== 'pass')
    .sort((a, b) => VERDICT_ORDER.indexOf(a.verdict) - VERDICT_ORDER.indexOf(b.verdict))
  const [worst] = bad
  if (worst === undefined) return [`All ${counted(run.files.length, 'file')} pass.`]
  const failed = bad.filter(({ verdict }) => verdict === 'fail').length
  const warned = bad.length - failed
  const parts = [
    ...(failed > 0
      ? [`${count(failed)} of ${counted(run.files.length, 'file')} ${failed === 1 ? 'fails' : 'fail'}`]
      : []),
    ...(warned > 0 ? [`${count(warned)} ${warned === 1 ? 'has' : 'have'} warnings`] : []),
  ]
  const [reason] = worst.reasons
  return [`${parts.join(', ')}.`, ...(reason === undefined ? [] : [`${worst.file}: ${reason}`])]
}

function coverageSentence({ records, parsed, rejected, openFiles, holds }: CoverageSum): string {
  if (holds)
    return rejected === 0
      ? `All ${counted(records, 'record')} were read.`
      : `Of ${counted(records, 'record')}, ${count(parsed)} were read and ${count(rejected)} rejected: none is unaccounted for.`
  return `${counted(openFiles, 'file')} ${openFiles === 1 ? 'was' : 'were'} not read completely: ${count(records)} records counted, ${count(parsed + rejected)} read or rejected.`
}

export interface MarkedDay {
  readonly set: string
  readonly day: string
  /** Why a person has called it expected. */
  readonly reason: string
}

/** By set and day, each once. */
export function markedDays(run: CheckRun): readonly MarkedDay[] {
  const marked = new Map<string, MarkedDay>()
  for (const { set, days } of run.files) {
    for (const { day, marked: reason } of days) {
      if (reason !== undefined) marked.set(`${set}\n${day}`, { set, day, reason })
    }
  }
  return [...marked].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}
