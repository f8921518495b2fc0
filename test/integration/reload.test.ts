/** The configuration of a running sync: tables added and taken out, a file with mistakes, options that can be taken. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { SyncCommand } from '../support/sync-command.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const T = { namespace: 'public', name: 't', key: ['id'] }
const U = { ...T, name: 'u' }

async function fixtureOf(): Promise<SyncFixture> {
  const fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 100) i;
      CREATE TABLE u (id int PRIMARY KEY, v int); INSERT INTO u SELECT i, 0 FROM generate_series(1, 100) i;
      CREATE TABLE log (at int)`,
    tables: ['public.t'],
  })
  const { sources } = JSON.parse(await readFile(fixture.configFile, 'utf8')) as {
    sources: { shop: { url: string; slot: string } }
  }
  await writeFile(
    fixture.configFile,
    `# ours
version: 1
sources:
  shop:
    type: postgres
    url: ${sources.shop.url}     # a comment
    slot: ${sources.shop.slot}
    publication: simplyload
    tables:
      - public.t        # the first
destination: { type: duckdb, path: warehouse.duckdb }
stage: { type: local, path: stage }
state: { type: sqlite, path: state.db }
naming: copy.{table}
sync: { interval: 50ms, memory: 256MiB }
`,
  )
  return fixture
}

async function edit(fixture: SyncFixture, change: (text: string) => string): Promise<void> {
  const text = await readFile(fixture.configFile, 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  await writeFile(fixture.configFile, changed)
}

test('a table is added to the file and to the sync that runs, without stopping the others', async () => {
  await using fixture = await fixtureOf()
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  const before = await readFile(fixture.configFile, 'utf8')
  const since = sync.events.length
  const added = await simplyload(fixture.folder, ['table', 'add', 'public.u', 'public.log', '--wait'])
  expect(added).toMatchObject({ exitCode: 0 })
  expect(added.events.map(({ event, table, outcome }) => [event, table, outcome])).toEqual(
    expect.arrayContaining([
      ['added', 'public.u', undefined],
      ['answer', 'public.u', 'done'],
      ['answer', 'public.log', 'done'],
    ]),
  )
  expect(await readFile(fixture.configFile, 'utf8')).toBe(
    before.replace('# the first\n', '# the first\n      - public.u\n      - public.log\n'),
  )
  await fixture.sql(
    'UPDATE u SET v = 1 WHERE id < 50; DELETE FROM u WHERE id = 7; UPDATE t SET v = 2; INSERT INTO log VALUES (1), (2)',
  )
  expect(sync.events.slice(since).filter((event) => event.table === 'public.t')).toEqual([])
  expect(await sync.stop()).toBe(0)
  await fixture.once()
  expect(await fixture.differences(T, U, { ...T, name: 'log', key: [] })).toEqual([])
})

test('what cannot be added is refused and leaves the file as it is; a table that is there is no mistake', async () => {
  await using fixture = await fixtureOf()
  const before = await readFile(fixture.configFile, 'utf8')
  const missing = await simplyload(fixture.folder, ['table', 'add', 'public.uu'])
  expect(missing).toMatchObject({ exitCode: 4 })
  expect(missing.events[0]).toMatchObject({ event: 'error', hint: expect.stringContaining('public.u') })
  expect(await simplyload(fixture.folder, ['table', 'add', 'public.*'])).toMatchObject({ exitCode: 2 })
  expect(await readFile(fixture.configFile, 'utf8')).toBe(before)
  const again = await simplyload(fixture.folder, ['table', 'add', 't'])
  expect(again.exitCode).toBe(0)
  expect(again.events.filter(({ event }) => event === 'added')).toEqual([])
  expect(await readFile(fixture.configFile, 'utf8')).toBe(before)
})

test('a table that is added while no sync runs is copied by the next one', async () => {
  await using fixture = await fixtureOf()
  await fixture.once()
  expect(await simplyload(fixture.folder, ['table', 'add', 'public.u'])).toMatchObject({ exitCode: 0 })
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
  expect((await fixture.copied('SELECT count(*)::VARCHAR FROM copy.u'))[0]).toEqual(['100'])
})

test('on SIGHUP tables come and go, and options of a table are taken', async () => {
  await using fixture = await fixtureOf()
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  await edit(fixture, (text) => text.replace('- public.t ', '- public.u\n      - public.t '))
  sync.signal('SIGHUP')
  await sync.reached('public.u', 'live')
  let since = sync.events.length
  await edit(fixture, (text) =>
    text
      .replace('      - public.t        # the first\n', '')
      .replace('- public.u', '- { name: public.u, hard_delete: true }'),
  )
  sync.signal('SIGHUP')
  await sync.told('public.t is no longer configured', since)
  await sync.told('The configuration is taken', since)
  since = sync.events.length
  await fixture.sql('DELETE FROM u WHERE id <= 10; UPDATE t SET v = 9; UPDATE u SET v = 3')
  await sync.heard((event) => event.event === 'merged', since)
  expect(await sync.stop()).toBe(0)
  await fixture.once()
  expect(await fixture.differences(U)).toEqual([])
  expect(await fixture.copied('SELECT count(*)::VARCHAR FROM copy.u')).toEqual([['90']])
  // It stays as it was.
  expect(await fixture.copied('SELECT count(*)::VARCHAR, sum(v)::VARCHAR FROM copy.t')).toEqual([['100', '0']])
  // Configured again it is read anew.
  await edit(fixture, (text) => text.replace('- { name: public.u', '- public.t\n      - { name: public.u'))
  await fixture.once()
  expect(await fixture.differences(T, U)).toEqual([])
})

test('a table that may be old is verified beside the sync, and made fresher while it runs', async () => {
  await using fixture = await fixtureOf()
  await edit(fixture, (text) => text.replace('- public.t ', '- { name: public.t, freshness: 9999d } '))
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  await fixture.sql('UPDATE t SET v = 1')
  const verified = await simplyload(fixture.folder, ['verify'])
  expect(verified).toMatchObject({ exitCode: 0 })
  // What it asked for may be taken after it has ended, and would merge what comes now.
  const status = async () =>
    (await simplyload(fixture.folder, ['status'])).events.find(({ event }) => event === 'table')
  while ((await status())?.asked !== undefined);
  const since = sync.events.length
  await fixture.sql('UPDATE t SET v = 2 WHERE id <= 50')
  await sync.heard((event) => event.event === 'staged', since)
  expect(await status()).toMatchObject({
    waitingRows: 50,
    waitingSinceMs: expect.any(Number),
    freshnessMs: 9999 * 86_400_000,
  })
  await edit(fixture, (text) => text.replace('{ name: public.t, freshness: 9999d }', 'public.t'))
  sync.signal('SIGHUP')
  await sync.told('The configuration is taken', since)
  await sync.heard((event) => event.event === 'merged' && JSON.stringify(event.tables).includes('"updated":50'), since)
  const rest = sync.events.length
  await fixture.sql('UPDATE t SET v = 3 WHERE id > 50')
  await sync.heard((event) => event.event === 'merged', rest)
  const [checkpoint] = (await simplyload(fixture.folder, ['checkpoint', 'show', 'public.t'])).events
  expect(checkpoint).toMatchObject({ inGroup: true, freshnessMs: 50 })
  expect(await sync.stop()).toBe(0)
  expect(await fixture.differences(T)).toEqual([])
})

test('a file with mistakes is refused with all of them, and the sync goes on as before', async () => {
  await using fixture = await fixtureOf()
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  const good = await readFile(fixture.configFile, 'utf8')
  for (const broken of [
    good.replace('naming: copy.{table}', 'namign: x').replace('interval: 50ms', 'interval: fast'),
    good.replace('version: 1', 'version: [1'),
    good.replace('tables:', 'tables: []').replace('      - public.t        # the first\n', ''),
  ]) {
    const since = sync.events.length
    await writeFile(fixture.configFile, broken)
    sync.signal('SIGHUP')
    const told = await sync.told('The configuration is not taken', since)
    if (broken.includes('namign')) {
      expect(told.message).toContain('namign')
      expect(told.message).toContain('sync.interval')
    }
  }
  const since = sync.events.length
  await fixture.sql('UPDATE t SET v = 4')
  await sync.heard((event) => event.event === 'merged', since)
  await writeFile(fixture.configFile, good)
  sync.signal('SIGHUP')
  await sync.told('The configuration is taken', since)
  expect(await sync.stop()).toBe(0)
  expect(await fixture.differences(T)).toEqual([])
})

test('what a running sync cannot take is told, and what it can is taken', async () => {
  await using fixture = await fixtureOf()
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  const since = sync.events.length
  await edit(fixture, (text) =>
    text
      .replace('memory: 256MiB', 'memory: 300MiB, parallelism: 2')
      .replace('interval: 50ms', 'interval: 60ms')
      .replace('- public.t ', '- { name: public.t, exclude: [v], hard_delete: true } ')
      .replace('path: stage }', 'path: other }')
      .replace('publication: simplyload', 'publication: simplyload\n    failover: true'),
  )
  sync.signal('SIGHUP')
  const { message } = await sync.told('Restart to apply', since)
  const told = String(message).replace('Restart to apply: ', '').split(', ').sort()
  expect(told).toEqual(['exclude of public.t', 'sources.shop.failover', 'stage', 'sync.memory'])
  const before = sync.events.length
  await fixture.sql('UPDATE t SET v = 5; DELETE FROM t WHERE id = 1')
  await sync.heard((event) => event.event === 'merged', before)
  expect(await sync.stop()).toBe(0)
  expect(await fixture.copied('SELECT count(*)::VARCHAR, sum(v)::VARCHAR FROM copy.t')).toEqual([['99', '495']])
})

test('a table that cannot be added holds back no other', async () => {
  await using fixture = await fixtureOf()
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'live')
  await edit(fixture, (text) => text.replace('- public.t ', '- public.absent\n      - public.u\n      - public.t '))
  sync.signal('SIGHUP')
  expect((await sync.told('Not added: public.absent')).message).toContain('there is no table public.absent')
  await sync.reached('public.u', 'live')
  expect(await sync.stop()).toBe(0)
})

test('commands ask, wait and say what came of it, beside a sync and without one', async () => {
  await using fixture = await fixtureOf()
  await fixture.once()
  const noted = await simplyload(fixture.folder, ['table', 'pause', 't'])
  expect(noted).toMatchObject({ exitCode: 0 })
  expect(noted.events.at(-1)).toMatchObject({ running: false, untaken: 1 })
  const before = await simplyload(fixture.folder, ['status'])
  expect(before.events.find(({ event }) => event === 'table')).toMatchObject({ state: 'live', asked: ['pause'] })
  await using sync = new SyncCommand(fixture.folder)
  await sync.reached('public.t', 'paused')
  const status = await simplyload(fixture.folder, ['status'])
  expect(status.events.find(({ event }) => event === 'table')).toMatchObject({ state: 'paused' })
  const resumed = await simplyload(fixture.folder, ['table', 'resume', 't'])
  expect(resumed.events.at(-1)).toMatchObject({ running: true, done: 1 })
  const range = ['--table', 't', '--from', '10', '--to', '20']
  const backfill = await simplyload(fixture.folder, ['backfill', ...range, '--wait'])
  expect(backfill).toMatchObject({ exitCode: 0 })
  expect(backfill.events.at(-2)).toMatchObject({
    outcome: 'done',
    message: expect.stringContaining('11 rows read again'),
  })
  const refused = await simplyload(fixture.folder, ['backfill', '--table', 't', '--from', 'x'])
  expect(refused).toMatchObject({ exitCode: 7 })
  const resync = await simplyload(fixture.folder, ['table', 'resync', 't', '--wait'])
  expect(resync.events.at(-2)).toMatchObject({ outcome: 'done', message: '100 rows read' })
  expect(await simplyload(fixture.folder, ['table', 'pause', 'public.absent'])).toMatchObject({ exitCode: 2 })
  expect(await sync.stop()).toBe(0)
  expect(await fixture.differences(T)).toEqual([])
})
