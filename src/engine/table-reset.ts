import type { Lease } from '../core/destination.ts'
import type { TableRecord } from '../core/state.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import type { Turn } from './turn.ts'

export interface TableResetPorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
}

/**
 * The table is read again: what is staged for it is useless, and readers keep the rows that are there until a new snapshot
 * replaces them. The need to read again is saved first, in one step with `change`: a process that dies afterwards goes on
 * from there. A table that is paused stays so.
 */
export async function resetTable(
  { destination, state }: SourceContext,
  { book, lease, destinationGuard, destinationTurn, stop }: TableResetPorts,
  table: BookedTable,
  change: Partial<TableRecord>,
  reason: string,
): Promise<void> {
  await destinationTurn.run(async () => {
    const rests = table.record.state === 'paused' ? { state: 'paused' as const, resumeState: 'pending' as const } : {}
    await book.move(
      table,
      'reset',
      {
        snapshotPosition: undefined,
        backfill: undefined,
        mergedThrough: undefined,
        lastError: undefined,
        lastErrorCode: undefined,
        ...change,
        ...rests,
      },
      reason,
    )
    await destinationGuard.run(() => destination.resetCheckpoint(lease, table.id, stop.immediate), stop.immediate)
    table.group = undefined
    table.checkpoint = undefined
    await book.discardWaiting(table)
    await state.clearChunks(table.id)
  })
}
