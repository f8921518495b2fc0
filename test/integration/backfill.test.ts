/** Rows that are read again while the stream runs, and what overtakes them. */
import { copyFile, rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { WrittenRange } from '../../src/core/control-request.ts'
import { SyncFixture, type SyncOptions } from '../support/sync-fixture.ts'
import { type ChunkCall, Gate, watchSnapshot } from '../support/wrapped-ports.ts'

const KEY = { namespace: 'public', name: 't', key: ['id'] }
const ROWS = 2_000

/** About a dozen chunks. */
async function fixtureOf(table: Readonly<Record<string, unknown>> = {}): Promise<SyncFixture> {
  const fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v int, big text, filler text);
      INSERT INTO t SELECT i, i, repeat(md5(i::text), 100), repeat('f', 300) FROM generate_series(1, ${ROWS}) i;
      ALTER TABLE t ALTER big SET STORAGE EXTERNAL; CREATE TABLE other (id int PRIMARY KEY); ANALYZE t`,
    tables: [{ name: 'public.t', ...table }, 'public.other'],
    source: { snapshot: { chunk_bytes: '64KiB' } },
  })
  await fixture.once()
  return fixture
}

/** Rows are wrong, lost and left over at the destination, where nothing of the product knows of it. */
async function spoil(fixture: SyncFixture): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(fixture.warehouse)
  const connection = await instance.connect()
  await connection.run(`UPDATE copy.t SET v = -1 WHERE id % 10 = 0;
    DELETE FROM copy.t WHERE id % 10 = 1;
    INSERT INTO copy.t SELECT * REPLACE (id + 100000 AS id) FROM copy.t WHERE id % 100 = 2`)
  connection.closeSync()
  instance.closeSync()
  expect(await fixture.differences(KEY)).not.toEqual([])
}

/** A sync whose backfill stops before its chunk number `chunk`, until the gate is opened. */
function heldBefore(chunk: number): {
  readonly gate: Gate
  readonly reached: Promise<ChunkCall>
  options: SyncOptions
} {
  const gate = new Gate()
  const reached = Promise.withResolvers<ChunkCall>()
  const before = async (call: ChunkCall) => {
    if (call.chunk.index < chunk) return
    reached.resolve(call)
    await gate.opened
  }
  return {
    gate,
    reached: reached.promise,
    options: { wraps: { source: (source) => watchSnapshot(source, { before }) } },
  }
}

async function expectDone(fixture: SyncFixture, id: string): Promise<void> {
  const { outcome, message } = await fixture.answer(id, 'done', 'refused')
  expect(`${outcome}: ${message}`).toMatch(/^done: /)
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a backfill of the whole table mends what was wrong, lost and left over, while changes go on', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const sync = fixture.start()
  const id = await fixture.ask({ kind: 'backfill' })
  await fixture.answer(id, 'accepted', 'done')
  for (let round = 0; round < 10; round++) {
    await fixture.sql(`UPDATE t SET v = v + 1 WHERE id % 7 = ${round % 7}; DELETE FROM t WHERE id = ${round * 13 + 5};
      INSERT INTO t VALUES (${3000 + round}, 0, 'new', 'new'); INSERT INTO other VALUES (${round})`)
  }
  expect(await fixture.answer(id, 'done')).toMatchObject({ message: expect.stringMatching(/rows read again, \d+ /) })
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(KEY, { ...KEY, name: 'other' })).toEqual([])
  // Neither the table nor the others were read as in a snapshot, and nothing stopped.
  expect(sync.events.filter((event) => event.event === 'snapshot')).toEqual([])
  expect(sync.events.filter((event) => event.event === 'state')).toEqual([])
})

test('a backfill that was asked for while no sync ran is done by the next one, also by one that ends', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const id = await fixture.ask({ kind: 'backfill' })
  await fixture.once()
  await expectDone(fixture, id)
  expect(await fixture.differences(KEY)).toEqual([])
})

for (const hardDelete of [false, true]) {
  const mode = hardDelete ? 'removed' : 'marked'

  test(`a backfill is overtaken by deletes, updates, inserts and changes of keys (rows are ${mode})`, async () => {
    await using fixture = await fixtureOf({ hard_delete: hardDelete })
    await spoil(fixture)
    const held = heldBefore(6)
    const sync = fixture.start(held.options)
    const id = await fixture.ask({ kind: 'backfill' })
    await held.reached
    // Of chunks that are read, of the one that is held, and of rows that the destination never had.
    await fixture.sql(`DELETE FROM t WHERE id % 5 = 0 OR id % 10 = 1;
      UPDATE t SET v = -v WHERE id % 7 = 0;
      UPDATE t SET id = id + 10000 WHERE id % 9 = 0;
      INSERT INTO t SELECT i, 7, 'again', 'again' FROM generate_series(1, ${ROWS}, 20) i ON CONFLICT DO NOTHING`)
    await sync.heard('merged', (event) => event.tables.some((table) => table.table === 'public.t'))
    held.gate.open()
    await expectDone(fixture, id)
    await sync.stop()
    await fixture.once()
    expect(await fixture.differences(KEY)).toEqual([])
  })

  test(`a backfill is overtaken by a truncate (rows are ${mode})`, async () => {
    await using fixture = await fixtureOf({ hard_delete: hardDelete })
    await spoil(fixture)
    const held = heldBefore(6)
    const sync = fixture.start(held.options)
    const id = await fixture.ask({ kind: 'backfill' })
    await held.reached
    // TRUNCATE waits for the readers: it comes when they are done.
    const truncated = fixture.sql('TRUNCATE t; INSERT INTO t VALUES (1, 1, NULL, NULL), (2, 2, NULL, NULL)')
    held.gate.open()
    await truncated
    await expectDone(fixture, id)
    await sync.stop()
    await fixture.once()
    expect(await fixture.differences(KEY)).toEqual([])
    expect(await fixture.copied('SELECT count(*)::VARCHAR FROM copy.t WHERE _fivetran_deleted IS NOT TRUE')).toEqual([
      ['2'],
    ])
  })
}

test('rows that were read wait until the table has passed the place where they were read', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const merged = Promise.withResolvers<void>()
  const order: string[] = []
  const sync = fixture.start({
    wraps: {
      destination: (destination) =>
        new Proxy(destination, {
          get(target, name) {
            const value = Reflect.get(target, name) as unknown
            if (name === 'flush') {
              return async (...args: Parameters<typeof target.flush>) => {
                const [flush] = args
                const at = (await target.checkpoints('shop', new AbortController().signal))?.groups.get('')
                for (const part of flush.tables) {
                  if (part.into !== 'backfill') continue
                  order.push(
                    ...part.files.map((file) => (at !== undefined && file.lastPosition <= at ? 'behind' : 'ahead')),
                  )
                }
                return target.flush(...args)
              }
            }
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    },
  })
  const id = await fixture.ask({ kind: 'backfill' })
  await expectDone(fixture, id)
  merged.resolve()
  await sync.stop()
  expect(order.length).toBeGreaterThan(5)
  expect(new Set(order)).toEqual(new Set(['behind']))
  expect(await fixture.differences(KEY)).toEqual([])
})

async function mend(written: WrittenRange): Promise<{ fixture: SyncFixture; rows: number; chunks: number }> {
  const fixture = await fixtureOf()
  await spoil(fixture)
  const id = await fixture.ask({ kind: 'backfill', range: written })
  const { events } = await fixture.once()
  await expectDone(fixture, id)
  const [last] = events.filter((event) => event.event === 'backfill').slice(-1)
  return { fixture, rows: last?.rows ?? -1, chunks: last?.chunks ?? -1 }
}

const WRONG = 'SELECT count(*)::VARCHAR FROM copy.t WHERE v = -1'
const LEFT_OVER = 'SELECT count(*)::VARCHAR FROM copy.t WHERE id > 100000 AND NOT _fivetran_deleted'

test('a range of the key is mended, also of rows that are left over in it, and nothing outside of it', async () => {
  const { fixture, rows } = await mend({ from: '1001', to: '100600' })
  await using _ = fixture
  expect(rows).toBe(1000)
  expect(await fixture.copied(WRONG)).toEqual([['100']])
  // Left over are 100002, 100102, … 101902: those up to 100600 were in the range.
  expect(await fixture.copied(LEFT_OVER)).toEqual([['14']])
})

test('a range of another column is mended, indexed or not, and what is left over in it stays', async () => {
  const { fixture, rows } = await mend({ column: 'v', from: '1', to: '500' })
  await using _ = fixture
  expect(rows).toBe(500)
  expect(await fixture.copied(WRONG)).toEqual([['150']])
  expect(await fixture.copied(LEFT_OVER)).toEqual([['20']])
})

test('what cannot be is refused with the reason, and the table goes on', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE bag (v int); ALTER TABLE bag REPLICA IDENTITY FULL;
      CREATE TABLE logged (v int)`,
    tables: ['public.t', 'public.bag', 'public.logged'],
  })
  const sync = fixture.start()
  await sync.live('public.t', 'public.bag', 'public.logged')
  const refusal = async (range: WrittenRange | undefined, name: string) => {
    const id = await fixture.ask({ kind: 'backfill', ...(range === undefined ? {} : { range }) }, name)
    const { outcome, message } = await fixture.answer(id)
    expect(outcome).toBe('refused')
    return message
  }
  expect(await refusal(undefined, 'bag')).toContain('table resync public.bag')
  expect(await refusal(undefined, 'logged')).toContain('table resync public.logged')
  expect(await refusal(undefined, 'absent')).toContain('not among the tables')
  const told = sync.events.filter((event) => event.event === 'notice').map(({ message }) => message)
  expect(told).toContainEqual(
    expect.stringMatching(/^public\.logged: backfill is refused: .*table resync public\.logged/),
  )
  expect(await refusal({ from: 'x' }, 't')).toContain('"x" is no value of "id"')
  expect(await refusal({ column: 'idd', from: '1' }, 't')).toContain('Did you mean "id"?')
  await fixture.sql('INSERT INTO t VALUES (1)')
  await sync.heard('merged', (event) => event.tables.some((table) => table.inserted === 1))
  expect((await sync.stop()).summary.outcome).toBe('ok')
})

test('a backfill that is killed before each of its chunks reads each once and mends the table', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const id = await fixture.ask({ kind: 'backfill' })
  const read: number[] = []
  for (let kill = 1; ; kill++) {
    let finished = 0
    const never = new Promise<void>(() => undefined)
    const sync = fixture.start({
      settings: ['sync.parallelism=1'],
      wraps: {
        source: (source) =>
          watchSnapshot(source, {
            before: () => (finished >= 3 ? never : undefined),
            after: ({ chunk }) => {
              finished++
              read.push(chunk.index)
            },
          }),
      },
    })
    const answered = fixture.answer(id, 'done').then(() => 'done')
    const stuck = sync
      .heard('backfill', (event) => finished >= 3 && event.chunksDone >= Math.min(kill * 3, event.chunks))
      .then(() => 'stuck')
    const outcome = await Promise.race([answered, stuck])
    await fixture.sql(`UPDATE t SET v = v + 1 WHERE id % 50 = ${kill}; DELETE FROM t WHERE id = ${kill * 10};
      UPDATE t SET id = id + 20000 WHERE id = ${kill * 10 + 3}`)
    if (outcome === 'done') {
      await sync.stop()
      break
    }
    await sync.crash()
  }
  expect(new Set(read).size).toBe(read.length)
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a rewritten table is read again from the beginning of its backfill', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const held = heldBefore(6)
  const sync = fixture.start(held.options)
  const id = await fixture.ask({ kind: 'backfill' })
  await held.reached
  await sync.crash()
  await fixture.sql('VACUUM FULL t')
  await fixture.once()
  await expectDone(fixture, id)
  expect(await fixture.differences(KEY)).toEqual([])
})

test('columns that change while a backfill waits or is read do not mix up its rows', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const held = heldBefore(4)
  const sync = fixture.start(held.options)
  const id = await fixture.ask({ kind: 'backfill' })
  await held.reached
  const altered = fixture.sql(`ALTER TABLE t ADD COLUMN kind text DEFAULT 'plain'; ALTER TABLE t DROP COLUMN filler;
    UPDATE t SET kind = 'fancy' WHERE id % 3 = 0`)
  held.gate.open()
  await altered
  await expectDone(fixture, id)
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('columns that were changed without any row being changed since are waited for', async () => {
  await using fixture = await fixtureOf()
  const sync = fixture.start()
  await fixture.sql(`ALTER TABLE t ADD COLUMN kind int DEFAULT 3; ALTER TABLE t RENAME v TO w`)
  await expectDone(fixture, await fixture.ask({ kind: 'backfill' }))
  await fixture.sql('UPDATE t SET kind = 1 WHERE id < 10')
  await expectDone(fixture, await fixture.ask({ kind: 'backfill' }))
  await sync.stop()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a table that the source rewrites while a backfill is open is read again whole instead', async () => {
  await using fixture = await fixtureOf()
  const held = heldBefore(4)
  const sync = fixture.start(held.options)
  const id = await fixture.ask({ kind: 'backfill' })
  await held.reached
  const altered = fixture.sql(
    'ALTER TABLE t ADD COLUMN r float8 DEFAULT random(); UPDATE t SET v = v + 1 WHERE id < 100',
  )
  held.gate.open()
  await altered
  await expectDone(fixture, id)
  await waitFor(async () => sync.events.some((event) => event.event === 'state' && event.state === 'live'))
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a warehouse that is replaced by an older copy in the midst of a backfill loses nothing by it', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const held = heldBefore(8)
  const copy = `${fixture.warehouse}.copy`
  await copyFile(fixture.warehouse, copy)
  const sync = fixture.start(held.options)
  const id = await fixture.ask({ kind: 'backfill' })
  await held.reached
  await sync.heard('backfill', (event) => event.merged > 0)
  await sync.crash()
  await copyFile(copy, fixture.warehouse)
  await rm(`${fixture.warehouse}.wal`, { force: true })
  const { events } = await fixture.once()
  await expectDone(fixture, id)
  expect(events.some((event) => event.event === 'notice' && event.message.includes('begins anew'))).toBe(true)
  expect(await fixture.differences(KEY)).toEqual([])
})

test('two backfills of one table follow each other', async () => {
  await using fixture = await fixtureOf()
  await spoil(fixture)
  const first = await fixture.ask({ kind: 'backfill', range: { to: '1000' } })
  const second = await fixture.ask({ kind: 'backfill', range: { from: '1001' } })
  const { events } = await fixture.once()
  expect((await fixture.answer(first)).outcome).toBe('done')
  expect((await fixture.answer(second)).outcome).toBe('done')
  expect(events.filter((event) => event.event === 'backfill' && event.outcome === 'done')).toHaveLength(2)
  expect(await fixture.differences(KEY)).toEqual([])
})
