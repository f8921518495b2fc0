/**
 * A snapshot's position is the end of the record by which the slot became consistent. A transaction that was open then and
 * commits next has exactly that LSN as its own, and is not in the snapshot.
 */
import { expect, test } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import type { ChangeSource } from '../../src/core/source.ts'
import { startServer } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { watchSnapshot, wrapSource } from '../support/wrapped-ports.ts'

// Another program's record may come between the two, such as the background writer's every 15 s.
const ATTEMPTS = 5

test.each([
  ['followed before the snapshot', 'before'],
  ['followed from the snapshot on', 'after'],
] as const)(
  'a transaction whose commit LSN equals the consistent point is neither lost nor doubled: %s',
  async (_, followed) => {
    // Of its own, so that nobody else writes into the log.
    await using server = await startServer({ settings: { autovacuum: 'off', synchronous_commit: 'on' } })
    for (let attempt = 1; ; attempt++) {
      await using fixture = await SyncFixture.create({
        serverUrl: server.url,
        sql: `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'before' FROM generate_series(1, 10) i;
        CREATE TABLE journal (id int); INSERT INTO journal SELECT generate_series(1, 10)`,
        tables: ['public.t', 'public.journal'],
      })
      await fixture.once({ wraps: { source: (source) => committingAtConsistentPoint(source, fixture, followed) } })
      await fixture.once()
      const lsnOf = (id: number) =>
        fixture.copied(`SELECT split_part(_source_position, '/', 2) FROM copy.t WHERE id = ${id}`)
      const same = JSON.stringify(await lsnOf(1)) === JSON.stringify(await lsnOf(1000))
      if (!same && attempt < ATTEMPTS) continue
      expect(same).toBe(true)
      expect(
        await fixture.differences(
          { namespace: 'public', name: 't', key: ['id'] },
          { namespace: 'public', name: 'journal', key: [] },
        ),
      ).toEqual([])
      return
    }
  },
)

/** A slot waits twice for open transactions; one that begins between the two is decoded, and may commit after them. */
function committingAtConsistentPoint(
  source: ChangeSource,
  fixture: SyncFixture,
  followed: 'before' | 'after',
): ChangeSource {
  let isRead = false
  const watched = watchSnapshot(source, {
    after: () => {
      isRead = true
    },
  })
  const waitFor = async (transaction: string) => {
    for (;;) {
      const waiting = await fixture.sql(
        `SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted AND transactionid = '${transaction}'::xid`,
      )
      if (waiting.length > 0) return
    }
  }
  return wrapSource(watched, {
    async openSnapshot(request, signal) {
      const [first, second, third] = await Promise.all([1, 2, 3].map(() => fixture.database.connect()))
      const open = async (client: typeof first) => {
        const { rows } = await client!
          .query(`BEGIN; SELECT pg_current_xact_id()::text AS id`)
          .then((results) => (Array.isArray(results) ? results[1] : results))
        return rows[0].id as string
      }
      const firstId = await open(first)
      const session = watched.openSnapshot(request, signal)
      await waitFor(firstId)
      const secondId = await open(second)
      await first!.query('COMMIT')
      await waitFor(secondId)
      await third!.query(`BEGIN; INSERT INTO t VALUES (1000, 'at the point'); INSERT INTO journal VALUES (1000);
        UPDATE t SET v = 'too' WHERE id = 10`)
      await second!.query('COMMIT')
      const opened = await session
      await third!.query('COMMIT')
      return opened
    },
    async openStream(request, signal) {
      // Then the position of the snapshot is known when the stream begins.
      if (followed === 'after' && !isRead) throw new PipelineError('source_connection_lost', 'Following the changes')
      return watched.openStream(request, signal)
    },
  })
}
