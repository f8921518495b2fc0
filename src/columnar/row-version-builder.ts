import { type BatchFeatures, type ChangeBatch, type ColumnVector, NO_FEATURES, type Operation } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import { ORDINAL_DIGITS, type Position } from '../core/position.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { ColumnSet } from './column-set.ts'
import { CommitTimes } from './commit-times.ts'
import { OperationColumn } from './operation-column.ts'
import { PositionColumn } from './position-column.ts'
import { vectorBytes } from './vector-builder.ts'
import type { WireBuffer } from './wire-buffer.ts'
import type { WireColumn } from './wire-column.ts'
import { WireRow } from './wire-row.ts'

/** What becomes of a row that was read. */
export const LEAVE_OUT = 0
/** It is not at the destination. */
export const INSERT_ROW = 1
/** It may be at the destination, as it is or as it was. */
export const PUT_ROW = 2
/** As `PUT_ROW`, then deleted: the destination keeps its last values. */
export const PUT_AND_DELETE_ROW = 3
/** Deleted; the tuple has the key alone. */
export const DELETE_KEY = 4

export type RowVerdict =
  | typeof LEAVE_OUT
  | typeof INSERT_ROW
  | typeof PUT_ROW
  | typeof PUT_AND_DELETE_ROW
  | typeof DELETE_KEY

export interface RowJudge {
  /** `start`, `end`: where the tuple lies in `source`, its field count included. Called once per tuple, in order. */
  judge(row: WireRow, source: WireBuffer, start: number, end: number): RowVerdict
}

/** Where in the order of all changes the rows come, over all builders that share it. */
export interface RowNumbering {
  /** Of `positionPrefix`. */
  readonly prefix: string
  /** When the rows were read, by the source's clock. Microseconds since 1970. */
  readonly readUs: number
  /** Of the last row that was numbered. */
  ordinal: number
}

/** COPY binary tuples of rows as they are now → change batches, for sources that find changes by asking. */
export class RowVersionBuilder {
  readonly #schema: TableSchema
  readonly #columns: ColumnSet
  readonly #values: WireRow
  readonly #judge: RowJudge
  readonly #operations = new OperationColumn()
  readonly #positions = new PositionColumn()
  readonly #commitTimes: CommitTimes | undefined
  #numbering: RowNumbering | undefined
  #rows = 0
  #firstPosition = ''
  #lastOrdinal = 0
  #updates = 0
  #deletes = 0
  #truncates = 0

  constructor(schema: TableSchema, wire: readonly WireColumn[], judge: RowJudge, commitTimes: boolean) {
    this.#schema = schema
    this.#columns = new ColumnSet(schema, wire)
    this.#values = new WireRow(wire.map((column) => column.binary))
    this.#judge = judge
    this.#commitTimes = commitTimes ? new CommitTimes() : undefined
  }

  get rows(): number {
    return this.#rows
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    const times = this.#commitTimes?.bytes(this.#rows) ?? 0
    return this.#columns.bytes(this.#rows) + this.#operations.bytes + this.#positions.bytes + times
  }

  /** Rows that follow are numbered by this one. */
  begin(numbering: RowNumbering): void {
    this.#numbering = numbering
    this.#positions.setPrefix(numbering.prefix)
    this.#commitTimes?.begin(this.#rows, numbering.readUs)
  }

  /** Takes the complete tuple at `offset`, its int16 field count first. Returns the offset behind it. */
  appendTuple(buffer: Uint8Array, offset: number): number {
    const columns = this.#columns
    const values = this.#values
    columns.source.use(buffer)
    const end = values.readCopy(columns.source.view, offset)
    const verdict = this.#judge.judge(values, columns.source, offset, end)
    if (verdict === LEAVE_OUT) return end
    const row = this.#rows
    const isKept = columns.append(row, values) || columns.settle(row, values)
    columns.appendContentHash(row)
    this.#endRow(isKept ? operationOf(verdict) : 'q')
    if (verdict === PUT_AND_DELETE_ROW && isKept) {
      columns.appendKey(row + 1, values)
      this.#endRow('d')
    }
    return end
  }

  /** Nothing waits: each row is judged, and decoded, as it comes. */
  decode(): void {}

  /** Every row that is older than this is gone. */
  truncate(): void {
    this.#endRow('t')
  }

  /** Hands over what was appended, at least one row, and starts a new batch. The vectors are the caller's. */
  take(): ChangeBatch {
    const rows = this.#rows
    invariant(rows > 0, 'a batch of changes has at least one row')
    const features: BatchFeatures = {
      ...NO_FEATURES,
      updates: this.#updates,
      deletes: this.#deletes,
      truncates: this.#truncates,
      quarantinedRows: this.#columns.quarantinedRows,
    }
    const vectors: ColumnVector[] = [this.#operations.take(rows), this.#positions.take(rows)]
    if (this.#commitTimes !== undefined) vectors.push(this.#commitTimes.take(rows))
    vectors.push(...this.#columns.take(rows))
    const bytes = vectors.reduce((sum, vector) => sum + vectorBytes(vector), 0)
    const batch: ChangeBatch = {
      kind: 'changes',
      schema: this.#schema,
      rows,
      bytes,
      vectors,
      features,
      firstPosition: this.#firstPosition as Position,
      lastPosition: positionOf(this.#positions.prefix, this.#lastOrdinal),
    }
    this.#rows = 0
    this.#updates = 0
    this.#deletes = 0
    this.#truncates = 0
    if (this.#numbering !== undefined) this.#commitTimes?.begin(0, this.#numbering.readUs)
    return batch
  }

  #endRow(operation: Operation): void {
    const numbering = this.#numbering
    invariant(numbering !== undefined, 'rows are numbered')
    const ordinal = numbering.ordinal + 1
    numbering.ordinal = ordinal
    const row = this.#rows
    this.#operations.append(row, operation)
    this.#positions.append(row, ordinal)
    if (row === 0) this.#firstPosition = positionOf(this.#positions.prefix, ordinal)
    this.#lastOrdinal = ordinal
    if (operation === 'u') this.#updates++
    else if (operation === 'd') this.#deletes++
    else if (operation === 't') this.#truncates++
    this.#rows = row + 1
  }
}

function operationOf(verdict: RowVerdict): Operation {
  return verdict === INSERT_ROW ? 'i' : verdict === DELETE_KEY ? 'd' : 'u'
}

function positionOf(prefix: string, ordinal: number): Position {
  return (prefix + ordinal.toString(16).padStart(ORDINAL_DIGITS, '0')) as Position
}
