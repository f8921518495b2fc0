/** Rows beside snapshot and stream: some by key, or all of them through their text forms. */
import { SnapshotBuilder } from '../../columnar/snapshot-builder.ts'
import type { SnapshotBatch } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { boundary } from '../../core/position.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { VerificationRead } from '../../core/source.ts'
import { keyColumns, type TableSchema, tableName } from '../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from './catalog.ts'
import { connect, type PostgresClient } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { copyColumns } from './copy-columns.ts'
import { type CopyLimits, readCopy } from './copy-reader.ts'
import { parseLsn } from './lsn.ts'
import { currentLsn } from './prepare.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql-text.ts'

const UNLIMITED: CopyLimits = { batchRowsMax: Number.MAX_SAFE_INTEGER, batchBytesMax: Number.MAX_SAFE_INTEGER }
const VERIFICATION_LIMITS: CopyLimits = { batchRowsMax: 65_536, batchBytesMax: 32 * 1024 * 1024 }
/** They all become part of the statement, which holds at most 1 GB; so far below that only a mistake gets there. */
const KEYS_MAX = 5_000_000

/** Which rows of a table count, and what a position is; the same as where its changes are read. */
export interface RowScope {
  /** In SQL; undefined: all rows. */
  condition(catalog: CatalogTable): string | undefined
  /** A position at or behind everything that is visible now. */
  now(client: PostgresClient, signal: AbortSignal): Promise<bigint>
  /** Behind every change that was visible before it is asked, whether what waits for its log to be flushed is or not. */
  behind(client: PostgresClient, signal: AbortSignal): Promise<bigint>
}

export const LOGGED_ROWS: RowScope = {
  condition: () => undefined,
  now: async (client, signal) => parseLsn(await currentLsn(client, signal)),
  behind: async (client, signal) => {
    const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn', [], signal)
    invariant(row !== undefined, 'a function answers with one row')
    return parseLsn(row.lsn) + 1n
  },
}

/** See `ChangeSource.readRows`. The client is not used again when it fails. */
export async function readRowsByKey(
  client: PostgresClient,
  schema: TableSchema,
  keys: readonly string[],
  generation: number,
  scope: RowScope,
  signal: AbortSignal,
): Promise<SnapshotBatch> {
  invariant(schema.identity.kind === 'key', 'rows are read by key only where there is one')
  invariant(keys.length <= KEYS_MAX, `rows are read by at most ${KEYS_MAX} keys at a time`)
  const catalog = await presentTable(client, schema, signal)
  const { wire, list } = copyColumns(schema, catalog, {
    values: 'binary',
    drift: 'follow',
    rules: client.wireRules,
  })
  const builder = new SnapshotBuilder(schema, wire, boundary(generation, 0n))
  if (keys.length === 0) return builder.take()
  const { columns, casts, from } = await keyList(client, schema, catalog, keys, 'session', signal)
  const only = catalog.kind === 'p' ? '' : 'ONLY '
  const named = `(${columns}) IN (SELECT ${casts.join(', ')} FROM ${from})`
  const counts = scope.condition(catalog)
  const condition = counts === undefined ? named : `${named} AND (${counts})`
  const sql = `COPY (SELECT ${list} FROM ${only}${quoteTable(catalog.namespace, catalog.name)} WHERE ${condition}) TO STDOUT (FORMAT binary)`
  let rows: SnapshotBatch | undefined
  for await (const batch of readCopy(client, sql, builder, UNLIMITED, 0, signal)) {
    invariant(rows === undefined, 'rows that are read by key are one batch')
    rows = batch
  }
  const position = boundary(generation, await scope.behind(client, signal))
  return { ...(rows ?? builder.take()), position }
}

/** Keys as a relation: `(columns) IN (SELECT cast FROM from)`. */
export interface KeyList {
  /** The key's columns, as the table calls them. */
  readonly columns: string
  /** The same from `from`, each as its column's type. */
  readonly casts: readonly string[]
  readonly from: string
}

/**
 * Compares by the operators of the types, so that an index serves and `1.0` finds `1.00`. For this the search path is set,
 * until the end of the session or of the transaction.
 */
export async function keyList(
  client: PostgresClient,
  schema: TableSchema,
  catalog: CatalogTable,
  keys: readonly string[],
  scope: 'session' | 'transaction',
  signal: AbortSignal,
): Promise<KeyList> {
  const columns = keyColumns(schema).map((column) => {
    const found = catalog.columns.find((candidate) => candidate.attnum === column.id)
    if (found === undefined) {
      throw new PipelineError('source_query', `Reading rows of ${tableName(schema.table)}`, {
        cause: new Error(`its key column "${column.name}" is gone`),
        hint: `Read the table again: simplyload table resync ${shellWord(tableName(schema.table))}`,
        context: { table: tableName(schema.table) },
      })
    }
    return found
  })
  // The search path is empty; the operators of extension types live where the types do.
  await client.query(
    `SELECT set_config('search_path', coalesce(string_agg(DISTINCT quote_ident(n.nspname), ', '), ''), $2)
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY ($1::oid[]) AND n.nspname <> 'pg_catalog'`,
    [columns.map((column) => column.type.oid), scope === 'transaction'],
    signal,
  )
  const rows = keys.map((key) => parseKey(schema, key, columns.length))
  const arrays = columns.map((_, index) => `${quoteLiteral(arrayText(rows, index))}::text[]`)
  const names = columns.map((_, index) => `k${index}`)
  return {
    columns: columns.map((column) => quoteIdentifier(column.name)).join(', '),
    casts: columns.map((column, index) => `CAST(k${index} AS ${column.sourceType})`),
    from: `unnest(${arrays.join(', ')}) AS k(${names.join(', ')})`,
  }
}

/** An array literal: the server reads one constant faster than an expression with a constant for each key. */
function arrayText(rows: readonly (readonly string[])[], index: number): string {
  return `{${rows.map((row) => `"${(row[index] ?? '').replace(/[\\"]/g, '\\$&')}"`).join(',')}}`
}

function parseKey(schema: TableSchema, key: string, parts: number): readonly string[] {
  const parsed: unknown = JSON.parse(key)
  if (Array.isArray(parsed) && parsed.length === parts && parsed.every((part) => typeof part === 'string'))
    return parsed
  throw new PipelineError('internal', `Reading rows of ${tableName(schema.table)}`, {
    cause: new Error(`a key is not a JSON array of ${parts} texts`),
  })
}

/**
 * See `ChangeSource.readForVerification`. The LSN is taken just before the snapshot. A transaction whose commit is in
 * the log but not yet visible at that instant falls between the two; who compares reads differing rows again anyway.
 */
export function readForVerification(
  settings: ConnectionSettings,
  schema: TableSchema,
  scope: RowScope | Promise<RowScope>,
  signal: AbortSignal,
): VerificationRead {
  const lsn = Promise.withResolvers<bigint>()
  // Nobody may ask for it when reading fails first.
  lsn.promise.catch(() => undefined)
  return { atLeastLsn: lsn.promise, batches: verificationBatches(settings, schema, scope, lsn, signal) }
}

async function* verificationBatches(
  settings: ConnectionSettings,
  schema: TableSchema,
  chosen: RowScope | Promise<RowScope>,
  lsn: PromiseWithResolvers<bigint>,
  signal: AbortSignal,
): AsyncGenerator<SnapshotBatch, void, undefined> {
  try {
    await using client = await connect({ ...settings, statementTimeoutMs: 0 }, { purpose: 'verify' }, signal)
    const scope = await chosen
    const atLeast = await scope.now(client, signal)
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const catalog = await presentTable(client, schema, signal)
    lsn.resolve(atLeast)
    const { wire, list } = copyColumns(schema, catalog, {
      values: 'text',
      drift: 'follow',
      rules: client.wireRules,
    })
    const counts = scope.condition(catalog)
    const where = counts === undefined ? '' : ` WHERE ${counts}`
    for (const leaf of catalog.leaves) {
      const sql = `COPY (SELECT ${list} FROM ONLY ${quoteTable(leaf.namespace, leaf.name)}${where}) TO STDOUT (FORMAT binary)`
      const builder = new SnapshotBuilder(schema, wire, boundary(0, atLeast))
      yield* readCopy(client, sql, builder, VERIFICATION_LIMITS, 0, signal)
    }
  } catch (error) {
    lsn.reject(error)
    throw error
  }
}

async function presentTable(client: PostgresClient, schema: TableSchema, signal: AbortSignal): Promise<CatalogTable> {
  const { namespace, name } = schema.table
  const [catalog] = await readCatalog(client, [{ namespace, name }], signal)
  if (catalog !== undefined) return catalog
  throw new PipelineError('source_table_missing', `Reading ${tableName(schema.table)}`, {
    cause: new Error(`there is no table ${tableName(schema.table)} any more`),
    hint: 'Take it out of the configuration, or see what it is called now: simplyload discover',
    context: { table: tableName(schema.table) },
  })
}
