/** The SQL of `catalog.ts`. JSON carries what has no fixed number of columns. */

// The text form of an array quotes its elements by the type's delimiter; only `box` has another one than the comma.
const MISSING = `CASE WHEN t.typdelim = ',' THEN (a.attmissingval::text::text[])[1]
    ELSE substr(a.attmissingval::text, 2, length(a.attmissingval::text) - 2) END`

// Each part is put together for all tables at once and then joined: subqueries per table would read the parts anew for
// each, which took 5 s for 2,000 tables.
export const TABLES = `WITH RECURSIVE wanted AS MATERIALIZED (
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

export const BY_NAME = '(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))'
export const ALL = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')`

export const TYPES = `WITH RECURSIVE needed(oid) AS (
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
