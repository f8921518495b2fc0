/**
 * A real PostgreSQL for tests: one server per project of a run (`postgres-server.ts` starts it), one database per test
 * file. Most tests run on version 18; `vitest.config.ts` says which ones on 14 too.
 *
 *   await using database = await createTestDatabase()
 *   await database.query('CREATE TABLE orders (id bigint PRIMARY KEY)')
 *
 * For servers of one's own (other settings, TLS, restarts) there is `startServer`.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startPostgres } from '../../src/demo/embedded-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    /** 18. */
    postgresVersion: number
    postgresPackage: string
  }
}

/** Major version of the servers of this project. */
export const POSTGRES_VERSION = inject('postgresVersion')

/** A server of the version that this project tests. */
export function startServer(options: Omit<EmbeddedPostgresOptions, 'package'> = {}): Promise<EmbeddedPostgres> {
  return startPostgres({ ...options, package: inject('postgresPackage') })
}

export interface TestDatabase extends AsyncDisposable {
  /** Superuser; may replicate. */
  readonly url: string
  readonly name: string
  /** Rows as objects, in the driver's default types. Statements run one after the other on one connection. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<Row[]>
  /** A further connection, for open transactions. Closed with the database. */
  connect(): Promise<pg.Client>
  /** A role that logs in, with its address; gone with the database. `attributes`: `REPLICATION`. */
  createRole(attributes?: string): Promise<{ readonly role: string; readonly url: string }>
  /** Ends every connection to the database, replication included. */
  disconnectAll(): Promise<void>
  /** Ends connections, drops slots, roles and the database. Harmless when repeated. */
  dispose(): Promise<void>
}

/** `serverUrl`: of a superuser on a server of one's own; by default that of the run. */
export async function createTestDatabase(serverUrl: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  // Half the time of writing a database to the log, which later servers do where nothing is said.
  const strategy = POSTGRES_VERSION >= 15 ? 'STRATEGY file_copy' : ''
  await withClient(serverUrl, (admin) => admin.query(`CREATE DATABASE ${name} ${strategy}`))
  const address = new URL(serverUrl)
  address.pathname = `/${name}`
  const url = address.href
  const clients: pg.Client[] = []
  const roles: string[] = []
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined) // tests cut connections on purpose; the next query says so
    clients.push(client)
    await client.connect()
    return client
  }
  let own = await connect()
  let disposed: Promise<void> | undefined

  const dispose = (): Promise<void> => {
    disposed ??= drop(serverUrl, name, roles, clients)
    return disposed
  }
  return {
    url,
    name,
    connect,
    async query<Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
      const result = await own.query<Row>(sql, parameters === undefined ? undefined : [...parameters])
      // Several statements in one text give a result each; the last one counts.
      const last: pg.QueryResult<Row> | undefined = Array.isArray(result) ? result.at(-1) : result
      return last?.rows ?? []
    },
    async createRole(attributes = '') {
      const role = `role_${randomBytes(6).toString('hex')}`
      const password = randomBytes(6).toString('hex')
      roles.push(role)
      await own.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}' ${attributes}`)
      const roleAddress = new URL(url)
      roleAddress.username = role
      roleAddress.password = password
      return { role, url: roleAddress.href }
    },
    async disconnectAll() {
      await withClient(serverUrl, (admin) => admin.query(TERMINATE, [name]))
      own = await connect()
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

const TERMINATE = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1'
const SLOTS = 'SELECT slot_name FROM pg_replication_slots WHERE database = $1'
const DROP_DEADLINE_MS = 30_000

async function drop(
  serverUrl: string,
  name: string,
  roles: readonly string[],
  clients: readonly pg.Client[],
): Promise<void> {
  await Promise.allSettled(clients.map((client) => client.end()))
  await withClient(serverUrl, async (admin) => {
    const deadline = Date.now() + DROP_DEADLINE_MS
    for (;;) {
      try {
        // A reader that reconnects may take its slot again between the two, hence the loop.
        await admin.query(TERMINATE, [name])
        for (const { slot_name } of (await admin.query<{ slot_name: string }>(SLOTS, [name])).rows) {
          await admin.query('SELECT pg_drop_replication_slot($1)', [slot_name])
        }
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
        break
      } catch (error) {
        if (Date.now() > deadline) throw error
        await delay(20)
      }
    }
    for (const role of roles) await admin.query(`DROP ROLE IF EXISTS ${role}`)
  })
}

async function withClient<Result>(url: string, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
