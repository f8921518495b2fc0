/**
 * Rows on their way into batches, over all tables and transactions, and the bounds on them. A batch leaves when it is
 * full; when all together are too many, the largest leave first. So memory does not depend on the size of transactions,
 * and a quiet table's few rows wait for the boundary instead of becoming a file of their own.
 */
import { ChangeBuilder } from '../../columnar/change-builder.ts'
import type { WireColumn } from '../../columnar/wire-column.ts'
import type { StreamEvent } from '../../core/source.ts'
import type { FollowedTable, OpenTransaction, RowBuffer } from './stream-state.ts'

export interface RowBounds {
  readonly batchRowsMax: number
  readonly batchBytesMax: number
  readonly memoryBytesMax: number
}

/** Asking a builder for its size for each row would cost more than the row. */
const LOOK_EVERY_BYTES = 32 * 1024
/**
 * Batches of a transaction in progress become row groups of one file. Three are in hand (received, waiting, being encoded):
 * with 16 MiB each a large transaction takes 25 MiB more, and as long.
 */
const IN_PROGRESS_BYTES_MAX = 8 * 1024 * 1024
/**
 * A part of a file costs whoever reads it as much as thousands of rows: a large transaction must not be cut into as many as
 * small batches would make of it. So the more has left, the larger is what leaves next.
 */
const IN_PROGRESS_ROWS_SHARE = 1 / 20
/** Making room for a single row each time would cut batches to pieces. */
const KEPT_SHARE = 0.5

export class RowBuffers {
  readonly #bounds: RowBounds
  readonly #all = new Set<RowBuffer>()
  #bytes = 0

  constructor(bounds: RowBounds) {
    this.#bounds = bounds
  }

  open(table: FollowedTable, wire: readonly WireColumn[], transaction: OpenTransaction | undefined): RowBuffer {
    const { commitTimes } = table.request
    const mode = transaction === undefined ? 'changes' : 'in-progress'
    const builder = new ChangeBuilder(table.schema, wire, mode, { commitTimes })
    const buffer: RowBuffer = { builder, table, transaction, bytes: 0, newBytes: 0, rowsTaken: 0, transactionNumber: 0 }
    this.#all.add(buffer)
    return buffer
  }

  /** After each change. Returns true when `relieve` is wanted. */
  appended(buffer: RowBuffer, messageBytes: number): boolean {
    buffer.newBytes += messageBytes
    if (buffer.newBytes < LOOK_EVERY_BYTES && buffer.builder.rows < this.#rowsMax(buffer)) return false
    const bytes = buffer.builder.bytes
    this.#bytes += bytes - buffer.bytes
    buffer.bytes = bytes
    buffer.newBytes = 0
    return this.#isFull(buffer) || this.#bytes > this.#bounds.memoryBytesMax
  }

  /** Yields what is over the bounds: this buffer's batch, or the largest ones. */
  relieve(buffer: RowBuffer, events: StreamEvent[]): void {
    if (this.#isFull(buffer)) this.take(buffer, events)
    if (this.#bytes <= this.#bounds.memoryBytesMax) return
    const bySize = [...this.#all].sort((a, b) => b.bytes - a.bytes)
    for (const large of bySize) {
      if (this.#bytes <= this.#bounds.memoryBytesMax * KEPT_SHARE) return
      this.take(large, events)
    }
  }

  /** Yields what the buffer holds, if it holds anything. It goes on empty. */
  take(buffer: RowBuffer, events: StreamEvent[]): void {
    const { builder, transaction } = buffer
    if (builder.rows > 0) {
      buffer.rowsTaken += builder.rows
      if (transaction === undefined) events.push({ kind: 'changes', batch: builder.take() })
      else {
        events.push({ kind: 'in-progress', batch: builder.takeInProgress(transaction.id) })
        transaction.yielded = true
      }
    }
    this.#bytes -= buffer.bytes
    buffer.bytes = 0
    buffer.newBytes = 0
    buffer.transactionNumber = 0
  }

  /** Forgets the buffer and what it holds. */
  drop(buffer: RowBuffer): void {
    this.#bytes -= buffer.bytes
    buffer.bytes = 0
    this.#all.delete(buffer)
  }

  /** Yields all rows of committed transactions. */
  takeCommitted(events: StreamEvent[]): void {
    for (const buffer of this.#all) if (buffer.transaction === undefined) this.take(buffer, events)
  }

  /** Yields all rows of a table and forgets its buffers: rows that follow look different. */
  closeTable(table: FollowedTable, events: StreamEvent[]): void {
    for (const buffer of this.#all) {
      if (buffer.table !== table) continue
      this.take(buffer, events)
      this.drop(buffer)
      buffer.transaction?.buffers.delete(table)
    }
    table.changes = undefined
  }

  /** Forgets a table's rows. */
  dropTable(table: FollowedTable): void {
    for (const buffer of this.#all) {
      if (buffer.table !== table) continue
      this.drop(buffer)
      buffer.transaction?.buffers.delete(table)
    }
    table.changes = undefined
  }

  #isFull(buffer: RowBuffer): boolean {
    const { batchBytesMax } = this.#bounds
    const bytesMax = buffer.transaction === undefined ? batchBytesMax : Math.min(batchBytesMax, IN_PROGRESS_BYTES_MAX)
    return buffer.builder.rows >= this.#rowsMax(buffer) || buffer.bytes >= bytesMax
  }

  #rowsMax({ transaction, rowsTaken }: RowBuffer): number {
    const { batchRowsMax } = this.#bounds
    return transaction === undefined ? batchRowsMax : Math.max(batchRowsMax, rowsTaken * IN_PROGRESS_ROWS_SHARE)
  }
}
