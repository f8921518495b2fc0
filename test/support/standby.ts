/** A standby of a test server: a copy of its files, which follows its log until it is promoted. */
import { spawn } from 'node:child_process'
import { appendFile, cp, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { EmbeddedPostgres } from '../../src/demo/embedded-postgres.ts'
import { POSTGRES_VERSION } from './postgres.ts'

export interface Standby extends AsyncDisposable {
  readonly port: number
  /** Everything that is committed at the primary now is visible here. */
  caughtUp(): Promise<void>
  /** On the standby itself. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(sql: string, database?: string): Promise<Row[]>
}

/** It has the slots of the primary, too, as they are now: what keeps slots in step does no more, if more often. */
export async function openStandby(primary: EmbeddedPostgres): Promise<Standby> {
  const admin = new pg.Client({ connectionString: primary.url })
  admin.on('error', () => undefined) // the primary may be stopped first
  await admin.connect()
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-standby-'))
  const ask = async (sql: string) => String(Object.values((await admin.query(sql)).rows[0] ?? {})[0])
  const source = await ask('SHOW data_directory')
  const binaries = await ask("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
  const data = join(folder, 'data')
  // Renamed in 15.
  const [begin, end] =
    POSTGRES_VERSION < 15
      ? ["pg_start_backup('standby', true, false)", 'pg_stop_backup(false)']
      : ["pg_backup_start('standby', true)", 'pg_backup_stop()']
  await admin.query(`SELECT ${begin}`)
  await cp(source, data, { recursive: true, filter: (path) => !path.endsWith('postmaster.pid') })
  const label = await ask(`SELECT labelfile FROM ${end}`)
  await writeFile(join(data, 'backup_label'), label)
  await writeFile(join(data, 'standby.signal'), '')
  const address = `host=${primary.host} port=${primary.port} user=${primary.user} password=${primary.password}`
  // Not on the command line, where ALTER SYSTEM could not change it.
  await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${address}'\n`)
  const { uid, gid } = await stat(source)
  const owner = process.getuid?.() === 0 ? { uid, gid } : {}
  if (process.getuid?.() === 0) {
    const chown = spawn('chown', ['-R', `${uid}:${gid}`, folder])
    await new Promise((resolve) => chown.once('close', resolve))
  }
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    wal_level: 'logical',
    // At least as much as the primary has, else it does not start.
    max_connections: 200,
    max_wal_senders: 64,
    max_replication_slots: 64,
    max_prepared_transactions: 16,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...flags], {
    ...owner,
    cwd: folder,
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => server.once('close', resolve))
  const query = async <Row extends pg.QueryResultRow>(sql: string, database?: string): Promise<Row[]> => {
    const url = new URL(primary.url)
    url.port = String(port)
    if (database !== undefined) url.pathname = `/${database}`
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Row>(sql)).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  const replayed = async (): Promise<string | undefined> => {
    const [row] = await query<{ lsn: string }>('SELECT pg_last_wal_replay_lsn() AS lsn').catch(() => []) // it is not open yet
    return row?.lsn
  }
  const standby: Standby = {
    port,
    query,
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
