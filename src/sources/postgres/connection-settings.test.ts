import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PipelineError } from '../../core/errors.ts'
import { type ConnectionKeys, connectionSettings, describeConnection } from './connection-settings.ts'

function refusal(keys: ConnectionKeys): PipelineError {
  try {
    connectionSettings(keys)
  } catch (error) {
    return error as PipelineError
  }
  return expect.unreachable('it should have been refused')
}

test('a connection string gives every part, percent-encoded or not', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ minLength: 1, unit: 'grapheme' }),
      (user, password, database) => {
        const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@db.example.com:6432/${encodeURIComponent(database)}`
        const settings = connectionSettings({ url })
        expect([settings.user, settings.password(), settings.database, settings.host, settings.port]).toEqual([
          user,
          password,
          database,
          'db.example.com',
          6432,
        ])
      },
    ),
  )
})

test('characters that need no encoding in libpq need none here', () => {
  expect(connectionSettings({ url: 'postgres://u:p#ss?w:rd@h/d' }).password()).toBe('p#ss?w:rd')
  expect(connectionSettings({ url: 'postgresql://u:a@b@h/d' })).toMatchObject({ host: 'h', database: 'd' })
})

test('addresses of version 6 and socket folders are hosts', () => {
  const six = connectionSettings({ url: 'postgres://u@[::1]:5433/d' })
  expect([six.host, six.port, describeConnection(six)]).toEqual(['::1', 5433, '[::1]:5433/d'])
  expect(connectionSettings({ url: 'postgres://u@%2Fvar%2Frun%2Fpostgresql/d' }).host).toBe('/var/run/postgresql')
  expect(connectionSettings({ url: 'postgres:///d?host=/tmp&user=u&port=5555' })).toMatchObject({
    host: '/tmp',
    port: 5555,
    user: 'u',
    database: 'd',
  })
})

test('what is not said has the defaults of libpq', () => {
  const settings = connectionSettings({ url: 'postgres://u@/' })
  expect(settings).toMatchObject({
    host: 'localhost',
    port: 5432,
    database: 'u',
    ssl: { mode: 'prefer' },
    applicationName: 'simplyload',
    connectTimeoutMs: 15_000,
  })
})

test('keys of the file win over the connection string', () => {
  const settings = connectionSettings({
    url: 'postgres://a:b@h:1/d?sslmode=require',
    host: 'other',
    port: 2,
    user: 'c',
    password: 'e',
    database: 'f',
    ssl: 'verify-full',
  })
  expect(settings).toMatchObject({ host: 'other', port: 2, user: 'c', database: 'f', ssl: { mode: 'verify-full' } })
  expect(settings.password()).toBe('e')
})

test('TLS, time-outs and options come from the connection string', () => {
  const url =
    'postgres://u@h/d?sslmode=verify-ca&sslrootcert=%2Fca.pem&sslcert=c.pem&sslkey=k.pem&connect_timeout=3&application_name=x&options=-c%20geqo%3Doff&channel_binding=require&target_session_attrs=any'
  expect(connectionSettings({ url }, '/etc/simplyload')).toMatchObject({
    ssl: { mode: 'verify-ca', rootCert: '/ca.pem', cert: '/etc/simplyload/c.pem', key: '/etc/simplyload/k.pem' },
    connectTimeoutMs: 3000,
    applicationName: 'x',
    options: '-c geqo=off',
    channelBinding: 'require',
  })
  expect(connectionSettings({ url: 'postgres://u@h/d?sslrootcert=system' }).ssl.mode).toBe('verify-full')
})

test('what cannot be read is refused, with a way out and without the password', () => {
  const secret = 'S3cr3t'
  const bad: ConnectionKeys[] = [
    { url: `mysql://u:${secret}@h/d` },
    { url: `postgres://u:${secret}%zz@h/d` },
    { url: `postgres://u:${secret}@h1,h2/d` },
    { url: `postgres://u:${secret}@::1/d` },
    { url: `postgres://u:${secret}@h:x/d` },
    { url: `postgres://u:${secret}@h/d?sslmode=sometimes` },
    { url: `postgres://u:${secret}@h/d?pgbouncer=true` },
    { url: `postgres://u:${secret}@h/d?connect_timeout=soon` },
    { host: 'h', password: secret },
  ]
  for (const keys of bad) {
    const error = refusal(keys)
    expect(error).toMatchObject({ code: 'config_invalid' })
    expect(error.hint).toBeTruthy()
    expect(JSON.stringify([error.message, String(error.cause), error.hint, error.context])).not.toContain(secret)
  }
})

test('the password shows in no dump of the settings', async () => {
  const settings = connectionSettings({ url: 'postgres://u:S3cr3t@h/d' })
  const { inspect } = await import('node:util')
  expect(inspect(settings, { depth: null, showHidden: true }) + JSON.stringify(settings)).not.toContain('S3cr3t')
})
