import { afterAll, expect, test } from 'vitest'
import { describeState } from '../../../test/contract/state.ts'
import { killWriter } from '../../../test/support/killed-writer.ts'
import { createTestDatabase } from '../../../test/support/postgres.ts'
import { PostgresStates, wrapStateClient } from '../../../test/support/postgres-state.ts'
import { batchesOfSteps, changes, ORDERS, SHOP, tableRecord, WRITE_STEPS } from '../../../test/support/state-records.ts'
import { boundary, position } from '../../core/position.ts'
import { isPostgresStateInUse, openPostgresState } from './postgres-state.ts'
import { openPostgresRequestBox } from './request-box.ts'

const database = await createTestDatabase()
afterAll(() => database.dispose())
const states = new PostgresStates(database)

describeState('PostgreSQL', async () => {
  const schema = states.newSchema()
  return {
    reopen: () => states.write(schema),
    openBox: () => openPostgresRequestBox(states.place(schema)),
    async [Symbol.asyncDispose]() {},
  }
})

test('people read watermarks, runs and errors with SQL', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  await state.saveSource(SHOP)
  await state.saveTable(tableRecord())
  await state.recordStaged('shop', [changes(7)], 9n)
  const watermarks = () =>
    database.query(
      `SELECT source_table, last_watermark, last_run, last_status, last_error, rows_processed FROM ${schema}.sync_watermarks`,
    )
  const row = {
    source_table: 'shop.public.orders',
    last_watermark: null,
    last_run: new Date('2026-01-02T03:04:05.678Z'),
    last_status: 'live',
    last_error: null,
    rows_processed: '42',
  }
  expect(await watermarks()).toEqual([row])
  await state.markLoaded(['b7'], 5)
  expect(await watermarks()).toEqual([{ ...row, last_watermark: position(1, 7n, 10) }])
  await state.saveTable({ ...tableRecord(), state: 'failed', lastError: 'no\0 room', changesMerged: 3 })
  const failed = { last_status: 'failed', last_error: 'no room', rows_processed: '43' }
  expect(await watermarks()).toEqual([{ ...row, last_watermark: position(1, 7n, 10), ...failed }])
  expect((await state.tables('shop'))[0]?.lastError).toBe('no\0 room')
  await state.reconcileLoaded(ORDERS, boundary(1, 6n), 8)
  expect(await watermarks()).toMatchObject([{ last_watermark: boundary(1, 6n) }])
  await state.saveTable({ ...tableRecord(), state: 'pending' })
  expect(await watermarks()).toMatchObject([{ last_watermark: null }])

  const run = { id: 'r', source: 'shop', startedMs: 1000, endedMs: undefined, error: undefined }
  const counts = { rowsSnapshot: 1, changesStaged: 2, changesMerged: 3 }
  await state.saveRun({ ...run, ...counts, outcome: 'running' })
  await state.saveRun({ ...run, ...counts, outcome: 'ok', endedMs: 2000 })
  expect(
    await database.query(
      `SELECT source, run, outcome, ended_at - started_at = '1 s' AS one_second, changes_merged FROM ${schema}.sync_runs`,
    ),
  ).toEqual([{ source: 'shop', run: 'r', outcome: 'ok', one_second: true, changes_merged: '3' }])
  const error = { source: 'shop', table: 'public.orders', code: 'internal', message: 'm', hint: undefined, atMs: 1000 }
  await state.recordError(error)
  await state.recordError(error)
  expect(await database.query(`SELECT source_table, code, message, hint, at FROM ${schema}.sync_errors`)).toEqual([
    { source_table: 'shop.public.orders', code: 'internal', message: 'm', hint: null, at: new Date(1000) },
  ])
})

test('tables whose names have dots have keys of their own', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  const tables = [
    { source: 'shop', namespace: 'a.b', name: 'c' },
    { source: 'shop', namespace: 'a', name: 'b.c' },
    { source: 'shop', namespace: 'a', name: '"b.c"' },
  ]
  for (const table of tables) await state.saveTable(tableRecord(table))
  expect(await database.query(`SELECT source_table FROM ${schema}.sync_watermarks ORDER BY 1`)).toEqual([
    { source_table: 'shop."a.b".c' },
    { source_table: 'shop.a."""b.c"""' },
    { source_table: 'shop.a."b.c"' },
  ])
})

test('a second writer is refused and told who has it; readers are welcome; the lock ends with its holder', async () => {
  const schema = states.newSchema()
  {
    await using first = await states.write(schema)
    const holder = (await states.backends()).at(-1)
    await expect(states.writeAtOnce(schema)).rejects.toMatchObject({
      code: 'state_locked',
      message: `Opening the state db:5432/shop, schema ${schema}`,
      cause: {
        message: `another sync, load of files or job is writing to it (from 127.0.0.1, server process ${holder})`,
      },
      hint: expect.stringContaining(`pg_terminate_backend(${holder})`),
    })
    await using reader = await states.read(schema)
    await first.saveSource(SHOP)
    expect(await reader.source('shop')).toEqual(SHOP)
    await expect(reader.saveSource(SHOP)).rejects.toMatchObject({ code: 'internal' })
    expect(await isPostgresStateInUse(states.place(schema))).toBe(true)
    // Another schema is another state.
    await using _other = await states.write(states.newSchema())
  }
  expect(await isPostgresStateInUse(states.place(schema))).toBe(false)
  await using _second = await states.write(schema)
})

test('a schema that does not exist reads as empty and is not made', async () => {
  const schema = states.newSchema()
  await using state = await states.read(schema)
  expect(await state.source('shop')).toBeUndefined()
  expect(await state.tables('shop')).toEqual([])
  expect(await state.waiting('shop')).toEqual([])
  expect(await state.runs('shop', 1)).toEqual([])
  expect(await state.openRequests('shop')).toEqual([])
  expect(await isPostgresStateInUse(states.place(schema))).toBe(false)
  expect(await database.query(`SELECT 1 FROM pg_namespace WHERE nspname = '${schema}'`)).toEqual([])
})

test('commands and a sync may come to an empty database at the same time', async () => {
  const schema = states.newSchema()
  const boxes = Array.from({ length: 4 }, () => openPostgresRequestBox(states.place(schema)))
  const opened = await Promise.all([states.write(schema), ...boxes])
  for (const each of opened) await each[Symbol.asyncDispose]()
})

test('after kill -9 in the middle of writes everything that was acknowledged is there, and nothing by halves', async () => {
  const schema = states.newSchema()
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  for (const killAfter of [1, 30, 90]) {
    const acknowledged = await killWriter(
      `const { openPostgresState } = await import(${url('./postgres-state.ts')});
       const { connect } = await import(${url('../../sources/postgres/client.ts')});
       const { connectionSettings } = await import(${url('../../sources/postgres/connection-settings.ts')});
       const settings = connectionSettings({ url: ${JSON.stringify(database.url)} });
       const state = await openPostgresState({
         server: 'db', schema: '${schema}', role: 'r', mode: 'write', connect: (signal) => connect(settings, {}, signal),
       });
       const tokensOf = (table, number) => [{ table, token: String(number) }];
       ${WRITE_STEPS}`,
      killAfter,
    )
    // The lock goes with its holder.
    await using state = await states.write(schema)
    const staged = Number((await state.source('shop'))?.stagedThroughLsn)
    expect(staged).toBeGreaterThanOrEqual(acknowledged)
    expect((await state.waiting('shop')).map(({ batchId }) => batchId)).toEqual(batchesOfSteps(staged))
    expect((await state.tokens('shop')).map(({ token }) => token)).toEqual([String(staged)])
  }
})

test('commits wait for the disk also where the server is set not to', async () => {
  const schema = states.newSchema()
  const place = states.place(schema)
  const settings: string[] = []
  await using state = await openPostgresState({
    ...place,
    mode: 'write',
    async connect(signal) {
      const client = await place.connect(signal)
      return wrapStateClient(client, {
        async query<T>(sql: string, values?: readonly unknown[]) {
          const rows = await client.query<T>(sql, values)
          if (sql !== 'COMMIT' && !/^\s*(INSERT|UPDATE)/.test(sql)) return rows
          const [row] = await client.query<{ synchronous_commit: string }>('SHOW synchronous_commit')
          settings.push(row!.synchronous_commit)
          return rows
        },
      })
    },
  })
  await state.saveSource(SHOP)
  await state.recordStaged('shop', [changes(1)], 1n)
  // The server of the tests has synchronous_commit = off.
  expect(await database.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'off' }])
  expect(settings.length).toBeGreaterThan(3)
  expect(new Set(settings)).toEqual(new Set(['local']))
})

test('with a hundred thousand files nothing that is asked or written reads them all', async () => {
  const schema = states.newSchema()
  const place = states.place(schema)
  const sent: [sql: string, values: readonly unknown[] | undefined][] = []
  await using state = await openPostgresState({
    ...place,
    mode: 'write',
    async connect(signal) {
      const client = await place.connect(signal)
      return wrapStateClient(client, {
        query(sql, values) {
          sent.push([sql, values])
          return client.query(sql, values)
        },
      })
    },
  })
  await state.saveSource(SHOP)
  const schemas = Array.from({ length: 10 }, (_, index) => changes(index, `t${index}`).schema)
  const waiting = Array.from({ length: 1_000 }, (_, index) => ({ ...changes(index), schema: schemas[index % 10]! }))
  await state.recordStaged('shop', waiting, 1n)
  // The server makes the others itself, in a tenth of the time.
  const rest = 'source, namespace, name, kind, row_count, last_position, schema_digest, document'
  await database.query(
    `INSERT INTO ${schema}.sync_files (batch_id, ${rest}) SELECT batch_id || '.' || copy, ${rest}
     FROM ${schema}.sync_files, generate_series(1, 99) copy`,
  )
  const copies = Array.from({ length: 99 }, (_, copy) => waiting.map(({ batchId }) => `${batchId}.${copy + 1}`))
  await state.markLoaded(copies.flat(), 5)
  await database.query(`ANALYZE ${schema}.sync_files`)
  sent.length = 0
  const table = schemas[5]!.table
  expect((await state.waiting('shop', table)).length).toBe(100)
  await state.loadedBefore(6, 500)
  await state.recordStaged('shop', [changes(200_000)], 2n)
  await state.reconcileLoaded(table, boundary(1, 1n), 5)
  await state.forget(copies[0]!)
  const plans: string[] = []
  const person = await database.connect()
  for (const [sql, values] of sent) {
    if (!sql.includes('sync_files')) continue
    const { rows } = await person.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values as unknown[])
    plans.push(...rows.map((row) => row['QUERY PLAN']))
  }
  expect(plans).toContainEqual(expect.stringMatching(/Index .* on sync_files/))
  expect(plans).not.toContainEqual(expect.stringContaining('Seq Scan on sync_files'))
})

test('a request that is asked again, because the answer was lost, is one request', async () => {
  await using state = await states.write(states.newSchema())
  const request = { id: 'r1', table: ORDERS, action: { kind: 'pause' as const }, askedMs: 1 }
  await state.ask(request)
  await state.ask(request)
  expect(await state.openRequests('shop')).toEqual([{ request }])
})
