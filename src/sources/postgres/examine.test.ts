import { expect, test } from 'vitest'
import { createTestDatabase, POSTGRES_VERSION, startServer, type TestDatabase } from '../../../test/support/postgres.ts'
import { request, sourceOf } from '../../../test/support/postgres-source.ts'
import type { Finding } from '../../core/finding.ts'
import type { TableRequest } from '../../core/source.ts'

const { signal } = new AbortController()

async function withDatabase(use: (database: TestDatabase) => Promise<void>): Promise<void> {
  await using database = await createTestDatabase()
  await use(database)
}

async function examine(
  url: string,
  name: string,
  tables: readonly TableRequest[],
  config: Readonly<Record<string, unknown>> = {},
): Promise<readonly Finding[]> {
  await using source = sourceOf(url, name, config)
  return await source.examine(tables, signal)
}

// Transactions of other tests on the same server are not this database's trouble.
const troubles = (findings: readonly Finding[]) =>
  findings.filter(({ level, subject }) => (level === 'error' || level === 'warning') && subject !== 'open transactions')
const about = (findings: readonly Finding[], subject: string) =>
  findings.filter((finding) => finding.subject === subject)

test('a database that is ready has no troubles, before the first sync and after it', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE orders (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name)
    expect(troubles(await source.examine([request('orders')], signal))).toEqual([])
    await source.prepare([request('orders')], true, signal)
    const after = await source.examine([request('orders')], signal)
    expect(troubles(after)).toEqual([])
    expect(about(after, `slot simplyload_${database.name}`)).toMatchObject([{ level: 'ok' }])
    expect(about(after, `publication simplyload_${database.name}`)).toMatchObject([{ level: 'ok' }])
    expect(about(after, 'public.orders')).toEqual([
      { subject: 'public.orders', level: 'ok', message: expect.stringContaining('id') },
    ])
  }))

test('the fixes of a role that may do nothing, run one after the other, make it ready', () =>
  withDatabase(async (database) => {
    const { role, url } = await database.createRole()
    await database.query(`CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."Orders" (id int PRIMARY KEY); CREATE TABLE "Shop".parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE "Shop".parts_1 PARTITION OF "Shop".parts DEFAULT; CREATE TABLE "Shop".logs (v int);
      ALTER TABLE "Shop"."Orders" ENABLE ROW LEVEL SECURITY`)
    const tables = ['Orders', 'parts', 'logs'].map((name) => ({
      ...request(name),
      table: { source: 'shop', namespace: 'Shop', name },
    }))
    const errors = async () =>
      (await examine(url, database.name, tables)).filter((finding) => finding.level === 'error')
    const first = await errors()
    expect(first.map((finding) => finding.subject)).toEqual(
      expect.arrayContaining(['replication privilege', `publication simplyload_${database.name}`, 'Shop.Orders']),
    )
    for (let round = 0; round < 6; round += 1) {
      for (const { fix } of await errors()) await database.query(fix!.replace(/ \(on Amazon.*$/, ''))
    }
    expect(await errors()).toEqual([])
    expect(await database.query('SELECT rolbypassrls FROM pg_roles WHERE rolname = $1', [role])).toEqual([
      { rolbypassrls: true },
    ])
    await using source = sourceOf(url, database.name)
    expect(await source.prepare(tables, true, signal)).toMatchObject({ created: true })
  }))

test('tables whose changes cannot all be followed are told, with the SQL that mends them', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE keyless (v int); CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE); CREATE TABLE bag (v int); ALTER TABLE bag REPLICA IDENTITY FULL;
      CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts DEFAULT; CREATE VIEW seen AS SELECT 1 AS a`)
    const findings = await examine(
      database.url,
      database.name,
      ['keyless', 'deferred', 'bag', 'parts', 'seen', 'missing'].map((name) => request(name)),
    )
    const levels = (name: string) => about(findings, `public.${name}`).map((finding) => finding.level)
    expect([levels('keyless'), levels('deferred'), levels('bag')]).toEqual([
      ['ok', 'warning', 'note'],
      ['ok', 'warning', 'note'],
      ['ok', 'note', 'note'],
    ])
    expect(about(findings, 'public.deferred')[1]!.message).toContain('deferrable')
    expect(
      about(findings, 'public.parts')
        .map((finding) => finding.message)
        .join(),
    ).toContain('partition is not in the log')
    expect([levels('seen')[0], levels('missing')]).toEqual(['error', ['error']])
    await database.query(about(findings, 'public.keyless')[1]!.fix!)
    const [after] = await examine(database.url, database.name, [request('keyless')]).then((all) =>
      about(all, 'public.keyless'),
    )
    expect(after!.message).toContain('all their values')
  }))

test.runIf(POSTGRES_VERSION >= 15)('what a publication hides is an error', () =>
  withDatabase(async (database) => {
    await database.query(
      'CREATE TABLE a (id int PRIMARY KEY, v int); CREATE PUBLICATION theirs FOR TABLE a (id) WHERE (id > 1) WITH (publish = $$insert$$)',
    )
    const findings = await examine(database.url, database.name, [request('a')], { publication: 'theirs' })
    expect(about(findings, 'public.a')[0]).toMatchObject({
      level: 'error',
      fix: expect.stringContaining('ALTER PUBLICATION "theirs"'),
    })
    expect(about(findings, 'publication theirs')[0]).toMatchObject({
      level: 'note',
      message: 'Its options leave changes out',
    })
  }),
)

test('an excluded key, and a column that is not there, are errors', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY, v int)')
    const excluded = await examine(database.url, database.name, [request('a', { exclude: ['id'] })])
    expect(about(excluded, 'public.a')[0]).toMatchObject({ level: 'error', fix: expect.stringContaining('exclude') })
  }))

test('who would delay a new slot is named', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    const other = await database.connect()
    await other.query("BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'open'")
    const findings = await examine(database.url, database.name, [request('a')])
    // Before anything else may fail: every new slot of the server waits for it.
    await other.query("ROLLBACK PREPARED 'open'")
    expect(about(findings, 'open transactions')[0]).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('prepared'),
    })
  }))

test('a server that cannot be reached is one finding', async () => {
  const findings = await examine('postgres://u:p@no-such-host.invalid/d', 'x', [request('a')])
  expect(findings).toEqual([
    {
      subject: 'connection',
      level: 'error',
      message: expect.stringContaining('no-such-host.invalid'),
      fix: expect.stringContaining('DNS'),
      code: 'source_unreachable',
    },
  ])
})

test('settings of the server that do not do are told, and preparing says the same', async () => {
  await using server = await startServer({
    settings: { wal_level: 'replica', max_replication_slots: 1, max_wal_senders: 1, wal_sender_timeout: 0 },
  })
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE a (id int PRIMARY KEY)')
  const findings = await examine(database.url, database.name, [request('a')])
  expect(about(findings, 'wal_level')[0]).toMatchObject({
    level: 'error',
    fix: expect.stringContaining("ALTER SYSTEM SET wal_level = 'logical'"),
  })
  expect(about(findings, 'max_replication_slots')[0]).toMatchObject({
    level: 'warning',
    fix: expect.stringContaining('= 5'),
  })
  expect(about(findings, 'wal_sender_timeout')[0]).toMatchObject({ level: 'note' })
  await using source = sourceOf(database.url, database.name)
  await expect(source.prepare([request('a')], true, signal)).rejects.toMatchObject({
    code: 'source_setting',
    hint: expect.stringContaining('wal_level'),
  })
})

test('a server without a free slot says so', async () => {
  await using server = await startServer({ settings: { max_replication_slots: 1 } })
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE a (id int PRIMARY KEY)')
  await database.query("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')")
  const findings = await examine(database.url, database.name, [request('a')])
  expect(about(findings, 'max_replication_slots')[0]).toMatchObject({ level: 'error' })
  await using source = sourceOf(database.url, database.name)
  await expect(source.prepare([request('a')], true, signal)).rejects.toMatchObject({
    code: 'source_setting',
    hint: expect.stringContaining('max_replication_slots'),
  })
})

test('a slot whose log the server has removed is lost, and says so', async () => {
  await using server = await startServer({
    settings: { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' },
  })
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE a (id int PRIMARY KEY)')
  await using source = sourceOf(database.url, database.name)
  await source.prepare([request('a')], true, signal)
  const status = async () => {
    await database.query('SELECT pg_switch_wal()')
    await database.query('INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a')
    await database.query('CHECKPOINT')
    return (await database.query<{ wal_status: string }>('SELECT wal_status FROM pg_replication_slots'))[0]!.wal_status
  }
  await expect.poll(status, { timeout: 30_000 }).toBe('lost')
  await expect(source.prepare([request('a')], false, signal)).rejects.toMatchObject({
    code: 'source_slot_lost',
    hint: expect.stringContaining('pg_drop_replication_slot'),
  })
  const findings = await source.examine([request('a')], signal)
  expect(about(findings, `slot simplyload_${database.name}`)[0]).toMatchObject({ level: 'error' })
})
