import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts'
import type { PipelineError } from '../../core/errors.ts'
import { connect, type PostgresClient } from './client.ts'
import { connectionSettings } from './connection-settings.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

function open(url: string, replication = false): Promise<PostgresClient> {
  return connect(connectionSettings({ url }), { replication }, new AbortController().signal)
}

test('statements that are printed run as they are printed, whatever the names', async () => {
  const { role: plain, url } = await database.createRole()
  const role = `Sync "${plain}`
  const quoted = `"${role.replaceAll('"', '""')}"`
  await database.query(`ALTER ROLE ${plain} RENAME TO ${quoted}; ALTER ROLE ${quoted} PASSWORD 'p';
    CREATE SCHEMA "Odd Schema"; CREATE TABLE "Odd Schema"."order" (id int)`)
  const renamed = new URL(url)
  renamed.username = encodeURIComponent(role)
  renamed.password = 'p'
  await using client = await open(renamed.href)
  const read = () => client.query('SELECT id FROM "Odd Schema"."order"')
  for (let denied = 0; denied < 2; denied++) {
    const error: unknown = await read().catch((thrown: unknown) => thrown)
    await database.query(String((error as PipelineError).hint))
  }
  expect(await read()).toEqual([])
  const { hint } = (await open(renamed.href, true).catch((thrown: unknown) => thrown)) as PipelineError
  await database.query(String(hint?.replace(/ \(on Amazon.*/, '')))
  await using _ = await open(renamed.href, true)
})
