/** What the publication leaves out never reaches the stream: when that happens it is noticed, and nothing is silently short. */
import { expect, test } from 'vitest'
import { boundary } from '../../src/core/position.ts'
import { createTestDatabase, POSTGRES_VERSION } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, tableRequest } from '../support/stream-reading.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const SQL = `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 20) i;
  CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)`
const TABLES = ['public.t', 'public.other']

async function statesAfter(fixture: SyncFixture, meanwhile: string): Promise<Record<string, string>> {
  await fixture.once()
  await fixture.sql(meanwhile)
  const { summary } = await fixture.once()
  return Object.fromEntries(summary.tables.map(({ table, state }) => [table, state]))
}

test('a table that was dropped and made again must be read again; the others go on', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: TABLES })
  const again = 'DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (100, $$new$$)'
  expect(await statesAfter(fixture, again)).toEqual({ 'public.t': 'needs_resync', 'public.other': 'live' })
  // It stays so until someone acts, and is not forgotten.
  const { summary } = await fixture.once()
  expect(summary.tables.find(({ table }) => table === 'public.t')).toMatchObject({
    state: 'needs_resync',
    error: expect.stringContaining('publish'),
  })
})

test('a table that was taken out of the publication for a time must be read again', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: TABLES })
  const out = `ALTER PUBLICATION simplyload DROP TABLE t; INSERT INTO t VALUES (100, 'unseen')`
  expect(await statesAfter(fixture, out)).toEqual({ 'public.t': 'needs_resync', 'public.other': 'live' })
})

test('all tables of a publication that was dropped must be read again', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: TABLES })
  expect(await statesAfter(fixture, 'DROP PUBLICATION simplyload')).toEqual({
    'public.t': 'needs_resync',
    'public.other': 'needs_resync',
  })
})

test.each([['DROP PUBLICATION everything'], ['ALTER PUBLICATION everything DROP TABLE part']])(
  '%s ends a stream that is read, so that a start finds out what is missing; also before anything was looked at again',
  async (sql) => {
    await using database = await createTestDatabase()
    await database.query(`CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE other (id int PRIMARY KEY);
    CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)`)
    const published = 'FOR TABLE part, other WITH (publish_via_partition_root = true)'
    const fixture = await createStreamFixture(database, ['part', 'other'], published)
    await using stream = await fixture.open()
    await database.query('INSERT INTO part VALUES (1); INSERT INTO other VALUES (1)')
    await readToEnd(database, stream)
    // As after its snapshot: followed anew, by a stream that has looked before.
    const [schema] = await fixture.describe([tableRequest('part')])
    stream.addTable({ schema: schema!, request: tableRequest('part'), startAt: boundary(1, 0n) })
    await database.query(sql)
    await expect(readToEnd(database, stream)).rejects.toMatchObject({
      code: 'source_moved',
      context: { table: 'public.part' },
    })
  },
)

test.runIf(POSTGRES_VERSION >= 15)(
  'a schema that is taken out of the publication takes its tables along, and no table of another one',
  async () => {
    await using database = await createTestDatabase()
    await database.query('CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.u (id int)')
    const fixture = await createStreamFixture(database, ['t'], 'FOR TABLES IN SCHEMA public, other')
    await using stream = await fixture.open()
    await database.query('ALTER PUBLICATION everything DROP TABLES IN SCHEMA other')
    await readToEnd(database, stream)
    await database.query('ALTER PUBLICATION everything SET TABLES IN SCHEMA other')
    await expect(readToEnd(database, stream)).rejects.toMatchObject({ code: 'source_moved' })
  },
)

test('a publication that is dropped right after the first snapshot is noticed by the sync that made it', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: TABLES })
  const running = fixture.start()
  await running.live(...TABLES)
  await fixture.sql('DROP PUBLICATION simplyload')
  // Whoever wants to see what is committed now makes the stream look at once.
  await fixture.ask({ kind: 'merge' })
  const isTold = (event: { tables: readonly { state: string }[] }) =>
    event.tables.every(({ state }) => state === 'needs_resync')
  await running.heard('tables', isTold)
  expect((await running.stop()).summary.outcome).toBe('partial')
})

test('an application goes on updating and deleting a table that has no key while it is copied', async () => {
  await using fixture = await SyncFixture.create({
    sql: 'CREATE TABLE keyless (v text); INSERT INTO keyless VALUES (1), (2)',
    tables: ['public.keyless'],
  })
  await fixture.once()
  await fixture.sql(
    `UPDATE keyless SET v = 3 WHERE v = '1'; DELETE FROM keyless WHERE v = '2'; INSERT INTO keyless VALUES (4)`,
  )
  const { summary } = await fixture.once()
  expect(summary.outcome).toBe('ok')
  expect(await fixture.copied('SELECT v FROM copy.keyless ORDER BY v')).toEqual([['1'], ['2'], ['4']])
})

test('a role that may replicate and read is enough, where somebody else has made the publications with their defaults', async () => {
  await using fixture = await SyncFixture.create({
    sql: `${SQL}; CREATE TABLE keyless (v text); INSERT INTO keyless VALUES (1);
      CREATE PUBLICATION simplyload FOR TABLE t, other;
      CREATE PUBLICATION simplyload_append FOR TABLE keyless WITH (publish = 'insert, truncate')`,
    tables: [{ name: 'public.t' }, 'public.other', 'public.keyless'],
  })
  const role = `reads_${fixture.database.name}`
  await fixture.sql(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'p'; GRANT SELECT ON t, other, keyless TO ${role};
    CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); GRANT SELECT ON parts TO ${role}; ALTER PUBLICATION simplyload ADD TABLE parts`)
  const url = new URL(fixture.database.url)
  url.username = role
  url.password = 'p'
  const settings = [`sources.shop.url=${url}`]
  expect((await fixture.once({ settings })).summary.outcome).toBe('ok')
  await fixture.sql(`UPDATE t SET v = 'changed' WHERE id < 5; INSERT INTO keyless VALUES (2)`)
  expect((await fixture.once({ settings })).summary.outcome).toBe('ok')
  expect(await fixture.differences({ namespace: 'public', name: 't', key: ['id'] })).toEqual([])
  expect(await fixture.copied('SELECT v FROM copy.keyless ORDER BY v')).toEqual([['1'], ['2']])
  // What is missing for a table that is asked for is said with the statement that mends it.
  const asked = fixture.once({ settings: [...settings, 'sources.shop.tables.0.name=public.parts'] })
  await expect(asked).rejects.toMatchObject({
    code: 'source_permission',
    hint: expect.stringContaining('ALTER PUBLICATION "simplyload" SET (publish'),
  })
})
