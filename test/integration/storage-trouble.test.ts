/** Disks that are full, files that are gone, cut, locked, replaced; clocks that jump. Late is allowed, wrong is not. */
import { cp, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { simplyload } from '../support/command-process.ts'
import { FaultyDestination } from '../support/faulty-destination.ts'
import { holdDuckDbFile } from '../support/file-holder.ts'
import { MAY_MOUNT, SmallDisk } from '../support/small-disk.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { Gate } from '../support/wrapped-ports.ts'

const T = { namespace: 'public', name: 't', key: ['id'] }
const SQL = `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY, v text);
  INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i; INSERT INTO other VALUES (1, 'a')`
const OTHER = { namespace: 'public', name: 'other', key: ['id'] }
const TABLES = ['public.t', 'public.other']

function create(options: Partial<Parameters<typeof SyncFixture.create>[0]> = {}): Promise<SyncFixture> {
  return SyncFixture.create({ sql: SQL, tables: TABLES, ...options })
}

/** Stages what has changed and merges none of it. */
async function stageOnly(fixture: SyncFixture): Promise<void> {
  const never = new Promise<void>(() => undefined)
  const running = fixture.start({
    wraps: {
      destination: (inner) =>
        new FaultyDestination(inner, (call) => (call === 'flush' ? { hold: () => never } : undefined)),
    },
  })
  await running.heard('staged')
  await running.crash()
}

async function stageFiles(fixture: SyncFixture, table: string): Promise<string[]> {
  const all = await readdir(fixture.stageFolder, { recursive: true })
  const files = all.filter((path) => path.includes(`.${table}/`) && path.endsWith('.parquet'))
  const dated = await Promise.all(
    files.map(async (path) => ({
      path: join(fixture.stageFolder, path),
      at: (await stat(join(fixture.stageFolder, path))).mtimeMs,
    })),
  )
  return dated.sort((a, b) => b.at - a.at).map(({ path }) => path)
}

test.each(['deleted', 'cut'])(
  'a stage file that is %s while it waits: its table needs a resync and says so, others go on',
  async (how) => {
    await using fixture = await create()
    await fixture.once()
    await fixture.sql(`UPDATE t SET v = 'changed' WHERE id < 50`)
    await stageOnly(fixture)
    const [newest] = await stageFiles(fixture, 't')
    expect(newest).toBeDefined()
    if (how === 'deleted') await rm(newest!)
    else await truncate(newest!, 100)
    await fixture.sql(`UPDATE other SET v = 'b'; UPDATE t SET v = 'again' WHERE id = 60`)
    const { summary } = await fixture.once()
    expect(summary.outcome).toBe('partial')
    const table = summary.tables.find((each) => each.table === 'public.t')
    expect(table).toMatchObject({ state: 'needs_resync', error: expect.stringContaining('parquet') })
    expect(await fixture.differences(OTHER)).toEqual([])

    expect((await simplyload(fixture.folder, ['checkpoint', 'reset', '--table', 'public.t', '--yes'])).exitCode).toBe(0)
    expect((await fixture.once()).summary.outcome).toBe('ok')
    expect(await fixture.differences(T, OTHER)).toEqual([])
  },
)

test('a file that another program reads delays the merge, not the staging, and it is told for how long', async () => {
  await using fixture = await create()
  await fixture.once()
  const running = fixture.start({ wraps: { lockWaitMs: 200 } })
  await running.heard('start')
  const holder = await holdDuckDbFile(fixture.warehouse, 'READ_ONLY')
  await fixture.sql(`UPDATE t SET v = 'while held' WHERE id < 50`)
  await running.heard('staged')
  await fixture.sql(`UPDATE t SET v = 'while held too' WHERE id < 20`)
  await running.until(() => running.events.filter((event) => event.event === 'staged').length >= 2, 'staging')
  expect(running.events.some((event) => event.event === 'merged')).toBe(false)
  await running.heard('retry', (event) => event.code === 'destination_locked')
  await holder[Symbol.asyncDispose]()
  const merged = await running.heard('merged')
  expect(merged.waitedForLockMs).toBeGreaterThan(100)
  await running.stop()
  expect(await fixture.differences(T)).toEqual([])
})

test('a second sync on the same state is refused, and the first one does not notice', async () => {
  await using fixture = await create()
  const running = fixture.start()
  await running.live(...TABLES)
  const second = await simplyload(fixture.folder, ['sync', '--once'])
  expect(second.exitCode).toBe(5)
  expect(second.events.at(-1)).toMatchObject({ event: 'end', outcome: 'failed' })
  expect(second.stdout + second.stderr).toMatch(new RegExp(`process ${process.pid}`))
  await fixture.sql(`UPDATE t SET v = 'still here'`)
  await running.heard('merged', (event) => event.tables.some((table) => table.updated === 100))
  expect((await running.stop()).error).toBeUndefined()
  expect(await fixture.differences(T)).toEqual([])
})

test('a second sync with a state of its own waits for the slot, names who reads it, and takes nothing from that one', async () => {
  await using fixture = await create()
  const running = fixture.start()
  await running.live('public.t')
  const second = fixture.start({
    settings: ['state.path=other.db'],
    wraps: {
      destination: (inner) =>
        new FaultyDestination(inner, () => {
          throw new Error('nothing is to be asked of it')
        }),
    },
  })
  const told = await second.heard('retry', (event) => event.attempt === 3)
  expect(told).toMatchObject({
    code: 'source_slot_in_use',
    message: expect.stringMatching(/process \d+ reads it \(simplyload/),
  })
  expect((await second.stop()).summary.outcome).toBe('interrupted')
  await fixture.sql(`UPDATE t SET v = 'still here'`)
  await running.heard('merged', (event) => event.tables.some((table) => table.updated === 100))
  expect((await running.stop()).error).toBeUndefined()
})

test('a process whose lease was taken by another one changes nothing any more', async () => {
  await using fixture = await create()
  await fixture.once()
  const held = new Gate()
  const resume = new Gate()
  const stale = fixture.start({
    wraps: {
      destination: (inner) =>
        new FaultyDestination(inner, (call) => {
          if (call !== 'flush') return undefined
          held.open()
          return { hold: () => resume.opened }
        }),
    },
  })
  await fixture.sql(`UPDATE t SET v = 'by whom?' WHERE id = 1`)
  await held.opened
  // It has a state and a slot of its own, so that nothing tells it of the other one.
  const slot = `other_slot_of_${fixture.database.name}`
  await fixture.sql(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
  const own = ['--set', 'state.path=other.db', '--set', `sources.shop.slot=${slot}`]
  const taker = simplyload(fixture.folder, ['sync', '--once', ...own, '--log-level', 'warn'])
  await waitForEpoch(fixture, 3)
  resume.open()
  expect((await stale.ended).error).toMatchObject({ code: 'lease_lost' })
  // What the stale process had staged and confirmed is in its own ledger alone: that is said, not passed over.
  const { exitCode, stdout } = await taker
  expect([exitCode, stdout]).toEqual([7, expect.stringContaining('"code":"source_gap"')])
  expect(await fixture.copied("SELECT count(*)::VARCHAR FROM copy.t WHERE v = 'by whom?'")).toEqual([['0']])

  expect((await simplyload(fixture.folder, ['checkpoint', 'reset', '--yes', ...OTHER_STATE])).exitCode).toBe(0)
  expect((await simplyload(fixture.folder, ['sync', '--once', ...OTHER_STATE])).exitCode).toBe(0)
  expect(await fixture.differences(T, OTHER)).toEqual([])
})

const OTHER_STATE = ['--set', 'state.path=other.db']

async function waitForEpoch(fixture: SyncFixture, epoch: number): Promise<void> {
  for (;;) {
    try {
      const [row] = await fixture.copied('SELECT max(epoch)::VARCHAR FROM _simplyload.checkpoints')
      if (Number(row?.[0]) >= epoch) return
    } catch {
      // Somebody writes.
    }
    await fixture.sql('SELECT pg_sleep(0.05)')
  }
}

test('a warehouse that was restored from an older copy is brought up to date, or says that it cannot be', async () => {
  await using fixture = await create()
  await fixture.once()
  await fixture.sql(`UPDATE t SET v = 'one' WHERE id < 30`)
  await fixture.once()
  await cp(fixture.warehouse, `${fixture.warehouse}.copy`)
  await fixture.sql(`UPDATE t SET v = 'two' WHERE id < 20; DELETE FROM t WHERE id = 90; UPDATE other SET v = 'x'`)
  await fixture.once()
  await cp(`${fixture.warehouse}.copy`, fixture.warehouse)
  await rm(`${fixture.warehouse}.wal`, { force: true })
  await fixture.sql(`INSERT INTO t VALUES (1000, 'three')`)
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(T, OTHER)).toEqual([])
})

test('a lost state file is made up for, or the tables say that they need a resync', async () => {
  await using fixture = await create()
  await fixture.once()
  await fixture.sql(`UPDATE t SET v = 'one' WHERE id < 30`)
  await fixture.once()
  for (const suffix of ['', '-wal', '-shm', '.lock'])
    await rm(join(fixture.folder, `state.db${suffix}`), { force: true })
  await fixture.sql(
    `UPDATE t SET v = 'two' WHERE id < 20; ALTER TABLE t ADD c int DEFAULT 2; UPDATE t SET c = 3 WHERE id = 7`,
  )
  const { summary } = await fixture.once()
  for (const table of summary.tables) expect(['live', 'needs_resync']).toContain(table.state)
  const live = summary.tables.filter((table) => table.state === 'live').map((table) => table.table)
  expect(await fixture.differences(...[T, OTHER].filter((table) => live.includes(`public.${table.name}`)))).toEqual([])
})

test('a warehouse that is gone is filled again', async () => {
  await using fixture = await create()
  await fixture.once()
  await fixture.sql(`UPDATE t SET v = 'one' WHERE id < 30`)
  await fixture.once()
  await rm(fixture.warehouse)
  await rm(`${fixture.warehouse}.wal`, { force: true })
  await fixture.sql(`DELETE FROM t WHERE id = 5`)
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(T, OTHER)).toEqual([])
})

test('a clock that jumps by years in both directions changes no row', async () => {
  await using fixture = await create()
  let calls = 0
  const DECADE_MS = 315_360_000_000
  const clock = { ...systemClock, nowMs: () => Date.now() + (++calls % 3 === 0 ? DECADE_MS : -DECADE_MS) }
  for (let run = 0; run < 3; run++) {
    await fixture.once({ wraps: { clock } })
    await fixture.sql(
      `UPDATE t SET v = 'run ${run}' WHERE id % 3 = ${run}; DELETE FROM t WHERE id = ${run + 1}; INSERT INTO t VALUES (${500 + run}, 'new')`,
    )
  }
  expect((await fixture.once({ wraps: { clock } })).summary.outcome).toBe('ok')
  expect(await fixture.differences(T, OTHER)).toEqual([])
})

const onSmallDisk = test.skipIf(!MAY_MOUNT) // needs the right to mount a file system

onSmallDisk('a full disk under the stage is waited for', async () => {
  await using disk = SmallDisk.create(24)!
  await using fixture = await create({ paths: { stage: join(disk.folder, 'stage') } })
  const running = fixture.start()
  await running.live(...TABLES)
  await disk.fill(64)
  await fixture.sql(`INSERT INTO t SELECT i, md5(i::text) || md5((i * 3)::text) FROM generate_series(1000, 40000) i`)
  await running.heard('retry', (event) => event.code === 'stage_full')
  await disk.makeRoom()
  await running.heard('merged', (event) => event.tables.some((table) => table.inserted > 30_000))
  await running.stop()
  expect(await fixture.differences(T, OTHER)).toEqual([])
})

onSmallDisk('a full disk under the warehouse is waited for, and the file stays whole', async () => {
  await using disk = SmallDisk.create(24)!
  await using fixture = await create({ paths: { warehouse: join(disk.folder, 'warehouse.duckdb') } })
  const running = fixture.start()
  await running.live(...TABLES)
  await disk.fill(64)
  await fixture.sql(`INSERT INTO t SELECT i, md5(i::text) || md5((i * 3)::text) FROM generate_series(1000, 40000) i`)
  await running.heard('retry', (event) => event.code === 'destination_full')
  await disk.makeRoom()
  await running.heard('merged', (event) => event.tables.some((table) => table.inserted > 30_000))
  await running.stop()
  expect(await fixture.differences(T, OTHER)).toEqual([])
})
