/** A state on the server that is copied writes to the log that is followed. */
import { expect, test } from 'vitest'
import type { State } from '../../src/core/state.ts'
import { startServer } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const ITEMS = { namespace: 'public', name: 'items', key: ['id'] }

test('beside the tables that are copied, the state of an idle sync is not written', async () => {
  // Alone on its server: the databases of other tests write to the log too.
  await using server = await startServer()
  await using fixture = await SyncFixture.create({
    serverUrl: server.url,
    sql: 'CREATE TABLE items (id int PRIMARY KEY, v int); INSERT INTO items SELECT i, 0 FROM generate_series(1, 500) i; CREATE TABLE unpublished (id int)',
    tables: ['public.items'],
    state: 'postgres',
  })
  const written: string[] = []
  const counting = (inner: State): State =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (/^(save|finish|clear|record|mark|reconcile|remove|forget|discard|note)/.test(String(name)))
            written.push(String(name))
          return (value as (...all: unknown[]) => unknown).apply(target, args)
        }
      },
    })
  const sync = fixture.start({ wraps: { state: counting } })
  await sync.live('public.items')
  await fixture.sql('UPDATE items SET v = 1 WHERE id = 1')
  await sync.heard('merged', (event) => event.tables.some((table) => table.updated === 1))
  // What that merge has written has been read from the log, and so have commits of tables that nobody copies.
  const versions = () => fixture.sql('SELECT xmin::text, ctid::text FROM sync_state.sync_sources')
  await settled(fixture)
  const before = { rows: await versions(), calls: written.length }
  for (let commit = 0; commit < 50; commit++) await fixture.sql(`INSERT INTO unpublished VALUES (${commit})`)
  await settled(fixture)
  expect({ rows: await versions(), calls: written.length }).toEqual(before)

  await fixture.sql('UPDATE items SET v = 2 WHERE id = 1')
  await sync.stop()
  await fixture.once()
  expect(await fixture.differences(ITEMS)).toEqual([])
})

/** The stream has been sent everything that is in the log, and for ten of its intervals nothing was added. */
async function settled(fixture: SyncFixture): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const [row] = await fixture.sql(
      `SELECT pg_current_wal_lsn() AS lsn, s.sent_lsn >= pg_current_wal_lsn() AS sent FROM pg_stat_replication s
       JOIN pg_replication_slots r ON r.active_pid = s.pid WHERE r.database = current_database()`,
    )
    await fixture.sql('SELECT pg_sleep(0.5)')
    const [again] = await fixture.sql('SELECT pg_current_wal_lsn() AS lsn')
    if (row?.sent === true && row.lsn === again?.lsn) return
  }
  throw new Error('the log of the database does not come to rest')
}
