import { expect, test } from 'vitest'
import { createTestDatabase } from './postgres.ts'

test('a test database takes logical slots and goes away with them', async () => {
  const database = await createTestDatabase()
  await database.query("SELECT pg_create_logical_replication_slot('of_' || current_database(), 'pgoutput')")
  await database.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)')
  expect(await database.query('SELECT count(*)::int AS rows FROM t')).toEqual([{ rows: 2 }])
  await using other = await createTestDatabase()
  await database.dispose()
  expect(await other.query('SELECT 1 FROM pg_database WHERE datname = $1', [database.name])).toEqual([])
  expect(await other.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [database.name])).toEqual([])
})
