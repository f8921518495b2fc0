/** Days of which rows are removed, as few conditions as will do: days that follow each other and go together are one. */
import type { Position } from '../core/position.ts'

export interface RemovedDay {
  /** Days since 1970. */
  readonly day: number
  /** Rows with a smaller position go. */
  readonly position: Position
}

export interface PeriodRun {
  /** Days since 1970, both included. */
  readonly from: number
  readonly through: number
  readonly position: Position
}

const DAY_MS = 86_400_000

/** In any order; of a day that is given twice the later position counts. */
export function periodRuns(days: readonly RemovedDay[]): readonly PeriodRun[] {
  const runs: PeriodRun[] = []
  for (const { day, position } of days.toSorted(byDay)) {
    const last = runs.at(-1)
    if (last !== undefined && last.through === day && last.position >= position) continue
    if (last !== undefined && last.through + 1 >= day && last.position === position) {
      runs[runs.length - 1] = { ...last, through: day }
    } else runs.push({ from: day, through: day, position })
  }
  return runs
}

/** `2024-03-01`. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

function byDay(a: RemovedDay, b: RemovedDay): number {
  if (a.day !== b.day) return a.day - b.day
  return a.position < b.position ? 1 : a.position > b.position ? -1 : 0
}
