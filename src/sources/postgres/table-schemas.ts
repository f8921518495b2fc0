/** Catalog → what the rest of SimplyLoad knows of a table, or why it cannot be followed. */
import { columnTypeOf } from '../../columnar/postgres-type.ts'
import { PipelineError } from '../../core/errors.ts'
import { editDistance, nearest } from '../../core/nearest.ts'
import type { ReadingMode, TableRequest } from '../../core/source.ts'
import { type Column, type RowIdentity, type TableSchema, tableName } from '../../core/table-schema.ts'
import { type CatalogColumn, type CatalogTable, type RelationName, readCatalog } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import { type FoundIdentity, findIdentity, followedColumns, givenKeyFix } from './row-identity.ts'
import { quoteTable } from './sql-text.ts'
import { storageFingerprint, storageOf } from './storage-fingerprint.ts'

/** A configured table and what the catalog says about it. */
export interface RequestedTable {
  readonly request: TableRequest
  readonly catalog: CatalogTable
}

/** In the order of the requests. Throws `source_table_missing`, or `source_setting` for relations that have no changes. */
export async function requestedTables(
  client: PostgresClient,
  requests: readonly TableRequest[],
  signal: AbortSignal,
  mode: ReadingMode = 'cdc',
): Promise<readonly RequestedTable[]> {
  const found = await readCatalog(
    client,
    requests.map(({ table }) => ({ namespace: table.namespace, name: table.name })),
    signal,
  )
  const byName = new Map(found.map((table) => [relationKey(table), table]))
  const tables: RequestedTable[] = []
  for (const request of requests) {
    const catalog = byName.get(relationKey(request.table))
    if (catalog === undefined) throw await tableMissing(client, request, signal)
    const refusal = refusalOf(catalog, requests, mode)
    if (refusal !== undefined) {
      throw new PipelineError('source_setting', `Describing ${tableName(request.table)}`, {
        cause: new Error(refusal.reason),
        hint: refusal.hint,
        context: { table: tableName(request.table) },
      })
    }
    tables.push({ request, catalog })
  }
  return tables
}

export interface Refusal {
  readonly reason: string
  readonly hint: string
}

/** Why a relation cannot be followed; undefined where it can. */
export function refusalOf(
  table: CatalogTable,
  requests: readonly TableRequest[],
  mode: ReadingMode = 'cdc',
): Refusal | undefined {
  const why = mode === 'cdc' ? 'whose changes are not in the log' : 'whose rows do not tell when they were written'
  const quoted = quoteTable(table.namespace, table.name)
  const kinds: Readonly<Record<string, string>> = {
    v: 'a view',
    m: 'a materialized view',
    f: 'a foreign table',
    S: 'a sequence',
    c: 'a composite type',
    i: 'an index',
    I: 'an index',
  }
  const kind = kinds[table.kind]
  if (kind !== undefined) return { reason: `it is ${kind}, ${why}`, hint: 'Name the tables it reads from' }
  if (table.persistence === 'unlogged' && mode === 'cdc')
    return { reason: 'it is unlogged: its changes are not in the log', hint: `ALTER TABLE ${quoted} SET LOGGED` }
  if (table.persistence === 'temporary') return { reason: 'it is a temporary table', hint: 'Name a permanent table' }
  const foreign = table.leaves.find((leaf) => leaf.kind === 'f')
  if (foreign !== undefined) {
    return {
      reason: `its partition ${foreign.namespace}.${foreign.name} is a foreign table, ${why}`,
      hint: `Name its local partitions as tables, or ALTER TABLE ${quoted} DETACH PARTITION ${quoteTable(foreign.namespace, foreign.name)}`,
    }
  }
  const root = table.partitionOf
  if (root !== undefined && requests.some((request) => relationKey(request.table) === relationKey(root))) {
    return {
      reason: `it is a partition of ${root.namespace}.${root.name}, which is configured too`,
      hint: 'Name the partitioned table alone',
    }
  }
  return undefined
}

/** What can be followed of a table, which depends on how its changes are read. */
export interface Followable {
  readonly columns: readonly CatalogColumn[]
  readonly identity: FoundIdentity
  /** SQL that makes a key given by hand fit. */
  readonly keyFix: string
}

function followableInLog({ request, catalog }: RequestedTable, serverVersion: number): Followable {
  return {
    columns: followedColumns(catalog, serverVersion),
    identity: findIdentity(catalog, serverVersion, request.key),
    keyFix: request.key === undefined ? '' : givenKeyFix(catalog, request.key),
  }
}

/** Throws `config_invalid` where `exclude`, `types` or `key` do not fit the table. */
export function tableSchema(
  table: RequestedTable,
  serverVersion: number,
  followable: Followable = followableInLog(table, serverVersion),
): TableSchema {
  const { request, catalog } = table
  const { identity } = followable
  requireColumns(request, catalog)
  if (request.key !== undefined && identity.kind !== 'key')
    throw misfit(request, `its key cannot be (${request.key.join(', ')}): ${identity.reason}`, followable.keyFix)
  const missingKey = identity.columns.find((name) => request.exclude.includes(name))
  if (missingKey !== undefined) {
    throw misfit(
      request,
      `column "${missingKey}" is excluded, but rows are recognised by it`,
      'Take it out of `exclude`',
    )
  }
  const columns = followable.columns.filter((column) => !request.exclude.includes(column.name))
  return {
    table: request.table,
    columns: columns.map(
      (column): Column => ({
        id: column.attnum,
        name: column.name,
        type: request.typeOverrides[column.name] ?? columnTypeOf(column.type),
        sourceType: column.sourceType,
        nullable: column.nullable,
        ...(column.missingValue === undefined ? {} : { missingValue: column.missingValue }),
      }),
    ),
    identity: rowIdentity(
      identity.kind,
      identity.columns.map((name) => columns.find((column) => column.name === name)?.attnum ?? 0),
    ),
    version: 1,
    fingerprint: storageFingerprint(catalog.oid, storageOf(catalog.leaves), catalog.horizon).text,
  }
}

/** Each column that the configuration names is one of the table. */
function requireColumns(request: TableRequest, catalog: CatalogTable): void {
  const known = catalog.columns.map((column) => column.name)
  const named = [
    ...request.exclude.map((name) => ({ name, by: 'exclude' })),
    ...Object.keys(request.typeOverrides).map((name) => ({ name, by: 'types' })),
    ...(request.key ?? []).map((name) => ({ name, by: 'key' })),
  ]
  const unknown = named.find(({ name }) => !known.includes(name))
  if (unknown === undefined) return
  const similar = nearest(unknown.name, known)
  const reason = `\`${unknown.by}\` names the column "${unknown.name}", which it does not have`
  // A column that is renamed must not come to light because nobody noticed.
  const dropped =
    unknown.by === 'exclude'
      ? ' If it was renamed, exclude it by its new name; if it was dropped, take it out of `exclude`.'
      : ''
  const is = similar === undefined ? '' : `Did you mean "${similar}"? `
  throw misfit(request, reason, `${is}Columns: ${known.join(', ')}.${dropped}`)
}

function rowIdentity(kind: 'key' | 'bag' | 'append', columnIds: readonly number[]): RowIdentity {
  return kind === 'key' ? { kind, columnIds } : { kind }
}

function misfit(request: TableRequest, reason: string, hint: string): PipelineError {
  const name = tableName(request.table)
  return new PipelineError('config_invalid', `Configuring ${name}`, {
    cause: new Error(reason),
    hint,
    context: { table: name },
  })
}

export function relationKey(relation: RelationName): string {
  return JSON.stringify([relation.namespace, relation.name])
}

const SIMILAR = `SELECT n.nspname AS namespace, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' LIMIT 10000`
const SIMILAR_MAX = 3

async function tableMissing(
  client: PostgresClient,
  request: TableRequest,
  signal: AbortSignal,
): Promise<PipelineError> {
  const name = tableName(request.table)
  const all = await client.query<RelationName>(SIMILAR, undefined, signal)
  const lower = (text: string): string => text.toLowerCase()
  const similar = all
    .map((table) => ({
      name: `${table.namespace}.${table.name}`,
      distance: Math.min(
        editDistance(lower(`${table.namespace}.${table.name}`), lower(name)),
        editDistance(lower(table.name), lower(request.table.name)) + 1,
      ),
    }))
    .filter(({ distance }) => distance <= Math.max(2, name.length / 4))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SIMILAR_MAX)
    .map((table) => table.name)
  return new PipelineError('source_table_missing', `Describing ${name}`, {
    cause: new Error(`there is no table ${name}`),
    hint:
      similar.length === 0
        ? 'See which there are: simplyload discover'
        : `Is it one of these? ${similar.join(', ')} (names are case-sensitive)`,
    context: { table: name },
  })
}
