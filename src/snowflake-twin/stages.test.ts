/**
 * Stages and COPY. https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, …/sql/put, …/sql/list,
 * …/user-guide/data-load-considerations-load#load-metadata
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { FakeS3 } from '../../test/support/fake-s3.ts'
import { openShop, type TwinClient } from '../../test/support/twin.ts'
import { SettableClock } from './twin-clock.ts'

const DAY = 86_400_000
const clock = new SettableClock(Date.now())
const folder = mkdtempSync(join(tmpdir(), 'twin-stages-'))
let shop: Awaited<ReturnType<typeof openShop>>
let client: TwinClient
let s3: FakeS3

beforeAll(async () => {
  s3 = await FakeS3.start()
  mkdirSync(join(folder, 'bucket'))
  shop = await openShop({
    clock,
    buckets: { local: join(folder, 'bucket') },
    s3Endpoint: s3.endpoint,
    s3Region: 'eu-central-1',
  })
  client = shop.client
  await parquet('orders.parquet', `SELECT i AS id, 'order ' || i AS name FROM range(1, 4) t(i)`)
})

beforeEach(async () => {
  await client.run('CREATE OR REPLACE STAGE S')
  await client.run('CREATE OR REPLACE TABLE T (ID INT, NAME VARCHAR, FILE VARCHAR, LINE INT)')
})

afterAll(async () => {
  await shop[Symbol.asyncDispose]()
  await s3[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function parquet(name: string, query: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const path = join(folder, name)
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
  return path
}

const put = (name: string, to: string, more = '') =>
  client.rows(`PUT 'file://${join(folder, name)}' '${to}' AUTO_COMPRESS = FALSE ${more}`)
const copy = (rest = '', from = '@S') =>
  client.rows(`COPY INTO T FROM (SELECT $1:id::NUMBER(38,0), $1:name::VARCHAR, METADATA$FILENAME, METADATA$FILE_ROW_NUMBER
    FROM ${from}) FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE) ${rest}`)
const count = async () => (await client.column('SELECT COUNT(*) FROM T'))[0]

test('a file is put, listed, got and removed', async () => {
  expect(await put('orders.parquet', '@S/a')).toMatchObject([{ target: 'orders.parquet', status: 'UPLOADED' }])
  const [listed] = await client.rows('LIST @S')
  expect(listed).toMatchObject({ name: 's/a/orders.parquet', md5: expect.stringMatching(/^[0-9a-f]{32}$/) })
  mkdirSync(join(folder, 'got'), { recursive: true })
  await client.rows(`GET @S/a 'file://${join(folder, 'got')}'`)
  expect(readFileSync(join(folder, 'got', 'orders.parquet'))).toEqual(readFileSync(join(folder, 'orders.parquet')))
  expect(await client.rows('REMOVE @S/a')).toEqual([{ name: 's/a/orders.parquet', result: 'removed' }])
  expect(await client.rows('LIST @S')).toEqual([])
})

test('a file is replaced with OVERWRITE only', async () => {
  writeFileSync(join(folder, 'n.csv'), '1')
  await put('n.csv', '@S')
  writeFileSync(join(folder, 'n.csv'), '1,2')
  await put('n.csv', '@S')
  expect(await client.rows('LIST @S')).toMatchObject([{ size: '1' }])
  await put('n.csv', '@S', 'OVERWRITE = TRUE')
  expect(await client.rows('LIST @S')).toMatchObject([{ size: '3' }])
})

test('without AUTO_COMPRESS = FALSE a file arrives zipped, and whole', async () => {
  await client.rows(`PUT 'file://${join(folder, 'orders.parquet')}' @S`)
  expect(await client.rows('LIST @S')).toMatchObject([{ name: 's/orders.parquet.gz' }])
})

test('an upload that is cut leaves nothing in the stage', async () => {
  shop.twin.faults.once(({ sql }) => sql?.startsWith('PUT') === true, { kind: 'cut upload' })
  await expect(put('orders.parquet', '@S')).rejects.toThrow()
  expect(await client.rows('LIST @S')).toEqual([])
})

test('COPY loads each file once, says what it has loaded, and tells each row its file and number', async () => {
  await put('orders.parquet', '@S/a')
  expect(await copy(`FILES = ('a/orders.parquet')`)).toMatchObject([
    { file: 's/a/orders.parquet', status: 'LOADED', rows_parsed: '3', rows_loaded: '3', errors_seen: '0' },
  ])
  expect(await client.rows('SELECT * FROM T ORDER BY ID LIMIT 1')).toEqual([
    { ID: '1', NAME: 'order 1', FILE: 'a/orders.parquet', LINE: '1' },
  ])
  expect(await copy()).toEqual([{ status: 'Copy executed with 0 files processed.' }])
  await copy('FORCE = TRUE')
  expect(await count()).toBe('6')
})

test('a file of other content and the same name is loaded, and so is any file after TRUNCATE', async () => {
  await put('orders.parquet', '@S')
  await copy()
  const path = await parquet('other.parquet', `SELECT 9 AS id, 'other' AS name`)
  writeFileSync(join(folder, 'swap.parquet'), readFileSync(path))
  await client.rows('REMOVE @S')
  mkdirSync(join(folder, 'again'), { recursive: true })
  writeFileSync(join(folder, 'again', 'orders.parquet'), readFileSync(path))
  await put('again/orders.parquet', '@S')
  await copy()
  expect(await count()).toBe('4')
  await client.run('TRUNCATE TABLE T')
  await copy()
  expect(await count()).toBe('1')
})

test('after 64 days nobody knows whether a file was loaded: it is skipped unless told otherwise', async () => {
  await put('orders.parquet', '@S')
  await copy()
  clock.advance(65 * DAY)
  expect(await copy()).toEqual([{ status: 'Copy executed with 0 files processed.' }])
  await copy('LOAD_UNCERTAIN_FILES = TRUE')
  expect(await count()).toBe('6')
})

test('a COPY that is rolled back has loaded nothing', async () => {
  await put('orders.parquet', '@S')
  await client.run('BEGIN')
  await copy()
  await client.run('ROLLBACK')
  expect(await copy()).toMatchObject([{ rows_loaded: '3' }])
})

test('a COPY with a file that is not there, or not readable, loads no file', async () => {
  await put('orders.parquet', '@S')
  await expect(copy(`FILES = ('orders.parquet', 'missing.parquet')`)).rejects.toMatchObject({ code: '091016' })
  writeFileSync(join(folder, 'broken.parquet'), 'no parquet')
  await put('broken.parquet', '@S')
  await expect(copy()).rejects.toMatchObject({ sqlState: '22000' })
  expect(await count()).toBe('0')
})

test('CSV is read with the options of a named format, JSON as one VARIANT', async () => {
  writeFileSync(join(folder, 'rows.csv'), 'id;name\n1;"a;b"\n2;\\N\n')
  await put('rows.csv', '@S/csv')
  await client.run(
    `CREATE OR REPLACE FILE FORMAT SEMI TYPE = CSV FIELD_DELIMITER = ';' SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '"'`,
  )
  await client.run(`COPY INTO T (ID, NAME) FROM @S/csv FILE_FORMAT = (FORMAT_NAME = 'SEMI')`)
  expect(await client.rows('SELECT ID, NAME FROM T ORDER BY ID')).toEqual([
    { ID: '1', NAME: 'a;b' },
    { ID: '2', NAME: null },
  ])
  writeFileSync(join(folder, 'rows.json'), '{"a":{"b":1}}\n{"a":null}\n')
  await put('rows.json', '@S/json')
  await client.run('CREATE OR REPLACE TABLE J (V VARIANT)')
  await client.run('COPY INTO J FROM @S/json FILE_FORMAT = (TYPE = JSON)')
  expect(await client.column('SELECT V:a.b::INT FROM J ORDER BY 1 NULLS LAST')).toEqual(['1', null])
})

test('an external stage is a folder that stands for a bucket, or a server', async () => {
  mkdirSync(join(folder, 'bucket', 'in'), { recursive: true })
  writeFileSync(join(folder, 'bucket', 'in', 'orders.parquet'), readFileSync(join(folder, 'orders.parquet')))
  await client.run(`CREATE OR REPLACE STAGE L URL = 's3://local/in/'`)
  expect(await client.rows('LIST @L')).toMatchObject([{ name: 's3://local/in/orders.parquet' }])
  expect(await copy('', '@L')).toMatchObject([{ file: 's3://local/in/orders.parquet', rows_loaded: '3' }])
  expect(await client.column('SELECT DISTINCT FILE FROM T')).toEqual(['in/orders.parquet'])

  s3.keys.clear()
  const body = readFileSync(join(folder, 'orders.parquet'))
  expect((await fetch(`${s3.endpoint}/stage/in/orders.parquet`, { method: 'PUT', body })).status).toBe(200)
  await client.run(
    `CREATE OR REPLACE STAGE R URL = 's3://stage/in/' CREDENTIALS = (AWS_KEY_ID = 'k' AWS_SECRET_KEY = 's')`,
  )
  expect(await copy('', '@R')).toMatchObject([{ file: 's3://stage/in/orders.parquet', rows_loaded: '3' }])
  await expect(put('orders.parquet', '@R')).rejects.toMatchObject({ code: '001033' })
})
