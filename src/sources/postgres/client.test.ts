import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createTestDatabase, startServer, type TestDatabase } from '../../../test/support/postgres.ts'
import type { PipelineError } from '../../core/errors.ts'
import type { EmbeddedPostgres } from '../../demo/embedded-postgres.ts'
import { connect, PostgresClient, type TakenSocket } from './client.ts'
import { type ConnectionKeys, connectionSettings } from './connection-settings.ts'

const { signal } = new AbortController()
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

function open(keys: ConnectionKeys, replication = false): Promise<PostgresClient> {
  return connect(connectionSettings(keys), { replication }, signal)
}

async function refusal(keys: ConnectionKeys, replication = false): Promise<PipelineError> {
  try {
    await using _ = await open(keys, replication)
  } catch (error) {
    return error as PipelineError
  }
  return expect.unreachable('it should have been refused')
}

describe('a session', () => {
  test('has settings on which the text forms of values do not depend', async () => {
    const { role, url } = await database.createRole('REPLICATION')
    await database.query(`ALTER ROLE ${role} SET datestyle = 'German'; ALTER ROLE ${role} SET timezone = 'Asia/Tokyo';
      ALTER ROLE ${role} SET bytea_output = 'escape'; ALTER ROLE ${role} SET intervalstyle = 'iso_8601';
      ALTER ROLE ${role} SET extra_float_digits = 0; ALTER ROLE ${role} SET statement_timeout = '200ms'`)
    for (const replication of [false, true]) {
      await using client = await open({ url }, replication)
      const [row] =
        await client.query(`SELECT '2024-01-31 12:00:00+00'::timestamptz::text AS t, '\\x00ff'::bytea::text AS b,
        '1 day 02:03:04'::interval::text AS i, 0.1::float4::float8::text AS f, 'pg_class'::regclass::text AS c, pg_sleep(0.3)::text AS slept`)
      expect(row).toEqual({
        t: '2024-01-31 12:00:00+00',
        b: '\\x00ff',
        i: '1 day 02:03:04',
        f: '0.10000000149011612',
        c: 'pg_class',
        slept: '',
      })
    }
  })

  test('shows what it is for', async () => {
    await using client = await connect(connectionSettings({ url: database.url }), { purpose: 'snapshot' }, signal)
    const [row] = await database.query('SELECT application_name FROM pg_stat_activity WHERE pid = $1', [client.pid])
    expect(row).toEqual({ application_name: 'simplyload snapshot' })
  })

  test('answers queries in the order of the calls', async () => {
    await using client = await open({ url: database.url })
    const answers = await Promise.all(
      [1, 2, 3].map((n) => client.query('SELECT $1::int8 AS n, true AS yes, NULL AS none', [n])),
    )
    expect(answers.flat()).toEqual([1n, 2n, 3n].map((n) => ({ n, yes: true, none: null })))
  })

  test('is told apart as lost from a statement that failed', async () => {
    await using client = await open({ url: database.url })
    let told: Error | undefined
    client.onLost((error) => {
      told = error
    })
    await expect(client.query('SELECT 1 / 0')).rejects.toMatchObject({ code: 'source_query' })
    expect(client.usable).toBe(true)
    await database.query('SELECT pg_terminate_backend($1, 5000)', [client.pid])
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'source_connection_lost' })
    await expect.poll(() => told).toMatchObject({ code: 'source_connection_lost' })
    expect(client.usable).toBe(false)
  })

  test('stops a statement at the server when it is aborted, and can be used again', async () => {
    await using client = await open({ url: database.url })
    const stop = new AbortController()
    const sleeping = client.query('SELECT pg_sleep(60)', undefined, stop.signal)
    const state = () => database.query('SELECT wait_event FROM pg_stat_activity WHERE pid = $1', [client.pid])
    await expect.poll(state).toEqual([{ wait_event: 'PgSleep' }])
    stop.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    expect(await client.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('gives its socket away for one statement and takes it back, after an error too', async () => {
    await using client = await open({ url: database.url })
    for (const [sql, fails] of [
      ['COPY (SELECT 42) TO STDOUT', false],
      ['COPY (SELECT 1 / 0) TO STDOUT', true],
    ] as const) {
      const seen: Buffer[] = []
      const socket: TakenSocket = client.takeSocket(sql, 'kept', (bytes) => {
        seen.push(bytes)
        socket.release(bytes)
      })
      if (fails) await expect(socket.finished).rejects.toMatchObject({ code: 'source_query' })
      else await socket.finished
      expect(Buffer.concat(seen).includes('42\n')).toBe(!fails)
      expect(await client.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    }
  })

  test('keeps values of rows out of errors', async () => {
    await using client = await open({ url: database.url })
    await database.query("CREATE TABLE secrets (v text); INSERT INTO secrets VALUES ('S3cr3t')")
    const error = await client.query('SELECT v::int FROM public.secrets').then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    )
    expect(`${error} ${error?.cause} ${JSON.stringify(error)}`).not.toContain('S3cr3t')
  })
})

describe('a connection that cannot be made says why and what to do', () => {
  const code = async (keys: ConnectionKeys, replication = false) => {
    const { code, hint } = await refusal(keys, replication)
    return [code, hint]
  }

  test('host, port and socket', async () => {
    const url = database.url
    expect(await code({ url, host: 'no-such-host.invalid' })).toEqual([
      'source_unreachable',
      expect.stringContaining('"no-such-host.invalid" is not known'),
    ])
    expect(await code({ url, host: '/nowhere' })).toEqual([
      'source_unreachable',
      expect.stringContaining('unix_socket_directories'),
    ])
    const server = createServer().listen(0, '127.0.0.1')
    const port = await new Promise<number>((resolve) =>
      server.once('listening', () => resolve((server.address() as { port: number }).port)),
    )
    await new Promise((resolve) => server.close(resolve))
    expect(await code({ url, port })).toEqual(['source_unreachable', expect.stringContaining('Nothing answers')])
  })

  test('a server that accepts and never answers', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    expect(await code({ host: '127.0.0.1', port, user: 'u', ssl: 'disable', connect_timeout: 0.2 })).toEqual([
      'source_unreachable',
      expect.stringContaining('did not answer in 0.2 s'),
    ])
    server.close()
  })

  test('something that is no PostgreSQL', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const error = await refusal({ host: '127.0.0.1', port, user: 'u', ssl: 'require' })
    expect(error.code).toBe('source_tls')
    server.close()
  })

  test('password, role and database', async () => {
    const url = database.url
    expect(await code({ url, password: 'wrong' })).toEqual([
      'source_authentication',
      expect.stringContaining('password'),
    ])
    expect(await code({ url: url.replace(/:[^:@]*@/, '@') })).toEqual([
      'source_authentication',
      expect.stringContaining('variable of the environment'),
    ])
    expect(await code({ url, database: 'No such' })).toEqual(['source_setting', expect.stringContaining('"No such"')])
    const { role, url: own } = await database.createRole()
    await database.query(`ALTER ROLE ${role} NOLOGIN`)
    expect(await code({ url: own })).toEqual(['source_authentication', `ALTER ROLE "${role}" LOGIN`])
  })

  test('a role that may not replicate', async () => {
    const { role, url } = await database.createRole()
    expect(await code({ url }, true)).toEqual([
      'source_permission',
      expect.stringContaining(`ALTER ROLE "${role}" REPLICATION`),
    ])
  })

  test('no password shows in any of it', async () => {
    const error = await refusal({ url: database.url, password: 'S3cr3t' })
    expect(JSON.stringify([error.message, String(error.cause), error.hint, error.context, error.stack])).not.toContain(
      'S3cr3t',
    )
  })
})

describe('TLS', () => {
  const run = promisify(execFile)
  let folder: string
  let server: EmbeddedPostgres
  let plain: EmbeddedPostgres
  let tlsOnly: ConnectionKeys
  const path = (name: string): string => join(folder, name)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simplyload-tls-'))
    const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
    const authority = async (name: string) =>
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
      )
    const signed = async (name: string, subject: string, extra: string) => {
      await openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${subject}`,
      )
      await writeFile(path(`${name}.ext`), extra)
      await openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.crt',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        `${name}.crt`,
        '-days',
        '2',
        '-extfile',
        `${name}.ext`,
      )
    }
    await authority('ca')
    await authority('stranger')
    await signed('server', 'localhost', 'subjectAltName=DNS:localhost')
    await signed('client', 'certified', 'extendedKeyUsage=clientAuth')
    const read = (name: string) => readFile(path(name), 'utf8')
    server = await startServer({
      settings: { ssl: 'on', listen_addresses: '127.0.0.1,::1', ssl_ca_file: 'ca.crt' },
      files: {
        'server.crt': await read('server.crt'),
        'server.key': await read('server.key'),
        'ca.crt': await read('ca.crt'),
        'pg_hba.conf': [
          'hostssl all certified all cert',
          'hostssl all tls_only all scram-sha-256',
          'hostnossl all tls_only all reject',
          'hostnossl all plain_only all scram-sha-256',
          'host all postgres all scram-sha-256',
        ].join('\n'),
      },
    })
    plain = await startServer()
    await using admin = await open({ url: server.url, ssl: 'disable' })
    await admin.query(
      "CREATE ROLE certified LOGIN; CREATE ROLE tls_only LOGIN PASSWORD 'p'; CREATE ROLE plain_only LOGIN PASSWORD 'p'",
    )
    tlsOnly = { host: '127.0.0.1', port: server.port, user: 'tls_only', password: 'p', database: 'postgres' }
  })
  afterAll(async () => {
    await Promise.all([server.stop(), plain.stop(), rm(folder, { recursive: true })])
  })

  const encrypted = async (keys: ConnectionKeys | PostgresClient): Promise<boolean> => {
    await using client = keys instanceof PostgresClient ? keys : await open(keys)
    const [row] = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    return row!.ssl
  }

  test('disable and allow are plain, prefer and require are not', async () => {
    const modes = ['disable', 'allow', 'prefer', 'require'] as const
    const outcomes = await Promise.all(modes.map((ssl) => encrypted({ url: server.url, ssl })))
    expect(outcomes).toEqual([false, false, true, true])
    expect(await encrypted({ url: `${server.url}?sslmode=require` })).toBe(true)
  })

  test('allow goes over to TLS where plain is refused, prefer the other way round', async () => {
    expect(await encrypted({ ...tlsOnly, ssl: 'allow' })).toBe(true)
    expect(await encrypted({ ...tlsOnly, user: 'plain_only', ssl: 'prefer' })).toBe(false)
    expect(await refusal({ ...tlsOnly, ssl: 'disable' })).toMatchObject({
      code: 'source_authentication',
      hint: expect.stringContaining('pg_hba.conf'),
    })
  })

  test('prefer, where it had to go without TLS, asks for it again as soon as that is refused', async () => {
    const settings = connectionSettings({ ...tlsOnly, user: 'plain_only', ssl: 'prefer' })
    expect(await encrypted(await connect(settings, {}, signal))).toBe(false)
    expect(await encrypted(await connect({ ...settings, user: 'tls_only' }, {}, signal))).toBe(true)
    expect(await encrypted(await connect({ ...settings, user: 'plain_only' }, {}, signal))).toBe(false)
  })

  test('of two refusals the one that came further is told', async () => {
    for (const ssl of ['allow', 'prefer'] as const) {
      const error = await refusal({ ...tlsOnly, password: 'wrong', ssl })
      expect(String(error.cause)).toContain('28P01')
    }
  })

  test('a server without TLS is good enough for prefer and not for require', async () => {
    expect(await encrypted({ url: plain.url, ssl: 'prefer' })).toBe(false)
    expect(await refusal({ url: plain.url, ssl: 'require' })).toMatchObject({
      code: 'source_tls',
      hint: expect.stringContaining('ssl = on'),
    })
  })

  test('verify-ca checks the chain, verify-full the name too', async () => {
    const ca = { rootcert: path('ca.crt') }
    expect(await encrypted({ url: server.url, ssl: { mode: 'verify-ca', ...ca } })).toBe(true)
    expect(await encrypted({ url: server.url, host: 'localhost', ssl: { mode: 'verify-full', ...ca } })).toBe(true)
    expect(await refusal({ url: server.url, ssl: { mode: 'verify-full', ...ca } })).toMatchObject({
      code: 'source_tls',
      hint: expect.stringContaining('not made out to "127.0.0.1"'),
    })
  })

  test('a certificate of a stranger is refused, by require too where a root is given', async () => {
    for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
      const error = await refusal({ url: server.url, ssl: { mode, rootcert: path('stranger.crt') } })
      expect(error).toMatchObject({ code: 'source_tls', hint: expect.stringContaining('rootcert') })
    }
    expect(await refusal({ url: server.url, host: 'localhost', ssl: 'verify-full' })).toMatchObject({
      code: 'source_tls',
    })
  })

  test('a client certificate logs in', async () => {
    const keys = { ...tlsOnly, user: 'certified', password: undefined }
    expect(
      await encrypted({ ...keys, ssl: { mode: 'require', cert: path('client.crt'), key: path('client.key') } }),
    ).toBe(true)
    expect(await refusal({ ...keys, ssl: 'require' })).toMatchObject({ code: 'source_authentication' })
  })

  test('channel binding is used where it is required, and its lack is refused', async () => {
    const url = `${server.url}?sslmode=require&channel_binding=require`
    expect(await encrypted({ url })).toBe(true)
    expect(await refusal({ url: `${plain.url}?channel_binding=require` })).toMatchObject({
      code: 'source_authentication',
    })
  })

  test('files and combinations that cannot work are errors of the configuration', async () => {
    const url = server.url
    for (const ssl of [
      { mode: 'verify-ca', rootcert: path('missing.crt') },
      { mode: 'verify-ca' },
      { mode: 'require', cert: path('client.crt') },
      { mode: 'require', key: path('client.key') },
      { mode: 'require', rootcert: 'system' },
    ] as const) {
      expect(await refusal({ url, ssl })).toMatchObject({ code: 'config_invalid' })
    }
  })

  test('a walsender is encrypted like any other', async () => {
    await using client = await open(
      { url: server.url, host: 'localhost', ssl: { mode: 'verify-full', rootcert: path('ca.crt') } },
      true,
    )
    expect(await client.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })
})

test('the version of the server is known', async () => {
  await using client = await open({ url: inject('postgresUrl') })
  expect(await client.query("SELECT current_setting('server_version_num')::int AS version")).toEqual([
    { version: client.serverVersion },
  ])
})
