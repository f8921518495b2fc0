/** Plans of chunks: which of an earlier reading count for a later one. */
import type { SnapshotChunk, SnapshotPlan } from '../core/source.ts'
import type { ChunkRecord } from '../core/state.ts'
import type { SourceContext } from './context.ts'
import type { BookedTable } from './table-book.ts'

/** The old cut may stay, so that finished chunks keep their meaning; a source leaves the last chunk open-ended. */
export function combines(plan: SnapshotPlan, before: readonly ChunkRecord[]): boolean {
  return plan.resumable && before.length > 0 && before.every((chunk) => chunk.fingerprint === plan.fingerprint)
}

export function planAfresh(
  chunks: readonly SnapshotChunk[],
  table: BookedTable,
  fingerprint: string,
): readonly ChunkRecord[] {
  return chunks.map((chunk) => ({
    ...chunk,
    table: table.id,
    fingerprint,
    finishedAt: undefined,
    rows: 0,
    batchIds: [],
  }))
}

/** What an earlier reading staged is of no use any more. */
export async function forgetReading({ state, stage, name }: SourceContext, table: BookedTable): Promise<void> {
  const files = (await state.waiting(name, table.id)).filter((file) => file.kind === 'snapshot')
  await state.forget(files.map((file) => file.batchId))
  for (const file of files) await stage.remove(file.path)
  await state.clearChunks(table.id)
}
