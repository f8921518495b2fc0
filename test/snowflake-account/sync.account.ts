/** A sync from a real PostgreSQL into a real account, with other eyes on both sides. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { NO_ACCOUNT, openTestAccount } from '../support/snowflake-test-account.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const SOURCE = `
  CREATE TABLE current (id int PRIMARY KEY, name text, amount numeric(38,10), at timestamptz, data jsonb, raw bytea);
  INSERT INTO current SELECT i, 'row "' || i || ''' ü', i / 7.0, timestamptz '2024-02-29 23:59:59.999999+00' + i * interval '1 hour',
    jsonb_build_object('n', i), decode(lpad(to_hex(i), 4, '0'), 'hex') FROM generate_series(1, 200) i;
  CREATE TABLE versions (LIKE current INCLUDING ALL);
  CREATE TABLE log (LIKE current INCLUDING ALL);
  INSERT INTO versions SELECT * FROM current;
  INSERT INTO log SELECT * FROM current;`
const CHANGES = ['current', 'versions', 'log']
  .map(
    (table) => `UPDATE ${table} SET name = name || ' b', amount = amount + 1 WHERE id <= 20;
      UPDATE ${table} SET id = id + 1000 WHERE id BETWEEN 30 AND 33; DELETE FROM ${table} WHERE id BETWEEN 191 AND 200;
      INSERT INTO ${table} (id, name) VALUES (500, NULL)`,
  )
  .join(';')

test('a table of each mode, its changes, and verify', async ({ skip }) => {
  await using account = openTestAccount(process.env)
  if (account === undefined) return skip(NO_ACCOUNT)
  const database = await account.createDatabase()
  await using fixture = await SyncFixture.create({
    sql: SOURCE,
    tables: ['public.current', { name: 'public.versions', write: 'history' }, { name: 'public.log', write: 'append' }],
  })
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  await writeFile(fixture.configFile, JSON.stringify({ ...config, destination: { ...account.destination, database } }))
  expect((await fixture.once()).error).toBeUndefined()
  await fixture.sql(CHANGES)
  expect((await fixture.once()).error).toBeUndefined()

  await using client = await account.connect(database)
  const copied = async (table: string, where: string) => {
    const rows = await client.rows(
      `SELECT TO_VARCHAR(ID) AS "id", NAME AS "name", TO_VARCHAR(AMOUNT) AS "amount",
         TO_VARCHAR(AT, 'YYYY-MM-DD HH24:MI:SS.FF6') AS "at", TO_VARCHAR(DATA:n) AS "n", LOWER(TO_VARCHAR(RAW, 'HEX')) AS "raw"
       FROM COPY.${table} WHERE ${where} ORDER BY ID`,
    )
    return rows.map((row) => ({ ...row }))
  }
  const expected = await fixture.sql(
    `SELECT id::text, name, amount::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS at, data->>'n' AS n,
       encode(raw, 'hex') AS raw FROM current ORDER BY current.id`,
  )
  expect(expected).toHaveLength(191)
  expect(await copied('CURRENT', 'NOT "_FIVETRAN_DELETED"')).toEqual(expected)
  expect(await copied('VERSIONS', '"_FIVETRAN_ACTIVE"')).toEqual(expected)
  expect(await client.column('SELECT COUNT(*) FROM COPY.LOG')).toEqual([String(200 + 20 + 2 * 4 + 10 + 1)])
  const { exitCode, events } = await simplyload(fixture.folder, ['-c', fixture.configFile, 'verify', '--deep'])
  expect(exitCode, JSON.stringify(events)).toBe(0)
})
