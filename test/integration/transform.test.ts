/** Rows that are transformed on their way: in a snapshot, in the stream, and when both sides are compared. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const LARGE = `(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 300))`
const SQL = `CREATE TABLE t (id int PRIMARY KEY, name text, secret text, price numeric(10,2), big text, doc jsonb, at timestamptz DEFAULT '2026-01-02 03:04:05.678901+00');
  INSERT INTO t SELECT i, 'name ' || i, 'hidden', i * 1.25, ${LARGE}, '{"a": 1}' FROM generate_series(1, 60) i`

/** What the transform below is, told in the words of the source. */
const EXPECTED = `SELECT id::text, upper(name), (price * 2)::numeric(12,2)::text, md5(big), name || ':' || length(big), to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM t WHERE name NOT LIKE 'skip%' ORDER BY t.id`
const COPIED = `SELECT id::VARCHAR, name, double::DECIMAL(12,2)::VARCHAR, md5(big), pair, strftime("at", '%Y-%m-%d %H:%M:%S.%f') FROM copy.t WHERE NOT _fivetran_deleted ORDER BY t.id`

const CHANGES = [
  `UPDATE t SET name = 'changed ' || id WHERE id BETWEEN 1 AND 5`,
  `UPDATE t SET price = 0.01 WHERE id = 6; UPDATE t SET doc = '{"b": null}', name = 'both' WHERE id = 6`,
  `UPDATE t SET name = 'skip me' WHERE id IN (7, 8); INSERT INTO t (id, name) VALUES (100, 'skip too')`,
  `UPDATE t SET name = 'back' WHERE id = 8; UPDATE t SET id = 200 WHERE id = 9; UPDATE t SET id = 201, name = 'skip moved' WHERE id = 10`,
  `BEGIN; UPDATE t SET id = -1 WHERE id = 11; UPDATE t SET id = 11, name = 'x' WHERE id = 12; UPDATE t SET id = 12 WHERE id = -1; COMMIT`,
  `UPDATE t SET big = big || 'y' WHERE id = 13; DELETE FROM t WHERE id = 14; INSERT INTO t (id, name, big) VALUES (14, 'again', 'small')`,
  `UPDATE t SET name = 'gone soon' WHERE id = 15; DELETE FROM t WHERE id = 15`,
]

async function verify(fixture: SyncFixture) {
  const options = { configFile: fixture.configFile, settings: [], environment: {}, logLevel: 'silent' } as const
  await using application = await openApplication(options)
  return await application.verify({ tables: [], deep: true }, () => undefined, new AbortController().signal)
}

async function check(fixture: SyncFixture): Promise<void> {
  const wanted = (await fixture.sql(EXPECTED)).map((row) => Object.values(row))
  expect(await fixture.copied(COPIED)).toEqual(wanted)
  const report = await verify(fixture)
  expect(report).toMatchObject({ equal: true, skipped: [] })
}

const QUERY = `SELECT * EXCLUDE (secret, price) REPLACE (upper(name) AS name), price * 2 AS double, name || ':' || length(big) AS pair FROM batch WHERE name NOT LIKE 'skip%'`
const MODULE = `
import { defineTransform } from '${join(import.meta.dirname, '../../src/core/transform.ts')}'
export default defineTransform({
  reads: ['name', 'price', 'big'],
  drops: ['secret', 'price'],
  writes: { name: 'text', double: 'decimal(12,2)', pair: 'text' },
  row({ name, price, big }: { name: string | null; price: string | null; big: string | null }) {
    if (name?.startsWith('skip')) return null
    return {
      name: name?.toUpperCase() ?? null,
      double: price === null ? null : (Number(price) * 2).toFixed(2),
      pair: big === null ? null : name + ':' + big.length,
    }
  },
})
`

test.each([
  ['SQL', QUERY],
  ['a module', './transform.ts'],
])('rows come out of %s alike, however they came', async (_, transform) => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: [{ name: 'public.t', transform }] })
  await writeFile(join(fixture.folder, 'transform.ts'), MODULE)
  expect((await fixture.once()).summary.tables).toEqual([{ source: 'shop', table: 'public.t', state: 'live' }])
  await check(fixture)
  for (const change of CHANGES) await fixture.sql(change)
  await fixture.once()
  await check(fixture)
  for (const change of [...CHANGES].slice(0, 4)) {
    await fixture.sql(change.replaceAll('200', '300').replaceAll('201', '301').replaceAll('(100', '(101'))
    await fixture.once()
    await check(fixture)
  }
  expect((await fixture.copied(`SELECT t::VARCHAR FROM copy.t t WHERE t::VARCHAR LIKE '%hidden%'`)).length).toBe(0)
})
