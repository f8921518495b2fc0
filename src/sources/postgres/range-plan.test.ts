import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts'
import { collect, request, sourceOf, valuesOf } from '../../../test/support/postgres-source.ts'
import type { WrittenRange } from '../../core/control-request.ts'
import type { RowRange, TableSchema } from '../../core/table-schema.ts'
import type { PostgresSource } from './source.ts'

const BLOCK = 8192
const { signal } = new AbortController()
let database: TestDatabase
let source: PostgresSource

beforeAll(async () => {
  database = await createTestDatabase()
  source = sourceOf(database.url, database.name, { snapshot: { chunk_bytes: 4 * BLOCK } })
  await database.query(`CREATE TABLE events (id int PRIMARY KEY, at timestamptz, kind varchar(3), note text);
    INSERT INTO events SELECT i, '2026-01-01'::timestamptz + (i * 7919 % 20000) * interval '1 hour', 'abc', repeat('x', i % 200)
    FROM generate_series(1, 20000) i;
    CREATE INDEX ON events (at);
    ANALYZE events`)
})

afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await database.dispose()
})

async function describe(name: string): Promise<TableSchema> {
  const [schema] = await source.describe([request(name)], signal)
  return schema!
}

/** What the chunks of a range contain, and how they were cut. */
async function readRange(name: string, written: WrittenRange): Promise<{ ids: number[]; specs: unknown[][] }> {
  const schema = await describe(name)
  const range = await source.resolveRange(schema, written, signal)
  const batching = { connections: 2, batchRowsMax: 1000, batchBytesMax: 1 << 20 }
  await using session = await source.openSnapshot({ generation: 3, schemas: [schema], ...batching }, signal)
  const { chunks, resumable } = await session.plan(schema, signal, range)
  expect(resumable).toBe(true)
  expect(chunks.map(({ index }) => index)).toEqual(chunks.map((_, index) => index))
  const ids: number[] = []
  for (const chunk of chunks) {
    ids.push(...(valuesOf(await collect(session.readChunk(schema, chunk, signal)), 'id') as number[]))
  }
  return { ids: ids.sort((a, b) => a - b), specs: chunks.map(({ spec }) => JSON.parse(spec) as unknown[]) }
}

async function idsWhere(table: string, condition: string): Promise<number[]> {
  const rows = await database.query<{ id: number }>(`SELECT id FROM ${table} WHERE ${condition} ORDER BY id`)
  return rows.map(({ id }) => id)
}

test('a range of the key is cut by the index, each row in it is read once, and both ends belong to it', async () => {
  const { ids, specs } = await readRange('events', { from: '5000', to: '12000' })
  expect(ids).toEqual(await idsWhere('events', 'id BETWEEN 5000 AND 12000'))
  expect(specs.length).toBeGreaterThan(5)
  expect(specs.every(([, fromBlock]) => fromBlock === null)).toBe(true)
})

test('a range of a column that is not indexed is picked from ranges of blocks', async () => {
  const { ids, specs } = await readRange('events', { column: 'note', from: 'xxxx', to: 'xxxxxxxx' })
  expect(ids).toEqual(await idsWhere('events', "note BETWEEN 'xxxx' AND 'xxxxxxxx'"))
  expect(specs.length).toBeGreaterThan(5)
  expect(specs.every(([, fromBlock]) => typeof fromBlock === 'number')).toBe(true)
})

test('a range so wide that an index would not help is read block by block', async () => {
  const { ids, specs } = await readRange('events', { column: 'at', from: '2026-01-02' })
  expect(ids).toEqual(await idsWhere('events', "at >= '2026-01-02'"))
  expect(specs.every(([, fromBlock]) => typeof fromBlock === 'number')).toBe(true)
})

test('a range may be open on one side or both; NULLs are in none', async () => {
  await database.query(
    'CREATE TABLE sparse (id int PRIMARY KEY, v int); INSERT INTO sparse VALUES (1, 1), (2, NULL), (3, 3)',
  )
  expect((await readRange('sparse', { column: 'v', to: '2' })).ids).toEqual([1])
  expect((await readRange('sparse', { column: 'v', from: '2' })).ids).toEqual([3])
  expect((await readRange('sparse', { column: 'v' })).ids).toEqual([1, 3])
})

test('a table that was never analyzed is read in one piece by its index', async () => {
  await database.query(`CREATE TABLE fresh (id int PRIMARY KEY, pad text) WITH (autovacuum_enabled = off);
    INSERT INTO fresh SELECT i, repeat('y', 100) FROM generate_series(1, 20000) i`)
  const { ids } = await readRange('fresh', { from: '100', to: '200' })
  expect(ids).toEqual(await idsWhere('fresh', 'id BETWEEN 100 AND 200'))
})

test('only partitions that can have such rows are read', async () => {
  await database.query(`CREATE TABLE logs (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE logs_3 PARTITION OF logs FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
    INSERT INTO logs SELECT i, '2026-01-01'::date + i % 90 FROM generate_series(1, 900) i`)
  const { ids, specs } = await readRange('logs', { column: 'at', from: '2026-01-20', to: '2026-02-10' })
  expect(ids).toEqual(await idsWhere('logs', "at BETWEEN '2026-01-20' AND '2026-02-10'"))
  const oids = await database.query<{ oid: number }>(
    "SELECT oid::int8::text::float8 AS oid FROM pg_class WHERE relname IN ('logs_1', 'logs_2') ORDER BY relname",
  )
  expect(new Set(specs.map(([relation]) => relation))).toEqual(new Set(oids.map(({ oid }) => oid)))
})

test('no partition, no chunk', async () => {
  const { specs } = await readRange('logs', { column: 'at', from: '2027-01-01' })
  expect(specs).toEqual([])
})

async function resolve(written: WrittenRange, name = 'events'): Promise<RowRange> {
  return source.resolveRange(await describe(name), written, signal)
}

test('the ends of a range come back as the server prints them', async () => {
  expect(await resolve({ from: ' 7 ' })).toEqual({ columnId: 1, from: '7' })
  expect(await resolve({ column: 'at', from: '2026-01-01T12:00+02', to: '20260201' })).toEqual({
    columnId: 2,
    from: '2026-01-01 10:00:00+00',
    to: '2026-02-01 00:00:00+00',
  })
  // Longer than the column: nothing is cut off.
  expect(await resolve({ column: 'kind', to: 'abcdef' })).toEqual({ columnId: 3, to: 'abcdef' })
  expect(await resolve({ column: 'note', from: `it's "\\` })).toEqual({ columnId: 4, from: `it's "\\` })
})

test('a range that cannot be is refused with what is wrong', async () => {
  await database.query('CREATE TABLE odd (id int PRIMARY KEY, doc json); CREATE TABLE keyless (v int)')
  await expect(resolve({ column: 'nots', from: 'a' })).rejects.toMatchObject({
    code: 'source_query',
    cause: { message: 'the table has no column "nots"' },
    hint: expect.stringContaining('Did you mean "note"?'),
  })
  await expect(resolve({ from: 'many' })).rejects.toMatchObject({
    code: 'source_query',
    cause: { message: '"many" is no value of "id" (integer)' },
  })
  await expect(resolve({ from: '10', to: '9' })).rejects.toMatchObject({
    cause: { message: expect.stringContaining('empty') },
  })
  await expect(resolve({ column: 'doc', from: '1' }, 'odd')).rejects.toMatchObject({
    cause: { message: 'values of "doc" (json) have no order' },
  })
  await expect(resolve({ from: '1' }, 'keyless')).rejects.toMatchObject({
    cause: { message: 'the table has no key: name the column' },
  })
})
