/** What earlier results say of days, and what people have said of them. */
import type { FileResult } from '../../core/file-check.ts'
import { type Day, parseDay } from '../calendar/civil-date.ts'

export interface DayHistory {
  readonly rows: ReadonlyMap<Day, number>
  /** By column. */
  readonly sums: ReadonlyMap<string, ReadonlyMap<Day, number>>
  /** Records of other files of the set, one for each. */
  readonly fileRecords: readonly number[]
  /** Names of their periods. */
  readonly periods: ReadonlySet<string>
}

/** Days that a person has called expected, with the reason. */
export interface ExpectedDays {
  readonly days: ReadonlyMap<Day, string>
  /** Days from which another level is the normal one, with the reason. */
  readonly newNormalFrom: ReadonlyMap<Day, string>
}

export const NO_EXPECTED_DAYS: ExpectedDays = { days: new Map(), newNormalFrom: new Map() }

/** Of a file of which more was rejected, its days say nothing of what is usual: rows of each are missing. */
const REJECTED_SHARE_MAX = 0.05

/**
 * Of other files of a set: of each the newest result, and only what was read to its end. Rows of one day in several files add up.
 * `results`: the newest first.
 */
export function dayHistory(set: string, file: string, results: Iterable<FileResult>): DayHistory {
  const rows = new Map<Day, number>()
  const sums = new Map<string, Map<Day, number>>()
  const fileRecords: number[] = []
  const periods = new Set<string>()
  const seen = new Set<string>([file])
  for (const result of results) {
    if (result.set !== set || seen.has(result.file)) continue
    seen.add(result.file)
    if (!result.coverage.complete) continue
    fileRecords.push(result.coverage.records)
    if (result.period !== undefined) periods.add(result.period)
    if (result.coverage.rejected > REJECTED_SHARE_MAX * result.coverage.records) continue
    for (const told of result.days) {
      const day = parseDay(told.day)
      if (day === undefined) continue
      rows.set(day, (rows.get(day) ?? 0) + told.rows)
      for (const [name, text] of Object.entries(told.sums)) {
        const known = sums.get(name) ?? new Map<Day, number>()
        sums.set(name, known.set(day, (known.get(day) ?? 0) + Number(text)))
      }
    }
  }
  return { rows, sums, fileRecords, periods }
}
