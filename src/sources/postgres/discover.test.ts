import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, POSTGRES_VERSION, type TestDatabase } from '../../../test/support/postgres.ts'
import { request, sourceOf } from '../../../test/support/postgres-source.ts'
import type { PipelineError } from '../../core/errors.ts'
import type { TableRequest } from '../../core/source.ts'
import type { PostgresSource } from './source.ts'

const { signal } = new AbortController()
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

async function refusal(...requests: TableRequest[]): Promise<PipelineError> {
  return source.describe(requests, signal).then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => error as PipelineError,
  )
}

test('tables are found with key, size, candidates for a cursor, and what is odd about them', async () => {
  await database.query(`CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2), updated_at timestamptz, modified_at text, total2 numeric GENERATED ALWAYS AS (total * 2) ${POSTGRES_VERSION >= 18 ? 'VIRTUAL' : 'STORED'});
    CREATE INDEX ON orders (updated_at); INSERT INTO orders SELECT i, 1, now() FROM generate_series(1, 1000) i; ANALYZE orders;
    CREATE TABLE logs (line text); CREATE TABLE bag (v int); ALTER TABLE bag REPLICA IDENTITY FULL;
    CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
    CREATE VIEW a_view AS SELECT 1 AS a; CREATE UNLOGGED TABLE scratch (id int)`)
  const tables = await source.discover(signal)
  expect(tables.map(({ table, kind }) => [table.namespace, table.name, kind])).toEqual([
    ['public', 'bag', 'table'],
    ['public', 'logs', 'table'],
    ['public', 'orders', 'table'],
    ['public', 'parts', 'partitioned'],
  ])
  const [bag, logs, orders, parts] = tables
  expect(orders).toMatchObject({
    table: { source: database.name },
    keyColumns: ['id'],
    replicaIdentity: 'default',
    cursorCandidates: [{ column: 'updated_at', indexed: true }],
    estimatedRows: 1000,
    warnings: [expect.stringContaining('total2')],
  })
  expect(orders!.bytes).toBeGreaterThan(8192)
  expect(orders!.schema.columns.map((column) => column.name)).toEqual(['id', 'total', 'updated_at', 'modified_at'])
  expect([bag!.schema.identity.kind, logs!.schema.identity.kind]).toEqual(['bag', 'append'])
  expect([bag!.warnings.length, logs!.warnings.length, parts!.warnings.length]).toEqual([1, 1, 1])
})

test('sizes are estimated where somebody holds a table for himself', async () => {
  const other = await database.connect()
  await other.query('CREATE TABLE held (id int); COMMIT; BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
  expect((await source.discover(signal)).map(({ table }) => table.name)).toContain('held')
  await other.query('ROLLBACK')
})

test('only tables that the role may read are found', async () => {
  const { role, url } = await database.createRole()
  await database.query(`CREATE SCHEMA open; CREATE SCHEMA closed; CREATE TABLE open.mine (id int); CREATE TABLE open.theirs (id int); CREATE TABLE closed.t (id int);
    GRANT USAGE ON SCHEMA open TO ${role}; GRANT SELECT ON open.mine, closed.t TO ${role}`)
  await using limited = sourceOf(url, database.name)
  expect((await limited.discover(signal)).map(({ table }) => `${table.namespace}.${table.name}`)).toEqual(['open.mine'])
})

test('columns are left out and types overridden by name', async () => {
  await database.query('CREATE TABLE chosen (id int PRIMARY KEY, secret text, amount numeric)')
  const [schema] = await source.describe(
    [
      request('chosen', {
        exclude: ['secret'],
        typeOverrides: { amount: { kind: 'decimal', precision: 20, scale: 2 } },
      }),
    ],
    signal,
  )
  expect(schema).toMatchObject({
    columns: [
      { id: 1, name: 'id' },
      { id: 3, name: 'amount', type: { kind: 'decimal', precision: 20, scale: 2 }, sourceType: 'numeric' },
    ],
    identity: { kind: 'key', columnIds: [1] },
    version: 1,
  })
})

test('a table that does not exist is named with those that are called similarly', async () => {
  await database.query('CREATE TABLE customers (id int); CREATE TABLE "Invoices" (id int)')
  expect(await refusal(request('custmers'))).toMatchObject({
    code: 'source_table_missing',
    hint: expect.stringContaining('public.customers'),
    context: { table: 'public.custmers' },
  })
  expect(await refusal(request('invoices'))).toMatchObject({ hint: expect.stringContaining('public.Invoices') })
  expect(await refusal(request('zzzzzzzzzzzz'))).toMatchObject({ hint: expect.stringContaining('simplyload discover') })
})

test('relations that have no changes in the log are refused, each with a way out', async () => {
  await database.query(`CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
    CREATE FOREIGN TABLE foreign_t (id int) SERVER far; CREATE MATERIALIZED VIEW m_view AS SELECT 1 AS a; CREATE SEQUENCE counter;
    CREATE TABLE partly (id int) PARTITION BY RANGE (id); CREATE FOREIGN TABLE partly_far PARTITION OF partly DEFAULT SERVER far`)
  for (const name of ['a_view', 'm_view', 'foreign_t', 'counter', 'scratch', 'partly']) {
    const error = await refusal(request(name))
    expect(error).toMatchObject({ code: 'source_setting', context: { table: `public.${name}` } })
    expect(error.hint).toBeTruthy()
  }
})

test('a partition cannot be configured beside the table it belongs to', async () => {
  expect(await refusal(request('parts'), request('parts_1'))).toMatchObject({
    code: 'source_setting',
    context: { table: 'public.parts_1' },
  })
  expect((await source.describe([request('parts_1')], signal)).length).toBe(1)
})

test('what `exclude` and `types` say must fit the table', async () => {
  await database.query('CREATE TABLE fitting (id int PRIMARY KEY, v int)')
  expect(await refusal(request('fitting', { exclude: ['nope'] }))).toMatchObject({
    code: 'config_invalid',
    hint: expect.stringContaining('id, v'),
  })
  expect(await refusal(request('fitting', { typeOverrides: { nope: { kind: 'text' } } }))).toMatchObject({
    code: 'config_invalid',
  })
  expect(await refusal(request('fitting', { exclude: ['id'] }))).toMatchObject({
    code: 'config_invalid',
    hint: expect.stringContaining('exclude'),
  })
})
