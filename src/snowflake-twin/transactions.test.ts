/** https://docs.snowflake.com/en/sql-reference/transactions: READ COMMITTED, locks, DDL, failed statements. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connectTwin, openShop, type TwinClient } from '../../test/support/twin.ts'

let shop: Awaited<ReturnType<typeof openShop>>
let one: TwinClient
let two: TwinClient

beforeAll(async () => {
  shop = await openShop({ idleTransactionMs: 300 })
  one = shop.client
  two = await connectTwin(shop.twin, { database: 'SHOP', schema: 'PUBLIC' })
})

beforeEach(async () => {
  await one.run('ROLLBACK')
  await two.run('ROLLBACK')
  await one.run('CREATE OR REPLACE TABLE T (ID INT NOT NULL, V VARCHAR)')
  await one.run(`INSERT INTO T VALUES (1, 'a'), (2, 'b')`)
  await one.run('CREATE OR REPLACE TABLE U (ID INT)')
})

afterAll(async () => {
  await two[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

const values = (client: TwinClient) => client.column('SELECT V FROM T ORDER BY ID, V')

test('nobody sees changes before their COMMIT, and nobody at all after a ROLLBACK', async () => {
  await one.run('BEGIN')
  await one.run(`UPDATE T SET V = 'x' WHERE ID = 1`)
  expect(await values(two)).toEqual(['a', 'b'])
  expect(await values(one)).toEqual(['x', 'b'])
  await one.run('COMMIT')
  expect(await values(two)).toEqual(['x', 'b'])
  await one.run('BEGIN TRANSACTION')
  await one.run('DELETE FROM T')
  await one.run('ROLLBACK')
  expect(await values(one)).toEqual(['x', 'b'])
})

test('a transaction sees what others commit between its statements, before and after its first change', async () => {
  await one.run('BEGIN')
  await one.run('INSERT INTO U VALUES (1)')
  expect(await values(one)).toEqual(['a', 'b'])
  await two.run(`INSERT INTO T VALUES (3, 'c')`)
  expect(await values(one)).toEqual(['a', 'b', 'c'])
  await one.run('COMMIT')
  expect(await one.column('SELECT COUNT(*) FROM U')).toEqual(['1'])
})

test('an UPDATE waits for the transaction that has changed the table, then sees its rows', async () => {
  await one.run('BEGIN')
  await one.run(`UPDATE T SET V = V || '1' WHERE ID = 1`)
  const waiting = two.run(`UPDATE T SET V = V || '2' WHERE ID = 1`)
  await vi.waitFor(() => expect(shop.twin.state.locks.waiting).toBe(1))
  await one.run('COMMIT')
  expect(await waiting).toBe(1)
  expect(await values(one)).toEqual(['a12', 'b'])
})

test('an INSERT does not wait for an UPDATE', async () => {
  await one.run('BEGIN')
  await one.run(`UPDATE T SET V = 'x' WHERE ID = 1`)
  await two.run(`INSERT INTO T VALUES (3, 'c')`)
  await one.run('COMMIT')
  expect(await values(one)).toEqual(['x', 'b', 'c'])
})

test('of two transactions that move a checkpoint from the same position, the second changes nothing', async () => {
  const move = (to: string) => `UPDATE T SET V = '${to}' WHERE ID = 1 AND V = 'a'`
  await one.run('BEGIN')
  await two.run('BEGIN')
  expect(await one.run(move('one'))).toBe(1)
  const second = two.run(move('two'))
  await one.run('COMMIT')
  expect(await second).toBe(0)
  await two.run('ROLLBACK')
})

test('a statement that fails leaves the transaction as it was', async () => {
  await one.run('BEGIN')
  await one.run(`INSERT INTO T VALUES (3, 'c')`)
  await expect(one.run('INSERT INTO T VALUES (NULL, NULL)')).rejects.toMatchObject({ code: '100072' })
  await expect(one.run(`INSERT INTO T SELECT TO_NUMBER('x'), 'x'`)).rejects.toMatchObject({ code: '100038' })
  await one.run('COMMIT')
  expect(await values(two)).toEqual(['a', 'b', 'c'])
})

test('DDL commits what is open', async () => {
  await one.run('BEGIN')
  await one.run(`INSERT INTO T VALUES (3, 'c')`)
  await one.run('CREATE OR REPLACE TEMPORARY TABLE W (ID INT)')
  await one.run('ROLLBACK')
  expect(await values(two)).toEqual(['a', 'b', 'c'])
})

test('DDL waits for the transaction that has written to the table', async () => {
  await one.run('BEGIN')
  await one.run(`INSERT INTO T VALUES (3, 'c')`)
  const altered = two.run('ALTER TABLE T ADD COLUMN W INT')
  await one.run('COMMIT')
  await altered
  expect(await two.column('SELECT COUNT(W) + COUNT(*) FROM T')).toEqual(['3'])
})

test('without AUTOCOMMIT the first change begins a transaction', async () => {
  await one.run('ALTER SESSION SET AUTOCOMMIT = FALSE')
  await one.run('DELETE FROM T')
  expect(await values(two)).toEqual(['a', 'b'])
  await one.run('COMMIT')
  expect(await values(two)).toEqual([])
  await one.run('ALTER SESSION SET AUTOCOMMIT = TRUE')
})

test('TRUNCATE takes part in a transaction', async () => {
  await one.run('BEGIN')
  await one.run('TRUNCATE TABLE T')
  expect(await values(two)).toEqual(['a', 'b'])
  await one.run('ROLLBACK')
  expect(await values(one)).toEqual(['a', 'b'])
})

test('a temporary table is its session’s own and hides a permanent one', async () => {
  await one.run('CREATE TEMPORARY TABLE T (ID INT)')
  expect(await one.column('SELECT COUNT(*) FROM T')).toEqual(['0'])
  expect(await two.column('SELECT COUNT(*) FROM T')).toEqual(['2'])
  await one.run('DROP TABLE T')
  expect(await one.column('SELECT COUNT(*) FROM T')).toEqual(['2'])
})

test('a transaction of a closed connection is rolled back and lets its locks go', async () => {
  const gone = await connectTwin(shop.twin, { database: 'SHOP', schema: 'PUBLIC' })
  await gone.run('BEGIN')
  await gone.run('DELETE FROM T')
  await gone[Symbol.asyncDispose]()
  expect(await one.run(`UPDATE T SET V = 'z'`)).toBe(2)
})

test('a transaction that does nothing while others wait for it is rolled back, and its session is told', async () => {
  await one.run('BEGIN')
  await one.run('DELETE FROM T')
  expect(await two.run(`UPDATE T SET V = 'z'`)).toBe(2)
  await expect(one.run('COMMIT')).rejects.toMatchObject({ code: '000625' })
  expect(await values(one)).toEqual(['z', 'z'])
})

test('a closed connection ends what waits for a lock', async () => {
  const gone = await connectTwin(shop.twin, { database: 'SHOP', schema: 'PUBLIC' })
  await one.run('BEGIN')
  await one.run('DELETE FROM T')
  const waiting = gone.run('DELETE FROM T').catch((error: unknown) => error)
  await vi.waitFor(() => expect(shop.twin.state.locks.waiting).toBe(1))
  await gone[Symbol.asyncDispose]()
  expect(await waiting).toMatchObject({ code: '000604' })
})
