/** SimplyLoad as users of the library meet it. */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  defineConfig,
  PipelineError,
  type ProgressEvent,
  type SimplyloadConfig,
  sync,
  verify,
} from '../../src/index.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const SHOP = `CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2));
  CREATE TABLE customers (id int PRIMARY KEY, email text, phone text, is_test bool);
  INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i;
  INSERT INTO customers SELECT i, i || '@example.com', '555', i % 10 = 0 FROM generate_series(1, 50) i`

async function inFolder(use: (folder: string, database: TestDatabase) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-library-'))
  await using database = await createTestDatabase()
  await database.query(SHOP)
  try {
    await use(folder, database)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function configFor(database: TestDatabase, more: Partial<SimplyloadConfig> = {}): SimplyloadConfig {
  return defineConfig({
    version: 1,
    sources: {
      shop: {
        type: 'postgres',
        url: '${SHOP_URL}',
        slot: `slot_${database.name}`,
        tables: ['public.orders', 'customers'],
      },
    },
    destination: { type: 'duckdb', path: 'warehouse.duckdb' },
    sync: { interval: '50ms' },
    ...more,
  })
}

test('the example project runs, and the command line reads its configuration', () =>
  inFolder(async (folder, database) => {
    await cp('examples/library', folder, { recursive: true })
    const run = (...parameters: readonly string[]) =>
      new Promise<{ status: number | null; output: string }>((resolve) => {
        const hook = join(process.cwd(), 'test/support/library-hook.mjs')
        const child = spawn(process.execPath, ['--import', hook, ...parameters], {
          cwd: folder,
          env: { ...process.env, SHOP_DATABASE_URL: database.url },
        })
        let output = ''
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (text) => {
            output += text
          })
        child.on('close', (status) => resolve({ status, output }))
      })
    const first = await run('follow.ts', '--once')
    expect(first).toMatchObject({ status: 0, output: expect.stringContaining('ok: 150 rows copied') })
    expect(first.output).toContain('Both sides are equal')
    await database.query(`UPDATE customers SET email = 'new@example.com' WHERE id < 3; DELETE FROM orders WHERE id = 9`)
    expect((await run('follow.ts', '--once')).output).toMatch(/public.customers: \+0 ~2 -0[\s\S]*Both sides are equal/)
    const query = `SELECT count(*) AS n, count(email_hash) AS h, any_value(columns) AS c FROM crm.customers, (SELECT string_agg(column_name) AS columns FROM duckdb_columns() WHERE table_name = 'customers')`
    const shown = await run(join(process.cwd(), 'src/bin.ts'), 'query', query, '--json')
    expect(shown.output).toContain('45')
    expect(shown.output).not.toMatch(/phone|is_test/)
  }))

test('a signal stops a sync that follows, events are told, and both sides are equal then', () =>
  inFolder(async (folder, database) => {
    const stop = new AbortController()
    const heard: ProgressEvent[] = []
    const live = new Set<string>()
    const env = { SHOP_URL: database.url }
    const summary = await sync(configFor(database), {
      folder,
      env,
      signal: stop.signal,
      onEvent(event) {
        heard.push(event)
        if (event.event === 'state' && event.state === 'live') live.add(event.table)
        if (live.size === 2) stop.abort()
      },
    })
    expect(summary).toMatchObject({ outcome: 'ok', rowsSnapshot: 150 })
    expect(heard[0]).toMatchObject({ event: 'start', source: 'shop', tables: 2 })
    expect(heard.filter(({ event }) => event === 'stopping')).toMatchObject([{ source: 'shop' }])
    expect(await verify(configFor(database), { folder, env })).toMatchObject({ equal: true })
    await database.query('DELETE FROM orders WHERE id = 3')
    const report = await verify(configFor(database), { folder, env, tables: ['orders'] })
    expect(report).toMatchObject({ equal: false, tables: [{ differing: 1 }] })
  }))

test('errors are PipelineErrors, and name no secret', () =>
  inFolder(async (folder, database) => {
    const wrong = configFor(database)
    const url = database.url.replace(/:[^:@]*@/, ':hunter2@')
    const failed = await sync(wrong, { folder, once: true, env: { SHOP_URL: url } }).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(PipelineError)
    expect(failed).toMatchObject({ code: 'source_authentication', hint: expect.any(String) })
    expect(String(failed) + JSON.stringify(failed)).not.toContain('hunter2')
    await expect(sync(wrong, { folder, env: {} })).rejects.toMatchObject({ code: 'config_missing_variable' })
    const unknown = { ...wrong, destinatoin: 1 } as SimplyloadConfig
    await expect(sync(unknown, { folder, env: { SHOP_URL: url } })).rejects.toMatchObject({ code: 'config_invalid' })
    await expect(verify('nowhere.yaml', { folder })).rejects.toMatchObject({ code: 'config_invalid' })
  }))

test('a listener that throws ends the sync with its error, after what is in hand', () =>
  inFolder(async (folder, database) => {
    const mine = new Error('mine')
    const env = { SHOP_URL: database.url }
    const listening = sync(configFor(database), {
      folder,
      env,
      onEvent(event) {
        if (event.event === 'state' && event.state === 'live') throw mine
      },
    })
    await expect(listening).rejects.toBe(mine)
    expect(await sync(configFor(database), { folder, env, once: true })).toMatchObject({ outcome: 'ok' })
  }))
