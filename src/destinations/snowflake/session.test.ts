import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { startWire, type Wire, type WireAnswer, type WireRequest } from '../../../test/support/snowflake-wire.ts'
import { systemClock } from '../../core/clock.ts'
import { snowflakeDestinationSchema } from './config.ts'
import { SnowflakePool } from './connection-pool.ts'
import { Rollback, type SnowflakeSession } from './session.ts'

const SIGNAL = new AbortController().signal
const TAG = { source: 'shop', phase: 'merge' }

async function open(answer: (request: WireRequest) => WireAnswer | undefined, options: Record<string, unknown> = {}) {
  const stack = new AsyncDisposableStack()
  const wire = stack.use(await startWire(answer))
  const config = snowflakeDestinationSchema.parse({
    type: 'snowflake',
    account: 'test',
    host: '127.0.0.1',
    port: wire.port,
    protocol: 'http',
    user: 'LOADER',
    password: 'secret',
    database: 'ANALYTICS',
    ...options,
  })
  const pool = stack.use(new SnowflakePool({ config, folder: '.', run: 'run-1', clock: systemClock }))
  const use = <T>(work: (session: SnowflakeSession) => Promise<T>, signal = SIGNAL) =>
    pool.use('Merging public.orders', TAG, signal, work)
  return { wire, pool, use, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const statements = (wire: Wire) => wire.log.filter((sql) => !/^(login|logout|heartbeat|ALTER SESSION)/.test(sql))

test('NULL is null, whatever the type', async () => {
  const types = [
    'fixed',
    'real',
    'boolean',
    'timestamp_ntz',
    'timestamp_tz',
    'date',
    'time',
    'binary',
    'variant',
    'text',
  ]
  const columns = types.map((type) => ({ name: type, type }))
  await using session = await open(() => ({ columns, rows: [types.map(() => null)] }))
  const row = await session.use((each) => each.row('SELECT'))
  expect(Object.values(row)).toEqual(types.map(() => null))
})

test('values come as exact text, booleans as such', async () => {
  const columns = [
    { name: 'N', type: 'fixed' },
    { name: 'd', type: 'fixed', scale: 9 },
    { name: 'F', type: 'real' },
    { name: 'B', type: 'boolean' },
    { name: 'NTZ', type: 'timestamp_ntz', scale: 6 },
    { name: 'LTZ', type: 'timestamp_ltz', scale: 6 },
    { name: 'TZ', type: 'timestamp_tz', scale: 6 },
    { name: 'DAY', type: 'date' },
    { name: 'T', type: 'time', scale: 6 },
    { name: 'X', type: 'binary' },
    { name: 'V', type: 'variant' },
    { name: 'NOTHING', type: 'text' },
  ]
  const row = [
    '99999999999999999999999999999999999999',
    '-12345678901234567890123456789.123456789',
    'NaN',
    '1',
    '-0.000001',
    '1700000000.123456',
    '1700000000.123456 1440',
    '-719162',
    '86399.999999',
    '00FF',
    '{"a":12345678901234567890}',
    null,
  ]
  await using session = await open(({ sql }) => (sql === 'SELECT' ? { columns, rows: [row] } : undefined))
  expect(await session.use((each) => each.row('SELECT'))).toEqual({
    N: '99999999999999999999999999999999999999',
    d: '-12345678901234567890123456789.123456789',
    F: 'NaN',
    B: true,
    NTZ: '1969-12-31 23:59:59.999999',
    LTZ: '2023-11-14 22:13:20.123456+00:00',
    TZ: '2023-11-14 22:13:20.123456+00:00',
    DAY: '0001-01-01',
    T: '23:59:59.999999',
    X: '00FF',
    V: '{"a":12345678901234567890}',
    NOTHING: null,
  })
})

test('values are bound as text, and each statement says what it is for', async () => {
  await using session = await open(({ sql }) =>
    sql === 'UPDATE'
      ? {
          columns: ['number of rows updated', 'number of multi-joined rows updated'].map((name) => ({
            name,
            type: 'fixed',
          })),
          rows: [['3', '1']],
        }
      : undefined,
  )
  const changed = await session.use(async (each) => {
    each.phase('merge', 'public.orders')
    return [await each.run('UPDATE', [2n ** 70n, 'it', null, true, 1.5]), await each.change('UPDATE')]
  })
  expect(changed).toEqual([3, { inserted: 0, updated: 3, deleted: 0 }])
  const asked = session.wire.requests.find((request) => request.sql === 'UPDATE')
  expect(asked?.binds.map(({ type, value }) => [type, value])).toEqual([
    ['TEXT', '1180591620717411303424'],
    ['TEXT', 'it'],
    ['TEXT', null],
    ['TEXT', 'true'],
    ['TEXT', '1.5'],
  ])
  expect(JSON.parse(String(asked?.parameters.QUERY_TAG))).toEqual({
    app: 'simplyload',
    source: 'shop',
    table: 'public.orders',
    run: 'run-1',
    phase: 'merge',
  })
  expect(asked?.parameters.STATEMENT_TIMEOUT_IN_SECONDS).toBe(7200)
})

test('the driver is silent: no file, no console, no telemetry, and one login serves many calls', async () => {
  const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name))
  await using session = await open(() => undefined)
  await session.use((each) => each.run('SELECT 1'))
  await session.use((each) => each.run('SELECT 2'))
  expect(session.wire.log.map((sql) => sql.slice(0, 17))).toEqual([
    'login',
    'ALTER SESSION SET',
    'SELECT 1',
    'SELECT 2',
  ])
  expect(existsSync('snowflake.log')).toBe(false)
  for (const spy of spies) expect(spy).not.toHaveBeenCalled()
})

test('a statement that is told to stop is cancelled on the server, and the connection serves on', async () => {
  const stop = new AbortController()
  await using session = await open(({ sql }) => {
    if (sql !== 'MERGE') return undefined
    setTimeout(() => stop.abort(new Error('stop')), 5)
    return 'wait'
  })
  await expect(session.use((each) => each.run('MERGE'), stop.signal)).rejects.toThrow(/^stop$/)
  await session.use((each) => each.run('SELECT 1'))
  expect(statements(session.wire)).toEqual(['MERGE', 'cancel', 'SELECT 1'])
  expect(session.wire.log.filter((sql) => sql === 'login')).toHaveLength(1)
})

test('a transaction is committed, or rolled back where its work says or fails', async () => {
  await using session = await open(({ sql }) =>
    sql === 'BAD' ? { code: '001003', message: 'SQL compilation error', sqlState: '42000' } : undefined,
  )
  expect(await session.use((each) => each.transaction(async () => each.run('A').then(() => 1)))).toBe(1)
  expect(await session.use((each) => each.transaction(async () => new Rollback(2)))).toBe(2)
  await expect(session.use((each) => each.transaction(() => each.run('BAD')))).rejects.toMatchObject({
    code: 'destination_rejected',
    message: 'Merging public.orders',
  })
  expect(statements(session.wire)).toEqual(['BEGIN', 'A', 'COMMIT', 'BEGIN', 'ROLLBACK', 'BEGIN', 'BAD', 'ROLLBACK'])
})

test('an answer that is lost is asked for again, with the same id, so that the server does it once', async () => {
  let lost = 0
  await using session = await open(({ sql }) => (sql === 'COMMIT' && lost++ === 0 ? 'cut' : undefined))
  await session.use((each) => each.transaction(() => each.run('A')))
  const ids = session.wire.requests
    .filter(({ sql }) => sql === 'COMMIT')
    .map(({ path }) => new URL(path, 'http://x').searchParams.get('requestId'))
  expect(ids).toHaveLength(2)
  expect(new Set(ids).size).toBe(1)
})

test('a session that the server has forgotten is replaced before the first statement, not after', async () => {
  const gone = new Set<string>()
  const seen = { code: '390111', message: 'Session no longer exists. New login required to access the service.' }
  await using session = await open(({ sql, token }) => (sql !== 'login' && gone.has(token) ? seen : undefined))
  await session.use((each) => each.run('A'))
  gone.add('session-1')
  await session.use((each) => each.run('B'))
  const lost = session.use(async (each) => {
    await each.run('C')
    gone.add('session-2')
    await each.run('D')
  })
  await expect(lost).rejects.toMatchObject({ code: 'destination_unreachable' })
  await session.use((each) => each.run('E'))
  expect(session.wire.log.filter((sql) => sql === 'login')).toHaveLength(3)
  expect(statements(session.wire)).toEqual(['A', 'B', 'B', 'C', 'D', 'E'])
})
