/**
 * What is asked of the catalog at every poll, for all tables at once and within the poll's snapshot: under which name a
 * table goes now, and whether anything about it has changed since it was last looked at. Only then is more asked.
 *
 * The answer is that of the snapshot: a row that is seen was written after the columns that it has were made, so with the
 * row its columns are seen. Waits for no lock.
 */

/** One table, as JSON. */
export interface TableShape {
  readonly oid: number
  readonly namespace: string
  readonly name: string
  /** Of columns, keys and storage, partitions included. */
  readonly shape: string
  /** Partitions that hold rows; of a plain table itself. */
  readonly leaves: readonly number[]
  /** Rewritten or truncated since the snapshot: what it held is out of reach. */
  readonly moved: boolean
}

/** `$2`: oids. A JSON array of `TableShape`, or NULL. */
export const TABLE_SHAPES = `WITH RECURSIVE tree(root, member) AS (
    SELECT w.oid, w.oid FROM unnest($2::int8[]::oid[]) AS w(oid)
    UNION ALL
    SELECT t.root, i.inhrelid FROM tree t JOIN pg_class c ON c.oid = t.member AND c.relkind = 'p'
    JOIN pg_inherits i ON i.inhparent = t.member AND NOT i.inhdetachpending
  ), leaves AS MATERIALIZED (
    SELECT t.root, json_agg(c.oid::int8 ORDER BY c.oid) AS oids,
      string_agg(c.oid || ':' || c.relfilenode, ',' ORDER BY c.oid) AS storage,
      bool_or(c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid)) AS moved
    FROM tree t JOIN pg_class c ON c.oid = t.member AND c.relkind <> 'p' GROUP BY t.root
  )
  SELECT json_agg(json_build_object('oid', c.oid::int8, 'namespace', n.nspname, 'name', c.relname,
    'leaves', coalesce(l.oids, '[]'), 'moved', coalesce(l.moved, false),
    'shape', hashtextextended(concat_ws(';', c.relkind, l.storage, columns.list, keys.list), 0)::text))
  FROM unnest($2::int8[]::oid[]) AS w(oid) JOIN pg_class c ON c.oid = w.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN leaves l ON l.root = c.oid
  LEFT JOIN LATERAL (
    SELECT string_agg(concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasmissing,
      a.attisdropped, a.attgenerated), ',' ORDER BY a.attnum) AS list
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns ON true
  LEFT JOIN LATERAL (
    SELECT string_agg(concat_ws(':', i.indexrelid, i.indisprimary, i.indisunique, i.indisvalid, i.indkey::text), ','
      ORDER BY i.indexrelid) AS list
    FROM pg_index i WHERE i.indrelid = c.oid) AS keys ON true`
