/** From days outside their band to what a person is told: days in a row are one finding, a shift replaces those it explains. */
import { type Day, dayText } from '../calendar/civil-date.ts'
import type { AnomalyFinding, AnomalySettings, DayVerdict, Severity } from './anomaly-result.ts'
import type { SpecialClass } from './day-class.ts'
import type { Measure } from './measure-scale.ts'

export class FindingList {
  readonly #settings: AnomalySettings
  readonly #measure: Measure
  readonly findings: AnomalyFinding[] = []

  constructor(settings: AnomalySettings, measure: Measure) {
    this.#settings = settings
    this.#measure = measure
  }

  /** `joins`: the day compared before was an anomaly too. */
  addDay(verdict: DayVerdict, joins: boolean): void {
    const kind = verdict.deviation < 0 ? 'drop' : 'spike'
    const severity: Severity = Math.abs(verdict.deviation) >= this.#settings.criticalAt ? 'CRITICAL' : 'WARNING'
    const last = this.findings.at(-1)
    const { day, value, expected, lower, upper, days, comparedAs } = verdict
    if (joins && last?.kind === kind) {
      const from = dayText(last.from)
      this.findings[this.findings.length - 1] = {
        ...last,
        through: day,
        severity: last.severity === 'CRITICAL' ? 'CRITICAL' : severity,
        message: `${from} to ${dayText(day)}: a ${kind}; ${this.#said(value)} on the last day, ${counted(lower)} to ${counted(upper)} expected`,
      }
      return
    }
    this.findings.push({
      kind,
      severity,
      from: day,
      through: day,
      size: value / expected,
      message: `${dayText(day)}: ${this.#said(value)}; ${counted(lower)} to ${counted(upper)} expected, as on ${days} ${likeDays(comparedAs)}`,
    })
  }

  /** `size`: times the level before. */
  addShift(from: Day, through: Day, size: number, deviation: number): void {
    const kind = deviation < 0 ? 'drop' : 'spike'
    while (this.findings.at(-1)?.kind === kind && (this.findings.at(-1)?.through ?? 0) >= from) this.findings.pop()
    this.findings.push({
      kind: 'level_shift',
      severity: Math.abs(deviation) >= this.#settings.criticalAt ? 'CRITICAL' : 'WARNING',
      from,
      through,
      size,
      message: `since ${dayText(from)}: ${size.toFixed(2)} times the ${this.#measure === 'count' ? 'rows' : 'sum'} of before, on each of the days through ${dayText(through)}`,
    })
  }

  #said(value: number): string {
    return this.#measure === 'count' ? `${counted(value)} rows` : `a sum of ${counted(value)}`
  }
}

/** What days it was compared with are called: `other Tuesdays`. */
function likeDays(comparedAs: string | undefined): string {
  if (comparedAs === undefined) return 'other days'
  const special = LIKE_DAYS[comparedAs]
  return special ?? `other ${comparedAs.charAt(0).toUpperCase()}${comparedAs.slice(1)}s`
}

const LIKE_DAYS: Readonly<Record<string, string>> = {
  holiday: 'holidays',
  make_up_day: 'make-up days',
  before_holiday: 'days before a holiday',
  after_holiday: 'days after a holiday',
  month_start: 'first days of a month',
  second_to_month_end: 'last days but one of a month',
  third_to_month_end: 'last days but two of a month',
  month_end: 'last days of a month',
  quarter_end: 'last days of a quarter',
  year_end: 'last days of a year',
  fiscal_period_end: 'last days of a fiscal period',
  fiscal_quarter_end: 'last days of a fiscal quarter',
  fiscal_year_end: 'last days of a fiscal year',
} satisfies Record<SpecialClass, string>

function counted(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
