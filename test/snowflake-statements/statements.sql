-- The first call: tables of ours, the lease, checkpoints

ALTER SESSION SET TIMEZONE = 'UTC' DATE_OUTPUT_FORMAT = 'YYYY-MM-DD' TIME_OUTPUT_FORMAT = 'HH24:MI:SS.FF6' TIMESTAMP_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6' TIMESTAMP_NTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6' TIMESTAMP_LTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM' TIMESTAMP_TZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM' TIMESTAMP_TYPE_MAPPING = 'TIMESTAMP_NTZ' DATE_INPUT_FORMAT = 'AUTO' TIME_INPUT_FORMAT = 'AUTO' TIMESTAMP_INPUT_FORMAT = 'AUTO' BINARY_INPUT_FORMAT = 'HEX' BINARY_OUTPUT_FORMAT = 'HEX' JSON_INDENT = 0 AUTOCOMMIT = TRUE TRANSACTION_ABORT_ON_ERROR = FALSE QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE ERROR_ON_NONDETERMINISTIC_MERGE = TRUE ERROR_ON_NONDETERMINISTIC_UPDATE = TRUE ROWS_PER_RESULTSET = 0 LOCK_TIMEOUT = 600 STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 600;

SHOW SCHEMAS LIKE '_SIMPLYLOAD' IN DATABASE "WAREHOUSE";

CREATE SCHEMA IF NOT EXISTS _SIMPLYLOAD COMMENT = 'SimplyLoad: progress, quarantine, staged rows';

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.TABLES (source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, target_database VARCHAR, target_namespace VARCHAR, target_name VARCHAR, identity VARCHAR, finished_position VARCHAR, created_at TIMESTAMP_TZ(6), cluster_key VARCHAR);

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.COLUMNS (source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, ordinal NUMBER(10,0), column_id NUMBER(10,0), column_name VARCHAR, source_name VARCHAR, type VARCHAR, state VARCHAR);

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.LOADS (source VARCHAR, namespace VARCHAR, table_name VARCHAR, batch_id VARCHAR, added NUMBER(19,0), position VARCHAR, loaded_at TIMESTAMP_TZ(6));

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.TOMBSTONES (source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR);

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.COMPLETIONS (source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR);

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.QUARANTINE (source VARCHAR, namespace VARCHAR, table_name VARCHAR, position VARCHAR, key VARCHAR, column_name VARCHAR, reason VARCHAR, raw VARCHAR, loaded_at TIMESTAMP_TZ(6), closed_at TIMESTAMP_TZ(6), closed_as VARCHAR);

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD."CHECKPOINTS_shop" (source VARCHAR, namespace VARCHAR, table_name VARCHAR, epoch NUMBER(19,0), position VARCHAR, in_group BOOLEAN, guard_until VARCHAR, updated_at TIMESTAMP_TZ(6), group_name VARCHAR) AS SELECT 'shop', '', '', 0, NULL::VARCHAR, TRUE, NULL::VARCHAR, CURRENT_TIMESTAMP()::TIMESTAMP_TZ(6), '';

CREATE STAGE IF NOT EXISTS _SIMPLYLOAD.STAGE;

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD.META (key VARCHAR, value VARCHAR) AS SELECT 'format', '1';

BEGIN;

UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET epoch = epoch + 1, updated_at = CURRENT_TIMESTAMP()
  WHERE source = :1 AND namespace = '' AND table_name = '';

SELECT epoch
  FROM _SIMPLYLOAD."CHECKPOINTS_shop"
  WHERE source = :1 AND namespace = '' AND table_name = '' AND group_name = '';

SELECT source, namespace, table_name, epoch, position, in_group, guard_until, updated_at, group_name
  FROM _SIMPLYLOAD."CHECKPOINTS_shop"
  WHERE source = :1 ORDER BY namespace, table_name;

COMMIT;

REMOVE @_SIMPLYLOAD.STAGE PATTERN = '(.*/)?[^/]+/shop/[^/]+/[^/]+/[^/]+';


-- A snapshot of every type, and its promotion

SHOW TABLES IN SCHEMA _SIMPLYLOAD;

SELECT value
  FROM _SIMPLYLOAD.META
  WHERE key = 'format';

UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET updated_at = CURRENT_TIMESTAMP()
  WHERE source = :1 AND namespace = '' AND table_name = '' AND group_name = '' AND epoch = 2;

DELETE
  FROM _SIMPLYLOAD."CHECKPOINTS_shop"
  WHERE source = :1 AND (table_name <> '' OR group_name <> '');

UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET position = NULL
  WHERE source = :1 AND namespace = '' AND table_name = '' AND group_name = '';

SHOW SCHEMAS LIKE 'shop_public';

SELECT t.namespace, t.table_name, t.slot, t.target_database, t.target_namespace, t.target_name, t.identity, t.finished_position, t.cluster_key, c.column_id, c.column_name, c.source_name, c.type, c.state
  FROM _SIMPLYLOAD.TABLES t
  JOIN _SIMPLYLOAD.COLUMNS c ON c.source = t.source AND c.namespace = t.namespace AND c.table_name = t.table_name AND c.slot = t.slot
  WHERE t.source = :1 AND (t.namespace, t.table_name) IN (('public', 'every_type')) ORDER BY t.namespace, t.table_name, t.slot, c.ordinal;

DELETE
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3;

DELETE
  FROM _SIMPLYLOAD.TOMBSTONES
  WHERE source = :1 AND namespace = :2 AND table_name = :3;

DELETE
  FROM _SIMPLYLOAD.TABLES
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND slot = :4;

DELETE
  FROM _SIMPLYLOAD.COLUMNS
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND slot = :4;

CREATE SCHEMA IF NOT EXISTS "shop_public";

SHOW TABLES LIKE 'every_type' IN SCHEMA "shop_public";

SHOW VIEWS LIKE 'every_type' IN SCHEMA "shop_public";

CREATE OR REPLACE TABLE "shop_public"."_simplyload_shadow_every_type" ("id" NUMBER(20,2) COMMENT 'id, decimal [0]', "a_bool" BOOLEAN COMMENT 'a_bool, bool [1]', "a_int16" NUMBER(5,0) COMMENT 'a_int16, int16 [2]', "a_int32" NUMBER(10,0) COMMENT 'a_int32, int32 [3]', "a_float32" FLOAT COMMENT 'a_float32, float32 [4]', "a_float64" FLOAT COMMENT 'a_float64, float64 [5]', "a_text" VARCHAR COMMENT 'a_text, text [6]', "a_bytes" BINARY COMMENT 'a_bytes, bytes [7]', "a_uuid" VARCHAR COMMENT 'a_uuid, uuid [8]', "a_json" VARIANT COMMENT 'a_json, json [9]', "a_date" DATE COMMENT 'a_date, date [10]', "a_time" TIME(6) COMMENT 'a_time, time [11]', "a_timestamp" TIMESTAMP_NTZ(6) COMMENT 'a_timestamp, timestamp [12]', "a_timestamptz" TIMESTAMP_TZ(6) COMMENT 'a_timestamptz, timestamptz [13]', "_fivetran_synced" TIMESTAMP_TZ(6) COMMENT 'SimplyLoad [14]', "_fivetran_deleted" BOOLEAN COMMENT 'SimplyLoad [15]', "_source_position" VARCHAR COMMENT 'SimplyLoad [16]') COMMENT = 'Copied by SimplyLoad from shop: public.every_type, being read';

INSERT INTO _SIMPLYLOAD.TABLES
  VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, CURRENT_TIMESTAMP(), :10);

INSERT INTO _SIMPLYLOAD.COLUMNS
  VALUES ('shop', 'public', 'every_type', 'shadow', 0, 1, 'id', 'id', '{"kind":"decimal","precision":20,"scale":2}', 'current'), ('shop', 'public', 'every_type', 'shadow', 1, 2, 'a_bool', 'a_bool', '{"kind":"bool"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 2, 3, 'a_int16', 'a_int16', '{"kind":"int16"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 3, 4, 'a_int32', 'a_int32', '{"kind":"int32"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 4, 5, 'a_float32', 'a_float32', '{"kind":"float32"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 5, 6, 'a_float64', 'a_float64', '{"kind":"float64"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 6, 7, 'a_text', 'a_text', '{"kind":"text"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 7, 8, 'a_bytes', 'a_bytes', '{"kind":"bytes"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 8, 9, 'a_uuid', 'a_uuid', '{"kind":"uuid"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 9, 10, 'a_json', 'a_json', '{"kind":"json"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 10, 11, 'a_date', 'a_date', '{"kind":"date"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 11, 12, 'a_time', 'a_time', '{"kind":"time"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 12, 13, 'a_timestamp', 'a_timestamp', '{"kind":"timestamp"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 13, 14, 'a_timestamptz', 'a_timestamptz', '{"kind":"timestamptz"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 14, -1, '_fivetran_synced', '_fivetran_synced', '{"kind":"timestamptz"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 15, -2, '_fivetran_deleted', '_fivetran_deleted', '{"kind":"bool"}', 'current'), ('shop', 'public', 'every_type', 'shadow', 16, -3, '_source_position', '_source_position', '{"kind":"text"}', 'current');

SELECT batch_id
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3;

PUT 'file:///stages/stage/default/shop/public.every_type/2026112010/b1.parquet' '@_SIMPLYLOAD.STAGE/default/shop/public.every_type/2026112010' AUTO_COMPRESS = FALSE OVERWRITE = TRUE PARALLEL = 4;

COPY INTO "shop_public"."_simplyload_shadow_every_type" ("id", "a_bool", "a_int16", "a_int32", "a_float32", "a_float64", "a_text", "a_bytes", "a_uuid", "a_json", "a_date", "a_time", "a_timestamp", "a_timestamptz", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  FROM (SELECT $1:"c1"::NUMBER(20,2), $1:"c2"::BOOLEAN, $1:"c3"::NUMBER(5,0), $1:"c4"::NUMBER(10,0), $1:"c5"::FLOAT, $1:"c6"::FLOAT, $1:"c7"::VARCHAR, TO_BINARY($1:"c8"), $1:"c9"::VARCHAR, PARSE_JSON($1:"c10"::VARCHAR), $1:"c11"::DATE, $1:"c12"::TIME(6), $1:"c13"::TIMESTAMP_NTZ(6), $1:"c14"::TIMESTAMP_TZ(6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, '0001/000000000000000a/0000000000'
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.every_type/2026112010/b1.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

INSERT INTO _SIMPLYLOAD.LOADS (source, namespace, table_name, batch_id, added, position, loaded_at)
  VALUES ('shop', 'public', 'every_type', 'b1', 1, '0001/000000000000000a/0000000000', '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6));

SELECT (SELECT COALESCE(SUM(added), 0)
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3) AS added, (SELECT COUNT(*)
  FROM "shop_public"."_simplyload_shadow_every_type") AS present;

SELECT MAX(position) AS newest
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3;

INSERT INTO _SIMPLYLOAD."CHECKPOINTS_shop" (source, namespace, table_name, epoch, position, in_group, guard_until, updated_at, group_name)
  VALUES (:1, :2, :3, NULL, :4, FALSE, :5, CURRENT_TIMESTAMP(), :6);

UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET position = :3, updated_at = CURRENT_TIMESTAMP()
  WHERE source = :1 AND namespace = '' AND table_name = '' AND group_name = :2 AND epoch = 2 AND position IS NOT DISTINCT FROM :4;

UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET position = :4, updated_at = CURRENT_TIMESTAMP()
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND NOT in_group AND position = :5;

ALTER TABLE "shop_public"."_simplyload_shadow_every_type" RENAME TO "shop_public"."every_type";

DELETE
  FROM _SIMPLYLOAD.QUARANTINE
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND position < :4;

INSERT INTO _SIMPLYLOAD."CHECKPOINTS_shop" (source, namespace, table_name, epoch, position, in_group, guard_until, updated_at, group_name)
  VALUES (:1, :2, :3, NULL, :4, TRUE, :5, CURRENT_TIMESTAMP(), :6);

DROP TABLE IF EXISTS "shop_public"."_simplyload_shadow_every_type";

ALTER TABLE "shop_public"."every_type" SET COMMENT = 'Copied by SimplyLoad from shop: public.every_type';

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0 (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, v0 NUMBER(20,2), v1 BOOLEAN, v2 NUMBER(5,0), v3 NUMBER(10,0), v4 FLOAT, v5 FLOAT, v6 VARCHAR, v7 BINARY, v8 VARCHAR, v9 VARCHAR, v10 DATE, v11 TIME(6), v12 TIMESTAMP_NTZ(6), v13 TIMESTAMP_TZ(6));

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(20,2), $1:"c2"::BOOLEAN, $1:"c3"::NUMBER(5,0), $1:"c4"::NUMBER(10,0), $1:"c5"::FLOAT, $1:"c6"::FLOAT, $1:"c7"::VARCHAR, TO_BINARY($1:"c8"), $1:"c9"::VARCHAR, $1:"c10"::VARCHAR, $1:"c11"::DATE, $1:"c12"::TIME(6), $1:"c13"::TIMESTAMP_NTZ(6), $1:"c14"::TIMESTAMP_TZ(6)
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.every_type/2026112010/b2.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, COALESCE(MIN(k1) > (SELECT MAX("id")
  FROM "shop_public"."every_type"), TRUE) AS is_new, (SELECT COUNT(s.w9)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2, v3, v4, v5, v6, v7, v8, TRY_PARSE_JSON(v9) AS v9, CASE WHEN TRY_PARSE_JSON(v9) IS NULL THEN v9 END AS w9, v10, v11, v12, v13
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2, v3, v4, v5, v6, v7, v8, TRY_PARSE_JSON(v9) AS v9, CASE WHEN TRY_PARSE_JSON(v9) IS NULL THEN v9 END AS w9, v10, v11, v12, v13
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1);

INSERT INTO "shop_public"."every_type" ("id", "a_bool", "a_int16", "a_int32", "a_float32", "a_float64", "a_text", "a_bytes", "a_uuid", "a_json", "a_date", "a_time", "a_timestamp", "a_timestamptz", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.v1, e.v2, e.v3, e.v4, e.v5, e.v6, e.v7, e.v8, e.v9, e.v10, e.v11, e.v12, e.v13, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2, v3, v4, v5, v6, v7, v8, TRY_PARSE_JSON(v9) AS v9, CASE WHEN TRY_PARSE_JSON(v9) IS NULL THEN v9 END AS w9, v10, v11, v12, v13
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e;


-- Current state: new rows, changed rows, rows that are marked deleted

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1);

MERGE INTO "shop_public"."merge_1" t
  USING (SELECT k1, v0, v1, v2, MOD(code, 8) < 2 AS dead, MOD(code, 8) >= 2 AS valued, pos AS new_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 4
  WHEN MATCHED THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = FALSE, "_source_position" = r.new_pos
  WHEN NOT MATCHED THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, r.new_pos);

MERGE INTO "shop_public"."merge_1" t
  USING (SELECT k1, v0, v1, v2, MOD(last, 8) < 2 AS dead, val IS NOT NULL AS valued, CASE WHEN MOD(last, 8) < 2 THEN dead_pos ELSE pos END AS new_pos
  FROM (SELECT k1, v0, v1, v2, code, pos, MAX(code) OVER (PARTITION BY k1) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) OVER (PARTITION BY k1) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) OVER (PARTITION BY k1) AS dead_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  WHERE code = COALESCE(val, last)) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 5
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

SELECT COUNT(*) AS present
  FROM "shop_public"."merge_1" t
  JOIN (SELECT k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  GROUP BY k1
  HAVING MOD(MAX(code), 8) >= 2) f ON t."id" = f.k1 AND t."id" BETWEEN 1 AND 2
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE);


-- Current state: rows that are removed

MERGE INTO "shop_public"."hard_2" t
  USING (SELECT k1, v0, v1, v2, MOD(code, 8) < 2 AS dead, MOD(code, 8) >= 2 AS valued, pos AS new_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 3
  WHEN MATCHED AND r.dead THEN DELETE
  WHEN MATCHED THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = FALSE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND NOT r.dead THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, r.new_pos);

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT f.k1 AS k1, f.last AS last, f.val AS val, (MOD(f.last, 8) < 2 OR x.code IS NOT NULL) AS dead, CASE WHEN MOD(f.last, 8) < 2 THEN f.dead_pos ELSE x.pos END AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest
  FROM (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7))
  GROUP BY k1) f
  LEFT JOIN (SELECT t."id" AS k1, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."hard_2" t
  WHERE TRUE AND t."id" BETWEEN 9 AND 9) t
  ON t.k1 = f.k1
  LEFT JOIN (SELECT code, pos, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7) x ON NOT (MOD(f.last, 8) < 2) AND f.last < x.code AND f.last > x.after_code;

SELECT COUNT(*) AS results, COUNT(DISTINCT r.last) AS keys, COUNT_IF(NOT r.dead AND NOT r.live) AS inserted, COUNT_IF(NOT r.dead AND r.live) AS updated, COUNT_IF(r.dead AND (NOT r.dead OR r.present)) AS deleted, COUNT_IF((NOT r.dead OR r.present) AND NOT r.present) AS added, COUNT_IF((NOT r.dead OR r.present) AND r.present) AS changed
  FROM _SIMPLYLOAD.merge_result_0 r;

MERGE INTO "shop_public"."hard_2" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, e.v2 AS v2, r.dead AS dead, NOT r.dead AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7) e ON e.code = r.val
  WHERE (NOT r.dead OR r.present)) r ON t."id" = r.k1 AND t."id" BETWEEN 9 AND 9
  WHEN MATCHED AND r.dead THEN DELETE
  WHEN MATCHED THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = FALSE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND NOT r.dead THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, r.new_pos);

DELETE
  FROM "shop_public"."hard_2"
  WHERE "_source_position" < (SELECT MAX(x.pos)
  FROM (SELECT code, pos, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7) x);


-- Current state: unchanged values, changes of key, truncates

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused, (SELECT TO_JSON(ARRAY_AGG(DISTINCT unchanged))
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) AS unchanged
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT f.k1 AS k1, f.last AS last, f.val AS val, MOD(f.last, 8) < 2 AS dead, f.dead_pos AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest, CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END AS reset, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL AND COALESCE(t.live, FALSE) THEN f.k1 END AS b1, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL OR f.p3 >= CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END THEN f.p3 END AS p3
  FROM (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest, MAX(CASE WHEN MOD(code, 8) >= 4 THEN code END) AS begun, MAX(CASE WHEN MOD(code, 8) < 2 THEN code END) AS died, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) AS p3
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1) f
  LEFT JOIN (SELECT t."id" AS k1, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."lineage_3" t
  WHERE TRUE AND t."id" BETWEEN 1 AND 1) t
  ON t.k1 = f.k1);

SELECT DISTINCT TO_JSON(ARRAY_CONSTRUCT(CAST(r.k1 AS VARCHAR))) AS key
  FROM _SIMPLYLOAD.merge_result_0 r
  WHERE r.unresolved AND NOT r.dead ORDER BY key LIMIT 200001;

SELECT COUNT(*) AS results, COUNT(DISTINCT r.last) AS keys, COUNT_IF(NOT r.dead AND NOT r.live) AS inserted, COUNT_IF(NOT r.dead AND r.live) AS updated, COUNT_IF(r.dead AND ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) AS deleted, COUNT_IF(((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live)) AND NOT r.present) AS added, COUNT_IF(((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live)) AND r.present) AS changed, COUNT_IF(r.p3 <> r.val) AS patched3, COUNT_IF((r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))) AS rooted
  FROM _SIMPLYLOAD.merge_result_0 r;

MERGE INTO "shop_public"."lineage_3" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 ELSE b."note" END AS v2, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN "shop_public"."lineage_3" b ON b."id" = r.b1 AND b."id" BETWEEN 1 AND 1 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 1
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0 (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, o1 NUMBER(19,0), v0 NUMBER(19,0), v1 VARCHAR, v2 VARCHAR);

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, o1, v0, v1, v2)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"k1"::NUMBER(19,0), $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.lineage_3/2026112010/b13.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused, (SELECT TO_JSON(ARRAY_AGG(DISTINCT unchanged))
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) AS unchanged
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) IN (5, 6))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_moves_0 AS SELECT moved AS code, pos, CASE WHEN reset IS NULL THEN k1 END AS r1, CASE WHEN MOD(reset, 8) = 6 THEN reset END AS next_move, CASE WHEN reset IS NULL OR c3 >= reset THEN c3 END AS p3
  FROM (SELECT k1, pos, moved, MAX(CASE WHEN MOD(code, 8) NOT IN (2, 3) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reset, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS c3
  FROM (SELECT k1, code, pos, unchanged, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) IN (5, 6))) m
  WHERE MOD(moved, 8) = 6;

SELECT COUNT(next_move) AS open, (SELECT COUNT(*)
  FROM _SIMPLYLOAD.COMPLETIONS
  WHERE source = 'shop' AND namespace = 'public' AND table_name = 'lineage_3') AS completed
  FROM _SIMPLYLOAD.merge_moves_0;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_moves_0 AS SELECT m.code AS code, CASE WHEN m.next_move IS NULL THEN m.pos ELSE n.pos END AS pos, CASE WHEN m.next_move IS NULL THEN m.r1 ELSE n.r1 END AS r1, n.next_move AS next_move, COALESCE(m.p3, n.p3) AS p3
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN _SIMPLYLOAD.merge_moves_0 n ON n.code = m.next_move;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT r.k1 AS k1, r.last AS last, r.val AS val, r.dead AS dead, r.dead_pos AS dead_pos, r.present AS present, r.live AS live, r.newest AS newest, r.reset AS reset, r.completion AS completion, CASE WHEN x.code IS NULL THEN r.b1 ELSE x.b1 END AS b1, COALESCE(r.p3, x.p3) AS p3
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT m.code AS code, CASE WHEN t.pos IS NOT NULL THEN m.r1 END AS b1, t.pos AS b_pos, m.p3 AS p3
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."lineage_3" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE) AND t."id" BETWEEN 1 AND 8) t
  ON t.k1 = m.r1) x ON x.code = r.reset);

MERGE INTO "shop_public"."lineage_3" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 WHEN r.p3 IS NOT NULL THEN x3.v2 ELSE b."note" END AS v2, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) x3 ON x3.code = CASE WHEN r.p3 <> r.val THEN r.p3 END
  LEFT JOIN "shop_public"."lineage_3" b ON b."id" = r.b1 AND b."id" BETWEEN 1 AND 8 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 8
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0_completion (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, v0 NUMBER(19,0), v1 VARCHAR, v2 VARCHAR);

COPY INTO _SIMPLYLOAD.staged_0_completion (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1, v2)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, '0001/00000000000003e7/0000000000', $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.lineage_3/2026112010/b15.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT r.k1 AS k1, r.last AS last, r.val AS val, (r.dead OR ((r.unresolved AND NOT r.dead) AND c.code IS NULL)) AS dead, CASE WHEN (r.unresolved AND NOT r.dead) THEN CASE WHEN c.code IS NULL THEN e.pos END ELSE r.dead_pos END AS dead_pos, r.present AS present, r.live AS live, r.newest AS newest, r.reset AS reset, r.b1 AS b1, r.p3 AS p3, c.code AS completion, (r.unresolved AND (r.dead OR c.code IS NULL)) AS unresolved
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0_completion
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY code DESC) = 1) c ON c.k1 = r.k1 AND (r.unresolved AND NOT r.dead);

MERGE INTO "shop_public"."lineage_3" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 WHEN r.completion IS NOT NULL THEN c.v2 END AS v2, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0_completion
  WHERE pos IS NOT NULL) c ON c.code = r.completion
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN 70 AND 71
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

DELETE
  FROM _SIMPLYLOAD.COMPLETIONS
  WHERE source = 'shop' AND namespace = 'public' AND table_name = 'lineage_3' AND position <= '0001/000000000000001e/0000000000';

INSERT INTO _SIMPLYLOAD.COMPLETIONS (source, namespace, table_name, key, position) SELECT 'shop', 'public', 'lineage_3', TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))), '0001/00000000000003e7/0000000000'
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0_completion
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_moves_0 AS SELECT m.code AS code, m.pos AS pos, m.next_move AS next_move, m.p3 AS p3, CASE WHEN c.key IS NULL THEN m.r1 END AS r1
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN (SELECT key, MAX(position) AS position
  FROM _SIMPLYLOAD.COMPLETIONS
  WHERE source = 'shop' AND namespace = 'public' AND table_name = 'lineage_3'
  GROUP BY key) c ON c.key = TO_JSON(ARRAY_CONSTRUCT(CAST(m.r1 AS VARCHAR))) AND c.position > m.pos;

SELECT COUNT(*) AS results, COUNT(DISTINCT r.last) AS keys, COUNT_IF(NOT r.dead AND NOT r.live) AS inserted, COUNT_IF(NOT r.dead AND r.live) AS updated, COUNT_IF(r.dead AND ((NOT r.dead OR r.val IS NOT NULL) OR (r.dead AND r.live))) AS deleted, COUNT_IF(((NOT r.dead OR r.val IS NOT NULL) OR (r.dead AND r.live)) AND NOT r.present) AS added, COUNT_IF(((NOT r.dead OR r.val IS NOT NULL) OR (r.dead AND r.live)) AND r.present) AS changed
  FROM _SIMPLYLOAD.merge_result_0 r;

MERGE INTO "shop_public"."lineage_3" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, e.v2 AS v2, r.dead AS dead, (NOT r.dead OR r.val IS NOT NULL) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7) e ON e.code = r.val
  WHERE ((NOT r.dead OR r.val IS NOT NULL) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN 50 AND 52
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

MERGE INTO "shop_public"."lineage_3" t
  USING (SELECT code, pos, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7) x ON t."_source_position" < x.pos AND t."_source_position" >= x.after_pos AND NOT COALESCE(t."_fivetran_deleted", FALSE)
  WHEN MATCHED THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = x.pos;


-- Current state: a key of several columns, of types that have no plain literal

MERGE INTO "shop_public"."pairs_4" t
  USING (SELECT k1, k2, k3, k4, k5, v0, v1, v2, v3, v4, MOD(code, 8) < 2 AS dead, MOD(code, 8) >= 2 AS valued, pos AS new_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v1 AS k2, v1 AS o2, v2 AS k3, v2 AS o3, v3 AS k4, v3 AS o4, v4 AS k5, v4 AS o5, v0, v1, v2, v3, v4
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) r ON t."day" = r.k1 AND t."at" = r.k2 AND t."seen" = r.k3 AND t."code" = r.k4 AND t."o""dd" = r.k5 AND t."day" BETWEEN '2026-01-31'::DATE AND '2026-01-31'::DATE AND t."at" BETWEEN '2026-01-31 01:02:03.500000'::TIMESTAMP_NTZ(6) AND '2026-01-31 01:02:03.500000'::TIMESTAMP_NTZ(6) AND t."o""dd" BETWEEN 'it''s \\ odd' AND 'it''s \\ odd'
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("day", "at", "seen", "code", "o""dd", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, r.v3, r.v4, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

INSERT INTO _SIMPLYLOAD.TOMBSTONES (source, namespace, table_name, key, position) SELECT 'shop', 'public', 'pairs_4', TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR(k1, 'YYYY-MM-DD'), RTRIM(RTRIM(TO_VARCHAR(k2, 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.'), RTRIM(RTRIM(TO_VARCHAR(k3, 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.') || '+00', '\\x' || LOWER(TO_VARCHAR(k4, 'HEX')), CAST(k5 AS VARCHAR))), MAX(pos)
  FROM (SELECT k1, k2, k3, k4, k5, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v1 AS k2, v1 AS o2, v2 AS k3, v2 AS o3, v3 AS k4, v3 AS o4, v4 AS k5, v4 AS o5, v0, v1, v2, v3, v4
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  WHERE MOD(code, 8) < 2
  GROUP BY k1, k2, k3, k4, k5;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT f.k1 AS k1, f.k2 AS k2, f.k3 AS k3, f.k4 AS k4, f.k5 AS k5, f.last AS last, f.val AS val, MOD(f.last, 8) < 2 AS dead, f.dead_pos AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest
  FROM (SELECT k1, k2, k3, k4, k5, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest
  FROM (SELECT k1, k2, k3, k4, k5, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v1 AS k2, v1 AS o2, v2 AS k3, v2 AS o3, v3 AS k4, v3 AS o4, v4 AS k5, v4 AS o5, v0, v1, v2, v3, v4
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1, k2, k3, k4, k5) f
  LEFT JOIN (SELECT t."day" AS k1, t."at" AS k2, t."seen" AS k3, t."code" AS k4, t."o""dd" AS k5, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."pairs_4" t
  WHERE TRUE AND t."day" BETWEEN '2026-01-31'::DATE AND '2026-01-31'::DATE AND t."at" BETWEEN '2026-01-31 01:02:03.500000'::TIMESTAMP_NTZ(6) AND '2026-01-31 01:02:03.500000'::TIMESTAMP_NTZ(6) AND t."o""dd" BETWEEN 'it''s \\ odd' AND 'it''s \\ odd') t
  ON t.k1 = f.k1 AND t.k2 = f.k2 AND t.k3 = f.k3 AND t.k4 = f.k4 AND t.k5 = f.k5
  WHERE t.pos IS NULL OR t.pos < f.newest;

SELECT COUNT(key) AS keys, MAX(CASE WHEN key IS NULL THEN position END) AS truncated
  FROM _SIMPLYLOAD.TOMBSTONES
  WHERE source = :1 AND namespace = :2 AND table_name = :3;

DELETE
  FROM _SIMPLYLOAD.merge_result_0
  WHERE last IN ( SELECT e.code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v1 AS k2, v1 AS o2, v2 AS k3, v2 AS o3, v3 AS k4, v3 AS o4, v4 AS k5, v4 AS o5, v0, v1, v2, v3, v4
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  JOIN (SELECT key, MAX(position) AS position
  FROM _SIMPLYLOAD.TOMBSTONES
  WHERE source = :1 AND namespace = :2 AND table_name = :3
  GROUP BY key) d ON d.key = TO_JSON(ARRAY_CONSTRUCT(TO_VARCHAR(e.k1, 'YYYY-MM-DD'), RTRIM(RTRIM(TO_VARCHAR(e.k2, 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.'), RTRIM(RTRIM(TO_VARCHAR(e.k3, 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.') || '+00', '\\x' || LOWER(TO_VARCHAR(e.k4, 'HEX')), CAST(e.k5 AS VARCHAR)))
  WHERE d.position >= e.pos);

INSERT INTO _SIMPLYLOAD.LOADS (source, namespace, table_name, batch_id, added, position, loaded_at) SELECT 'shop', 'public', 'pairs_4', f.batch_id, f.added, f.position, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM (SELECT 'b21' AS batch_id, 1 AS added, '0001/0000000000000014/0000000000' AS position) f
  WHERE f.batch_id NOT IN (SELECT batch_id
  FROM _SIMPLYLOAD.LOADS
  WHERE source = 'shop' AND namespace = 'public' AND table_name = 'pairs_4');

UPDATE "shop_public"."pairs_4" SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = '0001/0000000000000014/0000000000'
  WHERE NOT COALESCE("_fivetran_deleted", FALSE) AND "_source_position" < '0001/0000000000000014/0000000000';


-- Current state: rows that are read again, and what is missing then

INSERT INTO _SIMPLYLOAD.TOMBSTONES (source, namespace, table_name, key, position) SELECT 'shop', 'public', 'again_5', NULL, MAX(pos)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7
  HAVING COUNT(*) > 0;

DELETE
  FROM _SIMPLYLOAD.merge_result_0
  WHERE newest <= :1;

DELETE
  FROM _SIMPLYLOAD.merge_result_0
  WHERE last IN ( SELECT e.code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  JOIN (SELECT key, MAX(position) AS position
  FROM _SIMPLYLOAD.TOMBSTONES
  WHERE source = :1 AND namespace = :2 AND table_name = :3
  GROUP BY key) d ON d.key = TO_JSON(ARRAY_CONSTRUCT(CAST(e.k1 AS VARCHAR)))
  WHERE d.position >= e.pos);

UPDATE "shop_public"."again_5" SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = '0001/0000000000000014/0000000000'
  WHERE NOT COALESCE("_fivetran_deleted", FALSE) AND "_source_position" < '0001/0000000000000014/0000000000' AND "id" >= CAST('1' AS NUMBER(19,0)) AND "id" <= CAST('9' AS NUMBER(19,0));

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.replay_keys (key VARCHAR);

INSERT INTO _SIMPLYLOAD.replay_keys
  VALUES ('["1"]');

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.replayed AS SELECT k.key AS key, CASE WHEN a.key IS NOT NULL THEN 'again' WHEN r.key IS NOT NULL THEN 'replayed' ELSE 'gone' END AS outcome
  FROM (SELECT DISTINCT key
  FROM _SIMPLYLOAD.replay_keys) k
  LEFT JOIN (SELECT DISTINCT q.key
  FROM _SIMPLYLOAD.QUARANTINE q
  WHERE q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'again_5' AND q.closed_at IS NULL AND q.position >= '0001/0000000000000014/0000000000') a ON a.key = k.key
  LEFT JOIN (SELECT TO_JSON(ARRAY_CONSTRUCT(CAST(t."id" AS VARCHAR))) AS key, t."_source_position" AS position
  FROM "shop_public"."again_5" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE)) r ON r.key = k.key
  WHERE a.key IS NOT NULL OR r.key IS NULL OR r.position = '0001/0000000000000014/0000000000';

MERGE INTO _SIMPLYLOAD.QUARANTINE q
  USING _SIMPLYLOAD.replayed r ON q.key = r.key AND q.position < '0001/0000000000000014/0000000000' AND q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'again_5' AND q.closed_at IS NULL
  WHEN MATCHED THEN UPDATE SET closed_at = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), closed_as = r.outcome;

DELETE
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND batch_id IN ('b24');


-- Rows without a key

COPY INTO "shop_public"."_simplyload_shadow_bag_merge_7" ("a", "_fivetran_synced", "_fivetran_deleted", "_source_position", "_fivetran_id")
  FROM (SELECT $1:"c1"::VARCHAR, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, '0001/000000000000000a/0000000000', $1:"_content_hash"::VARCHAR || '/1'
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.bag_merge_7/2026112010/b28.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.snapshot_copies AS SELECT "a", LEFT("_fivetran_id", 32) || '/' || CAST(ROW_NUMBER() OVER (PARTITION BY "_fivetran_id" ORDER BY "_fivetran_id") AS VARCHAR) AS "_fivetran_id", "_fivetran_synced", "_fivetran_deleted", "_source_position"
  FROM "shop_public"."_simplyload_shadow_bag_merge_7"
  WHERE "_fivetran_id" IN (SELECT "_fivetran_id"
  FROM "shop_public"."_simplyload_shadow_bag_merge_7"
  GROUP BY "_fivetran_id"
  HAVING COUNT(*) > 1);

DELETE
  FROM "shop_public"."_simplyload_shadow_bag_merge_7"
  WHERE "_fivetran_id" IN (SELECT DISTINCT LEFT("_fivetran_id", 32) || '/1'
  FROM _SIMPLYLOAD.snapshot_copies);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_bag_0 AS SELECT code, nth, hash || '/' || CAST(nth AS VARCHAR) AS k1
  FROM (SELECT c.code AS code, c.hash AS hash, CASE WHEN c.era = 0 THEN COALESCE(l.living, 0) ELSE 0 END + c.steps + CASE WHEN c.step = 1 THEN 0 ELSE 1 END AS nth
  FROM (SELECT code, hash, era, step, SUM(step) OVER (PARTITION BY hash, era ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS steps
  FROM (SELECT s.code AS code, s.content_hash AS hash, 0 AS era, CASE WHEN MOD(s.code, 8) = 4 THEN 1 ELSE -1 END AS step
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE MOD(s.code, 8) IN (4, 1))) c
  LEFT JOIN (SELECT LEFT(t."_fivetran_id", 32) AS hash, COUNT(*) AS living
  FROM "shop_public"."bag_merge_7" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE) AND LEFT(t."_fivetran_id", 32) IN (SELECT content_hash
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY LEFT(t."_fivetran_id", 32)) l ON l.hash = c.hash);

SELECT COUNT_IF(nth < 1 OR k1 IS NULL) AS lost
  FROM _SIMPLYLOAD.merge_bag_0;

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code))
  GROUP BY k1);

MERGE INTO "shop_public"."bag_merge_7" t
  USING (SELECT k1, v0, MOD(code, 8) < 2 AS dead, MOD(code, 8) >= 2 AS valued, pos AS new_pos
  FROM (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code)) r ON t."_fivetran_id" = r.k1
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "a" = r.v0, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("a", "_fivetran_id", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.k1, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_bag_0 AS SELECT code, nth, hash || '/' || CAST(nth AS VARCHAR) AS k1
  FROM (SELECT c.code AS code, c.hash AS hash, CASE WHEN c.era = 0 THEN COALESCE(l.living, 0) ELSE 0 END + c.steps + CASE WHEN c.step = 1 THEN 0 ELSE 1 END AS nth
  FROM (SELECT code, hash, era, step, SUM(step) OVER (PARTITION BY hash, era ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS steps
  FROM (SELECT s.code AS code, s.content_hash AS hash, COALESCE(x.era, -1) AS era, CASE WHEN MOD(s.code, 8) = 4 THEN 1 ELSE -1 END AS step
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  LEFT JOIN (SELECT code, after_code, ROW_NUMBER() OVER (ORDER BY code) - 1 AS era
  FROM (SELECT code, pos, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7)) x ON s.code > x.after_code AND s.code < x.code
  WHERE MOD(s.code, 8) IN (4, 1))) c
  LEFT JOIN (SELECT LEFT(t."_fivetran_id", 32) AS hash, COUNT(*) AS living
  FROM "shop_public"."bag_merge_7" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE) AND LEFT(t."_fivetran_id", 32) IN (SELECT content_hash
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY LEFT(t."_fivetran_id", 32)) l ON l.hash = c.hash);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_verify (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, v0 VARCHAR);

COPY INTO _SIMPLYLOAD.staged_verify (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, '0001/0000000000000063/0000000000', $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.bag_merge_7/2026112010/b31.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT COALESCE(MIN(content_hash), MD5(COALESCE(CAST(v0 AS VARCHAR), ''))) AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
  FROM (SELECT v0, content_hash, pos, 1 AS here, 0 AS there
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  UNION ALL SELECT v0, content_hash, pos, 0 AS here, 1 AS there
  FROM (SELECT t."_fivetran_id" AS k1, t."a" AS v0, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."bag_merge_7" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE)))
  GROUP BY v0
  HAVING SUM(here) <> SUM(there);

SELECT (SELECT COALESCE(SUM(ABS(source_n - destination_n)), 0)
  FROM _SIMPLYLOAD.compare_differing) AS differing, (SELECT COUNT(*)
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)) AS source_rows, (SELECT COUNT(*)
  FROM (SELECT t."_fivetran_id" AS k1, t."a" AS v0, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."bag_merge_7" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE))) AS destination_rows, (SELECT COUNT_IF(code IS NULL)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)) AS whole;

SELECT key, pos, source_n > destination_n AS is_missing
  FROM _SIMPLYLOAD.compare_differing ORDER BY key LIMIT 5;

SELECT COUNT(*) AS n, COUNT(*) - COUNT(v0) AS n0
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL);

COPY INTO "shop_public"."_simplyload_shadow_bag_history_8" ("a", "_fivetran_synced", "_fivetran_deleted", "_source_position", "_fivetran_id", "_fivetran_start", "_fivetran_end", "_fivetran_active")
  FROM (SELECT $1:"c1"::VARCHAR, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, '0001/000000000000000a/0000000000', $1:"_content_hash"::VARCHAR || '/1', NVL($1:"_committed_at"::TIMESTAMP_TZ(6), '1970-01-01 00:00:00.000 +00:00'::TIMESTAMP_TZ(6)), '9999-12-31 23:59:59.999999 +00:00'::TIMESTAMP_TZ(6), TRUE
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.bag_history_8/2026112010/b32.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0 (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, committed_at TIMESTAMP_TZ(6), staged_us NUMBER(19,0), v0 VARCHAR);

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, committed_at, staged_us, v0)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"_committed_at"::TIMESTAMP_TZ(6), 0, $1:"c1"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.bag_history_8/2026112010/b33.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_bag_0 AS SELECT code, nth, hash || '/' || CAST(nth AS VARCHAR) AS k1
  FROM (SELECT c.code AS code, c.hash AS hash, CASE WHEN c.era = 0 THEN COALESCE(l.living, 0) ELSE 0 END + c.steps + CASE WHEN c.step = 1 THEN 0 ELSE 1 END AS nth
  FROM (SELECT code, hash, era, step, SUM(step) OVER (PARTITION BY hash, era ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS steps
  FROM (SELECT s.code AS code, s.content_hash AS hash, 0 AS era, CASE WHEN MOD(s.code, 8) = 4 THEN 1 ELSE -1 END AS step
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE MOD(s.code, 8) IN (4, 1))) c
  LEFT JOIN (SELECT LEFT(t."_fivetran_id", 32) AS hash, COUNT(*) AS living
  FROM "shop_public"."bag_history_8" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE) AND LEFT(t."_fivetran_id", 32) IN (SELECT content_hash
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY LEFT(t."_fivetran_id", 32)) l ON l.hash = c.hash);

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged, committed
  FROM (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS WITH folded AS (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(pos) AS pos, MAX(committed) AS committed, BOOLAND_AGG(MOD(code, 8) = 4) AS plain
  FROM (SELECT c.*, LEFT(pos, 22) AS tx
  FROM (SELECT k1, code, pos, unchanged, committed
  FROM (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code)) c)
  GROUP BY k1, tx), known AS (SELECT f.k1 AS k1, COUNT_IF(t."_fivetran_active") AS actives, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_start") END), MAX(CASE WHEN t."_fivetran_deleted" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_end") END)) AS since, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN t."_source_position" END), MAX(CASE WHEN t."_fivetran_deleted" THEN t."_source_position" END)) AS pos
  FROM "shop_public"."bag_history_8" t
  JOIN (SELECT DISTINCT k1
  FROM folded) f ON t."_fivetran_id" = f.k1
  WHERE t."_fivetran_active" OR t."_fivetran_deleted"
  GROUP BY f.k1), events AS (SELECT *
  FROM folded) SELECT f.k1 AS k1, f.last AS last, f.val AS val, f.pos AS pos, f.committed AS committed, f.plain AS plain, (MOD(f.last, 8) < 2 OR MOD(f.last, 8) = 7) AS dead, CAST(NULL AS VARCHAR) AS dead_pos, COALESCE(b.actives, 0) > 0 AS live, b.since AS since, COUNT(*) OVER (PARTITION BY f.k1) > 1 AS several, f.pos AS newest, COALESCE(b.actives, 0) AS actives
  FROM events f
  LEFT JOIN known b ON b.k1 = f.k1;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_versions_0 AS SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, began, LEAD(began) OVER (PARTITION BY k1 ORDER BY last) - CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN 0 ELSE 1 END AS until, COALESCE(LEAD(dead) OVER (PARTITION BY k1 ORDER BY last), FALSE) AS gone, CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN LEAD(pos) OVER (PARTITION BY k1 ORDER BY last) END AS gone_pos, step = 1 AND there AS closes, there AS replaces
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, step + GREATEST(largest, COALESCE(since, largest)) AS began
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, MAX(committed - step) OVER (PARTITION BY k1 ORDER BY last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS largest
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY last) AS step
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0)
  WHERE dead = there)));

SELECT COUNT(*) AS events, COUNT_IF(NOT r.dead) AS versions, COUNT_IF(NOT r.dead AND NOT r.replaces) AS inserted, COUNT_IF(NOT r.dead AND r.replaces) AS updated, COUNT_IF(r.dead) AS deleted, COUNT_IF(r.closes) AS closed, COALESCE(MAX(r.actives), 0) AS actives
  FROM _SIMPLYLOAD.merge_versions_0 r;

MERGE INTO "shop_public"."bag_history_8" t
  USING (SELECT CASE WHEN FALSE THEN r.k1 END AS m1, e.v0 AS c0, e.k1 AS row_id, TO_TIMESTAMP_TZ(r.began, 6) AS began_at, COALESCE(TO_TIMESTAMP_TZ(r.until, 6), '9999-12-31 23:59:59.999999 +00:00'::TIMESTAMP_TZ(6)) AS until_at, r.until IS NULL AS lasts, r.gone AS gone, COALESCE(r.gone_pos, e.pos) AS new_pos
  FROM _SIMPLYLOAD.merge_versions_0 r
  JOIN (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code) e ON e.code = r.val
  WHERE NOT r.dead
  UNION ALL SELECT r.k1, NULL, NULL, NULL, TO_TIMESTAMP_TZ(CASE WHEN r.dead THEN r.began ELSE r.began - 1 END, 6), NULL, r.dead, r.pos
  FROM _SIMPLYLOAD.merge_versions_0 r
  WHERE r.closes) r ON t."_fivetran_id" = r.m1 AND t."_fivetran_active"
  WHEN MATCHED AND r.gone THEN UPDATE SET "_fivetran_end" = r.until_at, "_fivetran_active" = FALSE, "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN MATCHED THEN UPDATE SET "_fivetran_end" = r.until_at, "_fivetran_active" = FALSE
  WHEN NOT MATCHED THEN INSERT ("a", "_fivetran_id", "_fivetran_start", "_fivetran_end", "_fivetran_active", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.c0, r.row_id, r.began_at, r.until_at, r.lasts, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.gone, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS WITH folded AS (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(pos) AS pos, MAX(committed) AS committed, BOOLAND_AGG(MOD(code, 8) = 4) AS plain
  FROM (SELECT c.*, LEFT(pos, 22) AS tx
  FROM (SELECT k1, code, pos, unchanged, committed
  FROM (SELECT s.*, b.k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  JOIN _SIMPLYLOAD.merge_bag_0 b ON b.code = s.code)) c)
  GROUP BY k1, tx), known AS (SELECT f.k1 AS k1, COUNT_IF(t."_fivetran_active") AS actives, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_start") END), MAX(CASE WHEN t."_fivetran_deleted" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_end") END)) AS since, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN t."_source_position" END), MAX(CASE WHEN t."_fivetran_deleted" THEN t."_source_position" END)) AS pos
  FROM "shop_public"."bag_history_8" t
  JOIN (SELECT DISTINCT k1
  FROM folded) f ON t."_fivetran_id" = f.k1
  WHERE t."_fivetran_active" OR t."_fivetran_deleted"
  GROUP BY f.k1), truncates AS (SELECT code, pos, committed, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7), events AS (SELECT *
  FROM (SELECT *
  FROM folded
  UNION ALL SELECT DISTINCT e.k1, x.code, CAST(NULL AS NUMBER(19,0)), x.pos, x.committed, FALSE
  FROM folded e
  JOIN truncates x ON e.last < x.code AND e.last > x.after_code
  UNION ALL SELECT b.k1, x.code, CAST(NULL AS NUMBER(19,0)), x.pos, x.committed, FALSE
  FROM known b
  JOIN truncates x ON b.pos < x.pos AND b.pos >= x.after_pos
  WHERE b.actives > 0)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY k1, LEFT(pos, 22) ORDER BY last DESC) = 1) SELECT f.k1 AS k1, f.last AS last, f.val AS val, f.pos AS pos, f.committed AS committed, f.plain AS plain, (MOD(f.last, 8) < 2 OR MOD(f.last, 8) = 7) AS dead, CAST(NULL AS VARCHAR) AS dead_pos, COALESCE(b.actives, 0) > 0 AS live, b.since AS since, COUNT(*) OVER (PARTITION BY f.k1) > 1 AS several, f.pos AS newest, COALESCE(b.actives, 0) AS actives
  FROM events f
  LEFT JOIN known b ON b.k1 = f.k1;

MERGE INTO "shop_public"."bag_history_8" t
  USING (SELECT t."_fivetran_id" AS k1, x.pos AS pos, x.committed AS committed
  FROM "shop_public"."bag_history_8" t
  JOIN (SELECT code, pos, committed, COALESCE(LAG(code) OVER (ORDER BY code), -1) AS after_code, COALESCE(LAG(pos) OVER (ORDER BY code), '') AS after_pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) = 7) x ON t."_source_position" < x.pos AND t."_source_position" >= x.after_pos
  LEFT JOIN (SELECT DISTINCT k1
  FROM _SIMPLYLOAD.merge_result_0) r ON t."_fivetran_id" = r.k1
  WHERE t."_fivetran_active" AND r.k1 IS NULL) d ON t."_fivetran_id" = d.k1 AND t."_fivetran_active"
  WHEN MATCHED THEN UPDATE SET "_fivetran_end" = TO_TIMESTAMP_TZ(GREATEST(d.committed, DATE_PART(EPOCH_MICROSECOND, t."_fivetran_start") + 1), 6), "_fivetran_active" = FALSE, "_fivetran_deleted" = TRUE, "_source_position" = d.pos;

SELECT COUNT_IF(next_began = began) AS duplicates, COUNT_IF(next_began <= ended OR ended < began OR active <> (ended = '9999-12-31 23:59:59.999999 +00:00'::TIMESTAMP_TZ(6))) AS overlaps, COUNT_IF(NOT active AND NOT deleted AND DATE_PART(EPOCH_MICROSECOND, next_began) IS DISTINCT FROM DATE_PART(EPOCH_MICROSECOND, ended) + 1) AS gaps, COUNT_IF(active AND place = 2) AS several_active
  FROM (SELECT "_fivetran_start" AS began, "_fivetran_end" AS ended, "_fivetran_active" AS active, "_fivetran_deleted" AS deleted, LEAD("_fivetran_start") OVER (PARTITION BY "_fivetran_id" ORDER BY "_fivetran_start", "_fivetran_end") AS next_began, ROW_NUMBER() OVER (PARTITION BY "_fivetran_id", "_fivetran_active" ORDER BY "_fivetran_start", "_fivetran_end") AS place
  FROM "shop_public"."bag_history_8");

SELECT COUNT(e.code) AS changes, COUNT_IF(MOD(e.code, 8) >= 4 AND MOD(e.code, 8) <> 7) AS inserted, COUNT_IF(MOD(e.code, 8) IN (3, 2)) AS updated, COUNT_IF(MOD(e.code, 8) IN (5, 6)) AS moved, COUNT_IF(MOD(e.code, 8) = 1) AS deleted
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e;

INSERT INTO "shop_public"."bag_append_9" ("a", "_fivetran_id", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.content_hash, CASE MOD(e.code, 8) WHEN 1 THEN 'delete' WHEN 7 THEN 'truncate' WHEN 3 THEN 'update' WHEN 2 THEN 'update' ELSE 'insert' END, TO_TIMESTAMP_TZ(e.committed, 6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), MOD(e.code, 8) IN (1, 7), e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  WHERE e.code IS NOT NULL;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT COALESCE(MIN(content_hash), MD5(COALESCE(CAST(v0 AS VARCHAR), ''))) AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
  FROM (SELECT v0, content_hash, pos, 1 AS here, 0 AS there
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  UNION ALL SELECT v0, content_hash, pos, 0 AS here, 1 AS there
  FROM (SELECT t."_fivetran_id" AS k1, t."a" AS v0, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."bag_append_9" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."bag_append_9"
  WHERE "_op" = 'truncate')
  QUALIFY NOT t."_fivetran_deleted" AND ROW_NUMBER() OVER (PARTITION BY t."_fivetran_id", t."_fivetran_deleted" ORDER BY t."_source_position" DESC) <= SUM(CASE WHEN t."_fivetran_deleted" THEN -1 ELSE 1 END) OVER (PARTITION BY t."_fivetran_id")))
  GROUP BY v0
  HAVING SUM(here) <> SUM(there);

COPY INTO "shop_public"."_simplyload_shadow_journal_merge_10" ("a", "_fivetran_synced", "_fivetran_deleted", "_source_position", "_fivetran_id")
  FROM (SELECT $1:"c1"::VARCHAR, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, '0001/000000000000000a/0000000000', ('0001/000000000000000a/0000000000/0/') || METADATA$FILE_ROW_NUMBER::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.journal_merge_10/2026112010/b40.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

INSERT INTO "shop_public"."journal_merge_10" ("a", "_fivetran_id", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.k1, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, e.pos
  FROM (SELECT s.*, s.pos AS k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7) e;

SELECT source, namespace, table_name
  FROM _SIMPLYLOAD.TABLES
  WHERE slot = 'final' AND LOWER(target_namespace) = LOWER(:1) AND LOWER(target_name) = LOWER(:2) AND COALESCE(LOWER(target_database), '') = LOWER(:3);

CREATE OR REPLACE TABLE "shop_public"."_simplyload_shadow_journal_append_11" LIKE "shop_public"."journal_append_11" COPY GRANTS;

CREATE OR REPLACE TABLE "shop_public"."_simplyload_shadow_journal_append_11" ("a" VARCHAR COMMENT 'a, text [0]', "_fivetran_id" VARCHAR COMMENT 'SimplyLoad [1]', "_op" VARCHAR COMMENT 'SimplyLoad [2]', "_committed_at" TIMESTAMP_TZ(6) COMMENT 'SimplyLoad [3]', "_fivetran_synced" TIMESTAMP_TZ(6) COMMENT 'SimplyLoad [4]', "_fivetran_deleted" BOOLEAN COMMENT 'SimplyLoad [5]', "_source_position" VARCHAR COMMENT 'SimplyLoad [6]') COPY GRANTS COMMENT = 'Copied by SimplyLoad from shop: public.journal_append_11, being read';

SELECT DATE_PART(EPOCH_MICROSECOND, COALESCE(MAX("_committed_at"), CURRENT_TIMESTAMP()::TIMESTAMP_TZ(6))) AS us
  FROM "shop_public"."_simplyload_shadow_journal_append_11";

INSERT INTO "shop_public"."_simplyload_shadow_journal_append_11" ("_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT 'truncate', TO_TIMESTAMP_TZ(1795133300000000, 6), CURRENT_TIMESTAMP(), TRUE, '0002/00000000000001f4/0000000000'
  FROM (SELECT COUNT(*) AS n
  FROM "shop_public"."journal_append_11")
  WHERE n > 0;

ALTER TABLE "shop_public"."journal_append_11" SWAP WITH "shop_public"."_simplyload_shadow_journal_append_11";


-- Every version

SELECT COUNT_IF(plain AND there) AS again
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_versions_0 AS SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, began, LEAD(began) OVER (PARTITION BY k1 ORDER BY last) - CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN 0 ELSE 1 END AS until, COALESCE(LEAD(dead) OVER (PARTITION BY k1 ORDER BY last), FALSE) AS gone, CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN LEAD(pos) OVER (PARTITION BY k1 ORDER BY last) END AS gone_pos, step = 1 AND there AS closes, there AS replaces
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, step + GREATEST(largest, COALESCE(since, largest)) AS began
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, MAX(committed - step) OVER (PARTITION BY k1 ORDER BY last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS largest
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY last) AS step
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0)
  WHERE (there OR NOT dead))));

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS WITH folded AS (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(pos) AS pos, MAX(committed) AS committed, BOOLAND_AGG(MOD(code, 8) = 4) AS plain, MAX(CASE WHEN MOD(code, 8) >= 4 THEN code END) AS begun, MAX(CASE WHEN MOD(code, 8) < 2 THEN code END) AS died, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) AS p3
  FROM (SELECT c.*, LEFT(pos, 22) AS tx
  FROM (SELECT k1, code, pos, unchanged, committed, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, committed, code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) IN (5, 6)) c)
  GROUP BY k1, tx), known AS (SELECT f.k1 AS k1, COUNT_IF(t."_fivetran_active") AS actives, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_start") END), MAX(CASE WHEN t."_fivetran_deleted" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_end") END)) AS since, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN t."_source_position" END), MAX(CASE WHEN t."_fivetran_deleted" THEN t."_source_position" END)) AS pos
  FROM "shop_public"."history_12" t
  JOIN (SELECT DISTINCT k1
  FROM folded) f ON t."id" = f.k1 AND t."id" BETWEEN 1 AND 7
  WHERE t."_fivetran_active" OR t."_fivetran_deleted"
  GROUP BY f.k1), events AS (SELECT *
  FROM folded) SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT g.k1 AS k1, g.last AS last, g.val AS val, g.pos AS pos, g.committed AS committed, g.plain AS plain, g.dead AS dead, g.dead_pos AS dead_pos, g.live AS live, g.since AS since, g.several AS several, g.newest AS newest, g.actives AS actives, CASE WHEN g.died < g.val AND g.died > COALESCE(g.begun, -1) THEN g.died ELSE g.begun END AS reset, CASE WHEN CASE WHEN g.died < g.val AND g.died > COALESCE(g.begun, -1) THEN g.died ELSE g.begun END IS NULL AND g.live THEN g.k1 END AS b1, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN CASE WHEN g.died < g.val AND g.died > COALESCE(g.begun, -1) THEN g.died ELSE g.begun END IS NULL OR g.p3 >= CASE WHEN g.died < g.val AND g.died > COALESCE(g.begun, -1) THEN g.died ELSE g.begun END THEN g.p3 END AS p3
  FROM (SELECT f.k1 AS k1, f.last AS last, f.val AS val, f.pos AS pos, f.committed AS committed, f.plain AS plain, (MOD(f.last, 8) < 2 OR MOD(f.last, 8) = 7) AS dead, CAST(NULL AS VARCHAR) AS dead_pos, COALESCE(b.actives, 0) > 0 AS live, b.since AS since, COUNT(*) OVER (PARTITION BY f.k1) > 1 AS several, f.pos AS newest, COALESCE(b.actives, 0) AS actives, MAX(f.begun) OVER (PARTITION BY f.k1 ORDER BY f.last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun, MAX(f.died) OVER (PARTITION BY f.k1 ORDER BY f.last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS died, MAX(f.p3) OVER (PARTITION BY f.k1 ORDER BY f.last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS p3
  FROM events f
  LEFT JOIN known b ON b.k1 = f.k1) g);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT r.k1 AS k1, r.last AS last, r.val AS val, r.pos AS pos, r.committed AS committed, r.plain AS plain, r.dead AS dead, r.dead_pos AS dead_pos, r.live AS live, r.since AS since, r.several AS several, r.newest AS newest, r.actives AS actives, r.reset AS reset, r.completion AS completion, CASE WHEN x.code IS NULL THEN r.b1 ELSE x.b1 END AS b1, COALESCE(r.p3, x.p3) AS p3
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT m.code AS code, CASE WHEN t.pos IS NOT NULL THEN m.r1 END AS b1, t.pos AS b_pos, m.p3 AS p3
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."history_12" t
  WHERE t."_fivetran_active" AND t."id" BETWEEN 1 AND 7) t
  ON t.k1 = m.r1) x ON x.code = r.reset);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_versions_0 AS SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, reset, b1, completion, unresolved, p3, began, LEAD(began) OVER (PARTITION BY k1 ORDER BY last) - CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN 0 ELSE 1 END AS until, COALESCE(LEAD(dead) OVER (PARTITION BY k1 ORDER BY last), FALSE) AS gone, CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN LEAD(pos) OVER (PARTITION BY k1 ORDER BY last) END AS gone_pos, step = 1 AND there AS closes, there AS replaces
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, reset, b1, completion, unresolved, p3, there, step, step + GREATEST(largest, COALESCE(since, largest)) AS began
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, reset, b1, completion, unresolved, p3, there, step, MAX(committed - step) OVER (PARTITION BY k1 ORDER BY last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS largest
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, reset, b1, completion, unresolved, p3, there, ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY last) AS step
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0)
  WHERE (there OR NOT dead))));

MERGE INTO "shop_public"."history_12" t
  USING (SELECT CASE WHEN FALSE THEN r.k1 END AS m1, e.v0 AS c0, e.v1 AS c1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 ELSE b."note" END AS c2, TO_TIMESTAMP_TZ(r.began, 6) AS began_at, COALESCE(TO_TIMESTAMP_TZ(r.until, 6), '9999-12-31 23:59:59.999999 +00:00'::TIMESTAMP_TZ(6)) AS until_at, r.until IS NULL AS lasts, r.gone AS gone, COALESCE(r.gone_pos, e.pos) AS new_pos
  FROM _SIMPLYLOAD.merge_versions_0 r
  JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN "shop_public"."history_12" b ON b."id" = r.b1 AND b."_fivetran_active" AND b."id" BETWEEN 1 AND 7 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE NOT r.dead
  UNION ALL SELECT r.k1, NULL, NULL, NULL, NULL, TO_TIMESTAMP_TZ(CASE WHEN r.dead THEN r.began ELSE r.began - 1 END, 6), NULL, r.dead, r.pos
  FROM _SIMPLYLOAD.merge_versions_0 r
  WHERE r.closes) r ON t."id" = r.m1 AND t."id" BETWEEN 1 AND 7 AND t."_fivetran_active"
  WHEN MATCHED AND r.gone THEN UPDATE SET "_fivetran_end" = r.until_at, "_fivetran_active" = FALSE, "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN MATCHED THEN UPDATE SET "_fivetran_end" = r.until_at, "_fivetran_active" = FALSE
  WHEN NOT MATCHED THEN INSERT ("id", "name", "note", "_fivetran_start", "_fivetran_end", "_fivetran_active", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.c0, r.c1, r.c2, r.began_at, r.until_at, r.lasts, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.gone, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS WITH folded AS (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(pos) AS pos, MAX(committed) AS committed, BOOLAND_AGG(MOD(code, 8) = 4) AS plain
  FROM (SELECT c.*, LEFT(pos, 22) AS tx
  FROM (SELECT k1, code, pos, unchanged, committed
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) c)
  GROUP BY k1, tx), known AS (SELECT f.k1 AS k1, COUNT_IF(t."_fivetran_active") AS actives, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_start") END), MAX(CASE WHEN t."_fivetran_deleted" THEN DATE_PART(EPOCH_MICROSECOND, t."_fivetran_end") END)) AS since, COALESCE(MAX(CASE WHEN t."_fivetran_active" THEN t."_source_position" END), MAX(CASE WHEN t."_fivetran_deleted" THEN t."_source_position" END)) AS pos
  FROM "shop_public"."history_12" t
  JOIN (SELECT DISTINCT k1
  FROM folded) f ON t."id" = f.k1 AND t."id" BETWEEN 4 AND 70
  WHERE t."_fivetran_active" OR t."_fivetran_deleted"
  GROUP BY f.k1), events AS (SELECT *
  FROM folded) SELECT f.k1 AS k1, f.last AS last, f.val AS val, f.pos AS pos, f.committed AS committed, f.plain AS plain, (MOD(f.last, 8) < 2 OR MOD(f.last, 8) = 7) AS dead, CAST(NULL AS VARCHAR) AS dead_pos, COALESCE(b.actives, 0) > 0 AS live, b.since AS since, COUNT(*) OVER (PARTITION BY f.k1) > 1 AS several, f.pos AS newest, COALESCE(b.actives, 0) AS actives
  FROM events f
  LEFT JOIN known b ON b.k1 = f.k1
  WHERE b.pos IS NULL OR b.pos < f.pos;

UPDATE "shop_public"."history_12" SET "_fivetran_end" = GREATEST('2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), TO_TIMESTAMP_TZ(DATE_PART(EPOCH_MICROSECOND, "_fivetran_start") + 1, 6)), "_fivetran_active" = FALSE, "_fivetran_deleted" = TRUE, "_source_position" = '0001/0000000000000014/0000000000'
  WHERE "_fivetran_active" AND "_source_position" < '0001/0000000000000014/0000000000';

MERGE INTO "shop_public"."_simplyload_shadow_history_12" s
  USING (SELECT o."id", MAX(CASE WHEN o."_fivetran_active" THEN DATE_PART(EPOCH_MICROSECOND, o."_fivetran_start") ELSE DATE_PART(EPOCH_MICROSECOND, o."_fivetran_end") END) AS since
  FROM "shop_public"."history_12" o
  GROUP BY o."id") o ON s."id" = o."id" AND o.since >= DATE_PART(EPOCH_MICROSECOND, s."_fivetran_start")
  WHEN MATCHED THEN UPDATE SET "_fivetran_start" = TO_TIMESTAMP_TZ(o.since + 1, 6);

MERGE INTO "shop_public"."_simplyload_shadow_history_12" t
  USING (SELECT CASE WHEN (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARIANT)) THEN s."id" END AS k1, o."id" AS c0, o."name" AS c1, o."note" AS c2, o."_fivetran_start" AS c3, CASE WHEN (NOT o."_fivetran_active" OR (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARIANT))) THEN o."_fivetran_end" ELSE TO_TIMESTAMP_TZ(CASE WHEN (o."_fivetran_active" AND s."_source_position" IS NULL) THEN GREATEST(1795133300000000, DATE_PART(EPOCH_MICROSECOND, o."_fivetran_start") + 1) ELSE DATE_PART(EPOCH_MICROSECOND, s."_fivetran_start") - 1 END, 6) END AS c4, (o."_fivetran_active" AND (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARIANT))) AS c5, o."_fivetran_synced" AS c6, (o."_fivetran_deleted" OR (o."_fivetran_active" AND s."_source_position" IS NULL)) AS c7, CASE WHEN (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARIANT)) THEN s."_source_position" WHEN (o."_fivetran_active" AND s."_source_position" IS NULL) THEN '0002/00000000000001f4/0000000000' ELSE o."_source_position" END AS c8
  FROM "shop_public"."history_12" o
  LEFT JOIN "shop_public"."_simplyload_shadow_history_12" s ON o."_fivetran_active" AND s."id" = o."id") r ON t."id" = r.k1
  WHEN MATCHED THEN UPDATE SET "id" = r.c0, "name" = r.c1, "note" = r.c2, "_fivetran_start" = r.c3, "_fivetran_end" = r.c4, "_fivetran_active" = r.c5, "_fivetran_synced" = r.c6, "_fivetran_deleted" = r.c7, "_source_position" = r.c8
  WHEN NOT MATCHED THEN INSERT ("id", "name", "note", "_fivetran_start", "_fivetran_end", "_fivetran_active", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.c0, r.c1, r.c2, r.c3, r.c4, r.c5, r.c6, r.c7, r.c8);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) AS key, kind, pos, differs, filled
  FROM ( SELECT COALESCE(s.k1, d.k1) AS k1, d.pos AS pos, CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END AS kind, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 THEN '2,' ELSE '' END AS differs, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 AND d.v0 IS NOT NULL THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 AND d.v1 IS NOT NULL THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 AND d.v2 IS NOT NULL THEN '2,' ELSE '' END AS filled
  FROM (SELECT s.*, TRUE AS present
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL) s) s
  FULL OUTER JOIN (SELECT d.*, TRUE AS present
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."history_12" t
  WHERE t."_fivetran_active") d) d ON s.k1 = d.k1
  WHERE s.present IS NULL OR d.present IS NULL OR s.v0 IS DISTINCT FROM d.v0 OR s.v1 IS DISTINCT FROM d.v1 OR s.v2 IS DISTINCT FROM d.v2);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_explained AS SELECT d.key AS key
  FROM _SIMPLYLOAD.compare_differing d
  JOIN _SIMPLYLOAD.QUARANTINE q ON q.key = d.key
  WHERE q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'history_12' AND q.closed_at IS NULL
  GROUP BY d.key, d.kind, d.pos, d.differs, d.filled
  HAVING (d.kind = 'different' AND d.filled = ',' AND COUNT(DISTINCT CASE WHEN CONTAINS(d.differs, CASE q.column_name WHEN 'id' THEN ',0,' WHEN 'name' THEN ',1,' WHEN 'note' THEN ',2,' END) THEN q.column_name END) = (LENGTH(d.differs) - LENGTH(REPLACE(d.differs, ',', '')) - 1)) OR (d.kind = 'missing' AND COUNT_IF(q.column_name = '') > 0) OR COALESCE(MAX(CASE WHEN q.column_name = '' THEN q.position END) > d.pos, FALSE);

SELECT (SELECT COUNT(*)
  FROM _SIMPLYLOAD.compare_differing) AS differing, (SELECT COUNT(*)
  FROM _SIMPLYLOAD.compare_explained) AS explained, (SELECT COUNT(*)
  FROM (SELECT k1
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."history_12" t
  WHERE t."_fivetran_active")
  GROUP BY k1
  HAVING COUNT(*) > 1)) AS duplicates, (SELECT COUNT(*)
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)) AS source_rows, (SELECT COUNT(*)
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."history_12" t
  WHERE t."_fivetran_active")) AS destination_rows, (SELECT COUNT_IF(code IS NULL)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)) AS whole;

SELECT d.key AS key, d.kind AS kind, d.pos AS pos, d.differs AS differs
  FROM _SIMPLYLOAD.compare_differing d
  LEFT JOIN _SIMPLYLOAD.compare_explained x ON x.key = d.key
  WHERE x.key IS NULL ORDER BY d.key LIMIT 5;


-- Every change

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM ( SELECT c.k1 AS k1, c.code AS last, c.code AS val, FALSE AS dead, CAST(NULL AS VARCHAR) AS dead_pos, GREATEST_IGNORE_NULLS(c.reset, emptied.at) AS reset, CASE WHEN GREATEST_IGNORE_NULLS(c.reset, emptied.at) IS NULL THEN t.k1 END AS b1, CASE WHEN GREATEST_IGNORE_NULLS(c.reset, emptied.at) IS NULL THEN t.pos END AS b_pos, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN GREATEST_IGNORE_NULLS(c.reset, emptied.at) IS NULL OR c.p3 >= GREATEST_IGNORE_NULLS(c.reset, emptied.at) THEN c.p3 END AS p3
  FROM (SELECT k1, code, MAX(CASE WHEN MOD(code, 8) >= 4 OR MOD(code, 8) < 2 THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reset, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS p3
  FROM (SELECT k1, code, pos, unchanged, committed, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, committed, code
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7)
  WHERE MOD(code, 8) IN (5, 6))) c
  LEFT JOIN (SELECT *
  FROM (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate') AND t."id" BETWEEN 1 AND 7
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") t
  WHERE t.pos NOT IN (SELECT q.position
  FROM _SIMPLYLOAD.QUARANTINE q
  WHERE q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'log_13' AND q.closed_at IS NULL AND q.reason = 'unchanged value that is not known')) t
  ON t.k1 = c.k1
  LEFT JOIN (SELECT code, MAX(CASE WHEN MOD(code, 8) = 7 THEN code END) OVER (ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) emptied ON emptied.code = c.code
  WHERE MOD(c.code, 8) IN (2, 6));

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_moves_0 AS SELECT moved AS code, pos, CASE WHEN GREATEST_IGNORE_NULLS(reset, emptied.at) IS NULL THEN k1 END AS r1, CASE WHEN MOD(GREATEST_IGNORE_NULLS(reset, emptied.at), 8) = 6 THEN GREATEST_IGNORE_NULLS(reset, emptied.at) END AS next_move, CASE WHEN GREATEST_IGNORE_NULLS(reset, emptied.at) IS NULL OR c3 >= GREATEST_IGNORE_NULLS(reset, emptied.at) THEN c3 END AS p3
  FROM (SELECT k1, pos, moved, MAX(CASE WHEN MOD(code, 8) NOT IN (2, 3) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reset, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS c3
  FROM (SELECT k1, code, pos, unchanged, committed, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, committed, code
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7)
  WHERE MOD(code, 8) IN (5, 6))) m
  LEFT JOIN (SELECT code, MAX(CASE WHEN MOD(code, 8) = 7 THEN code END) OVER (ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)) emptied ON emptied.code = m.moved
  WHERE MOD(moved, 8) = 6;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT r.k1 AS k1, r.last AS last, r.val AS val, r.dead AS dead, r.dead_pos AS dead_pos, r.reset AS reset, r.completion AS completion, CASE WHEN x.code IS NULL THEN r.b1 ELSE x.b1 END AS b1, CASE WHEN x.code IS NULL THEN r.b_pos ELSE x.b_pos END AS b_pos, COALESCE(r.p3, x.p3) AS p3
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT m.code AS code, CASE WHEN t.pos IS NOT NULL THEN m.r1 END AS b1, t.pos AS b_pos, m.p3 AS p3
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN (SELECT *
  FROM (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate') AND t."id" BETWEEN 1 AND 7
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") t
  WHERE t.pos NOT IN (SELECT q.position
  FROM _SIMPLYLOAD.QUARANTINE q
  WHERE q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'log_13' AND q.closed_at IS NULL AND q.reason = 'unchanged value that is not known')) t
  ON t.k1 = m.r1) x ON x.code = r.reset);

INSERT INTO "shop_public"."log_13" ("id", "name", "note", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 WHEN r.p3 IS NOT NULL THEN x3.v2 ELSE b."note" END, CASE MOD(e.code, 8) WHEN 1 THEN 'delete' WHEN 7 THEN 'truncate' WHEN 3 THEN 'update' WHEN 2 THEN 'update' ELSE 'insert' END, TO_TIMESTAMP_TZ(e.committed, 6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), MOD(e.code, 8) IN (1, 7), e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  LEFT JOIN _SIMPLYLOAD.merge_result_0 r ON r.val = e.code
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) x3 ON x3.code = CASE WHEN r.p3 <> r.val THEN r.p3 END
  LEFT JOIN "shop_public"."log_13" b ON b."id" = r.b1 AND b."_source_position" = r.b_pos AND b."id" BETWEEN 1 AND 7 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE e.code IS NOT NULL
  UNION ALL SELECT e.o1, NULL, NULL, 'delete', TO_TIMESTAMP_TZ(e.committed, 6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), TRUE, e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  WHERE MOD(e.code, 8) IN (5, 6);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM ( SELECT c.k1 AS k1, c.code AS last, c.code AS val, FALSE AS dead, CAST(NULL AS VARCHAR) AS dead_pos, c.reset AS reset, CASE WHEN c.reset IS NULL THEN t.k1 END AS b1, CASE WHEN c.reset IS NULL THEN t.pos END AS b_pos, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN c.reset IS NULL OR c.p3 >= c.reset THEN c.p3 END AS p3
  FROM (SELECT k1, code, MAX(CASE WHEN MOD(code, 8) >= 4 OR MOD(code, 8) < 2 THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reset, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) OVER (PARTITION BY k1 ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS p3
  FROM (SELECT k1, code, pos, unchanged, committed
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))) c
  LEFT JOIN (SELECT *
  FROM (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate') AND t."id" BETWEEN 70 AND 71
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") t
  WHERE t.pos NOT IN (SELECT q.position
  FROM _SIMPLYLOAD.QUARANTINE q
  WHERE q.source = 'shop' AND q.namespace = 'public' AND q.table_name = 'log_13' AND q.closed_at IS NULL AND q.reason = 'unchanged value that is not known')) t
  ON t.k1 = c.k1
  WHERE MOD(c.code, 8) IN (2, 6));

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT r.k1 AS k1, r.last AS last, r.val AS val, (r.dead OR ((r.unresolved AND NOT r.dead) AND c.code IS NULL)) AS dead, CASE WHEN (r.unresolved AND NOT r.dead) THEN CASE WHEN c.code IS NULL THEN e.pos END ELSE r.dead_pos END AS dead_pos, r.reset AS reset, r.b1 AS b1, r.b_pos AS b_pos, r.p3 AS p3, c.code AS completion, (r.unresolved AND (r.dead OR c.code IS NULL)) AS unresolved
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0_completion
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY code DESC) = 1) c ON c.k1 = r.k1 AND (r.unresolved AND NOT r.dead);

INSERT INTO "shop_public"."log_13" ("id", "name", "note", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 WHEN r.completion IS NOT NULL THEN c.v2 END, CASE MOD(e.code, 8) WHEN 1 THEN 'delete' WHEN 7 THEN 'truncate' WHEN 3 THEN 'update' WHEN 2 THEN 'update' ELSE 'insert' END, TO_TIMESTAMP_TZ(e.committed, 6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), MOD(e.code, 8) IN (1, 7), e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  LEFT JOIN _SIMPLYLOAD.merge_result_0 r ON r.val = e.code
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0_completion
  WHERE pos IS NOT NULL) c ON c.code = r.completion
  WHERE e.code IS NOT NULL;

INSERT INTO _SIMPLYLOAD.QUARANTINE (source, namespace, table_name, position, key, column_name, reason, raw, loaded_at) SELECT 'shop', 'public', 'log_13', e.pos, TO_JSON(ARRAY_CONSTRUCT(CAST(r.k1 AS VARCHAR))), 'note', 'unchanged value that is not known', '', '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM _SIMPLYLOAD.merge_result_0 r
  JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  WHERE r.dead AND r.p3 IS NULL;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT e.k1 AS k1, e.code AS last, e.pos AS newest
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  LEFT JOIN (SELECT k1, MAX(pos) AS pos
  FROM ( SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."log_13" t
  WHERE TRUE AND t."id" BETWEEN 4 AND 71)
  GROUP BY k1) t
  ON t.k1 = e.k1
  WHERE t.pos IS NULL OR t.pos < e.pos;

INSERT INTO "shop_public"."log_13" ("id", "name", "note", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.v1, e.v2, CASE MOD(e.code, 8) WHEN 1 THEN 'delete' WHEN 7 THEN 'truncate' WHEN 3 THEN 'update' WHEN 2 THEN 'update' ELSE 'read' END, TO_TIMESTAMP_TZ(e.committed, 6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), MOD(e.code, 8) IN (1, 7), e.pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e
  JOIN _SIMPLYLOAD.merge_result_0 r ON r.last = e.code;

INSERT INTO "shop_public"."log_13" ("id", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT "id", 'delete', '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), TRUE, '0001/0000000000000014/0000000000'
  FROM (SELECT t.*
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted")
  WHERE "_source_position" < '0001/0000000000000014/0000000000';

INSERT INTO "shop_public"."_simplyload_shadow_log_13" ("id", "_op", "_committed_at", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT o."id", 'delete', TO_TIMESTAMP_TZ(1795133300000000, 6), CURRENT_TIMESTAMP(), TRUE, '0002/00000000000001f4/0000000000'
  FROM (SELECT t.*
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") o
  LEFT JOIN "shop_public"."_simplyload_shadow_log_13" s ON s."id" = o."id"
  WHERE s."_source_position" IS NULL;

MERGE INTO "shop_public"."_simplyload_shadow_log_13" s
  USING (SELECT t.*
  FROM "shop_public"."log_13" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."log_13"
  WHERE "_op" = 'truncate')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") o ON s."id" = o."id" AND s."_op" = 'read' AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARIANT)
  WHEN MATCHED THEN DELETE;


-- Quarantine

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, COALESCE(MIN(k1) > (SELECT MAX("id")
  FROM "shop_public"."quarantine_14"), TRUE) AS is_new, (SELECT COUNT(s.quarantine)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS quarantined, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s) AS refused
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7))
  GROUP BY k1);

INSERT INTO _SIMPLYLOAD.QUARANTINE (source, namespace, table_name, position, key, column_name, reason, raw, loaded_at) SELECT 'shop', 'public', 'quarantine_14', s.pos, f.value:"key"::VARCHAR, CASE f.value:"columnId"::NUMBER(10,0) WHEN 0 THEN '' WHEN 1 THEN 'id' WHEN 2 THEN 'name' WHEN 3 THEN 'note' ELSE '#' || f.value:"columnId"::VARCHAR END, f.value:"reason"::VARCHAR, f.value:"raw"::VARCHAR, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s, LATERAL FLATTEN(INPUT => TRY_PARSE_JSON(s.quarantine)) f
  WHERE s.quarantine IS NOT NULL
  UNION ALL SELECT 'shop', 'public', 'quarantine_14', s.pos, NULL, '', 'unreadable quarantine entry', s.quarantine, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE s.quarantine IS NOT NULL AND TRY_PARSE_JSON(s.quarantine) IS NULL;

INSERT INTO _SIMPLYLOAD.QUARANTINE (source, namespace, table_name, position, key, column_name, reason, raw, loaded_at) SELECT 'shop', 'public', 'quarantine_14', s.pos, TO_JSON(ARRAY_CONSTRUCT(CAST(s.k1 AS VARCHAR))), 'note', 'not accepted as JSON', s.w2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE s.w2 IS NOT NULL;

SELECT LEFT(MD5(source || CHR(1) || namespace || CHR(1) || table_name || CHR(1) || position || CHR(1) || COALESCE(key, '') || CHR(1) || column_name || CHR(1) || reason), 12) AS id, namespace, table_name, position, key, column_name, reason, raw, DATE_PART(EPOCH_MICROSECOND, loaded_at) AS loaded_us
  FROM _SIMPLYLOAD.QUARANTINE
  WHERE closed_at IS NULL AND source = :1 ORDER BY position DESC, namespace, table_name, key, column_name LIMIT 10;


-- Columns that come, go, grow and are renamed

DESCRIBE TABLE "shop_public"."schema_15";

ALTER TABLE "shop_public"."schema_15" RENAME COLUMN "name" TO "_simplyload_renamed_1";

ALTER TABLE "shop_public"."schema_15" ALTER COLUMN "n" SET DATA TYPE NUMBER(19,0);

ALTER TABLE "shop_public"."schema_15" ADD COLUMN "amount" NUMBER(10,2) DEFAULT 7.00 COMMENT 'amount, decimal [7]';

ALTER TABLE "shop_public"."schema_15" ADD COLUMN "_simplyload_widened_3" VARCHAR;

UPDATE "shop_public"."schema_15" SET "_simplyload_widened_3" = CAST("n" AS VARCHAR);

ALTER TABLE "shop_public"."schema_15" DROP COLUMN "n";

ALTER TABLE "shop_public"."schema_15" ALTER COLUMN "n" COMMENT 'n, text [3]';

ALTER TABLE "shop_public"."schema_15" ADD COLUMN "data" VARIANT;

UPDATE "shop_public"."schema_15" SET "data" = PARSE_JSON('{}');


-- A table that is read anew, leaves its group and comes back; comparisons

INSERT INTO "shop_public"."_simplyload_shadow_place_16" ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT o."id", o."name", o."note", CASE WHEN COALESCE(o."_fivetran_deleted", FALSE) THEN o."_fivetran_synced" ELSE '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6) END, TRUE, CASE WHEN COALESCE(o."_fivetran_deleted", FALSE) THEN o."_source_position" ELSE '0002/00000000000001f4/0000000000' END
  FROM "shop_public"."place_16" o
  LEFT JOIN "shop_public"."_simplyload_shadow_place_16" n ON n."id" = CAST(o."id" AS NUMBER(19,0))
  WHERE n."_source_position" IS NULL;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) AS key, kind, pos, differs, filled
  FROM ( SELECT COALESCE(s.k1, d.k1) AS k1, d.pos AS pos, CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END AS kind, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 THEN '2,' ELSE '' END AS differs, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 AND d.v0 IS NOT NULL THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 AND d.v1 IS NOT NULL THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 AND d.v2 IS NOT NULL THEN '2,' ELSE '' END AS filled
  FROM (SELECT s.*, TRUE AS present
  FROM (SELECT *
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  WHERE TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) IN ('["1"]')) s) s
  FULL OUTER JOIN (SELECT d.*, TRUE AS present
  FROM (SELECT *
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."place_16" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE))
  WHERE TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) IN ('["1"]')) d) d ON s.k1 = d.k1
  WHERE s.present IS NULL OR d.present IS NULL OR s.v0 IS DISTINCT FROM d.v0 OR s.v1 IS DISTINCT FROM d.v1 OR s.v2 IS DISTINCT FROM d.v2);

SELECT CURRENT_USER() AS "user", CURRENT_ROLE() AS "role", CURRENT_WAREHOUSE() AS "warehouse", CURRENT_DATABASE() AS "database", CURRENT_VERSION() AS "version", DATE_PART(epoch_millisecond, CURRENT_TIMESTAMP()) AS "now";

SHOW WAREHOUSES LIKE 'COMPUTE_WH';

SHOW GRANTS TO ROLE "ACCOUNTADMIN";

LIST @~/simplyload_doctor/simplyload-doctor;

REMOVE @~/simplyload_doctor/simplyload-doctor;


-- A snapshot that is given up, one of two times, and a group that begins

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_snapshot (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, v0 NUMBER(19,0), v1 VARCHAR, v2 VARCHAR);

COPY INTO _SIMPLYLOAD.staged_snapshot (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1, v2)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, '0001/000000000000000a/0000000000', $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.times_17/2026112010/b75.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

SELECT (SELECT COUNT(s.quarantine)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_snapshot
  WHERE pos IS NOT NULL) s) AS quarantined, (SELECT COUNT(s.w2)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_snapshot
  WHERE pos IS NOT NULL) s) AS refused;

SELECT COUNT(*) AS whole
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, TRY_PARSE_JSON(v2) AS v2, CASE WHEN TRY_PARSE_JSON(v2) IS NULL THEN v2 END AS w2
  FROM _SIMPLYLOAD.staged_snapshot
  WHERE pos IS NOT NULL) s
  WHERE code IS NULL;

DROP TABLE IF EXISTS _SIMPLYLOAD.staged_snapshot;

DELETE
  FROM _SIMPLYLOAD.QUARANTINE
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND position IN (SELECT position
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3);

DELETE
  FROM "shop_public"."_simplyload_shadow_times_17"
  USING (SELECT "id" AS d1, MAX("_source_position") AS newest
  FROM "shop_public"."_simplyload_shadow_times_17"
  GROUP BY "id"
  HAVING COUNT(*) > 1) AS d
  WHERE "id" = d.d1 AND "_source_position" < d.newest;

SELECT COUNT(*) AS twice
  FROM (SELECT "id" AS d1, MAX("_source_position") AS newest
  FROM "shop_public"."_simplyload_shadow_times_17"
  GROUP BY "id"
  HAVING COUNT(*) > 1);

UPDATE _SIMPLYLOAD.LOADS SET added = added - 1
  WHERE source = :1 AND namespace = :2 AND table_name = :3 AND batch_id = (SELECT MIN(batch_id)
  FROM _SIMPLYLOAD.LOADS
  WHERE source = :1 AND namespace = :2 AND table_name = :3);


-- A table in another database, read twice

SELECT CURRENT_DATABASE() AS name;

CREATE SCHEMA IF NOT EXISTS "elsewhere"."shop_public";

USE DATABASE "WAREHOUSE";

SHOW TABLES LIKE 'abroad_18' IN SCHEMA "elsewhere"."shop_public";

SHOW VIEWS LIKE 'abroad_18' IN SCHEMA "elsewhere"."shop_public";

SHOW DATABASES LIKE 'elsewhere';


-- Clustering, which is asked for, changed and ended

CREATE OR REPLACE TABLE "shop_public"."_simplyload_shadow_clustered_19" ("id" NUMBER(19,0) COMMENT 'id, int64 [0]', "name" VARCHAR COMMENT 'name, text [1]', "note" VARIANT COMMENT 'note, json [2]', "_fivetran_synced" TIMESTAMP_TZ(6) COMMENT 'SimplyLoad [3]', "_fivetran_deleted" BOOLEAN COMMENT 'SimplyLoad [4]', "_source_position" VARCHAR COMMENT 'SimplyLoad [5]') CLUSTER BY ("name", "id") COMMENT = 'Copied by SimplyLoad from shop: public.clustered_19, being read';

ALTER TABLE "shop_public"."clustered_19" CLUSTER BY ("id");

ALTER TABLE "shop_public"."clustered_19" DROP CLUSTERING KEY;


-- Days that are removed

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0_days_2 (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, v0 NUMBER(19,0), v1 DATE);

COPY INTO _SIMPLYLOAD.staged_0_days_2 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), $1:"c2"::DATE
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.days_20/2026112010/b86.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

SELECT DATEDIFF(DAY, '1970-01-01'::DATE, v1::DATE) AS day, pos
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0, v1
  FROM _SIMPLYLOAD.staged_0_days_2
  WHERE pos IS NOT NULL);

DELETE
  FROM "shop_public"."days_20"
  WHERE "sold" >= '2024-03-01'::DATE AND "sold" < '2024-03-02'::DATE AND "_source_position" < '0001/0000000000000019/0000000001';


-- A flush whose lease another process has taken

ROLLBACK;


-- Columns that come with a value, files that were staged before them, columns that are gone

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_0" VARCHAR DEFAULT 'it''s new' COMMENT 'added_0, text [7]';

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_1" VARCHAR COMMENT 'added_1, text [8]';

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_2" BOOLEAN DEFAULT TRUE COMMENT 'added_2, bool [9]';

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_4" BINARY;

UPDATE "shop_public"."older_22" SET "added_4" = CAST('00ff' AS BINARY);

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_5" DATE;

UPDATE "shop_public"."older_22" SET "added_5" = CAST('2026-11-20' AS DATE);

ALTER TABLE "shop_public"."older_22" ADD COLUMN "added_6" DATE COMMENT 'added_6, date [13]';

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR, $1:"c4"::NUMBER(10,0)::NUMBER(19,0), CAST('it''s new' AS VARCHAR), NULL::VARCHAR, CAST('t' AS BOOLEAN), CAST('9.5' AS NUMBER(8,2)), CAST('00ff' AS BINARY), CAST('2026-11-20' AS DATE), NULL::DATE
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.older_22/2026112010/b91.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR, $1:"c4"::NUMBER(19,0)::VARCHAR, $1:"c5"::VARCHAR, $1:"c6"::VARCHAR, $1:"c7"::BOOLEAN, $1:"c8"::NUMBER(8,2), TO_BINARY($1:"c9"), $1:"c10"::DATE, $1:"c11"::DATE
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.older_22/2026112010/b93.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) AS key, kind, pos, differs, filled
  FROM ( SELECT COALESCE(s.k1, d.k1) AS k1, d.pos AS pos, CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END AS kind, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 THEN '2,' ELSE '' END || CASE WHEN s.v5 IS DISTINCT FROM d.v5 THEN '5,' ELSE '' END || CASE WHEN s.v6 IS DISTINCT FROM d.v6 THEN '6,' ELSE '' END || CASE WHEN s.v7 IS DISTINCT FROM d.v7 THEN '7,' ELSE '' END || CASE WHEN s.v8 IS DISTINCT FROM d.v8 THEN '8,' ELSE '' END || CASE WHEN s.v9 IS DISTINCT FROM d.v9 THEN '9,' ELSE '' END || CASE WHEN s.v10 IS DISTINCT FROM d.v10 THEN '10,' ELSE '' END || CASE WHEN s.v11 IS DISTINCT FROM d.v11 THEN '11,' ELSE '' END AS differs, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 AND d.v0 IS NOT NULL THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 AND d.v1 IS NOT NULL THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 AND d.v2 IS NOT NULL THEN '2,' ELSE '' END || CASE WHEN s.v5 IS DISTINCT FROM d.v5 AND d.v5 IS NOT NULL THEN '5,' ELSE '' END || CASE WHEN s.v6 IS DISTINCT FROM d.v6 AND d.v6 IS NOT NULL THEN '6,' ELSE '' END || CASE WHEN s.v7 IS DISTINCT FROM d.v7 AND d.v7 IS NOT NULL THEN '7,' ELSE '' END || CASE WHEN s.v8 IS DISTINCT FROM d.v8 AND d.v8 IS NOT NULL THEN '8,' ELSE '' END || CASE WHEN s.v9 IS DISTINCT FROM d.v9 AND d.v9 IS NOT NULL THEN '9,' ELSE '' END || CASE WHEN s.v10 IS DISTINCT FROM d.v10 AND d.v10 IS NOT NULL THEN '10,' ELSE '' END || CASE WHEN s.v11 IS DISTINCT FROM d.v11 AND d.v11 IS NOT NULL THEN '11,' ELSE '' END AS filled
  FROM (SELECT s.*, TRUE AS present
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL) s) s
  FULL OUTER JOIN (SELECT d.*, TRUE AS present
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."count" AS v3, t."added_0" AS v4, t."added_1" AS v5, t."added_2" AS v6, t."added_3" AS v7, t."added_4" AS v8, t."added_5" AS v9, t."added_6" AS v10, CAST(NULL AS VARCHAR) AS v11, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."older_22" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE)) d) d ON s.k1 = d.k1
  WHERE s.present IS NULL OR d.present IS NULL OR s.v0 IS DISTINCT FROM d.v0 OR s.v1 IS DISTINCT FROM d.v1 OR s.v2 IS DISTINCT FROM d.v2 OR s.v5 IS DISTINCT FROM d.v5 OR s.v6 IS DISTINCT FROM d.v6 OR s.v7 IS DISTINCT FROM d.v7 OR s.v8 IS DISTINCT FROM d.v8 OR s.v9 IS DISTINCT FROM d.v9 OR s.v10 IS DISTINCT FROM d.v10 OR s.v11 IS DISTINCT FROM d.v11);

ALTER TABLE "shop_public"."wider_24" ADD COLUMN "_simplyload_widened_1" NUMBER(38,2);

UPDATE "shop_public"."wider_24" SET "_simplyload_widened_1" = CAST("number" AS NUMBER(38,2));

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, v0, v1)
  FROM (SELECT 0, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"c1"::NUMBER(19,0), NULL::NUMBER(38,2)
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.wider_24/2026112010/b106.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;


-- Keys below zero; of two columns, which rows move to; values that come from anywhere

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT f.k1 AS k1, f.last AS last, f.val AS val, MOD(f.last, 8) < 2 AS dead, f.dead_pos AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest, CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END AS reset, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL AND COALESCE(t.live, FALSE) THEN f.k1 END AS b1, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL OR f.p3 >= CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END THEN f.p3 END AS p3
  FROM (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest, MAX(CASE WHEN MOD(code, 8) >= 4 THEN code END) AS begun, MAX(CASE WHEN MOD(code, 8) < 2 THEN code END) AS died, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) AS p3
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1) f
  LEFT JOIN (SELECT t."id" AS k1, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."below_25" t
  WHERE TRUE AND t."id" BETWEEN -1 AND -1) t
  ON t.k1 = f.k1);

MERGE INTO "shop_public"."below_25" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 ELSE b."note" END AS v2, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN "shop_public"."below_25" b ON b."id" = r.b1 AND b."id" BETWEEN -1 AND -1 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN -1 AND -1
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT f.k1 AS k1, f.last AS last, f.val AS val, MOD(f.last, 8) < 2 AS dead, f.dead_pos AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest, CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END AS reset, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL AND COALESCE(t.live, FALSE) THEN f.k1 END AS b1, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL OR f.p3 >= CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END THEN f.p3 END AS p3
  FROM (SELECT k1, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest, MAX(CASE WHEN MOD(code, 8) >= 4 THEN code END) AS begun, MAX(CASE WHEN MOD(code, 8) < 2 THEN code END) AS died, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',3,')) THEN code END) AS p3
  FROM (SELECT k1, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1) f
  LEFT JOIN (SELECT t."id" AS k1, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."below_25" t
  WHERE TRUE AND t."id" BETWEEN -1 AND 2) t
  ON t.k1 = f.k1);

MERGE INTO "shop_public"."below_25" t
  USING (SELECT r.k1 AS k1, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p3 = r.val THEN e.v2 WHEN r.p3 IS NOT NULL THEN x3.v2 ELSE b."note" END AS v2, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) x3 ON x3.code = CASE WHEN r.p3 <> r.val THEN r.p3 END
  LEFT JOIN "shop_public"."below_25" b ON b."id" = r.b1 AND b."id" BETWEEN -1 AND 2 AND (r.b1 IS NOT NULL AND NOT (r.p3 IS NOT NULL))
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."id" BETWEEN -1 AND 2
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "name" = r.v1, "note" = r.v2, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN 5 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN 5 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL)
  WHERE MOD(code, 8) IN (5, 6))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.staged_0 (file_number NUMBER(10,0), row_number NUMBER(19,0), op VARCHAR, pos VARCHAR, unchanged VARCHAR, quarantine VARCHAR, content_hash VARCHAR, o1 NUMBER(19,0), o2 VARCHAR, v0 VARCHAR, v1 NUMBER(19,0), v2 VARCHAR, v3 VARCHAR);

MERGE INTO "shop_public"."lines_false" t
  USING (SELECT r.k1 AS k1, r.k2 AS k2, e.v0 AS v0, e.v1 AS v1, CASE WHEN r.val IS NULL OR r.p7 = r.val THEN e.v2 ELSE b."qty" END AS v2, e.v3 AS v3, r.dead AS dead, (NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) AS valued, CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v1) OR (o2 IS NOT NULL AND o2 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v1 AS k1, COALESCE(o1, v1) AS o1, v0 AS k2, COALESCE(o2, v0) AS o2, v0, v1, v2, v3
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = r.val
  LEFT JOIN "shop_public"."lines_false" b ON b."id" = r.b1 AND b."no" = r.b2 AND b."id" BETWEEN 1 AND 2 AND b."no" BETWEEN 'a' AND 'b' AND (r.b1 IS NOT NULL AND NOT (r.p7 IS NOT NULL))
  WHERE ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) r ON t."id" = r.k1 AND t."no" = r.k2 AND t."id" BETWEEN 1 AND 2 AND t."no" BETWEEN 'a' AND 'b'
  WHEN MATCHED AND (NOT r.dead OR r.valued) THEN UPDATE SET "qty" = r.v2, "more" = r.v3, "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = r.dead, "_source_position" = r.new_pos
  WHEN MATCHED AND NOT COALESCE(t."_fivetran_deleted", FALSE) THEN UPDATE SET "_fivetran_synced" = '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), "_fivetran_deleted" = TRUE, "_source_position" = r.new_pos
  WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN INSERT ("no", "id", "qty", "more", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.v0, r.v1, r.v2, r.v3, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), r.dead, r.new_pos);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p7 IS NOT NULL AND p8 IS NOT NULL)) AS unresolved
  FROM (SELECT f.k1 AS k1, f.k2 AS k2, f.last AS last, f.val AS val, MOD(f.last, 8) < 2 AS dead, f.dead_pos AS dead_pos, t.live IS NOT NULL AS present, COALESCE(t.live, FALSE) AS live, f.newest AS newest, CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END AS reset, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL AND COALESCE(t.live, FALSE) THEN f.k1 END AS b1, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL AND COALESCE(t.live, FALSE) THEN f.k2 END AS b2, CAST(NULL AS NUMBER(19,0)) AS completion, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL OR f.p7 >= CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END THEN f.p7 END AS p7, CASE WHEN CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END IS NULL OR f.p8 >= CASE WHEN f.died < f.val AND f.died > COALESCE(f.begun, -1) THEN f.died ELSE f.begun END THEN f.p8 END AS p8
  FROM (SELECT k1, k2, MAX(code) AS last, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val, MAX(CASE WHEN NOT MOD(code, 8) >= 2 THEN pos END) AS dead_pos, MAX(pos) AS newest, MAX(CASE WHEN MOD(code, 8) >= 4 THEN code END) AS begun, MAX(CASE WHEN MOD(code, 8) < 2 THEN code END) AS died, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',7,')) THEN code END) AS p7, MAX(CASE WHEN MOD(code, 8) >= 2 AND (unchanged IS NULL OR NOT CONTAINS(unchanged, ',8,')) THEN code END) AS p8
  FROM (SELECT k1, k2, code, pos, unchanged
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v1 AS k1, v1 AS o1, v0 AS k2, v0 AS o2, v0, v1, v2, v3
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL))
  GROUP BY k1, k2) f
  LEFT JOIN (SELECT t."id" AS k1, t."no" AS k2, NOT COALESCE(t."_fivetran_deleted", FALSE) AS live, t."_source_position" AS pos
  FROM "shop_public"."lines_false" t
  WHERE TRUE AND t."id" BETWEEN 2 AND 2 AND t."no" BETWEEN 'b' AND 'b') t
  ON t.k1 = f.k1 AND t.k2 = f.k2);

SELECT COUNT(*) AS results, COUNT(DISTINCT r.last) AS keys, COUNT_IF(NOT r.dead AND NOT r.live) AS inserted, COUNT_IF(NOT r.dead AND r.live) AS updated, COUNT_IF(r.dead AND ((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live))) AS deleted, COUNT_IF(((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live)) AND NOT r.present) AS added, COUNT_IF(((NOT r.dead OR (r.val IS NOT NULL AND NOT r.unresolved)) OR (r.dead AND r.live)) AND r.present) AS changed, COUNT_IF(r.p7 <> r.val) AS patched7, COUNT_IF(r.p8 <> r.val) AS patched8, COUNT_IF((r.b1 IS NOT NULL AND NOT (r.p7 IS NOT NULL AND r.p8 IS NOT NULL))) AS rooted
  FROM _SIMPLYLOAD.merge_result_0 r;


-- Rows that were read again and are as they were; versions of rows without JSON

INSERT INTO "shop_public"."_simplyload_shadow_spoilt_29" ("id", "name", "note", "more", "_fivetran_synced", "_fivetran_deleted", "_source_position", "_op", "_committed_at") SELECT v0, v1, v2, v3, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, pos, 'read', TO_TIMESTAMP_TZ(committed, 6)
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN 3 WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, v2, v3
  FROM _SIMPLYLOAD.staged_snapshot
  WHERE pos IS NOT NULL) s
  WHERE code IS NOT NULL;

MERGE INTO "shop_public"."_simplyload_shadow_spoilt_29" s
  USING (SELECT t.*
  FROM "shop_public"."spoilt_29" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."spoilt_29"
  WHERE "_op" = 'truncate')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY t."id" ORDER BY t."_source_position" DESC) = 1 AND NOT t."_fivetran_deleted") o ON s."id" = o."id" AND s."_op" = 'read' AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARCHAR) AND s."more" IS NOT DISTINCT FROM NULL
  WHEN MATCHED THEN DELETE;

MERGE INTO "shop_public"."_simplyload_shadow_spoilt_30" t
  USING (SELECT CASE WHEN (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARCHAR) AND s."more" IS NOT DISTINCT FROM NULL) THEN s."id" END AS k1, o."id" AS c0, o."name" AS c1, o."note" AS c2, o."_fivetran_start" AS c3, CASE WHEN (NOT o."_fivetran_active" OR (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARCHAR) AND s."more" IS NOT DISTINCT FROM NULL)) THEN o."_fivetran_end" ELSE TO_TIMESTAMP_TZ(CASE WHEN (o."_fivetran_active" AND s."_source_position" IS NULL) THEN GREATEST(1795133300000000, DATE_PART(EPOCH_MICROSECOND, o."_fivetran_start") + 1) ELSE DATE_PART(EPOCH_MICROSECOND, s."_fivetran_start") - 1 END, 6) END AS c4, (o."_fivetran_active" AND (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARCHAR) AND s."more" IS NOT DISTINCT FROM NULL)) AS c5, o."_fivetran_synced" AS c6, (o."_fivetran_deleted" OR (o."_fivetran_active" AND s."_source_position" IS NULL)) AS c7, CASE WHEN (s."_source_position" IS NOT NULL AND TRUE AND s."id" IS NOT DISTINCT FROM CAST(o."id" AS NUMBER(19,0)) AND s."name" IS NOT DISTINCT FROM CAST(o."name" AS VARCHAR) AND s."note" IS NOT DISTINCT FROM CAST(o."note" AS VARCHAR) AND s."more" IS NOT DISTINCT FROM NULL) THEN s."_source_position" WHEN (o."_fivetran_active" AND s."_source_position" IS NULL) THEN '0002/00000000000001f4/0000000000' ELSE o."_source_position" END AS c8
  FROM "shop_public"."spoilt_30" o
  LEFT JOIN "shop_public"."_simplyload_shadow_spoilt_30" s ON o."_fivetran_active" AND s."id" = o."id") r ON t."id" = r.k1
  WHEN MATCHED THEN UPDATE SET "id" = r.c0, "name" = r.c1, "note" = r.c2, "_fivetran_start" = r.c3, "_fivetran_end" = r.c4, "_fivetran_active" = r.c5, "_fivetran_synced" = r.c6, "_fivetran_deleted" = r.c7, "_source_position" = r.c8
  WHEN NOT MATCHED THEN INSERT ("id", "name", "note", "_fivetran_start", "_fivetran_end", "_fivetran_active", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  VALUES (r.c0, r.c1, r.c2, r.c3, r.c4, r.c5, r.c6, r.c7, r.c8);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_equal_0 AS SELECT s.last AS last, s.k1 AS k1, e.pos AS pos, s.earlier IS NULL AS of_target
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0) s
  JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) e ON e.code = s.val
  LEFT JOIN (SELECT t.*
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active" AND t."id" BETWEEN 1 AND 2) b ON s.earlier IS NULL AND b."id" = s.k1
  LEFT JOIN (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0 AS k1, v0 AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) x ON x.code = s.earlier
  WHERE s.plain AND s.there AND CASE WHEN s.earlier IS NULL THEN TRUE AND e.v0 IS NOT DISTINCT FROM b."id" AND e.v1 IS NOT DISTINCT FROM b."name" AND e.v2 IS NOT DISTINCT FROM b."note" ELSE TRUE AND e.v0 IS NOT DISTINCT FROM x.v0 AND e.v1 IS NOT DISTINCT FROM x.v1 AND e.v2 IS NOT DISTINCT FROM x.v2 END;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_versions_0 AS SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, began, LEAD(began) OVER (PARTITION BY k1 ORDER BY last) - CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN 0 ELSE 1 END AS until, COALESCE(LEAD(dead) OVER (PARTITION BY k1 ORDER BY last), FALSE) AS gone, CASE WHEN LEAD(dead) OVER (PARTITION BY k1 ORDER BY last) THEN LEAD(pos) OVER (PARTITION BY k1 ORDER BY last) END AS gone_pos, step = 1 AND there AS closes, there AS replaces
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, step + GREATEST(largest, COALESCE(since, largest)) AS began
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, step, MAX(committed - step) OVER (PARTITION BY k1 ORDER BY last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS largest
  FROM (SELECT k1, last, val, pos, committed, plain, dead, dead_pos, live, since, several, newest, actives, there, ROW_NUMBER() OVER (PARTITION BY k1 ORDER BY last) AS step
  FROM (SELECT *, COALESCE(NOT LAG(dead) OVER (PARTITION BY k1 ORDER BY last), live) AS there, LAG(val) OVER (PARTITION BY k1 ORDER BY last) AS earlier
  FROM _SIMPLYLOAD.merge_result_0)
  WHERE (there OR NOT dead) AND last NOT IN (SELECT last
  FROM _SIMPLYLOAD.merge_equal_0))));

COPY INTO _SIMPLYLOAD.staged_0 (file_number, row_number, op, pos, unchanged, quarantine, content_hash, committed_at, staged_us, v0, v1, v2)
  FROM (SELECT CASE WHEN ENDSWITH(METADATA$FILENAME, '/b143.parquet') THEN 0 WHEN ENDSWITH(METADATA$FILENAME, '/b144.parquet') THEN 1 END, METADATA$FILE_ROW_NUMBER, $1:"_op"::VARCHAR, $1:"_source_position"::VARCHAR, $1:"_unchanged"::VARCHAR, $1:"_quarantine"::VARCHAR, $1:"_content_hash"::VARCHAR, $1:"_committed_at"::TIMESTAMP_TZ(6), 0, $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR
  FROM @_SIMPLYLOAD.STAGE/) FILES = ('default/shop/public.polled_31/2026112010/b143.parquet', 'default/shop/public.polled_31/2026112010/b144.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;

MERGE INTO "shop_public"."polled_31" t
  USING (SELECT *
  FROM _SIMPLYLOAD.merge_equal_0
  WHERE of_target) r ON t."id" = r.k1 AND t."id" BETWEEN 1 AND 3 AND t."_fivetran_active"
  WHEN MATCHED THEN UPDATE SET "_source_position" = r.pos;

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT TO_JSON(ARRAY_CONSTRUCT(CAST(k1 AS VARCHAR))) AS key, kind, pos, differs, filled
  FROM ( SELECT COALESCE(s.k1, d.k1) AS k1, d.pos AS pos, CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END AS kind, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 THEN '2,' ELSE '' END AS differs, ',' || CASE WHEN s.v0 IS DISTINCT FROM d.v0 AND d.v0 IS NOT NULL THEN '0,' ELSE '' END || CASE WHEN s.v1 IS DISTINCT FROM d.v1 AND d.v1 IS NOT NULL THEN '1,' ELSE '' END || CASE WHEN s.v2 IS DISTINCT FROM d.v2 AND d.v2 IS NOT NULL THEN '2,' ELSE '' END AS filled
  FROM (SELECT s.*, TRUE AS present
  FROM (SELECT *
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active")
  WHERE FALSE) s) s
  FULL OUTER JOIN (SELECT d.*, TRUE AS present
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active") d) d ON s.k1 = d.k1
  WHERE s.present IS NULL OR d.present IS NULL OR s.v0 IS DISTINCT FROM d.v0 OR s.v1 IS DISTINCT FROM d.v1 OR s.v2 IS DISTINCT FROM d.v2);

SELECT (SELECT COUNT(*)
  FROM _SIMPLYLOAD.compare_differing) AS differing, (SELECT COUNT(*)
  FROM _SIMPLYLOAD.compare_explained) AS explained, (SELECT COUNT(*)
  FROM (SELECT k1
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active")
  GROUP BY k1
  HAVING COUNT(*) > 1)) AS duplicates, (SELECT COUNT(*)
  FROM (SELECT *
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active")
  WHERE FALSE)) AS source_rows, (SELECT COUNT(*)
  FROM (SELECT t."id" AS k1, t."id" AS v0, t."name" AS v1, t."note" AS v2, t."_source_position" AS pos, CAST(NULL AS VARCHAR) AS content_hash
  FROM "shop_public"."polled_31" t
  WHERE t."_fivetran_active")) AS destination_rows, 0 AS whole;


-- A promotion with changes that were staged while the table was read

SELECT COUNT(*) AS keys, COALESCE(SUM(n), 0) AS changes, COUNT_IF(k1 IS NULL) AS keyless, COUNT_IF(MOD(last, 8) >= 2) AS alive, COUNT_IF(MOD(last, 8) >= 2 AND MOD(first, 8) >= 4) AS begun, COUNT_IF(MOD(last, 8) < 2 AND val IS NOT NULL) AS valued_dead, MIN(k1) AS min_k1, MAX(k1) AS max_k1, (SELECT TO_JSON(ARRAY_AGG(DISTINCT unchanged))
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL AND pos >= '0002/00000000000001f4/0000000000')) AS unchanged
  FROM (SELECT k1, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first, MAX(CASE WHEN MOD(code, 8) >= 2 THEN code END) AS val
  FROM (SELECT k1, code, pos, unchanged, CAST(NULL AS NUMBER(19,0)) AS moved
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL AND pos >= '0002/00000000000001f4/0000000000')
  UNION ALL SELECT o1 AS k1, code - MOD(code, 8), pos, NULL, code
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + CASE COALESCE(op, 'i') WHEN 'i' THEN 4 WHEN 'u' THEN CASE WHEN (o1 IS NOT NULL AND o1 IS DISTINCT FROM v0) THEN CASE WHEN unchanged IS NOT NULL THEN 6 ELSE 5 END ELSE CASE WHEN unchanged IS NOT NULL THEN 2 ELSE 3 END END WHEN 'd' THEN 1 WHEN 't' THEN 7 END AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0 AS k1, COALESCE(o1, v0) AS o1, v0, v1, v2
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL AND pos >= '0002/00000000000001f4/0000000000')
  WHERE MOD(code, 8) IN (5, 6))
  GROUP BY k1);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.merge_result_0 AS SELECT *, (val IS NOT NULL AND b1 IS NULL AND NOT (p3 IS NOT NULL)) AS unresolved
  FROM (SELECT r.k1 AS k1, r.last AS last, r.val AS val, r.pos AS pos, r.committed AS committed, r.plain AS plain, r.dead AS dead, r.dead_pos AS dead_pos, r.live AS live, r.since AS since, r.several AS several, r.newest AS newest, r.actives AS actives, r.reset AS reset, r.completion AS completion, CASE WHEN x.code IS NULL THEN r.b1 ELSE x.b1 END AS b1, COALESCE(r.p3, x.p3) AS p3
  FROM _SIMPLYLOAD.merge_result_0 r
  LEFT JOIN (SELECT m.code AS code, CASE WHEN t.pos IS NOT NULL THEN m.r1 END AS b1, t.pos AS b_pos, m.p3 AS p3
  FROM _SIMPLYLOAD.merge_moves_0 m
  LEFT JOIN (SELECT t."id" AS k1, t."_source_position" AS pos
  FROM "shop_public"."torn_35" t
  WHERE t."_fivetran_active" AND t."id" BETWEEN 1 AND 4) t
  ON t.k1 = m.r1 AND t.pos < m.pos) x ON x.code = r.reset);

INSERT INTO _SIMPLYLOAD.LOADS (source, namespace, table_name, batch_id, added, position, loaded_at) SELECT 'shop', 'public', 'joined_36', f.batch_id, f.added, f.position, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6)
  FROM (SELECT 'b165' AS batch_id, 1 AS added, '0001/0000000000000014/0000000000' AS position
  UNION ALL SELECT 'b166' AS batch_id, 1 AS added, '0001/0000000000000015/0000000000' AS position) f
  WHERE f.batch_id NOT IN (SELECT batch_id
  FROM _SIMPLYLOAD.LOADS
  WHERE source = 'shop' AND namespace = 'public' AND table_name = 'joined_36');


-- Rows without any column, and bags of changes

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT COALESCE(MIN(content_hash), MD5('')) AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
  FROM (SELECT content_hash, pos, 1 AS here, 0 AS there
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  UNION ALL SELECT content_hash, pos, 0 AS here, 1 AS there
  FROM (SELECT t."_fivetran_id" AS k1, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."nothing_merge_37" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE)))
  HAVING SUM(here) <> SUM(there);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT COALESCE(MIN(content_hash), MD5(COALESCE(RTRIM(RTRIM(TO_VARCHAR(v0, 'YYYY-MM-DD HH24:MI:SS.FF6'), '0'), '.'), '') || '/' || COALESCE(TO_VARCHAR(v1, 'YYYY-MM-DD'), ''))) AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
  FROM (SELECT v0, v1, content_hash, pos, 1 AS here, 0 AS there
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0, v1
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  UNION ALL SELECT v0, v1, content_hash, pos, 0 AS here, 1 AS there
  FROM (SELECT t."_fivetran_id" AS k1, t."at" AS v0, t."day" AS v1, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."moments_40" t
  WHERE NOT COALESCE(t."_fivetran_deleted", FALSE)))
  GROUP BY v0, v1
  HAVING SUM(here) <> SUM(there);

CREATE OR REPLACE TEMPORARY TABLE _SIMPLYLOAD.compare_differing AS SELECT COALESCE(MIN(content_hash), MD5(COALESCE(CAST(v0 AS VARCHAR), ''))) AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
  FROM (SELECT v0, content_hash, pos, 1 AS here, 0 AS there
  FROM (SELECT *
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed, v0
  FROM _SIMPLYLOAD.staged_verify
  WHERE pos IS NOT NULL)
  WHERE code IS NOT NULL)
  UNION ALL SELECT v0, content_hash, pos, 0 AS here, 1 AS there
  FROM (SELECT t."_fivetran_id" AS k1, t."a" AS v0, t."_source_position" AS pos, LEFT(t."_fivetran_id", 32) AS content_hash
  FROM "shop_public"."journal_of_append" t
  WHERE t."_op" <> 'truncate' AND t."_source_position" >= (SELECT COALESCE(MAX("_source_position"), '')
  FROM "shop_public"."journal_of_append"
  WHERE "_op" = 'truncate') AND NOT t."_fivetran_deleted"))
  GROUP BY v0
  HAVING SUM(here) <> SUM(there);


-- Days of times

DELETE
  FROM "shop_public"."times_42"
  WHERE "sold" >= '2024-03-01'::TIMESTAMP_NTZ(6) AND "sold" < '2024-03-02'::TIMESTAMP_NTZ(6) AND "_source_position" < '0001/0000000000000019/0000000001';

DELETE
  FROM "shop_public"."times_43"
  WHERE "sold" >= '2024-03-01'::TIMESTAMP_TZ(6) AND "sold" < '2024-03-02'::TIMESTAMP_TZ(6) AND "_source_position" < '0001/0000000000000019/0000000001';


-- Rows of a file that have one position

INSERT INTO "shop_public"."parts_44" ("a", "_fivetran_id", "_fivetran_synced", "_fivetran_deleted", "_source_position") SELECT e.v0, e.k1, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, e.pos
  FROM (SELECT s.*, s.pos || '/' || TO_VARCHAR(MOD(TRUNC(s.code / 8), 4294967296) + 1) AS k1
  FROM (SELECT CAST((file_number * 4294967296 + row_number) * 8 + 4 AS NUMBER(19,0)) AS code, pos, unchanged, quarantine, content_hash, v0
  FROM _SIMPLYLOAD.staged_0
  WHERE pos IS NOT NULL) s
  WHERE code IS NOT NULL AND MOD(code, 8) <> 7) e;


-- What a stream goes on from, kept with the rows

CREATE TABLE IF NOT EXISTS _SIMPLYLOAD."TOKENS_shop" (namespace VARCHAR, table_name VARCHAR, position VARCHAR, token VARCHAR, source_schema VARCHAR);

INSERT INTO _SIMPLYLOAD."TOKENS_shop" (namespace, table_name, position, token, source_schema)
  VALUES (:1, :2, :3, :4, :5);

SELECT namespace, table_name, position, token, source_schema
  FROM _SIMPLYLOAD."TOKENS_shop" k
  WHERE NOT EXISTS (SELECT 1
  FROM _SIMPLYLOAD.TABLES t
  WHERE t.source = :1 AND t.namespace = k.namespace AND t.table_name = k.table_name AND t.slot = 'shadow') ORDER BY namespace, table_name;

DELETE
  FROM _SIMPLYLOAD."TOKENS_shop";


-- An external stage: access_key_id, secret_access_key

CREATE OR REPLACE STAGE _SIMPLYLOAD.EXTERNAL_STAGE URL = 's3://bucket/stage/' CREDENTIALS = (AWS_KEY_ID = 'key' AWS_SECRET_KEY = 'secret');

COPY INTO "shop_public"."_simplyload_shadow_outside_46" ("id", "name", "note", "_fivetran_synced", "_fivetran_deleted", "_source_position")
  FROM (SELECT $1:"c1"::NUMBER(19,0), $1:"c2"::VARCHAR, $1:"c3"::VARCHAR, '2026-11-20 12:00:00.000 +00:00'::TIMESTAMP_TZ(6), FALSE, '0001/000000000000000a/0000000000'
  FROM @_SIMPLYLOAD.EXTERNAL_STAGE/) FILES = ('default/shop/public.outside_46/2026112010/b1.parquet') FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE;


-- An external stage: storage_integration

CREATE OR REPLACE STAGE _SIMPLYLOAD.EXTERNAL_STAGE URL = 's3://bucket/stage/' STORAGE_INTEGRATION = "OUTSIDE";


-- What an administrator runs once

USE ROLE SECURITYADMIN;

CREATE ROLE IF NOT EXISTS "SIMPLYLOAD" COMMENT = 'SimplyLoad';

GRANT ROLE "SIMPLYLOAD" TO ROLE SYSADMIN;

CREATE USER IF NOT EXISTS "SIMPLYLOAD" TYPE = SERVICE DEFAULT_ROLE = 'SIMPLYLOAD' DEFAULT_WAREHOUSE = 'SIMPLYLOAD_WH' COMMENT = 'SimplyLoad';

ALTER USER "SIMPLYLOAD" SET RSA_PUBLIC_KEY = '<public key>';

GRANT ROLE "SIMPLYLOAD" TO USER "SIMPLYLOAD";

USE ROLE SYSADMIN;

CREATE WAREHOUSE IF NOT EXISTS "SIMPLYLOAD_WH" WAREHOUSE_SIZE = XSMALL GENERATION = '1' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE ENABLE_QUERY_ACCELERATION = FALSE INITIALLY_SUSPENDED = TRUE COMMENT = 'SimplyLoad';

GRANT USAGE, OPERATE ON WAREHOUSE "SIMPLYLOAD_WH" TO ROLE "SIMPLYLOAD";

CREATE DATABASE IF NOT EXISTS "ANALYTICS" COMMENT = 'SimplyLoad';

GRANT USAGE, CREATE SCHEMA ON DATABASE "ANALYTICS" TO ROLE "SIMPLYLOAD";

USE ROLE ACCOUNTADMIN;

CREATE STORAGE INTEGRATION IF NOT EXISTS "SIMPLYLOAD_S3" TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::<AWS account id>:role/<role for Snowflake>' STORAGE_ALLOWED_LOCATIONS = ('s3://bucket/prefix/');

DESC INTEGRATION "SIMPLYLOAD_S3";

GRANT USAGE ON INTEGRATION "SIMPLYLOAD_S3" TO ROLE "SIMPLYLOAD";

GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE "SIMPLYLOAD";

CREATE USER IF NOT EXISTS "SIMPLYLOAD" PASSWORD = '<password>' DEFAULT_ROLE = 'SIMPLYLOAD' DEFAULT_WAREHOUSE = 'SIMPLYLOAD_WH' COMMENT = 'SimplyLoad';


-- What simplyload cost asks

SELECT TO_VARCHAR(DATE_TRUNC('day', START_TIME), 'YYYY-MM-DD') AS "day", COALESCE(TRY_PARSE_JSON(QUERY_TAG):app::VARCHAR, '') AS "app", COALESCE(TRY_PARSE_JSON(QUERY_TAG):source::VARCHAR, '') AS "source", COALESCE(TRY_PARSE_JSON(QUERY_TAG):"table"::VARCHAR, '') AS "table", SUM(CREDITS_ATTRIBUTED_COMPUTE) + SUM(COALESCE(CREDITS_USED_QUERY_ACCELERATION, 0)) AS "credits", COUNT(*) AS "statements", TO_VARCHAR(MAX(START_TIME), 'YYYY-MM-DD HH24:MI') AS "until"
  FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY
  WHERE START_TIME >= DATEADD(day, -?, CURRENT_TIMESTAMP()) AND WAREHOUSE_NAME = ?
  GROUP BY 1, 2, 3, 4;

SELECT TO_VARCHAR(DATE_TRUNC('day', START_TIME), 'YYYY-MM-DD') AS "day", SUM(CREDITS_USED_COMPUTE) AS "compute", SUM(CREDITS_USED_CLOUD_SERVICES) AS "services", TO_VARCHAR(MAX(START_TIME), 'YYYY-MM-DD HH24:MI') AS "until"
  FROM SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY
  WHERE START_TIME >= DATEADD(day, -?, CURRENT_TIMESTAMP()) AND WAREHOUSE_NAME = ?
  GROUP BY 1;

SELECT FILE_NAME AS "file", SUM(ROW_COUNT) AS "rows"
  FROM SNOWFLAKE.ACCOUNT_USAGE.COPY_HISTORY
  WHERE LAST_LOAD_TIME >= DATEADD(day, -?, CURRENT_TIMESTAMP()) AND TABLE_CATALOG_NAME = ?
  GROUP BY 1;

SELECT COALESCE(SUM(CREDITS_USED), 0) AS "credits"
  FROM SNOWFLAKE.ACCOUNT_USAGE.PIPE_USAGE_HISTORY
  WHERE START_TIME >= DATEADD(day, -?, CURRENT_TIMESTAMP());
