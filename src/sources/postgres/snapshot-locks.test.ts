import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts'
import { request, sourceOf } from '../../../test/support/postgres-source.ts'
import { connect } from './client.ts'
import { connectionSettings } from './connection-settings.ts'
import { lockTables } from './snapshot-locks.ts'
import { BEGIN } from './snapshot-session.ts'

const { signal } = new AbortController()
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

/** What happens between the snapshot and the lock. */
async function lockAfter(table: string, meanwhile: string): Promise<number> {
  await using source = sourceOf(database.url, database.name)
  const schemas = await source.describe([request(table)], signal)
  await using holder = await connect(connectionSettings({ url: database.url }), {}, signal)
  await holder.query(`${BEGIN}; SELECT 1`)
  await database.query(meanwhile)
  return (await lockTables(holder, schemas, 5000, signal)).size
}

test('a table that was rewritten or truncated after the snapshot makes the snapshot lost', async () => {
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)')
  await expect(lockAfter('t', 'ALTER TABLE t ALTER v TYPE text')).rejects.toMatchObject({ code: 'snapshot_lost' })
  await expect(lockAfter('t', 'TRUNCATE t')).rejects.toMatchObject({ code: 'snapshot_lost' })
  await database.query(
    'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT',
  )
  await expect(lockAfter('p', 'TRUNCATE p1')).rejects.toMatchObject({ code: 'snapshot_lost' })
})

test('changes that leave rows where they are do not', async () => {
  await database.query('CREATE TABLE calm (id int PRIMARY KEY, v int)')
  expect(
    await lockAfter('calm', 'INSERT INTO calm VALUES (1, 1); UPDATE calm SET v = 2; ALTER TABLE calm ADD w int'),
  ).toBe(1)
})

test('a table that was dropped or renamed after the snapshot is missing', async () => {
  await database.query('CREATE TABLE gone (id int PRIMARY KEY)')
  await expect(lockAfter('gone', 'ALTER TABLE gone RENAME TO elsewhere')).rejects.toMatchObject({
    code: 'source_table_missing',
  })
})

test('a deadlock with another session is something to try again', async () => {
  await database.query('CREATE TABLE first (id int PRIMARY KEY); CREATE TABLE second (id int PRIMARY KEY)')
  await using source = sourceOf(database.url, database.name)
  const schemas = await source.describe([request('first'), request('second')], signal)
  await using holder = await connect(connectionSettings({ url: database.url }), {}, signal)
  await holder.query(`${BEGIN}; SELECT 1`)
  const other = await database.connect()
  // Only our side gives up.
  await other.query("SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE second IN ACCESS EXCLUSIVE MODE")
  const locking = expect(lockTables(holder, schemas, 60_000, signal)).rejects.toMatchObject({ code: 'source_busy' })
  const waits = "SELECT count(*)::int AS waiting FROM pg_locks WHERE relation = 'second'::regclass AND NOT granted"
  await expect.poll(async () => (await database.query(waits))[0]).toEqual({ waiting: 1 })
  const blocked = other.query('LOCK TABLE first IN ACCESS EXCLUSIVE MODE')
  await locking
  await holder.query('ROLLBACK')
  await blocked
  await other.query('ROLLBACK')
})
