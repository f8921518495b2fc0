/** Which way changes are read, who decides it, and what becomes of tables when it is another one. */
import { expect, test } from 'vitest'
import { startPostgres } from '../../src/demo/embedded-postgres.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { sourceOf } from '../support/postgres-source.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

const SQL = `CREATE TABLE item (id int PRIMARY KEY, note text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE INDEX ON item (updated_at); INSERT INTO item SELECT g, 'one' FROM generate_series(1, 100) g`
const item = { namespace: 'public', name: 'item', key: ['id'] }
const signal = () => AbortSignal.timeout(60_000)
const mode = (wanted: string) => ({ settings: [`sources.shop.mode=${wanted}`] })
const notices = (events: readonly { readonly event: string; readonly message?: string }[]) =>
  events.flatMap(({ event, message }) => (event === 'notice' ? [message] : []))

test('from the log to polling and back, tables are read again and nothing is lost', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.item'] })
  await fixture.once(mode('cdc'))
  await fixture.sql(
    "UPDATE item SET note = 'two', updated_at = '2001-01-01' WHERE id = 1; DELETE FROM item WHERE id = 2",
  )
  const polled = await fixture.once(mode('polling'))
  expect(notices(polled.events)).toEqual([
    expect.stringContaining(`pg_drop_replication_slot('slot_of_${fixture.database.name}')`),
    'public.item: it is polled from now on, so it is read again first',
  ])
  expect(await fixture.differences(item)).toEqual([])
  await fixture.sql("UPDATE item SET note = 'three', updated_at = clock_timestamp() WHERE id = 3")
  await fixture.once(mode('polling'))
  expect(await fixture.differences(item)).toEqual([])
  await fixture.sql(
    "UPDATE item SET note = 'four', updated_at = '2001-01-01' WHERE id = 4; DELETE FROM item WHERE id = 5",
  )
  const logged = await fixture.once(mode('cdc'))
  expect(notices(logged.events)).toContain(
    'public.item: its changes are read from the log from now on, so it is read again first',
  )
  await fixture.sql("UPDATE item SET note = 'five' WHERE id = 6")
  await fixture.once(mode('cdc'))
  expect(await fixture.differences(item)).toEqual([])
  const generations = await fixture.copied(
    'SELECT DISTINCT left(_source_position, 4) FROM copy.item WHERE NOT _fivetran_deleted',
  )
  expect(generations).toEqual([['0003']])
})

test('under auto the log is read where it can be, and it is said', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.item'] })
  const { events } = await fixture.once(mode('auto'))
  expect(notices(events)).toEqual(['Changes are read from the log: nothing is in the way (mode auto)'])
  expect(
    await fixture.sql('SELECT count(*)::int AS slots FROM pg_replication_slots WHERE database = current_database()'),
  ).toEqual([{ slots: 1 }])
  expect(notices((await fixture.once(mode('auto'))).events)).toEqual([])
})

test('under auto a role that may only read polls, says why, and stays with it when it may do more', async () => {
  await using database = await createTestDatabase()
  const { role, url } = await database.createRole()
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.item'], source: { mode: 'auto' } })
  // The fixture has a database of its own: the role gets into that one.
  const address = new URL(fixture.database.url)
  address.username = new URL(url).username
  address.password = new URL(url).password
  await fixture.sql(`GRANT SELECT ON item TO ${role}`)
  const asReader = { settings: [`sources.shop.url=${address.href}`] }
  const { events } = await fixture.once(asReader)
  expect(notices(events)[0]).toMatch(
    /^The source is polled, since its log cannot be read \(mode auto\): replication privilege: /,
  )
  await fixture.sql("UPDATE item SET note = 'two', updated_at = clock_timestamp() WHERE id = 1")
  expect(notices((await fixture.once(asReader)).events)).toEqual([])
  expect(await fixture.differences(item)).toEqual([])
  expect(notices((await fixture.once()).events)).toEqual([])
  expect(
    await fixture.sql('SELECT count(*)::int AS slots FROM pg_replication_slots WHERE database = current_database()'),
  ).toEqual([{ slots: 0 }])
})

test('doctor says which way under auto, and why', async () => {
  await using server = await startPostgres({ settings: { wal_level: 'replica' } })
  await using database = await createTestDatabase(server.url)
  await database.query(SQL)
  await using source = sourceOf(database.url, database.name, { mode: 'auto', tables: ['public.item'] })
  const request = { table: { source: 'shop', namespace: 'public', name: 'item' }, exclude: [], typeOverrides: {} }
  const findings = await source.examine([request], signal())
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  expect(findings[1]).toMatchObject({
    subject: 'mode',
    level: 'note',
    message: expect.stringContaining('wal_level: It is replica'),
  })
  expect(findings[1]!.fix).toContain("wal_level = 'logical'")
  const [schema] = await source.describe([request], signal())
  expect(schema!.identity.kind).toBe('key')
  expect((await source.prepare([request], true, signal())).identity).toMatchObject({ mode: 'polling', slot: '' })
})

test('where the state is lost, a polled table says so and is not guessed at', async () => {
  await using fixture = await SyncFixture.create({ sql: SQL, tables: ['public.item'], source: { mode: 'polling' } })
  await fixture.once()
  const { summary } = await fixture.once({ settings: ['state.path=another.db'] })
  expect(summary.tables).toMatchObject([
    { state: 'needs_resync', error: expect.stringContaining('how far the table had been polled') },
  ])
})
