/** One value against the bands of its day. */
import type { AnomalySettings } from './anomaly-result.ts'
import type { Band, Bands } from './band.ts'
import type { MeasureScale } from './measure-scale.ts'

export interface Judgement {
  /** The nearest band. */
  readonly band: Band
  /** Robust standard deviations from its middle, longer tails allowed for; 0 between two bands that allow it. */
  readonly deviation: number
  readonly expected: number
  readonly lower: number
  readonly upper: number
  readonly outside: boolean
}

/** `tails`: how much wider than for normal residuals the bands are. */
export function judge(
  scale: MeasureScale,
  value: number,
  { bands, between }: Bands,
  tails: number,
  settings: AnomalySettings,
): Judgement | undefined {
  const judged = bands.map((band) => {
    const expected = scale.fromScale(band.center)
    return { band, expected, deviation: scale.deviation(value, expected, band.spread) / tails }
  })
  const [first, ...others] = judged
  if (first === undefined) return undefined
  const nearest = others.reduce((best, one) => (Math.abs(one.deviation) < Math.abs(best.deviation) ? one : best), first)
  const inBetween = between && judged.some(({ deviation }) => deviation * nearest.deviation < 0)
  const deviation = inBetween ? 0 : nearest.deviation
  const limit = settings.warningAt * tails
  return {
    ...nearest,
    deviation,
    lower: scale.bound(nearest.expected, nearest.band.spread, -limit),
    upper: scale.bound(nearest.expected, nearest.band.spread, limit),
    outside:
      (settings.direction !== 'spike' && deviation <= -settings.warningAt) ||
      (settings.direction !== 'drop' && deviation >= settings.warningAt),
  }
}
