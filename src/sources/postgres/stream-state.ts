/** What a stream holds while it reads: tables, relations, transactions in progress, and rows on their way into batches. */
import type { ChangeBuilder } from '../../columnar/change-builder.ts'
import type { WireColumn } from '../../columnar/wire-column.ts'
import { parsePosition } from '../../core/position.ts'
import type { StreamTable, TableRequest } from '../../core/source.ts'
import { type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { RelationMessage } from './pgoutput.ts'
import { parseFingerprint } from './storage-fingerprint.ts'
import { Subtransactions } from './subtransactions.ts'

/** A table whose changes are yielded, as far as the stream has come. */
export class FollowedTable {
  readonly id: TableId
  readonly request: TableRequest
  /** Commits before it are in the table's snapshot. */
  readonly startLsn: bigint
  /** A commit at or after `startLsn` has been seen: from here on everything counts. */
  started: boolean
  schema: TableSchema
  /** How its rows come at present; undefined until the first relation message has been understood. */
  wire: readonly WireColumn[] | undefined
  /** Undefined until it is known which relation bears the name. */
  oid: number | undefined
  /** Excluded columns by attribute number. */
  leftOut: ReadonlySet<number> = new Set()
  /** Its changes are no longer yielded. */
  failed = false
  /** Schemas of which an event tells. */
  readonly announced = new WeakSet<TableSchema>()
  /** Committed rows. */
  changes: RowBuffer | undefined

  constructor(table: StreamTable, generation: number) {
    this.id = table.schema.table
    this.request = table.request
    this.schema = table.schema
    this.oid = parseFingerprint(table.schema.fingerprint)?.oid
    const start = parsePosition(table.startAt)
    // LSNs of another generation do not compare; a boundary of an earlier one lies before everything of this.
    this.startLsn = start !== undefined && start.generation === generation ? start.lsn : 0n
    this.started = this.startLsn === 0n
  }

  get name(): string {
    return tableName(this.id)
  }
}

/** A relation as its latest message describes it, within or outside a transaction in progress. */
export interface Relation {
  readonly message: RelationMessage
  /** Undefined: nobody wants its changes. */
  table: FollowedTable | undefined
  /** What was made of the message; it holds while it is the table's. */
  wire: readonly WireColumn[] | undefined
  /** Counts messages: which of two came later. */
  readonly received: number
}

/** A transaction of which changes have been received, and whose end has not. */
export class OpenTransaction {
  /** Low 32 bits of its id. */
  readonly id: number
  readonly subtransactions = new Subtransactions()
  /** Messages received inside of it. They hold for the others when it commits, and for nobody when it aborts. */
  readonly relations = new Map<number, Relation>()
  readonly buffers = new Map<FollowedTable, RowBuffer>()
  /** Those with rows, yielded ones included. */
  readonly tables = new Set<FollowedTable>()
  /** Tables of which it changed rows that did not look as expected, in a stretch that is probably in their snapshot. */
  readonly passedOver = new Set<FollowedTable>()
  /** Of the change before. */
  ordinal = 0
  /** Rows for tables that are followed. */
  changes = 0
  /** Some of its rows have been yielded. */
  yielded = false

  constructor(id: number) {
    this.id = id
  }
}

/** Rows of one table, committed or of one transaction in progress, that have not been yielded. */
export interface RowBuffer {
  readonly builder: ChangeBuilder
  readonly table: FollowedTable
  /** Undefined: rows of committed transactions. */
  readonly transaction: OpenTransaction | undefined
  /** Of the builder, when it was last looked at. */
  bytes: number
  /** Bytes of messages since then. */
  newBytes: number
  /** Rows that have been yielded. */
  rowsTaken: number
  /** Number of the transaction that the builder was last told of. */
  transactionNumber: number
}
