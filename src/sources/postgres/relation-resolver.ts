/**
 * Finds out what a relation message means for a table, with the catalog's help, and lets the table go on with it.
 *
 * The catalog is asked for each message about one of our tables, also when it looks like the one before: a column that was
 * dropped and added again under its name, or a table that was rewritten, changes nothing in the message. The server
 * repeats messages only after something about the relation changed, so a quiet table costs nothing.
 */
import { hasBinaryDecoder } from '../../columnar/postgres-type.ts'
import type { WireColumn, WireRules } from '../../columnar/wire-column.ts'
import { PipelineError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { StreamEvent } from '../../core/source.ts'
import { columnById } from '../../core/table-schema.ts'
import type { Unresolved } from './change-decoder.ts'
import type { PostgresClient } from './client.ts'
import { followRelation, type RelationChange } from './relation-change.ts'
import { becomeVisible, readRelationFacts } from './relation-facts.ts'
import type { RowBuffers } from './row-buffers.ts'
import { type AlteredTable, describeAltered } from './schema-watch.ts'
import type { FollowedTable } from './stream-state.ts'

/**
 * - `resolved`: rows can be taken.
 * - `failed`: `error` says why the table cannot go on.
 * - `at-commit`: an open transaction sees the table in a way that only it knows; it must be received at its commit.
 * - `as-text`: a column has a binary form that we cannot read.
 */
export type Resolution =
  | { readonly kind: 'resolved' | 'at-commit' | 'as-text' }
  | { readonly kind: 'failed'; readonly error: PipelineError }

/** `transaction`: low 32 bits of the id of the committed transaction that is being received. */
export async function resolveRelation(
  client: PostgresClient,
  { relation, table, transaction: open }: Unresolved,
  transaction: number,
  binary: boolean,
  buffers: RowBuffers,
  events: StreamEvent[],
  signal: AbortSignal,
): Promise<Resolution> {
  const { message } = relation
  const other = otherRelation(table, `${message.namespace}.${message.name}`, message.oid)
  if (other !== undefined) return open === undefined ? failed(other) : { kind: 'at-commit' }
  if (open === undefined) await becomeVisible(client, transaction, signal)
  const facts = await readRelationFacts(client, message, givenKey(table), signal)
  // Followed anew meanwhile: the answer is for what it was before.
  if (relation.table !== table) return { kind: 'resolved' }
  if (facts === undefined) {
    return failed(
      missing(table, 'it was dropped', `Name another table, or: simplyload table resync ${shellWord(table.name)}`),
    )
  }
  const change = followRelation(table.schema, message, facts, table.request, table.leftOut)
  if (open !== undefined && (change.failure !== undefined || (change.changes.length > 0 && !change.exact))) {
    if (table.started) return { kind: 'at-commit' }
    // Were it to commit after the snapshot, its lock would have kept the table as the snapshot found it. So its rows are
    // most likely in the snapshot; its commit tells.
    open.passedOver.add(table)
    return { kind: 'resolved' }
  }
  if (change.failure !== undefined) return failed(change.failure)
  if (binary && change.wire.some(needsText)) return { kind: 'as-text' }
  adopt(table, change, client.wireRules, buffers, events)
  table.oid = message.oid
  relation.wire = table.wire
  return { kind: 'resolved' }
}

/**
 * Lets a table go on in the form that it has now, where no relation message has told of it: the next one comes with its next
 * change. Between transactions, behind every change of the form before.
 */
export async function adoptAltered(
  client: PostgresClient,
  altered: AlteredTable,
  buffers: RowBuffers,
  events: StreamEvent[],
  signal: AbortSignal,
): Promise<void> {
  const { table } = altered
  const before = table.schema
  const described = await describeAltered(client, altered, givenKey(table), signal)
  // Altered again, told of meanwhile, or followed anew: another look will tell.
  if (described === undefined || table.failed || table.schema !== before) return
  const { message, facts } = described
  const change = followRelation(table.schema, message, facts, table.request, table.leftOut)
  // Why it cannot go on is said where a change of it comes.
  if (change.failure !== undefined) return
  table.leftOut = change.leftOut
  if (change.changes.length === 0) {
    table.schema = change.schema
    return
  }
  buffers.closeTable(table, events)
  table.schema = change.schema
  table.wire = undefined
  table.announced.add(change.schema)
  events.push({ kind: 'schema', schema: change.schema, rewritten: change.rewritten, changes: change.changes })
}

function givenKey({ request, schema }: FollowedTable): readonly number[] | undefined {
  return request.key === undefined || schema.identity.kind !== 'key' ? undefined : schema.identity.columnIds
}

function adopt(
  table: FollowedTable,
  change: RelationChange,
  rules: WireRules,
  buffers: RowBuffers,
  events: StreamEvent[],
): void {
  const { schema, changes, rewritten } = change
  // A column of the wire is one of the schema's, also where nothing changed.
  const wire = change.wire.map(
    (column): WireColumn => ({ ...column, ...rules, column: column.column && columnById(schema, column.column.id) }),
  )
  table.leftOut = change.leftOut
  if (changes.length === 0 && table.wire !== undefined && sameWire(table.wire, wire)) {
    table.schema = schema
    return
  }
  buffers.closeTable(table, events)
  table.schema = schema
  table.wire = wire
  if (changes.length === 0) return
  table.announced.add(schema)
  events.push({ kind: 'schema', schema, rewritten, changes })
}

function sameWire(a: readonly WireColumn[], b: readonly WireColumn[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function needsText({ column, type }: WireColumn): boolean {
  return column !== undefined && type.hasSend && !hasBinaryDecoder(type)
}

function otherRelation(table: FollowedTable, name: string, oid: number): PipelineError | undefined {
  if (name !== table.name) {
    return missing(
      table,
      `it is called ${name} now`,
      `Name ${name} in the configuration, or rename it back and: simplyload table resync ${shellWord(table.name)}`,
    )
  }
  if (table.oid === undefined || table.oid === oid) return undefined
  return new PipelineError('source_gap', `Following ${table.name}`, {
    cause: new Error(
      'another table bears the name now: it was dropped and created again, or replaced by a renamed one',
    ),
    hint: `Read it again: simplyload table resync ${shellWord(table.name)}`,
    context: { table: table.name },
  })
}

function missing(table: FollowedTable, reason: string, hint: string): PipelineError {
  return new PipelineError('source_table_missing', `Following ${table.name}`, {
    cause: new Error(reason),
    hint,
    context: { table: table.name },
  })
}

function failed(error: PipelineError): Resolution {
  return { kind: 'failed', error }
}
