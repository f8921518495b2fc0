/** The tables that this role can read, with what a person wants to know before choosing some. */
import type { DiscoveredTable, TableRequest } from '../../core/source.ts'
import { keyColumns } from '../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import { sqlState } from './errors.ts'
import { cursorCandidates } from './polling/cursor-column.ts'
import type { Reading } from './reading.ts'
import { findIdentity, followedColumns } from './row-identity.ts'
import { refusalOf } from './table-schemas.ts'

interface Size {
  readonly oid: number
  readonly bytes: number
  readonly live_rows: number
}

export async function discoverTables(
  client: PostgresClient,
  source: string,
  reading: Pick<Reading, 'schema' | 'warnings'>,
  signal: AbortSignal,
): Promise<readonly DiscoveredTable[]> {
  const tables = await readCatalog(client, undefined, signal)
  const sizes = await readSizes(client, tables, signal)
  return tables.map((table) => discovered(table, source, reading, client.serverVersion, sizes))
}

/** Sizes need a lock on each table. Somebody who holds one for long is not waited for: then estimates must do. */
async function readSizes(
  client: PostgresClient,
  tables: readonly CatalogTable[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Size>> {
  const leaves = tables.flatMap((table) => table.leaves)
  if (leaves.length === 0) return new Map()
  const select = (
    bytes: string,
  ): string => `SELECT leaf.oid::int8::float8 AS oid, ${bytes}::float8 AS bytes, coalesce(s.n_live_tup, 0)::float8 AS live_rows
    FROM unnest(ARRAY[${leaves.map((leaf) => leaf.oid).join(',')}]::oid[]) AS leaf(oid)
    JOIN pg_class c ON c.oid = leaf.oid LEFT JOIN pg_stat_all_tables s ON s.relid = leaf.oid`
  try {
    const exact = await client.query<Size>(
      `SET lock_timeout = '1s'; ${select('coalesce(pg_table_size(leaf.oid), 0)')}`,
      undefined,
      signal,
    )
    return new Map(exact.map((size) => [size.oid, size]))
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error
    const estimated = await client.query<Size>(
      select("c.relpages::float8 * current_setting('block_size')::int"),
      undefined,
      signal,
    )
    return new Map(estimated.map((size) => [size.oid, size]))
  } finally {
    if (client.lost === undefined) await client.query('RESET lock_timeout')
  }
}

function discovered(
  table: CatalogTable,
  source: string,
  reading: Pick<Reading, 'schema' | 'warnings'>,
  serverVersion: number,
  sizes: ReadonlyMap<number, Size>,
): DiscoveredTable {
  const id = { source, namespace: table.namespace, name: table.name }
  const request: TableRequest = { table: id, exclude: [], typeOverrides: {} }
  const schema = reading.schema({ request, catalog: table }, serverVersion)
  const ofLeaves = table.leaves.map((leaf) => ({ leaf, size: sizes.get(leaf.oid) }))
  return {
    table: id,
    kind: table.kind === 'p' ? 'partitioned' : 'table',
    schema,
    keyColumns: keyColumns(schema).map((column) => column.name),
    replicaIdentity: table.replicaIdentity,
    cursorCandidates: cursorCandidates(table).map(({ name }) => ({
      column: name,
      indexed: table.indexedColumns.includes(name),
    })),
    // Never analyzed: the statistics collector counts what was written since its last reset.
    estimatedRows: ofLeaves.reduce(
      (sum, { leaf, size }) => sum + (leaf.estimatedRows > 0 ? leaf.estimatedRows : (size?.live_rows ?? 0)),
      0,
    ),
    bytes: ofLeaves.reduce((sum, { size }) => sum + (size?.bytes ?? 0), 0),
    warnings: reading.warnings(table, serverVersion),
  }
}

/** What works, but not as somebody may expect. `key`: as configured. */
export function tableWarnings(
  table: CatalogTable,
  serverVersion: number,
  key?: readonly string[] | undefined,
): readonly string[] {
  const identity = findIdentity(table, serverVersion, key)
  const followed = followedColumns(table, serverVersion)
  const leftOut = table.columns.filter((column) => !followed.includes(column)).map((column) => column.name)
  const refusal = refusalOf(table, [])
  return [
    ...(refusal === undefined ? [] : [`Cannot be followed: ${refusal.reason}`]),
    ...(identity.kind === 'append' ? [`Updates and deletes are not followed: ${identity.reason}`] : []),
    ...(key === undefined && identity.kind !== 'key' ? possibleKeys(table, serverVersion) : []),
    ...(identity.kind === 'bag' ? [`Rows are recognised by all their values, because ${identity.reason}`] : []),
    ...(leftOut.length === 0 ? [] : [`Generated columns that are not in the log are left out: ${leftOut.join(', ')}`]),
    ...(table.kind === 'p' ? ['Truncating, detaching or dropping a partition is not in the log'] : []),
  ]
}

/** Unique indexes that would do as a key given by hand. */
function possibleKeys(table: CatalogTable, serverVersion: number): readonly string[] {
  return table.indexes
    .filter((index) => findIdentity(table, serverVersion, index.columns).kind === 'key')
    .map((index) => `It has a unique index that would do as its key: key: [${index.columns.join(', ')}]`)
}
