/** Tables that change while they are followed: read as it happens, and read when everything has happened already. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StreamEvent } from '../../src/core/source.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, readUntil, type StreamFixture } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
let fixture: StreamFixture
let replica: StreamReplica

beforeEach(async () => {
  database = await createTestDatabase()
  await database.query(`CREATE TABLE t (id int PRIMARY KEY, a text, b text); CREATE TABLE u (id int PRIMARY KEY)`)
  replica = new StreamReplica()
})
afterEach(() => database.dispose())

interface Sequence {
  readonly what: string
  readonly steps: readonly string[]
  readonly changes: readonly string[]
  /** Rows were rewritten in a way that must be noticed. */
  readonly rewritten?: boolean
  /** Read late, there may be doubts that lead to another reading of the table, and other words. */
  readonly doubtsWhenLate?: boolean
}

const SEQUENCES: readonly Sequence[] = [
  {
    what: 'a column without default is added',
    steps: ['ALTER TABLE t ADD c int', "INSERT INTO t VALUES (3, 'a3', 'b3', 33)", 'UPDATE t SET c = 1 WHERE id = 1'],
    changes: ['added column c integer'],
  },
  {
    what: 'a column with a constant default is added',
    steps: ['ALTER TABLE t ADD c text DEFAULT \'new, "quoted"\'', "INSERT INTO t VALUES (3, 'a3', 'b3', 'c3')"],
    changes: ['added column c text'],
  },
  {
    what: 'a column is dropped',
    steps: ['ALTER TABLE t DROP a', "INSERT INTO t VALUES (3, 'b3')", "UPDATE t SET b = 'x' WHERE id = 1"],
    changes: ['dropped column a'],
  },
  {
    what: 'a column is renamed',
    steps: ['ALTER TABLE t RENAME a TO z', "INSERT INTO t VALUES (3, 'a3', 'b3')"],
    changes: ['renamed column a to z'],
  },
  {
    what: 'two columns swap their names',
    steps: [
      "BEGIN; ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b; INSERT INTO t VALUES (3, 'x', 'y'); COMMIT",
      "UPDATE t SET a = 'z' WHERE id = 1",
    ],
    changes: ['renamed column a to b', 'renamed column b to a'],
  },
  {
    what: 'a type is widened without a rewrite',
    steps: ['ALTER TABLE t ALTER b TYPE varchar', "INSERT INTO t VALUES (3, 'a3', 'b3')"],
    changes: ['changed type of column b from text to character varying'],
  },
  {
    what: 'the key is widened, which writes all rows anew',
    steps: ['ALTER TABLE t ALTER id TYPE bigint', "INSERT INTO t VALUES (30000000000, 'a3', 'b3')"],
    changes: ['rows were rewritten', 'changed type of column id from integer to bigint'],
    rewritten: true,
  },
  {
    what: 'values are changed by ALTER TYPE … USING, under the same type',
    steps: ["ALTER TABLE t ALTER a TYPE text USING a || '!'", "INSERT INTO t VALUES (3, 'a3', 'b3')"],
    changes: ['rows were rewritten'],
    rewritten: true,
  },
  {
    what: 'a column with a volatile default is added',
    steps: ['ALTER TABLE t ADD c float DEFAULT random()', "INSERT INTO t VALUES (3, 'a3', 'b3', 1)"],
    changes: ['added column c double precision'],
    rewritten: true,
  },
  {
    what: 'a column is dropped and added again under its name, at its place',
    steps: ['ALTER TABLE t DROP b; ALTER TABLE t ADD b text', "INSERT INTO t VALUES (3, 'a3', 'b3')"],
    changes: ['added column b text', 'dropped column b'],
    rewritten: true,
  },
  {
    what: 'a column comes and goes',
    steps: [
      'ALTER TABLE t ADD c int',
      "INSERT INTO t VALUES (3, 'a3', 'b3', 3)",
      'ALTER TABLE t DROP c',
      "INSERT INTO t VALUES (4, 'a4', 'b4')",
    ],
    changes: ['added column c integer', 'dropped column c'],
    doubtsWhenLate: true,
  },
  {
    what: 'a table is vacuumed, analyzed and indexed',
    steps: ['VACUUM FULL t', 'ANALYZE t', 'CREATE INDEX ON t (a)', "INSERT INTO t VALUES (3, 'a3', 'b3')"],
    changes: [],
  },
  {
    what: 'a column is added by a transaction that is large',
    steps: [
      "BEGIN; INSERT INTO t SELECT g, repeat('x', 80), 'b' FROM generate_series(100, 2100) g; ALTER TABLE t ADD c int; INSERT INTO t SELECT g, repeat('x', 80), 'b', g FROM generate_series(3000, 5000) g; COMMIT",
      "UPDATE t SET b = 'after' WHERE id = 100",
    ],
    changes: ['added column c integer'],
  },
  {
    what: 'a column is added by a large transaction that rolls it back',
    steps: [
      "BEGIN; INSERT INTO t SELECT g, repeat('x', 80), 'b' FROM generate_series(100, 2100) g; SAVEPOINT s; ALTER TABLE t ADD c int; INSERT INTO t SELECT g, repeat('x', 80), 'b', g FROM generate_series(3000, 5000) g; ROLLBACK TO s; INSERT INTO t SELECT g, repeat('x', 80), 'b' FROM generate_series(6000, 8000) g; COMMIT",
      "BEGIN; ALTER TABLE t RENAME a TO q; INSERT INTO t SELECT g, repeat('x', 80), 'b' FROM generate_series(20000, 22100) g; ROLLBACK",
      "UPDATE t SET b = 'after' WHERE id = 100",
    ],
    changes: [],
  },
]

async function prepare(): Promise<void> {
  await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '64kB'`)
  fixture = await createStreamFixture(database, ['t', 'u'])
  await database.query("INSERT INTO t VALUES (1, 'a1', 'b1'), (2, 'a2', 'b2')")
}

async function expectSame(): Promise<void> {
  const rows = replica.rows('public.t')
  const truth = await sqlRows(database, 't')
  if (!replica.rewritten.has('public.t')) expect(rows).toEqual(truth)
  // Read again, the rows would be as SQL has them; the columns are known without that.
  else expect(Object.keys(rows[0] ?? {}).sort()).toEqual(Object.keys(truth[0] ?? {}).sort())
}

describe('read as it happens', () => {
  test.each(SEQUENCES)('$what', async ({ steps, changes, rewritten }) => {
    await prepare()
    await using stream = await fixture.open({ batchRowsMax: 100 })
    await readToEnd(database, stream, replica)
    for (const step of steps) {
      await database.query(step)
      await readToEnd(database, stream, replica)
    }
    await expectSame()
    expect(replica.schemaChanges).toEqual(changes)
    expect(replica.rewritten.has('public.t')).toBe(rewritten ?? false)
    expect(replica.failures).toEqual([])
  })
})

describe('an alteration that no change follows', () => {
  const isSchema = (event: StreamEvent) => event.kind === 'schema'

  test('is told while nothing else happens, once, and a boundary follows', async () => {
    await prepare()
    await using stream = await fixture.open({}, undefined, 20)
    await readToEnd(database, stream, replica)
    await database.query("BEGIN; INSERT INTO t VALUES (3, 'a3', 'b3'); ALTER TABLE t ADD c int DEFAULT 7; COMMIT")
    await readUntil(stream, isSchema, replica)
    await readUntil(stream, (event) => event.kind === 'boundary', replica)
    await database.query('ALTER TABLE t DROP a; ALTER TABLE t ALTER b SET STATISTICS 20')
    await readUntil(stream, isSchema, replica)
    await database.query("INSERT INTO t VALUES (4, 'b4', 44)")
    await readToEnd(database, stream, replica)
    expect(replica.schemaChanges).toEqual(['added column c integer', 'dropped column a'])
    await expectSame()
  })

  test('waits for rows of the form before', async () => {
    await prepare()
    await database.query("UPDATE t SET a = repeat('x', 50) || id")
    await database.query('ALTER TABLE t RENAME a TO z; ALTER TABLE u ADD c text')
    await using stream = await fixture.open({ batchRowsMax: 1 })
    const events = await readToEnd(database, stream, replica)
    const kinds = events.map((event) => event.kind)
    expect(kinds.indexOf('schema')).toBeGreaterThan(kinds.lastIndexOf('changes'))
    // A boundary between would be complete without them.
    expect(kinds.lastIndexOf('schema') - kinds.indexOf('schema')).toBe(1)
    expect(kinds.at(-1)).toBe('boundary')
    expect(replica.rows('public.t')).toMatchObject([{ z: `${'x'.repeat(50)}1` }, { z: `${'x'.repeat(50)}2` }])
  })

  test('of its name, or that it is gone, is told once', async () => {
    await prepare()
    await using stream = await fixture.open({}, undefined, 20)
    await readToEnd(database, stream, replica)
    const isNotice = (event: StreamEvent) => event.kind === 'notice'
    const told = async () => (await readUntil(stream, isNotice, replica)).filter(isNotice)
    await database.query('ALTER TABLE t RENAME TO away; CREATE TABLE t (id int)')
    expect(await told()).toEqual([
      {
        kind: 'notice',
        table: expect.objectContaining({ name: 't' }),
        message: expect.stringContaining('is called public.away now'),
      },
    ])
    await database.query('DROP TABLE t; ALTER TABLE away RENAME TO t')
    await database.query('INSERT INTO u VALUES (77)')
    await readToEnd(database, stream, replica)
    await database.query('DROP TABLE u')
    expect(await told()).toEqual([
      {
        kind: 'notice',
        table: expect.objectContaining({ name: 'u' }),
        message: expect.stringContaining('was dropped'),
      },
    ])
    await database.query("INSERT INTO t VALUES (5, 'a5', 'b5')")
    await readToEnd(database, stream, replica)
    expect(replica.failures).toEqual([])
    expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
  })

  test('of a table whose columns are published in part is told with its next change', async () => {
    const [version] = await database.query<{ n: number }>("SELECT current_setting('server_version_num')::int AS n")
    if ((version?.n ?? 0) < 150_000) return
    fixture = await createStreamFixture(database, ['t'], 'FOR TABLE t (id, a, b)')
    await database.query('ALTER TABLE t ADD c int')
    await using stream = await fixture.open()
    await readToEnd(database, stream, replica)
    expect(replica.schemaChanges).toEqual([])
  })
})

describe('read when everything has happened', () => {
  test.each(SEQUENCES)('$what', async ({ steps, changes, rewritten, doubtsWhenLate }) => {
    await prepare()
    for (const step of steps) await database.query(step)
    await using stream = await fixture.open({ batchRowsMax: 100 })
    await readToEnd(database, stream, replica)
    await expectSame()
    if (doubtsWhenLate !== true) expect(replica.rewritten.has('public.t')).toBe(rewritten ?? false)
    if (rewritten !== true && doubtsWhenLate !== true) expect(replica.schemaChanges).toEqual(changes)
    expect(replica.failures).toEqual([])
  })
})
