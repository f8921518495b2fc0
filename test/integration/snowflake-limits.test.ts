/** Values that PostgreSQL has and Snowflake has not: through a snapshot and through the stream, to the twin. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startTwin } from '../../src/snowflake-twin/twin.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { connectTwin } from '../support/twin.ts'

const HELD = `'23:59:59.999999', '0001-01-01', '9999-12-31 23:59:59.999999', 'text', '{"n": 12345678901234567890.5}'`
const REFUSED = `'24:00:00', '0044-03-15 BC', '10000-01-01 00:00:00', repeat('x', 16777217), '{"n": ${'9'.repeat(39)}}'`
const SQL = `CREATE TABLE t (id int PRIMARY KEY, a time, b date, c timestamp, d text, e jsonb)`

test('they are NULL and in quarantine; everything else is as it was', async () => {
  await using twin = await startTwin()
  await twin.sql('CREATE DATABASE SHOP')
  await using fixture = await SyncFixture.create({
    sql: `${SQL}; INSERT INTO t VALUES (1, ${HELD}), (2, ${REFUSED})`,
    tables: ['public.t'],
  })
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.destination = {
    type: 'snowflake',
    account: twin.account,
    host: '127.0.0.1',
    port: twin.port,
    protocol: 'http',
    user: 'TESTER',
    password: 'anything',
    role: 'ACCOUNTADMIN',
    warehouse: 'COMPUTE_WH',
    database: 'SHOP',
  }
  await writeFile(fixture.configFile, JSON.stringify(config))
  await fixture.once()
  await fixture.sql(`INSERT INTO t VALUES (3, ${HELD}), (4, NULL, NULL, NULL, NULL, NULL);
    UPDATE t SET (a, b, c, d, e) = (${REFUSED}) WHERE id = 4`)
  await fixture.once()
  await using client = await connectTwin(twin, { database: 'SHOP', role: 'ACCOUNTADMIN' })
  const held = ['23:59:59.999999', '0001-01-01', '9999-12-31 23:59:59.999999', 'text', '{"n":12345678901234567890.5}']
  const rows = await client.rows(
    `SELECT ID, TO_VARCHAR(A, 'HH24:MI:SS.FF6') AS A, TO_VARCHAR(B, 'YYYY-MM-DD') AS B,
       TO_VARCHAR(C, 'YYYY-MM-DD HH24:MI:SS.FF6') AS C, D, TO_JSON(E) AS E FROM COPY.T ORDER BY ID`,
  )
  const nothing = [null, null, null, null, null]
  expect(rows.map((row) => Object.values(row))).toEqual([
    ['1', ...held],
    ['2', ...nothing],
    ['3', ...held],
    ['4', ...nothing],
  ])
  const entries = await client.rows(
    `SELECT KEY, COLUMN_NAME, REASON, CASE WHEN LENGTH(RAW) > 100 THEN LEFT(RAW, 2) ELSE RAW END AS RAW
     FROM _SIMPLYLOAD.QUARANTINE ORDER BY KEY, COLUMN_NAME`,
  )
  const expected = (key: string) => [
    [key, 'A', 'time 24:00:00', '24:00:00'],
    [key, 'B', 'date out of range', '0044-03-15 BC'],
    [key, 'C', 'timestamp out of range', '10000-01-01 00:00:00'],
    [key, 'D', 'text too long', 'xx'],
    [key, 'E', 'number too long in json', `{"n": ${'9'.repeat(39)}}`],
  ]
  expect(entries.map((row) => Object.values(row))).toEqual([...expected('["2"]'), ...expected('["4"]')])
}, 60_000)
