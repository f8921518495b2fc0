/** Tables are polled on a standby, where nobody may write and nothing tells which transactions are open elsewhere. */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/demo/embedded-postgres.ts'
import { startServer } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const ITEM = { namespace: 'public', name: 'item', key: ['id'] }

interface Standby extends AsyncDisposable {
  readonly port: number
  /** Everything that is committed at the primary now is visible here. */
  caughtUp(): Promise<void>
}

/** A copy of the primary's files, which follows its log. */
async function openStandby(primary: EmbeddedPostgres): Promise<Standby> {
  const admin = new pg.Client({ connectionString: primary.url })
  await admin.connect()
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-standby-'))
  const ask = async (sql: string) => String(Object.values((await admin.query(sql)).rows[0] ?? {})[0])
  const source = await ask('SHOW data_directory')
  const binaries = await ask("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
  const data = join(folder, 'data')
  await admin.query("SELECT pg_backup_start('standby', true)")
  await cp(source, data, { recursive: true, filter: (path) => !path.endsWith('postmaster.pid') })
  const label = await ask('SELECT labelfile FROM pg_backup_stop()')
  await writeFile(join(data, 'backup_label'), label)
  await writeFile(join(data, 'standby.signal'), '')
  const { uid, gid } = await stat(source)
  const owner = process.getuid?.() === 0 ? { uid, gid } : {}
  if (process.getuid?.() === 0) {
    const chown = spawn('chown', ['-R', `${uid}:${gid}`, folder])
    await new Promise((resolve) => chown.once('close', resolve))
  }
  const port = await freePort()
  const address = `host=${primary.host} port=${primary.port} user=${primary.user} password=${primary.password}`
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    primary_conninfo: address,
    fsync: 'off',
    // At least as much as the primary has, else it does not start.
    max_connections: 200,
    max_wal_senders: 64,
    max_prepared_transactions: 16,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...flags], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => server.once('close', resolve))
  const url = new URL(primary.url)
  url.port = String(port)
  const replayed = async (): Promise<string | undefined> => {
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return String((await client.query('SELECT pg_last_wal_replay_lsn() AS lsn')).rows[0]?.lsn)
    } catch {
      return undefined // it is not open yet
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  const standby: Standby = {
    port,
    async caughtUp() {
      const wanted = await ask('SELECT pg_current_wal_flush_lsn()')
      for (;;) {
        if (server.exitCode !== null) throw new Error(`the standby ended with ${server.exitCode}`)
        const lsn = await replayed()
        if (lsn !== undefined && (await ask(`SELECT '${lsn}'::pg_lsn >= '${wanted}'::pg_lsn`)) === 'true') return
        await delay(20)
      }
    },
    async [Symbol.asyncDispose]() {
      server.kill('SIGQUIT')
      await ended
      await admin.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await standby.caughtUp()
  return standby
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('a standby is polled: late commits, deleted rows and changes arrive, and nothing is asked of the primary', async () => {
  // What is not flushed yet does not reach a standby.
  await using primary = await startServer({ settings: { synchronous_commit: 'on' } })
  await using fixture = await SyncFixture.create({
    serverUrl: primary.url,
    sql: `CREATE TABLE item (id int PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX ON item (updated_at); INSERT INTO item SELECT i, 0 FROM generate_series(1, 500) i;
      CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT SELECT ON item TO reader`,
    tables: ['public.item'],
  })
  await using standby = await openStandby(primary)
  const config = JSON.parse(await readFile(fixture.configFile, 'utf8'))
  const url = new URL(config.sources.shop.url)
  url.port = String(standby.port)
  url.username = 'reader'
  url.password = 'secret'
  const { slot: _, publication: __, ...shop } = config.sources.shop
  const poll = async (tables: readonly unknown[]) => {
    config.sources.shop = { ...shop, url: url.href, mode: 'polling', tables }
    await writeFile(fixture.configFile, JSON.stringify(config))
  }
  await poll(['public.item'])
  const polled = async () => {
    await standby.caughtUp()
    const { summary } = await fixture.once()
    expect(summary.outcome).toBe('ok')
  }
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])

  const late = await fixture.database.connect()
  await late.query('BEGIN; INSERT INTO item VALUES (1000, 1)')
  await fixture.sql(
    'UPDATE item SET v = 1, updated_at = clock_timestamp() WHERE id <= 50; INSERT INTO item VALUES (1001, 1)',
  )
  await polled()
  await late.query('COMMIT')
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])

  await poll([{ name: 'public.item', detect_deletes: '0s' }])
  await fixture.sql('DELETE FROM item WHERE id > 490 AND id <= 500')
  await polled()
  expect(await fixture.differences(ITEM)).toEqual([])
  expect(await fixture.sql('SELECT 1 FROM pg_replication_slots')).toEqual([])
  expect(await fixture.sql('SELECT 1 FROM pg_publication')).toEqual([])
})
