import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { publicKeyText, setupStatements } from './setup.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const REQUEST = {
  user: 'loader',
  role: 'SIMPLYLOAD',
  warehouse: 'simplyload_wh',
  database: '"My db"',
  otherDatabases: [],
  privateKey,
  isKeyMissing: false,
  hasPassword: false,
  suspendWhenDone: false,
  external: undefined,
}
const sql = (more: object = {}) =>
  setupStatements({ ...REQUEST, ...more })
    .map((statement) => statement.sql)
    .join('\n')

test('the role gets no more than it needs, and the warehouse its settings explicitly', () => {
  const grants = sql().match(/^GRANT .*/gm)
  expect(grants).toEqual([
    'GRANT ROLE "SIMPLYLOAD" TO ROLE SYSADMIN',
    'GRANT ROLE "SIMPLYLOAD" TO USER "LOADER"',
    'GRANT USAGE ON WAREHOUSE "SIMPLYLOAD_WH" TO ROLE "SIMPLYLOAD"',
    'GRANT USAGE, CREATE SCHEMA ON DATABASE "My db" TO ROLE "SIMPLYLOAD"',
    'GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE "SIMPLYLOAD"',
  ])
  for (const setting of [
    'XSMALL',
    "GENERATION = '1'",
    'AUTO_SUSPEND = 60',
    'AUTO_RESUME = TRUE',
    'INITIALLY_SUSPENDED',
  ])
    expect(sql()).toContain(setting)
  expect(sql({ suspendWhenDone: true })).toContain('GRANT USAGE, OPERATE ON WAREHOUSE')
})

test('the public key is that of the private one', () => {
  const der = Buffer.from(publicKeyText(privateKey), 'base64')
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  expect(key.equals(createPublicKey(privateKey))).toBe(true)
  expect(sql()).not.toContain('PRIVATE')
})

test('what must be completed by hand is marked', () => {
  const external = { storageIntegration: 'S3_INT', location: 's3://bucket/stage', awsRoleArn: undefined }
  const templates = setupStatements({ ...REQUEST, privateKey: undefined, isKeyMissing: true, external })
    .filter((statement) => statement.isTemplate)
    .map((statement) => statement.sql.split(' ').slice(0, 3).join(' '))
  expect(templates).toEqual([
    'ALTER USER "LOADER"',
    'CREATE STORAGE INTEGRATION',
    'DESC INTEGRATION "S3_INT"',
    'GRANT USAGE ON',
  ])
  const complete = setupStatements({ ...REQUEST, external: { ...external, awsRoleArn: "arn:o'x" } })
  expect(complete.some((statement) => statement.isTemplate)).toBe(false)
  expect(complete.map((statement) => statement.sql).join()).toContain("STORAGE_AWS_ROLE_ARN = 'arn:o''x'")
})

test('each database that tables go to is made, with what a sync needs there', () => {
  const made = setupStatements({ ...REQUEST, otherDatabases: ['RAW', 'a"b'] })
    .map((each) => each.sql)
    .filter((each) => /DATABASE (IF NOT EXISTS )?"/.test(each))
  expect(made.map((each) => each.replace(/ COMMENT.*| TO ROLE.*/, ''))).toEqual([
    'CREATE DATABASE IF NOT EXISTS "My db"',
    'GRANT USAGE, CREATE SCHEMA ON DATABASE "My db"',
    'CREATE DATABASE IF NOT EXISTS "RAW"',
    'GRANT USAGE, CREATE SCHEMA ON DATABASE "RAW"',
    'CREATE DATABASE IF NOT EXISTS "a""b"',
    'GRANT USAGE, CREATE SCHEMA ON DATABASE "a""b"',
  ])
})
