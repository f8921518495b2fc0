/** Rows that become visible late, in all the ways in which they do. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PollScene } from '../support/poll-scene.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())
beforeEach(async () => {
  await database.query(`
    DROP TABLE IF EXISTS item;
    CREATE TABLE item (id int PRIMARY KEY, note text, changed timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON item (changed);
    INSERT INTO item SELECT g, 'first', now() - interval '1 hour' FROM generate_series(1, 10) g`)
})

const open = (url = database.url, options = {}) =>
  PollScene.open({ url, tables: [{ name: 'public.item', cursor: 'changed' }], lateArrivalsMs: 0, ...options })

const ids = (rows: readonly { readonly id?: unknown }[]) => rows.map(({ id }) => Number(id)).sort((a, b) => a - b)

test('each poll has the rows that changed since the one before, and an idle one has none', async () => {
  await using scene = await open()
  expect(await scene.poll()).toEqual([])
  await database.query("UPDATE item SET note = 'second', changed = now() WHERE id IN (3, 4)")
  const rows = await scene.poll()
  expect(rows.map(({ id, op, note }) => [Number(id), op, note])).toEqual([
    [3, 'u', 'second'],
    [4, 'u', 'second'],
  ])
  expect(await scene.poll()).toEqual([])
})

test('what changed after a first read is newer than it, also where the run was killed before it recorded anything', async () => {
  await using scene = await open()
  const startAt = scene.tables.get('public.item')?.startAt ?? ''
  await database.query("UPDATE item SET note = 'second', changed = now() WHERE id = 3")
  await scene.restart(1_000_000n)
  const [row] = await scene.firstPoll()
  expect(row?.position?.localeCompare(startAt)).toBe(1)
})

test('the token of an idle table does not change', async () => {
  await using scene = await open()
  await database.query('UPDATE item SET changed = now() WHERE id = 1')
  for (let poll = 0; poll < 3; poll++) await scene.poll()
  const before = scene.token('public.item')
  for (let poll = 0; poll < 3; poll++) await scene.poll()
  expect(scene.token('public.item')).toEqual(before)
})

test('a transaction that commits late with an earlier cursor is not lost', async () => {
  await using scene = await open()
  await scene.poll()
  const late = await database.connect()
  await late.query("BEGIN; INSERT INTO item VALUES (100, 'late')")
  for (const id of [201, 202, 203]) {
    await database.query(`INSERT INTO item VALUES (${id}, 'early')`)
    expect(ids(await scene.poll())).toEqual([id])
  }
  await late.query("INSERT INTO item VALUES (101, 'late'); COMMIT")
  await late.end()
  expect(ids(await scene.poll())).toEqual([100, 101])
  expect(await scene.poll()).toEqual([])
})

test('a transaction that had begun and not written when it was passed by is not lost', async () => {
  await using scene = await open()
  const late = await database.connect()
  await late.query('BEGIN; SELECT now()')
  await database.query("INSERT INTO item VALUES (200, 'early')")
  for (let poll = 0; poll < 3; poll++) await scene.poll()
  await late.query("INSERT INTO item VALUES (100, 'late'); COMMIT")
  await late.end()
  expect(ids(await scene.poll())).toEqual([100])
})

test('a transaction that was open at the first read is not lost', async () => {
  const late = await database.connect()
  await late.query("BEGIN; INSERT INTO item VALUES (100, 'late')")
  await using scene = await open()
  await database.query("INSERT INTO item VALUES (200, 'early')")
  expect(ids(await scene.poll())).toEqual([200])
  await scene.poll()
  await late.query('COMMIT')
  await late.end()
  expect(ids(await scene.poll())).toEqual([100])
})

test('rows beside a long transaction are sent once, not with every poll', async () => {
  await using scene = await open()
  const long = await database.connect()
  await long.query("BEGIN; UPDATE item SET note = 'long', changed = now() WHERE id = 1")
  await database.query("UPDATE item SET note = 'short', changed = clock_timestamp() WHERE id > 5")
  expect(ids(await scene.poll())).toEqual([6, 7, 8, 9, 10])
  for (let poll = 0; poll < 3; poll++) expect(await scene.poll()).toEqual([])
  await database.query("UPDATE item SET note = 'again', changed = clock_timestamp() WHERE id = 7")
  expect(ids(await scene.poll())).toEqual([7])
  // Also when it goes on elsewhere.
  await scene.close()
  expect(await scene.poll()).toEqual([])
  await long.query('COMMIT')
  await long.end()
  expect(ids(await scene.poll())).toEqual([1])
  expect(await scene.poll()).toEqual([])
})

test('subtransactions come with the transaction that they belong to', async () => {
  await using scene = await open()
  const late = await database.connect()
  await late.query(`BEGIN; SAVEPOINT one; INSERT INTO item VALUES (100, 'kept'); RELEASE one;
    SAVEPOINT two; INSERT INTO item VALUES (101, 'rolled back'); ROLLBACK TO two`)
  await database.query("INSERT INTO item VALUES (200, 'early')")
  expect(ids(await scene.poll())).toEqual([200])
  await late.query("SAVEPOINT three; INSERT INTO item VALUES (102, 'kept'); COMMIT")
  await late.end()
  expect(ids(await scene.poll())).toEqual([100, 102])
})

test('a prepared transaction is waited for, whoever commits it and whenever', async () => {
  await using scene = await open()
  const writer = await database.connect()
  await writer.query("BEGIN; INSERT INTO item VALUES (100, 'prepared')")
  await scene.poll()
  await writer.query(`PREPARE TRANSACTION '${database.name}'`)
  await writer.end()
  for (const id of [201, 202]) {
    await database.query(`INSERT INTO item VALUES (${id}, 'early')`)
    expect(ids(await scene.poll())).toEqual([id])
  }
  await database.query(`COMMIT PREPARED '${database.name}'`)
  expect(ids(await scene.poll())).toEqual([100])
})

test('a transaction of somebody else is seen by a role that may only read, whose activity it may not see', async () => {
  const { role, url } = await database.createRole()
  await database.query(`GRANT SELECT ON item TO ${role}; ALTER ROLE ${role} SET default_transaction_read_only = on`)
  await using scene = await open(url)
  await scene.poll()
  const late = await database.connect()
  await late.query("BEGIN; INSERT INTO item VALUES (100, 'hidden')")
  const reader = await database.connect()
  await reader.query(`SET ROLE ${role}`)
  const { rows: hidden } = await reader.query('SELECT xact_start FROM pg_stat_activity WHERE pid = ANY ($1)', [
    (await late.query('SELECT pg_backend_pid() AS pid')).rows.map(({ pid }) => pid),
  ])
  expect(hidden).toEqual([{ xact_start: null }])
  await reader.end()
  await database.query("INSERT INTO item VALUES (200, 'early')")
  expect(ids(await scene.poll())).toEqual([200])
  await scene.poll()
  await late.query('COMMIT')
  await late.end()
  expect(ids(await scene.poll())).toEqual([100])
})

describe('where transactions cannot be seen', () => {
  test('polls look back over the window instead, and send nothing twice', async () => {
    const { role, url } = await database.createRole()
    await database.query(`GRANT SELECT ON item TO ${role}; REVOKE EXECUTE ON FUNCTION pg_lock_status() FROM PUBLIC`)
    try {
      await using scene = await open(url, { lateArrivalsMs: 60_000 })
      await scene.poll()
      const late = await database.connect()
      await late.query("BEGIN; INSERT INTO item VALUES (100, 'late')")
      for (const id of [201, 202, 203]) {
        await database.query(`INSERT INTO item VALUES (${id}, 'early')`)
        expect(ids(await scene.poll())).toEqual([id])
      }
      await late.query('COMMIT')
      await late.end()
      expect(ids(await scene.poll())).toEqual([100])
      expect(await scene.poll()).toEqual([])
    } finally {
      await database.query('GRANT EXECUTE ON FUNCTION pg_lock_status() TO PUBLIC')
    }
  })
})
