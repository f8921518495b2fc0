import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { snowflakeDestinationSchema } from './config.ts'
import { connectionSettings } from './connection-settings.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PLAIN = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const ENCRYPTED = privateKey
  .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'open' })
  .toString()

const given = (options: object) => ({
  type: 'snowflake',
  account: 'myorg-shop',
  user: 'LOADER',
  database: 'ANALYTICS',
  ...options,
})
const settings = (options: object, folder = '.') =>
  connectionSettings(snowflakeDestinationSchema.parse(given(options)), folder)

test('a key pair, encrypted or not, from the file or from the environment', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-key-'))
  try {
    await writeFile(join(folder, 'key.p8'), ENCRYPTED)
    const keyPair = { authenticator: 'SNOWFLAKE_JWT', privateKey: PLAIN }
    expect(await settings({ private_key: PLAIN })).toMatchObject(keyPair)
    const fromFile = { private_key_path: 'key.p8', private_key_passphrase: 'open' }
    expect(await settings(fromFile, folder)).toMatchObject(keyPair)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('tokens, OAuth and a password', async () => {
  expect(await settings({ token: 'pat' })).toMatchObject({ authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat' })
  const oauth = { client_id: 'a', client_secret: 'b', token_url: 'https://idp.example.com/token' }
  expect(await settings({ oauth })).toMatchObject({ authenticator: 'OAUTH_CLIENT_CREDENTIALS', oauthClientId: 'a' })
  expect(await settings({ password: 'x' })).toMatchObject({ authenticator: 'SNOWFLAKE', password: 'x' })
})

test.each([
  ['a public key', { private_key: publicKey.export({ format: 'pem', type: 'spki' }).toString() }, 'public key'],
  ['no passphrase', { private_key: ENCRYPTED }, 'no passphrase'],
  ['a wrong passphrase', { private_key: ENCRYPTED, private_key_passphrase: 'shut' }, 'does not open it'],
  ['something else', { private_key: 'secret' }, 'no PEM key'],
  ['a missing file', { private_key_path: 'nowhere.p8' }, 'ENOENT'],
  [
    'a key of another kind',
    { private_key: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() },
    'ed25519',
  ],
])('%s is told before anything is sent', async (_, options, reason) => {
  const error = await settings(options).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'destination_authentication', hint: expect.any(String) })
  expect((error as Error).cause).toMatchObject({ message: expect.stringContaining(reason) })
})

const problems = (options: object) =>
  snowflakeDestinationSchema.safeParse(given(options)).error?.issues.map((issue) => issue.path.join('.'))

test('one way of logging in is needed and enough, and plain HTTP stays on this machine', () => {
  expect(problems({})).toEqual(['private_key_path'])
  expect(problems({ token: 'a', password: 'b' })).toEqual(['password'])
  expect(problems({ token: 'a', private_key_passphrase: 'b' })).toEqual(['private_key_passphrase'])
  expect(problems({ token: 'a', protocol: 'http', host: 'example.com' })).toEqual(['protocol'])
  expect(problems({ token: 'a', protocol: 'http' })).toEqual(['protocol'])
  expect(problems({ token: 'a', protocol: 'http', host: '127.0.0.1', port: 8080 })).toBeUndefined()
  expect(problems({ token: 'a', stage: { type: 'external' } })).toEqual(['stage.storage_integration'])
  expect(problems({ token: 'a', database: 'a; DROP' })).toEqual(['database'])
})
