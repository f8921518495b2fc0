import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/support/postgres.ts'
import { createShop, SHOP_CHANGES, SHOP_TABLES } from './shop.ts'

test('the shop has about 200,000 rows, and every change of the story changes what its check sees', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  expect(await createShop(client)).toBe(205_000)
  for (const { change, sql, check } of SHOP_CHANGES) {
    const value = async (): Promise<unknown> => (await client.query(check.replaceAll('$', 'public'))).rows[0].value
    const before = await value()
    await client.query(sql)
    expect(await value(), change).not.toBe(before)
  }
  const rows = await database.query(`SELECT relreplident FROM pg_class WHERE relname = ANY ($1)`, [[...SHOP_TABLES]])
  expect(rows).toHaveLength(SHOP_TABLES.length)
})

test('the story has values that PostgreSQL stores out of line', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await createShop(client)
  const [row] = await database.query<{ bytes: number }>(
    `SELECT pg_relation_size(reltoastrelid)::int AS bytes FROM pg_class WHERE relname = 'customers'`,
  )
  expect(row?.bytes).toBeGreaterThan(1_000_000)
})
