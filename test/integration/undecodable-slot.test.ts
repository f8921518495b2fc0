/**
 * A slot that PostgreSQL itself cannot read past some transaction: a table is truncated within a savepoint of a transaction
 * that is open when the slot is made, and another transaction writes to it before the slot is consistent.
 */
import { expect, test } from 'vitest'
import type { ChangeSource } from '../../src/core/source.ts'
import { simplyload } from '../support/command-process.ts'
import { startServer } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { wrapSource } from '../support/wrapped-ports.ts'

test('it is told as what it is, and what is advised mends it', async () => {
  // Of its own: what another reader of the log has found out, all slots of a server can use.
  await using server = await startServer()
  await using fixture = await SyncFixture.create({
    serverUrl: server.url,
    sql: `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'before' FROM generate_series(1, 10) i`,
    tables: ['public.t'],
  })
  const slot = `slot_of_${fixture.database.name}`
  await expect(
    fixture.once({ wraps: { source: (source) => truncatedMeanwhile(source, fixture) } }),
  ).rejects.toMatchObject({ code: 'source_slot_lost', hint: expect.stringContaining('pg_drop_replication_slot') })

  await fixture.sql(`SELECT pg_drop_replication_slot('${slot}')`)
  expect((await simplyload(fixture.folder, ['checkpoint', 'reset', '--yes'])).exitCode).toBe(0)
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences({ namespace: 'public', name: 't', key: ['id'] })).toEqual([])
})

function truncatedMeanwhile(source: ChangeSource, fixture: SyncFixture): ChangeSource {
  const waiting = async (transaction: string) => {
    for (;;) {
      const found = await fixture.sql(
        `SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted AND transactionid = '${transaction}'::xid`,
      )
      if (found.length > 0) return
    }
  }
  return wrapSource(source, {
    async prepare(tables, mayCreateSlot, signal) {
      const [first, second, third] = await Promise.all([1, 2, 3].map(() => fixture.database.connect()))
      const begin = async (client: typeof first) => {
        await client!.query('BEGIN')
        return (await client!.query('SELECT pg_current_xact_id()::text AS id')).rows[0].id as string
      }
      const firstId = await begin(first)
      const prepared = source.prepare(tables, mayCreateSlot, signal)
      await waiting(firstId)
      const secondId = await begin(second)
      await first!.query('SAVEPOINT s; TRUNCATE t; RELEASE s; COMMIT')
      await waiting(secondId)
      await third!.query(`BEGIN; INSERT INTO t VALUES (100, 'while the slot is made')`)
      await second!.query('COMMIT')
      await prepared
      await third!.query('COMMIT')
      return prepared
    },
  })
}
