import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, POSTGRES_VERSION, type TestDatabase } from '../../../test/support/postgres.ts'
import { collect, readAll, request, sourceOf, valuesOf } from '../../../test/support/postgres-source.ts'
import { parsePosition } from '../../core/position.ts'
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

async function one(name: string): Promise<{ schema: TableSchema; session: SnapshotSession }> {
  const [schema] = await describe(name)
  return { schema: schema!, session: await open([schema!]) }
}

test('chunks contain each row exactly once, whatever the gaps between them', async () => {
  await database.query(`CREATE TABLE gaps (id int PRIMARY KEY, note text);
    INSERT INTO gaps SELECT i, repeat('x', i % 200) FROM generate_series(1, 20000) i;
    DELETE FROM gaps WHERE id % 3 = 0 OR id BETWEEN 5000 AND 9000;
    UPDATE gaps SET note = note || 'y' WHERE id % 7 = 0`)
  const { schema, session } = await one('gaps')
  await using _ = session
  const plan = await session.plan(schema, signal)
  expect(plan.chunks.length).toBeGreaterThan(20)
  const batches = await readAll(session, schema, signal)
  const expected = await database.query<{ id: number; note: string }>('SELECT id, note FROM gaps ORDER BY id')
  const ids = valuesOf(batches, 'id') as number[]
  expect([...ids].sort((a, b) => a - b)).toEqual(expected.map((row) => row.id))
  const notes = valuesOf(batches, 'note')
  const byId = new Map(ids.map((id, index) => [id, notes[index]]))
  expect(expected.every((row) => byId.get(row.id) === row.note)).toBe(true)
})

test('whoever waits for a table to himself is not waited for: a reader that comes after him gives the snapshot up', async () => {
  await database.query(
    'CREATE TABLE wanted (id int PRIMARY KEY, v int); INSERT INTO wanted SELECT i, 0 FROM generate_series(1, 5000) i',
  )
  const { schema, session } = await one('wanted')
  const { chunks } = await session.plan(schema, signal)
  await collect(session.readChunk(schema, chunks[0]!, signal))
  const truncated = (await database.connect()).query('TRUNCATE wanted')
  const waits = "SELECT count(*)::int AS waiting FROM pg_locks WHERE relation = 'wanted'::regclass AND NOT granted"
  await expect.poll(async () => (await database.query(waits))[0]).toEqual({ waiting: 1 })
  // Who has read of the table before goes on with it.
  const goesOn = session.readChunk(schema, chunks[1]!, signal)[Symbol.asyncIterator]()
  await goesOn.next()
  await expect(collect(session.readChunk(schema, chunks[2]!, signal))).rejects.toMatchObject({
    code: 'snapshot_lost',
    message: 'Reading public.wanted',
  })
  while (!(await goesOn.next()).done);
  await session[Symbol.asyncDispose]()
  await truncated
})

test('rows are those of the consistent point, also when the table changes while it is read', async () => {
  await database.query(
    'CREATE TABLE moving (id int PRIMARY KEY, v int); INSERT INTO moving SELECT i, 0 FROM generate_series(1, 5000) i',
  )
  const { schema, session } = await one('moving')
  await using _ = session
  const { chunks } = await session.plan(schema, signal)
  const first = await collect(session.readChunk(schema, chunks[0]!, signal))
  await database.query(
    'UPDATE moving SET v = 1; INSERT INTO moving SELECT i, 1 FROM generate_series(5001, 9000) i; DELETE FROM moving WHERE id < 2500',
  )
  const rest = []
  for (const chunk of chunks.slice(1)) rest.push(...(await collect(session.readChunk(schema, chunk, signal))))
  const batches = [...first, ...rest]
  expect((valuesOf(batches, 'id') as number[]).length).toBe(5000)
  expect(new Set(valuesOf(batches, 'v'))).toEqual(new Set([0]))
  expect(new Set(batches.map((batch) => batch.position))).toEqual(new Set([session.position]))
  expect(parsePosition(session.position)).toMatchObject({ generation: 3, ordinal: 0 })
})

test('the position lies between what was committed before the snapshot and what was committed after', async () => {
  await database.query('CREATE TABLE point (id int PRIMARY KEY)')
  const lsn = async (): Promise<bigint> => {
    const [row] = await database.query<{ n: string }>(
      "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS n",
    )
    return BigInt(row!.n)
  }
  const before = await lsn()
  const { session } = await one('point')
  await using _ = session
  const at = parsePosition(session.position)!.lsn
  expect(at >= before).toBe(true)
  expect(at <= (await lsn())).toBe(true)
})

test('no slot is left while a snapshot is held, nor after it', async () => {
  await database.query('CREATE TABLE pinned (id int PRIMARY KEY)')
  const { session } = await one('pinned')
  const slots = () => database.query('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')
  expect(await slots()).toEqual([])
  await session[Symbol.asyncDispose]()
  expect(await slots()).toEqual([])
  await expect
    .poll(() =>
      database.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%snapshot'",
      ),
    )
    .toEqual([])
})

test('an empty table and one without columns are read as such', async () => {
  await database.query(
    'CREATE TABLE empty (id int PRIMARY KEY); CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; INSERT INTO bare DEFAULT VALUES',
  )
  const schemas = await describe('empty', 'bare')
  await using session = await open(schemas)
  expect(await readAll(session, schemas[0]!, signal)).toEqual([])
  const bare = await readAll(session, schemas[1]!, signal)
  expect(bare.reduce((sum, batch) => sum + batch.rows, 0)).toBe(2)
})

test('a batch ends at its number of rows and at its number of bytes', async () => {
  await database.query(
    "CREATE TABLE cut (id int PRIMARY KEY, body text); INSERT INTO cut SELECT i, repeat('b', 1000) FROM generate_series(1, 3000) i",
  )
  const [schema] = await describe('cut')
  const whole = sourceOf(database.url, database.name)
  const read = async (batchRowsMax: number, batchBytesMax: number) => {
    await using session = await whole.openSnapshot(
      { generation: 1, schemas: [schema!], connections: 1, batchRowsMax, batchBytesMax },
      signal,
    )
    return await readAll(session, schema!, signal)
  }
  const byRows = await read(700, 1 << 30)
  expect(byRows.map((batch) => batch.rows)).toEqual([700, 700, 700, 700, 200])
  const byBytes = await read(1_000_000, 500_000)
  expect(byBytes.length).toBeGreaterThan(3)
  // A batch may exceed its bytes by what one read of the socket brings.
  for (const batch of byBytes) expect(batch.bytes).toBeLessThan(500_000 + 2 * 65_536)
  expect(byBytes.reduce((sum, batch) => sum + batch.rows, 0)).toBe(3000)
})

test('values larger than what one read of the socket brings arrive whole', async () => {
  await database.query(
    'CREATE TABLE large (id int PRIMARY KEY, body text); INSERT INTO large SELECT i, repeat(md5(i::text), 100000) FROM generate_series(1, 4) i',
  )
  const { schema, session } = await one('large')
  await using _ = session
  const bodies = valuesOf(await readAll(session, schema, signal), 'body')
  const expected = await database.query<{ body: string }>('SELECT body FROM large ORDER BY id')
  expect(bodies.length).toBe(4)
  expect(bodies.every((body, index) => body === expected[index]!.body)).toBe(true)
})

test('of a partitioned table each partition is read, whatever its order of columns', async () => {
  await database.query(`CREATE TABLE events (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
    CREATE TABLE events_us (region text, gone int, id int, PRIMARY KEY (id, region));
    ALTER TABLE events_us DROP COLUMN gone; ALTER TABLE events ATTACH PARTITION events_us FOR VALUES IN ('us');
    CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY LIST (region);
    CREATE TABLE events_cn PARTITION OF events_rest FOR VALUES IN ('cn');
    INSERT INTO events SELECT i, (ARRAY['eu', 'us', 'cn'])[i % 3 + 1] FROM generate_series(1, 300) i`)
  const { schema, session } = await one('events')
  await using _ = session
  const batches = await readAll(session, schema, signal)
  const ids = valuesOf(batches, 'id') as number[]
  const regions = valuesOf(batches, 'region')
  const pairs = ids.map((id, index) => ({ id, region: regions[index] })).sort((a, b) => a.id - b.id)
  expect(pairs).toEqual(await database.query('SELECT id, region FROM events ORDER BY id'))
})

test('the children of an inheritance parent are not read with it', async () => {
  await database.query(
    'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)',
  )
  const { schema, session } = await one('parent')
  await using _ = session
  expect(valuesOf(await readAll(session, schema, signal), 'id')).toEqual([1])
})

test('odd names are read', async () => {
  await database.query(
    `CREATE TABLE "weird ""name" ("Id" int PRIMARY KEY, "id" text, "select" text, "a.b" text); INSERT INTO "weird ""name" VALUES (1, 'lower', 'keyword', 'dot')`,
  )
  const { schema, session } = await one('weird "name')
  await using _ = session
  const batches = await readAll(session, schema, signal)
  expect(['Id', 'id', 'select', 'a.b'].map((name) => valuesOf(batches, name)[0])).toEqual([
    1,
    'lower',
    'keyword',
    'dot',
  ])
})

test('1,600 columns are read', async () => {
  const columns = Array.from({ length: 1599 }, (_, index) => `c${index} int`)
  await database.query(
    `CREATE TABLE wide (id int PRIMARY KEY, ${columns.join(', ')}); INSERT INTO wide (id, c0, c1598) VALUES (1, 10, 11), (2, NULL, NULL)`,
  )
  const { schema, session } = await one('wide')
  await using _ = session
  const batches = await readAll(session, schema, signal)
  expect([valuesOf(batches, 'c0'), valuesOf(batches, 'c700'), valuesOf(batches, 'c1598')]).toEqual([
    [10, null],
    [null, null],
    [11, null],
  ])
})

test('VACUUM FULL and TRUNCATE change the fingerprint, VACUUM and new rows do not', async () => {
  await database.query('CREATE TABLE printed (id int PRIMARY KEY); INSERT INTO printed SELECT generate_series(1, 1000)')
  const fingerprint = async (): Promise<string> => {
    const { schema, session } = await one('printed')
    await using _ = session
    return (await session.plan(schema, signal)).fingerprint
  }
  const first = await fingerprint()
  await database.query('DELETE FROM printed WHERE id > 500')
  await database.query('VACUUM printed')
  await database.query('INSERT INTO printed SELECT generate_series(2000, 3000)')
  expect(await fingerprint()).toBe(first)
  await database.query('VACUUM FULL printed')
  const second = await fingerprint()
  expect(second).not.toBe(first)
  await database.query('TRUNCATE printed')
  expect(await fingerprint()).not.toBe(second)
})

test('chunks combine across sessions only where rows have a key', async () => {
  await database.query(
    'CREATE TABLE keyed (id int PRIMARY KEY); CREATE TABLE bag (v int); ALTER TABLE bag REPLICA IDENTITY FULL; CREATE TABLE appended (v int)',
  )
  const schemas = await describe('keyed', 'bag', 'appended')
  await using session = await open(schemas)
  const plans = await Promise.all(schemas.map((schema) => session.plan(schema, signal)))
  expect(plans.map((plan) => plan.resumable)).toEqual([true, false, false])
})

test('a plan of an earlier session reads the rows that were added since', async () => {
  await database.query(
    "CREATE TABLE grown (id int PRIMARY KEY, pad text); INSERT INTO grown SELECT i, repeat('p', 500) FROM generate_series(1, 500) i",
  )
  const { schema, session } = await one('grown')
  const plan = await session.plan(schema, signal)
  await session[Symbol.asyncDispose]()
  await database.query("INSERT INTO grown SELECT i, repeat('p', 500) FROM generate_series(501, 2000) i")
  await using later = await open([schema])
  expect((await later.plan(schema, signal)).fingerprint).toBe(plan.fingerprint)
  const ids: unknown[] = []
  for (const chunk of plan.chunks) ids.push(...valuesOf(await collect(later.readChunk(schema, chunk, signal)), 'id'))
  expect(ids.length).toBe(2000)
})

test('a schema of another time than the snapshot is refused', async () => {
  await database.query('CREATE TABLE altered (id int PRIMARY KEY, a int, b text)')
  const [schema] = await describe('altered')
  await database.query('ALTER TABLE altered DROP COLUMN b')
  await using session = await open([schema!])
  const { chunks } = await session.plan(schema!, signal)
  await expect(collect(session.readChunk(schema!, chunks[0]!, signal))).rejects.toMatchObject({
    code: 'snapshot_lost',
    context: { table: 'public.altered' },
  })
})

test('row-level security that would hide rows is an error, not fewer rows', async () => {
  const { role, url } = await database.createRole('REPLICATION')
  await database.query(`CREATE TABLE secret (id int PRIMARY KEY, owner text); INSERT INTO secret VALUES (1, 'a'), (2, 'b');
    ALTER TABLE secret ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON secret USING (owner = 'a');
    GRANT SELECT ON secret TO ${role}`)
  const restricted = sourceOf(url, database.name)
  const [schema] = await describe('secret')
  await using session = await restricted.openSnapshot(
    { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 10, batchBytesMax: 1000 },
    signal,
  )
  await expect(readAll(session, schema!, signal)).rejects.toMatchObject({
    code: 'source_permission',
    hint: `ALTER ROLE "${role}" BYPASSRLS`,
  })
})

test('text that is no UTF-8, in a database that does not check it, goes to quarantine', async () => {
  await database.query(
    `CREATE DATABASE ${database.name}_ascii ENCODING 'SQL_ASCII' ${POSTGRES_VERSION >= 15 ? 'LOCALE_PROVIDER libc' : ''} LOCALE 'C' TEMPLATE template0`,
  )
  try {
    const address = new URL(database.url)
    address.pathname = `/${database.name}_ascii`
    const ascii = new pg.Client({ connectionString: address.href })
    await ascii.connect()
    await ascii.query(
      "CREATE TABLE raw (id int PRIMARY KEY, v text); INSERT INTO raw VALUES (1, 'plain'), (2, E'\\xff\\xfe')",
    )
    await ascii.end()
    await using unchecked = sourceOf(address.href, database.name)
    const [schema] = await unchecked.describe([request('raw')], signal)
    await using session = await unchecked.openSnapshot(
      { generation: 1, schemas: [schema!], connections: 1, batchRowsMax: 10, batchBytesMax: 1000 },
      signal,
    )
    const batches = await readAll(session, schema!, signal)
    expect(valuesOf(batches, 'v')).toEqual(['plain', null])
    expect(batches[0]!.features.quarantinedRows).toBe(1)
  } finally {
    await database.query(`DROP DATABASE ${database.name}_ascii WITH (FORCE)`)
  }
})
