import type { ChunkRecord } from '../core/state.ts'
import type { SourceContext } from './context.ts'
import type { BookedTable } from './table-book.ts'

/** How far the reading of one table has come in this run. It is complete when nothing is missing and nothing unloaded. */
export interface TableReading {
  readonly table: BookedTable
  readonly plan: readonly ChunkRecord[]
  /** Chunks that are not finished. */
  missing: number
  /** Files that are staged but not in the shadow table. */
  unloaded: number
  completing: boolean
  rows: number
  bytes: number
}

export function beginReading(table: BookedTable, plan: readonly ChunkRecord[]): TableReading {
  const finished = plan.filter((chunk) => chunk.finishedAt !== undefined)
  return {
    table,
    plan,
    missing: plan.length - finished.length,
    unloaded: 0,
    completing: false,
    rows: finished.reduce((sum, chunk) => sum + chunk.rows, 0),
    bytes: 0,
  }
}

export function tellReading({ clock, emit, name }: SourceContext, reading: TableReading): void {
  emit({
    event: 'snapshot',
    source: name,
    table: reading.table.name,
    rows: reading.rows,
    bytes: reading.bytes,
    chunksDone: reading.plan.length - reading.missing,
    chunks: reading.plan.length,
    estimatedRows: reading.plan.reduce((sum, chunk) => sum + chunk.estimatedRows, 0),
    atMs: clock.nowMs(),
  })
}
