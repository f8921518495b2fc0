/**
 * What a table looks like, in terms that no source and no destination owns.
 *
 * A column is known by its id, not by its name: batches, stage files and `_simplyload.columns` refer to ids, so a
 * rename at the source is a rename at the destination and nothing else.
 */

/** A table of a source. `namespace` is the Postgres schema (for other sources: what groups tables there). */
export interface TableId {
  readonly source: string
  readonly namespace: string
  readonly name: string
}

/** `namespace.name`, unique within a source; the form people write in `simplyload.yaml`. */
export function tableName(table: TableId): string {
  return `${table.namespace}.${table.name}`
}

/** `source.namespace.name`, unique within a configuration; the key of tables in operational state. */
export function qualifiedTableName(table: TableId): string {
  return `${table.source}.${table.namespace}.${table.name}`
}

/**
 * Logical type of a column. The Parquet, DuckDB and Snowflake forms of each are the table in the design.
 *
 * - `decimal`: `precision` ≤ 38, 0 ≤ `scale` ≤ `precision`.
 * - `date`, `timestamp`, `timestamptz`: days or microseconds since 1970-01-01, proleptic Gregorian.
 * - `time`: microseconds since midnight, 24:00:00 included (86,400,000,000).
 * - `json`: JSON text; arrays, hstore and composite values too.
 */
export type ColumnType =
  | { readonly kind: 'bool' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'text' | 'bytes' | 'uuid' | 'json' }
  | { readonly kind: 'date' | 'time' | 'timestamp' | 'timestamptz' }

export type ColumnKind = ColumnType['kind']

export interface Column {
  /** Stable for the life of the column at the source, never reused there (Postgres: `attnum`). At least 1. */
  readonly id: number
  readonly name: string
  readonly type: ColumnType
  /** The type as the source writes it, for people: `numeric(10,2)`, `timestamp with time zone`. */
  readonly sourceType: string
  readonly nullable: boolean
  /**
   * For a column added with a constant default: the value that rows written before it have, as the source's text form
   * (Postgres: `pg_attribute.attmissingval`). Absent: such rows have NULL.
   */
  readonly missingValue?: string
}

/**
 * How a row is recognised.
 *
 * - `key`: by the columns with these ids, in this order (the key of the replica identity).
 * - `bag`: no key, but deletes and updates carry the whole old row (REPLICA IDENTITY FULL); rows are counted by content.
 * - `append`: no key and no old rows; only inserts and truncates can be followed.
 */
export type RowIdentity =
  | { readonly kind: 'key'; readonly columnIds: readonly number[] }
  | { readonly kind: 'bag' }
  | { readonly kind: 'append' }

/** Rows by the value of one column, both ends included. Rows where it is NULL are in no range. */
export interface RowRange {
  readonly columnId: number
  /** In the text form of the source; absent: open on this side. */
  readonly from?: string
  readonly to?: string
}

/** Rows by their keys, each a JSON array of the key columns' text forms, in key order. */
export interface RowKeys {
  readonly keys: readonly string[]
}

export interface TableSchema {
  readonly table: TableId
  /** In the order of the source, without dropped columns. */
  readonly columns: readonly Column[]
  readonly identity: RowIdentity
  /** Rises by one with each change that is noticed; the first is 1. Batches of one table never go back. */
  readonly version: number
  /**
   * What the table was stored as when this schema was read; means something to its source alone (Postgres: oid, storage,
   * time). Tells after a restart whether rows were rewritten meanwhile without a change of them being told.
   */
  readonly fingerprint?: string
}

export function columnById(schema: TableSchema, id: number): Column | undefined {
  return schema.columns.find((column) => column.id === id)
}

export function keyColumns(schema: TableSchema): readonly Column[] {
  if (schema.identity.kind !== 'key') return []
  return schema.identity.columnIds.flatMap((id) => columnById(schema, id) ?? [])
}
