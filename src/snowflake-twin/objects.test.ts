/**
 * Objects: CREATE, ALTER, DROP, SHOW, DESCRIBE, INFORMATION_SCHEMA.
 * https://docs.snowflake.com/en/sql-reference/sql/create-table, …/sql/alter-table, …/sql/show-tables, …/sql/desc-table, …/info-schema
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShop, type TwinClient } from '../../test/support/twin.ts'

let shop: Awaited<ReturnType<typeof openShop>>
let client: TwinClient

beforeAll(async () => {
  shop = await openShop()
  client = shop.client
})

afterAll(() => shop[Symbol.asyncDispose]())

test('a table is described with its types, keys, defaults and comments', async () => {
  await client.run(`CREATE TRANSIENT TABLE ORDERS (
    ID NUMBER(10,0) NOT NULL COMMENT 'from orders.id', "Name" VARCHAR(20) DEFAULT 'none', AT TIMESTAMP_TZ(6), DOC VARIANT,
    N INT AUTOINCREMENT START 5 INCREMENT 2, PRIMARY KEY (ID)) COMMENT = 'orders of the shop'`)
  const rows = await client.rows('DESCRIBE TABLE ORDERS')
  expect(rows.map((row) => [row.name, row.type, row['null?'], row.default, row['primary key'], row.comment])).toEqual([
    ['ID', 'NUMBER(10,0)', 'N', null, 'Y', 'from orders.id'],
    ['Name', 'VARCHAR(20)', 'Y', `'none'`, 'N', null],
    ['AT', 'TIMESTAMP_TZ(6)', 'Y', null, 'N', null],
    ['DOC', 'VARIANT', 'Y', null, 'N', null],
    ['N', 'NUMBER(38,0)', 'Y', 'IDENTITY START 5 INCREMENT 2 NOORDER', 'N', null],
  ])
  await client.run('INSERT INTO ORDERS (ID) VALUES (1), (2)')
  expect(await client.rows('SELECT "Name", N FROM ORDERS ORDER BY ID')).toEqual([
    { Name: 'none', N: '5' },
    { Name: 'none', N: '7' },
  ])
  expect(await client.rows(`SHOW TABLES LIKE 'ord%'`)).toMatchObject([
    { name: 'ORDERS', kind: 'TRANSIENT', rows: '2', comment: 'orders of the shop', schema_name: 'PUBLIC' },
  ])
  expect(await client.rows('SHOW PRIMARY KEYS IN TABLE ORDERS')).toMatchObject([
    { column_name: 'ID', key_sequence: '1' },
  ])
})

test('INFORMATION_SCHEMA shows tables and columns as SQL rows', async () => {
  await client.run('CREATE TABLE FACTS (A NUMBER(5,2) NOT NULL, B VARCHAR(9))')
  expect(
    await client.rows(`SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION P, NUMERIC_SCALE S, CHARACTER_MAXIMUM_LENGTH L, IS_NULLABLE
      FROM SHOP.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'FACTS' ORDER BY ORDINAL_POSITION`),
  ).toEqual([
    { COLUMN_NAME: 'A', DATA_TYPE: 'NUMBER', P: '5', S: '2', L: null, IS_NULLABLE: 'NO' },
    { COLUMN_NAME: 'B', DATA_TYPE: 'TEXT', P: null, S: null, L: '9', IS_NULLABLE: 'YES' },
  ])
  expect(
    await client.rows(`SELECT TABLE_TYPE, ROW_COUNT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'FACTS'`),
  ).toEqual([{ TABLE_TYPE: 'BASE TABLE', ROW_COUNT: '0' }])
})

test('columns are added, renamed, widened, dropped and made NOT NULL', async () => {
  await client.run('CREATE TABLE A (ID INT, V NUMBER(5,0))')
  await client.run('INSERT INTO A VALUES (1, 2)')
  await client.run(`ALTER TABLE A ADD COLUMN W VARCHAR DEFAULT 'w', X INT`)
  await client.run('ALTER TABLE A RENAME COLUMN V TO "v"')
  await client.run('ALTER TABLE A ALTER COLUMN "v" SET DATA TYPE NUMBER(10,0)')
  await expect(client.run('ALTER TABLE A ALTER COLUMN W SET DATA TYPE INT')).rejects.toMatchObject({ code: '040052' })
  await client.run('ALTER TABLE A DROP COLUMN X')
  await client.run('ALTER TABLE A ALTER COLUMN ID SET NOT NULL')
  expect(await client.rows('SELECT * FROM A')).toEqual([{ ID: '1', v: '2', W: 'w' }])
  await expect(client.run('ALTER TABLE A ADD COLUMN ID INT')).rejects.toMatchObject({ code: '001430' })
  await client.run('ALTER TABLE A ADD COLUMN IF NOT EXISTS ID INT')
  await expect(client.run('ALTER TABLE A ADD COLUMN Y INT NOT NULL')).rejects.toMatchObject({ code: '002269' })
  await expect(client.run('ALTER TABLE A DROP COLUMN NOTHING')).rejects.toMatchObject({ code: '000904' })
  await client.run('INSERT INTO A (ID) SELECT 3')
  await client.run('ALTER TABLE A ALTER COLUMN ID DROP NOT NULL')
  await expect(client.run('ALTER TABLE A ALTER COLUMN "v" SET NOT NULL')).rejects.toMatchObject({ code: '002277' })
})

test('names that differ by case alone are two columns and two tables', async () => {
  await client.run('CREATE TABLE "Case" ("Id" INT, "ID" INT, id2 INT)')
  await client.run('CREATE TABLE "CASE" (X INT)')
  await client.run('INSERT INTO "Case" VALUES (1, 2, 3)')
  expect(await client.rows('SELECT "Id", ID, ID2 FROM "Case"')).toEqual([{ Id: '1', ID: '2', ID2: '3' }])
})

test('a swapped or renamed table keeps its rows, and a view goes by the name', async () => {
  await client.run('CREATE TABLE LIVE AS SELECT 1 AS V')
  await client.run('CREATE TABLE SHADOW AS SELECT 2 AS V')
  await client.run('CREATE VIEW SEEN AS SELECT V FROM LIVE')
  await client.run('ALTER TABLE LIVE SWAP WITH SHADOW')
  await client.run('DROP TABLE SHADOW')
  expect(await client.column('SELECT V FROM SEEN')).toEqual(['2'])
  await client.run('CREATE SCHEMA OTHER')
  await client.run('ALTER TABLE PUBLIC.LIVE RENAME TO OTHER.MOVED')
  expect(await client.column('SELECT V FROM OTHER.MOVED')).toEqual(['2'])
  await expect(client.column('SELECT V FROM PUBLIC.SEEN')).rejects.toMatchObject({ code: '002037' })
  await client.run('USE SCHEMA PUBLIC')
})

test('what is there already is refused, kept or replaced, as the statement says', async () => {
  await client.run('CREATE TABLE R AS SELECT 1 AS A')
  await expect(client.run('CREATE TABLE R (B INT)')).rejects.toMatchObject({ code: '002002', sqlState: '42710' })
  await client.run('CREATE TABLE IF NOT EXISTS R (B INT)')
  expect(await client.column('SELECT A FROM R')).toEqual(['1'])
  await client.run('CREATE OR REPLACE TABLE R (B INT)')
  expect(await client.column('SELECT COUNT(B) FROM R')).toEqual(['0'])
  await client.run('DROP TABLE R')
  await client.run('DROP TABLE IF EXISTS R')
  await expect(client.run('DROP TABLE R')).rejects.toMatchObject({ code: '002003' })
})

test('CLONE copies rows, LIKE only columns', async () => {
  await client.run('CREATE TABLE ORIGINAL AS SELECT 1 AS A')
  await client.run('CREATE TABLE CLONED CLONE ORIGINAL')
  await client.run('CREATE TABLE ALIKE LIKE ORIGINAL')
  expect(await client.column('SELECT (SELECT COUNT(*) FROM CLONED) - (SELECT COUNT(*) FROM ALIKE)')).toEqual(['1'])
})

test('a dropped schema takes everything with it', async () => {
  await client.run('CREATE SCHEMA GONE')
  await client.run('CREATE TABLE GONE.T (A INT)')
  await client.run('CREATE STAGE GONE.S')
  await client.run('DROP SCHEMA GONE')
  expect(await client.rows(`SHOW SCHEMAS LIKE 'GONE'`)).toEqual([])
  await client.run('USE SCHEMA PUBLIC')
  await expect(client.run('SELECT * FROM GONE.T')).rejects.toMatchObject({ code: '002003' })
})

test('SHOW keeps to its scope, its pattern and its limit', async () => {
  await client.run('CREATE SCHEMA WIDE')
  for (const name of ['P1', 'P2', 'P3']) await client.run(`CREATE TABLE WIDE.${name} (A INT)`)
  const names = async (rest: string) => (await client.rows(`SHOW TABLES ${rest}`)).map(({ name }) => name)
  expect(await names('IN SCHEMA WIDE')).toEqual(['P1', 'P2', 'P3'])
  expect(await names(`LIKE 'p%' IN DATABASE SHOP LIMIT 2`)).toEqual(['P1', 'P2'])
  expect(await names(`IN SCHEMA WIDE STARTS WITH 'P' LIMIT 5 FROM 'P1'`)).toEqual(['P2', 'P3'])
  await client.run('USE SCHEMA PUBLIC')
  await expect(names('IN SCHEMA NOWHERE')).rejects.toMatchObject({ code: '002003' })
})

test('comments on tables, columns and schemas are kept', async () => {
  await client.run('CREATE TABLE C (A INT)')
  await client.run(`COMMENT ON TABLE C IS 'a table'`)
  await client.run(`COMMENT ON COLUMN C.A IS 'a column'`)
  expect(await client.rows('DESC TABLE C')).toMatchObject([{ comment: 'a column' }])
  expect(await client.rows(`SHOW TABLES LIKE 'C'`)).toMatchObject([{ comment: 'a table' }])
})

test('what the twin does not know is refused by name', async () => {
  await expect(client.run('CREATE STREAM S ON TABLE C')).rejects.toThrow(/STREAM/)
  await expect(client.run('SHOW STREAMS')).rejects.toThrow(/STREAMS/)
})
