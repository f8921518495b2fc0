import { expect, test } from 'vitest'
import type { StreamEvent } from '../../src/core/source.ts'
import { createTestDatabase, startServer } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, readUntil } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

test('a change of schema whose commit waits for a standby is read from the log before anybody sees it, and waits too', async () => {
  await using server = await startServer({ settings: { synchronous_standby_names: 'nobody' } })
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE t (id int PRIMARY KEY, a text)')
  const fixture = await createStreamFixture(database, ['t'])
  await using stream = await fixture.open({ flushAfterMs: 10 })
  const replica = new StreamReplica()
  await database.query("INSERT INTO t VALUES (1, 'a')")
  await readToEnd(database, stream, replica)

  const writer = await database.connect()
  await writer.query("SET synchronous_commit = 'on'")
  const committing = writer.query("BEGIN; ALTER TABLE t ADD b text; INSERT INTO t VALUES (2, 'a', 'b'); COMMIT")
  const seen: StreamEvent['kind'][] = []
  const reading = readUntil(
    stream,
    (event) => {
      seen.push(event.kind)
      return event.kind === 'boundary' && event.changes > 0
    },
    replica,
  )
  // It is in the log and waits, and the stream asks whether it has become visible, again and again.
  const asks = async (): Promise<boolean> => {
    const [row] = await database.query<{ both: boolean }>(`SELECT count(*) = 2 AS both FROM pg_stat_activity
      WHERE datname = current_database() AND (wait_event = 'SyncRep' OR query LIKE 'SELECT pg_current_snapshot()%')`)
    return row!.both
  }
  while (!(await asks())) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(seen.filter((kind) => kind !== 'boundary')).toEqual([])
  await database.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
  await committing
  await reading
  expect(replica.schemaChanges).toEqual(['added column b text'])
  expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
})
