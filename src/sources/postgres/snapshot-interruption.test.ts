import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts'
import { collect, readAll, request, sourceOf, valuesOf } from '../../../test/support/postgres-source.ts'
import type { SnapshotSession } from '../../core/source.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import type { PostgresSource } from './source.ts'

const BLOCK = 8192
const { signal } = new AbortController()
let database: TestDatabase
let source: PostgresSource

beforeAll(async () => {
  database = await createTestDatabase()
  source = sourceOf(database.url, database.name, { snapshot: { chunk_bytes: 4 * BLOCK } })
})

afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await database.dispose()
})

async function describe(...names: string[]): Promise<TableSchema[]> {
  return [
    ...(await source.describe(
      names.map((name) => request(name)),
      signal,
    )),
  ]
}

function open(schemas: readonly TableSchema[], batchRowsMax = 1000): Promise<SnapshotSession> {
  return source.openSnapshot({ generation: 3, schemas, connections: 2, batchRowsMax, batchBytesMax: 1 << 20 }, signal)
}

async function one(name: string, batchRowsMax?: number): Promise<{ schema: TableSchema; session: SnapshotSession }> {
  const [schema] = await describe(name)
  return { schema: schema!, session: await open([schema!], batchRowsMax) }
}

/** Ends the connections of the snapshot whose current statement matches. */
async function kill(pattern: string): Promise<number> {
  const killed = await database.query(
    `WITH found AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE datname = current_database()
       AND application_name = 'simplyload snapshot' AND query LIKE $1)
     SELECT pg_terminate_backend(pid, 5000) FROM found`,
    [pattern],
  )
  return killed.length
}

test('a worker that loses its connection in the middle of a chunk goes on where it was', async () => {
  await database.query(
    "CREATE TABLE broken (id int PRIMARY KEY, body text); INSERT INTO broken SELECT i, repeat('z', 1000) FROM generate_series(1, 30000) i",
  )
  const whole = sourceOf(database.url, database.name)
  const [schema] = await describe('broken')
  await using session = await whole.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 500, batchBytesMax: 1 << 30 },
    signal,
  )
  const { chunks } = await session.plan(schema!, signal)
  expect(chunks.length).toBe(1)
  const ids: unknown[] = []
  let kills = 0
  for await (const batch of session.readChunk(schema!, chunks[0]!, signal)) {
    ids.push(...valuesOf([batch], 'id'))
    if (ids.length === 1000 || ids.length === 20_000) kills += await kill('COPY%')
  }
  expect(kills).toBeGreaterThanOrEqual(1)
  expect(ids).toEqual(Array.from({ length: 30_000 }, (_, index) => index + 1))
})

test('when the holder of the snapshot is gone, the snapshot is lost and says so', async () => {
  await database.query('CREATE TABLE held (id int PRIMARY KEY); INSERT INTO held VALUES (1)')
  const { schema, session } = await one('held')
  await using _ = session
  const { chunks } = await session.plan(schema, signal)
  expect(await kill('%')).toBeGreaterThanOrEqual(1)
  await expect(collect(session.readChunk(schema, chunks[0]!, signal))).rejects.toMatchObject({ code: 'snapshot_lost' })
  await expect(session.plan(schema, signal)).rejects.toMatchObject({ code: 'snapshot_lost' })
})

test('without the holder nothing counts that a worker had not locked before, and what it had locked does', async () => {
  await database.query(
    "CREATE TABLE orphan (id int PRIMARY KEY, body text); INSERT INTO orphan SELECT i, repeat('o', 1000) FROM generate_series(1, 100) i; CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)",
  )
  const [orphan, later] = await describe('orphan', 'later')
  await using session = await open([orphan!, later!])
  const [first, ...rest] = (await session.plan(orphan!, signal)).chunks
  const { chunks } = await session.plan(later!, signal)
  const ids = valuesOf(await collect(session.readChunk(orphan!, first!, signal)), 'id')
  expect(await kill('SELECT')).toBe(1)
  for (const chunk of rest) ids.push(...valuesOf(await collect(session.readChunk(orphan!, chunk, signal)), 'id'))
  expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  await expect(collect(session.readChunk(later!, chunks[0]!, signal))).rejects.toMatchObject({
    code: 'snapshot_lost',
    context: { table: 'public.later' },
  })
})

test('whoever leaves a chunk early leaves no connection behind', async () => {
  await database.query(
    'CREATE TABLE left_early (id int PRIMARY KEY); INSERT INTO left_early SELECT generate_series(1, 30)',
  )
  const { schema, session } = await one('left_early', 10)
  await using _ = session
  const { chunks } = await session.plan(schema, signal)
  for await (const _ of session.readChunk(schema, chunks[0]!, signal)) break
  const sessions = () =>
    database.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'simplyload snapshot'",
    )
  await expect.poll(sessions).toEqual([{ n: 1 }])
})

test('an abort stops a chunk with its reason and frees its connection', async () => {
  await database.query(
    "CREATE TABLE stopped (id int PRIMARY KEY, body text); INSERT INTO stopped SELECT i, repeat('s', 1000) FROM generate_series(1, 20000) i",
  )
  const whole = sourceOf(database.url, database.name)
  const [schema] = await describe('stopped')
  await using session = await whole.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 500, batchBytesMax: 1 << 30 },
    signal,
  )
  const { chunks } = await session.plan(schema!, signal)
  const stop = new AbortController()
  const reading = (async () => {
    for await (const _ of session.readChunk(schema!, chunks[0]!, stop.signal)) stop.abort(new Error('enough'))
  })()
  await expect(reading).rejects.toThrow('enough')
  await expect
    .poll(() =>
      database.query("SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%stopped%' AND pid <> pg_backend_pid()"),
    )
    .toEqual([])
  // Whoever stops early by leaving the loop frees it too, and the session goes on.
  for await (const _ of session.readChunk(schema!, chunks[0]!, signal)) break
  expect(valuesOf(await readAll(session, schema!, signal), 'id').length).toBe(20_000)
})

test('a consumer that does not pull lets the server wait instead of filling the memory', async () => {
  await database.query(
    "CREATE TABLE slow (id int PRIMARY KEY, body text); ALTER TABLE slow ALTER body SET STORAGE EXTERNAL; INSERT INTO slow SELECT i, repeat('m', 10000) FROM generate_series(1, 10000) i",
  )
  const whole = sourceOf(database.url, database.name)
  const [schema] = await describe('slow')
  await using session = await whole.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 100, batchBytesMax: 1 << 30 },
    signal,
  )
  const { chunks } = await session.plan(schema!, signal)
  const reading = session.readChunk(schema!, chunks[0]!, signal)[Symbol.asyncIterator]()
  await reading.next()
  // Waiting to write now and then is ordinary; unread, all of it would be sent within this time.
  let waitedFor = 0
  const waits = async (): Promise<number> => {
    const [server] = await database.query<{ wait_event: string | null }>(
      "SELECT wait_event FROM pg_stat_activity WHERE query LIKE 'COPY%slow%' AND pid <> pg_backend_pid()",
    )
    waitedFor = server?.wait_event === 'ClientWrite' ? waitedFor + 1 : 0
    return waitedFor
  }
  await expect.poll(waits, { interval: 50, timeout: 20_000 }).toBe(30)
  await reading.return?.()
})

test('a table that another session has locked is waited for, and then named', async () => {
  await database.query('CREATE TABLE locked (id int PRIMARY KEY)')
  const [schema] = await describe('locked')
  const other = await database.connect()
  await other.query('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE')
  const [{ pid }] = (await other.query('SELECT pg_backend_pid() AS pid')).rows
  const impatient = sourceOf(database.url, database.name, { slot_timeout: '1s' })
  const opening = impatient.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 1, batchBytesMax: 1 },
    signal,
  )
  await expect(opening).rejects.toMatchObject({ code: 'source_busy', context: { pid } })
  await other.query('ROLLBACK')
})

test('a writer that stays open delays the snapshot, and then is named', async () => {
  await database.query('CREATE TABLE written (id int PRIMARY KEY)')
  const [schema] = await describe('written')
  const writer = await database.connect()
  await writer.query("SET application_name = 'nightly job'; BEGIN; INSERT INTO written VALUES (1)")
  const [{ pid }] = (await writer.query('SELECT pg_backend_pid() AS pid')).rows
  const impatient = sourceOf(database.url, database.name, { slot_timeout: '1s' })
  const opening = impatient.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 1, batchBytesMax: 1 },
    signal,
  )
  const error = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({
    code: 'source_busy',
    context: { pid },
    hint: expect.stringContaining(`pg_terminate_backend(${pid})`),
  })
  expect(String((error as Error).cause)).toContain('nightly job')
  await writer.query('COMMIT')
  expect(
    await database.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()'),
  ).toEqual([])
})
