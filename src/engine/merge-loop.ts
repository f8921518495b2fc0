/** Merges each group when it is due, and what is read again when that can be merged. */
import { disposition, isPipelineError, type PipelineError } from '../core/errors.ts'
import type { Position } from '../core/position.ts'
import type { BackfillMerger } from './backfill-merger.ts'
import type { StopSignals } from './context.ts'
import type { MergeSchedule } from './merge-schedule.ts'
import type { Merger } from './merger.ts'
import type { Wake } from './wake.ts'

export interface MergeLoopPorts {
  readonly merger: Merger
  readonly schedule: MergeSchedule
  readonly backfills: BackfillMerger
  /** `asked`: by a person, rather than because the run is done or has failed. */
  readonly stop: StopSignals & { readonly asked: AbortSignal }
  /** Everything before it is in the ledger. */
  readonly recorded: () => Position
  /** Nothing more is to come than what is recorded. */
  readonly isLast: () => boolean
  /** What else is asked for is taken up; true where that was something. */
  readonly ask: () => Promise<boolean>
  /** All of it is merged. */
  readonly done: () => void
  /** A stop was asked for, and what is staged could not be merged before: time mends it, and the next run merges. */
  readonly leftStaged: (error: PipelineError) => void
  /** Others may read the destination. */
  readonly letGo: () => Promise<void>
}

export async function runMerges(ports: MergeLoopPorts, wake: Wake): Promise<void> {
  try {
    await mergeUntilStopped(ports, wake)
  } catch (error) {
    const { asked, immediate } = ports.stop
    const isLate = isPipelineError(error) && disposition(error.code) === 'auto'
    if (!asked.aborted || immediate.aborted || !isLate) throw error
    ports.leftStaged(error)
  }
}

async function mergeUntilStopped(ports: MergeLoopPorts, wake: Wake): Promise<void> {
  const { merger, schedule, backfills, stop, recorded, isLast, ask, done, letGo } = ports
  while (!stop.graceful.aborted) {
    const to = recorded()
    const last = isLast()
    const { due, isPending, waitMs } = schedule.plan(to, last)
    for (const { group, moves } of due) {
      schedule.begun(group)
      await merger.flush(group, to, moves)
    }
    if (due.length > 0 || (await backfills.step())) {
      await letGo()
      continue
    }
    if (last && !isPending && !backfills.isPending) {
      const isMore = await ask()
      if (isMore || !isLast() || backfills.isPending) continue
      return done()
    }
    await wake.wait(waitMs, stop.graceful)
  }
  // However old it may be: nobody knows when there will be another run.
  const to = recorded()
  for (const group of merger.groups()) if (!stop.immediate.aborted) await merger.flush(group, to)
}
