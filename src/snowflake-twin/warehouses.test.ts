/**
 * Warehouses and their bill, on a simulated clock. https://docs.snowflake.com/en/user-guide/warehouses-overview,
 * …/sql-reference/sql/alter-warehouse, …/sql-reference/account-usage/warehouse_metering_history, …/query_attribution_history
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShop, type TwinClient } from '../../test/support/twin.ts'
import type { Twin } from './twin.ts'
import { SettableClock } from './twin-clock.ts'

const MINUTE = 60_000
const clock = new SettableClock(Date.UTC(2026, 0, 1))
let shop: Awaited<ReturnType<typeof openShop>>
let twin: Twin
let client: TwinClient

beforeAll(async () => {
  shop = await openShop({ clock })
  ;({ twin, client } = shop)
  await client.run('CREATE TABLE T AS SELECT 1 AS ID')
  await client.run(
    `CREATE WAREHOUSE WH WAREHOUSE_SIZE = XSMALL GENERATION = '1' AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE`,
  )
})

afterAll(() => shop[Symbol.asyncDispose]())

const billed = () => twin.meter.billedMs('WH', 0, clock.nowMs() + 60 * MINUTE, clock.nowMs())
const state = async () => (await client.rows(`SHOW WAREHOUSES LIKE 'WH'`))[0]?.state

test('looking around costs nothing, a query wakes the warehouse, and it sleeps again', async () => {
  await client.run('USE WAREHOUSE WH')
  await client.rows('SHOW TABLES')
  await client.rows('DESCRIBE TABLE T')
  await client.run('SELECT 1')
  expect(billed()).toBe(0)
  expect(await state()).toBe('SUSPENDED')
  await client.run('SELECT * FROM T')
  expect(await state()).toBe('STARTED')
  clock.advance(10 * MINUTE)
  expect(await state()).toBe('SUSPENDED')
  expect(billed()).toBe(60_000 + 200)
})

test('a warehouse that is suspended by hand is billed for its minute', async () => {
  const before = billed()
  await client.run('SELECT * FROM T')
  await client.run('ALTER WAREHOUSE WH SUSPEND')
  clock.advance(10 * MINUTE)
  expect(billed() - before).toBe(60_000)
  await expect(client.run('ALTER WAREHOUSE WH SUSPEND')).rejects.toMatchObject({ code: '090064' })
})

test('statements that follow each other take their time, on one wake-up', async () => {
  const before = billed()
  for (let i = 0; i < 10; i++) await client.run('INSERT INTO T VALUES (1)')
  clock.advance(10 * MINUTE)
  expect(billed() - before).toBeGreaterThanOrEqual(10 * 200 + 60_000)
  expect(billed() - before).toBeLessThan(10 * 200 + 60_100)
})

test('without AUTO_RESUME a suspended warehouse stays so', async () => {
  await client.run('ALTER WAREHOUSE WH SET AUTO_RESUME = FALSE')
  await expect(client.run('SELECT * FROM T')).rejects.toMatchObject({ code: '000606', sqlState: '57P03' })
  await client.run('ALTER WAREHOUSE WH RESUME IF SUSPENDED')
  await client.run('SELECT * FROM T')
  await client.run('ALTER WAREHOUSE WH SET AUTO_RESUME = TRUE')
  clock.advance(10 * MINUTE)
})

test('a statement without a warehouse is refused', async () => {
  await client.run('CREATE WAREHOUSE GONE INITIALLY_SUSPENDED = TRUE')
  await client.run('DROP WAREHOUSE GONE')
  await expect(client.run('SELECT * FROM T')).rejects.toMatchObject({ code: '000606' })
  expect(await client.column('SELECT 2')).toEqual(['2'])
  await client.run('USE WAREHOUSE WH')
})

test('the bill is in ACCOUNT_USAGE, by hour, and by query tag', async () => {
  await client.run(`ALTER SESSION SET QUERY_TAG = '{"table":"T"}'`)
  await client.run('INSERT INTO T VALUES (2)')
  await client.run(`ALTER SESSION UNSET QUERY_TAG`)
  clock.advance(120 * MINUTE)
  const total = await client.column(
    `SELECT SUM(CREDITS_USED_COMPUTE)::FLOAT FROM SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY WHERE WAREHOUSE_NAME = 'WH'`,
  )
  expect(Number(total[0])).toBeCloseTo(billed() / 3_600_000, 8)
  const tagged = await client.rows(
    `SELECT WAREHOUSE_NAME W, CREDITS_ATTRIBUTED_COMPUTE C FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY
      WHERE PARSE_JSON(NULLIF(QUERY_TAG, '')):table = 'T'`,
  )
  expect(tagged).toMatchObject([{ W: 'WH' }])
  expect(Number(tagged[0]?.C)).toBeCloseTo(200 / 3_600_000, 6)
  expect(
    await client.rows(
      `SELECT QUERY_TYPE, ROWS_INSERTED FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY WHERE QUERY_TAG LIKE '%"T"%' AND QUERY_TYPE = 'INSERT'`,
    ),
  ).toEqual([{ QUERY_TYPE: 'INSERT', ROWS_INSERTED: '1' }])
})

test('a larger size is billed at its rate', async () => {
  await client.run(`ALTER WAREHOUSE WH SET WAREHOUSE_SIZE = 'Medium'`)
  const [from, before] = [clock.nowMs(), twin.meter.credits('WH', 0, clock.nowMs(), clock.nowMs())]
  await client.run('SELECT * FROM T')
  clock.advance(10 * MINUTE)
  const after = twin.meter.credits('WH', 0, clock.nowMs(), clock.nowMs())
  expect(after - before).toBeCloseTo((4 * 60_200) / 3_600_000, 8)
  expect(twin.meter.times('WH', clock.nowMs()).at(-1)?.fromMs).toBeGreaterThanOrEqual(from)
  await expect(client.run(`ALTER WAREHOUSE WH SET WAREHOUSE_SIZE = 'Tiny'`)).rejects.toMatchObject({ code: '001008' })
})
