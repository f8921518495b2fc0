/** Transactions of every shape, from several connections at once, sent while in progress and at their commit. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StreamEvent } from '../../src/core/source.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, readUntil, type StreamFixture } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
let fixture: StreamFixture

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
    CREATE TABLE elsewhere (id int PRIMARY KEY, v text)`)
  await sendInProgress(true)
  fixture = await createStreamFixture(database, ['a', 'b'])
})
afterAll(() => database.dispose())

/** Whether transactions beyond 64 kB are sent before they commit. */
async function sendInProgress(yes: boolean): Promise<void> {
  await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '${yes ? '64kB' : '1GB'}'`)
}

/** A slot of its own for each test: they share tables, not positions. */
async function freshFixture(): Promise<StreamFixture> {
  await database.query(`TRUNCATE a, b, elsewhere`)
  await database.query('SELECT pg_drop_replication_slot($1)', [fixture.slot])
  await database.query('DROP PUBLICATION everything')
  fixture = await createStreamFixture(database, ['a', 'b'])
  return fixture
}

async function expectSame(replica: StreamReplica): Promise<void> {
  expect(replica.rows('public.a')).toEqual(await sqlRows(database, 'a'))
  expect(replica.rows('public.b')).toEqual(await sqlRows(database, 'b'))
}

const fill = (table: string, from: number, to: number): string =>
  `INSERT INTO ${table} SELECT g, repeat('x', 50) || g FROM generate_series(${from}, ${to}) g`

test('rolled back savepoints leave nothing, at any depth, in a transaction that is sent in progress', async () => {
  const { open } = await freshFixture()
  await database.query('BEGIN')
  await database.query(fill('a', 1, 1500))
  await database.query('SAVEPOINT s1')
  await database.query(fill('a', 2001, 3500))
  await database.query('SAVEPOINT s2')
  await database.query(fill('b', 1, 1500))
  await database.query('RELEASE s2')
  await using stream = await open({ batchRowsMax: 200 })
  const replica = new StreamReplica()
  // Of a subtransaction that is known to be rolled back the server may send nothing: rows of both are here before.
  let rows = 0
  const isEnough = (event: StreamEvent) => {
    if (event.kind === 'in-progress') rows += event.batch.rows
    return rows > 3200
  }
  const sent = await readUntil(stream, isEnough, replica)
  await database.query(fill('elsewhere', 1, 1500))
  await database.query('ROLLBACK TO s1') // and s2, which was released into it
  await database.query(fill('b', 5001, 6500))
  await database.query('SAVEPOINT s3')
  await database.query('DELETE FROM a')
  await database.query('ROLLBACK TO s3')
  await database.query('UPDATE a SET v = v || id WHERE id % 2 = 0')
  await database.query('COMMIT')
  const events = [...sent, ...(await readToEnd(database, stream, replica))]
  await expectSame(replica)
  const committed = events.filter((event) => event.kind === 'transaction-committed')
  expect(committed).toHaveLength(1)
  expect(committed[0]!.aborted.length).toBeGreaterThan(0)
  expect(events.filter((event) => event.kind === 'changes')).toEqual([])
})

test('a transaction that aborts after it was sent leaves nothing, and one that commits beside it everything', async () => {
  const { open } = await freshFixture()
  const [one, two, three] = await Promise.all([database.connect(), database.connect(), database.connect()])
  for (const client of [one, two, three]) await client.query('BEGIN')
  for (let round = 0; round < 4; round++) {
    const from = round * 1000
    await one.query(fill('a', from + 1, from + 900))
    await two.query(fill('b', from + 1, from + 900))
    await three.query(fill('a', 100_000 + from + 1, 100_000 + from + 900))
    await database.query(fill('b', 200_000 + round, 200_000 + round))
  }
  await using stream = await open({ batchRowsMax: 200 })
  const replica = new StreamReplica()
  // Rows of all three are yielded before the end of any.
  await readUntil(stream, () => replica.transactionsInProgress.size === 3, replica)
  await one.query('ROLLBACK')
  await three.query('COMMIT')
  await two.query('COMMIT')
  await readToEnd(database, stream, replica)
  expect(replica.events).toContain('transaction-aborted')
  expect(replica.events.filter((kind) => kind === 'transaction-committed')).toHaveLength(2)
  await expectSame(replica)
})

test('a transaction gives its changes the same positions, sent in progress or at its commit', async () => {
  const { open } = await freshFixture()
  const random = generator(7)
  const [one, two, three] = await Promise.all([database.connect(), database.connect(), database.connect()])
  // Three sessions take turns at random; keys do not meet, so nobody waits for a lock.
  const sessions = [one, two, three].map((client, index) => ({
    client,
    depth: 0,
    inside: false,
    base: index * 1_000_000,
  }))
  for (let step = 0; step < 400; step++) {
    const session = sessions[Math.floor(random() * 3)]!
    const { client } = session
    const choice = random()
    if (!session.inside) {
      await client.query('BEGIN')
      session.inside = true
      session.depth = 0
    } else if (choice < 0.45) {
      const table = ['a', 'b', 'elsewhere'][Math.floor(random() * 3)]!
      const from = session.base
      session.base += 400
      await client.query(fill(table, from, from + Math.floor(random() * 400)))
    } else if (choice < 0.55) {
      const low = session.base - 1000
      await client.query(`UPDATE a SET v = v || 'u' WHERE id BETWEEN ${low} AND ${session.base} AND id % 3 = 0`)
    } else if (choice < 0.6) {
      await client.query(`DELETE FROM b WHERE id BETWEEN ${session.base - 1500} AND ${session.base} AND id % 5 = 0`)
    } else if (choice < 0.75) {
      session.depth++
      await client.query(`SAVEPOINT s${session.depth}`)
    } else if (choice < 0.93 && session.depth > 0) {
      const to = 1 + Math.floor(random() * session.depth)
      await client.query(random() < 0.5 ? `ROLLBACK TO s${to}` : `RELEASE s${to}`)
      session.depth = to - 1
    } else if (choice > 0.95) {
      await client.query(random() < 0.7 ? 'COMMIT' : 'ROLLBACK')
      session.inside = false
    }
  }
  for (const { client, inside } of sessions) if (inside) await client.query('COMMIT')

  const replicas: StreamReplica[] = []
  for (const inProgress of [true, false]) {
    await sendInProgress(inProgress)
    await using stream = await open({ batchRowsMax: 300 })
    const replica = new StreamReplica()
    await readToEnd(database, stream, replica)
    await expectSame(replica)
    expect(replica.events.includes('in-progress')).toBe(inProgress)
    replicas.push(replica)
  }
  await sendInProgress(true)
  expect(replicas[0]!.positions).toEqual(replicas[1]!.positions)
})

/** Numbers in [0, 1) that are the same in each run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
