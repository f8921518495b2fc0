/**
 * Messages of the output plugin pgoutput, protocol 2 (PostgreSQL documentation, "Logical Replication Message Formats").
 *
 *   B … C                    a transaction, whole, at its commit
 *   S … E, S … E, … c or A   a transaction in progress, in blocks, which commits or aborts; inside a block each message
 *                            has the id of its subtransaction behind the type byte. A with another subtransaction than
 *                            the transaction itself drops the rows of that one alone.
 *
 * Rows are not parsed here: columnar builders read TupleData in place.
 */
import { PipelineError } from '../../core/errors.ts'

/** Type bytes. */
export const MESSAGE = {
  begin: 0x42, // B
  commit: 0x43, // C
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
} as const

/** Bytes that stand before a tuple. */
export const TUPLE = { key: 0x4b, old: 0x4f, fresh: 0x4e } as const

export interface RelationColumn {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  /** Part of the replica identity; with REPLICA IDENTITY FULL every column is. */
  readonly inIdentity: boolean
}

/** What the rows of a relation look like from here on. */
export interface RelationMessage {
  readonly oid: number
  readonly namespace: string
  readonly name: string
  /** `pg_class.relreplident`. */
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i'
  /** Published columns in order of attribute number. */
  readonly columns: readonly RelationColumn[]
}

/** `offset`: behind the type byte and, in a block of a transaction in progress, the transaction id. */
export function readRelation(buffer: Buffer, offset: number, end: number): RelationMessage {
  const reader = new Reader(buffer, offset, end)
  const oid = reader.uint32()
  // The schema pg_catalog is sent as the empty string.
  const namespace = reader.text() || 'pg_catalog'
  const name = reader.text()
  const letter = String.fromCharCode(reader.byte())
  if (letter !== 'd' && letter !== 'n' && letter !== 'f' && letter !== 'i') {
    throw malformed(`relation ${namespace}.${name} has the unknown replica identity "${letter}"`)
  }
  const columns: RelationColumn[] = []
  for (let left = reader.int16(); left > 0; left--) {
    const inIdentity = (reader.byte() & 1) === 1
    columns.push({ inIdentity, name: reader.text(), typeOid: reader.uint32(), typmod: reader.int32() })
  }
  return { oid, namespace, name, replicaIdentity: letter, columns }
}

/** Relations that one TRUNCATE emptied. `offset` as for `readRelation`. */
export function readTruncate(buffer: Buffer, offset: number, end: number): readonly number[] {
  const reader = new Reader(buffer, offset, end)
  const count = reader.int32()
  reader.byte() // CASCADE and RESTART IDENTITY: the relations that they reach are listed
  const oids: number[] = []
  for (let index = 0; index < count; index++) oids.push(reader.uint32())
  return oids
}

const MICROSECONDS_PER_MS = 1_000
/** 2000-01-01, where Postgres's clock starts. */
const EPOCH_MS = 946_684_800_000

/** A timestamp of the protocol in microseconds since 1970. */
export function readTimestampUs(buffer: Buffer, offset: number): number {
  const microseconds = buffer.readInt32BE(offset) * 2 ** 32 + buffer.readUInt32BE(offset + 4)
  return EPOCH_MS * MICROSECONDS_PER_MS + microseconds
}

/** A timestamp of the protocol in milliseconds since 1970. */
export function readTimestampMs(buffer: Buffer, offset: number): number {
  return readTimestampUs(buffer, offset) / MICROSECONDS_PER_MS
}

export function timestampOf(ms: number): bigint {
  return BigInt(Math.round(ms) - EPOCH_MS) * BigInt(MICROSECONDS_PER_MS)
}

export function malformed(reason: string): PipelineError {
  return new PipelineError('source_protocol', 'Reading the replication stream', { cause: new Error(reason) })
}

class Reader {
  readonly #buffer: Buffer
  readonly #end: number
  #offset: number

  constructor(buffer: Buffer, offset: number, end: number) {
    this.#buffer = buffer
    this.#offset = offset
    this.#end = end
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  text(): string {
    const from = this.#offset
    const to = this.#buffer.indexOf(0, from)
    if (to < 0 || to >= this.#end) throw malformed('a name has no end')
    this.#offset = to + 1
    return this.#buffer.toString('utf8', from, to)
  }

  #take(bytes: number): number {
    const at = this.#offset
    if (at + bytes > this.#end) throw malformed('a message is shorter than its parts')
    this.#offset = at + bytes
    return at
  }
}
