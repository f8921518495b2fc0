/** Whole syncs with their state in each of its places. */
import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { STATE_KINDS, type StateKind, stateConfig } from '../support/state-config.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { SyncChild } from '../torture/sync-child.ts'

const ITEMS = { namespace: 'public', name: 'items', key: ['id'] }

/** About a dozen chunks. */
function fixtureOf(state: StateKind): Promise<SyncFixture> {
  return SyncFixture.create({
    sql: `CREATE TABLE items (id int PRIMARY KEY, v int, filler text);
      INSERT INTO items SELECT i, 0, repeat('f', 150) FROM generate_series(1, 4000) i; ANALYZE items`,
    tables: ['public.items'],
    source: { snapshot: { chunk_bytes: '64KiB' } },
    sync: { parallelism: 1 },
    state,
  })
}

type Event = Readonly<Record<string, unknown>>

/** Events that a child has told so far. */
function eventsOf(logFile: string): readonly Event[] {
  if (!existsSync(logFile)) return []
  const lines = readFileSync(logFile, 'utf8').split('\n')
  return lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line) as Event)
}

async function told(logFile: string, fits: (event: Event) => boolean): Promise<void> {
  while (!eventsOf(logFile).some(fits)) await delay(5)
}

test.each(STATE_KINDS)(
  'a sync that is killed in its snapshot and in its stream goes on where it was (%s)',
  async (state) => {
    await using fixture = await fixtureOf(state)
    const logFile = (run: number) => join(fixture.folder, `run-${run}.log`)
    const start = (run: number, once: boolean) =>
      new SyncChild({ configFile: fixture.configFile, logFile: logFile(run), once, faults: undefined })

    const first = start(1, false)
    await told(logFile(1), (event) => event.event === 'snapshot' && Number(event.chunksDone) >= 3)
    await first.end()
    await fixture.sql('UPDATE items SET v = 1 WHERE id % 7 = 0; DELETE FROM items WHERE id % 11 = 0')

    const second = start(2, false)
    await told(logFile(2), (event) => event.event === 'state' && event.state === 'live')
    const [resumed] = eventsOf(logFile(2)).filter((event) => event.event === 'snapshot')
    expect(resumed?.chunksDone).toBeGreaterThanOrEqual(3)
    for (let round = 2; round < 40; round++) {
      await fixture.sql(`UPDATE items SET v = ${round} WHERE id % 40 = ${round}`)
      if (round === 20) await told(logFile(2), (event) => event.event === 'merged')
    }
    await second.end()
    await fixture.sql("INSERT INTO items VALUES (10001, 1, 'late'); UPDATE items SET v = -1 WHERE id % 3 = 0")

    const last = start(3, true)
    expect(await last.exited).toMatchObject({ code: 0 })
    const events = eventsOf(logFile(3))
    expect(events.filter((event) => event.event === 'snapshot' || event.event === 'notice')).toEqual([])
    expect(await fixture.differences(ITEMS)).toEqual([])
  },
)

test.each(STATE_KINDS)('commands look at the state, and ask, while a sync has it (%s)', async (state) => {
  await using fixture = await fixtureOf(state)
  const logFile = join(fixture.folder, 'sync.log')
  const child = new SyncChild({ configFile: fixture.configFile, logFile, once: false, faults: undefined })
  try {
    await told(logFile, (event) => event.event === 'state' && event.state === 'live')
    const status = await simplyload(fixture.folder, ['status'])
    expect(status).toMatchObject({ exitCode: 0 })
    expect(status.stdout).toContain('"state":"live"')
    const rival = await simplyload(fixture.folder, ['sync', '--once'])
    expect(rival.exitCode).toBe(5)
    expect(rival.stdout).toContain('another sync, load of files or job is writing to it')
    // Requests reach the sync, and their answers come back.
    for (const [action, reached] of [
      ['pause', 'paused'],
      ['resume', 'live'],
    ] as const) {
      const asked = await simplyload(fixture.folder, ['table', action, 'public.items'])
      expect(asked.exitCode, asked.stdout + asked.stderr).toBe(0)
      expect((await simplyload(fixture.folder, ['status'])).stdout).toContain(`"state":"${reached}"`)
    }
    // `verify` asks the running sync how far it is.
    await fixture.sql('UPDATE items SET v = 5 WHERE id < 100')
    const verified = await simplyload(fixture.folder, ['verify'])
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0)
  } finally {
    await child.end('SIGTERM')
  }
})

test.each([
  ['sqlite', 'file'],
  ['file', 'postgres'],
  ['postgres', 'sqlite'],
] as const)('moving from %s to %s is told, and loses and doubles nothing', async (from, to) => {
  await using fixture = await fixtureOf(from)
  await fixture.once()
  await fixture.sql('UPDATE items SET v = 1 WHERE id % 5 = 0; DELETE FROM items WHERE id % 9 = 0')
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8')) as object
  const moved = { ...config, state: stateConfig(to, fixture.database.url) }
  await writeFile(fixture.configFile, JSON.stringify(moved))
  const { events, summary } = await fixture.once()
  // Either from the checkpoint at the destination, or not at all: never as if nothing had happened.
  const notices = events.flatMap((event) =>
    event.event === 'notice' || event.event === 'error' ? [event.message] : [],
  )
  expect(notices.join('\n')).toContain('operational state was')
  if (summary.outcome === 'ok') {
    expect(await fixture.differences(ITEMS)).toEqual([])
    return
  }
  expect(summary.tables).toMatchObject([{ state: 'needs_resync' }])
  await simplyload(fixture.folder, ['checkpoint', 'reset', '--yes'])
  await fixture.once()
  expect(await fixture.differences(ITEMS)).toEqual([])
})
