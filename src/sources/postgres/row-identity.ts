/**
 * How rows of a table are recognised in the stream.
 *
 * | replica identity | usable key | identity |
 * | --- | --- | --- |
 * | default | primary key that is not deferrable | key |
 * | index | the named index | key |
 * | full | primary key that is not deferrable | key |
 * | full | none | bag |
 * | anything else | | append |
 *
 * A key that is given by hand stands above this table: it is `key` where the old rows carry its columns and an index
 * proves that it is one, else `append` with the reason, which the caller makes an error of.
 *
 * Changes of a partition are decoded with the identity of the partition, and told with that of the root. The two must
 * fit, or old rows arrive with NULLs where values are missing: ALTER TABLE … REPLICA IDENTITY does not pass from a root
 * to its partitions.
 *
 * A table with identity `append` must not be published with its updates and deletes: Postgres would then refuse them
 * to the application. `prepare` puts it into a publication of inserts and truncates.
 */
import type { CatalogColumn, CatalogLeaf, CatalogTable } from './catalog.ts'
import { quoteIdentifier, quoteTable } from './sql-text.ts'

export interface FoundIdentity {
  readonly kind: 'key' | 'bag' | 'append'
  /** Names of the key columns, in order; empty unless `key`. */
  readonly columns: readonly string[]
  /** Why it is no better, for people. */
  readonly reason: string | undefined
}

/** What Postgres puts into old rows of one relation: the columns of a key, the whole row, or nothing. */
interface OldRow {
  readonly kind: 'key' | 'full' | 'nothing'
  readonly columns: readonly string[]
}

/**
 * Columns that both snapshot and stream carry. Generated columns are published from PostgreSQL 18 on, and only stored
 * ones; what the stream cannot keep up to date is left out of the snapshot too.
 */
export function followedColumns(table: CatalogTable, serverVersion: number): readonly CatalogColumn[] {
  return table.columns.filter(
    (column) => column.generated === 'no' || (column.generated === 'stored' && serverVersion >= 180_000),
  )
}

/** `given`: the key from the configuration, of columns that the table has. */
export function findIdentity(
  table: CatalogTable,
  serverVersion: number,
  given?: readonly string[] | undefined,
): FoundIdentity {
  if (given !== undefined) return givenIdentity(table, serverVersion, given)
  const own = oldRow(table)
  const primary = usablePrimaryKey(table)
  const key = own.kind === 'key' ? own.columns : own.kind === 'full' ? primary : undefined
  const followed = new Set(followedColumns(table, serverVersion).map((column) => column.name))
  const generated = key?.find((name) => !followed.has(name))
  if (generated !== undefined) {
    return append(`its key contains the generated column "${generated}", which PostgreSQL publishes from version 18 on`)
  }
  const partitions = table.kind === 'p' ? table.leaves : []
  if (key !== undefined) {
    const odd = partitions.find((leaf) => !carries(oldRow(leaf), key))
    if (odd === undefined) return { kind: 'key', columns: key, reason: undefined }
    return append(`its partition ${odd.namespace}.${odd.name} does not have the replica identity of the table`)
  }
  if (own.kind === 'full') {
    const odd = partitions.find((leaf) => oldRow(leaf).kind !== 'full')
    if (odd !== undefined)
      return append(`its partition ${odd.namespace}.${odd.name} does not have REPLICA IDENTITY FULL`)
    const deferrable = table.indexes.some((index) => index.primary)
    return { kind: 'bag', columns: [], reason: deferrable ? 'its primary key is deferrable' : 'it has no primary key' }
  }
  return append(whyNothing(table))
}

function givenIdentity(table: CatalogTable, serverVersion: number, key: readonly string[]): FoundIdentity {
  const followed = new Set(followedColumns(table, serverVersion).map((column) => column.name))
  const generated = key.find((name) => !followed.has(name))
  if (generated !== undefined)
    return append(`"${generated}" is a generated column, which PostgreSQL publishes from version 18 on`)
  const relations = table.kind === 'p' ? [table, ...table.leaves] : [table]
  for (const relation of relations) {
    const old = oldRow(relation)
    if (carries(old, key)) continue
    const where = relation === table ? '' : ` of its partition ${relation.namespace}.${relation.name}`
    const missing = key.filter((name) => !old.columns.includes(name)).join(', ')
    return append(`the replica identity${where} does not carry ${missing}, so updates and deletes would not tell it`)
  }
  // Without it two rows could have one key, and only one of them would arrive.
  if (!isProvenUnique(table, key)) return append(`no unique index says that (${key.join(', ')}) is one row`)
  return { kind: 'key', columns: key, reason: undefined }
}

/** Some valid unique index that is checked at once has no other columns. */
function isProvenUnique(table: CatalogTable, key: readonly string[]): boolean {
  return table.indexes.some(
    (index) => index.valid && index.immediate && index.columns.every((name) => key.includes(name)),
  )
}

/** SQL that makes a key given by hand fit. */
export function givenKeyFix(table: CatalogTable, key: readonly string[]): string {
  const quoted = quoteTable(table.namespace, table.name)
  const columns = key.map(quoteIdentifier).join(', ')
  const each = table.kind === 'p' ? ' (and the same for each of its partitions)' : ''
  const carried = [table, ...(table.kind === 'p' ? table.leaves : [])].every((relation) =>
    carries(oldRow(relation), key),
  )
  const unique = isProvenUnique(table, key) ? [] : [`CREATE UNIQUE INDEX ON ${quoted} (${columns})`]
  const identity = carried ? [] : [`ALTER TABLE ${quoted} REPLICA IDENTITY FULL${each}`]
  const better =
    identity.length === 0
      ? ''
      : '. FULL writes whole old rows to the log; where the columns are NOT NULL, REPLICA IDENTITY USING INDEX with the unique index is leaner'
  return `${[...unique, ...identity].join('; ')}${better}`
}

function append(reason: string): FoundIdentity {
  return { kind: 'append', columns: [], reason }
}

/** SQL that gives rows of the table an identity. */
export function identityFix(table: CatalogTable, quoted: string): string {
  if (table.kind !== 'p') return `ALTER TABLE ${quoted} REPLICA IDENTITY FULL; -- or better: ADD PRIMARY KEY (…)`
  return `ALTER TABLE ${quoted} REPLICA IDENTITY FULL; -- and the same for each of its partitions; or better: ADD PRIMARY KEY (…)`
}

/** As RelationGetIndexList of PostgreSQL decides it. */
function oldRow(relation: CatalogTable | CatalogLeaf): OldRow {
  switch (relation.replicaIdentity) {
    case 'full':
      return { kind: 'full', columns: [] }
    case 'default':
      return keyed(usablePrimaryKey(relation))
    case 'index':
      return keyed(relation.indexes.find((index) => index.replicaIdentity && index.valid && index.immediate)?.columns)
    case 'nothing':
      return keyed(undefined)
  }
}

function keyed(columns: readonly string[] | undefined): OldRow {
  return columns === undefined ? { kind: 'nothing', columns: [] } : { kind: 'key', columns }
}

function usablePrimaryKey(relation: CatalogTable | CatalogLeaf): readonly string[] | undefined {
  return relation.indexes.find((index) => index.primary && index.immediate)?.columns
}

function carries(old: OldRow, key: readonly string[]): boolean {
  return old.kind === 'full' || (old.kind === 'key' && key.every((name) => old.columns.includes(name)))
}

function whyNothing(table: CatalogTable): string {
  if (table.replicaIdentity === 'nothing') return 'its REPLICA IDENTITY is NOTHING'
  if (table.replicaIdentity === 'index') return 'the index of its REPLICA IDENTITY is gone'
  return table.indexes.some((index) => index.primary) ? 'its primary key is deferrable' : 'it has no primary key'
}
