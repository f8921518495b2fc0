/**
 * A standby takes over. Its log goes on under another timeline, from a place that the primary may have been beyond: what was
 * read there is not what the log has now.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startServer } from '../support/postgres.ts'
import { openStandby, type Standby } from '../support/standby.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const SQL = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 50) i'

async function leadTo(fixture: SyncFixture, port: string): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  const url = new URL(config.sources.shop.url)
  url.port = port
  config.sources.shop.url = url.href
  await writeFile(fixture.configFile, JSON.stringify(config))
}

async function rowsOf(standby: Standby, fixture: SyncFixture): Promise<unknown> {
  const rows = await standby.query('SELECT id::text, v FROM t ORDER BY t.id', fixture.database.name)
  return rows.map(({ id, v }) => [id, v])
}

const copied = (fixture: SyncFixture) =>
  fixture.copied('SELECT id::VARCHAR, v FROM copy.t WHERE NOT _fivetran_deleted ORDER BY t.id')

test('after a failover a source goes on where its log does, and says so where it was read beyond that', async () => {
  await using primary = await startServer({ settings: { synchronous_commit: 'on', autovacuum: 'off' } })
  const options = { serverUrl: primary.url, sql: SQL, tables: ['public.t'] }
  await using proxy = await TcpProxy.open(primary.url)
  await using idle = await SyncFixture.create(options)
  await using ahead = await SyncFixture.create(options)
  await using running = await SyncFixture.create(options)
  await leadTo(running, new URL(proxy.url).port)
  for (const fixture of [idle, ahead]) await fixture.once()
  const sync = running.start()
  await sync.live('public.t')
  await using standby = await openStandby(primary)
  for (const fixture of [idle, ahead, running]) await fixture.sql("UPDATE t SET v = 'first' WHERE id <= 10")
  for (const fixture of [idle, ahead]) await fixture.once()
  await sync.heard('merged', (event) => event.tables.some(({ updated }) => updated > 0))

  // What the standby never gets, one source has.
  await proxy.down()
  await standby.caughtUp()
  await standby.query("ALTER SYSTEM SET primary_conninfo = ''")
  await standby.query('SELECT pg_reload_conf()')
  while ((await standby.query('SELECT 1 FROM pg_stat_wal_receiver')).length > 0) await delay(20)
  await ahead.sql("UPDATE t SET v = 'lost' WHERE id > 40; INSERT INTO t VALUES (1000, 'lost')")
  await ahead.once()
  await standby.query('SELECT pg_promote()')
  for (const fixture of [idle, ahead, running]) {
    await standby.query(
      "UPDATE t SET v = 'second' WHERE id IN (5, 45); INSERT INTO t VALUES (1001, 'new')",
      fixture.database.name,
    )
  }

  for (const fixture of [idle, ahead]) await leadTo(fixture, String(standby.port))
  const goneOn = await idle.once()
  expect(goneOn.summary).toMatchObject({ outcome: 'ok', rowsSnapshot: 0 })
  expect(await copied(idle)).toEqual(await rowsOf(standby, idle))
  expect(await idle.copied("SELECT max(split_part(_source_position, '/', 1)) FROM copy.t")).toEqual([['0002']])

  const stopped = await ahead.once()
  expect(stopped.summary.tables).toMatchObject([
    { state: 'needs_resync', error: expect.stringMatching(/another server took over at .* may be lost/) },
  ])
  await ahead.ask({ kind: 'resync' })
  expect((await ahead.once()).summary.outcome).toBe('ok')
  expect(await copied(ahead)).toEqual(await rowsOf(standby, ahead))

  // A sync that runs finds another server at its address.
  proxy.leadTo(standby.port)
  const copies = sync.events.filter(({ event }) => event === 'snapshot').length
  await proxy.up()
  await sync.heard('merged', (event) => event.tables.some(({ inserted }) => inserted > 0))
  await sync.stop()
  expect(sync.events.filter(({ event }) => event === 'snapshot')).toHaveLength(copies)
  expect(await copied(running)).toEqual(await rowsOf(standby, running))
  expect(await running.copied("SELECT max(split_part(_source_position, '/', 1)) FROM copy.t")).toEqual([['0002']])
})
