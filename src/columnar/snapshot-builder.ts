import { type ColumnVector, NO_FEATURES, type SnapshotBatch } from '../core/batch.ts'
import type { Position } from '../core/position.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { ColumnSet } from './column-set.ts'
import { OperationColumn } from './operation-column.ts'
import { TupleRun } from './tuple-run.ts'
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
  /** Tuples that are not in the vectors yet. */
  readonly #run: TupleRun
  /** Rows that are quarantined whole. */
  readonly #rejected: number[] = []
  readonly #isBag: boolean
  /** Rows that are in the vectors. */
  #decoded = 0

  constructor(schema: TableSchema, wire: readonly WireColumn[], position: Position) {
    this.#schema = schema
    this.#position = position
    this.#columns = new ColumnSet(schema, wire)
    this.#run = new TupleRun(wire.length)
    this.#values = new WireRow(wire.map((column) => column.binary))
    this.#isBag = schema.identity.kind === 'bag'
  }

  get rows(): number {
    return this.#decoded + this.#run.rows
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    this.decode()
    return this.#columns.bytes(this.#decoded)
  }

  /** Takes the complete tuple at `offset`, its int16 field count first. Returns the offset behind it. */
  appendTuple(buffer: Uint8Array, offset: number): number {
    const source = this.#columns.source
    const run = this.#run
    if (run.rows === run.capacity || buffer !== source.bytes) this.decode()
    source.use(buffer)
    return run.add(source.view, offset)
  }

  /** Before the bytes of a buffer change, or are let go: tuples wait in it, to be decoded many at a time. */
  decode(): void {
    const columns = this.#columns
    const run = this.#run
    if (run.rows === 0) return
    if (!this.#isBag && columns.appendRun(this.#decoded, run)) this.#decoded += run.rows
    else for (let index = 0; index < run.rows; index++) this.#appendRow(index)
    run.rows = 0
  }

  #appendRow(index: number): void {
    const columns = this.#columns
    const values = this.#values
    const row = this.#decoded
    values.readRun(this.#run, index)
    if (!columns.append(row, values) && !columns.settle(row, values)) this.#rejected.push(row)
    if (this.#isBag) columns.appendContentHash(row)
    this.#decoded = row + 1
  }

  /** Hands over what was appended, and starts a new batch. The vectors are the caller's. */
  take(): SnapshotBatch {
    this.decode()
    const rows = this.#decoded
    const quarantinedRows = this.#columns.quarantinedRows
    const vectors = this.#columns.take(rows)
    if (this.#rejected.length > 0 || vectors.length === 0) vectors.unshift(this.#operations(rows))
    const bytes = vectors.reduce((sum, vector) => sum + vectorBytes(vector), 0)
    this.#decoded = 0
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
