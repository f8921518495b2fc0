/** Which tables and columns are copied, and what happens when that changes. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { compareTable } from '../support/comparison.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const A = { namespace: 'public', name: 'a', key: ['id'] }
const B = { namespace: 'public', name: 'b', key: ['id'] }
const SQL = `CREATE TABLE a (id int PRIMARY KEY, v text, secret text); CREATE TABLE b (id int PRIMARY KEY, v text);
  INSERT INTO a SELECT i, 'v', 'hidden' FROM generate_series(1, 50) i; INSERT INTO b SELECT i, 'v' FROM generate_series(1, 50) i`

async function changeTables(fixture: SyncFixture, tables: readonly unknown[]): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.tables = tables
  await writeFile(fixture.configFile, JSON.stringify(config))
}

test('a run that is narrowed to one table loses nothing of the others', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.a', 'public.b'] })
  await fixture.once()
  await fixture.sql(`UPDATE a SET v = 'one'; UPDATE b SET v = 'one' WHERE id < 30; DELETE FROM b WHERE id = 40`)
  await fixture.once({ only: ['public.a'] })
  expect(await fixture.differences(A)).toEqual([])
  expect(await fixture.differences(B)).not.toEqual([])
  await fixture.sql(
    `UPDATE b SET v = 'two' WHERE id < 10; ALTER TABLE b ADD c int DEFAULT 1; UPDATE b SET c = 2 WHERE id = 20`,
  )
  await fixture.once({ only: ['public.a'] })
  await fixture.sql(`UPDATE a SET v = 'three' WHERE id = 1; INSERT INTO b (id) VALUES (99)`)
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(A, B)).toEqual([])
})

test('a table that is configured later is copied then; one that is left out and comes back is read again', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.a'] })
  await fixture.once()
  await fixture.sql(`UPDATE b SET v = 'before'; UPDATE a SET v = 'x' WHERE id = 2`)
  await changeTables(fixture, ['public.a', 'public.b'])
  await fixture.once()
  expect(await fixture.differences(A, B)).toEqual([])
  await changeTables(fixture, ['public.b'])
  await fixture.once()
  await fixture.sql(`UPDATE a SET v = 'nobody looks'; DELETE FROM a WHERE id = 7; UPDATE b SET v = 'y'`)
  await fixture.once()
  await changeTables(fixture, ['public.a', 'public.b'])
  await fixture.sql(`INSERT INTO a VALUES (1000, 'new', 'x')`)
  await fixture.once()
  expect(await fixture.differences(A, B)).toEqual([])
})

test('an excluded column never arrives, also when it is renamed; the next run asks for its new name', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: [{ name: 'public.a', exclude: ['secret'] }] })
  const running = fixture.start()
  await running.live('public.a')
  await fixture.sql(`UPDATE a SET secret = 'changed', v = 'w' WHERE id < 5; INSERT INTO a VALUES (60, 'x', 'more');
    ALTER TABLE a RENAME secret TO other; UPDATE a SET v = 'z' WHERE id = 9; ALTER TABLE a ADD open text DEFAULT 'd';
    UPDATE a SET open = 'o' WHERE id = 10`)
  await running.heard('schema', (event) => event.changes.some((change) => change.includes('added column open')))
  const told = running.events.length
  await running.until(() => running.events.slice(told).some(({ event }) => event === 'merged'), 'the merge')
  await running.stop()
  await expect(fixture.once()).rejects.toMatchObject({ code: 'config_invalid' })
  const columns = await fixture.copied(`SELECT column_name FROM (DESCRIBE copy.a) ORDER BY column_name`)
  expect(columns.flat().filter((name) => !name!.startsWith('_'))).toEqual(['id', 'open', 'v'])
  expect(
    await fixture.copied(`SELECT id::VARCHAR, v, open FROM copy.a WHERE id IN (3, 9, 10, 60) ORDER BY id`),
  ).toEqual([
    ['3', 'w', 'd'],
    ['9', 'z', 'd'],
    ['10', 'v', 'o'],
    ['60', 'x', 'd'],
  ])
})

test('two sources into one warehouse at the same time', async () => {
  await using other = await createTestDatabase()
  await other.query(
    `CREATE TABLE c (id int PRIMARY KEY, v text); INSERT INTO c SELECT i, 'v' FROM generate_series(1, 500) i`,
  )
  await using fixture = await SyncFixture.create({
    sql: SQL,
    tables: ['public.a', 'public.b'],
    moreSources: {
      crm: {
        type: 'postgres',
        url: other.url,
        slot: `slot_of_${other.name}`,
        publication: 'simplyload',
        tables: ['public.c'],
      },
    },
  })
  const running = fixture.start()
  await running.live('public.a', 'public.b', 'public.c')
  for (let round = 0; round < 8; round++) {
    await Promise.all([
      fixture.sql(`UPDATE a SET v = 'round ${round}' WHERE id % 8 = ${round}; DELETE FROM b WHERE id = ${round + 1}`),
      other.query(
        `UPDATE c SET v = 'round ${round}' WHERE id % 8 = ${round}; INSERT INTO c VALUES (${1000 + round}, 'new')`,
      ),
    ])
    const seen = running.events.length
    await running.until(() => running.events.slice(seen).some((event) => event.event === 'merged'), 'a merge')
  }
  await running.stop()
  await fixture.once()
  expect(await fixture.differences(A, B)).toEqual([])
  const client = await other.connect()
  const target = { namespace: 'copy', name: 'c' }
  expect(
    await fixture.withWarehouse((connection) =>
      compareTable(client, connection, { namespace: 'public', name: 'c', key: ['id'], target }),
    ),
  ).toEqual([])
})
