/** What goes wrong ends with the exit code that the documentation promises, names its place, and says what to do. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CommandResult, simplyload } from '../support/command-process.ts'
import { startServer } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const SQL = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, $$secret value$$)'

let fixture: SyncFixture
let files = 0

beforeAll(async () => {
  fixture = await SyncFixture.create({ sql: SQL, tables: ['public.t'] })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

/** Runs `sync --once`, or another command, on a copy of the configuration in which `change` has changed something, with a state and a destination of its own. */
async function syncWith(
  change: (config: { sources: { shop: Record<string, unknown> }; destination: Record<string, unknown> }) => void,
  environment: Readonly<Record<string, string>> = {},
  command: readonly string[] = ['sync', '--once'],
): Promise<CommandResult> {
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  const number = ++files
  config.state.path = `state-${number}.db`
  config.destination.path = `warehouse-${number}.duckdb`
  config.sources.shop.connect_timeout = '2s'
  change(config)
  const file = join(fixture.folder, `case-${number}.yaml`)
  await writeFile(file, JSON.stringify(config))
  return simplyload(fixture.folder, ['-c', file, ...command], environment)
}

function address(change: (url: URL) => void): string {
  const url = new URL(fixture.database.url)
  change(url)
  return url.href
}

function told({ stdout, stderr }: CommandResult): string {
  return `${stdout}\n${stderr}`
}

describe.concurrent('an exit code for each kind of trouble', () => {
  test('a misspelt key: 2, with the nearest known one', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.tabels = ['public.t']
    })
    expect(result.exitCode).toBe(2)
    expect(told(result)).toMatch(/tabels.*tables/s)
  })

  test('a missing environment variable: 2, with its name', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.url = '${NOT_SET_ANYWHERE}'
    })
    expect(result.exitCode).toBe(2)
    expect(told(result)).toContain('NOT_SET_ANYWHERE')
  })

  test.each([[['sync', '--once']], [['doctor']]])(
    'a wrong password: 3, and neither password is shown: %s',
    async (command) => {
      const change = (config: { sources: { shop: Record<string, unknown> } }) => {
        config.sources.shop.url = address((url) => {
          url.password = 'wr0ng-w0rd'
        })
      }
      const result = await syncWith(change, {}, command)
      expect(result.exitCode).toBe(3)
      expect(told(result)).not.toContain('wr0ng-w0rd')
      expect(told(result)).toMatch(/password/i)
    },
  )

  test('a role that may not replicate: 3, with the SQL to run', async () => {
    const { role, url } = await fixture.database.createRole()
    const result = await syncWith((config) => {
      config.sources.shop.url = url
      config.sources.shop.slot = `slot_of_${role}`
      config.sources.shop.publication = `publication_of_${role}`
    })
    expect(result.exitCode).toBe(3)
    expect(told(result)).toMatch(/GRANT|ALTER ROLE/)
  })

  test('a port that nobody listens on: 4', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.url = address((url) => {
        url.port = '1'
      })
    })
    expect(result.exitCode).toBe(4)
    expect(told(result)).toMatch(/127\.0\.0\.1.*1\b/)
  })

  test('a host that does not exist: 4, with its name', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.url = address((url) => {
        url.hostname = 'no-such-host.invalid'
      })
    })
    expect(result.exitCode).toBe(4)
    expect(told(result)).toContain('no-such-host.invalid')
  })

  test('a server without TLS where it is demanded: 4', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.ssl = 'require'
    })
    expect(result.exitCode).toBe(4)
    expect(told(result)).toMatch(/TLS|SSL/)
  })

  test('a table that does not exist: 4, with similar ones', async () => {
    const result = await syncWith((config) => {
      config.sources.shop.tables = ['public.tt']
      config.sources.shop.slot = 'never_made'
    })
    expect(result.exitCode).toBe(4)
    expect(told(result)).toMatch(/public\.tt/)
    expect(told(result)).toMatch(/public\.t\b/)
  })

  test('a destination that is no DuckDB file: 5, and the file is left alone', async () => {
    const path = join(fixture.folder, 'notes.txt')
    await writeFile(path, 'not a database, but somebody needs it\n'.repeat(500))
    const result = await syncWith((config) => {
      config.destination.path = path
    })
    expect(result.exitCode).toBe(5)
    expect(told(result)).toContain('notes.txt')
    expect(await readFile(path, 'utf8')).toContain('somebody needs it')
  })

  test('a destination in a folder that cannot be: 5', async () => {
    const file = join(fixture.folder, 'a-file')
    await writeFile(file, '')
    const result = await syncWith((config) => {
      config.destination.path = join(file, 'warehouse.duckdb')
    })
    expect(result.exitCode).toBe(5)
  })

  test('wal_level is not logical: 4, with what to set', async () => {
    await using server = await startServer({ settings: { wal_level: 'replica' } })
    await using plain = await SyncFixture.create({ sql: SQL, tables: ['public.t'], serverUrl: server.url })
    const result = await simplyload(plain.folder, ['sync', '--once'])
    expect(result.exitCode).toBe(4)
    expect(told(result)).toMatch(/wal_level/)
  })
})

test('differences that verify finds: 6; a table that failed: 7; and no row value is ever shown', async () => {
  await using own = await SyncFixture.create({
    sql: `${SQL}; CREATE TABLE gone (id int PRIMARY KEY)`,
    tables: ['public.t', 'public.gone'],
  })
  expect((await simplyload(own.folder, ['sync', '--once', '--log-level', 'debug'])).exitCode).toBe(0)
  await own.sql(`UPDATE t SET v = 'another secret'`)
  const different = await simplyload(own.folder, ['verify', '--deep'])
  expect(different.exitCode).toBe(6)
  expect(different.events.at(-1)).toMatchObject({ event: 'end', outcome: 'different', verified: false })

  await own.sql(`ALTER TABLE gone DROP CONSTRAINT gone_pkey; INSERT INTO gone VALUES (1)`)
  const partial = await simplyload(own.folder, ['sync', '--once', '--log-level', 'debug'])
  expect(partial.exitCode).toBe(7)
  expect(partial.events.at(-1)).toMatchObject({ event: 'end', outcome: 'partial' })
  expect(told(different) + told(partial)).not.toMatch(/secret/)
})

test('a sync that is interrupted before it is done: 130, and the next one goes on; one that follows: 0', async () => {
  await using own = await SyncFixture.create({
    sql: `${SQL}; INSERT INTO t SELECT i, repeat('x', 300) FROM generate_series(2, 20000) i`,
    tables: ['public.t'],
    source: { snapshot: { chunk_bytes: '64KiB' } },
  })
  expect(await interrupted(own, ['sync', '--once'], '"chunksDone":3')).toBe(130)
  expect(await interrupted(own, ['sync'], '"live"')).toBe(0)
  expect(await own.differences({ namespace: 'public', name: 't', key: ['id'] })).toEqual([])
})

/** Sends SIGINT after the first line of output that has the text. Returns the exit code. */
async function interrupted(own: SyncFixture, args: readonly string[], text: string): Promise<number | null> {
  const program = fileURLToPath(new URL('../../src/bin.ts', import.meta.url))
  const child = spawn(process.execPath, [program, '--json', ...args], {
    cwd: own.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let sent = false
  for await (const line of createInterface(child.stdout)) {
    if (!sent && line.includes(text)) sent = child.kill('SIGINT')
  }
  return (await exited)[0]
}
