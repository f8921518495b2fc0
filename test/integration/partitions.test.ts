/** Partitioned tables are one table at the destination. */
import { expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const PARTS = { namespace: 'public', name: 'parts', key: ['region', 'id'] }
const SQL = `
  CREATE TABLE parts (region int, id int, v text, big text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE TABLE parts_2 (dropped int, big text, v text, id int NOT NULL, region int NOT NULL);
  ALTER TABLE parts_2 DROP dropped;
  ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
  INSERT INTO parts SELECT 1 + i % 2, i, 'v' || i, NULL FROM generate_series(1, 40) i`

test('rows of all partitions, whatever the order of their columns, and rows that move between them', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.parts'] })
  await fixture.once()
  await fixture.sql(`
    UPDATE parts SET region = 3 - region WHERE id < 10; UPDATE parts SET v = 'changed' WHERE id = 20;
    CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3); INSERT INTO parts VALUES (3, 1, 'new', repeat('b', 5000));
    DELETE FROM parts WHERE id = 30; ALTER TABLE parts ADD added int DEFAULT 4; UPDATE parts SET added = 5 WHERE id = 31`)
  await fixture.once()
  expect(await fixture.differences(PARTS)).toEqual([])
  await fixture.sql(`TRUNCATE parts; INSERT INTO parts (region, id) VALUES (1, 1)`)
  await fixture.once()
  expect(await fixture.differences(PARTS)).toEqual([])
})

test('a partition that is truncated by itself is not told of: verify finds its rows, doctor warns', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.parts'] })
  await fixture.once()
  await fixture.sql('TRUNCATE parts_2')
  await fixture.once()
  const verified = await simplyload(fixture.folder, ['verify', '--deep'])
  expect(verified.exitCode).toBe(6)
  expect(verified.events.find((event) => event.event === 'table')).toMatchObject({ differing: 20 })
  const doctor = await simplyload(fixture.folder, ['doctor'])
  expect(doctor.stdout).toMatch(/partition/)
})
