/** When what is recorded goes to the destination: at most once per freshness, and at once where nobody waits for more. */
import type { Position } from '../core/position.ts'
import type { BackfillMerger } from './backfill-merger.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Merger } from './merger.ts'
import type { Wake } from './wake.ts'

export interface MergeLoopPorts {
  readonly merger: Merger
  readonly backfills: BackfillMerger
  readonly stop: StopSignals
  /** Everything before it is in the ledger. */
  readonly recorded: () => Position
  /** Nothing more is to come than what is recorded. */
  readonly isLast: () => boolean
  /** What else is asked for is taken up; true where that was something. */
  readonly ask: () => Promise<boolean>
  /** All of it is merged. */
  readonly done: () => void
  /** Others may read the destination. */
  readonly letGo: () => Promise<void>
}

export async function runMerges(context: SourceContext, ports: MergeLoopPorts, wake: Wake): Promise<void> {
  const { clock } = context
  const { merger, backfills, stop, recorded, isLast, ask, done, letGo } = ports
  let lastFlushMs = Number.NEGATIVE_INFINITY
  while (!stop.graceful.aborted) {
    const to = recorded()
    const last = isLast()
    const pending = merger.pending(to, backfills.wants)
    const waitMs = pending ? lastFlushMs + context.settings.freshnessMs - clock.elapsedMs() : Number.POSITIVE_INFINITY
    if (pending && (waitMs <= 0 || last)) {
      lastFlushMs = clock.elapsedMs()
      await merger.flush(to, backfills.wants)
      await letGo()
      continue
    }
    if (await backfills.step()) {
      await letGo()
      continue
    }
    if (last && !pending && !backfills.isPending) {
      const isMore = await ask()
      if (isMore || !isLast() || backfills.isPending) continue
      return done()
    }
    await wake.wait(waitMs, stop.graceful)
  }
  if (!stop.immediate.aborted) await merger.flush(recorded())
}
