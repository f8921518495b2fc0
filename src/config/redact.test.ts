import { expect, it } from 'vitest'
import { isSecretKey, REDACTED, redact } from './redact.ts'

it.each([
  'url',
  'URI',
  'dsn',
  'password',
  'sslPassword',
  'pass_phrase',
  'passphrase',
  'token',
  'authToken',
  'client_secret',
  'secretAccessKey',
  'access_key_id',
  'apiKey',
  'api_key',
  'private_key',
  'credentials',
  'connectionString',
])('the value of %s is a secret', (key) => expect(isSecretKey(key)).toBe(true))

it.each([
  'path',
  'host',
  'user',
  'key',
  'tables',
  'name',
  'interval',
  'bypass',
  'type',
  'curl',
  'batchBytesMax',
  'keys',
])('the value of %s is none', (key) => expect(isSecretKey(key)).toBe(false))

it('a configuration prints without its secrets, whatever their kind, and is not changed', () => {
  const config = Object.freeze({
    sources: {
      shop: { url: 'postgres://u:p@h/d', password: 'x', tokens: ['a'], ssl: { key: 'k.pem', passphrase: 7 } },
    },
    tables: [{ name: 'a', credentials: { user: 'u' } }],
    token: undefined,
  })
  expect(redact(config)).toEqual({
    sources: {
      shop: { url: REDACTED, password: REDACTED, tokens: REDACTED, ssl: { key: 'k.pem', passphrase: REDACTED } },
    },
    tables: [{ name: 'a', credentials: REDACTED }],
    token: undefined,
  })
  expect(config.sources.shop.password).toBe('x')
})
