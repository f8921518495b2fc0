/** The slot is where the source remembers us: what happens when it is dropped, made again, or has nothing to tell. */
import { expect, test } from 'vitest'
import { formatLsn } from '../../src/sources/postgres/lsn.ts'
import { simplyload } from '../support/command-process.ts'
import { SyncFixture } from '../support/sync-fixture.ts'
import { watchStream, wrapState } from '../support/wrapped-ports.ts'

const KEY = { namespace: 'public', name: 't', key: ['id'] }
const SQL = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 20) i'

function slotOf(fixture: SyncFixture): string {
  return `slot_of_${fixture.database.name}`
}

async function slotFinding(fixture: SyncFixture): Promise<unknown> {
  const { events } = await simplyload(fixture.folder, ['doctor'])
  return events.find((event) => event.subject === `slot ${slotOf(fixture)}`)
}

test('a slot that was made anew under an old checkpoint is a gap: the table says so and is not silently short', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
  await fixture.once()
  await fixture.sql(`SELECT pg_drop_replication_slot('${slotOf(fixture)}')`)
  await fixture.sql(`UPDATE t SET v = 'never decoded' WHERE id = 3`)
  await fixture.sql(`SELECT pg_create_logical_replication_slot('${slotOf(fixture)}', 'pgoutput')`)
  await fixture.sql(`UPDATE t SET v = 'decoded' WHERE id = 4`)
  expect(await slotFinding(fixture)).toMatchObject({ level: 'warning', message: expect.stringMatching(/moved on/) })
  const { summary, events } = await fixture.once()
  expect(summary.outcome).toBe('partial')
  expect(summary.tables).toMatchObject([{ table: 'public.t', state: 'needs_resync' }])
  expect(events.find((event) => event.event === 'error')).toMatchObject({ code: 'source_gap', table: 'public.t' })
  // What was there stays there.
  expect(await fixture.copied('SELECT count(*)::VARCHAR FROM copy.t WHERE NOT _fivetran_deleted')).toEqual([['20']])
})

test('a slot that is gone stops the run with what to do about it, and that helps', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
  await fixture.once()
  await fixture.sql(`SELECT pg_drop_replication_slot('${slotOf(fixture)}')`)
  await expect(fixture.once()).rejects.toMatchObject({
    code: 'source_slot_missing',
    hint: expect.stringMatching(/reset/),
  })
  expect(await slotFinding(fixture)).toMatchObject({ level: 'error', fix: expect.stringMatching(/reset/) })
  const status = await simplyload(fixture.folder, ['status'])
  expect(status.events[0]).toMatchObject({ lastRun: { outcome: 'failed', error: expect.stringMatching(/is gone/) } })
  await fixture.sql(`UPDATE t SET v = 'never decoded' WHERE id = 3`)
  expect((await simplyload(fixture.folder, ['checkpoint', 'reset', '--yes'])).exitCode).toBe(0)
  expect(await slotFinding(fixture)).toMatchObject({ level: 'note', message: expect.stringMatching(/first sync/) })
  expect((await fixture.once()).summary.outcome).toBe('ok')
  expect(await fixture.differences(KEY)).toEqual([])
  expect(await slotFinding(fixture)).toMatchObject({ level: 'ok' })
})

test('a slot that is dropped while the sync runs stops it with the same words', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
  const running = fixture.start()
  await running.live('public.t')
  await fixture.sql(`
    SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = '${slotOf(fixture)}'`)
  // The stream comes back at once, so this may need several goes.
  for (;;) {
    const dropped = await fixture
      .sql(
        `SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = '${slotOf(fixture)}' AND active;
         SELECT pg_drop_replication_slot('${slotOf(fixture)}')`,
      )
      .then(() => true)
      .catch(() => false)
    if (dropped) break
  }
  const { error } = await running.ended
  expect(error).toMatchObject({ code: 'source_slot_missing' })
})

test('the slot moves on while only other tables change', async () => {
  await using fixture = await SyncFixture.create({
    sql: `${SQL}; CREATE TABLE busy (id bigint GENERATED ALWAYS AS IDENTITY, v text)`,
    tables: ['public.t'],
  })
  const running = fixture.start()
  await running.live('public.t')
  const confirmed = async () => {
    const [row] = await fixture.sql(
      `SELECT pg_current_wal_lsn() - confirmed_flush_lsn AS behind FROM pg_replication_slots WHERE slot_name = '${slotOf(fixture)}'`,
    )
    return Number(row?.behind)
  }
  await fixture.sql(`INSERT INTO busy (v) SELECT repeat('x', 1000) FROM generate_series(1, 20000)`)
  const deadline = Date.now() + 30_000
  while ((await confirmed()) > 1_000_000 && Date.now() < deadline) await fixture.sql('SELECT pg_sleep(0.05)')
  expect(await confirmed()).toBeLessThan(1_000_000)
  await running.stop()
})

test('nothing is confirmed that is not recorded: after a crash everything since comes again, once', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
  await fixture.once()
  // One transaction, so that all its changes share one commit LSN; small batches cut it into many.
  await fixture.sql(`
    BEGIN; INSERT INTO t SELECT i, 'new' FROM generate_series(100, 400) i; UPDATE t SET v = v || '!';
    DELETE FROM t WHERE id % 3 = 0; COMMIT`)
  for (const crashAfter of [1, 5, 20]) {
    let heard = 0
    const never = new Promise<void>(() => undefined)
    let stopped: (() => void) | undefined
    const reached = new Promise<void>((resolve) => {
      stopped = resolve
    })
    const running = fixture.start({
      settings: ['sync.batch.rows=10'],
      wraps: {
        source: (source) =>
          watchStream(source, (event) => {
            if (event.kind !== 'changes' || ++heard < crashAfter) return
            stopped?.()
            return never
          }),
      },
    })
    await reached
    await running.crash()
  }
  await fixture.once({ settings: ['sync.batch.rows=10'] })
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a process that dies between staging and recording has confirmed nothing beyond what is recorded', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
  const staged = Promise.withResolvers<void>()
  const killed = Promise.withResolvers<never>()
  killed.promise.catch(() => undefined)
  let [recordedLsn, holds] = [0n, false]
  const running = fixture.start({
    wraps: {
      state: (inner) =>
        wrapState(inner, {
          async recordStaged(source, files, lsn, tokens) {
            if (holds && files.length > 0) {
              staged.resolve()
              await killed.promise
            }
            await inner.recordStaged(source, files, lsn, tokens)
            recordedLsn = lsn
          },
        }),
    },
  })
  await running.live('public.t')
  await fixture.sql(`INSERT INTO t VALUES (100, 'recorded')`)
  await running.heard('staged')
  holds = true
  await fixture.sql(`INSERT INTO t VALUES (101, 'staged')`)
  await staged.promise
  const crashed = running.crash()
  killed.reject(new Error('killed'))
  await crashed
  const [slot] = await fixture.sql(
    `SELECT confirmed_flush_lsn - '${formatLsn(recordedLsn)}' AS beyond FROM pg_replication_slots WHERE slot_name = '${slotOf(fixture)}'`,
  )
  expect(Number(slot?.beyond)).toBeLessThanOrEqual(0)
  await fixture.once()
  expect(await fixture.differences(KEY)).toEqual([])
})

test('a transaction that commits while its table is being read is neither lost nor doubled', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY FULL;
      CREATE TABLE journal (n bigint)`,
    tables: ['public.t', 'public.journal'],
  })
  // Writers that never stop make commits fall everywhere around the consistent points, also exactly on them.
  const stop = new AbortController()
  const writers = [1, 2, 3].map(async (writer) => {
    const client = await fixture.database.connect()
    for (let n = 0; !stop.signal.aborted; n++) {
      const id = writer * 1_000_000 + n
      await client.query(`BEGIN; INSERT INTO t VALUES (${id}, 'x'); INSERT INTO journal VALUES (${id})`)
      await client.query('COMMIT')
    }
  })
  const running = fixture.start()
  await running.live('public.t', 'public.journal')
  stop.abort()
  await Promise.all(writers)
  await running.stop()
  await fixture.once()
  expect(await fixture.differences(KEY, { namespace: 'public', name: 'journal', key: [] })).toEqual([])
})
