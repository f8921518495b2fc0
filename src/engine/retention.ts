/** Removes stage files that are loaded and older than the retention, and what killed runs left unfinished. */

import type { Clock } from '../core/clock.ts'
import { comparePositions } from '../core/position.ts'
import type { Stage } from '../core/stage.ts'
import type { State } from '../core/state.ts'

export interface RetentionReport {
  readonly filesRemoved: number
  readonly bytesRemoved: number
}

const FILES_PER_STEP = 500
/** A file that has been unfinished for so long belongs to no running process. */
const UNFINISHED_AFTER_MS = 24 * 60 * 60 * 1000

export async function applyRetention(
  { stage, state, clock }: { readonly stage: Stage; readonly state: State; readonly clock: Clock },
  retentionMs: number,
  signal: AbortSignal,
): Promise<RetentionReport> {
  const nowMs = clock.nowMs()
  let filesRemoved = await stage.sweep(nowMs - UNFINISHED_AFTER_MS)
  let bytesRemoved = 0
  for (;;) {
    signal.throwIfAborted()
    const files = await state.loadedBefore(nowMs - retentionMs, FILES_PER_STEP)
    if (files.length === 0) return { filesRemoved, bytesRemoved }
    // First the mark, then the files: a destination older than the mark is then never taken for one that can catch up.
    for (const source of new Set(files.map((file) => file.schema.table.source))) {
      const changes = files.filter((file) => file.kind === 'changes' && file.schema.table.source === source)
      const through = changes
        .map((file) => file.lastPosition)
        .sort(comparePositions)
        .at(-1)
      if (through !== undefined) await state.notePruned(source, through)
    }
    for (const file of files) {
      await stage.remove(file.path)
      filesRemoved++
      bytesRemoved += file.bytes
    }
    await state.forget(files.map((file) => file.batchId))
  }
}
