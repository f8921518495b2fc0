/** Tables that cannot go on, columns that are left out, types that come as text, tables that join later. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { boundary } from '../../src/core/position.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, currentLsn, readToEnd, tableRequest } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
let replica: StreamReplica

beforeEach(async () => {
  database = await createTestDatabase()
  await database.query(
    'CREATE TABLE t (id int PRIMARY KEY, a text, b text NOT NULL); CREATE TABLE u (id int PRIMARY KEY)',
  )
  replica = new StreamReplica()
})
afterEach(() => database.dispose())

describe('a table that cannot go on fails alone', () => {
  const cases: readonly { what: string; sql: string; code: string; reason: RegExp }[] = [
    {
      what: 'renamed',
      sql: "ALTER TABLE t RENAME TO t2; INSERT INTO t2 VALUES (3, 'x', 'y')",
      code: 'source_table_missing',
      reason: /called public.t2/,
    },
    {
      what: 'replaced by another one',
      sql: "ALTER TABLE t RENAME TO old; CREATE TABLE t (LIKE old INCLUDING ALL); INSERT INTO t VALUES (3, 'x', 'y')",
      code: 'source_gap',
      reason: /another table/,
    },
    {
      what: 'dropped and created again',
      sql: "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a text, b text NOT NULL); INSERT INTO t VALUES (3, 'x', 'y')",
      code: 'source_gap',
      reason: /another table/,
    },
    {
      what: 'with another key',
      sql: "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (b); INSERT INTO t VALUES (3, 'x', 'y')",
      code: 'source_gap',
      reason: /its key is \(b\) now/,
    },
    {
      what: 'without a key',
      sql: "ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (3, 'x', 'y')",
      code: 'source_gap',
      reason: /replica identity is gone/,
    },
  ]
  test.each(cases)('$what', async ({ sql, code, reason }) => {
    const fixture = await createStreamFixture(database, ['t', 'u'])
    await using stream = await fixture.open()
    await database.query("INSERT INTO t VALUES (1, 'a', 'b'); INSERT INTO u VALUES (1)")
    await readToEnd(database, stream, replica)
    await database.query(sql)
    await database.query('INSERT INTO u VALUES (2)')
    await readToEnd(database, stream, replica)
    await database.query('INSERT INTO u VALUES (3)')
    await readToEnd(database, stream, replica)
    expect(replica.failures).toMatchObject([{ table: { name: 't' }, needsResync: true, error: { code } }])
    expect((replica.failures[0]!.error.cause as Error).message).toMatch(reason)
    expect(replica.rows('public.t')).toEqual([{ id: '1', a: 'a', b: 'b' }])
    expect(replica.rows('public.u')).toEqual(await sqlRows(database, 'u'))
  })

  test('dropped before its last changes were read', async () => {
    const fixture = await createStreamFixture(database, ['t', 'u'])
    await database.query("INSERT INTO t VALUES (1, 'a', 'b'); INSERT INTO u VALUES (1)")
    await database.query('DROP TABLE t')
    await database.query('INSERT INTO u VALUES (2)')
    await using stream = await fixture.open()
    await readToEnd(database, stream, replica)
    expect(replica.failures).toMatchObject([{ table: { name: 't' }, error: { code: 'source_table_missing' } }])
    expect(replica.rows('public.u')).toEqual(await sqlRows(database, 'u'))
  })

  test('renamed inside a large transaction, which is rolled back: then it goes on', async () => {
    await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '64kB'`)
    const fixture = await createStreamFixture(database, ['t', 'u'])
    await using stream = await fixture.open()
    const other = await database.connect()
    await other.query(
      "BEGIN; ALTER TABLE t RENAME TO t2; INSERT INTO t2 SELECT g, repeat('x', 80), 'b' FROM generate_series(1, 3000) g",
    )
    await readToEnd(database, stream, replica)
    await other.query('ROLLBACK')
    await database.query("INSERT INTO t VALUES (1, 'a', 'b')")
    await readToEnd(database, stream, replica)
    expect(replica.failures).toEqual([])
    expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
  })
})

test('excluded columns stay out, also under another name', async () => {
  const fixture = await createStreamFixture(database, [tableRequest('t', { exclude: ['a'] })])
  await using stream = await fixture.open()
  await database.query("INSERT INTO t VALUES (1, 'secret', 'b')")
  await readToEnd(database, stream, replica)
  await database.query("ALTER TABLE t RENAME a TO renamed; INSERT INTO t VALUES (2, 'secret', 'b')")
  await readToEnd(database, stream, replica)
  expect(replica.rows('public.t')).toEqual([
    { id: '1', b: 'b' },
    { id: '2', b: 'b' },
  ])
})

describe('a type whose binary form cannot be read makes the connection go on in text', () => {
  test('from the first row on', async () => {
    await database.query(
      "CREATE TABLE h (id int PRIMARY KEY, v box, n numeric(10,2), at timestamptz DEFAULT '2024-02-29 12:00Z')",
    )
    const fixture = await createStreamFixture(database, ['h', 't'])
    await using stream = await fixture.open()
    await database.query("INSERT INTO t VALUES (1, 'a', 'b')")
    await database.query(`BEGIN; INSERT INTO t VALUES (2, 'a', 'b');
      INSERT INTO h VALUES (1, '(2,2),(1,1)', 12.5), (2, NULL, -0.01); INSERT INTO t VALUES (3, 'a', 'b'); COMMIT`)
    await readToEnd(database, stream, replica)
    expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
    expect(replica.rows('public.h')).toEqual([
      { id: '1', v: '(2,2),(1,1)', n: '1250', at: '1709208000000000' },
      { id: '2', v: null, n: '-1', at: '1709208000000000' },
    ])
  })

  test('when such a column is added in the middle of a transaction, with nothing lost and nothing twice', async () => {
    const fixture = await createStreamFixture(database, ['t', 'u'])
    await using stream = await fixture.open({ batchRowsMax: 7 })
    await database.query("INSERT INTO u SELECT generate_series(1, 10); INSERT INTO t VALUES (1, 'a', 'b')")
    await database.query(`BEGIN; INSERT INTO u SELECT generate_series(11, 40); INSERT INTO t VALUES (2, 'a', 'b');
      ALTER TABLE t ADD h box; INSERT INTO u SELECT generate_series(41, 60); INSERT INTO t VALUES (3, 'a', 'b', '(2,2),(1,1)');
      INSERT INTO u SELECT generate_series(61, 70); COMMIT`)
    await readToEnd(database, stream, replica)
    expect(replica.rows('public.u')).toEqual(await sqlRows(database, 'u'))
    expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
    // The replica refuses a position that comes twice.
    expect(replica.applied).toBe(70 + 3)
  })

  test('while another transaction is in progress', async () => {
    await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '64kB'`)
    const fixture = await createStreamFixture(database, ['t', 'u'])
    await using stream = await fixture.open({ batchRowsMax: 500 })
    const other = await database.connect()
    await other.query('BEGIN; INSERT INTO u SELECT generate_series(1, 5000)')
    await readToEnd(database, stream, replica)
    expect(replica.transactionsInProgress.size).toBe(1)
    await database.query("ALTER TABLE t ADD h box; INSERT INTO t VALUES (1, 'a', 'b', '(2,2),(1,1)')")
    await readToEnd(database, stream, replica)
    await other.query('COMMIT')
    await readToEnd(database, stream, replica)
    expect(replica.events).toContain('transaction-aborted')
    expect(replica.rows('public.u')).toEqual(await sqlRows(database, 'u'))
    expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
  })

  test('and so does an array of elements without a binary form, which the server cannot send', async () => {
    await database.query('CREATE TABLE acl (id int PRIMARY KEY, grants aclitem[])')
    const fixture = await createStreamFixture(database, ['acl'])
    await using stream = await fixture.open()
    await database.query("INSERT INTO acl VALUES (1, ARRAY['=r/postgres'::aclitem])")
    await readToEnd(database, stream, replica)
    expect(replica.rows('public.acl')).toEqual([{ id: '1', grants: '["=r/postgres"]' }])
  })
})

test('a table that joins a running stream gets its changes, those of known relations too', async () => {
  const fixture = await createStreamFixture(database, ['u'])
  await using stream = await fixture.open()
  await database.query("INSERT INTO t VALUES (1, 'a', 'b'); INSERT INTO u VALUES (1)")
  await readToEnd(database, stream, replica)
  const request = tableRequest('t')
  const [schema] = await fixture.describe([request])
  stream.addTable({ schema: schema!, request, startAt: boundary(1, 0n) })
  await database.query("INSERT INTO t VALUES (2, 'a', 'b')")
  await readToEnd(database, stream, replica)
  expect(replica.rows('public.t')).toEqual([{ id: '2', a: 'a', b: 'b' }])
})

describe('a table whose snapshot lies ahead of the stream', () => {
  test.each([
    { what: 'does not count the rows of a transaction that committed before it', behind: true },
    { what: 'counts the rows of a transaction that commits after it', behind: false },
  ])('$what', async ({ behind }) => {
    await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '64kB'`)
    const fixture = await createStreamFixture(database, ['t', 'u'])
    const other = await database.connect()
    await other.query("BEGIN; INSERT INTO t SELECT g, repeat('x', 80), 'b' FROM generate_series(1, 3000) g")
    await other.query('INSERT INTO u SELECT generate_series(1, 3000)')
    // A change of the table that nobody else sees: the rows do not look as the snapshot's schema says.
    await other.query(
      "ALTER TABLE t ADD c int; INSERT INTO t SELECT g, repeat('x', 80), 'b', g FROM generate_series(5001, 8000) g",
    )
    const request = tableRequest('t')
    const tables = (await fixture.describe([request, tableRequest('u')])).map((schema, index) => ({
      schema,
      request: tableRequest(schema.table.name),
      startAt: boundary(1, 0n),
      index,
    }))
    const start = behind ? (await currentLsn(database)) + 1_000_000_000n : await currentLsn(database)
    await using stream = await fixture.open({
      batchRowsMax: 500,
      tables: tables.map((table) => (table.index === 0 ? { ...table, startAt: boundary(1, start) } : table)),
    })
    await readToEnd(database, stream, replica)
    await other.query('COMMIT')
    await readToEnd(database, stream, replica)
    expect(replica.rows('public.u')).toEqual(await sqlRows(database, 'u'))
    expect(replica.failures).toEqual([])
    if (behind) {
      expect(replica.rows('public.t')).toEqual([])
      expect(replica.events).not.toContain('transaction-aborted')
    } else {
      expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
    }
  })
})
