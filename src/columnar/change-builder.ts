import {
  type BatchFeatures,
  type ChangeBatch,
  type ColumnVector,
  type InProgressBatch,
  NO_FEATURES,
  type Operation,
  oldKeyColumn,
  SYSTEM_COLUMNS,
} from '../core/batch.ts'
import { PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import { ORDINAL_DIGITS, type Position } from '../core/position.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import { ColumnSet } from './column-set.ts'
import { CommitTimes } from './commit-times.ts'
import { OK } from './decode-outcome.ts'
import { OperationColumn } from './operation-column.ts'
import { PositionColumn } from './position-column.ts'
import { TextWriter } from './text-writer.ts'
import { VectorBuilder, vectorBytes } from './vector-builder.ts'
import { giveMemory, takeMemory } from './vector-memory.ts'
import type { WireColumn } from './wire-column.ts'
import { WireRow } from './wire-row.ts'

/** What stands before the old tuple in a pgoutput message, as character code: 0 (none), `K` or `O`. */
export type OldTupleKind = 0 | 75 | 79

export const NO_OLD_TUPLE = 0
export const OLD_KEY = 75
export const OLD_ROW = 79

const scratch = new TextWriter()

/**
 * pgoutput changes of one relation → change batches. Offsets point at TupleData. Each method returns how many rows it
 * appended; they have the ordinals `ordinal`, `ordinal + 1`, …
 *
 * - Without an old tuple the key did not change. An old tuple whose key differs makes the change a key change: the `k`
 *   columns have the old key.
 * - Values that were not sent because they are unchanged are taken from the old tuple where it has them, else they are
 *   NULL and listed in `_unchanged`.
 * - A delete has what its old tuple has: the key, or with REPLICA IDENTITY FULL everything.
 * - Identity `bag`: an update is the delete of the old row and the insert of the new one.
 * - A row whose new key has no representation leaves the destination: where it was there under another key, it is deleted,
 *   and the new row is quarantined whole.
 */
export class ChangeBuilder {
  readonly #schema: TableSchema
  readonly #columns: ColumnSet
  readonly #values: WireRow
  readonly #oldValues: WireRow
  readonly #operations = new OperationColumn()
  /** Mode `in-progress`: not filled, `#ordinals` is. */
  readonly #positions: PositionColumn | undefined
  readonly #commitTimes: CommitTimes | undefined
  readonly #oldKeys: readonly VectorBuilder[]
  readonly #unchanged = new VectorBuilder(SYSTEM_COLUMNS.unchanged, { kind: 'text' }, 0)
  /** Column id by wire position, 0 for columns that are left out. */
  readonly #columnIds: readonly number[]
  #ordinals: Float64Array = new Float64Array(0)
  #rows = 0
  #firstPosition = ''
  #lastOrdinal = 0
  #updates = 0
  #deletes = 0
  #truncates = 0
  #keyChanges = 0
  #partialRows = 0

  constructor(
    schema: TableSchema,
    wire: readonly WireColumn[],
    mode: 'changes' | 'in-progress',
    { commitTimes = false }: { readonly commitTimes?: boolean | undefined } = {},
  ) {
    this.#schema = schema
    this.#columns = new ColumnSet(schema, wire)
    const binary = wire.map((column) => column.binary)
    this.#values = new WireRow(binary)
    this.#oldValues = new WireRow(binary)
    this.#columnIds = wire.map(({ column }) => column?.id ?? 0)
    this.#positions = mode === 'changes' ? new PositionColumn() : undefined
    this.#commitTimes = commitTimes ? new CommitTimes() : undefined
    this.#oldKeys = this.#columns.keyIndexes.flatMap((index) => {
      const column = wire[index]?.column
      return column === undefined ? [] : [new VectorBuilder(oldKeyColumn(column.id), column.type, 0)]
    })
  }

  get rows(): number {
    return this.#rows
  }

  /** Bytes that the vectors of `take` will hold. */
  get bytes(): number {
    let bytes = this.#columns.bytes(this.#rows) + this.#operations.bytes + this.#unchanged.length
    bytes += this.#positions === undefined ? this.#rows * 8 : this.#positions.bytes
    if (this.#commitTimes !== undefined) bytes += this.#commitTimes.bytes(this.#rows)
    for (const oldKey of this.#oldKeys) bytes += oldKey.length
    return bytes
  }

  /** Rows that follow belong to the transaction with this `positionPrefix` and commit time. Only in mode `changes`. */
  beginTransaction(prefix: string, committedUs: number): void {
    invariant(this.#positions !== undefined, 'rows in progress get their positions at the commit')
    this.#positions.setPrefix(prefix)
    this.#commitTimes?.begin(this.#rows, committedUs)
  }

  insert(buffer: Uint8Array, tupleOffset: number, ordinal: number): number {
    this.#columns.source.use(buffer)
    this.#values.readTupleData(this.#columns.source.view, tupleOffset)
    this.#appendRow('i', this.#values, ordinal)
    return 1
  }

  update(buffer: Uint8Array, oldKind: OldTupleKind, oldOffset: number, newOffset: number, ordinal: number): number {
    const columns = this.#columns
    columns.source.use(buffer)
    this.#values.readTupleData(columns.source.view, newOffset)
    if (oldKind !== NO_OLD_TUPLE) this.#readOld(oldKind, oldOffset)
    if (this.#schema.identity.kind === 'key') return this.#updateByKey(oldKind, ordinal)
    this.#requireOldRow(oldKind)
    this.#appendRow('d', this.#oldValues, ordinal)
    this.#appendRow('i', this.#values, ordinal + 1)
    return 2
  }

  delete(buffer: Uint8Array, oldKind: OldTupleKind, oldOffset: number, ordinal: number): number {
    const columns = this.#columns
    columns.source.use(buffer)
    this.#oldValues.readTupleData(columns.source.view, oldOffset)
    if (this.#schema.identity.kind !== 'key') this.#requireOldRow(oldKind)
    this.#appendDelete(oldKind, ordinal)
    return 1
  }

  truncate(ordinal: number): number {
    this.#truncates++
    this.#endRow('t', ordinal)
    return 1
  }

  /** Mode `changes`: hands over what was appended, at least one row, and starts a new batch. The vectors are the caller's. */
  take(): ChangeBatch {
    invariant(this.#positions !== undefined, 'rows in progress are taken with their transaction')
    invariant(this.#rows > 0, 'a batch of changes has at least one row')
    const firstPosition = this.#firstPosition as Position
    const lastPosition = positionOf(this.#positions.prefix, this.#lastOrdinal)
    return { kind: 'changes', ...this.#takeBatch(this.#positions), firstPosition, lastPosition }
  }

  /** Mode `in-progress`: as `take`, for rows of a transaction whose commit is not known yet. */
  takeInProgress(transaction: number): InProgressBatch {
    invariant(this.#positions === undefined, 'rows of a committed transaction have positions')
    const ordinals = this.#ordinals.subarray(0, this.#rows)
    this.#ordinals = new Float64Array(0)
    const batch = this.#takeBatch(undefined)
    return { kind: 'in-progress', ...batch, transaction, ordinals, commitTimes: this.#commitTimes !== undefined }
  }

  #updateByKey(oldKind: OldTupleKind, ordinal: number): number {
    const columns = this.#columns
    const row = this.#rows
    const keyChanged = oldKind !== NO_OLD_TUPLE && this.#keyDiffers() && this.#appendOldKey(row)
    const isWhole = columns.append(row, this.#values)
    if (!isWhole && keyChanged && !columns.hasKey(row)) {
      for (const oldKey of this.#oldKeys) oldKey.undo(row)
      columns.undo(row)
      this.#appendDelete(oldKind, ordinal)
      this.#appendRow('u', this.#values, ordinal + 1)
      return 2
    }
    if (!isWhole && !columns.settle(row, this.#values)) {
      this.#endRow('q', ordinal)
      return 1
    }
    this.#appendUnchanged(row)
    if (keyChanged) this.#keyChanges++
    this.#updates++
    this.#endRow('u', ordinal)
    return 1
  }

  #appendRow(operation: 'i' | 'u' | 'd', values: WireRow, ordinal: number): void {
    const columns = this.#columns
    const row = this.#rows
    const isKept = columns.append(row, values) || columns.settle(row, values)
    columns.appendContentHash(row)
    if (isKept && operation === 'd') this.#deletes++
    this.#endRow(isKept ? operation : 'q', ordinal)
  }

  /** Of the row in `#oldValues`. */
  #appendDelete(oldKind: OldTupleKind, ordinal: number): void {
    if (oldKind === OLD_ROW) {
      this.#appendRow('d', this.#oldValues, ordinal)
      return
    }
    const row = this.#rows
    const isKept = this.#columns.appendKey(row, this.#oldValues) || this.#columns.settle(row, this.#oldValues)
    if (isKept) this.#deletes++
    this.#endRow(isKept ? 'd' : 'q', ordinal)
  }

  #endRow(operation: Operation, ordinal: number): void {
    const row = this.#rows
    this.#operations.append(row, operation)
    if (this.#positions === undefined) {
      if (row === this.#ordinals.length) this.#growOrdinals()
      this.#ordinals[row] = ordinal
    } else {
      this.#positions.append(row, ordinal)
      if (row === 0) this.#firstPosition = positionOf(this.#positions.prefix, ordinal)
      this.#lastOrdinal = ordinal
    }
    this.#rows = row + 1
  }

  /** Reads the old tuple, and takes from it what the new one lacks. A key tuple has the key alone. */
  #readOld(oldKind: OldTupleKind, oldOffset: number): void {
    this.#oldValues.readTupleData(this.#columns.source.view, oldOffset)
    if (oldKind === OLD_KEY) {
      for (const index of this.#columns.keyIndexes) this.#fillUnchanged(index)
    } else {
      for (let index = 0; index < this.#columnIds.length; index++) this.#fillUnchanged(index)
    }
  }

  #fillUnchanged(index: number): void {
    if (this.#values.isUnchanged(index) && !this.#oldValues.isUnchanged(index)) {
      this.#values.takeFrom(this.#oldValues, index)
    }
  }

  #keyDiffers(): boolean {
    const view = this.#columns.source.view
    for (const index of this.#columns.keyIndexes) {
      if (!this.#values.sameValue(this.#oldValues, index, view)) return true
    }
    return false
  }

  /** False, and nothing is appended, where the old key has no representation: its row was quarantined whole. */
  #appendOldKey(row: number): boolean {
    const { keyIndexes } = this.#columns
    for (let position = 0; position < keyIndexes.length; position++) {
      const builder = this.#oldKeys[position]
      const index = keyIndexes[position]
      if (builder === undefined || index === undefined) continue
      const outcome = this.#columns.decode(index, this.#oldValues, builder, row)
      if (outcome === OK && builder.has(row)) continue
      for (const oldKey of this.#oldKeys) oldKey.undo(row)
      return false
    }
    return true
  }

  #appendUnchanged(row: number): void {
    scratch.reset()
    for (let index = 0; index < this.#columnIds.length; index++) {
      const id = this.#columnIds[index] ?? 0
      if (id === 0 || !this.#values.isUnchanged(index)) continue
      if (scratch.length === 0) scratch.byte(0x2c)
      scratch.integer(id)
      scratch.byte(0x2c)
    }
    if (scratch.length === 0) return
    this.#unchanged.appendBytes(row, scratch.content, 0, scratch.length)
    this.#partialRows++
  }

  #requireOldRow(oldKind: OldTupleKind): void {
    if (oldKind === OLD_ROW && this.#schema.identity.kind === 'bag') return
    throw new PipelineError(
      'source_protocol',
      `Following a change of ${tableName(this.#schema.table)} without its old row`,
      {
        hint: 'Give the table a primary key or REPLICA IDENTITY FULL, then resync it.',
        context: { table: tableName(this.#schema.table) },
      },
    )
  }

  #growOrdinals(): void {
    const memory = takeMemory(Math.max(512, this.#ordinals.length * 16)).buffer
    const ordinals = new Float64Array(memory, 0, memory.byteLength / 8)
    ordinals.set(this.#ordinals)
    giveMemory(this.#ordinals.buffer)
    this.#ordinals = ordinals
  }

  #takeBatch(positions: PositionColumn | undefined) {
    const rows = this.#rows
    const features: BatchFeatures = {
      ...NO_FEATURES,
      updates: this.#updates,
      deletes: this.#deletes,
      truncates: this.#truncates,
      keyChanges: this.#keyChanges,
      partialRows: this.#partialRows,
      quarantinedRows: this.#columns.quarantinedRows,
    }
    const vectors: ColumnVector[] = [this.#operations.take(rows)]
    if (positions !== undefined) {
      vectors.push(positions.take(rows))
      if (this.#commitTimes !== undefined) vectors.push(this.#commitTimes.take(rows))
    }
    if (this.#partialRows > 0) vectors.push(this.#unchanged.take(rows))
    vectors.push(...this.#columns.take(rows))
    if (this.#keyChanges > 0) vectors.push(...this.#oldKeys.map((oldKey) => oldKey.take(rows)))
    const bytes = vectors.reduce((sum, vector) => sum + vectorBytes(vector), 0)
    this.#rows = 0
    this.#updates = 0
    this.#deletes = 0
    this.#truncates = 0
    this.#keyChanges = 0
    this.#partialRows = 0
    return { schema: this.#schema, rows, bytes, vectors, features }
  }
}

function positionOf(prefix: string, ordinal: number): Position {
  return (prefix + ordinal.toString(16).padStart(ORDINAL_DIGITS, '0')) as Position
}
