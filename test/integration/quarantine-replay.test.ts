/** What is in quarantine is read again once its cause is mended, and never over anything newer. */
import { readFile, writeFile } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import type { Application } from '../../src/core/application.ts'
import { simplyload } from '../support/command-process.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const FAILING = `SELECT id, v, CASE WHEN w = 'bad' THEN error('no') ELSE upper(w) END AS w FROM batch`
const SQL = `CREATE TABLE t (id int PRIMARY KEY, v int, w text); INSERT INTO t SELECT i, i, CASE WHEN i % 5 = 0 THEN 'bad' ELSE 'w' END FROM generate_series(1, 50) i`
const TABLE = { name: 'public.t', transform: FAILING, on_transform_error: 'continue' }
const { signal } = new AbortController()

async function use<T>(fixture: SyncFixture, work: (application: Application) => Promise<T>): Promise<T> {
  const options = { configFile: fixture.configFile, settings: [], environment: {}, logLevel: 'silent' } as const
  await using application = await openApplication(options)
  return await work(application)
}

const replay = (fixture: SyncFixture, ids: readonly string[] = []) =>
  use(fixture, (application) => application.replayQuarantine({ tables: [], ids }, signal))

async function mend(fixture: SyncFixture): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.tables[0].transform = FAILING.replace("error('no')", "'mended'")
  await writeFile(fixture.configFile, JSON.stringify(config))
}

const open = (fixture: SyncFixture) =>
  fixture.copied(`SELECT key FROM _simplyload.quarantine WHERE closed_at IS NULL ORDER BY key`)
const closed = (fixture: SyncFixture) =>
  fixture.copied(
    `SELECT closed_as, count(*)::VARCHAR FROM _simplyload.quarantine WHERE closed_at IS NOT NULL GROUP BY ALL ORDER BY ALL`,
  )

test('rows that a transform failed on come in once it is mended; those that are gone or newer stay as they are', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: [TABLE] })
  await fixture.once()
  await fixture.sql(`UPDATE t SET w = 'bad' WHERE id IN (1, 2, 3); DELETE FROM t WHERE id = 5; UPDATE t SET id = 100 WHERE id = 10;
    UPDATE t SET w = 'fine' WHERE id = 15`)
  await fixture.once()
  expect((await open(fixture)).length).toBe(10 + 3 + 1)
  await mend(fixture)
  expect(await replay(fixture)).toMatchObject({ withoutKey: 0, running: false, tables: [{ entries: 14 }] })
  const { events } = await fixture.once()
  expect(events.find((event) => event.event === 'backfill' && event.outcome === 'done')).toMatchObject({ rows: 12 })
  expect(await open(fixture)).toEqual([])
  expect(await closed(fixture)).toEqual([
    ['gone', '2'],
    ['replayed', '12'],
  ])
  expect(
    await fixture.copied(`SELECT w, count(*)::VARCHAR FROM copy.t WHERE NOT _fivetran_deleted GROUP BY w ORDER BY w`),
  ).toEqual([
    ['FINE', '1'],
    ['W', '37'],
    ['mended', '11'],
  ])
  const report = await use(fixture, (application) =>
    application.verify({ tables: [], deep: true }, () => undefined, signal),
  )
  expect(report).toMatchObject({ equal: true })
  expect(await replay(fixture)).toMatchObject({ tables: [] })
})

test('what the destination cannot hold is counted: by the run, by status and by verify, copied or changed', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE q (id int PRIMARY KEY, d date, n numeric(9, 2));
      INSERT INTO q VALUES (1, 'infinity', 'NaN'), (2, '2024-01-01', 1), (3, '-infinity', 1)`,
    tables: ['public.q'],
  })
  const copied = await fixture.once()
  expect(copied.summary).toMatchObject({ outcome: 'ok', quarantined: 2 })
  expect(copied.events).toContainEqual(
    expect.objectContaining({ event: 'notice', message: expect.stringMatching(/public\.q: values of 2 rows/) }),
  )
  await fixture.sql("UPDATE q SET d = 'infinity' WHERE id = 2; UPDATE q SET n = 2 WHERE id = 3")
  expect((await fixture.once()).summary).toMatchObject({ outcome: 'ok', quarantined: 2 })
  const status = await simplyload(fixture.folder, ['status'])
  expect(status.events).toContainEqual(expect.objectContaining({ table: 'public.q', quarantined: 4 }))
  const compared = await simplyload(fixture.folder, ['verify'])
  expect(compared.events[0]).toMatchObject({ table: 'public.q', equal: true, explained: 3 })
})

test('what still cannot be held is in quarantine again; chosen entries are replayed alone', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: [TABLE] })
  await fixture.once()
  const entries = await use(fixture, (application) => application.quarantine({ tables: [] }, 100, signal))
  const [first, second] = entries.map((entry) => entry.id)
  await expect(replay(fixture, ['0123456789ab'])).rejects.toMatchObject({ code: 'not_found' })
  expect(await replay(fixture, [first!, second!])).toMatchObject({ tables: [{ entries: 2 }] })
  await fixture.once()
  expect(await closed(fixture)).toEqual([['again', '2']])
  expect((await open(fixture)).length).toBe(10)
  await mend(fixture)
  const again = await use(fixture, (application) => application.quarantine({ tables: [] }, 100, signal))
  expect(again.map((entry) => entry.key).sort()).toEqual(entries.map((entry) => entry.key).sort())
  await replay(fixture, [again[0]!.id])
  await fixture.once()
  expect((await open(fixture)).length).toBe(9)
})

test('a value that was NULL in its row is filled in, also where the row has changed around it', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL.replaceAll("'bad'", "'w'"), tables: ['public.t'] })
  await fixture.once()
  const instance = await DuckDBInstance.create(fixture.warehouse)
  const connection = await instance.connect()
  await connection.run(`INSERT INTO _simplyload.quarantine (source, namespace, table_name, position, key, column_name, reason, raw, loaded_at)
    SELECT 'shop', 'public', 't', _source_position, '["' || id || '"]', 'w', 'not known then', 'w', now() FROM copy.t WHERE id < 5`)
  await connection.run(`UPDATE copy.t SET w = NULL WHERE id < 5`)
  connection.closeSync()
  instance.closeSync()
  await fixture.sql(`UPDATE t SET v = 1000 WHERE id = 2; DELETE FROM t WHERE id = 3`)
  await replay(fixture)
  await fixture.once()
  expect(await closed(fixture)).toEqual([
    ['gone', '1'],
    ['replayed', '3'],
  ])
  expect(await fixture.differences({ namespace: 'public', name: 't', key: ['id'] })).toEqual([])
})

test('a sync that runs takes it up, beside changes of the same rows', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: [{ ...TABLE, hard_delete: true }] })
  await fixture.once()
  await mend(fixture)
  const running = fixture.start()
  await running.heard('start')
  let changes = 0
  const asking = replay(fixture).finally(() => {
    changes = Number.POSITIVE_INFINITY
  })
  while (changes < 60) {
    await fixture.sql(`UPDATE t SET v = v + 1, w = 'x${changes}' WHERE id % 10 = 0; DELETE FROM t WHERE id = ${5 + 10 * (changes % 5)};
      INSERT INTO t VALUES (${5 + 10 * (changes % 5)}, ${changes}, 'again')`)
    changes++
  }
  expect(await asking).toMatchObject({ running: true, tables: [{ outcome: 'done', entries: 10 }] })
  await running.stop()
  await fixture.once()
  expect(
    await fixture.copied(
      `SELECT count(*)::VARCHAR, count(DISTINCT id)::VARCHAR FROM copy.t WHERE w = 'mended' OR w IS NULL`,
    ),
  ).toEqual([['0', '0']])
  const report = await use(fixture, (application) =>
    application.verify({ tables: [], deep: true }, () => undefined, signal),
  )
  expect(report).toMatchObject({ equal: true })
})
