/** Durations as people write them in `simplyload.yaml`: a number and a unit, `200ms`, `1.5h`, `7d`. */

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Without a sign, and never without a unit: a bare `10` is read as seconds by one person and as minutes by the next. */
// The digits are limited so that all that matches is below 2^53 milliseconds.
export const DURATION_PATTERN = /^\d{1,8}(?:\.\d{1,9})? ?(?:ms|s|m|h|d)$/

/** What an error message calls it. */
export const DURATION_FORM = 'a duration such as 200ms, 10s, 5m, 1h or 7d'

/** Milliseconds, rounded to a whole one. Throws a RangeError for text that `DURATION_PATTERN` does not match. */
export function durationMs(text: string): number {
  const match = /^([\d.]+) ?([a-z]+)$/.exec(text)
  if (match === null || !DURATION_PATTERN.test(text)) throw new RangeError(`"${text}" is not ${DURATION_FORM}`)
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS])
}

/** The shortest exact form: `90s` is `90s`, 60,000 ms are `1m`. `ms` is whole and not negative. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms > 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return `${ms}ms`
}
