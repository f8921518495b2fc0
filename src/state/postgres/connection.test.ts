import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../../test/support/postgres.ts'
import { PostgresStates, persistently, wrapStateClient } from '../../../test/support/postgres-state.ts'
import { batchesOfSteps, changes, ORDERS, SHOP, tableRecord } from '../../../test/support/state-records.ts'
import { PipelineError } from '../../core/errors.ts'
import { openPostgresState, type PostgresStatePlace } from './postgres-state.ts'
import { openPostgresRequestBox } from './request-box.ts'

const database = await createTestDatabase()
afterAll(() => database.dispose())
const states = new PostgresStates(database)

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}

test('a connection that is cut once fails no call, and the new one has the lock', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  await state.saveSource(SHOP)
  await states.cutAll()
  await state.recordStaged('shop', [changes(1)], 1n)
  expect(await state.waiting('shop')).toEqual([changes(1)])
  await expect(states.writeAtOnce(schema)).rejects.toMatchObject({ code: 'state_locked' })
})

test('connections that are cut again and again lose nothing, double nothing and swap nothing', async () => {
  const schema = states.newSchema()
  let steps = 0
  await using state = await states.write(schema)
  await state.saveSource(SHOP)
  await state.saveTable(tableRecord())
  const discarded: string[] = []
  {
    await using cutting = states.keepCutting(() => 5 + Math.random() * 40)
    while (steps < 40 || cutting.cuts <= 5 || steps % 10 > 0) {
      const number = ++steps
      const files = [1, 2, 3].map((part) => ({ ...changes(number), batchId: `${number}.${part}` }))
      const error = { source: 'shop', table: undefined, code: 'internal', message: 'm', hint: undefined, atMs: number }
      await persistently(() => state.recordStaged('shop', files, BigInt(number)))
      await persistently(() => state.saveTable({ ...tableRecord(), changesMerged: number }))
      await persistently(() => state.recordError(error))
      if (number % 10 > 0) continue
      discarded.push(...(await persistently(() => state.discardWaiting(ORDERS))).map((file) => file.batchId))
    }
  }
  // Each file was handed back once, also where the answer to a commit was lost.
  expect(discarded).toEqual(batchesOfSteps(steps))
  expect((await persistently(() => state.source('shop')))?.stagedThroughLsn).toBe(BigInt(steps))
  expect((await persistently(() => state.tables('shop')))[0]?.changesMerged).toBe(steps)
  expect(await database.query(`SELECT count(*)::int AS errors FROM ${schema}.sync_errors`)).toEqual([{ errors: steps }])
})

/** Whose other end can be made to vanish without a word, as when a cable is pulled. */
function pluggedIn(schema: string): { readonly place: PostgresStatePlace; unplug(): void } {
  const place = states.place(schema)
  let unplug = (): void => undefined
  const connect: PostgresStatePlace['connect'] = async (signal) => {
    const client = await place.connect(signal)
    const lost = Promise.withResolvers<never>()
    lost.promise.catch(() => undefined)
    let isLost = false
    unplug = () => {
      isLost = true
      lost.reject(new PipelineError('source_connection_lost', 'Talking to db:5432/shop'))
    }
    return {
      ...wrapStateClient(client, {
        query: (sql, values) => Promise.race([client.query<never>(sql, values), lost.promise]),
        destroy: () => undefined,
      }),
      get usable() {
        return client.usable && !isLost
      },
    }
  }
  return { place: { ...place, connect }, unplug: () => unplug() }
}

test('a former session that has not noticed its end is ended before anything newer is written', async () => {
  const schema = states.newSchema()
  const { place, unplug } = pluggedIn(schema)
  await using state = await openPostgresState({ ...place, mode: 'write' })
  await state.saveSource(SHOP)
  const former = (await states.backends()).at(-1)!
  // It waits for a lock with something older in hand.
  const person = await database.connect()
  await person.query(`BEGIN; LOCK TABLE ${schema}.sync_sources`)
  const older = state.saveSource({ ...SHOP, generation: 2 })
  await until(async () => {
    const waiters = await database.query('SELECT 1 FROM pg_locks WHERE NOT granted AND pid = $1', [former])
    return waiters.length > 0
  })
  unplug()
  const newer = state.saveSource({ ...SHOP, generation: 3 })
  await until(async () => !(await states.backends()).includes(former))
  await person.query('ROLLBACK')
  await Promise.all([older, newer])
  expect((await state.source('shop'))?.generation).toBe(3)
})

test('whoever took the state over while the connection was lost keeps it', async () => {
  const schema = states.newSchema()
  const place = states.place(schema)
  let mayConnect = true
  await using state = await openPostgresState({
    ...place,
    lockWaitMs: 100,
    mode: 'write',
    connect: (signal) => (mayConnect ? place.connect(signal) : Promise.reject(new Error('no network'))),
  })
  mayConnect = false
  await states.cutAll()
  await using _rival = await states.write(schema)
  mayConnect = true
  await expect(state.saveSource(SHOP)).rejects.toMatchObject({ code: 'state_locked' })
})

test('a request is heard after the connection was lost while nothing was going on', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  let heard = Promise.withResolvers<void>()
  using _watch = state.watchRequests(() => heard.resolve())
  await heard.promise // listening
  heard = Promise.withResolvers()
  await states.cutAll()
  await heard.promise // listening again
  heard = Promise.withResolvers()
  await using box = await openPostgresRequestBox(states.place(schema))
  await box.ask({ id: 'r1', table: ORDERS, action: { kind: 'pause' }, askedMs: 1 })
  await heard.promise
  expect(await state.openRequests('shop')).toHaveLength(1)
})

test('while nobody asks, nothing is asked of the server', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  const holder = (await states.backends()).at(-1)
  const listening = Promise.withResolvers<void>()
  using _watch = state.watchRequests(() => listening.resolve())
  await listening.promise
  const last = () => database.query('SELECT query, query_start FROM pg_stat_activity WHERE pid = $1', [holder])
  await until(async () => String((await last())[0]?.query).startsWith('LISTEN'))
  const before = await last()
  // The server's own clock says how long nothing came.
  await database.query('SELECT pg_sleep(1.2)')
  expect(await last()).toEqual(before)
})

test('rows that somebody keeps locked delay a call and lose nothing', async () => {
  const schema = states.newSchema()
  const place = states.place(schema)
  await using state = await openPostgresState({
    ...place,
    mode: 'write',
    // As it is, with the seconds that it waits for a lock made shorter.
    async connect(signal) {
      const client = await place.connect(signal)
      return wrapStateClient(client, {
        query: (sql, values) => client.query(sql.replace("'lock_timeout', '10s'", "'lock_timeout', '200ms'"), values),
      })
    },
  })
  await state.saveSource(SHOP)
  const person = await database.connect()
  await person.query(`BEGIN; UPDATE ${schema}.sync_sources SET source = source`)
  await expect(state.saveSource({ ...SHOP, generation: 2 })).rejects.toMatchObject({
    code: 'state_unreachable',
    hint: expect.stringContaining('locked'),
  })
  await person.query('ROLLBACK')
  await state.saveSource({ ...SHOP, generation: 2 })
})
