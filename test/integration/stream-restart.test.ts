/** What a stream yields again, and what it must never yield again, when connections end. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { boundary } from '../../src/core/position.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, readUntil } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)')
})
afterEach(() => database.dispose())

const fill = (from: number, to: number): string =>
  `INSERT INTO t SELECT g, repeat('x', 50) || g FROM generate_series(${from}, ${to}) g`

async function cut(): Promise<void> {
  await database.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1', [
    database.name,
  ])
}

test('after a cut connection everything since the confirmed boundary comes again, with the same positions', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  const first = new StreamReplica()
  let confirmed = 0n
  {
    await using stream = await fixture.open()
    await database.query(fill(1, 100))
    await readToEnd(database, stream, first)
    confirmed = first.lastBoundary!.lsn
    stream.confirm(confirmed)
    for (let id = 101; id <= 110; id++) await database.query(fill(id, id))
    await database.query(`BEGIN; ${fill(111, 200)}; UPDATE t SET v = 'u' WHERE id < 50; COMMIT`)
    await readToEnd(database, stream, first)
    await cut()
    await expect(readUntil(stream, () => false)).rejects.toMatchObject({ code: 'source_connection_lost' })
  }
  const second = new StreamReplica()
  await using stream = await fixture.open({ fromLsn: confirmed })
  await readToEnd(database, stream, second)
  const again = first.positions.get('public.t')!.filter((position) => position >= boundary(1, confirmed))
  expect(again.length).toBe(149)
  expect(second.positions.get('public.t')).toEqual(again)
  expect(first.rows('public.t')).toEqual(await sqlRows(database, 't'))
})

test('a connection that is cut in the middle of a transaction yields no boundary past it', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await database.query(fill(1, 100_000))
  const before = new StreamReplica()
  {
    await using stream = await fixture.open({ batchRowsMax: 1_000 })
    await readUntil(stream, (event) => event.kind === 'changes', before)
    await cut()
    await expect(readUntil(stream, () => false, before)).rejects.toMatchObject({ code: 'source_connection_lost' })
    expect(before.applied).toBe(0)
  }
  await using stream = await fixture.open({ batchRowsMax: 1_000 })
  const replica = new StreamReplica()
  await readToEnd(database, stream, replica)
  expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
})

test('a stream does not start behind what the slot has been confirmed to', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await database.query(fill(1, 10))
  {
    await using stream = await fixture.open()
    await readToEnd(database, stream)
    await database.query(fill(11, 20))
    await readToEnd(database, stream)
  }
  await database.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [fixture.slot])
  await expect(fixture.open()).rejects.toMatchObject({ code: 'source_gap' })
})

test('what the server says about slot and publication reaches the caller', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  {
    await using _reader = await fixture.open()
    await expect(fixture.open()).rejects.toMatchObject({ code: 'source_slot_in_use' })
  }
  await database.query(fill(1, 1))
  await database.query('DROP PUBLICATION everything')
  await expect(fixture.open()).rejects.toMatchObject({ code: 'source_moved' })
  await database.query(fill(2, 2))
  await database.query('CREATE PUBLICATION everything FOR ALL TABLES')
  {
    await using stream = await fixture.open()
    await expect(readUntil(stream, () => false)).rejects.toMatchObject({ code: 'source_setting' })
  }
  await database.query('SELECT pg_drop_replication_slot($1)', [fixture.slot])
  await expect(fixture.open()).rejects.toMatchObject({
    code: 'source_slot_missing',
    hint: expect.stringContaining('checkpoint reset'),
  })
})

test('an abort ends the reading at once, with its reason', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  const abort = new AbortController()
  await using stream = await fixture.open({}, abort.signal)
  const reading = readUntil(stream, () => false)
  const reason = new Error('enough')
  setImmediate(() => abort.abort(reason))
  await expect(reading).rejects.toBe(reason)
})

test('rows before a table starts are left out, rows at its start are not', async () => {
  const fixture = await createStreamFixture(database, ['t'])
  await database.query(fill(1, 5))
  await database.query(fill(6, 10))
  await database.query(fill(11, 15))
  const whole = new StreamReplica()
  {
    await using stream = await fixture.open()
    await readToEnd(database, stream, whole)
  }
  const commitOfSecond = BigInt(`0x${whole.positions.get('public.t')![5]!.slice(5, 21)}`)
  const [schema] = await fixture.describe([
    { table: { source: 'shop', namespace: 'public', name: 't' }, exclude: [], typeOverrides: {} },
  ])
  const request = { table: schema!.table, exclude: [], typeOverrides: {} }
  const open = (start: bigint) => fixture.open({ tables: [{ schema: schema!, request, startAt: boundary(1, start) }] })
  for (const [start, rows] of [
    [commitOfSecond, 10],
    [commitOfSecond + 1n, 5],
  ] as const) {
    await using stream = await open(start)
    const replica = new StreamReplica()
    await readToEnd(database, stream, replica)
    expect(replica.applied).toBe(rows)
  }
})
