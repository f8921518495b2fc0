import { type ColumnVector, NO_FEATURES, type SnapshotBatch } from '../core/batch.ts'
import type { Position } from '../core/position.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { ColumnSet } from './column-set.ts'
import { OperationColumn } from './operation-column.ts'
import { vectorBytes } from './vector-builder.ts'
import type { WireColumn } from './wire-column.ts'
import { WireRow } from './wire-row.ts'

/**
 * COPY binary tuples → snapshot batches. A batch has an `_op` column only where it is needed: when a row is quarantined
 * whole, and when the table has no column that could carry the number of rows.
 */
export class SnapshotBuilder {
  readonly #schema: TableSchema
  readonly #position: Position
  readonly #columns: ColumnSet
  readonly #values: WireRow
  /** Rows that are quarantined whole. */
  readonly #rejected: number[] = []
  readonly #isBag: boolean
  #rows = 0

  constructor(schema: TableSchema, wire: readonly WireColumn[], position: Position) {
    this.#schema = schema
    this.#position = position
    this.#columns = new ColumnSet(schema, wire)
    this.#values = new WireRow(wire.map((column) => column.binary))
    this.#isBag = schema.identity.kind === 'bag'
  }

  get rows(): number {
    return this.#rows
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    return this.#columns.bytes(this.#rows)
  }

  /** Appends the complete tuple at `offset`, its int16 field count first. Returns the offset behind it. */
  appendTuple(buffer: Uint8Array, offset: number): number {
    const columns = this.#columns
    const values = this.#values
    const row = this.#rows
    columns.source.use(buffer)
    const end = values.readCopy(columns.source.view, offset)
    if (!columns.append(row, values) && !columns.settle(row, values)) this.#rejected.push(row)
    if (this.#isBag) columns.appendContentHash(row)
    this.#rows = row + 1
    return end
  }

  /** Hands over what was appended, and starts a new batch. The vectors are the caller's. */
  take(): SnapshotBatch {
    const rows = this.#rows
    const quarantinedRows = this.#columns.quarantinedRows
    const vectors = this.#columns.take(rows)
    if (this.#rejected.length > 0 || vectors.length === 0) vectors.unshift(this.#operations(rows))
    const bytes = vectors.reduce((sum, vector) => sum + vectorBytes(vector), 0)
    this.#rows = 0
    this.#rejected.length = 0
    const features = { ...NO_FEATURES, quarantinedRows }
    return { kind: 'snapshot', schema: this.#schema, position: this.#position, rows, bytes, vectors, features }
  }

  #operations(rows: number): ColumnVector {
    const operations = new OperationColumn()
    let rejected = 0
    for (let row = 0; row < rows; row++) {
      const isRejected = this.#rejected[rejected] === row
      if (isRejected) rejected++
      operations.append(row, isRejected ? 'q' : 'i')
    }
    return operations.take(rows)
  }
}
