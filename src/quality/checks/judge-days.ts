/** Days: is each one there, is its count odd, and does it belong to the period that the file stands for. */
import type { CheckResult, DayResult, Severity } from '../../core/file-check.ts'
import type { FilePeriod, FileSet } from '../../core/file-set.ts'
import { count, counted } from '../../core/quantity.ts'
import type { AnomalyResult, DailySeries } from '../anomaly/anomaly-result.ts'
import { detectAnomalies } from '../anomaly/detect-anomalies.ts'
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import { type Day, dayText, WEEKDAYS, weekdayOf } from '../calendar/civil-date.ts'
import type { FiscalYearRequest } from '../calendar/fiscal-year.ts'
import { type CompletenessResult, checkCompleteness } from '../completeness.ts'
import type { DayHistory, ExpectedDays } from './day-history.ts'
import type { ScannedDay } from './day-scan.ts'
import { judgeCounts, part, unasked } from './judgement.ts'

export interface DaysRequest {
  readonly set: FileSet
  readonly period: FilePeriod | undefined
  readonly days: readonly ScannedDay[]
  /** Of values that are none of their type: less where bad rows are kept apart. */
  readonly badSeverity: Severity
  /** In the order of the scan. */
  readonly counterIds: readonly string[]
  readonly sumNames: readonly string[]
  /** Undefined: the set has none. */
  readonly calendar: BusinessCalendar | undefined
  /** For days of a set without a calendar: rows on any day. */
  readonly everyDay: BusinessCalendar
  readonly fiscal: FiscalYearRequest | undefined
  readonly history: DayHistory
  readonly expected: ExpectedDays
}

export interface DaysJudgement {
  readonly checks: readonly CheckResult[]
  readonly days: readonly DayResult[]
}

/** Days before and after are a mistake in the file, and no calendar has them. */
export const FIRST_DAY: Day = -25_567
export const LAST_DAY: Day = 84_005
const TOLD_DAYS_MAX = 366

export function judgeDays(request: DaysRequest): DaysJudgement {
  const { set, period } = request
  if (set.dateColumn === undefined) return { checks: [], days: [] }
  const dated = request.days.filter(({ day }) => day !== undefined && day >= FIRST_DAY && day <= LAST_DAY)
  const byDay = new Map(dated.map((each) => [each.day ?? 0, each]))
  const known = [...byDay.keys()].sort((a, b) => a - b)
  const checks = [datesCheck(request, dated), ...periodCheck(request, known, byDay)]
  const from = period?.from ?? known[0]
  const through = period?.through ?? known.at(-1)
  if (from === undefined || through === undefined) {
    return { checks: [...checks, ...(request.calendar === undefined ? [] : [noDays()])], days: [] }
  }
  const rows = new Map([...request.history.rows, ...known.map((day) => [day, byDay.get(day)?.rows ?? 0] as const)])
  const complete = completenessOf(request, from, through, rows)
  const anomalies = anomaliesOf(request, from, through, byDay)
  const days = dayResults(request, { from, through, byDay, known, complete: complete?.result, anomalies })
  return {
    checks: [...checks, ...(complete === undefined ? [] : [complete.check]), ...anomalies.map(({ check }) => check)],
    days,
  }
}

function datesCheck({ days, set, counterIds, badSeverity }: DaysRequest, dated: readonly ScannedDay[]): CheckResult {
  const all = sum(days)
  const failed = all - sum(dated)
  // Dates that cannot be read are bad rows, and kept apart where those are; a period cannot be replaced by rows without one.
  const type = counterIds.indexOf(`structure.type.${set.dateColumn}`)
  const unread = days.reduce((total, day) => total + (day.failed[type] ?? 0), 0)
  return judgeCounts({
    id: 'completeness.dates',
    kind: 'completeness',
    title: `Each row has a date in ${set.dateColumn}`,
    severity: failed <= unread && set.write !== 'replace' ? badSeverity : 'CRITICAL',
    evaluated: all,
    failed,
    limit: set.badRows,
    failing: `${part(failed, all, 'row')} ${failed === 1 ? 'has' : 'have'} no date in ${set.dateColumn}, or one before 1900 or after 2199`,
    passing: `All ${counted(all, 'row')} have one`,
    unasked: 'There are no rows',
    fix: 'Correct the dates, or say how they are written: `format` of the column.',
  })
}

function periodCheck(
  { period, set }: DaysRequest,
  known: readonly Day[],
  byDay: ReadonlyMap<Day, ScannedDay>,
): readonly CheckResult[] {
  if (period === undefined) return []
  const outside = known.filter((day) => day < period.from || day > period.through)
  const evaluated = known.reduce((total, day) => total + (byDay.get(day)?.rows ?? 0), 0)
  const failed = outside.reduce((total, day) => total + (byDay.get(day)?.rows ?? 0), 0)
  return [
    judgeCounts({
      id: 'completeness.period',
      kind: 'completeness',
      title: `All rows are of ${period.name}`,
      severity: 'CRITICAL',
      evaluated,
      failed,
      limit: set.badRows,
      failing: `${part(failed, evaluated, 'row')} ${failed === 1 ? 'is' : 'are'} not of ${period.name}: ${daysText(outside)}`,
      passing: `All ${counted(evaluated, 'row')} are`,
      unasked: 'There are no rows with a date',
      days: outside.slice(0, TOLD_DAYS_MAX).map(dayText),
      fix: 'Move the rows to the file of their period, or correct the name of the file.',
    }),
  ]
}

function noDays(): CheckResult {
  return unasked(
    { id: 'completeness.days', kind: 'completeness', title: 'Every day is there', severity: 'CRITICAL' },
    'There are no rows with a date',
  )
}

function completenessOf(
  { calendar, history, expected, days, sumNames }: DaysRequest,
  from: Day,
  through: Day,
  rows: ReadonlyMap<Day, number>,
): { readonly check: CheckResult; readonly result: CompletenessResult } | undefined {
  if (calendar === undefined) return undefined
  const [name] = sumNames
  const sums = new Map(name === undefined ? [] : (history.sums.get(name) ?? []))
  for (const { day, sums: own } of days) if (day !== undefined && own[0] !== undefined) sums.set(day, Number(own[0]))
  const all = checkCompleteness({ calendar, from, through, rows, sums })
  // What a person has called expected is no finding, a gap only where all its days are.
  const findings = all.findings.filter((finding) => !finding.days.every((day) => expected.days.has(day)))
  const result = { ...all, findings }
  const left = all.findings.length - findings.length
  const marked = left === 0 ? '' : `; ${counted(left, 'other finding')} marked as expected`
  const told = findings.filter(({ severity }) => severity !== 'INFO')
  const critical = told.some(({ severity }) => severity === 'CRITICAL')
  const failedDays = told.flatMap((finding) => finding.days)
  const check = judgeCounts({
    id: 'completeness.days',
    kind: 'completeness',
    title: 'Every day is there',
    severity: told.length > 0 && !critical ? 'WARNING' : 'CRITICAL',
    evaluated: all.expectedDays,
    failed: failedDays.length,
    failing:
      told
        .slice(0, 3)
        .map(({ message }) => message)
        .join('; ') +
      more(told.length - 3) +
      marked,
    passing: `All ${counted(all.expectedDays, 'expected day')} of ${dayText(from)} to ${dayText(through)} have rows${left === 0 ? '' : ', or are marked as expected'} (${calendar.description})`,
    unasked: `The calendar expects rows on no day of ${dayText(from)} to ${dayText(through)}`,
    days: failedDays.slice(0, TOLD_DAYS_MAX).map(dayText),
    fix: 'Ask whoever makes the file for the days; a day that is right as it is belongs to the closures of the calendar, or to the expected days.',
  })
  return { check, result }
}

interface JudgedSeries {
  readonly name: string
  readonly check: CheckResult
  readonly result: AnomalyResult
}

function anomaliesOf(
  request: DaysRequest,
  from: Day,
  through: Day,
  byDay: ReadonlyMap<Day, ScannedDay>,
): readonly JudgedSeries[] {
  const { history, sumNames } = request
  const measures = [
    { name: 'rows', id: 'anomaly.rows', history: history.rows, own: (day: Day) => byDay.get(day)?.rows ?? 0 },
    ...sumNames.map((name, index) => ({
      name: `sum of ${name}`,
      id: `anomaly.sum.${name}`,
      history: history.sums.get(name) ?? new Map<Day, number>(),
      own: (day: Day) => Number(byDay.get(day)?.sums[index] ?? 0),
    })),
  ]
  return measures.map((measure) => {
    const earliest = Math.min(from, ...measure.history.keys())
    const values = Float64Array.from({ length: through - earliest + 1 }, (_, index) => {
      const day = earliest + index
      return day >= from ? measure.own(day) : (measure.history.get(day) ?? Number.NaN)
    })
    const series: DailySeries = { measure: measure.name === 'rows' ? 'count' : 'sum', firstDay: earliest, values }
    const result = detectAnomalies({
      series,
      calendar: request.calendar ?? request.everyDay,
      expectedDays: request.expected.days,
      newNormalFrom: [...request.expected.newNormalFrom.keys()],
      ...(request.fiscal === undefined ? {} : { fiscal: request.fiscal }),
    })
    return { name: measure.name, result, check: anomalyCheck(measure.id, measure.name, result, from, through) }
  })
}

function anomalyCheck(id: string, name: string, result: AnomalyResult, from: Day, through: Day): CheckResult {
  const verdicts = result.verdicts.filter(({ day }) => day >= from && day <= through)
  const evaluated = verdicts.filter(({ state }) => state === 'ordinary' || state === 'anomaly').length
  const learning = verdicts.filter(({ state }) => state === 'learning').length
  const findings = result.findings.filter((finding) => finding.through >= from && finding.from <= through)
  const anomalous = verdicts.filter(({ state }) => state === 'anomaly').map(({ day }) => day)
  const days = anomalous.length > 0 ? anomalous : findings.map((finding) => Math.max(from, finding.from))
  const critical = findings.some(({ severity }) => severity === 'CRITICAL')
  return judgeCounts({
    id,
    kind: 'anomaly',
    title: `The ${name} of each day ${name === 'rows' ? 'are' : 'is'} as usual`,
    // A set of which too little is known has nothing to be blamed for.
    severity: findings.length === 0 ? (evaluated === 0 ? 'INFO' : 'WARNING') : critical ? 'CRITICAL' : 'WARNING',
    evaluated,
    failed: findings.length === 0 ? 0 : days.length,
    failing:
      findings
        .slice(0, 3)
        .map(({ message }) => message)
        .join('; ') + more(findings.length - 3),
    passing: `${counted(evaluated, 'day')} compared, none outside of its band`,
    unasked: `${counted(learning, 'day')} learned; some four weeks of earlier files make an opinion`,
    days: days.slice(0, TOLD_DAYS_MAX).map(dayText),
    fix: 'Ask whoever makes the file; mark a day that is right as expected, with the reason.',
  })
}

interface DayParts {
  readonly from: Day
  readonly through: Day
  readonly known: readonly Day[]
  readonly byDay: ReadonlyMap<Day, ScannedDay>
  readonly complete: CompletenessResult | undefined
  readonly anomalies: readonly JudgedSeries[]
}

/** Of the period, and days outside of it that have rows. */
function dayResults(request: DaysRequest, parts: DayParts): readonly DayResult[] {
  const { from, through, known, byDay } = parts
  // A file without a period may have one wrong date: the days in between are not told then.
  const whole = through - from < known.length * 20 + TOLD_DAYS_MAX
  const inside = whole ? Array.from({ length: through - from + 1 }, (_, offset) => from + offset) : known
  const days = new Set([...inside, ...known])
  const found = new Map<Day, DayResult['status']>()
  for (const finding of parts.complete?.findings ?? []) {
    const status = finding.kind === 'gap' ? 'missing' : finding.kind
    for (const day of finding.days) if (finding.severity !== 'INFO') found.set(day, status)
  }
  const rowsOf = new Map(parts.anomalies[0]?.result.verdicts.map((verdict) => [verdict.day, verdict]))
  const anomalous = new Set(
    parts.anomalies.flatMap(({ result }) =>
      result.verdicts.filter(({ state }) => state === 'anomaly').map(({ day }) => day),
    ),
  )
  return [...days]
    .sort((a, b) => a - b)
    .map((day) => {
      const own = byDay.get(day)
      const about = request.calendar?.about(day)
      const verdict = rowsOf.get(day)
      const rows = own?.rows ?? 0
      const status =
        day < from || day > through
          ? 'unexpected'
          : (found.get(day) ??
            (anomalous.has(day)
              ? 'anomaly'
              : rows === 0 && about?.expected === false
                ? 'closed'
                : verdict?.state === 'learning'
                  ? 'learning'
                  : 'ok'))
      const sums = request.sumNames.flatMap((name, index) => {
        const text = own?.sums[index]
        return text === undefined ? [] : [[name, text] as const]
      })
      const failed = request.counterIds.flatMap((id, index) => {
        const number = own?.failed[index] ?? 0
        return number === 0 ? [] : [[id, number] as const]
      })
      const said = request.expected.days.get(day)
      const since = request.expected.newNormalFrom.get(day)
      const marked = said ?? (since === undefined ? undefined : `another level from here on: ${since}`)
      const hasBand = verdict !== undefined && !Number.isNaN(verdict.expected)
      return {
        day: dayText(day),
        rows,
        sums: Object.fromEntries(sums),
        name: about === undefined || about.kind === 'weekday' ? weekdayName(day) : about.name,
        expected: about?.expected ?? true,
        status,
        ...(hasBand ? { band: { expected: verdict.expected, lower: verdict.lower, upper: verdict.upper } } : {}),
        failed: Object.fromEntries(failed),
        ...(marked === undefined ? {} : { marked }),
      }
    })
}

function weekdayName(day: Day): string {
  const name = WEEKDAYS[weekdayOf(day) - 1] ?? ''
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function daysText(days: readonly Day[]): string {
  const [first] = days
  const last = days.at(-1)
  if (first === undefined || last === undefined) return ''
  return first === last ? dayText(first) : `${count(days.length)} days from ${dayText(first)} to ${dayText(last)}`
}

function more(number: number): string {
  return number > 0 ? `; and ${number} more` : ''
}

function sum(days: readonly ScannedDay[]): number {
  return days.reduce((total, { rows }) => total + rows, 0)
}
