/**
 * Messages → rows in builders, and events. Synchronous, one message at a time, in place.
 *
 * Ordinals count the row changes of a transaction as the server sends them, whoever wants them: the same transaction
 * gives each change the same ordinal each time it is sent, in progress or at its commit, with any set of tables. Each
 * change takes two, because an update of a row that is known by its content becomes two rows.
 */
import type { WireColumn } from '../../columnar/wire-column.ts'
import { invariant } from '../../core/invariant.ts'
import { positionPrefix } from '../../core/position.ts'
import type { StreamEvent } from '../../core/source.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import type { BoundaryPacer } from './boundary-pacer.ts'
import { MESSAGE, malformed, readRelation, readTimestampMs, readTimestampUs, readTruncate } from './pgoutput.ts'
import type { RowBuffers } from './row-buffers.ts'
import { appendChange, changesWithoutIdentity } from './row-change.ts'
import { type FollowedTable, OpenTransaction, type Relation, type RowBuffer } from './stream-state.ts'

const ORDINALS_PER_CHANGE = 2

/**
 * - `done`: go on.
 * - `relation`: `unresolved` must be resolved first; then the same message is to be handed in again.
 * - `committed`: a transaction is complete.
 * - `again`: the transaction in progress `again` must be received anew, at its commit.
 */
export type Outcome = 'done' | 'committed' | 'relation' | 'again'

export interface Unresolved {
  readonly relation: Relation
  readonly table: FollowedTable
  /** Undefined: the change belongs to the committed transaction that is being received. */
  readonly transaction: OpenTransaction | undefined
}

export class ChangeDecoder {
  /** Of the last outcome `relation`. */
  unresolved: Unresolved | undefined
  /** Of the last outcome `again`: low 32 bits of the transaction's id. */
  again = 0
  readonly #generation: number
  readonly #tables: Map<string, FollowedTable>
  readonly #buffers: RowBuffers
  readonly #pacer: BoundaryPacer
  readonly #events: StreamEvent[]
  readonly #relations = new Map<number, Relation>()
  readonly #open = new Map<number, OpenTransaction>()
  #relationsReceived = 0
  /** The transaction in progress whose block is being received. */
  #block: OpenTransaction | undefined

  // The committed transaction that is being received.
  #inTransaction = false
  #transactionNumber = 0
  #transaction = 0
  #commitLsn = 0n
  #committedUs = 0
  #prefix = ''
  #ordinal = 0
  #hasMessage = false
  #changes = 0
  /** A transaction that was received in part over a connection before: changes up to the ordinal are with us already. */
  #resumed: { readonly lsn: bigint; readonly ordinal: number; readonly changes: number } | undefined

  constructor(
    generation: number,
    tables: Map<string, FollowedTable>,
    buffers: RowBuffers,
    pacer: BoundaryPacer,
    events: StreamEvent[],
  ) {
    this.#generation = generation
    this.#tables = tables
    this.#buffers = buffers
    this.#pacer = pacer
    this.#events = events
  }

  /** Between transactions: whatever was committed so far has been received whole. */
  get isBetweenTransactions(): boolean {
    return !this.#inTransaction && this.#resumed === undefined
  }

  /** Some relation has been described, over this connection or one before. */
  get hasDescribed(): boolean {
    return this.#relationsReceived > 0
  }

  /** The committed transaction that is being received, or was last; low 32 bits of its id. */
  get transaction(): number {
    return this.#transaction
  }

  /** A table that came later, or is followed anew: relations that were described before are its too. */
  addTable(table: FollowedTable): void {
    const before = this.#tables.get(table.name)
    // Its rows come first, in the order of their positions.
    if (before !== undefined) this.#buffers.closeTable(before, this.#events)
    this.#tables.set(table.name, table)
    const adopt = (relation: Relation): void => {
      if (tableName({ ...table.id, ...nameOf(relation) }) === table.name) relation.table = table
    }
    for (const relation of this.#relations.values()) adopt(relation)
    for (const open of this.#open.values()) for (const relation of open.relations.values()) adopt(relation)
  }

  /** The connection is gone and another one follows. Returns where it must start. */
  restart(): bigint {
    for (const open of this.#open.values()) this.#abandon(open)
    this.#open.clear()
    this.#relations.clear()
    this.#block = undefined
    this.unresolved = undefined
    if (!this.#inTransaction) return this.#pacer.readThrough
    this.#inTransaction = false
    // Its changes are numbered alike when it comes again, so those that are in builders are passed over then.
    const ordinal = Math.max(this.#ordinal, this.#resumedOrdinal())
    this.#resumed = { lsn: this.#commitLsn, ordinal, changes: this.#changes }
    return this.#commitLsn
  }

  /** A message of the plugin, type byte first. */
  take(buffer: Buffer, start: number, end: number): Outcome {
    const type = buffer[start] ?? 0
    const at = start + 1
    switch (type) {
      case MESSAGE.insert:
      case MESSAGE.update:
      case MESSAGE.delete:
        return this.#change(type, buffer, at, end)
      case MESSAGE.truncate:
        return this.#truncate(buffer, at, end)
      case MESSAGE.begin:
        this.#begin(buffer, at)
        return 'done'
      case MESSAGE.commit:
        this.#commit(buffer, at)
        return 'committed'
      case MESSAGE.relation:
        this.#describe(buffer, at, end)
        return 'done'
      case MESSAGE.streamStart:
        this.#startBlock(buffer, at)
        return 'done'
      case MESSAGE.streamStop:
        this.#block = undefined
        return 'done'
      case MESSAGE.streamCommit:
        return this.#commitOpen(buffer, at)
      case MESSAGE.streamAbort:
        this.#abortOpen(buffer, at)
        return 'done'
      // Nobody's rows; ours ask to hear of this place in the log.
      case MESSAGE.message:
        this.#hasMessage = true
        return 'done'
      case MESSAGE.origin:
      case MESSAGE.type:
        return 'done'
      default:
        throw malformed(`the message type "${String.fromCharCode(type)}" is not known`)
    }
  }

  #begin(buffer: Buffer, at: number): void {
    if (this.#inTransaction || this.#block !== undefined) throw malformed('a transaction begins inside another one')
    this.#inTransaction = true
    this.#commitLsn = buffer.readBigUInt64BE(at)
    this.#committedUs = readTimestampUs(buffer, at + 8)
    this.#transaction = buffer.readUInt32BE(at + 16)
    this.#prefix = positionPrefix(this.#generation, this.#commitLsn)
    this.#transactionNumber++
    this.#ordinal = 0
    this.#hasMessage = false
    this.#changes = this.#resumed?.lsn === this.#commitLsn ? this.#resumed.changes : 0
  }

  #commit(buffer: Buffer, at: number): void {
    if (!this.#inTransaction) throw malformed('a transaction ends that has not begun')
    this.#inTransaction = false
    this.#resumed = undefined
    const endLsn = buffer.readBigUInt64BE(at + 9)
    // Before version 15 transactions come that have nothing for us, those of our own state among them.
    if (this.#ordinal === 0 && !this.#hasMessage) this.#pacer.reached(endLsn)
    else this.#pacer.committed(endLsn, readTimestampMs(buffer, at + 17), this.#changes)
  }

  #describe(buffer: Buffer, at: number, end: number): void {
    const message = readRelation(buffer, this.#block === undefined ? at : at + 4, end)
    const table = this.#tableOf(message.oid, message.namespace, message.name)
    const relation: Relation = { message, table, wire: undefined, received: ++this.#relationsReceived }
    const scope = this.#block?.relations ?? this.#relations
    scope.set(message.oid, relation)
  }

  /** By oid first: under another name it is still the table. */
  #tableOf(oid: number, namespace: string, name: string): FollowedTable | undefined {
    for (const table of this.#tables.values()) if (table.oid === oid) return table
    return this.#tables.get(`${namespace}.${name}`)
  }

  #relation(oid: number): Relation {
    const relation = this.#block?.relations.get(oid) ?? this.#relations.get(oid)
    if (relation === undefined) throw malformed(`relation ${oid} was not described`)
    return relation
  }

  #change(type: number, buffer: Buffer, start: number, end: number): Outcome {
    const open = this.#block
    const at = open === undefined ? start : start + 4
    const relation = this.#relation(buffer.readUInt32BE(at))
    const table = relation.table
    const wanted = table !== undefined && this.#wants(table, open)
    if (wanted && (relation.wire === undefined || relation.wire !== table.wire)) {
      this.unresolved = { relation, table, transaction: open }
      return 'relation'
    }
    const ordinal = this.#nextOrdinal(open, open === undefined ? 0 : buffer.readUInt32BE(start))
    if (!wanted || relation.wire === undefined || this.#isResumedOver(open, ordinal)) return 'done'
    if (type !== MESSAGE.insert && table.schema.identity.kind === 'append') {
      this.failTable(table, changesWithoutIdentity(table))
      return 'done'
    }
    const rows = this.#bufferOf(table, relation.wire, open)
    this.#count(open, appendChange(type, rows, buffer, at + 4, ordinal))
    if (this.#buffers.appended(rows, end - start)) this.#relieve(rows)
    return 'done'
  }

  #truncate(buffer: Buffer, start: number, end: number): Outcome {
    const open = this.#block
    const relations = readTruncate(buffer, open === undefined ? start : start + 4, end).map((oid) =>
      this.#relation(oid),
    )
    for (const relation of relations) {
      const table = relation.table
      if (table === undefined || !this.#wants(table, open)) continue
      if (relation.wire !== undefined && relation.wire === table.wire) continue
      this.unresolved = { relation, table, transaction: open }
      return 'relation'
    }
    for (const { table, wire } of relations) {
      const ordinal = this.#nextOrdinal(open, open === undefined ? 0 : buffer.readUInt32BE(start))
      if (table === undefined || wire === undefined || !this.#wants(table, open)) continue
      if (this.#isResumedOver(open, ordinal)) continue
      const rows = this.#bufferOf(table, wire, open)
      this.#count(open, rows.builder.truncate(ordinal))
      if (this.#buffers.appended(rows, 0)) this.#relieve(rows)
    }
    return 'done'
  }

  #wants(table: FollowedTable, open: OpenTransaction | undefined): boolean {
    if (table.failed) return false
    if (open !== undefined) return !open.passedOver.has(table)
    if (!table.started) table.started = this.#commitLsn >= table.startLsn
    return table.started
  }

  #nextOrdinal(open: OpenTransaction | undefined, subtransaction: number): number {
    if (open === undefined) {
      const ordinal = this.#ordinal + 1
      this.#ordinal = ordinal + ORDINALS_PER_CHANGE - 1
      return ordinal
    }
    const ordinal = open.ordinal + 1
    open.ordinal = ordinal + ORDINALS_PER_CHANGE - 1
    open.subtransactions.append(subtransaction, ordinal)
    return ordinal
  }

  #resumedOrdinal(): number {
    return this.#resumed !== undefined && this.#resumed.lsn === this.#commitLsn ? this.#resumed.ordinal : 0
  }

  #isResumedOver(open: OpenTransaction | undefined, ordinal: number): boolean {
    return this.#resumed !== undefined && open === undefined && ordinal <= this.#resumedOrdinal()
  }

  #bufferOf(table: FollowedTable, wire: readonly WireColumn[], open: OpenTransaction | undefined): RowBuffer {
    if (open !== undefined) {
      const known = open.buffers.get(table)
      if (known !== undefined) return known
      const rows = this.#buffers.open(table, wire, open)
      open.buffers.set(table, rows)
      open.tables.add(table)
      return rows
    }
    table.changes ??= this.#buffers.open(table, wire, undefined)
    const rows = table.changes
    if (rows.transactionNumber !== this.#transactionNumber) {
      rows.builder.beginTransaction(this.#prefix, this.#committedUs)
      rows.transactionNumber = this.#transactionNumber
    }
    return rows
  }

  #count(open: OpenTransaction | undefined, rows: number): void {
    invariant(rows <= ORDINALS_PER_CHANGE, 'a change becomes at most two rows')
    if (open === undefined) this.#changes += rows
    else open.changes += rows
  }

  #relieve(rows: RowBuffer): void {
    this.#buffers.relieve(rows, this.#events)
    this.#pacer.batchYielded()
  }

  #startBlock(buffer: Buffer, at: number): void {
    if (this.#inTransaction || this.#block !== undefined) throw malformed('a block begins inside a transaction')
    const id = buffer.readUInt32BE(at)
    const known = this.#open.get(id)
    this.#block = known ?? new OpenTransaction(id)
    if (known === undefined) this.#open.set(id, this.#block)
  }

  #commitOpen(buffer: Buffer, at: number): Outcome {
    const open = this.#openTransaction(buffer.readUInt32BE(at))
    const lsn = buffer.readBigUInt64BE(at + 5)
    if ([...open.passedOver].some((table) => lsn >= table.startLsn && !table.failed)) {
      this.again = open.id
      return 'again'
    }
    for (const [table, rows] of open.buffers) {
      if (!table.started) table.started = lsn >= table.startLsn
      this.#buffers.take(rows, this.#events)
      this.#buffers.drop(rows)
    }
    if (open.yielded) {
      // Rows of earlier commits come before it.
      this.#buffers.takeCommitted(this.#events)
      this.#events.push({
        kind: 'transaction-committed',
        transaction: open.id,
        generation: this.#generation,
        lsn,
        committedUs: readTimestampUs(buffer, at + 21),
        aborted: open.subtransactions.rolledBackRanges(open.ordinal),
        excluded: excludedTables(open, lsn),
      })
      this.#pacer.batchYielded()
    }
    for (const [oid, relation] of open.relations) {
      const general = this.#relations.get(oid)
      if (general === undefined || general.received < relation.received) this.#relations.set(oid, relation)
    }
    this.#open.delete(open.id)
    this.#pacer.committed(buffer.readBigUInt64BE(at + 13), readTimestampMs(buffer, at + 21), open.changes)
    return 'committed'
  }

  #abortOpen(buffer: Buffer, at: number): void {
    const open = this.#openTransaction(buffer.readUInt32BE(at))
    const subtransaction = buffer.readUInt32BE(at + 4)
    if (subtransaction !== open.id) {
      open.subtransactions.rollBack(subtransaction)
      return
    }
    this.#abandon(open)
    this.#open.delete(open.id)
  }

  /**
   * PostgreSQL 18 also tells the end of transactions of which nothing was sent, because they were found to be aborted
   * before their first block.
   */
  #openTransaction(id: number): OpenTransaction {
    return this.#open.get(id) ?? new OpenTransaction(id)
  }

  #abandon(open: OpenTransaction): void {
    for (const rows of open.buffers.values()) this.#buffers.drop(rows)
    if (open.yielded) this.#events.push({ kind: 'transaction-aborted', transaction: open.id })
  }

  /** The table's rows that were not yielded are forgotten: it must be read again. */
  failTable(table: FollowedTable, error: Error): void {
    table.failed = true
    this.#buffers.dropTable(table)
    this.#events.push({ kind: 'table-failed', table: table.id, error, needsResync: true })
  }
}

function excludedTables(open: OpenTransaction, lsn: bigint): readonly TableId[] {
  return [...open.tables].filter((table) => lsn < table.startLsn).map((table) => table.id)
}

function nameOf(relation: Relation): { readonly namespace: string; readonly name: string } {
  const { namespace, name } = relation.message
  return { namespace, name }
}
