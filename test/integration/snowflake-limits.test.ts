/** Values that PostgreSQL has and Snowflake has not: through a snapshot and through the stream, to the twin. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startTwin, type Twin } from '../../src/snowflake-twin/twin.ts'
import { requireReviewed } from '../snowflake-statements/reviewed-statements.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { connectTwin } from '../support/twin.ts'

const HELD = `'23:59:59.999999', '0001-01-01', '9999-12-31 23:59:59.999999', 'text', '{"n": 12345678901234567890.5}'`
const REFUSED = `'24:00:00', '0044-03-15 BC', '10000-01-01 00:00:00', repeat('x', 16777217), '{"n": ${'9'.repeat(39)}}'`
const SQL = `CREATE TABLE t (id int PRIMARY KEY, a time, b date, c timestamp, d text, e jsonb)`

async function toTwin(fixture: SyncFixture, twin: Twin): Promise<void> {
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
}

test('they are NULL and in quarantine; everything else is as it was', async () => {
  await using twin = await startTwin()
  await twin.sql('CREATE DATABASE SHOP')
  await using fixture = await SyncFixture.create({
    sql: `${SQL}; INSERT INTO t VALUES (1, ${HELD}), (2, ${REFUSED})`,
    tables: ['public.t'],
  })
  await toTwin(fixture, twin)
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
  await requireReviewed(twin)
}, 60_000)

/** What a transform makes of the row with this name: of each kind that Snowflake does not hold, and one that no NUMBER does. */
const MADE = `SELECT id, name, CASE WHEN name = 'text' THEN repeat('x', 16777217) ELSE 'short' END AS t,
  CASE WHEN name = 'bytes' THEN encode(repeat('x', 8388609)) END AS y, CASE WHEN name = 'date' THEN DATE '12026-01-01' ELSE DATE '9999-12-31' END AS d,
  CASE WHEN name = 'moment' THEN 'infinity'::TIMESTAMPTZ END AS z, CASE WHEN name = 'json' THEN ('[' || repeat('9', 39) || ']')::JSON ELSE '{"n": 1}'::JSON END AS j,
  CASE WHEN name = 'number' THEN 170141183460469231731687303715884105727::HUGEINT ELSE 7::HUGEINT END AS n FROM batch`
const MADE_NAMES = ['text', 'bytes', 'date', 'moment', 'json', 'number']

test('what a transform makes beyond them stops its table, or is in quarantine with its row; nothing else is lost', async () => {
  await using twin = await startTwin()
  await twin.sql('CREATE DATABASE SHOP')
  const rows = ['fine', ...MADE_NAMES, 'too'].map((name, index) => `(${index + 1}, '${name}')`)
  const table = { name: 'public.m', transform: MADE }
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE m (id int PRIMARY KEY, name text); INSERT INTO m VALUES ${rows.join(', ')}`,
    tables: [{ ...table, on_transform_error: 'continue' }],
  })
  await toTwin(fixture, twin)
  await fixture.once()
  await using client = await connectTwin(twin, { database: 'SHOP', role: 'ACCOUNTADMIN' })
  expect(await client.column('SELECT NAME FROM COPY.M ORDER BY ID')).toEqual(['fine', 'too'])
  const entries = await client.rows('SELECT KEY, REASON FROM _SIMPLYLOAD.QUARANTINE ORDER BY KEY')
  expect(entries.map((row) => row.KEY)).toEqual(MADE_NAMES.map((_, index) => `["${index + 2}"]`))
  expect(String(entries[0]?.REASON)).toBe('transform: its "t" is nothing that the destination holds: text too long')

  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.tables = [table]
  await writeFile(fixture.configFile, JSON.stringify(config))
  await fixture.sql(`INSERT INTO m VALUES (20, 'date'), (21, 'fine')`)
  const { summary } = await fixture.once()
  expect(summary.tables).toMatchObject([
    {
      state: 'failed',
      error: expect.stringContaining('its "d" is nothing that the destination holds: date out of range'),
    },
  ])
  expect(await client.column('SELECT COUNT(*) FROM COPY.M')).toEqual(['2'])
  await requireReviewed(twin)
}, 60_000)
