/** A table that cannot go on stops by itself: with its checkpoint, its reason, and the others going on. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { PipelineError } from '../../src/core/errors.ts'
import { simplyload } from '../support/command-process.ts'
import { type FaultPlan, FaultyDestination } from '../support/faulty-destination.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const SQL = `CREATE TABLE good (id int PRIMARY KEY, v text); CREATE TABLE bad (id int PRIMARY KEY, v text);
  INSERT INTO good VALUES (1, 'a'); INSERT INTO bad VALUES (1, 'a')`
const GOOD = { namespace: 'public', name: 'good', key: ['id'] }
const BAD = { namespace: 'public', name: 'bad', key: ['id'] }

function rejecting(table: string): FaultPlan {
  return (call, detail) => {
    const concerned =
      call === 'flush' &&
      detail !== undefined &&
      'tables' in detail &&
      detail.tables.some((part) => part.target.table.name === table)
    if (!concerned) return undefined
    return {
      before: new PipelineError('destination_rejected', `Merging public.${table}`, {
        cause: new Error('no'),
        context: { table: `public.${table}` },
      }),
    }
  }
}

test('a table that the destination rejects is left out, and catches up without loss when it can', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.good', 'public.bad'] })
  await fixture.once()
  await fixture.sql(`UPDATE good SET v = 'b'; UPDATE bad SET v = 'b'; INSERT INTO bad VALUES (2, 'c')`)
  const { summary } = await fixture.once({
    wraps: { destination: (inner) => new FaultyDestination(inner, rejecting('bad')) },
  })
  expect(summary.outcome).toBe('partial')
  expect(summary.tables.map(({ table, state }) => [table, state])).toEqual(
    expect.arrayContaining([
      ['public.good', 'live'],
      ['public.bad', 'failed'],
    ]),
  )
  expect(await fixture.differences(GOOD)).toEqual([])
  expect(await fixture.differences(BAD)).toHaveLength(2)

  // Staged meanwhile, merged when the table is back; and both commit together again.
  await fixture.sql(`INSERT INTO bad VALUES (3, 'd'); DELETE FROM bad WHERE id = 1; INSERT INTO good VALUES (2, 'x')`)
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(GOOD, BAD)).toEqual([])
})

test('a table that loses its key stops, and the others go on', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.good', 'public.bad'] })
  const running = fixture.start()
  await running.live('public.good', 'public.bad')
  await fixture.sql(
    `ALTER TABLE bad DROP CONSTRAINT bad_pkey; INSERT INTO bad VALUES (1, 'twice'); UPDATE good SET v = 'on'`,
  )
  await running.heard('error', (event) => event.table === 'public.bad')
  await fixture.sql(`UPDATE good SET v = 'and on'; INSERT INTO good VALUES (5, 'x')`)
  await running.stop()
  const { summary } = await fixture.once()
  expect(summary.outcome).toBe('partial')
  expect(await fixture.differences(GOOD)).toEqual([])
})

test('a table that is gone when a sync starts stops alone, and is read again once it is back', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.good', 'public.bad'] })
  await fixture.once()
  await fixture.sql(`ALTER TABLE bad RENAME TO bad2; INSERT INTO bad2 VALUES (2, 'b'); UPDATE good SET v = 'on'`)
  for (const v of ['on', 'and on']) {
    await fixture.sql(`UPDATE good SET v = '${v}'`)
    const { summary } = await fixture.once()
    expect(summary.tables).toMatchObject([
      { table: 'public.good', state: 'live' },
      { table: 'public.bad', state: 'needs_resync', error: expect.stringMatching(/there is no table public\.bad/) },
    ])
    expect(await fixture.differences(GOOD)).toEqual([])
  }
  const compared = await simplyload(fixture.folder, ['verify'])
  expect(compared.exitCode).toBe(6)
  expect(compared.events).toMatchObject([
    { event: 'table', table: 'public.good', equal: true },
    { event: 'skipped', table: 'public.bad' },
    { event: 'end' },
  ])

  await fixture.sql(`ALTER TABLE bad2 RENAME TO bad`)
  await fixture.ask({ kind: 'resync' }, 'bad')
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(GOOD, BAD)).toEqual([])
})

test('a table that is gone while it is compared is named, and the others are compared', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.bad', 'public.good'] })
  await fixture.once()
  await fixture.sql('DROP TABLE bad')
  const compared = await simplyload(fixture.folder, ['verify'])
  expect(compared.exitCode).toBe(6)
  expect(compared.events).toMatchObject([
    { event: 'table', table: 'public.good', equal: true },
    { event: 'skipped', table: 'public.bad', reason: expect.stringMatching(/there is no table public\.bad/) },
    { event: 'end', verified: false, differing: 0, skipped: 1 },
  ])
})

test('a table that the role may not read stops with the statement that mends it, and the others are copied', async () => {
  await using fixture = await SyncFixture.create({
    sql: `${SQL}; CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."Bad" (id int PRIMARY KEY); INSERT INTO "Shop"."Bad" VALUES (1);
      CREATE PUBLICATION simplyload FOR TABLE good, "Shop"."Bad" WITH (publish_via_partition_root = true)`,
    tables: ['public.good', 'Shop.Bad'],
  })
  const { role, url } = await fixture.database.createRole('REPLICATION')
  await fixture.sql(`GRANT USAGE ON SCHEMA "Shop" TO ${role}; GRANT SELECT ON good TO ${role}`)
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.url = url
  await writeFile(fixture.configFile, JSON.stringify(config))
  const { summary, events } = await fixture.once()
  expect(summary).toMatchObject({ outcome: 'partial', rowsSnapshot: 1 })
  const denied = events.find((event) => event.event === 'error')
  expect(denied).toMatchObject({
    table: 'Shop.Bad',
    code: 'source_permission',
    hint: `GRANT SELECT ON "Shop"."Bad" TO "${role}"`,
  })
  expect(await fixture.differences(GOOD)).toEqual([])
  await fixture.sql(denied?.event === 'error' ? (denied.hint ?? '') : '')
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok', rowsSnapshot: 1 })
})

test('a table that is dropped at the source stops, and the others go on', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.good', 'public.bad'] })
  const running = fixture.start()
  await running.live('public.good', 'public.bad')
  await fixture.sql(`UPDATE bad SET v = 'last'; DROP TABLE bad; UPDATE good SET v = 'on'`)
  const [{ lsn } = {}] = await fixture.sql(`SELECT pg_current_wal_lsn()::text AS lsn`)
  expect(lsn).toBeDefined()
  await running.heard('merged', (event) =>
    event.tables.some((table) => table.table === 'public.good' && table.updated > 0),
  )
  await running.stop()
  expect(await fixture.differences(GOOD)).toEqual([])
})
