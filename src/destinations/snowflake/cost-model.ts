/**
 * What a day of merging costs, as a written model: pure, so that `cost estimate`, the benchmarks and the guide say the same.
 *
 * A warehouse is billed by the second while it runs, and for a minute at least each time it resumes. Merge moments are
 * multiples of each table's freshness on the clock, and one wake-up serves all tables that are due:
 *
 *     wake-ups   = moments at which at least one due table has changes
 *     busy       = WINDOW + for each due table (TABLE + scanned / SCAN + written / WRITE)      seconds, on an XSMALL
 *     billed     = max(60, busy)             where the warehouse is suspended when done
 *                = max(60, busy + AUTO_SUSPEND)                                            else
 *     credits    = billed / 3600 × rate      (XSMALL, generation 1: 1 credit per hour)
 *
 * never more than the time to the next moment, since then it just runs on. Changes come evenly at random, so that a table has none
 * in a window with probability e^(-changes); a wake-up that only perhaps happens counts with its probability.
 *
 * The times are round figures for an XSMALL and no measurements of Snowflake: they make settings comparable.
 */
import type { DayEstimate, TableVolume } from '../../core/warehouse-cost.ts'

export interface WarehouseTerms {
  readonly creditsPerHour: number
  readonly suspendWhenDone: boolean
  readonly autoSuspendSeconds: number
}

/** Lease, checkpoint, ledger and commit of one window. */
export const WINDOW_SECONDS = 0.6
/** COPY and MERGE of one table, without their bytes. */
export const TABLE_SECONDS = 0.4
export const SCANNED_BYTES_PER_SECOND = 100 << 20
export const WRITTEN_BYTES_PER_SECOND = 25 << 20
/** A changed row makes its whole micro-partition be read and written again. */
export const MICRO_PARTITION_BYTES = 16 << 20
export const BILLED_SECONDS_MIN = 60
const DAY_SECONDS = 86_400

/** Seconds that one resume is billed for. */
export function billedSeconds(busySeconds: number, terms: WarehouseTerms): number {
  const running = terms.suspendWhenDone ? busySeconds : busySeconds + terms.autoSuspendSeconds
  return Math.max(BILLED_SECONDS_MIN, running)
}

/** Of one table in a window that has `changes` of it; 0 where it has none. */
export function tableSeconds({ bytesPerChange, tableBytes }: TableVolume, changes: number): number {
  if (changes === 0) return 0
  const staged = changes * bytesPerChange
  const touched = Math.min(tableBytes, changes * MICRO_PARTITION_BYTES)
  const scanned = 2 * staged + touched
  const written = 2 * staged + touched
  return TABLE_SECONDS + scanned / SCANNED_BYTES_PER_SECOND + written / WRITTEN_BYTES_PER_SECOND
}

/** `tables` in any order; a table without changes costs nothing. */
export function estimateDay(tables: readonly TableVolume[], terms: WarehouseTerms): DayEstimate {
  const windows = tables.map((table) => expectedWindow(table))
  const busyOf = windows.map(() => 0)
  const moments = mergeMoments(tables)
  let wakeUps = 0
  let busySeconds = 0
  let billed = 0
  for (const [index, moment] of moments.entries()) {
    const gap = (moments[index + 1] ?? DAY_SECONDS + (moments[0] ?? 0)) - moment
    let asleep = 1
    let busy = 0
    for (const [each, window] of windows.entries()) {
      if (moment % window.everySeconds !== 0) continue
      asleep *= 1 - window.probability
      busy += window.probability * window.seconds
      busyOf[each] = (busyOf[each] ?? 0) + window.probability * window.seconds
    }
    const wakes = 1 - asleep
    if (wakes === 0) continue
    // Of the wake-ups that happen.
    const running = WINDOW_SECONDS + busy / wakes
    wakeUps += wakes
    busySeconds += wakes * running
    billed += wakes * Math.min(Math.max(gap, running), billedSeconds(running, terms))
  }
  const credits = (billed / 3600) * terms.creditsPerHour
  const tableBusy = busyOf.reduce((sum, seconds) => sum + seconds, 0)
  return {
    wakeUps,
    busySeconds,
    billedSeconds: billed,
    credits,
    idleShare: billed === 0 ? 0 : Math.max(0, 1 - busySeconds / billed),
    tables: tables.map(({ table }, index) => {
      const { everySeconds, probability } = windows[index] as ExpectedWindow
      const seconds = busyOf[index] ?? 0
      return {
        table,
        mergesPerDay: (DAY_SECONDS / everySeconds) * probability,
        busySecondsPerDay: seconds,
        creditsPerDay: tableBusy === 0 ? 0 : (credits * seconds) / tableBusy,
      }
    }),
  }
}

interface ExpectedWindow {
  readonly everySeconds: number
  /** That there are changes. */
  readonly probability: number
  /** Where there are. */
  readonly seconds: number
}

function expectedWindow(table: TableVolume): ExpectedWindow {
  const everySeconds = Math.min(DAY_SECONDS, Math.max(1, Math.round(table.freshnessMs / 1000)))
  const changes = (table.changesPerDay * everySeconds) / DAY_SECONDS
  const probability = 1 - Math.exp(-changes)
  const seconds = probability === 0 ? 0 : tableSeconds(table, changes / probability)
  return { everySeconds, probability, seconds }
}

/** Seconds of the day at which some table is due, ascending. */
function mergeMoments(tables: readonly TableVolume[]): readonly number[] {
  const moments = new Set<number>()
  for (const seconds of new Set(tables.map((table) => expectedWindow(table).everySeconds))) {
    for (let at = 0; at < DAY_SECONDS; at += seconds) moments.add(at)
  }
  return [...moments].sort((a, b) => a - b)
}
