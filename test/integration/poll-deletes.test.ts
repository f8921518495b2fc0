/** What no cursor tells: rows that are gone, and rows whose cursor moved backwards, found by comparing keys. */
import { expect, test } from 'vitest'
import type { ChangeSource } from '../../src/core/source.ts'
import { type FaultPlan, FaultyDestination } from '../support/faulty-destination.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { watchSnapshot, watchStream } from '../support/wrapped-ports.ts'

const ITEMS = `
  CREATE TABLE item (id int, region text COLLATE "C", note text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (region, id));
  CREATE INDEX ON item (updated_at);
  INSERT INTO item (id, region, note) SELECT g, r, 'n' FROM generate_series(1, 50) g, unnest(ARRAY['a', 'b "quoted", \\ and {braces}', 'ü']) r;
`
const item = { namespace: 'public', name: 'item', key: ['region', 'id'] }
const polling = { mode: 'polling' }

const open = (options: Readonly<Record<string, unknown>> = {}) =>
  SyncFixture.create({
    sql: ITEMS,
    tables: [{ name: 'public.item', detect_deletes: '0s', ...options }],
    source: polling,
  })

test.each([
  ['marked', {}],
  ['removed', { hard_delete: true }],
])('rows that are gone are %s by the sync that runs once', async (_, options) => {
  await using fixture = await open(options)
  await fixture.once()
  await fixture.sql(
    "DELETE FROM item WHERE id % 7 = 0; UPDATE item SET id = 1000 + id, updated_at = clock_timestamp() WHERE region = 'a' AND id < 5",
  )
  const { events } = await fixture.once()
  expect(await fixture.differences(item)).toEqual([])
  expect(events.filter(({ event }) => event === 'notice')).toEqual([])
  const [[rows] = []] = await fixture.copied(`SELECT count(*)::VARCHAR FROM copy.item`)
  expect(Number(rows)).toBe('hard_delete' in options ? 150 - 21 : 150 + 4)
})

test('rows that go before a table has caught up are found by the run in which it does', async () => {
  await using fixture = await open()
  const held: FaultPlan = (call) => (call === 'flush' ? { hold: () => new Promise(() => undefined) } : undefined)
  const copying = fixture.start({ wraps: { destination: (inner) => new FaultyDestination(inner, held) } })
  await copying.heard('state', ({ state }) => state === 'catching_up')
  await copying.crash()
  await fixture.sql('DELETE FROM item WHERE id % 7 = 0')
  const { events } = await fixture.once()
  expect(events).toContainEqual(expect.objectContaining({ event: 'state', state: 'live' }))
  expect(await fixture.differences(item)).toEqual([])
})

test('rows that go between two parts of a first read are found by the run that finishes it', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE wide (id int PRIMARY KEY, filler text);
      INSERT INTO wide SELECT i, repeat('f', 200) FROM generate_series(1, 3000) i; ANALYZE wide`,
    tables: [{ name: 'public.wide', detect_deletes: '0s' }],
    source: { ...polling, snapshot: { chunk_bytes: '64KiB' } },
    sync: { parallelism: 1 },
  })
  const never = new Promise<void>(() => undefined)
  const held = (source: ChangeSource) =>
    watchSnapshot(source, { before: ({ chunk }) => (chunk.index < 3 ? undefined : never) })
  const copying = fixture.start({ wraps: { source: held } })
  await copying.heard('snapshot', ({ chunksDone }) => chunksDone >= 2)
  await copying.crash()
  await fixture.sql('DELETE FROM wide WHERE id < 20')

  // Polls come and go while the table cannot be compared yet.
  let polls = 0
  const polled = Promise.withResolvers<void>()
  const slow = (source: ChangeSource) =>
    watchStream(watchSnapshot(source, { before: () => polled.promise }), (event) => {
      if (event.kind === 'boundary' && ++polls === 4) polled.resolve()
    })
  expect((await fixture.once({ wraps: { source: slow } })).summary.outcome).toBe('ok')
  expect(await fixture.differences({ namespace: 'public', name: 'wide', key: ['id'] })).toEqual([])
})

test('keys that come in many small files are compared in little memory, of versions too', async () => {
  await using fixture = await SyncFixture.create({
    sql: 'CREATE TABLE few (id bigint PRIMARY KEY); INSERT INTO few SELECT generate_series(1, 500)',
    tables: [{ name: 'public.few', write: 'history', detect_deletes: '0s' }],
    source: polling,
    sync: { memory: '64MiB', batch: { rows: 7 } },
  })
  await fixture.once()
  await fixture.sql('DELETE FROM few WHERE id % 7 = 0')
  await fixture.once()
  expect(await fixture.differences({ namespace: 'public', name: 'few', key: ['id'], write: 'history' })).toEqual([])
})

test('a truncated table is empty, and rows that come back live again', async () => {
  await using fixture = await open()
  await fixture.once()
  await fixture.sql('TRUNCATE item')
  await fixture.once()
  expect(await fixture.differences(item)).toEqual([])
  await fixture.sql("INSERT INTO item (id, region, note) VALUES (1, 'a', 'back')")
  await fixture.once()
  expect(await fixture.differences(item)).toEqual([])
})

test('rows whose cursor moved backwards are found, sent and told', async () => {
  await using fixture = await open()
  await fixture.once()
  await fixture.once()
  await fixture.sql(`INSERT INTO item VALUES (900, 'a', 'restored', '2001-01-01');
    UPDATE item SET note = 'corrected', updated_at = '2001-01-01' WHERE id = 3 AND region = 'ü'`)
  const { events } = await fixture.once()
  expect(await fixture.differences(item)).toEqual([])
  const notices = events.flatMap((event) => (event.event === 'notice' ? [event.message] : []))
  expect(notices.length).toBeGreaterThan(0)
  expect(notices[0]).toContain('their cursor "updated_at" moved backwards')
})

test('while changes go on, rows that come again between a comparison and its deletes are not lost', async () => {
  await using fixture = await open()
  const sync = fixture.start()
  await sync.live('public.item')
  const writer = await fixture.database.connect()
  for (let round = 0; round < 40; round++) {
    await writer.query(`DELETE FROM item WHERE id % 3 = ${round % 3} AND region = 'a'`)
    await writer.query(
      `INSERT INTO item (id, region, note) SELECT g, 'a', 'round ${round}' FROM generate_series(1, 50) g ON CONFLICT DO NOTHING`,
    )
    await writer.query(`DELETE FROM item WHERE id = ${round + 1} AND region = 'ü'`)
  }
  await writer.end()
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(item)).toEqual([])
})

test('without comparison deleted rows stay, and verify names them', async () => {
  await using fixture = await SyncFixture.create({ sql: ITEMS, tables: ['public.item'], source: polling })
  await fixture.once()
  await fixture.sql("DELETE FROM item WHERE id = 7 AND region = 'a'")
  await fixture.once()
  expect(await fixture.differences(item)).toMatchObject([{ kind: 'extra' }])
})
