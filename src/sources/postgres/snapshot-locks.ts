/**
 * The locks of a snapshot, and what may have happened before they were held.
 *
 * Between the consistent point and the lock a table may be rewritten (ALTER TABLE, TRUNCATE). Its rows are then invisible
 * to the snapshot, although they existed at its position: the table would be empty, without an error. So the filenodes
 * that the snapshot sees are compared with those under the lock.
 */
import { PipelineError } from '../../core/errors.ts'
import { type TableSchema, tableName } from '../../core/table-schema.ts'
import { queryWithDeadline } from './bounded-wait.ts'
import { type CatalogTable, readCatalog } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import { quoteIdentifier, quoteTable } from './sql-text.ts'
import { relationKey } from './table-schemas.ts'

/**
 * In a transaction that has its snapshot. Returns what the snapshot says of the tables, by `relationKey`. Throws
 * `snapshot_lost` where a table was rewritten after it, `source_busy` where somebody else holds a table for too long, and
 * `source_permission` or `source_table_missing` with the table.
 */
export async function lockTables(
  holder: PostgresClient,
  schemas: readonly TableSchema[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, CatalogTable>> {
  const names = schemas.map(({ table }) => ({ namespace: table.namespace, name: table.name }))
  const catalogs = new Map((await readCatalog(holder, names, signal)).map((table) => [relationKey(table), table]))
  const list = schemas.map(({ table }) => {
    const catalog = catalogs.get(relationKey(table))
    if (catalog === undefined) throw tableGone(tableName(table))
    return `${catalog.kind === 'p' ? '' : 'ONLY '}${quoteTable(table.namespace, table.name)}`
  })
  if (list.length > 0) {
    await requireReadable(holder, [...catalogs.values()], signal)
    const sql = `LOCK TABLE ${list.join(', ')} IN ACCESS SHARE MODE`
    await queryWithDeadline(holder, { sql, doing: 'Locking the tables of the snapshot', timeoutMs }, signal)
  }
  // A catalog table is read with the snapshot, a function of the catalog with the present: the two show a rewrite.
  const moved = await holder.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
     WHERE c.oid = ANY ($1::oid[]) AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)`,
    [[...catalogs.values()].flatMap((table) => table.leaves.map((leaf) => leaf.oid))],
    signal,
  )
  const first = moved[0]
  if (first === undefined) return catalogs
  throw new PipelineError('snapshot_lost', 'Opening a snapshot', {
    cause: new Error(`${first.name} was rewritten or truncated meanwhile`),
    context: { table: first.name },
  })
}

/** Before the server refuses all of them for one, with its name alone. */
async function requireReadable(
  holder: PostgresClient,
  tables: readonly CatalogTable[],
  signal: AbortSignal,
): Promise<void> {
  const [denied] = await holder.query<{ namespace: string; name: string; role: string }>(
    `SELECT n.nspname AS namespace, c.relname AS name, current_user AS role
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND NOT has_table_privilege(c.oid, 'SELECT') LIMIT 1`,
    [tables.map((table) => table.oid)],
    signal,
  )
  if (denied === undefined) return
  const { namespace, name, role } = denied
  throw new PipelineError('source_permission', `Reading ${namespace}.${name}`, {
    cause: new Error('this role may not read it'),
    hint: `GRANT SELECT ON ${quoteTable(namespace, name)} TO ${quoteIdentifier(role)}`,
    context: { table: `${namespace}.${name}` },
  })
}

function tableGone(name: string): PipelineError {
  return new PipelineError('source_table_missing', `Reading ${name}`, {
    cause: new Error(`there is no table ${name} any more`),
    hint: 'Take it out of the configuration, or see what it is called now: simplyload discover',
    context: { table: name },
  })
}
