/** Statements that the server carries out: names completed, options read (docs: sql-reference/sql/<statement>). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
beforeAll(async () => {
  session = await openTranslatedSession()
  await session.run('CREATE TABLE T (A INT)')
})
afterAll(async () => session[Symbol.asyncDispose]())

const T = { database: 'DB', schema: 'PUBLIC', name: 'T' }

test.each<readonly [string, object]>([
  ['BEGIN', { kind: 'transaction', action: 'begin' }],
  ['start transaction', { kind: 'transaction', action: 'begin' }],
  ['COMMIT WORK;', { kind: 'transaction', action: 'commit' }],
  ['ROLLBACK', { kind: 'transaction', action: 'rollback' }],
  ['USE d2', { kind: 'use', what: 'database', name: 'D2' }],
  ['USE d2.s', { kind: 'use', what: 'schema', name: 'S', database: 'D2' }],
  ['USE SCHEMA "s"', { kind: 'use', what: 'schema', name: 's', database: 'DB' }],
  ['USE WAREHOUSE wh', { kind: 'use', what: 'warehouse', name: 'WH' }],
  ['USE SECONDARY ROLES NONE', { kind: 'use', what: 'secondary_roles', name: 'NONE' }],
  [
    "ALTER SESSION SET QUERY_TAG = '{\"a\":1}' TIMEZONE = 'UTC'",
    {
      kind: 'set_parameters',
      set: new Map([
        ['QUERY_TAG', '{"a":1}'],
        ['TIMEZONE', 'UTC'],
      ]),
    },
  ],
  ['ALTER SESSION UNSET QUERY_TAG', { kind: 'set_parameters', unset: ['QUERY_TAG'] }],
  [
    'PUT file:///tmp/a.parquet @~/x AUTO_COMPRESS=FALSE OVERWRITE = TRUE',
    {
      kind: 'put',
      localPath: '/tmp/a.parquet',
      location: { type: 'user', path: 'x' },
      options: new Map([
        ['AUTO_COMPRESS', false],
        ['OVERWRITE', true],
      ]),
    },
  ],
  [
    "PUT 'file:///tmp/a b' '@%T/a b'",
    { kind: 'put', localPath: '/tmp/a b', location: { type: 'table', name: T, path: 'a b' } },
  ],
  ['GET @ST/a file:///tmp/', { kind: 'get', localPath: '/tmp/' }],
  [
    "REMOVE @DB.PUBLIC.%T/x PATTERN = '.*'",
    { kind: 'remove', location: { type: 'table', name: T, path: 'x' }, pattern: '.*' },
  ],
  ['LS @ST', { kind: 'list', location: { type: 'named', name: { ...T, name: 'ST' }, path: '' } }],
  [
    "SHOW TABLES LIKE 'a%' IN SCHEMA DB.PUBLIC LIMIT 5",
    { kind: 'show', objects: 'TABLES', like: 'a%', scope: { what: 'SCHEMA', name: ['DB', 'PUBLIC'] }, limit: 5 },
  ],
  [
    "SHOW TERSE SCHEMAS IN DATABASE X STARTS WITH 'a'",
    { kind: 'show', objects: 'SCHEMAS', terse: true, scope: { what: 'DATABASE', name: ['X'] }, startsWith: 'a' },
  ],
  ['SHOW COLUMNS IN t', { kind: 'show', objects: 'COLUMNS', scope: { what: 'TABLE', name: ['DB', 'PUBLIC', 'T'] } }],
  ['SHOW GRANTS TO ROLE r', { kind: 'show', objects: 'GRANTS', scope: { what: 'TO ROLE', name: ['R'] } }],
  ['DESC TABLE "t"', { kind: 'describe', what: 'TABLE', name: ['DB', 'PUBLIC', 't'] }],
  [
    "CREATE DATABASE IF NOT EXISTS d COMMENT = 'c'",
    { kind: 'create', what: 'database', name: 'D', ifNotExists: true, comment: 'c' },
  ],
  [
    'CREATE TRANSIENT SCHEMA d.s DATA_RETENTION_TIME_IN_DAYS = 0',
    {
      what: 'schema',
      database: 'D',
      name: 'S',
      transient: true,
      options: new Map([['DATA_RETENTION_TIME_IN_DAYS', 0]]),
    },
  ],
  [
    "CREATE OR REPLACE TEMPORARY TABLE x (a NUMBER(10,2) NOT NULL COMMENT 'k', b TIMESTAMP_TZ(6), c VARCHAR(5) DEFAULT 'q', PRIMARY KEY (a)) CLUSTER BY (a, b::DATE)",
    {
      what: 'table',
      orReplace: true,
      durability: 'temporary',
      clusterBy: '(a, b::DATE)',
      constraints: [{ type: 'PRIMARY KEY', columns: ['A'] }],
      columns: [
        { name: 'A', type: { kind: 'NUMBER', precision: 10, scale: 2 }, nullable: false, comment: 'k' },
        { name: 'B', type: { kind: 'TIMESTAMP_TZ', precision: 6 }, nullable: true },
        { name: 'C', type: { kind: 'VARCHAR', length: 5 }, default: { text: "'q'" } },
      ],
    },
  ],
  [
    'CREATE TABLE x AS SELECT 1 AS a, NULL AS b, 2.50 * 2 AS c',
    {
      what: 'table',
      columns: [
        { name: 'A', type: { kind: 'NUMBER', precision: 1, scale: 0 } },
        { name: 'B', type: { kind: 'VARCHAR' } },
        { name: 'C', type: { kind: 'NUMBER', precision: 4, scale: 2 } },
      ],
    },
  ],
  ['CREATE TABLE x CLONE t', { what: 'table', clone: { name: T } }],
  ['CREATE TABLE x LIKE t', { what: 'table', like: { name: T } }],
  [
    "CREATE STAGE s URL = 's3://b/p' STORAGE_INTEGRATION = i FILE_FORMAT = (TYPE = PARQUET)",
    {
      what: 'stage',
      options: new Map<string, unknown>([
        ['URL', 's3://b/p'],
        ['STORAGE_INTEGRATION', 'i'],
        ['FILE_FORMAT', { options: new Map([['TYPE', 'PARQUET']]) }],
      ]),
    },
  ],
  [
    'CREATE WAREHOUSE w WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE',
    { what: 'warehouse', name: 'W' },
  ],
  [
    'ALTER WAREHOUSE w RESUME IF SUSPENDED',
    { kind: 'alter', what: 'warehouse', action: { type: 'resume', ifSuspended: true } },
  ],
  [
    'ALTER TABLE t ADD COLUMN IF NOT EXISTS b INT, c DATE',
    { kind: 'alter', action: { type: 'add_columns', ifNotExists: true, columns: [{ name: 'B' }, { name: 'C' }] } },
  ],
  ['ALTER TABLE IF EXISTS t DROP COLUMN a, b', { ifExists: true, action: { type: 'drop_columns', names: ['A', 'B'] } }],
  ['ALTER TABLE t RENAME COLUMN a TO "b"', { action: { type: 'rename_column', from: 'A', to: 'b' } }],
  [
    'ALTER TABLE t ALTER COLUMN a SET DATA TYPE NUMBER(38,0), COLUMN b DROP NOT NULL',
    {
      action: {
        changes: [
          { type: 'data_type', column: 'A', dataType: { precision: 38 } },
          { type: 'not_null', column: 'B', notNull: false },
        ],
      },
    },
  ],
  ['ALTER TABLE t SWAP WITH s.u', { action: { type: 'swap', with: { database: 'DB', schema: 'S', name: 'U' } } }],
  ['ALTER TABLE t RENAME TO u', { action: { type: 'rename', to: { ...T, name: 'U' } } }],
  ["COMMENT ON COLUMN t.a IS 'x'", { kind: 'comment', what: 'COLUMN', name: ['DB', 'PUBLIC', 'T', 'A'], comment: 'x' }],
  ['DROP TABLE IF EXISTS t', { kind: 'drop', what: 'table', name: ['DB', 'PUBLIC', 'T'], ifExists: true }],
  ['DROP SCHEMA s CASCADE', { kind: 'drop', what: 'schema', name: ['DB', 'S'], cascade: true }],
  ['UNDROP DATABASE d', { kind: 'drop', undrop: true, what: 'database', name: ['D'] }],
  ['TRUNCATE TABLE IF EXISTS t', { kind: 'truncate', ifExists: true, object: T }],
  [
    'GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA s TO ROLE r',
    {
      kind: 'grant',
      privileges: ['SELECT', 'INSERT'],
      on: { what: 'TABLES IN SCHEMA', name: ['DB', 'S'], all: 'ALL' },
      to: { what: 'ROLE', name: 'R' },
    },
  ],
  ['GRANT ROLE a TO USER u', { kind: 'grant', role: 'A', to: { what: 'USER', name: 'U' } }],
  [
    'REVOKE CREATE FILE FORMAT ON SCHEMA s FROM ROLE r',
    { kind: 'grant', revoke: true, privileges: ['CREATE FILE FORMAT'] },
  ],
  ['EXPLAIN SELECT 1', { kind: 'explain', plan: { kind: 'query' } }],
])('%s', async (sql, expected) => {
  expect(await session.plan(sql)).toMatchObject(expected)
})

test('a DELETE, an UPDATE and a MERGE lock their table, an INSERT does not', async () => {
  const locks = async (sql: string) => (await session.plan(sql)) as { locks: boolean }
  expect(await locks('INSERT INTO T VALUES (1)')).toMatchObject({ locks: false })
  for (const sql of [
    'DELETE FROM T',
    'UPDATE T SET A = 1',
    'MERGE INTO T USING T S ON T.A = S.A WHEN MATCHED THEN DELETE',
  ]) {
    expect(await locks(sql)).toMatchObject({ locks: true })
  }
})

test('a SELECT says what it reads', async () => {
  expect(await session.plan('SELECT 1')).toMatchObject({ reads: [] })
  expect(await session.plan('SELECT * FROM (SELECT * FROM T)')).toMatchObject({ reads: [{ name: T }] })
})
