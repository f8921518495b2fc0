/**
 * What the page of a report gets: the result of a run in a small form. Days are columns, and what failed on a day is pairs of
 * numbers, since a thousand rules on four hundred days are four hundred thousand of them.
 */
import type { BadRowSample, CheckResult, CheckRun, DayResult, FileResult, Verdict } from '../core/file-check.ts'
import type { RunComparison } from '../core/file-report.ts'
import { count } from '../core/quantity.ts'
import { compareChecks, type ReportSummary, summarize } from './summary.ts'

export interface ReportCheck extends Omit<CheckResult, 'samples' | 'days' | 'limit' | 'sql'> {
  /** Place in `ReportData.statements`: checks of one pass have one statement, which is long. */
  readonly statement: number | undefined
  readonly limit: string
  readonly samples: readonly BadRowSample[]
  /** Samples that are in the result but were left out here. */
  readonly samplesLeftOut: number
  readonly days: readonly string[]
}

export interface ReportDays {
  readonly day: readonly string[]
  readonly rows: readonly number[]
  readonly name: readonly string[]
  readonly expected: readonly boolean[]
  readonly status: readonly DayResult['status'][]
  /** `[expected, lower, upper]`. */
  readonly band: readonly (readonly [number, number, number] | null)[]
  readonly sums: Readonly<Record<string, readonly (string | null)[]>>
  /** Day → why a person has called it expected. */
  readonly marked: Readonly<Record<string, string>>
  /** By day: place in `checks`, rows, place, rows, … */
  readonly failed: readonly (readonly number[])[]
}

export interface ReportFile extends Omit<FileResult, 'checks' | 'days'> {
  /** Worst first. */
  readonly checks: readonly ReportCheck[]
  readonly days: ReportDays
}

export interface TrendPoint {
  readonly run: string
  readonly startedMs: number
  readonly command: string
  readonly user: string
  readonly host: string
  readonly verdict: Verdict
  readonly files: number
  readonly records: number
  readonly rejected: number
  readonly failed: number
  readonly loaded: number
  /** Rows that were removed from the destination. */
  readonly deleted: number
  readonly configChecksum: string
}

export interface ReportData {
  readonly statements: readonly string[]
  readonly run: Omit<CheckRun, 'files' | 'sets'>
  readonly summary: ReportSummary
  readonly files: readonly ReportFile[]
  readonly sets: readonly {
    readonly set: string
    readonly checks: readonly ReportCheck[]
    readonly missingPeriods: readonly string[]
  }[]
  /** Oldest first, this run last. */
  readonly trend: readonly TrendPoint[]
  readonly comparison: RunComparison | null
  /** What is in the result but not here, in sentences. */
  readonly leftOut: readonly string[]
}

/** How much of a result goes into a report. */
export interface ReportBudget {
  readonly perCheck: number
  readonly valueLength: number
  /** Checks that get samples, worst first, of each file. */
  readonly checks: number
  /** Rules that are kept of a day, worst first. */
  readonly rulesPerDay: number
  readonly sqlLength: number
}

/** What a report says beside its run. */
export interface ReportContext {
  /** The run that counters are held against. */
  readonly before?: CheckRun | undefined
  /** Earlier runs, oldest first. */
  readonly trend?: readonly TrendPoint[]
  readonly comparison?: RunComparison | undefined
}

export const TREND_RUNS = 60

export function reportData(run: CheckRun, context: ReportContext, budget: ReportBudget): ReportData {
  const { files, sets, ...facts } = run
  const statements = new Statements(budget.sqlLength)
  const reduced = files.map((file) => reportFile(file, budget, statements))
  const reducedSets = sets.map(({ set, checks, missingPeriods }) => ({
    set,
    missingPeriods,
    checks: [...checks].sort(compareChecks).map((check, place) => reportCheck(check, place, budget, statements)),
  }))
  return {
    statements: statements.texts,
    run: facts,
    summary: summarize(run, context.before),
    files: reduced,
    sets: reducedSets,
    trend: [...(context.trend ?? []).slice(-TREND_RUNS), trendPoint(run)],
    comparison: context.comparison ?? null,
    leftOut: leftOut(run, reduced, budget),
  }
}

/** Each once, in the order in which they were first met. */
class Statements {
  readonly #lengthMax: number
  readonly #places = new Map<string, number>()

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  get texts(): readonly string[] {
    return [...this.#places.keys()].map((text) => cut(text, this.#lengthMax))
  }

  placeOf(text: string): number {
    const known = this.#places.get(text) ?? this.#places.size
    this.#places.set(text, known)
    return known
  }
}

function reportFile({ checks, days, ...facts }: FileResult, budget: ReportBudget, statements: Statements): ReportFile {
  const sorted = [...checks].sort(compareChecks)
  const places = new Map(sorted.map(({ id }, place) => [id, place]))
  return {
    ...facts,
    checks: sorted.map((check, place) => reportCheck(check, place, budget, statements)),
    days: reportDays(days, places, budget),
  }
}

function reportCheck(
  { samples, limit, sql, ...check }: CheckResult,
  place: number,
  budget: ReportBudget,
  statements: Statements,
): ReportCheck {
  const kept = place < budget.checks ? samples.slice(0, budget.perCheck) : []
  return {
    ...check,
    statement: sql === undefined ? undefined : statements.placeOf(sql),
    limit: limitText(limit),
    samples: kept.map((sample) => shortened(sample, budget.valueLength)),
    samplesLeftOut: samples.length - kept.length,
  }
}

/** `at most 10 rows and 0.1 % of them`. */
export function limitText({ rows, share }: CheckResult['limit']): string {
  const parts = [
    ...(rows === undefined ? [] : [`${rows} ${rows === 1 ? 'row' : 'rows'}`]),
    ...(share === undefined ? [] : [`${Number((share * 100).toPrecision(6))} %`]),
  ]
  return parts.length === 0 ? 'none may fail' : `at most ${parts.join(' and ')}`
}

function shortened(sample: BadRowSample, length: number): BadRowSample {
  const values = Object.entries(sample.values).map(([column, value]): [string, string | null] => [
    column,
    value === null ? null : cut(value, length),
  ])
  return { ...sample, values: Object.fromEntries(values) }
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}

function reportDays(days: readonly DayResult[], places: ReadonlyMap<string, number>, budget: ReportBudget): ReportDays {
  const columns = [...new Set(days.flatMap(({ sums }) => Object.keys(sums)))]
  return {
    day: days.map(({ day }) => day),
    rows: days.map(({ rows }) => rows),
    name: days.map(({ name }) => name),
    expected: days.map(({ expected }) => expected),
    status: days.map(({ status }) => status),
    band: days.map(({ band }) => (band === undefined ? null : [band.expected, band.lower, band.upper])),
    sums: Object.fromEntries(columns.map((column) => [column, days.map(({ sums }) => sums[column] ?? null)])),
    marked: Object.fromEntries(days.flatMap(({ day, marked }) => (marked === undefined ? [] : [[day, marked]]))),
    failed: days.map(({ failed }) =>
      Object.entries(failed)
        .map(([id, rows]): [number, number] => [places.get(id) ?? -1, rows])
        .filter(([place]) => place >= 0)
        .sort(([a], [b]) => a - b)
        .slice(0, budget.rulesPerDay)
        .flat(),
    ),
  }
}

export function trendPoint(run: CheckRun): TrendPoint {
  const { coverage } = summarize(run)
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const failures = (checks: readonly CheckResult[]): number => checks.filter(({ outcome }) => outcome === 'fail').length
  const { run: name, startedMs, command, user, host, verdict, configChecksum } = run
  return {
    ...{ run: name, startedMs, command, user, host, verdict, configChecksum },
    files: run.files.length,
    records: coverage.records,
    rejected: coverage.rejected,
    failed: sum([...run.files, ...run.sets].map(({ checks }) => failures(checks))),
    loaded: sum(run.loads.map(({ outcome, rows }) => (outcome === 'loaded' ? rows : 0))),
    deleted: sum((run.deletions ?? []).map(({ rows }) => rows)),
  }
}

function leftOut(run: CheckRun, files: readonly ReportFile[], budget: ReportBudget): readonly string[] {
  const samples = files.flatMap(({ checks }) => checks).reduce((sum, { samplesLeftOut }) => sum + samplesLeftOut, 0)
  const isSqlCut = run.files.some(({ checks }) => checks.some(({ sql = '' }) => sql.length > budget.sqlLength))
  const isDayCut = run.files.some(({ days }) =>
    days.some(({ failed }) => Object.keys(failed).length > budget.rulesPerDay),
  )
  return [
    ...(samples > 0
      ? [
          `To keep this page small, ${count(samples)} sample rows are in the result file only; values end after ${count(budget.valueLength)} characters.`,
        ]
      : []),
    ...(isSqlCut ? [`SQL ends after ${count(budget.sqlLength)} characters.`] : []),
    ...(isDayCut
      ? [`Of each day the ${count(budget.rulesPerDay)} worst rules are shown; the result file has all.`]
      : []),
  ]
}
