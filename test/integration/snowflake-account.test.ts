/** Setting an account up, logging in, what doctor says, and the bill: the driver untouched, against the twin. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { PipelineError } from '../../src/core/errors.ts'
import { SnowflakeAccount } from '../../src/destinations/snowflake/account.ts'
import { snowflakeDestinationSchema } from '../../src/destinations/snowflake/config.ts'
import { examineConnection } from '../../src/destinations/snowflake/connection-examination.ts'
import { SnowflakePool } from '../../src/destinations/snowflake/connection-pool.ts'
import { publicKeyText } from '../../src/destinations/snowflake/setup.ts'
import { startTwin, type Twin } from '../../src/snowflake-twin/twin.ts'

const SIGNAL = new AbortController().signal
const keyPair = () =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const KEY = keyPair()
const ADMINISTRATOR = {
  user: 'ADA',
  role: 'ACCOUNTADMIN',
  privateKeyPath: undefined,
  privateKeyPassphrase: undefined,
  token: undefined,
  password: 'open',
}

let twin: Twin
beforeAll(async () => {
  twin = await startTwin({ users: { ADA: { password: 'open', role: 'ACCOUNTADMIN' } } })
})
afterAll(() => twin[Symbol.asyncDispose]())

function options(more: object = {}) {
  const config = snowflakeDestinationSchema.parse({
    type: 'snowflake',
    account: twin.account,
    host: '127.0.0.1',
    port: twin.port,
    protocol: 'http',
    user: 'SIMPLYLOAD',
    private_key: KEY,
    database: 'shop_db',
    suspend_when_done: true,
    ...more,
  })
  return { config, folder: '.', run: 'run-1', clock: systemClock }
}

async function examine(more: object = {}, others: readonly string[] = []) {
  const given = options(more)
  await using pool = new SnowflakePool(given)
  return await examineConnection(pool, given.config, others, SIGNAL)
}

const faults = (findings: Awaited<ReturnType<typeof examine>>) => findings.filter(({ level }) => level !== 'ok')

test('what setup applies is enough for doctor, and can be applied again', async () => {
  const given = options()
  const account = new SnowflakeAccount(given, undefined)
  const planned = await account.plannedSetup(undefined)
  for (let time = 0; time < 2; time++) {
    let applied = 0
    for await (const _ of account.applySetup(ADMINISTRATOR, planned, SIGNAL)) applied += 1
    expect(applied).toBe(planned.length)
  }
  expect(faults(await examine())).toEqual([])
})

test('a key that is not the one of the user is told with the statement that mends it', async () => {
  expect(faults(await examine({ private_key: keyPair() }))).toEqual([
    expect.objectContaining({
      level: 'error',
      fix: expect.stringContaining('ALTER USER SIMPLYLOAD SET RSA_PUBLIC_KEY'),
    }),
  ])
})

test('a key that has been replaced, or a token of it that is out of date, is told the same way', async () => {
  const day = 86_400_000
  const user = { publicKey: publicKeyText(createPrivateKey(KEY)), role: 'ACCOUNTADMIN' }
  await using later = await startTwin({ users: { SIMPLYLOAD: user }, clock: { nowMs: () => Date.now() + day } })
  const mended = expect.objectContaining({ fix: expect.stringMatching(/clock within a minute.* SET RSA_PUBLIC_KEY/) })
  expect(faults(await examine({ port: later.port }))).toContainEqual(mended)
  await twin.sql(`ALTER USER SIMPLYLOAD SET RSA_PUBLIC_KEY = '${publicKeyText(createPrivateKey(keyPair()))}'`)
  expect(faults(await examine())).toContainEqual(mended)
  await twin.sql(`ALTER USER SIMPLYLOAD SET RSA_PUBLIC_KEY = '${publicKeyText(createPrivateKey(KEY))}'`)
  expect(faults(await examine())).toEqual([])
})

test('another account is not there', async () => {
  await using named = await startTwin({ account: 'myorg-test' })
  expect(faults(await examine({ port: named.port, account: 'myorg-tset' }))).toEqual([
    expect.objectContaining({ level: 'error', fix: expect.stringContaining('check destination.account') }),
  ])
})

test('a privilege that is missing is told with the GRANT that gives it, and then it works', async () => {
  const given = options()
  await using pool = new SnowflakePool(given)
  const work = (sql: string) => pool.use('Working', { phase: 'query' }, SIGNAL, (session) => session.run(sql))
  const hintOf = async (sql: string) => {
    const error = await work(sql).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'destination_permission' })
    return (error as PipelineError).hint ?? ''
  }
  await twin.sql('REVOKE CREATE SCHEMA ON DATABASE SHOP_DB FROM ROLE SIMPLYLOAD')
  const grant = await hintOf('CREATE SCHEMA "OURS"')
  expect(grant).toBe('GRANT USAGE, CREATE SCHEMA ON DATABASE SHOP_DB TO ROLE SIMPLYLOAD')
  await twin.sql(grant)
  await work('CREATE SCHEMA "OURS"')
  await twin.sql('CREATE TABLE SHOP_DB.OURS.THEIRS (ID NUMBER(10,0))')
  expect(await hintOf('INSERT INTO "OURS"."THEIRS" VALUES (1)')).toContain('GRANT OWNERSHIP ON TABLE')
})

test('a warehouse that may not resume, and one that is not there, are told when they are needed', async () => {
  await twin.sql('CREATE WAREHOUSE STUCK_WH AUTO_RESUME = FALSE INITIALLY_SUSPENDED = TRUE')
  await twin.sql('GRANT USAGE ON WAREHOUSE STUCK_WH TO ROLE SIMPLYLOAD')
  for (const [warehouse, hint] of [
    ['STUCK_WH', 'ALTER WAREHOUSE STUCK_WH SET AUTO_RESUME = TRUE'],
    ['NONE_WH', 'GRANT USAGE, OPERATE ON WAREHOUSE NONE_WH TO ROLE SIMPLYLOAD'],
  ] as const) {
    await using pool = new SnowflakePool(options({ warehouse }))
    const made = pool.use('Working', { phase: 'query' }, SIGNAL, async (session) => {
      await session.run('CREATE OR REPLACE TEMPORARY TABLE "OURS"."SCRATCH" AS SELECT 1 AS A')
    })
    await expect(made).rejects.toMatchObject({ code: 'destination_permission', hint: expect.stringContaining(hint) })
  }
})

test('a role that was not granted, a database and a warehouse that are not there', async () => {
  expect(faults(await examine({ role: 'NOBODY' }))).toEqual([
    expect.objectContaining({ fix: expect.stringContaining('GRANT ROLE NOBODY TO USER SIMPLYLOAD') }),
  ])
  const findings = faults(await examine({ database: 'elsewhere', warehouse: 'none_wh' }))
  expect(findings.filter(({ level }) => level === 'error').map(({ subject }) => subject)).toEqual([
    'database elsewhere',
    'warehouse none_wh',
  ])
})

test('a warehouse that costs more than it must is warned about', async () => {
  await twin.sql(
    'CREATE WAREHOUSE BIG_WH WAREHOUSE_SIZE = LARGE AUTO_SUSPEND = 600 AUTO_RESUME = FALSE INITIALLY_SUSPENDED = TRUE',
  )
  await twin.sql('GRANT USAGE ON WAREHOUSE BIG_WH TO ROLE SIMPLYLOAD')
  const fixes = faults(await examine({ warehouse: 'BIG_WH', suspend_when_done: false })).map(({ fix }) => fix)
  expect(fixes).toEqual(
    expect.arrayContaining(
      ['AUTO_RESUME = TRUE', 'AUTO_SUSPEND = 60', 'WAREHOUSE_SIZE = XSMALL'].map(
        (setting) => `ALTER WAREHOUSE BIG_WH SET ${setting}`,
      ),
    ),
  )
})

test('the bill tells our statements from those of others, by table', async () => {
  const given = options()
  await using pool = new SnowflakePool(given)
  await pool.use('Working', { source: 'shop', phase: 'merge' }, SIGNAL, async (session) => {
    await session.run('CREATE SCHEMA IF NOT EXISTS "SHOP"')
    await session.run('CREATE TABLE "SHOP"."ORDERS" (ID NUMBER(10,0))')
    session.phase('merge', 'public.orders')
    await session.run('INSERT INTO "SHOP"."ORDERS" SELECT SEQ4() FROM TABLE(GENERATOR(ROWCOUNT => 1000))')
  })
  const cost = await new SnowflakeAccount(given, undefined).cost(7, SIGNAL)
  expect(cost.tables.map(({ table }) => table)).toContain('shop.public.orders')
  expect(cost.tables.every(({ credits }) => credits >= 0)).toBe(true)
  const [day] = cost.days
  expect(day?.creditsMetered).toBeGreaterThanOrEqual((day?.credits ?? 0) * 0.99)
  expect(cost.attributedUntil).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d$/)
})
