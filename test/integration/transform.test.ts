/** Rows that are transformed on their way: in a snapshot, in the stream, and when both sides are compared. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import type { Wraps } from '../support/pipeline.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { wrapSource } from '../support/wrapped-ports.ts'

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

const SMALL = `CREATE TABLE t (id int PRIMARY KEY, v int, w text); INSERT INTO t SELECT i, i, 'w' FROM generate_series(1, 50) i; CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)`

async function reconfigure(fixture: SyncFixture, table: Readonly<Record<string, unknown>>): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  Object.assign(config.sources.shop.tables[0], table)
  await writeFile(fixture.configFile, JSON.stringify(config))
}

test.each([
  ['SELECT id, nme FROM batch', 'nme'],
  ['SELECT v FROM batch', 'leaves out "id"'],
  ['SELECT id::bigint AS id, v FROM batch', 'makes BIGINT of "id"'],
  ['SELECT id, random() AS r FROM batch', 'random() gives another value each time'],
  ['SELECT id, current_timestamp AS r FROM batch', 'current_timestamp() gives another value each time'],
  ['SELECT id FROM batch; SELECT 1', 'one SELECT'],
  ['SELECT id, FROM FROM batch', 'syntax error'],
  ['SELECT -id AS id, v FROM batch', 'changes the key'],
  ['SELECT id, unnest([1, 2]) AS v FROM batch', 'several rows of one'],
  ['./missing-export.ts#nothing', 'no export "nothing"'],
  ['./reads-too-much.ts', 'names the column "x"'],
  ['./throws-at-once.ts', 'cannot be loaded'],
])('a transform that cannot be one stops its table alone, and says why: %s', async (transform, reason) => {
  await using fixture = await SyncFixture.create({
    sql: SMALL,
    tables: [{ name: 'public.t', transform }, 'public.other'],
  })
  await writeFile(join(fixture.folder, 'missing-export.ts'), 'export const a = 1')
  await writeFile(
    join(fixture.folder, 'reads-too-much.ts'),
    `export default { reads: ['x'], writes: {}, row: () => ({}) }`,
  )
  await writeFile(join(fixture.folder, 'throws-at-once.ts'), `throw new TypeError('private')`)
  const { summary } = await fixture.once()
  expect(summary).toMatchObject({ outcome: 'partial' })
  expect(summary.tables).toMatchObject([
    { table: 'public.t', state: 'failed', error: expect.stringContaining(reason) },
    { table: 'public.other', state: 'live' },
  ])
})

test('rows that a transform fails on wait, the table stops before them, and goes on once it is mended', async () => {
  const transform = `SELECT id, 100 // (v - 500000) AS q, CASE WHEN v = 1000000 THEN error('no') ELSE w END AS w FROM batch`
  await using fixture = await SyncFixture.create({
    sql: `${SMALL}; INSERT INTO t SELECT i, i, 'more' FROM generate_series(51, 20000) i`,
    tables: [{ name: 'public.t', transform }, 'public.other'],
  })
  await fixture.once()
  await fixture.sql(
    `INSERT INTO t SELECT i, i, 'late' FROM generate_series(900001, 1000001) i; DELETE FROM t WHERE id = 3; INSERT INTO other VALUES (2)`,
  )
  const { summary } = await fixture.once()
  expect(summary.tables).toMatchObject([
    { state: 'failed', error: expect.stringContaining('Transforming public.t failed') },
    { state: 'live' },
  ])
  expect(JSON.stringify(summary.tables)).not.toContain('late')
  expect(await fixture.copied('SELECT count(*)::VARCHAR FROM copy.t')).toEqual([['20000']])
  await fixture.sql(`UPDATE t SET v = 7 WHERE id = 4`)
  await reconfigure(fixture, { transform: transform.replace("error('no')", "'mended'") })
  const again = await fixture.once()
  expect(again.summary).toMatchObject({ outcome: 'ok' })
  expect(again.events.some((event) => event.event === 'notice' && event.message.includes('another one now'))).toBe(true)
  expect(
    await fixture.copied(
      `SELECT count(*)::VARCHAR, count(*) FILTER (WHERE w = 'mended')::VARCHAR FROM copy.t WHERE NOT _fivetran_deleted`,
    ),
  ).toEqual([['120000', '1']])
  expect(await verify(fixture)).toMatchObject({ equal: true })
})

const FAILING = `SELECT id, v, CASE WHEN w = 'bad' THEN error('no') ELSE upper(w) END AS w FROM batch`
const FAILING_MODULE = `export default { reads: ['w'], writes: { w: 'text' }, row({ w }) { if (w === 'bad') throw new Error('no'); return { w: w.toUpperCase() } } }`

test.each([
  ['SQL', FAILING],
  ['a module', './fails.mjs'],
])('told to go on, it quarantines the rows that %s fails on, and only those', async (_, transform) => {
  await using fixture = await SyncFixture.create({
    sql: `${SMALL}; UPDATE t SET w = 'bad' WHERE id IN (10, 11)`,
    tables: [{ name: 'public.t', transform, on_transform_error: 'continue' }],
  })
  await writeFile(join(fixture.folder, 'fails.mjs'), FAILING_MODULE)
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok', quarantined: 2 })
  await fixture.sql(
    `UPDATE t SET w = 'bad' WHERE id = 12; UPDATE t SET w = 'good' WHERE id = 10; UPDATE t SET id = 300, w = 'bad' WHERE id = 13; DELETE FROM t WHERE id = 11; INSERT INTO t VALUES (400, 1, 'bad')`,
  )
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok', quarantined: 3 })
  expect(
    await fixture.copied(
      `SELECT id::VARCHAR, w FROM copy.t WHERE NOT _fivetran_deleted AND (id BETWEEN 9 AND 14 OR id > 50) ORDER BY t.id`,
    ),
  ).toEqual([
    ['9', 'W'],
    ['10', 'GOOD'],
    ['12', 'W'],
    ['14', 'W'],
  ])
  expect(await fixture.copied(`SELECT key, column_name, reason[:10] FROM _simplyload.quarantine ORDER BY key`)).toEqual(
    [10, 11, 12, 300, 400].map((key) => [`["${key}"]`, '', 'transform:']),
  )
  const report = await verify(fixture)
  expect(report.tables[0]).toMatchObject({ differing: 0, duplicateKeys: 0, explained: 4 })
})

test('values of every type pass through SQL and modules unharmed', async () => {
  const columns = `id int PRIMARY KEY, a smallint, b bigint, c numeric(20,5), d numeric, e float4, f float8, g bool, h bytea, i date, j time, k timestamp, l timestamptz, m uuid, n jsonb, o text[], p interval`
  const rows = `INSERT INTO t VALUES (1, -32768, 9223372036854775807, -123456789012345.12345, 1e40, 1.5, 'NaN', true, '\\x00ff', '2024-02-29', '23:59:59.999999', '0044-03-15 BC', '2026-01-01 00:00:00.000001+14', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{"a": [1, null], "\\u00e9": "x"}', '{a,NULL}', '1 mon'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`
  const names = [...'abcdefghijklmnop']
  const types = [
    'int16',
    'int64',
    'decimal(20,5)',
    'text',
    'float32',
    'float64',
    'bool',
    'bytes',
    'date',
    'time',
    'timestamp',
    'timestamptz',
    'uuid',
    'json',
    'json',
    'text',
  ]
  const writes = Object.fromEntries(names.map((name, index) => [name, types[index]]))
  const module = `export default { reads: ${JSON.stringify(names)}, writes: ${JSON.stringify(writes)}, row: (values) => values }`
  const found: unknown[] = []
  for (const transform of [
    undefined,
    'SELECT * FROM batch',
    `SELECT ${['id', ...names].join(', ')} FROM batch`,
    './same.mjs',
  ]) {
    await using fixture = await SyncFixture.create({
      sql: `CREATE TABLE t (${columns}); ${rows}`,
      tables: [transform === undefined ? 'public.t' : { name: 'public.t', transform }],
    })
    await writeFile(join(fixture.folder, 'same.mjs'), module)
    await fixture.once()
    await fixture.sql(`${rows.replace('(1,', '(3,').replace('(2,', '(4,')}; UPDATE t SET a = 5 WHERE id = 1`)
    expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
    expect(await verify(fixture)).toMatchObject({ equal: true })
    found.push(
      await fixture.copied(
        `SELECT (t.* EXCLUDE (_fivetran_synced, _source_position))::VARCHAR FROM copy.t t ORDER BY t.id`.replace(
          '(t.* EXCLUDE (_fivetran_synced, _source_position))',
          `struct_pack(${['id', ...names].map((name) => `${name} := t.${name}`).join(', ')})`,
        ),
      ),
    )
    found.push(
      await fixture.copied(
        `SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'copy' AND column_name NOT LIKE '_%' ESCAPE '' ORDER BY ALL`,
      ),
    )
  }
  for (let index = 2; index < found.length; index++) expect(found[index]).toEqual(found[index % 2])
})

test('a column that comes with a default, one that goes, and one that the transform asks for by its old name', async () => {
  await using fixture = await SyncFixture.create({
    sql: SMALL,
    tables: [{ name: 'public.t', transform: `SELECT * REPLACE (upper(w) AS w), w || '!' AS loud FROM batch` }],
  })
  const running = fixture.start()
  await running.live('public.t')
  await fixture.sql(`ALTER TABLE t ADD x text DEFAULT 'given'; UPDATE t SET v = 1000 WHERE id = 1`)
  await running.heard('state', (event) => event.table === 'public.t' && event.state === 'pending')
  await running.stop()
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(await fixture.copied(`SELECT DISTINCT x FROM copy.t`)).toEqual([['given']])
  await fixture.sql(`ALTER TABLE t DROP x; UPDATE t SET v = 1001 WHERE id = 2`)
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(await verify(fixture)).toMatchObject({ equal: true })
  await fixture.sql(`ALTER TABLE t RENAME w TO word; UPDATE t SET v = 1002 WHERE id = 3`)
  expect((await fixture.once()).summary.tables).toMatchObject([
    { state: 'failed', error: expect.stringContaining('"w"') },
  ])
  await reconfigure(fixture, { transform: `SELECT * EXCLUDE (word), upper(word) AS w, word || '!' AS loud FROM batch` })
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
})

test('a table without a key: rows that are left out stay out when they go', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (v int, w text); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t SELECT i % 10, 'w' FROM generate_series(1, 50) i`,
    tables: [{ name: 'public.t', transform: `SELECT v, upper(w) AS w FROM batch WHERE v <> 3` }],
  })
  await fixture.once()
  await fixture.sql(
    `DELETE FROM t WHERE v IN (3, 4); UPDATE t SET v = 3 WHERE v = 5; INSERT INTO t VALUES (3, 'x'), (7, 'y'); UPDATE t SET v = 8 WHERE w = 'x'`,
  )
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(
    await fixture.copied(
      `SELECT v::VARCHAR, w, count(*)::VARCHAR FROM copy.t WHERE NOT _fivetran_deleted GROUP BY v, w ORDER BY t.v, w`,
    ),
  ).toEqual([
    ['0', 'W', '5'],
    ['1', 'W', '5'],
    ['2', 'W', '5'],
    ['6', 'W', '5'],
    ['7', 'W', '5'],
    ['7', 'Y', '1'],
    ['8', 'W', '5'],
    ['8', 'X', '1'],
    ['9', 'W', '5'],
  ])
  expect(await verify(fixture)).toMatchObject({ equal: true })
})

test('the source is asked for unchanged values only where a computed column needs them', async () => {
  const asked: number[] = []
  const wraps: Wraps = {
    source: (inner) =>
      wrapSource(inner, {
        readRows: (schema, keys, at, signal) => {
          asked.push(keys.length)
          return inner.readRows(schema, keys, at, signal)
        },
      }),
  }
  const sql = SQL.replace('FROM generate_series(1, 60)', 'FROM generate_series(1, 20)')
  await using fixture = await SyncFixture.create({
    sql,
    tables: [
      { name: 'public.t', transform: `SELECT * EXCLUDE (secret), upper(name) AS loud, md5(big) AS digest FROM batch` },
    ],
  })
  await fixture.once({ wraps })
  await fixture.sql(`UPDATE t SET name = 'x' || id; UPDATE t SET id = id + 1000 WHERE id < 5`)
  expect((await fixture.once({ wraps })).summary).toMatchObject({ outcome: 'ok' })
  expect(asked).toEqual([])
  expect(await verify(fixture)).toMatchObject({ equal: true })
  await reconfigure(fixture, {
    transform: `SELECT * EXCLUDE (secret), upper(name) AS loud, md5(big) AS digest, name || length(big) AS pair FROM batch`,
  })
  await fixture.sql(
    `UPDATE t SET name = 'y' || id; DELETE FROM t WHERE id = 7; UPDATE t SET id = id + 2000 WHERE id IN (8, 9);
     DELETE FROM t WHERE id = 2009`,
  )
  expect((await fixture.once({ wraps })).summary).toMatchObject({ outcome: 'ok' })
  expect(asked).toEqual([22])
  expect(await verify(fixture)).toMatchObject({ equal: true })
})

test('a value that was read for a key is not taken along by the row that had the key before', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, name text, a text, b text);
      INSERT INTO t SELECT i, 'n', ${LARGE}, ${LARGE} FROM generate_series(1, 2) i`,
    tables: [{ name: 'public.t', transform: `SELECT id, b, name || length(a) AS pair FROM batch` }],
  })
  await fixture.once()
  await fixture.sql(`UPDATE t SET name = 'x' WHERE id = 1; UPDATE t SET id = 3, a = 'small' WHERE id = 1`)
  await fixture.sql('UPDATE t SET id = 1 WHERE id = 2')
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(
    await fixture.copied('SELECT id::VARCHAR, md5(b) FROM copy.t WHERE NOT _fivetran_deleted ORDER BY id'),
  ).toEqual((await fixture.sql('SELECT id::text, md5(b) FROM t ORDER BY t.id')).map((row) => Object.values(row)))
})

test('a transaction that arrives in parts, some of which are rolled back', async () => {
  const transform = `SELECT id, v, upper(w) AS w FROM batch WHERE v % 10 <> 3`
  await using fixture = await SyncFixture.create({ sql: SMALL, tables: [{ name: 'public.t', transform }] })
  await fixture.sql(`ALTER DATABASE ${fixture.database.name} SET logical_decoding_work_mem = '64kB'`)
  await fixture.once()
  const [client, rows] = [
    await fixture.database.connect(),
    (from: number) => `INSERT INTO t SELECT i, i, 'w' FROM generate_series(${from}, ${from + 4999}) i`,
  ]
  await client.query(
    `BEGIN; ${rows(1000)}; SAVEPOINT a; ${rows(10000)}; UPDATE t SET w = 'never'; ROLLBACK TO a; ${rows(20000)}; UPDATE t SET v = 3 WHERE id < 10; COMMIT`,
  )
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(
    await fixture.copied(`SELECT count(*)::VARCHAR, string_agg(DISTINCT w) FROM copy.t WHERE NOT _fivetran_deleted`),
  ).toEqual([[String(Number((await fixture.sql(`SELECT count(*) AS n FROM t WHERE v % 10 <> 3`))[0]?.n)), 'W']])
  expect(await verify(fixture)).toMatchObject({ equal: true })
})

test.each(['append', 'history'])('rows of a table that is written as %s are transformed too', async (write) => {
  const transform = `SELECT id, v, upper(w) AS w FROM batch WHERE v <> 13`
  await using fixture = await SyncFixture.create({ sql: SMALL, tables: [{ name: 'public.t', transform, write }] })
  await fixture.once()
  await fixture.sql(`UPDATE t SET w = 'new' WHERE id = 1`)
  await fixture.sql(
    `UPDATE t SET v = 13 WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (99, 13, 'out')`,
  )
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok' })
  expect(await fixture.copied(`SELECT count(*)::VARCHAR FROM copy.t WHERE v = 13 OR w <> upper(w)`)).toEqual([['0']])
  expect(await fixture.copied(`SELECT DISTINCT w FROM copy.t WHERE id = 1 ORDER BY w`)).toEqual([['NEW'], ['W']])
  expect(await verify(fixture)).toMatchObject({ equal: true })
  const deletes = await fixture
    .copied(`SELECT DISTINCT id::VARCHAR FROM copy.t WHERE _fivetran_deleted ORDER BY 1`)
    .catch(() => undefined)
  if (write === 'append') expect(deletes).toEqual([['2'], ['3']])
})
