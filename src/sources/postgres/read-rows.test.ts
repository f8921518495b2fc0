import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts'
import { collect, readAll, request, sourceOf, valuesOf } from '../../../test/support/postgres-source.ts'
import { boundary, parsePosition } from '../../core/position.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { parseLsn } from './lsn.ts'
import type { PostgresSource } from './source.ts'

const { signal } = new AbortController()
const GENERATION = 2
let database: TestDatabase
let source: PostgresSource

beforeAll(async () => {
  database = await createTestDatabase()
  source = sourceOf(database.url, database.name)
})
afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await database.dispose()
})

async function schemaOf(name: string): Promise<TableSchema> {
  const [schema] = await source.describe([request(name)], signal)
  return schema!
}

test('rows are found by their keys, and keys without rows are passed over', async () => {
  await database.query(
    `CREATE TABLE plain (id int PRIMARY KEY, v text); INSERT INTO plain SELECT i, 'v' || i FROM generate_series(1, 100) i`,
  )
  const batch = await source.readRows(
    await schemaOf('plain'),
    ['["7"]', '["1000"]', '["3"]', '["7"]'],
    GENERATION,
    signal,
  )
  expect([batch.rows, [...(valuesOf([batch], 'v') as string[])].sort()]).toEqual([2, ['v3', 'v7']])
  const none = await source.readRows(await schemaOf('plain'), ['["1000"]'], GENERATION, signal)
  expect(none.rows).toBe(0)
  expect((await source.readRows(await schemaOf('plain'), [], GENERATION, signal)).rows).toBe(0)
})

test('rows that are read lie before their position, also where their commit waits to be flushed', async () => {
  await database.query('CREATE TABLE hasty (id int PRIMARY KEY, v text)')
  const [row] = await database.query<{ lsn: string }>(
    `SET synchronous_commit = off; INSERT INTO hasty VALUES (1, 'seen'); RESET synchronous_commit;
     SELECT pg_current_wal_insert_lsn()::text AS lsn`,
  )
  const { rows, position } = await source.readRows(await schemaOf('hasty'), ['["1"]'], GENERATION, signal)
  expect([rows, parsePosition(position)?.generation]).toEqual([1, GENERATION])
  expect(position > boundary(GENERATION, parseLsn(row!.lsn))).toBe(true)
  const none = await source.readRows(await schemaOf('hasty'), ['["2"]'], GENERATION, signal)
  expect(none.position >= position).toBe(true)
})

test('keys of many columns and types are found by their text forms', async () => {
  await database.query(`CREATE EXTENSION IF NOT EXISTS citext; CREATE TYPE colour AS ENUM ('red', 'green'); CREATE DOMAIN code AS varchar(5);
    CREATE TABLE mixed (a timestamptz, b uuid, c numeric(6,2), d colour, e code, f bytea, g char(4), h citext, i float8, j int[], k bool, v int, PRIMARY KEY (a, b, c, d, e, f, g, h, i, j, k));
    INSERT INTO mixed VALUES ('2024-01-31 12:00:00.123456+09', '6ecd8c99-4036-403d-bf84-cf8400f67836', 1.50, 'green', 'x''\\y', '\\x00ff', 'ab', 'Case', 0.1, '{1,2}', true, 1)`)
  const [row] = await database.query<{ key: string[] }>(
    'SELECT ARRAY[a::text, b::text, c::text, d::text, e::text, f::text, g::text, h::text, i::text, j::text, k::text] AS key FROM mixed',
  )
  const batch = await source.readRows(await schemaOf('mixed'), [JSON.stringify(row!.key)], GENERATION, signal)
  expect([batch.rows, valuesOf([batch], 'v')]).toEqual([1, [1]])
})

test('thousands of keys are one statement that uses the index', async () => {
  await database.query(
    'CREATE TABLE big (id int PRIMARY KEY, v int); INSERT INTO big SELECT i, i FROM generate_series(1, 50000) i; ANALYZE big',
  )
  const keys = Array.from({ length: 5000 }, (_, index) => JSON.stringify([String(index * 10 + 1)]))
  const batch = await source.readRows(await schemaOf('big'), keys, GENERATION, signal)
  expect([batch.rows, new Set(valuesOf([batch], 'id')).size]).toEqual([5000, 5000])
})

test('rows of a partitioned table are found, those of inheritance children are not', async () => {
  await database.query(`CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted DEFAULT; INSERT INTO parted VALUES (1);
    CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1)`)
  expect((await source.readRows(await schemaOf('parted'), ['["1"]'], GENERATION, signal)).rows).toBe(1)
  expect((await source.readRows(await schemaOf('parent'), ['["1"]'], GENERATION, signal)).rows).toBe(0)
})

test('a schema that is older than the table finds what is left of it', async () => {
  await database.query(
    "CREATE TABLE aged (id int PRIMARY KEY, dropped text, renamed text, widened int); INSERT INTO aged VALUES (1, 'd', 'r', 5)",
  )
  const schema = await schemaOf('aged')
  await database.query(
    'ALTER TABLE aged DROP dropped; ALTER TABLE aged RENAME renamed TO other; ALTER TABLE aged ALTER widened TYPE bigint; ALTER TABLE aged ADD later int',
  )
  const batch = await source.readRows(schema, ['["1"]'], GENERATION, signal)
  expect(['id', 'dropped', 'renamed', 'widened'].map((name) => valuesOf([batch], name))).toEqual([
    [1],
    [null],
    ['r'],
    [5],
  ])
})

test('a table that is gone is named', async () => {
  await database.query('CREATE TABLE gone (id int PRIMARY KEY)')
  const schema = await schemaOf('gone')
  await database.query('DROP TABLE gone')
  await expect(source.readRows(schema, ['["1"]'], GENERATION, signal)).rejects.toMatchObject({
    code: 'source_table_missing',
    context: { table: 'public.gone' },
  })
  const { batches, atLeastLsn } = source.readForVerification(schema, signal)
  await expect(collect(batches)).rejects.toMatchObject({ code: 'source_table_missing' })
  await expect(atLeastLsn).rejects.toMatchObject({ code: 'source_table_missing' })
})

test('verification reads the same values as the snapshot, by other decoders', async () => {
  await database.query(`CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS ltree;
    CREATE TYPE level AS ENUM ('low', 'high'); CREATE TYPE point3 AS (x int, y text, z numeric);
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE TABLE everything (id int PRIMARY KEY, a bool, b int2, c int8, d float4, e float8, f numeric(20,4), g numeric, h text, i char(6), j bytea, k date,
      l time, m timestamp, n timestamptz, o uuid, p json, q jsonb, r int[], s text[][], t inet, u cidr, v macaddr, w interval, x timetz, y bit(5), z varbit,
      aa xml, ab int4range, ac tstzmultirange, ad tsvector, ae level, af positive, ag point3, ah point3[], ai citext, aj hstore, ak ltree, al money, am point,
      an box, ao oid, ap name, aq "char", ar tsquery, as_ pg_lsn, at polygon, au jsonpath, av int2vector);
    INSERT INTO everything (id) VALUES (1);
    INSERT INTO everything VALUES (2, true, -32768, 9223372036854775807, 'NaN', '-Infinity', -123456789012345.6789, 1e100, E'tab\\t"quote" é 😀', 'ab', '\\x00ff10', '0044-03-15 BC',
      '24:00:00', '294276-12-31 23:59:59.999999', '4713-01-01 BC', '6ecd8c99-4036-403d-bf84-cf8400f67836', '{"a": [1, 2.50, null]}', '{"b": {"c": "\\u00e9"}}',
      '{1,NULL,3}', '{{a,"b c"},{NULL,""}}', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '1 year -2 days 03:04:05.6', '12:34:56.789+05:30', '10101', '101',
      '<a>b</a>', '[1,5)', '{[2024-01-01 00:00+00,2024-02-01 00:00+00)}', 'a:1A b:2', 'high', 5, '(1,"x y",2.50)', ARRAY['(1,,)'::point3, NULL], 'MiXed', 'a=>1,"b c"=>NULL',
      'top.sub.leaf', 12.34, '(1.5,2)', '((0,0),(1,1))', 4294967295, 'a name', 'c', 'fat & rat', '16/B374D848', '((0,0),(1,1),(2,0))', '$.a[*]', '1 2 3'),
      (3, false, 0, 0, 0.1, 1e-300, 0, 'NaN', '', '', '', 'infinity', '00:00:00', '-infinity', '2024-02-29 12:00:00.000001+00', '00000000-0000-0000-0000-000000000000', 'null', '[]',
      '{}', '{}', '::1', '::/0', 'ff:ff:ff:ff:ff:ff', '00:00:00', '00:00:00+00', '00000', '', 'x', 'empty', '{}', '', 'low', 1, '(,"",)', '{}', '', '', '', 0, '(0,0)',
      '((0,0),(0,0))', 0, '', '', '', '0/0', '((0,0))', '$', '')`)
  const schema = await schemaOf('everything')
  await using session = await source.openSnapshot(
    { generation: 1, schemas: [schema], connections: 1, batchRowsMax: 100, batchBytesMax: 1e6 },
    signal,
  )
  const [binary] = await readAll(session, schema, signal)
  const { batches, atLeastLsn } = source.readForVerification(schema, signal)
  const [text] = await collect(batches)
  for (const vector of binary!.vectors) {
    const other = text!.vectors.find((candidate) => candidate.name === vector.name)
    const name = schema.columns.find((column) => `c${column.id}` === vector.name)?.name
    expect({ name, nullCount: other?.nullCount, values: Buffer.from(other?.values ?? []).toString('latin1') }).toEqual({
      name,
      nullCount: vector.nullCount,
      values: Buffer.from(vector.values).toString('latin1'),
    })
  }
  expect(text!.vectors.length).toBe(binary!.vectors.length)
  const [now] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  expect((await atLeastLsn) <= parseLsn(now!.lsn)).toBe(true)
})

test('what was committed before a verification began is in it', async () => {
  await database.query('CREATE TABLE seen (id int PRIMARY KEY); INSERT INTO seen SELECT generate_series(1, 1000)')
  const [before] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  const { batches, atLeastLsn } = source.readForVerification(await schemaOf('seen'), signal)
  expect(valuesOf(await collect(batches), 'id').length).toBe(1000)
  expect((await atLeastLsn) >= parseLsn(before!.lsn)).toBe(true)
})
