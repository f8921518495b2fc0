/** The detector, the two simple ones beside it, and one that knows what no detector can know. */
import { detectAnomalies } from '../../src/quality/anomaly/detect-anomalies.ts'
import type { Detector } from './anomaly-score.ts'
import { HISTORY_DAYS, type SyntheticSeries, YEARS } from './anomaly-series.ts'

const WINDOW_DAYS = 28
const SAME_WEEKDAYS = 14
const SIGMAS = 3
const FALSE_ALARMS_A_YEAR = 2

export const ours: Detector = (series, calendar) => {
  const { verdicts, findings } = detectAnomalies({
    series: { measure: 'count', firstDay: series.firstDay, values: series.values },
    calendar,
  })
  const days = verdicts.flatMap(({ state, day }) =>
    state === 'anomaly' || state === 'missing' ? [day - series.firstDay] : [],
  )
  // A shift is certain on its last day; that it may have been told before as single days does not count twice.
  const shifts = findings.flatMap(({ kind, through }) => (kind === 'level_shift' ? [through - series.firstDay] : []))
  return [...new Set([...days, ...shifts])].sort((a, b) => a - b)
}

/** Mean ± 3 standard deviations of the 28 days before. */
export const meanSigma: Detector = (series) =>
  sigmas(series, (index) => Array.from({ length: WINDOW_DAYS }, (_, back) => index - 1 - back))

/** The same of the 14 same weekdays before. */
export const weekdaySigma: Detector = (series) =>
  sigmas(series, (index) => Array.from({ length: SAME_WEEKDAYS }, (_, back) => index - 7 * (back + 1)))

function sigmas({ values }: SyntheticSeries, before: (index: number) => readonly number[]): readonly number[] {
  const told: number[] = []
  for (const [index, value] of values.entries()) {
    const known = before(index).flatMap((at) => (at >= 0 && !Number.isNaN(values[at]) ? [values[at] ?? 0] : []))
    if (Number.isNaN(value) || known.length < 4) continue
    const mean = known.reduce((sum, one) => sum + one, 0) / known.length
    const variance = known.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (known.length - 1)
    if (Math.abs(value - mean) > SIGMAS * Math.sqrt(variance)) told.push(index)
  }
  return told
}

/** Knows each day's true mean and the spread of its noise; its limit is the one at which it has two false alarms a year. */
export const knowing: Detector = (series) => {
  const deviations = Array.from(series.values.keys(), (index) => Math.abs(trueDeviation(series, index)))
  const injected = new Set(series.injections.map(({ index }) => index))
  const ordinary = deviations.filter((_, index) => index >= HISTORY_DAYS && !injected.has(index)).sort((a, b) => b - a)
  const limit = ordinary[FALSE_ALARMS_A_YEAR * YEARS] ?? 0
  // On the first day of another level it is told; from then on the true mean is the new one.
  return deviations.flatMap((deviation, index) => (deviation > limit ? [index] : []))
}

function trueDeviation({ values, means, noise }: SyntheticSeries, index: number): number {
  const value = values[index] ?? Number.NaN
  const mean = means[index] ?? 0
  return Number.isNaN(value) ? 0 : (Math.log1p(value) - Math.log1p(mean)) / Math.sqrt(noise ** 2 + 1 / (mean + 1))
}
