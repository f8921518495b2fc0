/** Finds the rows that a statement fails on: where it fails for a range of rows, it is tried for each half. */
import type { FailedRow } from './compiled-transform.ts'
import { isFailureOfMachine, sqlReason } from './transform-error.ts'
import type { TransformSession } from './transform-session.ts'

/** One bad row of 100,000 takes 17 failures to find. Past it, what fails is put aside in whole ranges. */
const FAILURES_MAX = 2_000

export interface FailureSearch {
  /** Relation with `_row`. */
  readonly rows: string
  /** Does its work for rows in this range, all of it or nothing. */
  readonly run: (first: bigint, last: bigint) => Promise<unknown>
  /** A row is found. May throw to end the search. */
  readonly onFailure: (error: unknown, row: bigint) => void
}

export async function isolateFailures(session: TransformSession, search: FailureSearch): Promise<readonly FailedRow[]> {
  const bounds = await session.row(`SELECT min(_row) AS first, max(_row) AS last FROM ${search.rows}`)
  if (bounds.first === null) return []
  const failed: FailedRow[] = []
  let failures = 0
  const ranges: (readonly [bigint, bigint])[] = [[BigInt(String(bounds.first)), BigInt(String(bounds.last))]]
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [first, last] = range
    try {
      await search.run(first, last)
    } catch (error) {
      if (session.isStop(error) || isFailureOfMachine(error)) throw error
      failures++
      if (first < last && failures <= FAILURES_MAX) {
        const middle = (first + last) / 2n
        ranges.push([middle + 1n, last], [first, middle])
        continue
      }
      search.onFailure(error, first)
      const rows = await session.rows(`SELECT _row FROM ${search.rows} WHERE _row BETWEEN ${first} AND ${last}`)
      for (const { _row: row } of rows) failed.push({ row: BigInt(String(row)), reason: sqlReason(error) })
    }
  }
  return failed
}
