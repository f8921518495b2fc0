/** Keys that the configuration gives, for tables whose own key cannot be used. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { SyncFixture } from '../support/sync-fixture.ts'

const LARGE = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)`

test('rows are followed by a key given by hand: updates, key changes, swaps and values that are not sent', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (region text NOT NULL, number int NOT NULL, v text, big text);
      CREATE UNIQUE INDEX t_key ON t (region, number); ALTER TABLE t REPLICA IDENTITY FULL;
      CREATE TABLE i (region text NOT NULL, number int NOT NULL, v text, UNIQUE (number));
      CREATE UNIQUE INDEX i_both ON i (number, region); ALTER TABLE i REPLICA IDENTITY USING INDEX i_both;
      INSERT INTO t SELECT 'r' || i % 3, i, 'v', ${LARGE} FROM generate_series(1, 40) i; INSERT INTO i SELECT region, number, v FROM t`,
    tables: [
      { name: 'public.t', key: ['region', 'number'] },
      { name: 'public.i', key: ['number'] },
    ],
  })
  const running = fixture.start()
  await running.live('public.t', 'public.i')
  for (const table of ['t', 'i']) {
    await fixture.sql(`UPDATE ${table} SET v = 'w' WHERE number < 10; DELETE FROM ${table} WHERE number IN (3, 30);
      UPDATE ${table} SET number = number + 100, region = 'moved' WHERE number = 5; UPDATE ${table} SET region = 'x' WHERE number = 7;
      BEGIN; UPDATE ${table} SET number = -1 WHERE number = 11; UPDATE ${table} SET number = 11 WHERE number = 12;
      UPDATE ${table} SET number = 12 WHERE number = -1; COMMIT; INSERT INTO ${table} (region, number) VALUES ('new', 500)`)
  }
  await fixture.sql(`ALTER TABLE t RENAME region TO area; UPDATE t SET v = 'after' WHERE number = 20`)
  await running.heard('schema', (event) =>
    event.changes.some((change) => change.includes('renamed column region to area')),
  )
  await running.stop()
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  await expect(fixture.once()).rejects.toMatchObject({ code: 'config_invalid', hint: expect.stringContaining('area') })
  config.sources.shop.tables[0].key = ['area', 'number']
  await writeFile(fixture.configFile, JSON.stringify(config))
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(
    await fixture.differences(
      { namespace: 'public', name: 't', key: ['area', 'number'] },
      { namespace: 'public', name: 'i', key: ['number'] },
    ),
  ).toEqual([])
})

test.each([
  [
    'nothing says that it is one row',
    `CREATE TABLE t (a int, b int); ALTER TABLE t REPLICA IDENTITY FULL`,
    'CREATE UNIQUE INDEX ON "public"."t" ("a", "b")',
  ],
  [
    'old rows do not carry it',
    `CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, UNIQUE (a, b))`,
    'ALTER TABLE "public"."t" REPLICA IDENTITY FULL',
  ],
  [
    'the constraint is checked late',
    `CREATE TABLE t (a int, b int, UNIQUE (a, b) DEFERRABLE); ALTER TABLE t REPLICA IDENTITY FULL`,
    'CREATE UNIQUE INDEX',
  ],
  [
    'a partition does not carry it',
    `CREATE TABLE t (a int, b int, UNIQUE (a, b)) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t DEFAULT; ALTER TABLE t REPLICA IDENTITY FULL`,
    'each of its partitions',
  ],
  ['a column is misspelt', `CREATE TABLE t (a int, bb int)`, 'Columns: a, bb'],
])('a key that cannot be one is refused with what mends it: %s', async (_, sql, hint) => {
  await using fixture = await SyncFixture.create({ sql, tables: [{ name: 'public.t', key: ['a', 'b'] }] })
  await expect(fixture.once()).rejects.toMatchObject({ code: 'config_invalid', hint: expect.stringContaining(hint) })
})

test('another key in the configuration stops the table, until it is read again', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 2), (2, 1)`,
    tables: [{ name: 'public.t' }],
  })
  await fixture.once()
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.tables[0].key = ['a']
  await writeFile(fixture.configFile, JSON.stringify(config))
  await fixture.once().catch(() => undefined)
  const end = await fixture.once().then(
    ({ summary }) => summary,
    (error: unknown) => error,
  )
  expect(JSON.stringify(end)).toContain('needs_resync')
})

test('a key column that is given an excluded name stops its table', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v text, secret text); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, 'a', 'b')`,
    tables: [{ name: 'public.t', exclude: ['secret'] }, 'public.other'],
  })
  const running = fixture.start()
  await running.live('public.t', 'public.other')
  await fixture.sql(
    `ALTER TABLE t RENAME secret TO public; ALTER TABLE t RENAME id TO secret; UPDATE t SET v = 'c'; INSERT INTO other VALUES (1)`,
  )
  const error = await running.heard('error', (event) => event.table === 'public.t')
  expect(error.message).toContain('not followed any more')
  await running.stop()
})

test('an excluded column that is dropped, and one that is renamed to an excluded name', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v text, secret text, w text); INSERT INTO t VALUES (1, 'a', 'hidden', 'w')`,
    tables: [{ name: 'public.t', exclude: ['secret'] }],
  })
  const running = fixture.start()
  await running.live('public.t')
  await fixture.sql(
    `ALTER TABLE t DROP secret; INSERT INTO t VALUES (2, 'b', 'w'); ALTER TABLE t ADD secret text DEFAULT 'again'; UPDATE t SET v = 'c' WHERE id = 1`,
  )
  await fixture.sql(
    `ALTER TABLE t DROP secret; ALTER TABLE t RENAME w TO secret; INSERT INTO t VALUES (3, 'd', 'hidden')`,
  )
  await running.heard('schema', (event) => event.changes.some((change) => change.includes('column w')))
  await running.stop()
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.copied(`SELECT id::VARCHAR, v FROM copy.t ORDER BY id`)).toEqual([
    ['1', 'c'],
    ['2', 'b'],
    ['3', 'd'],
  ])
  expect(
    await fixture.copied(
      `SELECT t::VARCHAR FROM copy.t t WHERE t::VARCHAR LIKE '%hidden%' OR t::VARCHAR LIKE '%again%'`,
    ),
  ).toEqual([])
})
