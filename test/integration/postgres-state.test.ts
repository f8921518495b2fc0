/** A state in PostgreSQL that goes away while it is needed, and one beside the tables that are copied. */
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { State } from '../../src/core/state.ts'
import { simplyload } from '../support/command-process.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { wrapState } from '../support/wrapped-ports.ts'

const ITEMS = { namespace: 'public', name: 'items', key: ['id'] }
const SQL = `CREATE TABLE items (id int PRIMARY KEY, v int); INSERT INTO items SELECT i, 0 FROM generate_series(1, 500) i;
  CREATE TABLE unpublished (id int)`

async function withState(url: string, schema = 'sync_state'): Promise<SyncFixture> {
  const fixture = await SyncFixture.create({ sql: SQL, tables: ['public.items'] })
  await setState(fixture, { type: 'postgres', url, schema })
  return fixture
}

async function setState(fixture: SyncFixture, state: object): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8')) as object
  await writeFile(fixture.configFile, JSON.stringify({ ...config, state }))
}

test('a sync whose state database restarts goes on; its rows are only late', async () => {
  await using home: TestDatabase = await createTestDatabase()
  await using proxy = await TcpProxy.open(home.url)
  await using fixture = await withState(proxy.url)
  const sync = fixture.start()
  await sync.live('public.items')
  for (let outage = 1; outage <= 3; outage++) {
    await proxy.down()
    await fixture.sql(`UPDATE items SET v = ${outage} WHERE id % 3 = 0; INSERT INTO items VALUES (${1000 + outage}, 1)`)
    const before = sync.events.length
    await sync.until(() => sync.events.slice(before).some((event) => event.event === 'retry'), 'a retry')
    const retry = sync.events.slice(before).find((event) => event.event === 'retry')
    expect(retry).toMatchObject({ code: 'state_unreachable', source: 'shop' })
    await proxy.up()
    await sync.until(() => sync.events.slice(before).some((event) => event.event === 'merged'), 'a merge')
  }
  const { error, summary } = await sync.stop()
  expect(error).toBeUndefined()
  expect(summary.outcome).toBe('ok')
  expect(await fixture.differences(ITEMS)).toEqual([])
  expect(await home.query('SELECT outcome FROM sync_state.sync_runs')).toEqual([{ outcome: 'ok' }])
  expect(await home.query('SELECT last_status FROM sync_state.sync_watermarks')).toEqual([{ last_status: 'live' }])
})

/** Every call that writes. */
const WRITES = [
  'saveSource',
  'saveTable',
  'savePlan',
  'finishChunk',
  'clearChunks',
  'recordStaged',
  'markLoaded',
  'reconcileLoaded',
  'saveRun',
] as const satisfies readonly (keyof State)[]

test.each(WRITES)(
  'a state database that goes away at the first %s, before it and after it, delays and harms nothing',
  async (step) => {
    await using home = await createTestDatabase()
    await using proxy = await TcpProxy.open(home.url)
    await using fixture = await withState(proxy.url)
    let hits = 0
    const failing = (inner: State): State => {
      const call = inner[step].bind(inner) as (...args: unknown[]) => Promise<void>
      return wrapState(inner, {
        async [step](...args: unknown[]) {
          hits++
          // First nobody is there to be asked; then the work is done, and nobody hears of it.
          if (hits === 1) {
            await proxy.down()
            const unreachable = call(...args)
            await unreachable.catch(() => proxy.up())
            return unreachable
          }
          await call(...args)
          if (hits > 2) return
          await proxy.down()
          await proxy.up()
          throw new PipelineError('state_unreachable', 'Writing the state', { cause: new Error('the answer was lost') })
        },
      })
    }
    const { summary } = await fixture.once({ wraps: { state: failing } })
    expect(hits).toBeGreaterThan(2)
    expect(summary.outcome).toBe('ok')
    await fixture.sql('UPDATE items SET v = 1; DELETE FROM items WHERE id > 400')
    hits = 0
    await fixture.once({ wraps: { state: failing } })
    expect(await fixture.differences(ITEMS)).toEqual([])
  },
)

test('a run to the present gives up on a state that stays away, and the next one goes on', async () => {
  await using home = await createTestDatabase()
  await using proxy = await TcpProxy.open(home.url)
  await using fixture = await withState(proxy.url)
  await fixture.once()
  await fixture.sql('UPDATE items SET v = 1')
  const away = (inner: State): State =>
    wrapState(inner, {
      async markLoaded(...args) {
        await proxy.down()
        return inner.markLoaded(...args)
      },
    })
  // As often as ever, without the twenty seconds between the attempts.
  const clock = { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms / 50, signal) }
  await expect(fixture.once({ wraps: { state: away, clock } })).rejects.toMatchObject({
    code: 'state_unavailable',
    cause: { code: 'state_unreachable' },
  })
  await proxy.up()
  await fixture.sql('UPDATE items SET v = 2 WHERE id < 100')
  await fixture.once()
  expect(await fixture.differences(ITEMS)).toEqual([])
  expect(await home.query('SELECT outcome FROM sync_state.sync_runs ORDER BY number')).toEqual([
    { outcome: 'ok' },
    { outcome: 'killed' },
    { outcome: 'ok' },
  ])
})

test('the tables of the state are neither discovered nor copied', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.items'], state: 'postgres' })
  await fixture.once()
  const discovered = await simplyload(fixture.folder, ['discover'])
  expect(discovered.stdout).toContain('items')
  expect(discovered.stdout).not.toContain('sync_watermarks')
  for (const table of ['sync_state.*', 'sync_state.sync_watermarks']) {
    const refused = await simplyload(fixture.folder, ['sync', '--once', '--set', `sources.shop.tables=["${table}"]`])
    expect(refused.exitCode).toBe(2)
    expect(refused.stdout).toContain('copying it would never end')
  }
})

test('doctor says what a role lacks to keep the state, as SQL', async () => {
  await using home = await createTestDatabase()
  const { url, role } = await home.createRole()
  await using fixture = await withState(url)
  const before = await simplyload(fixture.folder, ['doctor'])
  expect(before.stdout).toContain(`CREATE SCHEMA \\"sync_state\\" AUTHORIZATION \\"${role}\\"`)
  expect(before.stdout).not.toContain(new URL(url).password)
  expect(await home.query("SELECT 1 FROM pg_namespace WHERE nspname = 'sync_state'")).toEqual([])
  await home.query(`CREATE SCHEMA sync_state AUTHORIZATION ${role}`)
  const after = await simplyload(fixture.folder, ['doctor'])
  expect(after.stdout).not.toContain('CREATE SCHEMA')
})

test('a state database that is not there at the start is said so at once, without its password', async () => {
  await using fixture = await withState('postgres://keeper:hunter2@127.0.0.1:1/state')
  const refused = await simplyload(fixture.folder, ['sync', '--once'])
  expect(refused.exitCode).toBe(5)
  expect(refused.stdout + refused.stderr).toContain('127.0.0.1:1/state')
  expect(refused.stdout + refused.stderr).not.toContain('hunter2')
})
