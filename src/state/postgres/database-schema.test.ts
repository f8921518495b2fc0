import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../../test/support/postgres.ts'
import { PostgresStates } from '../../../test/support/postgres-state.ts'
import { SHOP } from '../../../test/support/state-records.ts'
import type { State } from '../../core/state.ts'

const database = await createTestDatabase()
afterAll(() => database.dispose())
const states = new PostgresStates(database)

test('tables of a newer version are refused, for reading too', async () => {
  const schema = states.newSchema()
  await (await states.write(schema))[Symbol.asyncDispose]()
  await database.query(`UPDATE ${schema}.sync_version SET version = 99`)
  for (const open of ['read', 'write'] as const) {
    await expect(states[open](schema)).rejects.toMatchObject({
      code: 'state_version',
      cause: { message: 'it has format 99; this version knows 1' },
      hint: expect.stringContaining('newer version'),
    })
  }
})

test('tables of another program are left alone', async () => {
  const schema = states.newSchema()
  await database.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.sync_runs (theirs int)`)
  for (const open of ['read', 'write'] as const) {
    await expect(states[open](schema)).rejects.toMatchObject({
      code: 'state_unavailable',
      cause: { message: 'it has sync_runs of another program' },
      hint: expect.stringContaining('state.schema'),
    })
  }
  const sql = `SELECT count(*)::int AS tables FROM pg_class WHERE relnamespace = '${schema}'::regnamespace`
  expect(await database.query(sql)).toEqual([{ tables: 1 }])
})

test('tables that were dropped while a sync runs are said so', async () => {
  const schema = states.newSchema()
  await using state = await states.write(schema)
  await database.query(`DROP SCHEMA ${schema} CASCADE`)
  await expect(state.saveSource(SHOP)).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('not as they were made'),
  })
})

/** Opens, and does what each refusal says, as an administrator would, until it works. */
async function openObeying(
  open: () => Promise<State>,
): Promise<{ readonly state: State; readonly refusals: string[] }> {
  const refusals: string[] = []
  for (;;) {
    try {
      return { state: await open(), refusals }
    } catch (error) {
      expect(error).toMatchObject({ code: 'state_permission' })
      const { hint, cause } = error as { readonly hint: string; readonly cause: Error }
      refusals.push(cause.message)
      expect(refusals.length).toBeLessThan(5)
      await database.query(/^As an administrator, in database \w+: (.*)$/.exec(hint)?.[1] ?? 'no SQL')
    }
  }
}

test('a role that may do nothing is told the SQL that mends it', async () => {
  const { url, role } = await database.createRole()
  const schema = states.newSchema()
  const { state, refusals } = await openObeying(() => states.write(schema, url))
  await using _state = state
  expect(refusals).toEqual([`role ${role} may not make a schema`])
})

test('a schema that somebody made is enough for a role that may make tables in it', async () => {
  const { url, role } = await database.createRole()
  const schema = states.newSchema()
  await database.query(`CREATE SCHEMA ${schema}`)
  const { state, refusals } = await openObeying(() => states.write(schema, url))
  await using _state = state
  expect(refusals).toEqual([`role ${role} may not make tables`])
  await state.saveSource(SHOP)
})

test('tables that another role made are read and written by whoever is granted that', async () => {
  const { url, role } = await database.createRole()
  const schema = states.newSchema()
  await (await states.write(schema))[Symbol.asyncDispose]()
  {
    const { state, refusals } = await openObeying(() => states.read(schema, url))
    await using _state = state
    expect(refusals).toEqual([`role ${role} may not read its tables`])
    expect(await state.tables('shop')).toEqual([])
  }
  const { state, refusals } = await openObeying(() => states.write(schema, url))
  await using _state = state
  expect(refusals).toEqual([`role ${role} may not write its tables`])
  await state.saveSource(SHOP)

  // Taken away while a sync runs.
  await database.query(`REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM ${role}`)
  await expect(state.saveSource(SHOP)).rejects.toMatchObject({
    code: 'state_permission',
    hint: expect.stringContaining(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO "${role}"`,
    ),
  })
})

test.each([
  ['nobody listens', { port: '1' }, 'state_unreachable', 'Nothing answers'],
  ['the password is wrong', { password: 'secret-and-wrong' }, 'state_authentication', 'password'],
  ['the database is missing', { pathname: '/nowhere' }, 'state_unavailable', 'no database "nowhere"'],
])('where %s, the error says so without a secret', async (_, spoilt, code, hint) => {
  const url = Object.assign(new URL(database.url), spoilt)
  const error = await states.write(states.newSchema(), url.href).catch((refusal: unknown) => refusal)
  expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) })
  const { message, cause } = error as Error
  expect(JSON.stringify([error, message, String(cause)])).not.toContain(url.password)
})

test('a database whose encoding lacks characters is refused', async () => {
  const name = `${database.name}_latin1`
  // From version 15 on the locales of the server's databases may come from elsewhere than the C library.
  const [server] = await database.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version",
  )
  const provider = server!.version >= 150_000 ? 'LOCALE_PROVIDER libc' : ''
  await database.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' ${provider} LOCALE 'C' TEMPLATE template0`)
  const url = Object.assign(new URL(database.url), { pathname: `/${name}` })
  try {
    await expect(states.write('simplyload', url.href)).rejects.toMatchObject({
      code: 'state_unavailable',
      hint: expect.stringContaining('UTF8'),
    })
  } finally {
    await database.query(`DROP DATABASE ${name} WITH (FORCE)`)
  }
})
