/** When boundaries come, and that they come. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StreamEvent } from '../../src/core/source.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, currentLsn, readToEnd, readUntil } from '../support/stream-reading.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE busy (id int, v text)')
})
afterEach(() => database.dispose())

function boundaries(events: readonly StreamEvent[]) {
  return events.filter((event) => event.kind === 'boundary')
}

async function confirmedLsn(slot: string): Promise<bigint> {
  const [row] = await database.query<{ bytes: string }>(
    "SELECT confirmed_flush_lsn - '0/0'::pg_lsn AS bytes FROM pg_replication_slots WHERE slot_name = $1",
    [slot],
  )
  return BigInt(row!.bytes)
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a boundary that is asked for comes on an idle database, and says how far it reaches', async () => {
  const fixture = await createStreamFixture(database, ['t'], 'FOR TABLE t')
  await using stream = await fixture.open({ flushAfterMs: 60_000 })
  for (let round = 0; round < 3; round++) {
    const target = await currentLsn(database)
    const events = await readToEnd(database, stream)
    expect(events.map((event) => event.kind)).toEqual(['boundary'])
    const [last] = boundaries(events)
    expect(last!.lsn).toBeGreaterThanOrEqual(target)
    expect(last).toMatchObject({ changes: 0 })
  }
})

test('a quiet table beside a busy one holds the slot back by no more than a segment of the log', async () => {
  const fixture = await createStreamFixture(database, ['t'], 'FOR TABLE t')
  await using stream = await fixture.open({ flushAfterMs: 20 })
  const before = await confirmedLsn(fixture.slot)
  await database.query("INSERT INTO busy SELECT g, repeat('x', 1000) FROM generate_series(1, 30000) g")
  const events = await readUntil(stream, (event) => {
    if (event.kind === 'boundary') stream.confirm(event.lsn)
    return event.kind === 'boundary' && event.lsn > before + 16_777_216n
  })
  expect(events.filter((event) => event.kind !== 'boundary')).toEqual([])
  await until(async () => (await confirmedLsn(fixture.slot)) > before + 16_777_216n)
})

test('a database on which nothing happens yields nothing', async () => {
  const fixture = await createStreamFixture(database, ['t'], 'FOR TABLE t')
  await using stream = await fixture.open({ flushAfterMs: 5 }, AbortSignal.timeout(1_000))
  const events: StreamEvent[] = []
  await expect(
    readUntil(stream, (event) => {
      events.push(event)
      return false
    }),
  ).rejects.toMatchObject({ name: 'TimeoutError' })
  // The server shares its log with other tests' databases, so some progress may be told; never more often than asked for.
  expect(events.every((event) => event.kind === 'boundary')).toBe(true)
  expect(events.length).toBeLessThan(200)
})

test('waiting for a place that the log does not reach costs few records and few questions', async () => {
  const fixture = await createStreamFixture(database, ['t'], 'FOR TABLE t')
  await using stream = await fixture.open({ flushAfterMs: 10 }, AbortSignal.timeout(2_500))
  stream.requestBoundary((await currentLsn(database)) + 1_000_000_000n)
  let transactions = 0
  await expect(
    readUntil(stream, (event) => {
      if (event.kind === 'boundary') transactions += event.transactions
      return false
    }),
  ).rejects.toMatchObject({ name: 'TimeoutError' })
  expect(transactions).toBeGreaterThan(0)
  expect(transactions).toBeLessThan(5)
})

async function clock(): Promise<number> {
  const [row] = await database.query<{ ms: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
  )
  return row!.ms
}

test('a boundary covers what was committed, with counts, the time of the newest commit and the distance', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await using stream = await fixture.open({ flushAfterMs: 60_000 })
  await database.query("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
  await database.query("UPDATE t SET v = 'c' WHERE id = 1")
  const before = await clock()
  await database.query('INSERT INTO busy VALUES (1)')
  const after = await clock()
  const [boundary] = boundaries(await readToEnd(database, stream))
  expect(boundary).toMatchObject({ changes: 3 })
  expect(boundary!.transactions).toBeGreaterThanOrEqual(3)
  expect(boundary!.newestCommitMs).toBeGreaterThanOrEqual(Math.floor(before))
  expect(boundary!.newestCommitMs).toBeLessThanOrEqual(Math.ceil(after))
  expect(boundary!.sourceLsn).toBeGreaterThanOrEqual(boundary!.lsn)
})

test('a commit is followed by a boundary within the time that was asked for', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await using stream = await fixture.open({ flushAfterMs: 100 })
  await database.query("INSERT INTO t VALUES (1, 'a')")
  const events = await readUntil(stream, (event) => event.kind === 'boundary' && event.changes > 0)
  expect(events.at(-2)).toMatchObject({ kind: 'changes' })
})

test('a full batch leaves in the middle of a transaction, and the boundary waits for its commit', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await using stream = await fixture.open({ flushAfterMs: 60_000, batchRowsMax: 100 })
  await database.query("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1050) g")
  const events = await readUntil(stream, (event) => event.kind === 'boundary')
  const rows = events.flatMap((event) => (event.kind === 'changes' ? [event.batch.rows] : []))
  expect(rows).toEqual([...Array<number>(10).fill(100), 50])
})

test('batches keep to the bound in bytes', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  const bound = 256 * 1024
  await using stream = await fixture.open({ flushAfterMs: 60_000, batchBytesMax: bound })
  await database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 3000) g")
  const events = await readUntil(stream, (event) => event.kind === 'boundary')
  const bytes = events.flatMap((event) => (event.kind === 'changes' ? [event.batch.bytes] : []))
  expect(bytes.length).toBeGreaterThan(10)
  for (const size of bytes) expect(size).toBeLessThan(bound * 1.2)
})

test('a reader that takes its time is not taken for dead', async () => {
  await database.query(`ALTER DATABASE ${database.name} SET wal_sender_timeout = '600ms'`)
  const fixture = await createStreamFixture(database, ['t'])
  await database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 30000) g")
  await using stream = await fixture.open({ batchRowsMax: 1000 })
  await readUntil(stream, (event) => event.kind === 'changes')
  // The server has more to send than fits between us, and nobody reads for several times its patience.
  await until(async () => {
    const [row] = await database.query<{ waited: boolean }>(
      `SELECT clock_timestamp() - s.backend_start > '3s' AS waited FROM pg_replication_slots r
        JOIN pg_stat_activity s ON s.pid = r.active_pid WHERE r.slot_name = $1`,
      [fixture.slot],
    )
    return row!.waited
  })
  const events = await readToEnd(database, stream)
  const rows = events.reduce((sum, event) => sum + (event.kind === 'changes' ? event.batch.rows : 0), 0)
  expect(rows).toBe(29_000)
})
