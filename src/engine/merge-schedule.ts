/**
 * When a group is merged.
 *
 * - Where its freshness is no longer than the interval in which changes are staged: as soon as something is staged, at most
 *   once per freshness.
 * - Else at wall-clock multiples of its freshness (15m: at :00, :15, :30 and :45), so that groups and sources that have
 *   nothing to do with each other wake a destination together, and let it sleep in between.
 * - At once where somebody waits: a table that was read becomes visible when no other is being read, a table that was
 *   paused goes on, rows that are read again need it to have come so far, or the run ends with it.
 * - Where nothing changed, not at all. Only once a day the boundary at the destination is moved, so that what it says of
 *   itself is never further behind what is true.
 */
import type { Position } from '../core/position.ts'
import type { SourceContext } from './context.ts'
import type { GroupWork, Merger } from './merger.ts'
import type { TableBook } from './table-book.ts'
import { groupFreshnessMs } from './table-group.ts'

export interface SchedulePorts {
  readonly book: Pick<TableBook, 'all'>
  readonly merger: Pick<Merger, 'groups' | 'work' | 'isBehind'>
  /** How far the tables of a group are wanted to come, whatever waits. */
  readonly wants: (group: string) => Position | undefined
  /** Tables are being read for the first time, or soon will be. */
  readonly isReading: () => boolean
}

export interface MergePlan {
  readonly due: readonly { readonly group: string; readonly moves: boolean }[]
  /** Something waits in some group. */
  readonly isPending: boolean
  readonly waitMs: number
}

const DAY_MS = 24 * 60 * 60_000
/** Calendars jump, and machines sleep. */
const LOOK_AGAIN_MS = 60_000
/** Their descriptions are held in memory, some 500 bytes each; and a merge of so many is no small one any more. */
const FILES_MAX = 20_000

type ScheduleContext = Pick<SourceContext, 'clock' | 'settings'>

export class MergeSchedule {
  readonly #context: ScheduleContext
  readonly #ports: SchedulePorts
  /** By group: when it was merged last, by `elapsedMs` and by the calendar. */
  readonly #merged = new Map<string, { readonly elapsedMs: number; readonly atMs: number }>()
  /** By group: when there was work for it first since then. */
  readonly #noticedMs = new Map<string, number>()

  constructor(context: ScheduleContext, ports: SchedulePorts) {
    this.#context = context
    this.#ports = ports
  }

  /** `last`: nothing more is to come. */
  plan(to: Position, last: boolean): MergePlan {
    const { merger, wants } = this.#ports
    const nowMs = this.#context.clock.nowMs()
    const due: { group: string; moves: boolean }[] = []
    let isPending = false
    let nextMs = Number.POSITIVE_INFINITY
    for (const group of merger.groups()) {
      const work = merger.work(group, to)
      const wanted = wants(group)
      const isWanted = wanted !== undefined && wanted <= to && merger.isBehind(group, wanted)
      isPending ||= work !== undefined || isWanted
      const moves = isWanted || this.#isOutdated(group, to, nowMs)
      const atMs = moves || (last && work !== undefined) ? nowMs : this.#dueMs(group, work, nowMs)
      if (atMs <= nowMs) due.push({ group, moves })
      else nextMs = Math.min(nextMs, atMs)
    }
    return { due, isPending, waitMs: Math.min(nextMs - nowMs, LOOK_AGAIN_MS) }
  }

  /** Called when the group is about to be merged. */
  begun(group: string): void {
    const { clock } = this.#context
    this.#merged.set(group, { elapsedMs: clock.elapsedMs(), atMs: clock.nowMs() })
    this.#noticedMs.delete(group)
  }

  #dueMs(group: string, work: GroupWork | undefined, nowMs: number): number {
    const { settings, clock } = this.#context
    if (work === undefined) {
      this.#noticedMs.delete(group)
      return Number.POSITIVE_INFINITY
    }
    const freshnessMs = groupFreshnessMs(group, settings)
    if (freshnessMs <= settings.intervalMs) {
      const merged = this.#merged.get(group)
      return merged === undefined ? nowMs : nowMs + merged.elapsedMs + freshnessMs - clock.elapsedMs()
    }
    const isAwaited = work.rejoins || (work.promotes && !this.#ports.isReading())
    if (isAwaited || work.files > FILES_MAX) return nowMs
    const noticedMs = this.#noticedMs.get(group) ?? nowMs
    this.#noticedMs.set(group, noticedMs)
    // Files of an earlier run have waited longer than this one knows; after a jump of the calendar they seem to lie ahead.
    const sinceMs = Math.min(noticedMs, work.stagedMs ?? noticedMs, nowMs)
    return nextMultipleMs(sinceMs, freshnessMs)
  }

  /** Once a day, on the day's first moment: all sources together. */
  #isOutdated(group: string, to: Position, nowMs: number): boolean {
    if (!this.#ports.merger.isBehind(group, to)) return false
    const known = this.#merged.get(group)?.atMs ?? this.#lastSyncMs(group)
    if (known === undefined) return false
    return nextMultipleMs(known, DAY_MS) <= nowMs
  }

  #lastSyncMs(group: string): number | undefined {
    const tables = this.#ports.book.all().filter((table) => table.group === group)
    const times = tables.flatMap(({ record }) => record.lastSyncMs ?? [])
    return times.length === 0 ? undefined : Math.max(...times)
  }
}

function nextMultipleMs(sinceMs: number, everyMs: number): number {
  return (Math.floor(sinceMs / everyMs) + 1) * everyMs
}
