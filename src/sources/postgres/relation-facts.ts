/** What the catalog knows of a relation that the stream has just described. Waits for no lock. */
import { PipelineError } from '../../core/errors.ts'
import { readCatalog, readTypes } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import type { Attribute } from './column-alignment.ts'
import type { RelationMessage } from './pgoutput.ts'
import type { AttributeDetail, RelationFacts } from './relation-change.ts'
import { findIdentity } from './row-identity.ts'
import { storageFingerprint, storageOf } from './storage-fingerprint.ts'

interface AttributeRow {
  readonly attnum: number
  readonly name: string
  readonly dropped: boolean
  readonly type: number
  readonly typmod: number
  readonly has_default: boolean
  readonly written_by: number
}

interface RelationRow {
  readonly namespace: string
  readonly name: string
  readonly attributes: readonly AttributeRow[] | null
}

const RELATION = `SELECT n.nspname AS namespace, c.relname AS name, (
    SELECT json_agg(json_build_object('attnum', a.attnum, 'name', a.attname, 'dropped', a.attisdropped,
      'type', a.atttypid::int8, 'typmod', a.atttypmod, 'has_default', a.atthasdef OR a.attidentity <> '',
      'written_by', a.xmin::text::int8) ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS attributes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::int8::oid`

const SOURCE_TYPES = `SELECT format_type(w.oid, w.typmod) AS name
  FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS w(oid, typmod, place) ORDER BY w.place`

/**
 * Undefined: there is no such relation any more. `givenKey`: attribute numbers of a key that the configuration gives,
 * whatever the columns are called by now.
 */
export async function readRelationFacts(
  client: PostgresClient,
  message: RelationMessage,
  givenKey: readonly number[] | undefined,
  signal: AbortSignal,
): Promise<RelationFacts | undefined> {
  // One snapshot for all of it.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', undefined, signal)
  try {
    return await collectRelationFacts(client, message, givenKey, signal)
  } finally {
    await client.query('ROLLBACK')
  }
}

/** The same, in the transaction that is open. */
export async function collectRelationFacts(
  client: PostgresClient,
  message: RelationMessage,
  givenKey: readonly number[] | undefined,
  signal: AbortSignal,
): Promise<RelationFacts | undefined> {
  const [relation] = await client.query<RelationRow>(RELATION, [message.oid], signal)
  if (relation === undefined) return undefined
  const [table] = await readCatalog(client, [relation], signal)
  if (table === undefined) return undefined
  const types = await readTypes(client, message.columns, signal)
  const names = await client.query<{ name: string }>(
    SOURCE_TYPES,
    [message.columns.map((column) => column.typeOid), message.columns.map((column) => column.typmod)],
    signal,
  )
  const nameOf = (attnum: number): string =>
    relation.attributes?.find((row) => row.attnum === attnum && !row.dropped)?.name ?? ''
  const identity = findIdentity(table, client.serverVersion, givenKey?.map(nameOf))
  return {
    attributes: (relation.attributes ?? []).map(
      (row): Attribute => ({
        attnum: row.attnum,
        name: row.name,
        dropped: row.dropped,
        typeOid: row.type,
        typmod: row.typmod,
        hasDefault: row.has_default,
        writtenBy: row.written_by,
      }),
    ),
    details: new Map(table.columns.map((column): [number, AttributeDetail] => [column.attnum, column])),
    types: types.map((type, index) =>
      type === undefined ? undefined : { type, sourceType: names[index]?.name ?? type.name },
    ),
    key: identity.kind === 'key' ? identity.columns : undefined,
    fingerprint: storageFingerprint(message.oid, storageOf(table.leaves), table.horizon),
  }
}

const VISIBLE_AFTER_MS_MAX = 60_000
const ASK_AGAIN_MS = 20

/**
 * Resolves when the transaction has become visible. Its commit is in the log, and so with us, a moment before others see
 * it; with synchronous replication that moment lasts until the standby has answered.
 */
export async function becomeVisible(client: PostgresClient, transaction: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + VISIBLE_AFTER_MS_MAX
  for (;;) {
    const [row] = await client.query<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot', [], signal)
    if (!isInProgress(row?.snapshot ?? '', transaction)) return
    if (Date.now() > deadline) {
      throw new PipelineError('source_connection_lost', 'Reading the catalog after a change of schema', {
        cause: new Error(`transaction ${transaction} is in the log but not visible`),
        hint: 'A synchronous standby does not answer: see synchronous_standby_names and pg_stat_replication',
      })
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
    signal.throwIfAborted()
  }
}

/** `snapshot`: the text form of `pg_snapshot`, `xmin:xmax:xip,…` with 64-bit ids; `transaction`: the low 32 bits of one. */
export function isInProgress(snapshot: string, transaction: number): boolean {
  const [, next = '0', running = ''] = snapshot.split(':')
  const low = (id: string): number => Number(BigInt(id) & 0xffff_ffffn)
  if (((transaction - low(next)) | 0) >= 0) return true
  return running !== '' && running.split(',').some((id) => low(id) === transaction)
}
