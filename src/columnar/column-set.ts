/**
 * The data columns of a batch being built: decoders, vectors, and what becomes of values that have no representation.
 * Shared by snapshot and stream, so that a row gives the same vectors whichever way it came.
 */
import { hash } from 'node:crypto'
import { type ColumnVector, dataColumn, type QuarantinedValue, SYSTEM_COLUMNS } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import { type ColumnType, type TableSchema, tableName } from '../core/table-schema.ts'
import { textForm } from './binary-form.ts'
import { OK, REASONS } from './decode-outcome.ts'
import type { TextEncoding } from './form-decoder.ts'
import { limitedDecoder } from './limited-decoder.ts'
import { binaryDecoder } from './postgres-binary.ts'
import { textDecoder } from './postgres-text.ts'
import { hasBinaryDecoder } from './postgres-type.ts'
import { FAILED, type RunDecoder, runDecoder } from './run-decoder.ts'
import { TextWriter } from './text-writer.ts'
import type { TupleRun } from './tuple-run.ts'
import type { ValueDecoder } from './value-decoder.ts'
import { VectorBuilder } from './vector-builder.ts'
import { WireBuffer } from './wire-buffer.ts'
import type { WireColumn } from './wire-column.ts'
import { BINARY_FORMAT, type WireRow } from './wire-row.ts'

/** Hex digits of a content hash: 128 bits of a SHA-256, which `node:crypto` computes faster than MD5. */
const HASH_DIGITS = 32

const scratch = new TextWriter()

export class ColumnSet {
  readonly source = new WireBuffer()
  readonly schema: TableSchema
  /** Positions in the wire of the key's columns, in the order of the key. Empty without a key. */
  readonly keyIndexes: readonly number[]
  readonly #wire: readonly WireColumn[]
  readonly #builders: readonly (VectorBuilder | undefined)[]
  readonly #binaryDecoders: readonly ValueDecoder[]
  readonly #textDecoders: readonly ValueDecoder[]
  /** Of tuples of COPY. */
  readonly #runDecoders: readonly RunDecoder[]
  /** Wire positions in order of column id: the order of the content hash. */
  readonly #hashOrder: readonly number[]
  readonly #quarantine = new VectorBuilder(SYSTEM_COLUMNS.quarantine, { kind: 'text' }, 0)
  readonly #contentHash: VectorBuilder | undefined
  /** That the text of a row's entries may have; undefined: any number. */
  readonly #quarantineBytes: number | undefined
  /** Of the row at hand: wire position and outcome of each value without representation. */
  readonly #failures: number[] = []
  #quarantinedRows = 0

  constructor(schema: TableSchema, wire: readonly WireColumn[]) {
    this.schema = schema
    this.#wire = wire
    this.#builders = wire.map(({ column }) =>
      column === undefined ? undefined : new VectorBuilder(dataColumn(column.id), column.type, column.id),
    )
    this.#binaryDecoders = wire.map((each) => limited(each, binaryDecoder))
    this.#textDecoders = wire.map((each) => limited(each, textDecoder))
    this.#runDecoders = wire.map(({ binary }, index) => {
      const decoders = binary === true ? this.#binaryDecoders : this.#textDecoders
      return runDecoder(decoders[index] as ValueDecoder)
    })
    this.#quarantineBytes = wire.find(({ limits }) => limits !== undefined)?.limits?.textBytes
    const identity = schema.identity
    this.keyIndexes = (identity.kind === 'key' ? identity.columnIds : []).map((id) => {
      const index = wire.findIndex(({ column }) => column?.id === id)
      invariant(index >= 0, `column ${id} of the key of ${tableName(schema.table)} is among the columns that are read`)
      return index
    })
    this.#contentHash =
      identity.kind === 'bag' ? new VectorBuilder(SYSTEM_COLUMNS.contentHash, { kind: 'text' }, 0) : undefined
    this.#hashOrder = wire
      .map((_, index) => index)
      .filter((index) => wire[index]?.column !== undefined)
      .sort((a, b) => (wire[a]?.column?.id ?? 0) - (wire[b]?.column?.id ?? 0))
  }

  /** Bytes that the vectors over `rows` rows hold. Takes time by the number of columns: for the end of a row, not of a value. */
  bytes(rows: number): number {
    const validity = (rows + 7) >>> 3
    let bytes = this.#quarantine.length + (this.#contentHash?.length ?? 0)
    for (const builder of this.#builders) {
      if (builder === undefined) continue
      bytes += builder.length
      if (builder.nulls > 0 || builder.next < rows) bytes += validity
    }
    return bytes
  }

  get quarantinedRows(): number {
    return this.#quarantinedRows
  }

  /** Decodes all values of a row. False: something in it has no representation; see `settle`. */
  append(row: number, values: WireRow): boolean {
    const builders = this.#builders
    const { offsets, lengths, formats } = values
    for (let index = 0; index < builders.length; index++) {
      const length = lengths[index] as number
      const builder = builders[index]
      if (length < 0 || builder === undefined) continue
      const decode = (formats[index] === BINARY_FORMAT ? this.#binaryDecoders : this.#textDecoders)[index]
      const outcome = (decode as ValueDecoder)(builder, row, this.source, offsets[index] as number, length)
      if (outcome !== OK) this.#failures.push(index, outcome)
    }
    return this.#isWhole(row)
  }

  /**
   * Decodes the rows of a run, the first of which becomes `row`. False: something in it has no representation, or a key
   * has a NULL; then nothing was appended.
   */
  appendRun(row: number, run: TupleRun): boolean {
    for (const builder of this.#builders) builder?.mark()
    if (this.#decodeRun(row, run)) return true
    for (const builder of this.#builders) builder?.rewind()
    return false
  }

  #decodeRun(row: number, run: TupleRun): boolean {
    const builders = this.#builders
    for (let index = 0; index < builders.length; index++) {
      const builder = builders[index]
      if (builder === undefined) continue
      const values = (this.#runDecoders[index] as RunDecoder)(builder, row, this.source, run, index)
      if (values === FAILED || (values < run.rows && this.keyIndexes.includes(index))) return false
    }
    return true
  }

  /** As `append`, for the columns of the key alone. */
  appendKey(row: number, values: WireRow): boolean {
    for (const index of this.keyIndexes) {
      const builder = this.#builders[index]
      if (builder === undefined) continue
      const outcome = this.decode(index, values, builder, row)
      if (outcome !== OK) this.#failures.push(index, outcome)
    }
    return this.#isWhole(row)
  }

  /** Decodes the value at a wire position into any vector of its type. NULL is `OK`, and appends nothing. */
  decode(index: number, values: WireRow, into: VectorBuilder, row: number): number {
    const length = values.lengths[index] ?? -1
    const decode = (values.formats[index] === BINARY_FORMAT ? this.#binaryDecoders : this.#textDecoders)[index]
    if (length < 0 || decode === undefined) return OK
    return decode(into, row, this.source, values.offsets[index] ?? 0, length)
  }

  /** Whether each column of the key has a value in the row. */
  hasKey(row: number): boolean {
    for (const index of this.keyIndexes) if (this.#builders[index]?.has(row) !== true) return false
    return true
  }

  /**
   * For a row of which `append` said false: writes `_quarantine`. Returns false when the key has no representation: then
   * nothing of the row is left but the quarantine entry, which holds all of it, and the row's operation is `q`.
   */
  settle(row: number, values: WireRow): boolean {
    const key = this.#keyText(values)
    const hasKey = this.hasKey(row)
    const entries: QuarantinedValue[] = []
    if (hasKey) {
      for (let next = 0; next < this.#failures.length; next += 2) {
        const index = this.#failures[next] ?? 0
        const columnId = this.#wire[index]?.column?.id ?? 0
        const reason = REASONS[this.#failures[next + 1] ?? 0] ?? ''
        entries.push({ columnId, reason, raw: this.#rawText(index, values) ?? '', key })
      }
    } else {
      entries.push({ columnId: 0, reason: this.#keyReason(), raw: this.#rawRow(values), key })
      this.undo(row)
    }
    this.#failures.length = 0
    this.#quarantinedRows++
    const json = new WireBuffer(this.#entriesText(entries))
    this.#quarantine.appendBytes(row, json, 0, json.bytes.length)
    return hasKey
  }

  /** JSON. What is too long for the destination even as text is cut, and says so. */
  #entriesText(entries: readonly QuarantinedValue[]): Buffer {
    const text = Buffer.from(JSON.stringify(entries))
    if (this.#quarantineBytes === undefined || text.length <= this.#quarantineBytes) return text
    // A character takes at most six bytes in JSON, and again in what is made of it.
    const most = Math.floor(this.#quarantineBytes / (12 * entries.length))
    const cut = (raw: string) => (raw.length <= most ? raw : `${raw.slice(0, most)}… (of ${raw.length} characters)`)
    const shortened = entries.map((entry) => ({
      ...entry,
      raw: cut(entry.raw),
      key: entry.key === null ? null : cut(entry.key),
    }))
    return Buffer.from(JSON.stringify(shortened))
  }

  /** Takes back the data of a row. */
  undo(row: number): void {
    for (const builder of this.#builders) builder?.undo(row)
    this.#failures.length = 0
  }

  /** Writes the hash over the row's values that are not NULL, in order of column id, each with its column's id. */
  appendContentHash(row: number): void {
    if (this.#contentHash === undefined) return
    scratch.reset()
    for (const index of this.#hashOrder) {
      const builder = this.#builders[index]
      if (builder === undefined || !builder.has(row)) continue
      const length = builder.length - builder.last
      const at = scratch.open(4 + length)
      scratch.content.view.setInt32(at, builder.fieldId)
      scratch.content.bytes.set(builder.bytes.subarray(builder.last, builder.length), at + 4)
    }
    const digest = hash('sha256', scratch.content.bytes.subarray(0, scratch.length), 'hex')
    const at = this.#contentHash.open(row, HASH_DIGITS + 4)
    const view = this.#contentHash.view
    view.setInt32(at, HASH_DIGITS, true)
    for (let digit = 0; digit < HASH_DIGITS; digit++) view.setUint8(at + 4 + digit, digest.charCodeAt(digit))
  }

  /** The vectors of all columns, `_quarantine` and `_content_hash` first where they have values. Starts anew. */
  take(rows: number): ColumnVector[] {
    const vectors: ColumnVector[] = []
    if (this.#quarantinedRows > 0) vectors.push(this.#quarantine.take(rows))
    this.#quarantinedRows = 0
    if (this.#contentHash !== undefined) vectors.push(this.#contentHash.take(rows))
    for (const builder of this.#builders) if (builder !== undefined) vectors.push(builder.take(rows))
    return vectors
  }

  #isWhole(row: number): boolean {
    return this.#failures.length === 0 && this.hasKey(row)
  }

  #keyReason(): string {
    for (let next = 0; next < this.#failures.length; next += 2) {
      if (this.keyIndexes.includes(this.#failures[next] ?? -1)) {
        return `key with ${REASONS[this.#failures[next + 1] ?? 0]}`
      }
    }
    return 'key with NULL'
  }

  /** JSON array of the key columns' text forms. */
  #keyText(values: WireRow): string | null {
    if (this.keyIndexes.length === 0) return null
    return JSON.stringify(this.keyIndexes.map((index) => this.#rawText(index, values)))
  }

  /** JSON object of all values by column name; unchanged ones are left out. */
  #rawRow(values: WireRow): string {
    const raw: Record<string, string | null> = {}
    for (const [index, { column }] of this.#wire.entries()) {
      if (column !== undefined && !values.isUnchanged(index)) raw[column.name] = this.#rawText(index, values)
    }
    return JSON.stringify(raw)
  }

  /** The text form of a value, hex of its bytes where it has none; null for NULL. */
  #rawText(index: number, values: WireRow): string | null {
    const length = values.lengths[index] ?? -1
    const type = this.#wire[index]?.type
    if (length < 0 || type === undefined) return null
    const offset = values.offsets[index] ?? 0
    const bytes = Buffer.from(this.source.bytes.buffer, this.source.bytes.byteOffset + offset, length)
    scratch.reset()
    if (values.formats[index] !== BINARY_FORMAT) scratch.copy(this.source, offset, length)
    else if (!hasBinaryDecoder(type) || textForm(type)(scratch, this.source, offset, length) !== OK) {
      return bytes.toString('hex')
    }
    return scratch.isUtf8() ? scratch.toString() : bytes.toString('hex')
  }
}

function limited(
  { column, type, encoding, limits }: WireColumn,
  decoderOf: (type: WireColumn['type'], target: ColumnType, encoding: TextEncoding) => ValueDecoder,
): ValueDecoder {
  if (column === undefined) return () => OK
  return limitedDecoder(decoderOf(type, column.type, encoding ?? 'trusted'), column.type, limits)
}
