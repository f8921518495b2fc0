/**
 * What the catalog says about tables: three queries for however many tables.
 *
 * None of them opens a relation (as `pg_relation_size` and `pg_partition_tree` do), so none waits for a lock: they answer
 * also while somebody rewrites one of the tables.
 */
import type { PostgresType } from '../../columnar/postgres-type.ts'
import { invariant } from '../../core/invariant.ts'
import { ALL, BY_NAME, TABLES, TYPES } from './catalog-queries.ts'
import type { PostgresClient } from './client.ts'
import { statedMissingValue } from './missing-value.ts'

export interface RelationName {
  readonly namespace: string
  readonly name: string
}

export interface CatalogColumn {
  readonly attnum: number
  readonly name: string
  readonly type: PostgresType
  /** As Postgres writes it: `numeric(10,2)`. */
  readonly sourceType: string
  readonly nullable: boolean
  readonly generated: 'no' | 'stored' | 'virtual'
  /** `attmissingval` as `statedMissingValue` gives it; of a partitioned table that of its partitions. */
  readonly missingValue: string | undefined
  /**
   * Partitions have different ones, or it is none that can be stated: rows written before the column was added must be
   * read again.
   */
  readonly missingValueDiffers: boolean
}

export interface CatalogIndex {
  readonly primary: boolean
  /** False: DEFERRABLE, which no replica identity can use. */
  readonly immediate: boolean
  readonly replicaIdentity: boolean
  readonly valid: boolean
  /** Key columns in order, without INCLUDE columns. */
  readonly columns: readonly string[]
}

export type ReplicaIdentity = 'default' | 'index' | 'full' | 'nothing'

/** A relation with storage: the table itself, or a partition at the bottom of the tree. */
export interface CatalogLeaf extends RelationName {
  readonly oid: number
  readonly kind: string
  /** `pg_relation_filenode`; another one after a rewrite. 0 where it has none (foreign tables). */
  readonly filenode: number
  readonly replicaIdentity: ReplicaIdentity
  /** Unique ones without predicate. */
  readonly indexes: readonly CatalogIndex[]
  /** Estimates of the last VACUUM or ANALYZE; -1 rows: never. */
  readonly estimatedRows: number
  readonly pages: number
}

export interface CatalogTable extends RelationName {
  readonly oid: number
  /** `pg_class.relkind`: `r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign table. */
  readonly kind: string
  readonly persistence: 'permanent' | 'unlogged' | 'temporary'
  /** Root of the partition tree that it is a part of. */
  readonly partitionOf: RelationName | undefined
  readonly rowSecurity: boolean
  readonly owner: string
  readonly replicaIdentity: ReplicaIdentity
  readonly indexes: readonly CatalogIndex[]
  /** Leading columns of all valid indexes. */
  readonly indexedColumns: readonly string[]
  /** In order of attnum, without dropped ones. All of them, generated ones too. */
  readonly columns: readonly CatalogColumn[]
  readonly leaves: readonly CatalogLeaf[]
  /** Transactions from this id on are not seen; low 32 bits. */
  readonly horizon: number
}

// The shapes of the JSON that the queries build.
interface ColumnRow {
  readonly attnum: number
  readonly name: string
  readonly type: number
  readonly typmod: number
  readonly source_type: string
  readonly not_null: boolean
  readonly generated: string
  readonly missing: readonly string[] | null
}

interface LeafRow extends RelationName {
  readonly oid: number
  readonly kind: string
  readonly filenode: number | null
  readonly replident: string
  readonly indexes: readonly CatalogIndex[] | null
  readonly rows: number
  readonly pages: number
}

interface TableRow extends RelationName {
  readonly oid: bigint
  readonly kind: string
  readonly persistence: string
  readonly root: RelationName | null
  readonly row_security: boolean
  readonly owner: string
  readonly replident: string
  readonly indexes: readonly CatalogIndex[] | null
  readonly indexed: readonly string[] | null
  readonly columns: readonly ColumnRow[] | null
  readonly leaves: readonly LeafRow[] | null
  readonly horizon: bigint
}

interface TypeRow {
  readonly oid: bigint
  readonly name: string
  readonly kind: PostgresType['kind']
  readonly has_send: boolean
  readonly element: bigint
  readonly base: bigint
  readonly base_typmod: number
  readonly attributes: readonly { readonly name: string; readonly type: number; readonly typmod: number }[] | null
}

/**
 * Relations of any kind by name, in order of namespace and name; those that do not exist are absent. Without `names`:
 * all tables that this role may read, partitions and system tables left out.
 */
export async function readCatalog(
  client: PostgresClient,
  names: readonly RelationName[] | undefined,
  signal: AbortSignal,
): Promise<readonly CatalogTable[]> {
  const parameters =
    names === undefined ? [] : [names.map((table) => table.namespace), names.map((table) => table.name)]
  const tables = await client.query<TableRow>(
    TABLES.replace('$WHERE', names === undefined ? ALL : BY_NAME),
    parameters,
    signal,
  )
  const types = await typeRows(
    client,
    tables.flatMap((table) => (table.columns ?? []).map((column) => column.type)),
    signal,
  )
  return tables.map((table) => catalogTable(table, types))
}

/** Types by oid and modifier, in the order asked for. Undefined: there is none any more. */
export async function readTypes(
  client: PostgresClient,
  wanted: readonly { readonly typeOid: number; readonly typmod: number }[],
  signal: AbortSignal,
): Promise<readonly (PostgresType | undefined)[]> {
  const types = await typeRows(
    client,
    wanted.map(({ typeOid }) => typeOid),
    signal,
  )
  return wanted.map(({ typeOid, typmod }) => (types.has(typeOid) ? postgresType(typeOid, typmod, types) : undefined))
}

async function typeRows(
  client: PostgresClient,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, TypeRow>> {
  const types = await client.query<TypeRow>(TYPES, [[...new Set(oids)]], signal)
  return new Map(types.map((type) => [Number(type.oid), type]))
}

function catalogTable(row: TableRow, types: ReadonlyMap<number, TypeRow>): CatalogTable {
  return {
    oid: Number(row.oid),
    namespace: row.namespace,
    name: row.name,
    kind: row.kind,
    persistence: row.persistence === 'p' ? 'permanent' : row.persistence === 'u' ? 'unlogged' : 'temporary',
    partitionOf: row.root ?? undefined,
    rowSecurity: row.row_security,
    owner: row.owner,
    replicaIdentity: replicaIdentity(row.replident),
    indexes: row.indexes ?? [],
    indexedColumns: row.indexed ?? [],
    columns: (row.columns ?? []).map((column) => {
      const type = postgresType(column.type, column.typmod, types)
      const missing = column.missing?.length === 1 ? column.missing[0] : undefined
      const missingValue = missing === undefined ? undefined : statedMissingValue(type, missing)
      return {
        attnum: column.attnum,
        name: column.name,
        type,
        sourceType: column.source_type,
        nullable: !column.not_null,
        generated: column.generated === 's' ? 'stored' : column.generated === 'v' ? 'virtual' : 'no',
        missingValue,
        missingValueDiffers: column.missing !== null && missingValue === undefined,
      }
    }),
    leaves: (row.leaves ?? []).map((leaf) => ({
      oid: leaf.oid,
      namespace: leaf.namespace,
      name: leaf.name,
      kind: leaf.kind,
      filenode: leaf.filenode ?? 0,
      replicaIdentity: replicaIdentity(leaf.replident),
      indexes: leaf.indexes ?? [],
      estimatedRows: leaf.rows,
      pages: leaf.pages,
    })),
    horizon: Number(row.horizon),
  }
}

function replicaIdentity(letter: string): ReplicaIdentity {
  return letter === 'f' ? 'full' : letter === 'i' ? 'index' : letter === 'n' ? 'nothing' : 'default'
}

// Postgres refuses composite types that contain themselves, so this ends.
function postgresType(oid: number, typmod: number, types: ReadonlyMap<number, TypeRow>): PostgresType {
  const row = types.get(oid)
  invariant(row !== undefined, 'the query for types follows every reference')
  const [element, base] = [Number(row.element), Number(row.base)]
  return {
    oid,
    name: row.name,
    typmod,
    kind: row.kind,
    hasSend: row.has_send,
    // The modifier of `numeric(10,2)[]` is that of its elements; ranges have none.
    ...(element === 0 ? {} : { element: postgresType(element, row.kind === 'array' ? typmod : -1, types) }),
    ...(row.kind === 'domain' ? { base: postgresType(base, row.base_typmod, types) } : {}),
    ...(row.kind === 'composite'
      ? {
          attributes: (row.attributes ?? []).map(({ name, type, typmod: modifier }) => ({
            name,
            type: postgresType(type, modifier, types),
          })),
        }
      : {}),
  }
}
