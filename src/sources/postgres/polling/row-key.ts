/**
 * How rows of a table that is polled are recognised. Old rows are never needed, so the replica identity means nothing,
 * and any unique key will do: also a deferrable one, which holds in every snapshot.
 *
 * | key | identity |
 * | --- | --- |
 * | given by hand, or primary, or unique over NOT NULL columns | key |
 * | none, and a cursor was named | append: rows that are new are followed |
 * | none | bag: the table is sent whole when anything in it has changed |
 */
import type { CatalogTable } from '../catalog.ts'
import type { FoundIdentity } from '../row-identity.ts'
import { quoteIdentifier, quoteTable } from '../sql-text.ts'
import type { Followable } from '../table-schemas.ts'
import type { PollOptions } from './poll-options.ts'

export function pollFollowable(
  table: CatalogTable,
  options: PollOptions,
  key: readonly string[] | undefined,
): Followable {
  return { columns: table.columns, identity: pollIdentity(table, options, key), keyFix: uniqueFix(table, key ?? []) }
}

function pollIdentity(table: CatalogTable, options: PollOptions, key: readonly string[] | undefined): FoundIdentity {
  if (key !== undefined) {
    // Without it two rows could have one key, and only one of them would arrive.
    const isUnique = table.indexes.some((index) => index.valid && index.columns.every((name) => key.includes(name)))
    if (isUnique) return { kind: 'key', columns: key, reason: undefined }
    return { kind: 'append', columns: [], reason: `no unique index says that (${key.join(', ')}) is one row` }
  }
  const nullable = new Set(table.columns.filter((column) => column.nullable).map((column) => column.name))
  const unique = table.indexes.filter((index) => index.valid && !index.columns.some((name) => nullable.has(name)))
  const found = unique.find((index) => index.primary) ?? unique.find((index) => index.replicaIdentity) ?? unique[0]
  if (found !== undefined) return { kind: 'key', columns: found.columns, reason: undefined }
  const reason = 'it has no primary key and no unique index over NOT NULL columns'
  return { kind: typeof options.cursor === 'string' ? 'append' : 'bag', columns: [], reason }
}

function uniqueFix(table: CatalogTable, key: readonly string[]): string {
  return `CREATE UNIQUE INDEX ON ${quoteTable(table.namespace, table.name)} (${key.map(quoteIdentifier).join(', ')})`
}
