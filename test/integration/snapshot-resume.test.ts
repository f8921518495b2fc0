/** Snapshots that are interrupted, and rows that move and files that change while they are. */
import { expect, test } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import {
  type ChunkCall,
  delayStream,
  Gate,
  type SnapshotHooks,
  watchSnapshot,
  wrapSource,
} from '../support/wrapped-ports.ts'

const KEY = { namespace: 'public', name: 't', key: ['id'] }
const ROWS = 4_000

/** About a dozen chunks. */
function fixtureOf(table = 'id int PRIMARY KEY, v int, filler text'): Promise<SyncFixture> {
  return SyncFixture.create({
    sql: `CREATE TABLE t (${table});
      INSERT INTO t SELECT i, i, repeat('f', 150) FROM generate_series(1, ${ROWS}) i; ANALYZE t`,
    tables: ['public.t'],
    source: { snapshot: { chunk_bytes: '64KiB' } },
    sync: { parallelism: 1 },
  })
}

test('small batches do not cut the files of a snapshot into as many parts', async () => {
  await using fixture = await SyncFixture.create({
    sql: 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)',
    tables: ['public.t'],
    sync: { batch: { rows: 7 } },
  })
  await fixture.once()
  const files = `${fixture.stageFolder}/**/*.parquet`
  expect(await fixture.copied(`SELECT num_rows, num_row_groups FROM parquet_file_metadata('${files}')`)).toEqual([
    ['1000', '1'],
  ])
})

class Chunks implements SnapshotHooks {
  readonly finished: ChunkCall[] = []
  readonly before: (call: ChunkCall) => Promise<void> | void

  constructor(before: (call: ChunkCall, finished: number) => Promise<void> | void = () => undefined) {
    this.before = (call) => before(call, this.finished.length)
  }

  readonly after = (call: ChunkCall): void => {
    this.finished.push(call)
  }

  timesRead(): number[] {
    const times = new Map<number, number>()
    for (const { chunk } of this.finished) times.set(chunk.index, (times.get(chunk.index) ?? 0) + 1)
    return [...times.values()]
  }
}

function lost(): PipelineError {
  return new PipelineError('source_connection_lost', 'Reading public.t', { cause: new Error('it was cut') })
}

test('a snapshot whose connection is lost before every chunk in turn reads each chunk once', async () => {
  await using fixture = await fixtureOf()
  let session = 0
  const chunks = new Chunks((call) => {
    if (call.session === session || chunks.finished.length === 0) {
      session = call.session
      if (chunks.finished.at(-1)?.session === call.session) throw lost()
    } else session = call.session
  })
  const { summary } = await fixture.once({ wraps: { source: (source) => watchSnapshot(source, chunks) } })
  expect(summary.outcome).toBe('ok')
  expect(new Set(chunks.finished.map((call) => call.session)).size).toBeGreaterThan(5)
  expect(chunks.timesRead().every((times) => times === 1)).toBe(true)
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a snapshot whose server processes are ended in the middle of a chunk goes on', async () => {
  await using fixture = await fixtureOf()
  const chunks = new Chunks(async (call, finished) => {
    if (call.session === 1 && finished === 3) await fixture.database.disconnectAll()
  })
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, chunks) } })
  expect(chunks.timesRead().every((times) => times === 1)).toBe(true)
  expect(new Set(chunks.finished.map((call) => call.session))).toEqual(new Set([1, 2]))
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a process that ends in its snapshot leaves the finished chunks to the next one, and changes between the two are not lost', async () => {
  await using fixture = await fixtureOf()
  const never = new Promise<void>(() => undefined)
  const first = new Chunks((_call, finished) => (finished === 4 ? never : undefined))
  const crashed = fixture.start({ wraps: { source: (source) => watchSnapshot(source, first) } })
  await crashed.heard('snapshot', (event) => event.chunksDone === 4)
  await crashed.crash()

  // The chunks that are read hold the first rows: these move into the part that is not read, and the other way round.
  await fixture.sql(`
    UPDATE t SET id = id + 100000 WHERE id <= 50;
    UPDATE t SET id = id - 4000 WHERE id > ${ROWS - 50} AND id <= ${ROWS};
    UPDATE t SET v = -v WHERE id % 7 = 0; DELETE FROM t WHERE id % 11 = 0;
    INSERT INTO t SELECT i, 0, 'new' FROM generate_series(200000, 200100) i`)
  const second = new Chunks()
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, second) } })
  const reread = second.finished.filter(({ chunk }) => first.finished.some((call) => call.chunk.index === chunk.index))
  expect(reread).toEqual([])
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a row that an update moves from an unread chunk into a finished one is not lost', async () => {
  await using fixture = await fixtureOf()
  // Room in the first pages, so that new versions of later rows go there.
  await fixture.sql('DELETE FROM t WHERE id <= 200')
  await fixture.sql('VACUUM t')
  const firstPage = async () => {
    const [row] = await fixture.sql(
      `SELECT min((ctid::text::point)[0])::int AS page FROM t WHERE id BETWEEN 3000 AND 3300`,
    )
    return Number(row?.page)
  }
  expect(await firstPage()).toBeGreaterThan(50)
  const chunks = new Chunks(async (call, finished) => {
    if (call.session !== 1 || finished !== 3) return
    await fixture.sql(`UPDATE t SET v = -1 WHERE id BETWEEN 3000 AND 3300`)
    throw lost()
  })
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, chunks) } })
  expect(await firstPage()).toBeLessThan(10)
  expect(chunks.timesRead().every((times) => times === 1)).toBe(true)
  expect(await fixture.differences(KEY)).toEqual([])
})

test('after VACUUM FULL finished chunks mean nothing any more: the table is read again whole', async () => {
  await using fixture = await fixtureOf()
  // Rows that are left move forward by half a table.
  await fixture.sql(`DELETE FROM t WHERE id % 2 = 0 AND id <= ${ROWS / 2}`)
  const never = new Promise<void>(() => undefined)
  const first = new Chunks((_call, finished) => (finished === 4 ? never : undefined))
  const crashed = fixture.start({ wraps: { source: (source) => watchSnapshot(source, first) } })
  await crashed.heard('snapshot', (event) => event.chunksDone === 4)
  await crashed.crash()
  await fixture.sql('VACUUM FULL t')
  const second = new Chunks()
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, second) } })
  expect(second.finished.map(({ chunk }) => chunk.index)).toContain(0)
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a keyless table whose snapshot was interrupted is read again whole', async () => {
  await using fixture = await fixtureOf('id int, v int, filler text')
  await fixture.sql('ALTER TABLE t REPLICA IDENTITY FULL')
  const chunks = new Chunks(async (call, finished) => {
    if (call.session !== 1 || finished !== 3) return
    await fixture.sql('UPDATE t SET v = -1 WHERE id IN (5, 3999)')
    throw lost()
  })
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, chunks) } })
  expect(await fixture.differences({ ...KEY, key: [] })).toEqual([])
})

test('a table that is altered between two attempts of its snapshot is read as it is now', async () => {
  await using fixture = await fixtureOf()
  const never = new Promise<void>(() => undefined)
  const first = new Chunks((_call, finished) => (finished === 4 ? never : undefined))
  const crashed = fixture.start({ wraps: { source: (source) => watchSnapshot(source, first) } })
  await crashed.heard('snapshot', (event) => event.chunksDone === 4)
  await crashed.crash()
  await fixture.sql(`ALTER TABLE t ADD c int DEFAULT 3; ALTER TABLE t RENAME v TO w; UPDATE t SET c = id WHERE id < 10`)
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a table that is altered during hand-over arrives with its new column', async () => {
  await using fixture = await fixtureOf()
  let altered = false
  const hooks: SnapshotHooks = {
    // All rows have been read; the locks are let go of when the session ends.
    after: async ({ chunk }) => {
      if (altered || chunk.index < 3) return
      altered = true
      void fixture.database
        .connect()
        .then((client) =>
          client.query(`ALTER TABLE t ADD c int DEFAULT 3; UPDATE t SET c = id WHERE id < 100`).catch(() => undefined),
        )
      await fixture.sql(`UPDATE t SET v = -5 WHERE id BETWEEN 50 AND 60`).catch(() => undefined)
    },
  }
  await fixture.once({ wraps: { source: (source) => watchSnapshot(source, hooks) } })
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a warehouse that is replaced in the middle of a snapshot is filled again', async () => {
  await using fixture = await fixtureOf()
  const never = new Promise<void>(() => undefined)
  const first = new Chunks((_call, finished) => (finished === 4 ? never : undefined))
  const crashed = fixture.start({ wraps: { source: (source) => watchSnapshot(source, first) } })
  await crashed.heard('snapshot', (event) => event.chunksDone === 4)
  await crashed.crash()
  const { rm } = await import('node:fs/promises')
  await rm(fixture.warehouse)
  await rm(`${fixture.warehouse}.wal`, { force: true })
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a stream that lags behind the snapshot does not take an older form of the table for a newer one', async () => {
  await using fixture = await fixtureOf()
  // The slot is made, and nothing is read.
  const unread = fixture.start({
    wraps: {
      source: (source) =>
        wrapSource(source, {
          openSnapshot: (_request, signal) =>
            new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        }),
    },
  })
  await unread.heard('start')
  for (;;) {
    const slots = await fixture.sql(`SELECT 1 FROM pg_replication_slots WHERE database = current_database() AND active`)
    if (slots.length > 0) break
  }
  await unread.crash()
  await fixture.sql(`UPDATE t SET v = 0 WHERE id < 10`)
  await fixture.sql(
    `ALTER TABLE t ADD c int DEFAULT 3; ALTER TABLE t ADD d int; UPDATE t SET c = 4, d = id WHERE id < 100`,
  )
  await fixture.sql(`ALTER TABLE t DROP d; ALTER TABLE t RENAME v TO w; UPDATE t SET w = 7 WHERE id = 5`)

  const isRead = new Gate()
  const chunks = new Chunks()
  const { events } = await fixture.once({
    wraps: {
      source: (source) =>
        delayStream(
          watchSnapshot(source, {
            ...chunks,
            after: (call) => {
              chunks.after(call)
              if (chunks.finished.length === 5) isRead.open()
            },
          }),
          isRead.opened,
        ),
    },
  })
  expect(chunks.timesRead().every((times) => times === 1)).toBe(true)
  expect(events.filter((event) => event.event === 'schema')).toEqual([])
  expect(await fixture.differences(KEY)).toEqual([])
})
