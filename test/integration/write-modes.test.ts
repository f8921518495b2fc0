/** `write: history` and `write: append`, from a real PostgreSQL on. */
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
  expect(events.find((event) => event.event === 'error')).toMatchObject({
    code: 'config_invalid',
    hint: expect.stringContaining('REPLICA IDENTITY FULL'),
  })
})
