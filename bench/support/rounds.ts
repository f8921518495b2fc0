/** Runs limit and measured side in turn, so that what slows the machine down for a while slows both. */
import { median, round } from './statistics.ts'

export interface Rounds {
  readonly limits: readonly number[]
  readonly measured: readonly number[]
}

/** Each call gives a rate or a duration. The first pair begins with the limit, and the order changes with each pair. */
export async function inTurn(
  rounds: number,
  limit: (round: number) => Promise<number>,
  measure: (round: number) => Promise<number>,
): Promise<Rounds> {
  const limits: number[] = []
  const measured: number[] = []
  for (let at = 0; at < rounds; at++) {
    if (at % 2 === 0) limits.push(await limit(at))
    measured.push(await measure(at))
    if (at % 2 === 1) limits.push(await limit(at))
  }
  return { limits, measured }
}

export function describeRounds({ limits, measured }: Rounds, digits = 0) {
  return {
    ratio: round(median(measured) / median(limits)),
    measured: round(median(measured), digits),
    limit: round(median(limits), digits),
    pairs: {
      limits: limits.map((value) => round(value, digits)),
      measured: measured.map((value) => round(value, digits)),
      ratios: measured.map((value, at) => round(value / (limits[at] ?? Number.NaN))),
    },
  }
}
