import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

test('inserts, updates, key updates, deletes and truncates give the rows that SQL has', async () => {
  await database.query(`CREATE TABLE orders (id bigint PRIMARY KEY, note text, amount int);
    CREATE TABLE "Mixed ""Case" (id int PRIMARY KEY, v text)`)
  const fixture = await createStreamFixture(database, ['orders', 'Mixed "Case'])
  await database.query(`INSERT INTO orders SELECT g, 'n' || g, g FROM generate_series(1, 100) g`)
  await database.query(`UPDATE orders SET amount = amount + 1 WHERE id % 3 = 0`)
  await database.query(`UPDATE orders SET id = id + 1000 WHERE id % 7 = 0`)
  await database.query(`DELETE FROM orders WHERE id % 10 = 1`)
  await database.query(`INSERT INTO "Mixed ""Case" VALUES (1, 'a'), (2, NULL)`)
  await database.query(`BEGIN; TRUNCATE "Mixed ""Case"; INSERT INTO "Mixed ""Case" VALUES (3, 'c'); COMMIT`)
  await using stream = await fixture.open()
  const replica = new StreamReplica()
  await readToEnd(database, stream, replica)
  expect(replica.rows('public.orders')).toEqual(await sqlRows(database, 'orders'))
  expect(replica.rows('public.Mixed "Case')).toEqual([{ id: '3', v: 'c' }])
})
