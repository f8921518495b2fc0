/** Cursors of every kind, and what they do to pages, to NULLs and to clocks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PollScene, type SceneOptions } from '../support/poll-scene.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

const ids = (rows: readonly { readonly id?: unknown }[]) => rows.map(({ id }) => Number(id)).sort((a, b) => a - b)

function open(table: string, options: Readonly<Record<string, unknown>> = {}, scene: Partial<SceneOptions> = {}) {
  return PollScene.open({
    url: database.url,
    tables: [{ name: `public.${table}`, cursor: 'changed', ...options }],
    lateArrivalsMs: 0,
    ...scene,
  })
}

test('rows that share a cursor at the end of a page are neither lost nor sent twice', async () => {
  await database.query(`CREATE TABLE shared (id int PRIMARY KEY, changed timestamptz NOT NULL); CREATE INDEX ON shared (changed);
    INSERT INTO shared SELECT g, '2024-01-01' FROM generate_series(1, 5) g`)
  await using scene = await open('shared', {}, { pageRows: 10 })
  // Groups of 1 to 25 rows with one cursor each, so that ends of pages of 10 fall everywhere.
  await database.query(`INSERT INTO shared SELECT row_number() OVER () + 100, '2024-02-01'::timestamptz + g * interval '1 microsecond'
    FROM generate_series(1, 25) g, generate_series(1, g)`)
  const events = await scene.pollEvents()
  expect(events.filter(({ kind }) => kind === 'boundary').length).toBeGreaterThan(5)
  await database.query('UPDATE shared SET changed = changed WHERE id = 101')
  expect(ids(await scene.poll())).toEqual([101])
  await scene.close()
  const rows = scene.events.flatMap((event) => (event.kind === 'changes' ? [event.batch.rows] : []))
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe((25 * 26) / 2 + 1)
})

test('a poll that is cut off goes on behind its last page, and misses nothing that came meanwhile', async () => {
  await database.query(
    `CREATE TABLE cut (id int PRIMARY KEY, note text, changed timestamptz NOT NULL); CREATE INDEX ON cut (changed)`,
  )
  await using scene = await open('cut', {}, { pageRows: 10 })
  await database.query(
    `INSERT INTO cut SELECT g, 'one', '2024-01-01'::timestamptz + g * interval '1 second' FROM generate_series(1, 100) g`,
  )
  const got = new Map<number, string>()
  const times = new Map<number, number>()
  let boundaries = 0
  const take = async (stop: number) => {
    const before = scene.events.length
    await scene.breakAfter((event) => event.kind === 'boundary' && ++boundaries >= stop)
    return before
  }
  await take(3)
  // Rows of pages that have been read, of pages that have not, and new ones.
  await database.query(
    "UPDATE cut SET note = 'two' WHERE id IN (5, 95); INSERT INTO cut VALUES (200, 'two', '2024-01-01 00:00:07.5')",
  )
  await take(boundaries + 4)
  await database.query("UPDATE cut SET note = 'three' WHERE id IN (6, 96)")
  await scene.poll()
  await scene.poll()
  for (const event of scene.events) {
    if (event.kind !== 'changes') continue
    for (const row of scene.rowsOf(event.batch)) {
      got.set(Number(row.id), String(row.note))
      times.set(Number(row.id), (times.get(Number(row.id)) ?? 0) + 1)
    }
  }
  expect(got.size).toBe(101)
  expect([5, 6, 95, 96, 200].map((id) => got.get(id))).toEqual(['two', 'three', 'two', 'three', 'two'])
  // What was recorded is not sent again: only the two that changed after they were sent.
  expect(
    [...times]
      .filter(([, count]) => count > 1)
      .map(([id]) => id)
      .sort(),
  ).toEqual([5, 6])
})

test('microseconds count', async () => {
  await database.query(`CREATE TABLE micro (id int PRIMARY KEY, changed timestamptz NOT NULL); CREATE INDEX ON micro (changed);
    INSERT INTO micro VALUES (1, '2024-01-01 00:00:00.123456')`)
  await using scene = await open('micro')
  for (let poll = 0; poll < 3; poll++) await scene.poll()
  expect(scene.token('public.micro')).toMatchObject({
    from: String(microsSince2000('2024-01-01T00:00:00Z') + 123_456n),
  })
  await database.query("INSERT INTO micro VALUES (2, '2024-01-01 00:00:00.123456'), (3, '2024-01-01 00:00:00.123457')")
  expect(ids(await scene.poll())).toEqual([2, 3])
  await scene.poll()
  await scene.poll()
  // Below where polls begin by one microsecond: the promise of the cursor is broken, so it is not found by polls alone.
  await database.query("INSERT INTO micro VALUES (4, '2024-01-01 00:00:00.123456')")
  expect(await scene.poll()).toEqual([])
})

describe('rows without a cursor', () => {
  const sql = (
    name: string,
  ) => `CREATE TABLE ${name} (id int PRIMARY KEY, note text, changed timestamptz); CREATE INDEX ON ${name} (changed);
    INSERT INTO ${name} VALUES (1, 'one', now()), (2, 'two', NULL)`

  test('are followed where they are included', async () => {
    await database.query(sql('nulls'))
    await using scene = await open('nulls')
    expect(await scene.poll()).toEqual([])
    await database.query("UPDATE nulls SET note = 'again' WHERE id = 2; INSERT INTO nulls VALUES (3, 'three', NULL)")
    expect(ids(await scene.poll())).toEqual([2, 3])
    expect(await scene.poll()).toEqual([])
  })

  test('are left out where they are ignored, of the first read too, until they have one', async () => {
    await database.query(sql('ignored'))
    await using scene = await open('ignored', { null_cursor: 'ignore' })
    expect(scene.firstRows.map(({ id }) => id)).toEqual([1n])
    await database.query(
      "UPDATE ignored SET note = 'again' WHERE id = 2; INSERT INTO ignored VALUES (3, 'three', NULL)",
    )
    expect(await scene.poll()).toEqual([])
    await database.query('UPDATE ignored SET changed = now() WHERE id = 2')
    expect(ids(await scene.poll())).toEqual([2])
  })

  test('stop the table where they are an error, at the first read and at a poll', async () => {
    await database.query(sql('refused'))
    await expect(open('refused', { null_cursor: 'error' })).rejects.toMatchObject({
      code: 'source_setting',
      context: { table: 'public.refused', column: 'changed' },
    })
    await database.query('DELETE FROM refused WHERE changed IS NULL')
    await using scene = await open('refused', { null_cursor: 'error' })
    await database.query("INSERT INTO refused VALUES (4, 'four', NULL)")
    const events = await scene.breakAfter(({ kind }) => kind === 'table-failed')
    expect(events.at(-1)).toMatchObject({ kind: 'table-failed', needsResync: false, error: { code: 'source_setting' } })
  })
})

describe('clocks', () => {
  test('a time far ahead does not hide what is written now', async () => {
    await database.query(`CREATE TABLE ahead (id int PRIMARY KEY, note text, changed timestamptz NOT NULL); CREATE INDEX ON ahead (changed);
      INSERT INTO ahead VALUES (1, 'a', now()), (2, 'far', now() + interval '1000 years'), (3, 'for ever', 'infinity')`)
    await using scene = await open('ahead')
    expect(await scene.poll()).toEqual([])
    await database.query(
      "UPDATE ahead SET note = 'b', changed = now() WHERE id = 1; INSERT INTO ahead VALUES (4, 'far', now() + interval '1 year')",
    )
    expect(ids(await scene.poll())).toEqual([1, 4])
    expect(scene.events.filter(({ kind }) => kind === 'notice')).toMatchObject([
      { message: expect.stringContaining("ahead of the server's clock") },
    ])
    await database.query("UPDATE ahead SET note = 'c' WHERE id IN (2, 3, 4)")
    expect(ids(await scene.poll())).toEqual([2, 3, 4])
    expect(await scene.poll()).toEqual([])
  })

  test('a clock of the server that jumps back hides no row and stops no position', async () => {
    await database.query(`CREATE TABLE jumped (id int PRIMARY KEY, changed timestamptz NOT NULL); CREATE INDEX ON jumped (changed);
      INSERT INTO jumped VALUES (1, now())`)
    await using scene = await open('jumped')
    await scene.poll()
    // As if polls had been made until a year from now, before the clock was put right.
    const ahead = BigInt(Date.now() + 365 * 86_400_000) * 1000n
    await scene.pretend('public.jumped', ahead)
    await database.query('INSERT INTO jumped VALUES (2, now())')
    const [row] = await scene.poll()
    expect(row).toMatchObject({ id: 2n })
    expect(BigInt(`0x${row!.position!.split('/')[1]}`)).toBeGreaterThan(ahead)
    await database.query('INSERT INTO jumped VALUES (3, now())')
    expect(ids(await scene.poll())).toEqual([3])
    expect(await scene.poll()).toEqual([])
  })
})

test.each([
  ['bigint', '41', '42'],
  ['integer', '-5', '7'],
  ['smallint', '1', '2'],
  ['timestamp', "now() AT TIME ZONE 'UTC'", "clock_timestamp() AT TIME ZONE 'UTC'"],
  ['date', 'current_date', 'current_date'],
  ['stamp', 'now()', 'clock_timestamp()'],
])('a cursor of type %s', async (type, before, after) => {
  await database.query(
    'DROP DOMAIN IF EXISTS stamp CASCADE; CREATE DOMAIN stamp AS timestamptz; DROP TABLE IF EXISTS typed',
  )
  await database.query(`CREATE TABLE typed (id int PRIMARY KEY, changed ${type} NOT NULL); CREATE INDEX ON typed (changed);
    INSERT INTO typed SELECT g, ${before} FROM generate_series(1, 3) g`)
  await using scene = await open('typed')
  expect(await scene.poll()).toEqual([])
  await database.query(`UPDATE typed SET changed = ${after} WHERE id = 2`)
  expect(ids(await scene.poll())).toEqual([2])
  for (let poll = 0; poll < 2; poll++) expect(await scene.poll()).toEqual([])
  await database.query(`INSERT INTO typed VALUES (4, ${after})`)
  expect(ids(await scene.poll())).toEqual([4])
})

test.each([
  ['text', /its cursor "changed" is text; a cursor is a timestamp, a date or a whole number/],
  ['numeric(10,2)', /is numeric\(10,2\)/],
  ['uuid', /is uuid/],
  ['timestamptz[]', /is timestamp with time zone\[\]/],
])('a cursor of type %s is refused, naming column and type', async (type, message) => {
  await database.query(
    `DROP TABLE IF EXISTS wrong; CREATE TABLE wrong (id int PRIMARY KEY, changed ${type}, other timestamptz)`,
  )
  const error = await open('wrong').then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({
    code: 'config_invalid',
    context: { table: 'public.wrong' },
    cause: { message: expect.stringMatching(message) },
  })
  expect((error as { hint: string }).hint).toContain('other')
})

test('a cursor that does not exist is refused', async () => {
  await database.query('CREATE TABLE lacking (id int PRIMARY KEY, updated timestamptz)')
  await expect(open('lacking')).rejects.toMatchObject({
    code: 'config_invalid',
    cause: { message: expect.stringContaining('no column "changed"') },
  })
})

test.each([
  ['without a cursor', 'id int PRIMARY KEY, note text', {}],
  ['with a cursor that no index serves', 'id int PRIMARY KEY, note text, updated_at timestamptz DEFAULT now()', {}],
  [
    'whose cursor is not to be used',
    'id int PRIMARY KEY, note text, updated_at timestamptz DEFAULT now()',
    { cursor: false },
  ],
])('a table %s is looked at whole, and only what changed is sent', async (_, columns, options) => {
  await database.query(`DROP TABLE IF EXISTS whole; CREATE TABLE whole (${columns});
    INSERT INTO whole (id, note) SELECT g, 'one' FROM generate_series(1, 100) g`)
  await using scene = await PollScene.open({ url: database.url, tables: [{ name: 'public.whole', ...options }] })
  expect(await scene.poll()).toEqual([])
  await database.query("UPDATE whole SET note = 'two' WHERE id = 17; INSERT INTO whole (id, note) VALUES (200, 'new')")
  expect(ids(await scene.poll())).toEqual([17, 200])
  expect(await scene.poll()).toEqual([])
})

function microsSince2000(text: string): bigint {
  return BigInt(Date.parse(text)) * 1000n - 946_684_800_000_000n
}
