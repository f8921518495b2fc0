import { expect, test } from 'vitest'
import { describeError, disposition } from '../../core/errors.ts'
import { AbandonedStatement } from './abandoned-statement.ts'
import { isSessionGone, translateError } from './errors.ts'

const PLACE = {
  account: 'myorg-shop',
  user: 'LOADER',
  role: 'SIMPLYLOAD',
  warehouse: 'SIMPLYLOAD_WH',
  database: 'ANALYTICS',
  table: 'public.orders',
}

function failure(code: string | number, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { code, ...more })
}

/** Code of Snowflake, its message as it is sent, SQL state → our code, what becomes of it, and what the hint must say. */
test.each([
  ['390144', 'JWT token is invalid. [0f9a]', '08001', 'destination_authentication', 'operator', 'RSA_PUBLIC_KEY'],
  [
    '390100',
    'Incorrect username or password was specified.',
    '08001',
    'destination_authentication',
    'operator',
    'LOADER',
  ],
  [
    '394400',
    'Programmatic access token is invalid.',
    '08001',
    'destination_authentication',
    'operator',
    'PROGRAMMATIC ACCESS TOKEN',
  ],
  ['390318', 'OAuth access token expired. [x]', '08001', 'destination_authentication', 'operator', 'destination.oauth'],
  [
    '390189',
    "Role 'SIMPLYLOAD' specified in the connect string does not exist or not authorized.",
    '08001',
    'destination_permission',
    'operator',
    'GRANT ROLE SIMPLYLOAD TO USER LOADER',
  ],
  [
    '390422',
    'Incoming request with IP/Token 1.2.3.4 is not allowed to access Snowflake.',
    '08001',
    'destination_permission',
    'operator',
    'network policy',
  ],
  [
    '000606',
    "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
    '57P03',
    'destination_permission',
    'operator',
    'GRANT USAGE, OPERATE ON WAREHOUSE SIMPLYLOAD_WH',
  ],
  [
    '003001',
    "SQL access control error:\nInsufficient privileges to operate on schema 'PUBLIC'",
    '42501',
    'destination_permission',
    'operator',
    'ON SCHEMA ANALYTICS.PUBLIC TO ROLE SIMPLYLOAD',
  ],
  [
    '003001',
    "SQL access control error:\nInsufficient privileges to operate on table 'ORDERS'",
    '42501',
    'destination_permission',
    'operator',
    'GRANT OWNERSHIP ON TABLE ORDERS',
  ],
  [
    '003001',
    "SQL access control error:\nInsufficient privileges to operate on database 'ANALYTICS'",
    '42501',
    'destination_permission',
    'operator',
    'CREATE SCHEMA ON DATABASE ANALYTICS',
  ],
  [
    '003001',
    "SQL access control error:\nInsufficient privileges to operate on integration 'S3_INT'",
    '42501',
    'destination_permission',
    'operator',
    'GRANT USAGE ON INTEGRATION S3_INT',
  ],
  [
    '002003',
    "SQL compilation error:\nDatabase 'ANALYTICS' does not exist or not authorized.",
    '02000',
    'destination_permission',
    'operator',
    'CREATE DATABASE ANALYTICS',
  ],
  [
    '002003',
    "SQL compilation error:\nObject 'ANALYTICS.PUBLIC.ORDERS' does not exist or not authorized.",
    '42S02',
    'destination_permission',
    'operator',
    'table resync',
  ],
  [
    '090073',
    "Warehouse 'SIMPLYLOAD_WH' cannot be resumed because resource monitor 'LIMIT' has exceeded its quota.",
    '22000',
    'destination_busy',
    'auto',
    'quota',
  ],
  [
    '000607',
    "Warehouse 'SIMPLYLOAD_WH' is suspended.",
    '57P03',
    'destination_permission',
    'operator',
    'AUTO_RESUME = TRUE',
  ],
  [
    '000606',
    "Warehouse 'SIMPLYLOAD_WH' is suspended and AUTO_RESUME is off.",
    '57P03',
    'destination_permission',
    'operator',
    'AUTO_RESUME = TRUE',
  ],
  [
    '000630',
    'Statement reached its statement or warehouse timeout of 7,200 second(s) and was canceled.',
    '57014',
    'destination_busy',
    'auto',
    'statement_timeout',
  ],
  [
    '000630',
    'Statement queued timeout of 600 second(s) reached; it was canceled.',
    '57014',
    'destination_busy',
    'auto',
    'queue_timeout',
  ],
  [
    '000625',
    "Statement 'x' has locked table 'CHECKPOINTS' in transaction 1 and this lock has not yet been released.",
    '57014',
    'destination_conflict',
    'auto',
    'SHOW LOCKS',
  ],
  ['001003', 'SQL compilation error: syntax error', '42000', 'destination_rejected', 'operator', undefined],
  [
    '100183',
    'Failure using stage area. Cause: [Access Denied (Status Code: 403; Error Code: AccessDenied)]',
    '42601',
    'stage_permission',
    'operator',
    'DESC INTEGRATION',
  ],
] as const)('%s %s', (code, message, sqlState, expected, becomes, hint) => {
  const error = translateError(failure(code, message, { sqlState }), 'Merging public.orders', PLACE)
  expect(error).toMatchObject({ code: expected, message: 'Merging public.orders', context: { table: 'public.orders' } })
  expect(disposition(error.code)).toBe(becomes)
  if (hint === undefined) expect(error.hint).toBeUndefined()
  else expect(error.hint).toContain(hint)
  expect(describeError(error)).toContain(code)
})

test('statements that are printed quote what has to be quoted', () => {
  const odd = { ...PLACE, role: 'Sync Role', user: 'first.last@shop' }
  const hint = (code: string, message: string) => translateError(failure(code, message), 'Merging', odd).hint
  expect(
    hint('390189', "Role 'Sync Role' specified in the connect string does not exist or not authorized."),
  ).toContain('GRANT ROLE "Sync Role" TO USER "first.last@shop"')
  const missing = hint('002003', `Object 'ANALYTICS."My Shop"."t.1"' does not exist or not authorized.`)
  expect(missing).toContain('GRANT OWNERSHIP ON TABLE ANALYTICS."My Shop"."t.1" TO ROLE "Sync Role"')
  expect(missing).toContain('GRANT USAGE ON SCHEMA ANALYTICS."My Shop" TO ROLE "Sync Role"')
})

test('values of rows stay out of errors', () => {
  const secrets = [
    failure('100038', "Numeric value 'secret' is not recognized", { sqlState: '22018' }),
    failure('100090', 'Duplicate row detected during DML action\nRow Values: ["secret", 12]', { sqlState: '42P18' }),
    failure('100078', "String 'secret' is too long and would be truncated", { sqlState: '22000' }),
    failure('100069', 'Error parsing JSON: secret, pos 3', { sqlState: '22P02' }),
  ]
  for (const error of secrets) {
    const translated = translateError(error, 'Merging', PLACE)
    expect(translated.code).toBe('destination_rejected')
    expect(describeError(translated)).not.toContain('secret')
  }
})

test('what the driver attaches stays behind: SQL, tokens, sockets', () => {
  const response = { statusCode: 503, body: 'token', config: { headers: { Authorization: 'secret' } } }
  const error = translateError(failure(402001, 'Request to Snowflake failed.', { response }), 'Merging', PLACE)
  expect(error).toMatchObject({ code: 'destination_unreachable' })
  expect(Object.keys(error.cause as object)).toEqual([])
})

test('a host that is not there is a wrong account, unless it was there before', () => {
  const error = failure(401001, 'getaddrinfo ENOTFOUND x.snowflakecomputing.com', {
    cause: Object.assign(new Error('getaddrinfo ENOTFOUND x.snowflakecomputing.com'), { code: 'ENOTFOUND' }),
  })
  expect(translateError(error, 'Merging', PLACE)).toMatchObject({
    code: 'destination_rejected',
    hint: expect.stringContaining('myorg-shop'),
  })
  expect(translateError(error, 'Merging', { ...PLACE, wasReached: true }).code).toBe('destination_unreachable')
})

test('networks that fail and servers that are silent are waited for', () => {
  for (const error of [
    failure('ECONNRESET', 'read ECONNRESET'),
    failure(401001, 'connect ECONNREFUSED 127.0.0.1:1'),
    failure(401003, 'Unable to parse response'),
    failure(401002, 'Request to Snowflake failed.', { response: { statusCode: 503 } }),
    new AbandonedStatement('silence', 40_000),
  ]) {
    expect(translateError(error, 'Merging', PLACE).code).toBe('destination_unreachable')
  }
  expect(translateError(new AbandonedStatement('deadline', 1000), 'Merging', PLACE).code).toBe('destination_busy')
  expect(isSessionGone(failure('390111', 'Session no longer exists.'))).toBe(true)
  expect(isSessionGone(failure(401004, 'Invalid token'))).toBe(true)
  expect(isSessionGone(failure('000604', 'canceled'))).toBe(false)
})
