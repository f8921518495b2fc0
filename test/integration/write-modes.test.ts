/** `write: history` and `write: append`, from a real PostgreSQL on. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { brokenVersions } from '../support/comparison.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text, note text);
  ALTER TABLE items ALTER note SET STORAGE EXTERNAL;
  INSERT INTO items SELECT i, 'item ' || i, repeat('n' || i, 2000) FROM generate_series(1, 50) i`

/** Everything that happens to a row, with values that are stored out of line and stay as they are. */
const CHANGES = [
  `UPDATE items SET name = name || ' a' WHERE id <= 20`,
  `BEGIN; UPDATE items SET name = 'twice' WHERE id = 1; UPDATE items SET name = 'thrice' WHERE id = 1; COMMIT`,
  `DELETE FROM items WHERE id BETWEEN 30 AND 35`,
  `INSERT INTO items VALUES (30, 'again', repeat('z', 3000))`,
  `UPDATE items SET id = id + 1000 WHERE id BETWEEN 40 AND 45`,
  `BEGIN; UPDATE items SET name = 'in parts' WHERE id <= 5; SAVEPOINT s; DELETE FROM items; ROLLBACK TO s;
   DELETE FROM items WHERE id = 50; INSERT INTO items VALUES (50, 'replaced', 'short'); COMMIT`,
]

async function verified(fixture: SyncFixture): Promise<readonly Record<string, unknown>[]> {
  const { exitCode, events } = await simplyload(fixture.folder, ['-c', fixture.configFile, 'verify', '--deep'])
  expect(exitCode, JSON.stringify(events)).toBe(0)
  return events.filter((event) => event.event === 'table')
}

test('a history has each version, from the commit that made it to the one that ended it', async () => {
  await using fixture = await SyncFixture.create({ sql: ITEMS, tables: [{ name: 'public.items', write: 'history' }] })
  await fixture.once()
  for (const sql of CHANGES) await fixture.sql(sql)
  await fixture.once()
  const table = { namespace: 'public', name: 'items', key: ['id'], write: 'history' as const }
  expect(await fixture.differences(table)).toEqual([])
  const broken = await fixture.withWarehouse((connection) =>
    brokenVersions(connection, { namespace: 'copy', name: 'items' }, ['id']),
  )
  expect(broken).toEqual([])
  const versions = await fixture.copied(
    `SELECT id::VARCHAR, name, length(note)::VARCHAR, _fivetran_active::VARCHAR, _fivetran_deleted::VARCHAR
     FROM copy.items WHERE id IN (1, 30, 40, 1040, 50) ORDER BY id, _fivetran_start`,
  )
  expect(versions).toEqual([
    ['1', 'item 1', '4000', 'false', 'false'],
    ['1', 'item 1 a', '4000', 'false', 'false'],
    ['1', 'thrice', '4000', 'false', 'false'],
    ['1', 'in parts', '4000', 'true', 'false'],
    ['30', 'item 30', '6000', 'false', 'true'],
    ['30', 'again', '3000', 'true', 'false'],
    ['40', 'item 40', '6000', 'false', 'true'],
    ['50', 'item 50', '6000', 'false', 'false'],
    ['50', 'replaced', '5', 'true', 'false'],
    ['1040', 'item 40', '6000', 'true', 'false'],
  ])
  expect(await verified(fixture)).toMatchObject([
    { equal: true, sourceRows: 45, history: { duplicates: 0, overlaps: 0, gaps: 0, severalActive: 0 } },
  ])
})

test('a log has each change, and its last ones are what the source has', async () => {
  await using fixture = await SyncFixture.create({
    sql: `${ITEMS}; CREATE TABLE events (at timestamptz DEFAULT now(), what text); INSERT INTO events (what) VALUES ('one'), ('two')`,
    tables: [
      { name: 'public.items', write: 'append' },
      { name: 'public.events', write: 'append' },
    ],
  })
  await fixture.once()
  for (const sql of [...CHANGES, `INSERT INTO events (what) VALUES ('three')`]) await fixture.sql(sql)
  await fixture.once()
  expect(await fixture.differences({ namespace: 'public', name: 'items', key: ['id'], write: 'append' })).toEqual([])
  expect(await fixture.differences({ namespace: 'public', name: 'events', key: [], write: 'append' })).toEqual([])
  expect(await fixture.copied(`SELECT _op, count(*)::VARCHAR FROM copy.items GROUP BY 1 ORDER BY 1`)).toEqual([
    ['delete', String(6 + 6 + 1)],
    ['insert', String(1 + 6 + 1)],
    ['read', '50'],
    ['update', String(20 + 2 + 5)],
  ])
  expect(
    await fixture.copied('SELECT count(*)::VARCHAR FROM copy.items WHERE note IS NULL AND NOT _fivetran_deleted'),
  ).toEqual([['0']])
  expect(await fixture.copied('SELECT _op, what FROM copy.events ORDER BY what')).toEqual([
    ['read', 'one'],
    ['insert', 'three'],
    ['read', 'two'],
  ])
  expect(await verified(fixture)).toMatchObject([{ equal: true }, { equal: true }])
})

test('a table whose rows nothing tells apart has no history, and says what to do', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE events (what text); CREATE TABLE items (id int PRIMARY KEY)`,
    tables: [{ name: 'public.events', write: 'history' }, 'public.items'],
  })
  const { summary, events } = await fixture.once()
  expect(summary.tables.map(({ table, state }) => [table, state])).toEqual([
    ['public.events', 'failed'],
    ['public.items', 'live'],
  ])
  const { exitCode, events: found } = await simplyload(fixture.folder, ['-c', fixture.configFile, 'doctor'])
  expect(exitCode).not.toBe(0)
  const findings = found.filter((event) => event.level === 'error').map(({ subject, message }) => [subject, message])
  expect(findings).toEqual([['public.events', expect.stringContaining('write: history')]])
  expect(events.find((event) => event.event === 'error')).toMatchObject({
    code: 'config_invalid',
    hint: expect.stringContaining('REPLICA IDENTITY FULL'),
  })
})

/** A table of a dozen chunks, a row of which is changed, deleted and inserted while it is read again. */
async function backfilled(write: 'append' | 'history'): Promise<SyncFixture> {
  const fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v int, filler text);
      INSERT INTO t SELECT i, i, repeat('f', 300) FROM generate_series(1, 1500) i; ANALYZE t`,
    tables: [{ name: 'public.t', write }],
    source: { snapshot: { chunk_bytes: '64KiB' } },
  })
  await fixture.once()
  const sync = fixture.start()
  const id = await fixture.ask({ kind: 'backfill' })
  await fixture.answer(id, 'accepted', 'done')
  for (let round = 0; round < 8; round++) {
    await fixture.sql(`UPDATE t SET v = v + 1 WHERE id % 7 = ${round % 7}; DELETE FROM t WHERE id = ${round * 13 + 5};
      INSERT INTO t VALUES (${3000 + round}, 0, 'new')`)
  }
  await fixture.answer(id, 'done')
  await sync.stop()
  await fixture.once()
  return fixture
}

const BACKFILLED = { namespace: 'public', name: 't', key: ['id'] }

test('a backfill of a history begins versions only of rows that differ, whatever overtakes it', async () => {
  await using fixture = await backfilled('history')
  expect(await fixture.differences({ ...BACKFILLED, write: 'history' })).toEqual([])
  const broken = await fixture.withWarehouse((connection) =>
    brokenVersions(connection, { namespace: 'copy', name: 't' }, ['id']),
  )
  expect(broken).toEqual([])
  // As many versions as there were changes of rows that stayed, and not one per row for the backfill.
  const [counted] = await fixture.copied('SELECT count(*)::VARCHAR FROM copy.t')
  const [changed] = await fixture.sql('SELECT sum(v - id)::text AS updates FROM t WHERE id <= 1500')
  const updates = Number(changed?.updates)
  expect(Number(counted?.[0])).toBeGreaterThanOrEqual(1500 + 8 + updates)
  expect(Number(counted?.[0])).toBeLessThanOrEqual(1500 + 8 + updates + 16)
  expect(await verified(fixture)).toMatchObject([{ equal: true }])
})

test('a backfill of a log is rows that were read, behind which nothing is set back', async () => {
  await using fixture = await backfilled('append')
  expect(await fixture.differences({ ...BACKFILLED, write: 'append' })).toEqual([])
  expect(await verified(fixture)).toMatchObject([{ equal: true }])
})

/** Reads the table again on a sync that runs, while rows of it change. */
async function readAgain(fixture: SyncFixture, changes: string): Promise<void> {
  const sync = fixture.start()
  const id = await fixture.ask({ kind: 'resync' }, 'items')
  await fixture.sql(changes)
  await fixture.answer(id, 'done')
  await sync.stop()
  await fixture.once()
}

test('a table of versions that is read again keeps them and goes on', async () => {
  await using fixture = await SyncFixture.create({ sql: ITEMS, tables: [{ name: 'public.items', write: 'history' }] })
  await fixture.once()
  for (const sql of CHANGES) await fixture.sql(sql)
  await fixture.once()
  const all = `SELECT id::VARCHAR, name, _fivetran_start::VARCHAR FROM copy.items ORDER BY ALL`
  const kept = await fixture.copied(all)
  await readAgain(fixture, `UPDATE items SET name = 'meanwhile' WHERE id = 3; DELETE FROM items WHERE id = 4`)
  const now = await fixture.copied(all)
  expect(now).toEqual(expect.arrayContaining(kept))
  expect(now).toHaveLength(kept.length + 1)
  expect(await fixture.differences({ namespace: 'public', name: 'items', key: ['id'], write: 'history' })).toEqual([])
  expect(await verified(fixture)).toMatchObject([{ equal: true }])
})

test('another mode asks for a reading anew, and does not take the place of versions', async () => {
  await using fixture = await SyncFixture.create({ sql: ITEMS, tables: ['public.items'] })
  await fixture.once()
  await configure(fixture, { name: 'public.items', write: 'history' })
  await fixture.sql(`UPDATE items SET name = 'changed' WHERE id = 1`)
  const refused = await fixture.once()
  expect(refused.summary.tables).toMatchObject([
    { state: 'failed', error: expect.stringContaining('written in mode merge') },
  ])
  await readAgain(fixture, `UPDATE items SET name = 'changed again' WHERE id = 1`)
  expect(await verified(fixture)).toMatchObject([{ equal: true, history: { gaps: 0 } }])

  await configure(fixture, 'public.items')
  await fixture.sql(`UPDATE items SET name = 'once more' WHERE id = 1`)
  await fixture.once()
  const sync = fixture.start()
  const id = await fixture.ask({ kind: 'resync' }, 'items')
  expect(await fixture.answer(id, 'refused')).toMatchObject({ message: expect.stringContaining('nowhere else') })
  await sync.stop()
  expect(
    await fixture.copied(`SELECT count(*)::VARCHAR FROM copy.items WHERE id = 1 AND name = 'changed again'`),
  ).toEqual([['1']])
})

async function configure(fixture: SyncFixture, table: unknown): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8')) as { sources: { shop: { tables: unknown[] } } }
  config.sources.shop.tables = [table]
  await writeFile(fixture.configFile, JSON.stringify(config))
}
