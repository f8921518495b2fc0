/** Tables of every shape that are polled, and shapes that change between two polls. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StreamEvent } from '../../src/core/source.ts'
import { PollScene } from '../support/poll-scene.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

const open = (table: string, options: Readonly<Record<string, unknown>> = {}) =>
  PollScene.open({ url: database.url, tables: [{ name: `public.${table}`, ...options }], lateArrivalsMs: 0 })

type Rows = readonly { readonly [column: string]: unknown }[]
const pick = (rows: Rows, ...columns: readonly string[]) =>
  rows.map((row) => columns.map((column) => String(row[column])).join(' ')).sort()
const schemaEvents = (events: readonly StreamEvent[]) =>
  events.flatMap((event) => (event.kind === 'schema' ? [event] : []))

describe('keys', () => {
  test('a key of several columns, a deferrable one, and a unique index over NOT NULL columns will do', async () => {
    await database.query(`
      CREATE TABLE pair (a int, b text, note text, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (1, 'x', 'one');
      CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, note text); INSERT INTO late_key VALUES (1, 'one');
      CREATE TABLE only_unique (id int NOT NULL UNIQUE, note text); INSERT INTO only_unique VALUES (1, 'one')`)
    for (const [table, columns] of [
      ['pair', 2],
      ['late_key', 1],
      ['only_unique', 1],
    ] as const) {
      await using scene = await open(table)
      expect(scene.tables.get(`public.${table}`)!.schema.identity).toMatchObject({
        kind: 'key',
        columnIds: { length: columns },
      })
      await database.query(`UPDATE ${table} SET note = 'two'`)
      expect(pick(await scene.poll(), 'op', 'note')).toEqual(['u two'])
    }
  })

  test('a key given by hand may be NULL in some rows, which are quarantined', async () => {
    await database.query(
      `CREATE TABLE nullable_key (code text UNIQUE, note text); INSERT INTO nullable_key VALUES ('a', 'one')`,
    )
    await using scene = await open('nullable_key', { key: ['code'] })
    await database.query(`INSERT INTO nullable_key VALUES (NULL, 'none'), ('b', 'two')`)
    expect(pick(await scene.poll(), 'op', 'code')).toEqual(['q null', 'u b'])
  })

  test('a table without a key is sent whole when anything in it has changed, and only then', async () => {
    await database.query(`CREATE TABLE bag (a int, b text); INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL)`)
    await using scene = await open('bag')
    expect(scene.tables.get('public.bag')!.schema.identity.kind).toBe('bag')
    expect(await scene.poll()).toEqual([])
    await database.query(`DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag)`)
    expect(pick(await scene.poll(), 'op', 'a', 'b')).toEqual(['i 1 x', 'i 2 null', 't null null'])
    expect(await scene.poll()).toEqual([])
    await database.query(`UPDATE bag SET b = 'y' WHERE a = 2`)
    expect(pick(await scene.poll(), 'op', 'a', 'b')).toEqual(['i 1 x', 'i 2 y', 't null null'])
    await database.query('DELETE FROM bag')
    expect(pick(await scene.poll(), 'op')).toEqual(['t'])
    expect(await scene.poll()).toEqual([])
  })

  test('of a table without a key whose cursor is named, rows that are new are followed', async () => {
    await database.query(`CREATE TABLE log (at timestamptz NOT NULL DEFAULT clock_timestamp(), line text); CREATE INDEX ON log (at);
      INSERT INTO log (line) VALUES ('one')`)
    await using scene = await open('log', { cursor: 'at' })
    expect(scene.tables.get('public.log')!.schema.identity.kind).toBe('append')
    await database.query(`INSERT INTO log (line) VALUES ('two'), ('three')`)
    expect(pick(await scene.poll(), 'op', 'line')).toEqual(['i three', 'i two'])
    expect(await scene.poll()).toEqual([])
  })
})

describe('deleted marks', () => {
  test.each([
    ['timestamptz', 'now()'],
    ['boolean', 'true'],
  ])('a column of type %s', async (type, deleted) => {
    await database.query(`DROP TABLE IF EXISTS soft; CREATE TABLE soft (id int PRIMARY KEY, note text, gone ${type}, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX ON soft (updated_at); INSERT INTO soft (id, note) VALUES (1, 'one'), (2, 'two'); INSERT INTO soft VALUES (3, 'before', ${deleted})`)
    await using scene = await open('soft', { soft_delete_column: 'gone', exclude: ['gone'] })
    expect(pick(scene.firstRows, 'id')).toEqual(['1', '2'])
    // What was deleted before the first read comes with the first poll, so that it is there with its mark.
    expect(pick(await scene.poll(), 'op', 'id', 'note')).toEqual(['d 3 null', 'u 3 before'])
    await database.query(
      `UPDATE soft SET note = 'last', gone = ${deleted}, updated_at = clock_timestamp() WHERE id = 2`,
    )
    expect(pick(await scene.poll(), 'op', 'id', 'note')).toEqual(['d 2 null', 'u 2 last'])
    await database.query(`UPDATE soft SET gone = NULL, updated_at = clock_timestamp() WHERE id = 2`)
    expect(pick(await scene.poll(), 'op', 'id', 'note')).toEqual(['u 2 last'])
    expect(await scene.poll()).toEqual([])
  })

  test('rows that were marked before the first poll are sent once, also while others write', async () => {
    await database.query(`CREATE TABLE marked (id int PRIMARY KEY, gone boolean, updated_at timestamptz NOT NULL DEFAULT now());
      CREATE INDEX ON marked (updated_at)`)
    await using scene = await open('marked', { soft_delete_column: 'gone' })
    const writer = await database.connect()
    await writer.query('BEGIN; SELECT pg_current_xact_id()')
    await database.query('INSERT INTO marked VALUES (1, true)')
    expect(pick(await scene.poll(), 'op', 'id')).toEqual(['d 1', 'u 1'])
    expect(await scene.poll()).toEqual([])
    await writer.query('COMMIT')
    await writer.end()
    expect(await scene.poll()).toEqual([])
  })

  test('of another type is refused', async () => {
    await database.query('CREATE TABLE odd_mark (id int PRIMARY KEY, gone int)')
    await expect(open('odd_mark', { soft_delete_column: 'gone' })).rejects.toMatchObject({
      code: 'config_invalid',
      cause: { message: expect.stringContaining('soft_delete_column "gone" is integer') },
    })
  })
})

describe('changes between two polls', () => {
  const sql = (
    table: string,
  ) => `CREATE TABLE ${table} (id int PRIMARY KEY, note text, amount int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE INDEX ON ${table} (updated_at); INSERT INTO ${table} (id, note, amount) VALUES (1, 'one', 1), (2, 'two', 2)`

  test('columns that come, go and are renamed', async () => {
    await database.query(sql('columns'))
    await using scene = await open('columns')
    await scene.poll()
    await database.query(`ALTER TABLE columns ADD COLUMN extra text; ALTER TABLE columns RENAME COLUMN note TO remark; ALTER TABLE columns DROP COLUMN amount;
      UPDATE columns SET extra = 'filled', updated_at = clock_timestamp() WHERE id = 2`)
    const events = await scene.pollEvents()
    expect(schemaEvents(events)).toMatchObject([{ rewritten: false }])
    expect(schemaEvents(events)[0]!.changes).toEqual(
      expect.arrayContaining(['renamed column note to remark', 'added column extra text', 'dropped column amount']),
    )
    const rows = events.flatMap((event) => (event.kind === 'changes' ? scene.rowsOf(event.batch) : []))
    expect(pick(rows, 'id', 'remark', 'extra')).toEqual(['2 two filled'])
    expect(await scene.poll()).toEqual([])
  })

  test('a column with a constant default says what rows have that were there before', async () => {
    await database.query(sql('defaulted'))
    await using scene = await open('defaulted')
    await database.query(`ALTER TABLE defaulted ADD COLUMN level int NOT NULL DEFAULT 7`)
    const [event] = schemaEvents(await scene.pollEvents())
    expect(event).toMatchObject({ rewritten: false })
    expect(event!.schema.columns.find(({ name }) => name === 'level')).toMatchObject({ missingValue: '7' })
  })

  test('a table that is rewritten has to be read again', async () => {
    await database.query(sql('rewritten'))
    await using scene = await open('rewritten')
    await database.query(`ALTER TABLE rewritten ALTER COLUMN amount TYPE text USING 'n' || amount`)
    expect(schemaEvents(await scene.pollEvents())).toMatchObject([{ rewritten: true }])
    // Nothing more of it until it has been read.
    await database.query(`UPDATE rewritten SET updated_at = clock_timestamp()`)
    expect(await scene.poll()).toEqual([])
  })

  test('VACUUM FULL is no change', async () => {
    await database.query(sql('vacuumed'))
    // While a transaction is in flight that is older than the table, nobody could tell that it is not rewritten.
    for (let settled = false; !settled; ) {
      const [row] = await database.query(
        `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8 > xmin::text::int8 AS settled FROM pg_class WHERE relname = 'vacuumed'`,
      )
      settled = row?.settled === true
    }
    await using scene = await open('vacuumed')
    await database.query('VACUUM FULL vacuumed')
    expect(schemaEvents(await scene.pollEvents())).toEqual([])
    await database.query(`UPDATE vacuumed SET note = 'new', updated_at = clock_timestamp() WHERE id = 1`)
    expect(pick(await scene.poll(), 'id', 'note')).toEqual(['1 new'])
  })

  test('the index of a cursor that is dropped and made again loses nothing', async () => {
    await database.query(sql('unindexed'))
    await using scene = await open('unindexed')
    await scene.poll()
    await database.query(
      `DROP INDEX unindexed_updated_at_idx; UPDATE unindexed SET note = 'a', updated_at = clock_timestamp() WHERE id = 1`,
    )
    expect(pick(await scene.poll(), 'id', 'note')).toEqual(['1 a'])
    await database.query(
      `CREATE INDEX ON unindexed (updated_at); UPDATE unindexed SET note = 'b', updated_at = '2001-01-01' WHERE id = 2`,
    )
    expect(pick(await scene.poll(), 'id', 'note')).toEqual(['2 b'])
    expect(await scene.poll()).toEqual([])
  })

  test.each([
    ['dropped', (table: string) => `DROP TABLE ${table}`, 'it was dropped'],
    [
      'renamed',
      (table: string) => `ALTER TABLE ${table} RENAME TO ${table}_now`,
      'it is called public.renamed_now now',
    ],
    [
      'made anew',
      (table: string) => `DROP TABLE ${table}; CREATE TABLE ${table} (id int PRIMARY KEY)`,
      'it was dropped',
    ],
  ])('a table that is %s stops alone', async (how, change, reason) => {
    const table = how.replace(' ', '_')
    await database.query(`${sql(table)}; DROP TABLE IF EXISTS beside; ${sql('beside')}`)
    await using scene = await PollScene.open({ url: database.url, tables: [`public.${table}`, 'public.beside'] })
    await database.query(change(table))
    const events = await scene.breakAfter(({ kind }) => kind === 'table-failed')
    expect(events.at(-1)).toMatchObject({ table: { name: table }, error: { cause: { message: reason } } })
    scene.tables.delete(`public.${table}`)
    await database.query(`UPDATE beside SET note = 'on', updated_at = clock_timestamp() WHERE id = 1`)
    expect(pick(await scene.poll(), 'table', 'note')).toEqual(['beside on'])
  })

  test('a key that is none any more stops the table', async () => {
    await database.query(sql('unkeyed'))
    await using scene = await open('unkeyed')
    await database.query('ALTER TABLE unkeyed DROP CONSTRAINT unkeyed_pkey')
    const events = await scene.breakAfter(({ kind }) => kind === 'table-failed')
    expect(events.at(-1)).toMatchObject({ needsResync: true, error: { code: 'source_gap' } })
  })

  test('rules that are configured anew let the table be read again', async () => {
    await database.query(sql('ruled'))
    await using scene = await open('ruled')
    await scene.poll()
    await scene.close()
    scene.configure([{ name: 'public.ruled', soft_delete_column: 'updated_at' }])
    expect(schemaEvents(await scene.pollEvents())).toMatchObject([{ rewritten: true }])
  })
})

describe('partitioned tables', () => {
  test('partitions that are made, attached with rows, and written to', async () => {
    await database.query(`
      CREATE TABLE event (id int, at date NOT NULL, updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE INDEX ON event (updated_at);
      CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
      INSERT INTO event VALUES (1, '2024-01-05')`)
    await using scene = await open('event')
    expect(await scene.poll()).toEqual([])
    await database.query(
      `CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2024-02-01') TO ('2024-03-01'); INSERT INTO event VALUES (2, '2024-02-05')`,
    )
    expect(pick(await scene.poll(), 'id')).toEqual(['2'])
    await database.query(
      `CREATE TABLE event_3 (LIKE event INCLUDING ALL); INSERT INTO event_3 VALUES (3, '2024-03-05', '2001-01-01')`,
    )
    expect(await scene.poll()).toEqual([])
    await database.query(`ALTER TABLE event ATTACH PARTITION event_3 FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')`)
    expect(pick(await scene.poll(), 'id')).toEqual(['3'])
    await database.query(`UPDATE event SET updated_at = clock_timestamp()`)
    expect(pick(await scene.poll(), 'id')).toEqual(['1', '2', '3'])
    expect(await scene.poll()).toEqual([])
  })
})

test('a table that somebody holds for himself keeps the others waiting for a while only', async () => {
  await database.query(`CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE free (id int PRIMARY KEY)`)
  await using scene = await PollScene.open({
    url: database.url,
    tables: ['public.held', 'public.free'],
    lockTimeoutMs: 300,
  })
  const holder = await database.connect()
  await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
  await database.query('INSERT INTO free VALUES (1)')
  await expect(scene.poll()).rejects.toMatchObject({ code: 'source_busy' })
  await scene.close()
  expect(pick(await scene.poll(), 'table', 'id')).toEqual(['free 1'])
  await holder.query('COMMIT')
  await holder.end()
})
