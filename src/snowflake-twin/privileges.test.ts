/**
 * Roles and privileges. https://docs.snowflake.com/en/user-guide/security-access-control-privileges,
 * …/sql-reference/sql/grant-privilege
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectTwin, openShop, type TwinClient } from '../../test/support/twin.ts'

let shop: Awaited<ReturnType<typeof openShop>>
let admin: TwinClient
let loader: TwinClient

beforeAll(async () => {
  shop = await openShop()
  admin = shop.client
  await admin.run('CREATE ROLE LOADER')
  await admin.run('CREATE TABLE OWNED (A INT)')
  loader = await connectTwin(shop.twin, { username: 'LOADER', role: 'LOADER', database: 'SHOP', schema: 'PUBLIC' })
})

afterAll(async () => {
  await loader[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

const REFUSED = { code: '003001', sqlState: '42501' }
const HIDDEN = { code: '002003' }

test('a role without any grant sees nothing', async () => {
  await expect(loader.run('SELECT * FROM OWNED')).rejects.toMatchObject(HIDDEN)
  await expect(loader.run('USE WAREHOUSE COMPUTE_WH')).rejects.toMatchObject({ code: '002043' })
  expect(await loader.rows('SHOW TABLES')).toEqual([])
})

test('what may be made where follows the grants on the container', async () => {
  await expect(loader.run('CREATE DATABASE X')).rejects.toMatchObject(REFUSED)
  await expect(loader.run('CREATE SCHEMA S2')).rejects.toThrow("Insufficient privileges to operate on database 'SHOP'")
  await admin.run('GRANT USAGE, CREATE SCHEMA ON DATABASE SHOP TO ROLE LOADER')
  await loader.run('CREATE SCHEMA S2')
  await loader.run('CREATE TABLE S2.MINE (A INT)')
  await expect(loader.run('USE SCHEMA PUBLIC')).rejects.toMatchObject({ code: '002043' })
  await expect(loader.run('CREATE TABLE PUBLIC.T2 (A INT)')).rejects.toThrow(
    "Insufficient privileges to operate on schema 'PUBLIC'",
  )
})

test('reading, writing and owning are three things', async () => {
  await admin.run('GRANT USAGE ON SCHEMA SHOP.PUBLIC TO ROLE LOADER')
  await admin.run('GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE LOADER')
  await admin.run('GRANT SELECT ON TABLE OWNED TO ROLE LOADER')
  await loader.run('USE WAREHOUSE COMPUTE_WH')
  await loader.run('USE SCHEMA PUBLIC')
  expect(await loader.column('SELECT COUNT(*) FROM OWNED')).toEqual(['0'])
  await expect(loader.run('INSERT INTO OWNED VALUES (1)')).rejects.toMatchObject(REFUSED)
  await expect(loader.run('ALTER TABLE OWNED ADD COLUMN B INT')).rejects.toMatchObject(REFUSED)
  await expect(loader.run('DROP TABLE OWNED')).rejects.toMatchObject(REFUSED)
  await admin.run('GRANT INSERT ON TABLE OWNED TO ROLE LOADER')
  expect(await loader.run('INSERT INTO OWNED VALUES (1)')).toBe(1)
  await expect(loader.run('DELETE FROM OWNED')).rejects.toMatchObject(REFUSED)
  await admin.run('GRANT OWNERSHIP ON TABLE OWNED TO ROLE LOADER')
  await loader.run('ALTER TABLE OWNED ADD COLUMN B INT')
})

test('a warehouse is operated and changed with grants of its own', async () => {
  await expect(loader.run('ALTER WAREHOUSE COMPUTE_WH SUSPEND')).rejects.toMatchObject(REFUSED)
  await admin.run('GRANT OPERATE ON WAREHOUSE COMPUTE_WH TO ROLE LOADER')
  await loader.run('ALTER WAREHOUSE COMPUTE_WH SUSPEND')
  await expect(loader.run('ALTER WAREHOUSE COMPUTE_WH SET AUTO_SUSPEND = 60')).rejects.toMatchObject(REFUSED)
})

test('FUTURE grants are grants of what comes, ALL of what is there', async () => {
  await admin.run('CREATE SCHEMA S3')
  await admin.run('CREATE TABLE S3.BEFORE_IT (A INT)')
  await admin.run('GRANT USAGE ON SCHEMA S3 TO ROLE LOADER')
  await admin.run('GRANT SELECT ON FUTURE TABLES IN SCHEMA S3 TO ROLE LOADER')
  await admin.run('CREATE TABLE S3.AFTER_IT (A INT)')
  expect(await loader.column('SELECT COUNT(*) FROM S3.AFTER_IT')).toEqual(['0'])
  await expect(loader.run('SELECT * FROM S3.BEFORE_IT')).rejects.toMatchObject(HIDDEN)
  await admin.run('GRANT SELECT ON ALL TABLES IN SCHEMA S3 TO ROLE LOADER')
  expect(await loader.column('SELECT COUNT(*) FROM S3.BEFORE_IT')).toEqual(['0'])
  await admin.run('USE SCHEMA PUBLIC')
})

test('a granted role hands on what it has, until it is revoked', async () => {
  await admin.run('CREATE ROLE READER')
  await admin.run('CREATE TABLE SECRET (A INT)')
  await admin.run('GRANT SELECT ON TABLE SECRET TO ROLE READER')
  await admin.run('GRANT ROLE READER TO ROLE LOADER')
  expect(await loader.column('SELECT COUNT(*) FROM SECRET')).toEqual(['0'])
  await admin.run('REVOKE ROLE READER FROM ROLE LOADER')
  await expect(loader.run('SELECT * FROM SECRET')).rejects.toMatchObject(HIDDEN)
  expect((await admin.rows('SHOW GRANTS TO ROLE READER')).map(({ privilege, name }) => [privilege, name])).toEqual([
    ['SELECT', 'SHOP.PUBLIC.SECRET'],
  ])
})

test('ACCOUNT_USAGE is open to a role by a database role of SNOWFLAKE', async () => {
  const metering = 'SELECT COUNT(*) FROM SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY'
  await expect(loader.run(metering)).rejects.toMatchObject(HIDDEN)
  await admin.run('GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE LOADER')
  await loader.run(metering)
  await expect(loader.run('SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY')).rejects.toMatchObject(HIDDEN)
})

test('a registered user takes the roles that were granted, and no other', async () => {
  await admin.run(`CREATE USER WORKER PASSWORD = 'w' DEFAULT_ROLE = LOADER`)
  await admin.run('GRANT ROLE LOADER TO USER WORKER')
  await using worker = await connectTwin(shop.twin, { username: 'WORKER', password: 'w' })
  expect(await worker.column('SELECT CURRENT_ROLE()')).toEqual(['LOADER'])
  await expect(worker.run('USE ROLE ACCOUNTADMIN')).rejects.toMatchObject({ code: '003013' })
})

test('whoever owns a table needs a privilege on its database and schema all the same', async () => {
  await admin.run('CREATE DATABASE VAULT')
  await admin.run('CREATE TABLE VAULT.PUBLIC.HELD (A INT)')
  await admin.run('GRANT OWNERSHIP ON TABLE VAULT.PUBLIC.HELD TO ROLE LOADER')
  await expect(loader.run('SELECT * FROM VAULT.PUBLIC.HELD')).rejects.toMatchObject(HIDDEN)
  await admin.run('GRANT USAGE ON DATABASE VAULT TO ROLE LOADER')
  await expect(loader.run('SELECT * FROM VAULT.PUBLIC.HELD')).rejects.toMatchObject(HIDDEN)
  await admin.run('GRANT USAGE ON SCHEMA VAULT.PUBLIC TO ROLE LOADER')
  expect(await loader.column('SELECT COUNT(*) FROM VAULT.PUBLIC.HELD')).toEqual(['0'])
})
