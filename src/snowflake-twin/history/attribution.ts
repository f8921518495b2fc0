/**
 * Credits of a warehouse by the statements that ran on it: at each moment its rate is shared evenly by what runs then. Idle time belongs
 * to nobody, and statements of a tenth of a second or less are left out.
 * https://docs.snowflake.com/en/sql-reference/account-usage/query_attribution_history
 */
import type { QueryRecord } from './query-history.ts'

export const ATTRIBUTED_MS_MIN = 100

/** By the id of the query. */
export function attributedCredits(records: readonly QueryRecord[]): ReadonlyMap<string, number> {
  const credits = new Map<string, number>()
  const byWarehouse = Map.groupBy(
    records.filter(({ warehouse, startMs, endMs }) => warehouse !== undefined && endMs - startMs > ATTRIBUTED_MS_MIN),
    ({ warehouse }) => warehouse,
  )
  for (const ran of byWarehouse.values()) shareOut(ran, credits)
  return credits
}

function shareOut(records: readonly QueryRecord[], credits: Map<string, number>): void {
  const moments = records.flatMap((record) => [
    { atMs: record.startMs, record, isStart: true },
    { atMs: record.endMs, record, isStart: false },
  ])
  moments.sort((left, right) => left.atMs - right.atMs)
  const active = new Set<QueryRecord>()
  let before = 0
  for (const { atMs, record, isStart } of moments) {
    for (const running of active) {
      const share = ((atMs - before) * running.creditsPerHour) / 3_600_000 / active.size
      credits.set(running.id, (credits.get(running.id) ?? 0) + share)
    }
    if (isStart) active.add(record)
    else active.delete(record)
    before = atMs
  }
}
