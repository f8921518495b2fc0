/** What a sync and `cleanup` remove from a stage, and what they leave. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { simplyload } from '../support/command-process.ts'
import { FakeS3 } from '../support/fake-s3.ts'
import { TEST_KEYS } from '../support/s3-stage.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const DAY_MS = 24 * 3_600_000
const SETUP = {
  sql: `CREATE TABLE orders (id bigint PRIMARY KEY, item text);
        INSERT INTO orders SELECT i, 'item ' || i FROM generate_series(1, 300) i`,
  tables: ['public.orders'],
}

let store: FakeS3
let fixture: SyncFixture
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

async function open(retention: string): Promise<void> {
  store = await FakeS3.start()
  const place = {
    type: 's3',
    path: 's3://stage/lake',
    endpoint: store.endpoint,
    region: 'eu-central-1',
    cache: 'cache',
  }
  fixture = await SyncFixture.create({ ...SETUP, stage: { ...place, ...TEST_KEYS, retention } })
}

/** Parquet files in the bucket. */
function files(): string[] {
  return [...store.bucket().objects.keys()].filter((key) => key.endsWith('.parquet'))
}

async function eventually(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await delay(20)) {
    if (condition()) return
  }
  throw new Error('it did not come about')
}

/** Whoever sleeps for an hour sleeps for a moment; the calendar is ahead by so many milliseconds. */
function fastClock(aheadMs: number) {
  return {
    ...systemClock,
    nowMs: () => Date.now() + aheadMs,
    sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms >= 3_600_000 ? 20 : ms, signal),
  }
}

test('a running sync removes what is loaded and old, again and again, and nothing that waits', async () => {
  await open('1d')
  await fixture.once()
  expect(files()).toHaveLength(1)
  const ahead = { wraps: { clock: fastClock(2 * DAY_MS) }, settings: ['sync.freshness=9999d'] }
  const sync = fixture.start(ahead)
  await eventually(() => files().length === 0)
  await fixture.sql("INSERT INTO orders VALUES (1001, 'one')")
  await sync.heard('staged')
  await fixture.sql("INSERT INTO orders VALUES (1002, 'two')")
  await eventually(() => sync.events.filter((event) => event.event === 'staged').length === 2)
  await sync.crash()
  expect(files().length).toBeGreaterThan(0)
  await fixture.once()
  expect(await fixture.differences({ namespace: 'public', name: 'orders', key: ['id'] })).toEqual([])
})

test('a bucket that denies it is told once a round, with what to allow, and the sync goes on', async () => {
  await open('1d')
  await fixture.once()
  store.denied.add('DeleteObject')
  const sync = fixture.start({ wraps: { clock: fastClock(2 * DAY_MS) } })
  const told = () =>
    sync.events.filter((event) => event.event === 'notice' && event.message.startsWith('Cleaning the stage'))
  await eventually(() => told().length > 0)
  await fixture.sql("INSERT INTO orders VALUES (1001, 'one')")
  await sync.heard('merged', (event) => event.tables.some((table) => table.inserted > 0))
  const { summary } = await sync.stop()
  expect(summary.outcome).toBe('ok')
  expect(told()[0]).toMatchObject({
    message: expect.stringContaining('Allow s3:DeleteObject on arn:aws:s3:::stage/lake/*'),
  })
  const tries = store.count('DeleteObject')
  expect(tries).toBeLessThan(40 * (told().length + 1))
})

test('cleanup removes what is loaded, unfinished or forgotten, and tells what it was denied', async () => {
  await open('1d')
  await fixture.once()
  const bucket = store.bucket()
  const [key = ''] = files()
  const aged = (name: string, days: number) => {
    const object = bucket.put(key.replace(/[^/]+$/, name), Buffer.from('x'), {})
    bucket.objects.set(object.key, { ...object, modifiedMs: Date.now() - days * DAY_MS })
  }
  aged('shop-e000001-forgotten.parquet', 31)
  aged('shop-e000001-young.parquet', 29)
  const upload = { ...bucket.begin('lake/default/left', {}), startedMs: Date.now() - 2 * DAY_MS }
  bucket.uploads.set(upload.uploadId, upload)

  store.denied.add('DeleteObject')
  const refused = await simplyload(fixture.folder, ['cleanup', '--set', 'stage.retention=0s'])
  expect(refused.exitCode).toBe(3)
  expect(JSON.stringify(refused.events)).toContain('Allow s3:DeleteObject')
  store.denied.clear()

  const { exitCode, events } = await simplyload(fixture.folder, ['cleanup', '--set', 'stage.retention=0s'])
  expect(exitCode).toBe(0)
  expect(events.at(-1)).toMatchObject({ filesRemoved: 2 })
  expect(files().map((each) => each.split('/').at(-1))).toEqual(['shop-e000001-young.parquet'])
  expect(bucket.uploads.size).toBe(0)
})

test('cleanup removes nothing that a sync elsewhere may need', async () => {
  await open('0s')
  await fixture.once()
  const bucket = store.bucket()
  for (const [key, object] of bucket.objects)
    bucket.objects.set(key, { ...object, modifiedMs: Date.now() - 99 * DAY_MS })
  const before = [...bucket.objects.keys()]
  const { exitCode } = await simplyload(fixture.folder, ['cleanup', '--set', 'state.path=another.db'])
  expect(exitCode).toBe(0)
  expect([...bucket.objects.keys()]).toEqual(before)
})
