/**
 * Log in, sessions, tokens. Codes as in the drivers' sources and
 * https://docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting, …/sql-reference/parameters, …/sql-reference/sql/use.
 */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectTwin } from '../../test/support/twin.ts'
import { startTwin, type Twin } from './twin.ts'

const keys = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const other = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

let twin: Twin
let open: Twin

beforeAll(async () => {
  open = await startTwin()
  await open.sql('CREATE DATABASE SHOP; CREATE SCHEMA "Quoted Schema"; CREATE ROLE LOADER')
  twin = await startTwin({
    account: 'myorg-test',
    users: {
      JANE: { password: 'sesame' },
      LOADER: { publicKey: keys.publicKey, role: 'PUBLIC' },
      ROBOT: { tokens: ['pat-secret'] },
    },
  })
})

afterAll(async () => {
  await open[Symbol.asyncDispose]()
  await twin[Symbol.asyncDispose]()
})

async function userOf(options: Parameters<typeof connectTwin>[1]): Promise<unknown> {
  await using client = await connectTwin(twin, options)
  return (await client.column('SELECT CURRENT_USER()'))[0]
}

test('a password, a key pair and an access token let their user in', async () => {
  expect(await userOf({ username: 'jane', password: 'sesame' })).toBe('JANE')
  const keyPair = { authenticator: 'SNOWFLAKE_JWT', username: 'loader', privateKey: keys.privateKey }
  expect(await userOf(keyPair)).toBe('LOADER')
  const token = { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', username: 'robot', token: 'pat-secret' }
  expect(await userOf(token)).toBe('ROBOT')
  expect(await userOf({ authenticator: 'OAUTH', username: 'robot', token: 'pat-secret' })).toBe('ROBOT')
})

test.for([
  ['a wrong password', { username: 'JANE', password: 'open' }, '390100'],
  ['an unknown user', { username: 'NOBODY', password: 'sesame' }, '390100'],
  ['another key', { authenticator: 'SNOWFLAKE_JWT', username: 'LOADER', privateKey: other.privateKey }, '390144'],
  ['a wrong token', { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', username: 'ROBOT', token: 'x' }, '394400'],
  [
    'a role of someone else',
    { username: 'LOADER', authenticator: 'SNOWFLAKE_JWT', privateKey: keys.privateKey, role: 'SYSADMIN' },
    '390189',
  ],
] as const)('%s does not', async ([, options, code]) => {
  await expect(connectTwin(twin, { ...options })).rejects.toMatchObject({ code })
})

test('names of the connection are read as SQL reads them, and what does not exist is left out', async () => {
  await using client = await connectTwin(open, {
    database: 'shop',
    schema: '"Quoted Schema"',
    warehouse: 'missing',
    role: 'loader',
  })
  const [row] = await client.rows(
    'SELECT CURRENT_DATABASE() D, CURRENT_SCHEMA() S, CURRENT_WAREHOUSE() W, CURRENT_ROLE() R',
  )
  expect(row).toEqual({ D: 'SHOP', S: 'Quoted Schema', W: null, R: 'LOADER' })
})

test('USE moves the session, and an unknown place is refused', async () => {
  await using client = await connectTwin(open)
  await client.run('USE DATABASE SHOP')
  expect(await client.column('SELECT CURRENT_SCHEMA()')).toEqual(['PUBLIC'])
  await client.run('USE SCHEMA SHOP."Quoted Schema"')
  expect(await client.column('SELECT CURRENT_SCHEMA()')).toEqual(['Quoted Schema'])
  await expect(client.run('USE WAREHOUSE NOWHERE')).rejects.toMatchObject({ code: '002043' })
})

test('an expired token is renewed and the statement is sent again, without anyone noticing', async () => {
  await using client = await connectTwin(open)
  await client.run('SET a = 5')
  open.faults.once(({ kind }) => kind === 'query', { kind: 'session expired' })
  expect(await client.column('SELECT $a')).toEqual(['5'])
  expect(open.faults.calls.at(-2)?.kind).toBe('renewal')
})

test('a session that is gone ends the connection', async () => {
  await using client = await connectTwin(open)
  open.faults.once(({ kind }) => kind === 'query', { kind: 'session gone' })
  await expect(client.run('SELECT 1')).rejects.toThrow()
  expect(client.connection.isUp()).toBe(false)
})

test('the query tag comes from the session, or from one statement', async () => {
  await using client = await connectTwin(open)
  await client.run(`ALTER SESSION SET QUERY_TAG = 'session'`)
  await client.run('SELECT 11')
  await client.execute('SELECT 12', [], { QUERY_TAG: 'statement' })
  const tags = open.state.history.all().filter(({ sql }) => /^SELECT 1[12]$/.test(sql))
  expect(tags.map(({ tag }) => tag)).toEqual(['session', 'statement'])
})

test('several statements need their count, and give their results one by one', async () => {
  await using client = await connectTwin(open)
  await expect(client.run('SELECT 1; SELECT 2')).rejects.toMatchObject({ code: '000008' })
  const [rows, statement] = await client.execute('SELECT 1 AS A; SELECT 2 AS B', [], { MULTI_STATEMENT_COUNT: 2 })
  expect(rows).toEqual([{ A: '1' }])
  expect((statement as unknown as { hasNext(): boolean }).hasNext()).toBe(true)
})

test('the first statement that fails ends the rest', async () => {
  await using client = await connectTwin(open, { database: 'SHOP' })
  const script = 'CREATE TABLE FIRST_ONE (A INT); SELECT * FROM MISSING; CREATE TABLE SECOND_ONE (A INT)'
  await expect(client.execute(script, [], { MULTI_STATEMENT_COUNT: 0 })).rejects.toMatchObject({ code: '002003' })
  expect(await client.rows(`SHOW TABLES LIKE '%_ONE'`)).toMatchObject([{ name: 'FIRST_ONE' }])
})
