/** Tables that are paused, resumed and read again on a sync that runs, and on one that does not. */
import { expect, test } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { Position } from '../../src/core/position.ts'
import type { ChangeSource } from '../../src/core/source.ts'
import { type FaultPlan, FaultyDestination } from '../support/faulty-destination.ts'
import { type RunningSync, SyncFixture } from '../support/sync-fixture.ts'
import { spawnReader } from '../support/warehouse-reader.ts'
import { Gate, watchSnapshot, wrapSource } from '../support/wrapped-ports.ts'

const T = { namespace: 'public', name: 't', key: ['id'] }
const U = { ...T, name: 'u' }

async function fixtureOf(): Promise<SyncFixture> {
  const fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 500) i;
      CREATE TABLE u (id int PRIMARY KEY, v int); INSERT INTO u SELECT i, 0 FROM generate_series(1, 500) i`,
    tables: ['public.t', 'public.u'],
    source: { snapshot: { chunk_bytes: '8KiB' } },
  })
  await fixture.once()
  return fixture
}

async function expectDone(fixture: SyncFixture, id: string): Promise<void> {
  const { outcome, message } = await fixture.answer(id, 'done', 'refused')
  expect(`${outcome}: ${message ?? ''}`).toMatch(/^done: /)
}

function merges(sync: RunningSync, table: string): number {
  return sync.events.filter((event) => event.event === 'merged' && event.tables.some((each) => each.table === table))
    .length
}

test('a paused table keeps its rows while others go on, and has every change once it is resumed', async () => {
  await using fixture = await fixtureOf()
  const sync = fixture.start()
  await expectDone(fixture, await fixture.ask({ kind: 'pause' }))
  await fixture.sql(`UPDATE t SET v = 1; DELETE FROM t WHERE id <= 10; INSERT INTO t VALUES (1000, 1);
    UPDATE t SET id = id + 5000 WHERE id BETWEEN 20 AND 30; UPDATE u SET v = 1`)
  await sync.heard('merged', (event) => event.tables.some((each) => each.table === 'public.u'))
  await fixture.sql('UPDATE t SET v = 2 WHERE id % 2 = 0; UPDATE u SET v = 2')
  await sync.until(() => merges(sync, 'public.u') >= 2, 'two merges of the other table')
  expect(merges(sync, 'public.t')).toBe(0)
  await expectDone(fixture, await fixture.ask({ kind: 'pause' }))
  await expectDone(fixture, await fixture.ask({ kind: 'resume' }))
  await sync.heard('merged', (event) => event.tables.some((each) => each.table === 'public.t'))
  await sync.stop()
  expect(sync.events.filter((event) => event.event === 'snapshot')).toEqual([])
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a pause outlives restarts and kills, and what changed meanwhile is not lost', async () => {
  await using fixture = await fixtureOf()
  const pause = await fixture.ask({ kind: 'pause' })
  await fixture.sql('UPDATE t SET v = 1; UPDATE u SET v = 1')
  const { summary } = await fixture.once()
  await expectDone(fixture, pause)
  expect(summary.tables.map(({ table, state }) => `${table} ${state}`)).toEqual(['public.t paused', 'public.u live'])
  expect(await fixture.copied('SELECT DISTINCT v::VARCHAR FROM copy.t')).toEqual([['0']])
  expect(await fixture.differences(U)).toEqual([])
  for (let round = 2; round < 5; round++) {
    const sync = fixture.start()
    const { tables } = await sync.heard('tables')
    expect(tables).toEqual([
      { table: 'public.t', state: 'paused' },
      { table: 'public.u', state: 'live' },
    ])
    await fixture.sql(`UPDATE t SET v = ${round}; DELETE FROM t WHERE id = ${round}; UPDATE u SET v = ${round}`)
    await sync.heard('merged')
    if (round % 2 === 0) await sync.crash()
    else await sync.stop()
  }
  expect(await fixture.copied('SELECT DISTINCT v::VARCHAR FROM copy.t')).toEqual([['0']])
  await fixture.ask({ kind: 'resume' })
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a table that is paused in its snapshot goes on with it when it is resumed', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v int, filler text);
      INSERT INTO t SELECT i, 0, repeat('f', 200) FROM generate_series(1, 3000) i;
      CREATE TABLE u (id int PRIMARY KEY); ANALYZE t`,
    tables: ['public.t', 'public.u'],
    source: { snapshot: { chunk_bytes: '64KiB' } },
    sync: { parallelism: 1 },
  })
  const gate = new Gate()
  const reached = Promise.withResolvers<void>()
  const read: number[] = []
  const sync = fixture.start({
    wraps: {
      source: (source) =>
        watchSnapshot(source, {
          async before({ table, chunk }) {
            if (table !== 'public.t' || chunk.index !== 3) return
            reached.resolve()
            await gate.opened
          },
          after: ({ table, chunk }) => {
            if (table === 'public.t') read.push(chunk.index)
          },
        }),
    },
  })
  await reached.promise
  await expectDone(fixture, await fixture.ask({ kind: 'pause' }))
  gate.open()
  await fixture.sql('INSERT INTO u VALUES (1); UPDATE t SET v = 1 WHERE id % 3 = 0')
  await sync.live('public.u')
  await expectDone(fixture, await fixture.ask({ kind: 'resume' }))
  await sync.live('public.t')
  await sync.stop()
  // The chunk that was in hand when it was paused is read again.
  expect(read.filter((index) => index !== 3).length).toBe(new Set(read).size - 1)
  await fixture.once()
  expect(await fixture.differences(T, { ...U })).toEqual([])
})

test('a table is read again while others go on, and what it had too much is marked', async () => {
  await using fixture = await fixtureOf()
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(fixture.warehouse)
  const connection = await instance.connect()
  await connection.run(
    'UPDATE copy.t SET v = -1 WHERE id % 2 = 0; INSERT INTO copy.t SELECT * REPLACE (9999 AS id) FROM copy.t LIMIT 1',
  )
  connection.closeSync()
  instance.closeSync()
  const sync = fixture.start()
  const id = await fixture.ask({ kind: 'resync' })
  await fixture.sql('UPDATE t SET v = v + 1 WHERE id < 100; DELETE FROM t WHERE id = 7; UPDATE u SET v = 5')
  await expectDone(fixture, id)
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
  expect(await fixture.copied('SELECT _fivetran_deleted::VARCHAR FROM copy.t WHERE id = 9999')).toEqual([['true']])
  const states = sync.events.flatMap((event) => (event.event === 'state' ? [`${event.table} ${event.state}`] : []))
  expect(states).toEqual(['public.t pending', 'public.t snapshotting', 'public.t catching_up', 'public.t live'])
})

test('readers keep the old rows until a table that is read again takes their place', async () => {
  await using fixture = await fixtureOf()
  await fixture.sql('UPDATE t SET v = 1 WHERE id <= 250')
  await fixture.once()
  const gate = new Gate()
  const reached = Promise.withResolvers<void>()
  const sync = fixture.start({
    wraps: {
      source: (source) =>
        watchSnapshot(source, {
          async before({ chunk }) {
            if (chunk.index < 2) return
            reached.resolve()
            await gate.opened
          },
        }),
    },
  })
  const id = await fixture.ask({ kind: 'resync' })
  await reached.promise
  await fixture.sql('UPDATE t SET v = 2')
  await sync.heard('staged', (event) => event.changes >= 500)
  await using reader = spawnReader(fixture.warehouse)
  const sum = 'SELECT count(*)::INTEGER AS n, sum(v)::INTEGER AS s FROM copy.t'
  // In the midst of the reading, again and again: whole tables of before.
  for (let look = 0; look < 5; look++) expect(await reader.query(sum)).toEqual([{ n: 500, s: 250 }])
  gate.open()
  const seen = new Set<string>()
  while (!seen.has('500 1000')) {
    const [row] = await reader.query(sum)
    seen.add(`${row?.n} ${row?.s}`)
  }
  expect([...seen].filter((each) => each !== '500 250' && each !== '500 1000')).toEqual([])
  await expectDone(fixture, id)
  await sync.stop()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a table that lost its changes, or was dropped and made again, is read again on a running sync', async () => {
  await using fixture = await fixtureOf()
  const sync = fixture.start()
  await fixture.sql(`DROP TABLE t; CREATE TABLE t (id text PRIMARY KEY, w float8); INSERT INTO t VALUES ('a', 1)`)
  await fixture.sql(`INSERT INTO t VALUES ('b', 2); UPDATE u SET v = 1`)
  // The stream hears of the new table only once it is published.
  await expectDone(fixture, await fixture.ask({ kind: 'resync' }))
  await fixture.sql(`UPDATE t SET w = 3 WHERE id = 'a'; DELETE FROM t WHERE id = 'b'; INSERT INTO t VALUES ('c', 4)`)
  await sync.stop()
  const { summary } = await fixture.once()
  expect(summary.outcome).toBe('ok')
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a table that failed is tried again by resume, without a restart', async () => {
  await using fixture = await fixtureOf()
  let mended = false
  const plan: FaultPlan = (call, detail) => {
    const isOurs = detail !== undefined && 'tables' in detail && detail.tables.some(({ target }) => target.name === 't')
    if (call !== 'flush' || !isOurs || mended) return undefined
    const context = { table: 'public.t' }
    return {
      before: new PipelineError('destination_rejected', 'Merging public.t', { cause: new Error('no'), context }),
    }
  }
  const sync = fixture.start({ wraps: { destination: (inner) => new FaultyDestination(inner, plan) } })
  await fixture.sql('UPDATE t SET v = 1; UPDATE u SET v = 1')
  await sync.heard('state', (event) => event.state === 'failed')
  expect(await fixture.answer(await fixture.ask({ kind: 'backfill' }))).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('Merging public.t failed'),
  })
  mended = true
  await fixture.sql('UPDATE t SET v = 2 WHERE id < 50')
  await expectDone(fixture, await fixture.ask({ kind: 'resume' }))
  await sync.heard('merged', (event) => event.tables.some((each) => each.table === 'public.t'))
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('two tables that are read again at the same position have files of their own', async () => {
  await using fixture = await fixtureOf()
  let first: Position | undefined
  // What two slots give that become consistent with the same record.
  const atOnePosition = (source: ChangeSource): ChangeSource =>
    wrapSource(source, {
      openSnapshot: async (request, signal) => {
        const session = await source.openSnapshot(request, signal)
        first ??= session.position
        const position = first
        return {
          position,
          takenUs: session.takenUs,
          plan: (...args) => session.plan(...args),
          readChunk: async function* (...args) {
            for await (const batch of session.readChunk(...args)) yield { ...batch, position }
          },
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        }
      },
    })
  const sync = fixture.start({ wraps: { source: atOnePosition } })
  for (const table of ['t', 'u']) await expectDone(fixture, await fixture.ask({ kind: 'resync' }, table))
  await sync.stop()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a resync that is killed at every step ends with the table as it is', async () => {
  await using fixture = await fixtureOf()
  const id = await fixture.ask({ kind: 'resync' })
  for (const state of ['pending', 'snapshotting', 'catching_up', 'live'] as const) {
    await fixture.sql(`UPDATE t SET v = v + 1 WHERE id % 5 = 0; DELETE FROM t WHERE id = ${state.length}`)
    const sync = fixture.start()
    await sync.heard('state', (event) => event.table === 'public.t' && event.state === state).catch(() => undefined)
    await sync.crash()
  }
  await fixture.once()
  await expectDone(fixture, id)
  expect(await fixture.differences(T, U)).toEqual([])
})
