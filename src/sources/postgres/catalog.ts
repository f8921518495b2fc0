/**
 * What the catalog says about tables: three queries for however many tables.
 *
 * None of them opens a relation (as `pg_relation_size` and `pg_partition_tree` do), so none waits for a lock: they answer
 * also while somebody rewrites one of the tables.
 */
import type { PostgresType } from '../../columnar/postgres-type.ts'
import { invariant } from '../../core/invariant.ts'
import type { PostgresClient } from './client.ts'

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
  /** `attmissingval`, as text; of a partitioned table that of its partitions. */
  readonly missingValue: string | undefined
  /** Partitions have different ones: rows written before the column was added must be read again. */
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

// The text form of an array quotes its elements by the type's delimiter; only `box` has another one than the comma.
const MISSING = `CASE WHEN t.typdelim = ',' THEN (a.attmissingval::text::text[])[1]
    ELSE substr(a.attmissingval::text, 2, length(a.attmissingval::text) - 2) END`

// Each part is put together for all tables at once and then joined: subqueries per table would read the parts anew for
// each, which took 5 s for 2,000 tables.
const TABLES = `WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE $WHERE
  ), tree(root, member) AS (
    SELECT oid, oid FROM wanted
    UNION ALL
    SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.member AND NOT i.inhdetachpending
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
  ), ancestry(relation, ancestor, height) AS (
    SELECT oid, oid, 0 FROM wanted
    UNION ALL
    SELECT a.relation, i.inhparent, a.height + 1 FROM ancestry a
    JOIN pg_class c ON c.oid = a.ancestor AND c.relispartition JOIN pg_inherits i ON i.inhrelid = a.ancestor
  ), roots AS MATERIALIZED (
    SELECT DISTINCT ON (a.relation) a.relation, json_build_object('namespace', n.nspname, 'name', c.relname) AS root
    FROM ancestry a JOIN pg_class c ON c.oid = a.ancestor JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.height > 0 ORDER BY a.relation, a.height DESC
  ), keys AS MATERIALIZED (
    SELECT i.indrelid, json_agg(json_build_object('primary', i.indisprimary, 'immediate', i.indimmediate,
      'replicaIdentity', i.indisreplident, 'valid', i.indisvalid, 'columns', (
        SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts))
      ORDER BY i.indexrelid) AS list
    FROM pg_index i WHERE i.indrelid IN (SELECT member FROM tree) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indrelid
  ), firsts AS MATERIALIZED (
    SELECT i.indrelid, json_agg(DISTINCT a.attname) AS list
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid IN (SELECT oid FROM wanted) AND i.indisvalid AND i.indpred IS NULL GROUP BY i.indrelid
  ), missing AS MATERIALIZED (
    SELECT tree.root, a.attname, json_agg(DISTINCT ${MISSING}) AS list
    FROM tree JOIN pg_attribute a ON a.attrelid = tree.member AND a.atthasmissing JOIN pg_type t ON t.oid = a.atttypid
    GROUP BY tree.root, a.attname
  ), attributes AS MATERIALIZED (
    SELECT a.attrelid, json_agg(json_build_object('attnum', a.attnum, 'name', a.attname, 'type', a.atttypid::int8,
      'typmod', a.atttypmod, 'source_type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
      'generated', a.attgenerated, 'missing', m.list) ORDER BY a.attnum) AS list
    FROM pg_attribute a LEFT JOIN missing m ON m.root = a.attrelid AND m.attname = a.attname
    WHERE a.attrelid IN (SELECT oid FROM wanted) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid
  ), leaves AS MATERIALIZED (
    SELECT tree.root, json_agg(json_build_object('oid', c.oid::int8, 'namespace', n.nspname, 'name', c.relname,
      'kind', c.relkind, 'filenode', pg_relation_filenode(c.oid)::int8, 'replident', c.relreplident, 'indexes', k.list,
      'rows', c.reltuples, 'pages', c.relpages) ORDER BY c.oid) AS list
    FROM tree JOIN pg_class c ON c.oid = tree.member AND c.relkind <> 'p' JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN keys k ON k.indrelid = c.oid GROUP BY tree.root
  )
  SELECT c.oid::int8 AS oid, n.nspname AS namespace, c.relname AS name, c.relkind::text AS kind,
    c.relpersistence::text AS persistence, c.relrowsecurity AS row_security, pg_get_userbyid(c.relowner)::text AS owner,
    c.relreplident::text AS replident, roots.root, keys.list AS indexes, firsts.list AS indexed,
    attributes.list AS columns, leaves.list AS leaves,
    pg_snapshot_xmin(pg_current_snapshot())::text::int8 & 4294967295 AS horizon
  FROM wanted JOIN pg_class c ON c.oid = wanted.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN roots ON roots.relation = c.oid LEFT JOIN keys ON keys.indrelid = c.oid
  LEFT JOIN firsts ON firsts.indrelid = c.oid LEFT JOIN attributes ON attributes.attrelid = c.oid
  LEFT JOIN leaves ON leaves.root = c.oid
  ORDER BY n.nspname, c.relname`

const BY_NAME = '(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))'
const ALL = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')`

const TYPES = `WITH RECURSIVE needed(oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT part.oid FROM needed JOIN LATERAL (
      SELECT t.typelem AS oid FROM pg_type t WHERE t.oid = needed.oid AND t.typinput = 'array_in'::regproc
      UNION ALL SELECT t.typbasetype FROM pg_type t WHERE t.oid = needed.oid AND t.typtype = 'd'
      UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = needed.oid
      UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = needed.oid
      UNION ALL SELECT a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
        WHERE t.oid = needed.oid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part ON true
  )
  SELECT t.oid::int8 AS oid, t.typname AS name, t.typsend <> 0 AS has_send,
    CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range'
      WHEN 'm' THEN 'multirange' ELSE CASE WHEN t.typinput = 'array_in'::regproc THEN 'array' ELSE 'base' END END AS kind,
    coalesce(CASE WHEN t.typinput = 'array_in'::regproc THEN t.typelem END,
      (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid),
      (SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid), 0)::int8 AS element,
    t.typbasetype::int8 AS base, t.typtypmod AS base_typmod,
    CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8,
        'typmod', a.atttypmod) ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END AS attributes
  FROM needed JOIN pg_type t ON t.oid = needed.oid`

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
    columns: (row.columns ?? []).map((column) => ({
      attnum: column.attnum,
      name: column.name,
      type: postgresType(column.type, column.typmod, types),
      sourceType: column.source_type,
      nullable: !column.not_null,
      generated: column.generated === 's' ? 'stored' : column.generated === 'v' ? 'virtual' : 'no',
      missingValue: column.missing?.length === 1 ? column.missing[0] : undefined,
      missingValueDiffers: column.missing !== null && column.missing.length > 1,
    })),
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
