/**
 * Anomalies in a value per day: rows, or a sum. Each day is compared with what the days before it suggest (`baseline.ts`), never
 * with itself, in the class that it belongs to (`day-class.ts`):
 *
 *   learning ──enough days──▶ ordinary ◀──▶ anomaly ──five days on one side──▶ level shift, told once ──▶ ordinary
 *
 * While days are anomalies the baseline stays as it was: an outage does not become the normal state by lasting. After a level shift
 * everything before is counted at the new level, so that each later day is compared with its like again. What was as unusual one
 * year ago is ordinary.
 */
import { type Day, type Weekday, weekdayOf } from '../calendar/civil-date.ts'
import { FindingList } from './anomaly-findings.ts'
import type { AnomalyRequest, AnomalyResult, AnomalySettings, DayState, DayVerdict } from './anomaly-result.ts'
import { bandsOf } from './band.ts'
import { Baseline, type Forecast } from './baseline.ts'
import { classOf, type SpecialClass } from './day-class.ts'
import { type Judgement, judge } from './judgement.ts'
import { ShiftWatch } from './level-shift.ts'
import { type MeasureScale, scaleOf } from './measure-scale.ts'

/**
 * 3.25 robust standard deviations, widened where tails are long: tried on series with other seeds than those of the benchmark
 * (docs/decisions/0024), where 3 finds 2% more with half as many false alarms again, and 3.75 finds 5% less.
 */
const DEFAULTS: AnomalySettings = { warningAt: 3.25, criticalAt: 5, smallestShare: 0.15, direction: 'both' }

/** Fewer rows than that may be none at all by chance. */
const NONE_BY_CHANCE_MAX = 10
/** Residuals before the spread can be relied on. */
const RESIDUALS_MIN = 14
/** Same weekday; same date. */
const YEAR_AGO: readonly number[] = [364, 365, 366]
/** Days of these classes are not what others are compared with. */
const NOT_KEPT: readonly SpecialClass[] = ['holiday', 'make_up_day']

export function detectAnomalies(request: AnomalyRequest): AnomalyResult {
  const detector = new Detector(request)
  for (const [index, value] of request.series.values.entries()) detector.see(index, value)
  return detector.result()
}

/** State of one pass over a series, oldest day first. */
class Detector {
  readonly #request: AnomalyRequest
  readonly #settings: AnomalySettings
  readonly #scale: MeasureScale
  readonly #baseline: Baseline
  readonly #newNormal: ReadonlySet<Day>
  readonly #findings: FindingList
  readonly #shifts = new ShiftWatch()
  readonly #verdicts: DayVerdict[] = []
  /** Of ordinary weekdays, by index. Special days fall on other dates each year, and have their classes. */
  readonly #residuals = new Map<number, number>()
  /** A person has said that another level is normal, and its size is not known yet. */
  #relearning = false
  #afterAnomaly = false

  constructor(request: AnomalyRequest) {
    const { values, measure } = request.series
    this.#request = request
    this.#settings = { ...DEFAULTS, ...request.settings }
    this.#scale = scaleOf(
      measure,
      [...values].filter((value) => !Number.isNaN(value) && value !== 0),
    )
    this.#baseline = new Baseline(this.#scale, this.#settings.smallestShare / this.#settings.warningAt)
    this.#newNormal = new Set(request.newNormalFrom)
    this.#findings = new FindingList(this.#settings, measure)
  }

  see(index: number, value: number): void {
    const day = this.#request.series.firstDay + index
    if (this.#newNormal.has(day)) {
      this.#relearning = true
      this.#shifts.forget()
    }
    if (!this.#request.calendar.about(day).expected) {
      this.#tell(day, value, Number.isNaN(value) || value === 0 ? 'closed' : 'unexpected')
      return
    }
    const { special } = classOf(this.#request.calendar, day, this.#request.fiscal)
    const forecast = this.#baseline.forecast(index, weekdayOf(day))
    const atLeast = forecast === undefined ? 0 : Math.abs(this.#scale.fromScale(forecast.center))
    const none = Number.isNaN(value) || (value === 0 && atLeast >= NONE_BY_CHANCE_MAX)
    if (none) this.#tell(day, value, 'missing')
    else if (forecast === undefined) this.#learn(index, day, value, special)
    else this.#compare(index, day, value, special, forecast)
  }

  result(): AnomalyResult {
    const count = (...states: readonly DayState[]) =>
      this.#verdicts.filter(({ state }) => states.includes(state)).length
    const evaluatedDays = count('ordinary', 'anomaly')
    const { findings } = this.#findings
    return {
      outcome: findings.length > 0 ? 'fail' : evaluatedDays === 0 ? 'not_evaluated' : 'pass',
      evaluatedDays,
      learningDays: count('learning'),
      verdicts: this.#verdicts,
      findings,
    }
  }

  #learn(index: number, day: Day, value: number, special: readonly SpecialClass[]): void {
    const marked = this.#request.expectedDays?.has(day) === true
    if (!marked && value !== 0 && !special.some((name) => NOT_KEPT.includes(name))) {
      this.#baseline.keep(index, weekdayOf(day), this.#scale.toScale(value))
    }
    this.#tell(day, value, marked ? 'expected' : 'learning')
  }

  #compare(index: number, day: Day, value: number, special: readonly SpecialClass[], forecast: Forecast): void {
    const baseline = this.#baseline
    const weekday = weekdayOf(day)
    const bands = bandsOf(baseline, forecast, { weekday, special })
    const judged = judge(this.#scale, value, bands, baseline.tails(), this.#settings)
    if (judged === undefined) return
    if (this.#request.expectedDays?.has(day) === true) {
      this.#tell(day, value, 'expected', judged)
      return
    }
    const residual = this.#scale.toScale(value) - forecast.center
    const { outside } = judged
    const unjudged = bands.unjudged === 'everything' || (bands.unjudged === 'spikes' && residual > 0 && outside)
    const learning = unjudged || this.#relearning || baseline.residualCount() < RESIDUALS_MIN
    const asYearAgo = special.length === 0 && this.#wasSoYearAgo(index, residual)
    const anomaly = outside && !learning && !asYearAgo
    if (special.length === 0) this.#residuals.set(index, residual)
    const verdict = this.#tell(day, value, anomaly ? 'anomaly' : learning ? 'learning' : 'ordinary', judged)
    // What a class is like is learned from its unusual days too, but not while the level is in question.
    if (!this.#afterAnomaly && !this.#relearning) for (const name of special) baseline.learnEffect(name, residual)
    if (anomaly) this.#findings.addDay(verdict, this.#afterAnomaly)
    const apart = special.some((name) => NOT_KEPT.includes(name) || baseline.effect(name)?.significant === true)
    if (apart || unjudged) return
    this.#afterAnomaly = anomaly
    const expected = this.#scale.fromScale(forecast.center)
    baseline.learn(residual, expected, !anomaly && !this.#relearning)
    const kept = !anomaly && !this.#relearning
    if (kept) baseline.keep(index, weekday, this.#scale.toScale(value))
    this.#watchLevel(index, weekday, value, residual, expected, kept)
  }

  #watchLevel(index: number, weekday: Weekday, value: number, residual: number, expected: number, kept: boolean): void {
    const deviation = residual / Math.sqrt(this.#baseline.spread() ** 2 + this.#scale.chance(expected))
    const scaled = this.#scale.toScale(value)
    const shift = this.#shifts.see({ index, weekday, scaled, residual, deviation, apart: !kept }, this.#relearning)
    if (shift === undefined || this.#baseline.residualCount() < RESIDUALS_MIN) return
    const first = shift.days[0]?.index ?? index
    this.#baseline.move(shift.size, first)
    for (const past of shift.days) if (past.apart) this.#baseline.keep(past.index, past.weekday, past.scaled)
    if (!this.#relearning) {
      const { firstDay } = this.#request.series
      const size = this.#scale.fromScale(this.#scale.toScale(expected) + shift.size) / expected
      this.#findings.addShift(firstDay + first, firstDay + index, size, shift.deviation)
    }
    this.#shifts.forget()
    this.#relearning = false
    this.#afterAnomaly = false
  }

  /** By half to twice as much, on the same side. */
  #wasSoYearAgo(index: number, residual: number): boolean {
    return YEAR_AGO.some((back) => {
      const share = (this.#residuals.get(index - back) ?? 0) / residual
      return share >= 0.5 && share <= 2
    })
  }

  #tell(day: Day, value: number, state: DayState, judged?: Judgement): DayVerdict {
    const verdict: DayVerdict = {
      day,
      value,
      state,
      comparedAs: judged?.band.comparedAs,
      expected: judged?.expected ?? Number.NaN,
      lower: judged?.lower ?? Number.NaN,
      upper: judged?.upper ?? Number.NaN,
      days: judged?.band.days ?? 0,
      deviation: judged?.deviation ?? Number.NaN,
    }
    this.#verdicts.push(verdict)
    return verdict
  }
}
