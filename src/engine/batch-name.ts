/**
 * Names of batches. A batch id carries the source, the epoch of the lease and where in the source's order the batch
 * belongs, so that two runs never give the same name to different rows.
 */
import type { Lease } from '../core/destination.ts'
import type { Position } from '../core/position.ts'
import { stagePath } from '../core/stage-path.ts'
import type { TableId } from '../core/table-schema.ts'

export function changesBatchId(lease: Lease, first: Position, last: Position): string {
  return `${leasePart(lease)}-${compact(first)}-${compact(last)}`
}

/** The positions of a transaction in progress are not known when its file is begun. `part` counts its files per table. */
export function inProgressBatchId(lease: Lease, transaction: number, stream: number, part: number): string {
  return `${leasePart(lease)}-x${transaction}.${stream}.${part}`
}

/** `reading` tells the readings under one lease apart; `part` counts the files of one reading. */
export function snapshotBatchId(lease: Lease, at: Position, chunk: number, reading: number, part: number): string {
  return `${leasePart(lease)}-s${compact(at)}.${chunk}.${reading}.${part}`
}

export function completionBatchId(lease: Lease, at: Position, attempt: number): string {
  return `${leasePart(lease)}-c${compact(at)}.${attempt}`
}

/** Where a batch rests and since when. */
export interface BatchPlace {
  readonly batchId: string
  readonly path: string
  readonly stagedMs: number
}

export function placeBatch(customer: string, table: TableId, batchId: string, stagedMs: number): BatchPlace {
  return { batchId, path: stagePath({ customer, table, batchId, stagedMs }), stagedMs }
}

function leasePart({ source, epoch }: Lease): string {
  return `${source}-e${epoch.toString().padStart(6, '0')}`
}

function compact(at: Position): string {
  return at.replaceAll('/', '.')
}
