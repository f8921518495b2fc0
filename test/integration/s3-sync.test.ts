/** Whole syncs over a stage in a bucket: killed, resumed, taken over, and with a store that fails. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { simplyload } from '../support/command-process.ts'
import { FakeS3 } from '../support/fake-s3.ts'
import { TEST_KEYS } from '../support/s3-stage.ts'
import { SyncFixture, type SyncFixtureOptions } from '../support/sync-fixture.ts'

const TABLES = `
  CREATE TABLE orders (id bigint PRIMARY KEY, item text, amount numeric(10,2));
  CREATE TABLE bag (a int, b text);
  ALTER TABLE bag REPLICA IDENTITY FULL;
  INSERT INTO orders SELECT i, 'item ' || i, i FROM generate_series(1, 2000) i;
  INSERT INTO bag SELECT i % 7, 'b' FROM generate_series(1, 100) i;`

const COMPARED = [
  { namespace: 'public', name: 'orders', key: ['id'] },
  { namespace: 'public', name: 'bag', key: [] },
] as const

let store: FakeS3
let fixture: SyncFixture
beforeEach(async () => {
  store = await FakeS3.start()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

async function open(options: Partial<SyncFixtureOptions> = {}): Promise<void> {
  fixture = await SyncFixture.create({
    sql: TABLES,
    tables: ['public.orders', 'public.bag'],
    stage: {
      type: 's3',
      path: 's3://stage/lake',
      endpoint: store.endpoint,
      region: 'eu-central-1',
      ...TEST_KEYS,
      cache: 'cache',
    },
    ...options,
  })
}

function changes(from: number): string {
  return `
    INSERT INTO orders SELECT i, 'late ' || i, i FROM generate_series(${from}, ${from + 50}) i;
    UPDATE orders SET amount = amount + 1 WHERE id % 10 = ${from % 10};
    DELETE FROM orders WHERE id = ${from % 1000};
    DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag);
    INSERT INTO bag VALUES (1, 'twice'), (1, 'twice');`
}

/**
 * Everything up to now is confirmed to the source. With a change of its own: an idle sync goes no further than the last
 * change, and others write to the same log.
 */
async function confirmed(): Promise<void> {
  const [now] = await fixture.sql(
    'UPDATE orders SET item = item WHERE id = 1 RETURNING pg_current_wal_insert_lsn()::text AS lsn',
  )
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await delay(20)) {
    const [slot] = await fixture.sql(
      `SELECT confirmed_flush_lsn >= '${now?.lsn}'::pg_lsn AS done FROM pg_replication_slots
       WHERE database = current_database() AND NOT temporary`,
    )
    if (slot?.done === true) return
  }
  throw new Error('the source was not told to forget')
}

const SECOND = { settings: ['state.path=second.db', 'stage.cache=second-cache'] }

describe('a sync over a bucket', () => {
  test('is killed again and again, and ends up equal', async () => {
    await open()
    for (let round = 0; round < 4; round++) {
      const sync = fixture.start()
      await fixture.sql(changes(3000 + round * 100))
      await sync.heard('merged')
      await fixture.sql(changes(4000 + round * 100))
      await sync.crash()
    }
    await fixture.once()
    expect(await fixture.differences(...COMPARED)).toEqual([])
    // What a killed run leaves is invisible; what a finished one leaves is recorded or a page of the ledger.
    expect(store.bucket().uploads.size).toBe(0)
  })

  test('leaves no copies and tells no secrets', async () => {
    await open()
    const { events } = await fixture.once()
    expect(JSON.stringify(events)).not.toContain(TEST_KEYS.secret_access_key)
    expect(await readdir(join(fixture.folder, 'cache'))).toEqual([])
    expect(store.count('GetObject')).toBeGreaterThan(0)
  })

  test('is verified without the bucket, and doctor says what it can do', async () => {
    await open()
    await fixture.once()
    const before = store.calls.length
    const verified = await simplyload(fixture.folder, ['verify'])
    expect(verified.events.at(-1)).toMatchObject({ event: 'end', outcome: 'ok' })
    expect(verified.exitCode).toBe(0)
    expect(store.calls.length).toBe(before)
    store.denied.add('DeleteObject')
    const doctor = await simplyload(fixture.folder, ['doctor'])
    expect(doctor.stdout).toContain('Allow s3:DeleteObject on arn:aws:s3:::stage/lake/*')
    expect(doctor.stdout).not.toContain(TEST_KEYS.secret_access_key)
    const status = await simplyload(fixture.folder, ['status'])
    expect(status.exitCode).toBe(0)
  })

  test('goes on after an outage of the store', async () => {
    await open()
    const sync = fixture.start()
    await sync.live('public.orders', 'public.bag')
    let refused = 0
    store.fault = () => {
      refused++
      return { kind: 'answer', status: 500, code: 'InternalError' }
    }
    await fixture.sql(changes(3000))
    await sync.heard('retry', (event) => event.code === 'stage_unavailable')
    store.fault = () => undefined
    await confirmed()
    await sync.stop()
    expect(refused).toBeGreaterThan(0)
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('ends when its credentials expire, and goes on with others', async () => {
    await open()
    store.keys.set('ASIATEMP', { secretAccessKey: 'temporary', sessionToken: 'token' })
    const temporary = { access_key_id: 'ASIATEMP', secret_access_key: 'temporary', session_token: 'token' }
    const settings = Object.entries(temporary).map(([key, value]) => `stage.${key}=${value}`)
    const sync = fixture.start({ settings })
    await sync.live('public.orders', 'public.bag')
    store.expired.add('ASIATEMP')
    await fixture.sql(changes(3000))
    const { error, summary } = await sync.ended
    expect(error).toMatchObject({ code: 'stage_authentication', hint: expect.stringContaining('have expired') })
    expect(summary.outcome).toBe('failed')
    await fixture.once()
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('goes on where the bucket denies what is removed, and says so once', async () => {
    await open()
    store.denied.add('DeleteObject')
    await fixture.once()
    await fixture.sql(changes(3000))
    // A run removes the pages of the one before, and what a table that is read again had waiting.
    const { events, summary } = await fixture.once()
    const told = events.filter((event) => event.event === 'notice' && event.message.includes('s3:DeleteObject'))
    expect(told).toHaveLength(1)
    expect(summary.outcome).toBe('ok')
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test.each([
    ['a bucket that is missing', { path: 's3://nowhere/x' }, 'stage_rejected'],
    ['a wrong region', { region: 'eu-west-1' }, 'stage_rejected'],
    ['a wrong key', { secret_access_key: 'wrong' }, 'stage_authentication'],
  ])('ends at once with %s, and nothing is copied', async (_, change, code) => {
    await open()
    const settings = Object.entries(change).map(([key, value]) => `stage.${key}=${value}`)
    await expect(fixture.once({ settings })).rejects.toMatchObject({ code })
  })

  test('stops a table whose object was changed behind our back, and no other', async () => {
    await open()
    await fixture.once()
    const sync = fixture.start({ settings: ['sync.freshness=9999d'] })
    await fixture.sql(changes(3000))
    await sync.heard('staged')
    await fixture.sql(changes(3100))
    await confirmed()
    await sync.crash()
    const bucket = store.bucket()
    const key =
      [...bucket.objects.keys()]
        .filter((each) => each.includes('public.bag'))
        .sort()
        .at(-1) ?? ''
    const body = Buffer.from(store.object(key).body)
    body.writeUInt8(body.readUInt8(100) ^ 255, 100)
    bucket.put(key, body, {})
    const { summary, events } = await fixture.once()
    expect(summary.tables).toMatchObject([
      { table: 'public.orders', state: 'live' },
      { table: 'public.bag', state: 'needs_resync', error: expect.stringContaining('its checksum is') },
    ])
    expect(events.find((event) => event.event === 'error')).toMatchObject({
      code: 'stage_file_damaged',
      table: 'public.bag',
    })
    expect(await fixture.differences(COMPARED[0])).toEqual([])
  })
})

describe('another machine takes over', () => {
  /** Changes are staged and confirmed, and not merged: only the stage has them. */
  async function stageWithoutMerging(): Promise<void> {
    await fixture.once()
    const sync = fixture.start({ settings: ['sync.freshness=9999d'] })
    await fixture.sql(changes(3000))
    await sync.heard('staged')
    for (let round = 1; round < 4; round++) {
      await fixture.sql(changes(3000 + round * 100))
      await confirmed()
    }
    await sync.crash()
  }

  test('and loads what the first one staged, exactly once, without reading a table again', async () => {
    await open()
    await stageWithoutMerging()
    await fixture.sql(changes(5000))
    const { summary, events } = await fixture.once(SECOND)
    expect(events.filter((event) => event.event === 'snapshot')).toEqual([])
    expect(events.find((event) => event.event === 'notice')).toMatchObject({
      message: expect.stringMatching(
        /operational state was missing; going on from the ledger in the stage, by which \d+ files wait/,
      ),
    })
    expect(summary.outcome).toBe('ok')
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('with state in PostgreSQL, which both of them have: also in the middle of a first snapshot', async () => {
    await open({ state: 'postgres', source: { snapshot: { chunk_bytes: '16KiB' } } })
    const first = fixture.start()
    await first.heard('snapshot', (event) => event.chunksDone > 0)
    await first.crash()
    const elsewhere = { settings: ['stage.cache=second-cache'] }
    const { events } = await fixture.once(elsewhere)
    expect(events.filter((event) => event.event === 'notice')).toEqual([])
    await stageWithoutMerging()
    await fixture.once(elsewhere)
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('and the first one comes back: its own state is too old, and the stage says so', async () => {
    await open()
    await stageWithoutMerging()
    await fixture.once(SECOND)
    const sync = fixture.start({ ...SECOND, settings: [...SECOND.settings, 'sync.freshness=9999d'] })
    await fixture.sql(changes(6000))
    await sync.heard('staged')
    await fixture.sql(changes(6100))
    await confirmed()
    await sync.crash()
    const { events } = await fixture.once()
    expect(events.filter((event) => event.event === 'snapshot')).toEqual([])
    expect(events.find((event) => event.event === 'notice')).toMatchObject({
      message: expect.stringContaining('operational state was older than what another process has staged since'),
    })
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('while the first one still runs, and nothing is lost', async () => {
    await open()
    await fixture.once()
    const first = fixture.start({ settings: ['sync.freshness=9999d'] })
    await fixture.sql(changes(3000))
    await first.heard('staged')
    await fixture.sql(changes(3100))
    await confirmed()
    const second = fixture.start(SECOND)
    await fixture.sql(changes(3200))
    // The slot stays with the first one until it ends, and it goes on confirming what it stages, although its lease is gone.
    await second.heard('retry', (event) => event.code === 'source_slot_in_use')
    await confirmed()
    await first.crash()
    await fixture.sql(changes(3300))
    await confirmed()
    await second.stop()
    expect(second.events.filter((event) => event.event === 'snapshot')).toEqual([])
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('and a page of the ledger is gone: what cannot be excluded is told, and no table goes on', async () => {
    await open()
    await stageWithoutMerging()
    const bucket = store.bucket()
    const pages = [...bucket.objects.keys()].filter((key) => key.includes('/_ledger/')).sort()
    for (const key of pages.slice(-2)) bucket.objects.delete(key)
    const before = await fixture.copied('SELECT count(*)::VARCHAR FROM copy.orders')
    const { summary } = await fixture.once(SECOND)
    expect(summary.tables).toMatchObject([
      { table: 'public.orders', state: 'needs_resync', error: expect.stringContaining('has been moved on') },
      { table: 'public.bag', state: 'needs_resync' },
    ])
    expect(await fixture.copied('SELECT count(*)::VARCHAR FROM copy.orders')).toEqual(before)
  })

  test('and a staged file is gone: its table is told, the other one goes on', async () => {
    await open()
    await stageWithoutMerging()
    const bucket = store.bucket()
    const files = [...bucket.objects.keys()].filter((key) => key.includes('public.bag')).sort()
    bucket.objects.delete(files.at(-1) ?? '')
    const { summary } = await fixture.once(SECOND)
    expect(summary.tables).toMatchObject([
      { table: 'public.orders', state: 'live' },
      { table: 'public.bag', state: 'needs_resync', error: expect.stringContaining('it does not exist') },
    ])
    expect(await fixture.differences(COMPARED[0])).toEqual([])
  })

  test('in the middle of a first snapshot: it is read anew', async () => {
    await open({ source: { snapshot: { chunk_bytes: '16KiB' } } })
    const first = fixture.start()
    await first.heard('snapshot', (event) => event.chunksDone > 0)
    await first.crash()
    await fixture.sql(changes(3000))
    const { summary } = await fixture.once(SECOND)
    expect(summary.outcome).toBe('ok')
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })

  test('after a column was added and a table rewritten while nobody merged', async () => {
    await open()
    await fixture.once()
    const sync = fixture.start({ settings: ['sync.freshness=9999d'] })
    await fixture.sql(changes(3000))
    await sync.heard('staged')
    await fixture.sql(`ALTER TABLE orders ADD note text DEFAULT 'none'; ${changes(3100)}`)
    await confirmed()
    await sync.crash()
    // Rows that nobody writes to change with it, and no change tells of them.
    await fixture.sql(
      `ALTER TABLE orders ALTER amount TYPE text USING 'about ' || amount; ${changes(3200).replace('amount + 1', "amount || '+'")}`,
    )
    const { summary } = await fixture.once(SECOND)
    expect(summary.outcome).toBe('ok')
    expect(await fixture.differences(...COMPARED)).toEqual([])
  })
})
