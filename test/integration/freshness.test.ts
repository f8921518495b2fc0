/** Tables of different freshness: groups that are merged by themselves, at moments that they share. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../support/manual-clock.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { Gate, wrapState } from '../support/wrapped-ports.ts'

const KEYED = { namespace: 'public', key: ['id'] }
const TABLES = ['a', 'b', 'c'].map((name) => ({ ...KEYED, name }))
/** Whatever the calendar says, it is not over while a test runs. */
const NEVER = '9999d'

let fixture: SyncFixture

afterEach(() => fixture[Symbol.asyncDispose]())

async function open(
  freshness: Readonly<Record<string, string | undefined>>,
  source: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const sql = TABLES.map(
    ({ name }) => `CREATE TABLE ${name} (id int PRIMARY KEY, v int);
    INSERT INTO ${name} SELECT i, 0 FROM generate_series(1, 100) i;`,
  )
  fixture = await SyncFixture.create({
    sql: `${sql.join('\n')} CREATE TABLE aside (i int)`,
    source,
    tables: entries(freshness),
  })
}

function entries(freshness: Readonly<Record<string, string | undefined>>) {
  return TABLES.map(({ name }) => ({ name: `public.${name}`, freshness: freshness[name] }))
}

/** For the next run. */
async function configure(freshness: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  config.sources.shop.tables = entries(freshness)
  await writeFile(fixture.configFile, JSON.stringify(config))
}

/** Sums of `v`, table by table. */
async function sums(): Promise<readonly (string | null)[]> {
  const all = TABLES.map(({ name }) => `(SELECT sum(v)::VARCHAR FROM copy.${name})`)
  const [row = []] = await fixture.copied(`SELECT ${all.join(', ')}`)
  return row
}

/** `group: tables`, in order. */
async function groups(): Promise<readonly string[]> {
  const rows =
    await fixture.copied(`SELECT coalesce(group_name, 'alone') || ': ' || string_agg(table_name, ' ' ORDER BY table_name)
    FROM _simplyload.checkpoints WHERE table_name <> '' GROUP BY group_name ORDER BY 1`)
  return rows.flatMap(([text]) => text ?? [])
}

test('a table that may be old waits in the stage, also over a crash, and no stop or end leaves it behind', async () => {
  await open({ c: NEVER })
  let sync = fixture.start()
  await sync.live('public.a', 'public.b', 'public.c')
  await fixture.sql('BEGIN; UPDATE a SET v = 1; UPDATE b SET v = 1; UPDATE c SET v = 1; COMMIT')
  await sync.heard('merged', ({ tables }) => tables.length === 2 && tables.every(({ updated }) => updated === 100))
  await sync.crash()
  expect(await sums()).toEqual(['100', '100', '0'])

  sync = fixture.start()
  await fixture.sql('UPDATE a SET v = 2')
  await sync.heard('merged', ({ tables }) => tables.length === 1 && tables[0]?.table === 'public.a')
  await sync.crash()
  expect(await sums()).toEqual(['200', '100', '0'])

  sync = fixture.start()
  await fixture.sql('UPDATE c SET v = 3 WHERE id = 1')
  await sync.heard('staged')
  await sync.stop()
  expect(await sums()).toEqual(['200', '100', '102'])
  await fixture.sql('UPDATE c SET v = 4')
  await fixture.once()
  expect(await fixture.differences(...TABLES)).toEqual([])
})

test('a table is brought up to date when somebody asks for it, and those that go with it', async () => {
  await open({ b: NEVER, c: NEVER })
  const sync = fixture.start()
  await sync.live('public.a', 'public.b', 'public.c')
  await fixture.sql('BEGIN; UPDATE b SET v = 1; UPDATE c SET v = 1; COMMIT')
  const asked = await fixture.ask({ kind: 'merge' }, 'b')
  expect(await fixture.answer(asked, 'done', 'refused')).toMatchObject({ outcome: 'done' })
  // Also where nothing has changed since.
  const again = await fixture.ask({ kind: 'merge' }, 'b')
  expect(await fixture.answer(again, 'done', 'refused')).toMatchObject({ outcome: 'done' })
  await sync.crash()
  expect(await sums()).toEqual(['0', '100', '100'])
})

test('whatever groups tables are moved to between runs that end in any way, nothing is lost or doubled', async () => {
  await open({})
  await fixture.once()
  expect(await groups()).toEqual([': a b c'])
  const rounds = [
    { freshness: { b: NEVER, c: '1000d' }, ends: 'crash' },
    { freshness: { a: NEVER, c: '1000d' }, ends: 'stop' },
    { freshness: { a: NEVER, b: NEVER }, ends: 'crash' },
    { freshness: { b: '1000d', c: NEVER }, ends: 'crash' },
    { freshness: { a: '1000d', b: '1000d', c: '1000d' }, ends: 'crash' },
  ] as const
  for (const [round, { freshness, ends }] of rounds.entries()) {
    await configure(freshness)
    await fixture.sql(`UPDATE b SET v = v + 1 WHERE id % 2 = 0; DELETE FROM c WHERE id = ${round + 1}`)
    const sync = fixture.start()
    const since = sync.events.length
    await fixture.sql(`BEGIN; UPDATE a SET v = v + ${round}; UPDATE b SET v = v + 1; INSERT INTO c VALUES (${200 + round}, ${round});
      UPDATE c SET v = ${round} WHERE id > 50; COMMIT`)
    const staged = () =>
      sync.events.slice(since).reduce((sum, event) => sum + (event.event === 'staged' ? event.changes : 0), 0)
    await sync.until(() => staged() >= 151, 'the changes')
    if (ends === 'crash') await sync.crash()
    else await sync.stop()
  }
  const { events } = await fixture.once()
  expect(await fixture.differences(...TABLES)).toEqual([])
  expect(await groups()).toEqual(['86400000000: a b c'])
  expect(events.filter(({ event }) => event === 'error')).toEqual([])
})

test('in an idle hour nothing is asked of the destination; a change then goes in at the moment of its group', async () => {
  await open({ b: '15m', c: '1h' })
  const calls: string[] = []
  const moved = new Gate()
  let isIdle = false
  const clock = new ManualClock(Date.UTC(2026, 10, 20, 12, 0, 30))
  const at = (minutes: number) => clock.moveTo(Date.UTC(2026, 10, 20, 12) + minutes * 60_000)
  const sync = fixture.start({
    wraps: {
      clock,
      destination: (inner) => counted(inner, calls),
      state: (inner) =>
        wrapState(inner, {
          recordStaged: async (...args) => {
            await inner.recordStaged(...args)
            if (isIdle) moved.open()
          },
        }),
    },
    settings: ['sync.freshness=5m'],
  })
  await sync.live('public.a', 'public.b', 'public.c')
  // Everything of the first copy is over once a change is merged that came after it.
  await fixture.sql('UPDATE a SET v = 1 WHERE id = 1')
  await sync.heard('staged')
  await at(5)
  await sync.heard('merged', ({ tables }) => tables.some(({ updated }) => updated === 1))
  await at(6)

  calls.length = 0
  isIdle = true
  // The log moves on with what nobody follows, so that boundaries are recorded.
  for (let segment = 0; segment < 3; segment++)
    await fixture.sql('INSERT INTO aside SELECT generate_series(1, 100); SELECT pg_switch_wal()')
  for (let minute = 7; minute <= 66; minute += 3) await at(minute)
  await moved.opened
  for (let minute = 66; minute <= 126; minute += 3) await at(minute)
  expect(calls.filter((call) => call !== 'release')).toEqual([])

  await fixture.sql('BEGIN; UPDATE a SET v = 2; UPDATE b SET v = 2; UPDATE c SET v = 2; COMMIT')
  await sync.until(() => sync.events.filter(({ event }) => event === 'staged').length === 2, 'the changes')
  const merged = () =>
    sync.events.flatMap((event) =>
      event.event === 'merged' && event.tables.some(({ updated }) => updated === 100)
        ? event.tables.map(({ table }) => `${table} at ${new Date(event.atMs).toISOString().slice(11, 16)}`)
        : [],
    )
  await at(129.9)
  expect(merged()).toEqual([])
  await at(130)
  await sync.until(() => merged().length === 1, 'the first group')
  await at(135)
  await sync.until(() => merged().length === 2, 'the second group')
  await at(179)
  await at(180)
  await sync.until(() => merged().length === 3, 'the third group')
  expect(merged()).toEqual(['public.a at 14:10', 'public.b at 14:15', 'public.c at 15:00'])
  expect(calls.filter((call) => call !== 'release')).toEqual(['flush', 'flush', 'flush'])
  await sync.stop()
  expect(await fixture.differences(...TABLES)).toEqual([])
})

test('a first copy is gathered and loaded when all of it is read, also where it was killed on the way', async () => {
  await open({ b: '15m' }, { snapshot: { chunk_bytes: '16KiB' } })
  await fixture.sql('INSERT INTO a SELECT i, 0 FROM generate_series(101, 5000) i')
  const settings = { gatherBytes: Number.POSITIVE_INFINITY }
  const first = fixture.start({ wraps: { settings } })
  await first.heard('snapshot', ({ table, chunksDone }) => table === 'public.a' && chunksDone > 1)
  await first.crash()
  const calls: string[] = []
  const sync = fixture.start({ wraps: { settings, destination: (inner) => counted(inner, calls) } })
  await sync.live('public.a', 'public.b', 'public.c')
  await sync.stop()
  expect(calls.filter((call) => call === 'loadSnapshot')).toHaveLength(3)
  expect(await fixture.differences(...TABLES)).toEqual([])
})

/** Tells of each call of a destination but the ones that ask nothing of it. */
function counted<T extends object>(inner: T, calls: string[]): T {
  return new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        calls.push(String(key))
        return value.apply(target, args)
      }
    },
  })
}
