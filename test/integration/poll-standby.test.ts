/** Tables are polled on a standby, where nobody may write and nothing tells which transactions are open elsewhere. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startServer } from '../support/postgres.ts'
import { openStandby } from '../support/standby.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const ITEM = { namespace: 'public', name: 'item', key: ['id'] }

test('a standby is polled: late commits, deleted rows and changes arrive, and nothing is asked of the primary', async () => {
  // What is not flushed yet does not reach a standby.
  await using primary = await startServer({ settings: { synchronous_commit: 'on' } })
  await using fixture = await SyncFixture.create({
    serverUrl: primary.url,
    sql: `CREATE TABLE item (id int PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX ON item (updated_at); INSERT INTO item SELECT i, 0 FROM generate_series(1, 500) i;
      CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT SELECT ON item TO reader`,
    tables: ['public.item'],
  })
  await using standby = await openStandby(primary)
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  const url = new URL(config.sources.shop.url)
  url.port = String(standby.port)
  url.username = 'reader'
  url.password = 'secret'
  const { slot: _, publication: __, ...shop } = config.sources.shop
  const poll = async (tables: readonly unknown[]) => {
    config.sources.shop = { ...shop, url: url.href, mode: 'polling', tables }
    await writeFile(fixture.configFile, JSON.stringify(config))
  }
  await poll(['public.item'])
  const polled = async () => {
    await standby.caughtUp()
    const { summary } = await fixture.once()
    expect(summary.outcome).toBe('ok')
  }
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])

  const late = await fixture.database.connect()
  await late.query('BEGIN; INSERT INTO item VALUES (1000, 1)')
  await fixture.sql(
    'UPDATE item SET v = 1, updated_at = clock_timestamp() WHERE id <= 50; INSERT INTO item VALUES (1001, 1)',
  )
  await polled()
  await late.query('COMMIT')
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])

  await poll([{ name: 'public.item', detect_deletes: '0s' }])
  await fixture.sql('DELETE FROM item WHERE id > 490 AND id <= 500')
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])
  expect(await fixture.sql('SELECT 1 FROM pg_replication_slots')).toEqual([])
  expect(await fixture.sql('SELECT 1 FROM pg_publication')).toEqual([])
})
