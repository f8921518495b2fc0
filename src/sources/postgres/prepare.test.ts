import { expect, test } from 'vitest'
import { createTestDatabase, POSTGRES_VERSION, startServer, type TestDatabase } from '../../../test/support/postgres.ts'
import { request, sourceOf } from '../../../test/support/postgres-source.ts'
import type { PipelineError } from '../../core/errors.ts'
import { parseLsn } from './lsn.ts'

const { signal } = new AbortController()

async function withDatabase(use: (database: TestDatabase) => Promise<void>): Promise<void> {
  await using database = await createTestDatabase()
  await use(database)
}

/** Generated columns are published from version 18 on. */
const HAS_GENERATED = POSTGRES_VERSION >= 18
const WITH_GENERATED = HAS_GENERATED ? ', publish_generated_columns = stored' : ''

const published = (database: TestDatabase) =>
  database.query(`SELECT pubname, tablename FROM pg_publication_tables ORDER BY 1, 2`)
const publications = (database: TestDatabase) =>
  database.query(
    `SELECT pubname, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, ${HAS_GENERATED ? 'pubgencols' : "'s'"} AS pubgencols
     FROM pg_publication ORDER BY 1`,
  )

async function failure(promise: Promise<unknown>): Promise<PipelineError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as PipelineError,
  )
}

test('publications and slot are made, and found again the next time', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE orders (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name)
    const first = await source.prepare([request('orders')], true, signal)
    expect(first).toMatchObject({ created: true, identity: { slot: `simplyload_${database.name}` } })
    const name = `simplyload_${database.name}`
    const options = { pubinsert: true, pubtruncate: true, pubviaroot: true, pubgencols: 's' }
    expect(await publications(database)).toEqual([
      { pubname: name, pubupdate: true, pubdelete: true, ...options },
      { pubname: `${name}_append`, pubupdate: false, pubdelete: false, ...options },
    ])
    const [slot] = await database.query<Record<string, string>>(
      'SELECT plugin, database, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
      [name],
    )
    expect(slot).toMatchObject({ plugin: 'pgoutput', database: database.name })
    expect(first.restartLsn).toBe(parseLsn(slot!.lsn!))
    const again = await source.prepare([request('orders')], false, signal)
    expect(again).toEqual({ ...first, created: false })
    const [control] = await database.query<{ system: string; timeline: number }>(
      'SELECT system_identifier::text AS system, timeline_id AS timeline FROM pg_control_system(), pg_control_checkpoint()',
    )
    expect(again.identity).toEqual({ ...control, slot: name })
  }))

test('an application may go on updating a table without identity that is published', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE keyless (v int); INSERT INTO keyless VALUES (1); CREATE TABLE keyed (id int PRIMARY KEY);
      CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden REPLICA IDENTITY NOTHING; INSERT INTO hidden VALUES (1);
      CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE); INSERT INTO deferred VALUES (1);
      CREATE TABLE part (id int) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part DEFAULT; INSERT INTO part VALUES (1)`)
    await using source = sourceOf(database.url, database.name)
    await source.prepare(
      ['keyless', 'keyed', 'hidden', 'deferred', 'part'].map((name) => request(name)),
      true,
      signal,
    )
    for (const [table, column] of [
      ['keyless', 'v'],
      ['hidden', 'id'],
      ['deferred', 'id'],
      ['part', 'id'],
    ]) {
      await database.query(`UPDATE ${table} SET ${column} = 2; DELETE FROM ${table}`)
    }
    const name = `simplyload_${database.name}`
    expect(await published(database)).toEqual([
      { pubname: name, tablename: 'keyed' },
      ...['deferred', 'hidden', 'keyless', 'part'].map((tablename) => ({ pubname: `${name}_append`, tablename })),
    ])
  }))

test('tables come and go with the configuration, and change their publication with their identity', () =>
  withDatabase(async (database) => {
    await database.query(
      'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (v int)',
    )
    await using source = sourceOf(database.url, database.name)
    const name = `simplyload_${database.name}`
    await source.prepare([request('a'), request('c')], true, signal)
    await source.prepare([request('b'), request('c')], false, signal)
    expect(await published(database)).toEqual([
      { pubname: name, tablename: 'b' },
      { pubname: `${name}_append`, tablename: 'c' },
    ])
    await database.query('ALTER TABLE c ADD id int PRIMARY KEY')
    await source.prepare([request('b'), request('c')], false, signal)
    expect(await published(database)).toEqual([
      { pubname: name, tablename: 'b' },
      { pubname: name, tablename: 'c' },
    ])
  }))

test('the children of an inheritance parent are not published with it', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)')
    await using source = sourceOf(database.url, database.name)
    await source.prepare([request('parent')], true, signal)
    expect(await published(database)).toEqual([{ pubname: `simplyload_${database.name}`, tablename: 'parent' }])
  }))

test('from a publication of somebody else nothing is taken out, and its options are mended', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);
      CREATE PUBLICATION theirs FOR TABLE b WITH (publish = 'insert')`)
    await using source = sourceOf(database.url, database.name, { publication: 'theirs' })
    await source.prepare([request('a')], true, signal)
    expect(await published(database)).toEqual([
      { pubname: 'theirs', tablename: 'a' },
      { pubname: 'theirs', tablename: 'b' },
    ])
    expect((await publications(database))[0]).toMatchObject({
      pubupdate: true,
      pubdelete: true,
      pubtruncate: true,
      pubviaroot: true,
      pubgencols: 's',
    })
  }))

test('a publication for all tables is taken as it is', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE a (id int PRIMARY KEY);
      CREATE PUBLICATION theirs FOR ALL TABLES WITH (publish_via_partition_root = true${WITH_GENERATED})`)
    await using source = sourceOf(database.url, database.name, { publication: 'theirs' })
    expect(await source.prepare([request('a')], true, signal)).toMatchObject({ created: true })
  }))

test.runIf(POSTGRES_VERSION >= 15)('a publication that hides rows or columns of a table is refused', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY, v int);
      CREATE PUBLICATION rows_only FOR TABLE a WHERE (id > 5); CREATE PUBLICATION columns_only FOR TABLE b (id)`)
    await using rows = sourceOf(database.url, database.name, { publication: 'rows_only' })
    expect(await failure(rows.prepare([request('a')], true, signal))).toMatchObject({
      code: 'source_setting',
      context: { table: 'public.a' },
    })
    await using columns = sourceOf(database.url, database.name, { publication: 'columns_only' })
    const error = await failure(columns.prepare([request('b')], true, signal))
    expect(error).toMatchObject({ code: 'source_setting', context: { table: 'public.b' } })
    await database.query(error.hint!.replace(/ \(leave.*$/, ''))
    await columns.prepare([request('b')], true, signal)
  }),
)

test('a role that may not make publications is told the SQL that does it, and the SQL works', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE "Odd ""name" (id int PRIMARY KEY); CREATE TABLE plain (v int)')
    const { role, url } = await database.createRole('REPLICATION')
    await database.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
    await using source = sourceOf(url, database.name)
    const tables = [request('Odd "name'), request('plain')]
    const error = await failure(source.prepare(tables, true, signal))
    expect(error).toMatchObject({ code: 'source_permission' })
    expect(await publications(database)).toEqual([])
    await database.query(error.hint!.slice(error.hint!.indexOf('\n')))
    expect(await source.prepare(tables, true, signal)).toMatchObject({ created: true })
  }))

test('a role without REPLICATION is told how to get it', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    const { role, url } = await database.createRole()
    await database.query(`ALTER TABLE a OWNER TO ${role}; GRANT CREATE ON DATABASE ${database.name} TO ${role}`)
    await using source = sourceOf(url, database.name)
    const error = await failure(source.prepare([request('a')], true, signal))
    expect(error).toMatchObject({
      code: 'source_permission',
      hint: expect.stringContaining(`ALTER ROLE "${role}" REPLICATION`),
    })
  }))

test('a slot that is gone is made again only where that was allowed', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name)
    expect(await failure(source.prepare([request('a')], false, signal))).toMatchObject({ code: 'source_slot_missing' })
    expect(await database.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([])
  }))

test('a slot with another plugin, or of another database, is refused', () =>
  withDatabase(async (database) => {
    await using other = await createTestDatabase()
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    await other.query(`SELECT pg_create_logical_replication_slot('${database.name}_other', 'pgoutput')`)
    await database.query(`SELECT pg_create_physical_replication_slot('${database.name}_physical')`)
    try {
      await using theirs = sourceOf(database.url, database.name, { slot: `${database.name}_other` })
      expect(String((await failure(theirs.prepare([request('a')], true, signal))).cause)).toContain(`"${other.name}"`)
      await using physical = sourceOf(database.url, database.name, { slot: `${database.name}_physical` })
      expect(await failure(physical.prepare([request('a')], true, signal))).toMatchObject({ code: 'source_setting' })
    } finally {
      await database.query(`SELECT pg_drop_replication_slot('${database.name}_physical')`)
    }
  }))

test('a slot in use names the process that reads it', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name)
    const { restartLsn } = await source.prepare([request('a')], true, signal)
    const [schema] = await source.describe([request('a')], signal)
    const table = { schema: schema!, request: request('a'), startAt: '' as never }
    await using _ = await source.openStream(
      {
        generation: 1,
        fromLsn: restartLsn,
        tables: [table],
        flushAfterMs: 100,
        batchRowsMax: 10,
        batchBytesMax: 1e6,
        memoryBytesMax: 1e6,
      },
      signal,
    )
    const [slot] = await database.query<{ pid: number }>(
      'SELECT active_pid AS pid FROM pg_replication_slots WHERE database = current_database()',
    )
    const error = await failure(source.prepare([request('a')], true, signal))
    expect(error).toMatchObject({ code: 'source_slot_in_use', context: { pid: slot!.pid } })
  }))

test('a writer that stays open delays the slot, and then is named; afterwards no half-made slot is left', async () => {
  // Of its own: a slot waits for the transactions of all databases, and those of other tests would be named.
  await using server = await startServer()
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int)')
  const writer = await database.connect()
  await writer.query('BEGIN; INSERT INTO b VALUES (1)')
  const [{ pid }] = (await writer.query('SELECT pg_backend_pid() AS pid')).rows
  await using source = sourceOf(database.url, database.name, { slot_timeout: '500ms' })
  expect(await failure(source.prepare([request('a')], true, signal))).toMatchObject({
    code: 'source_busy',
    context: { pid },
  })
  expect(await database.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([])
  await writer.query("PREPARE TRANSACTION 'two phase'")
  const prepared = await failure(source.prepare([request('a')], true, signal))
  await database.query("ROLLBACK PREPARED 'two phase'")
  expect(prepared).toMatchObject({
    code: 'source_busy',
    hint: expect.stringContaining("ROLLBACK PREPARED 'two phase'"),
  })
  expect(await source.prepare([request('a')], true, signal)).toMatchObject({ created: true })
})

test('what prepare made is removed, and removing it again is no error', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name)
    await source.prepare([request('a')], true, signal)
    await source.dropSlot(signal)
    expect(await publications(database)).toEqual([])
    expect(await database.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([])
    await source.dropSlot(signal)
  }))

test('the current LSN lies behind every commit that can be seen', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY); SET synchronous_commit = off')
    await using source = sourceOf(database.url, database.name)
    await database.query('INSERT INTO a VALUES (1)')
    const [row] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
    expect((await source.currentLsn(signal)) >= parseLsn(row!.lsn)).toBe(true)
  }))

test('tables whose changes were not in the log are told before they are published', () =>
  withDatabase(async (database) => {
    await database.query(
      `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (v int)`,
    )
    await using source = sourceOf(database.url, database.name)
    const tables = ['a', 'b', 'c'].map((name) => request(name))
    const told = async (mayCreateSlot = false): Promise<string[]> => {
      const names: string[] = []
      await source.prepare(tables, mayCreateSlot, signal, async (lacking) => {
        names.push(...lacking.map((table) => table.name))
      })
      return names
    }
    const refused = source.prepare(tables, true, signal, () => Promise.reject(new Error('not recorded')))
    await expect(refused).rejects.toThrow('not recorded')
    expect(await publications(database)).toEqual([])
    expect(await told(true)).toEqual(['a', 'b', 'c'])
    expect(await told()).toEqual([])
    // Made anew, it is another table, which nobody published.
    await database.query('DROP TABLE b; CREATE TABLE b (id int PRIMARY KEY)')
    expect(await told()).toEqual(['b'])
    await database.query(`ALTER PUBLICATION simplyload_${database.name} DROP TABLE a`)
    expect(await told()).toEqual(['a'])
    await database.query(`ALTER PUBLICATION simplyload_${database.name} SET (publish = 'insert')`)
    expect(await told()).toEqual(['a', 'b'])
    await database.query('ALTER TABLE c ADD id int PRIMARY KEY')
    expect(await told()).toEqual(['c'])
    await database.query(`DROP PUBLICATION simplyload_${database.name}`)
    expect(await told()).toEqual(['a', 'b', 'c'])
    expect(await told()).toEqual([])
  }))

test('options that a table does not need do not make its changes incomplete', () =>
  withDatabase(async (database) => {
    await database.query(`CREATE TABLE plain (id int PRIMARY KEY); CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE computed (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
      CREATE PUBLICATION theirs FOR TABLE plain, parted, computed`)
    await using source = sourceOf(database.url, database.name, { publication: 'theirs' })
    const names: string[] = []
    await source.prepare(
      ['plain', 'parted', 'computed'].map((name) => request(name)),
      true,
      signal,
      async (lacking) => {
        names.push(...lacking.map((table) => table.name))
      },
    )
    expect(names).toEqual(HAS_GENERATED ? ['parted', 'computed'] : ['parted'])
  }))

test('a publication that no table needs is done without by whoever may not make it', () =>
  withDatabase(async (database) => {
    const { role, url } = await database.createRole('REPLICATION')
    await database.query(`CREATE TABLE a (id int PRIMARY KEY); GRANT SELECT ON a TO ${role};
      CREATE PUBLICATION theirs FOR TABLE a WITH (publish_via_partition_root = true${WITH_GENERATED})`)
    await using source = sourceOf(url, database.name, { publication: 'theirs' })
    expect(await source.prepare([request('a')], true, signal)).toMatchObject({ created: true })
    expect((await publications(database)).map(({ pubname }) => pubname)).toEqual(['theirs'])
  }))

test('a slot that should survive a failover is made where the server can, and refused where it cannot', () =>
  withDatabase(async (database) => {
    await database.query('CREATE TABLE a (id int PRIMARY KEY)')
    await using source = sourceOf(database.url, database.name, { failover: true })
    const prepared = source.prepare([request('a')], true, signal)
    if (POSTGRES_VERSION < 17) {
      expect(await failure(prepared)).toMatchObject({ code: 'source_setting', hint: expect.stringContaining('17') })
      return
    }
    await prepared
    const [slot] = await database.query('SELECT failover FROM pg_replication_slots WHERE database = $1', [
      database.name,
    ])
    expect(slot).toEqual({ failover: true })
  }))
