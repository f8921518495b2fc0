/** Rows of every kind on their way through a stream. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd, readUntil } from '../support/stream-reading.ts'
import { batchRows, StreamReplica, sqlRows } from '../support/stream-replica.ts'

let database: TestDatabase
let replica: StreamReplica

beforeEach(async () => {
  database = await createTestDatabase()
  replica = new StreamReplica()
})
afterEach(() => database.dispose())

async function follow(tables: readonly string[], statements: readonly string[], publication?: string): Promise<void> {
  const fixture = await createStreamFixture(database, tables, publication)
  for (const statement of statements) await database.query(statement)
  await using stream = await fixture.open()
  await readToEnd(database, stream, replica)
  for (const table of tables) expect(replica.rows(`public.${table}`), table).toEqual(await sqlRows(database, table))
  expect(replica.failures).toEqual([])
}

const BIG = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 500) g)"

test('values that an update leaves alone are kept, also when the key changes with them', async () => {
  await database.query('CREATE TABLE docs (id int PRIMARY KEY, big text, small text)')
  await follow(
    ['docs'],
    [
      `INSERT INTO docs VALUES (1, ${BIG}, 'a'), (2, ${BIG} || 'x', 'b'), (3, 'short', 'c')`,
      "UPDATE docs SET small = 'changed'",
      'UPDATE docs SET id = id + 10',
      'BEGIN; UPDATE docs SET id = 99 WHERE id = 11; UPDATE docs SET id = 11 WHERE id = 12; UPDATE docs SET id = 12 WHERE id = 99; COMMIT',
      "UPDATE docs SET big = 'now short' WHERE id = 12",
    ],
  )
})

test('every replica identity gives the rows that SQL has', async () => {
  await database.query(`
    CREATE TABLE by_default (id int PRIMARY KEY, v text);
    CREATE TABLE by_full (id int PRIMARY KEY, v text); ALTER TABLE by_full REPLICA IDENTITY FULL;
    CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text);
    ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
    CREATE TABLE two (a int, b text, v int, PRIMARY KEY (b, a))`)
  await follow(
    ['by_default', 'by_full', 'by_index', 'two'],
    [
      `INSERT INTO by_default SELECT g, 'v' || g FROM generate_series(1, 20) g`,
      `INSERT INTO by_full SELECT g, ${BIG} FROM generate_series(1, 20) g`,
      `INSERT INTO by_index SELECT g, 'c' || g, ${BIG} FROM generate_series(1, 20) g`,
      `INSERT INTO two SELECT g % 5, 'b' || g, g FROM generate_series(1, 20) g`,
      ...['by_default', 'by_full', 'by_index'].flatMap((table) => [
        `UPDATE ${table} SET id = id + 100 WHERE id % 3 = 0`,
        `UPDATE ${table} SET v = v || 'u' WHERE id % 4 = 0`,
        `DELETE FROM ${table} WHERE id % 5 = 0`,
      ]),
      "UPDATE by_index SET code = code || '-new' WHERE id % 2 = 1",
      'UPDATE two SET a = a + 1 WHERE v % 3 = 0',
      "UPDATE two SET b = b || 'x', v = v + 1 WHERE v % 4 = 0",
      'DELETE FROM two WHERE v > 15',
    ],
  )
})

test('a table without a key and REPLICA IDENTITY FULL sends the old row with each change, as two rows of their own', async () => {
  await database.query('CREATE TABLE bag (a int, b text); ALTER TABLE bag REPLICA IDENTITY FULL')
  const fixture = await createStreamFixture(database, ['bag'])
  await database.query("INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL)")
  await database.query("UPDATE bag SET b = 'y' WHERE a = 2")
  await database.query('DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag)')
  await using stream = await fixture.open()
  const events = await readToEnd(database, stream, replica)
  const rows = events.flatMap((event) => (event.kind === 'changes' ? batchRows(event.batch) : []))
  expect(rows.map((row) => [row._op, row.c1, row.c2])).toEqual([
    ['i', '1', 'x'],
    ['i', '1', 'x'],
    ['i', '2', null],
    ['d', '2', null],
    ['i', '2', 'y'],
    ['d', '1', 'x'],
  ])
  const hashes = rows.map((row) => row._content_hash)
  expect(hashes[1]).toBe(hashes[0])
  expect(hashes[3]).toBe(hashes[2])
  expect(hashes[5]).toBe(hashes[0])
  expect(new Set(replica.positions.get('public.bag')).size).toBe(6)
})

test('a table without a key and without FULL sends its inserts', async () => {
  await database.query('CREATE TABLE log (a int, b text)')
  const fixture = await createStreamFixture(database, ['log'], "FOR ALL TABLES WITH (publish = 'insert, truncate')")
  await database.query("INSERT INTO log VALUES (1, 'x'), (1, 'x')")
  await database.query("UPDATE log SET b = 'y'")
  await using stream = await fixture.open()
  await readToEnd(database, stream, replica)
  expect(replica.applied).toBe(2)
})

test('one TRUNCATE of several tables, CASCADE included, empties each of them at its place in the order', async () => {
  await database.query(`CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent);
    CREATE TABLE third (id int PRIMARY KEY); CREATE TABLE fourth (id int PRIMARY KEY)`)
  await follow(
    ['parent', 'child', 'fourth'],
    [
      'INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1); INSERT INTO third VALUES (1); INSERT INTO fourth VALUES (1)',
      'BEGIN; INSERT INTO parent VALUES (3); TRUNCATE third, parent CASCADE; INSERT INTO parent VALUES (4); INSERT INTO child VALUES (2, 4); COMMIT',
    ],
  )
})

test('partitions come as their root, whatever order their columns have', async () => {
  await database.query(`CREATE TABLE parts (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE parts_2 (v text, junk int, day date NOT NULL, id int NOT NULL); ALTER TABLE parts_2 DROP junk;
    ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')`)
  const fixture = await createStreamFixture(database, ['parts'], 'FOR TABLE parts WITH (publish_via_partition_root)')
  await database.query("INSERT INTO parts SELECT g, date '2024-01-01' + g, 'v' || g FROM generate_series(0, 50) g")
  await database.query("UPDATE parts SET v = v || 'u' WHERE id % 3 = 0")
  await database.query('UPDATE parts SET day = day + 31 WHERE id BETWEEN 1 AND 5') // moves rows between partitions
  await database.query('DELETE FROM parts WHERE id % 7 = 0')
  await database.query(
    "ALTER TABLE parts ADD extra text DEFAULT 'e'; INSERT INTO parts VALUES (1000, '2024-02-10', 'n', 'f')",
  )
  await using stream = await fixture.open()
  await readToEnd(database, stream, replica)
  const days = (text: string | null | undefined): number => Date.parse(`${text}T00:00Z`) / 86_400_000
  const truth = (await sqlRows(database, 'parts')).map((row) => ({ ...row, day: String(days(row.day)) }))
  expect(sorted(replica.rows('public.parts'))).toEqual(sorted(truth))
  expect(replica.schemaChanges).toEqual(['added column extra text'])
})

test('values of 64 MiB arrive whole', async () => {
  await database.query('CREATE TABLE large (id int PRIMARY KEY, v text, w bytea)')
  const fixture = await createStreamFixture(database, ['large'])
  const mebibytes = 64
  await database.query(`INSERT INTO large VALUES (1, 'before', ''), (2, repeat('0123456789abcdef', ${mebibytes * 65536}), ''),
    (3, 'between', decode(repeat('00ff10', ${((16 * 1024 * 1024) / 3) | 0}), 'hex')), (4, 'after', '')`)
  await using stream = await fixture.open()
  await readToEnd(database, stream, replica)
  const found = replica.rows('public.large').map((row) => [row.id, row.v?.length, (row.w?.length ?? 0) / 2])
  const truth = await database.query<{ id: string; v: number; w: number }>(
    'SELECT id::text, length(v) AS v, length(w) AS w FROM large ORDER BY id',
  )
  expect(found.sort()).toEqual(truth.map(({ id, v, w }) => [id, v, w]))
  expect(
    replica
      .rows('public.large')
      .find((row) => row.id === '2')!
      .v!.endsWith('89abcdef0123456789abcdef'),
  ).toBe(true)
})

test('values come out alike, sent in binary and sent as text', async () => {
  await database.query(`CREATE TYPE mood AS ENUM ('ok', 'not so'); CREATE DOMAIN cents AS numeric(10,2);
    CREATE TYPE pair AS (x int, y text);
    CREATE TABLE wide (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(20,4), big numeric, d cents,
      t text, c char(5), vc varchar(9), by bytea, u uuid, j json, jb jsonb, da date, ti time, tz timetz, ts timestamp,
      tstz timestamptz, iv interval, ip inet, bits bit varying(9), m mood, p pair, ia int[], ta text[], r int4range, mr datemultirange, x xml);
    CREATE TABLE shapes (id int PRIMARY KEY, v box)`)
  const fixture = await createStreamFixture(database, ['wide', 'shapes'])
  const values = `true, -7, 9007199254740993, 1.1, 'NaN', 12345.6789, 1e300, 12.5, 'ünï', 'ab', 'vc', '\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    '{"a": [1, 2.50]}', '{"a": [1, 2.50]}', '2024-02-29', '24:00:00', '12:00:00+02', '2024-02-29 12:34:56.789012', '0044-03-15 12:00:00+00 BC',
    '1 year 2 days 03:04:05.6', '10.0.0.1/8', '10110', 'not so', ROW(1, 'a "b"'), '{1,NULL,-3}', '{{a,"b c"},{NULL,""}}', '[1,9)', '{[2024-01-01,2024-02-01)}', '<a>1</a>'`
  await database.query(`INSERT INTO wide VALUES (1, ${values}), (2${', NULL'.repeat(30)})`)
  const read = async (): Promise<Record<string, string | null>[]> => {
    await using stream = await fixture.open()
    const events = await readToEnd(database, stream)
    const batches = events.flatMap((event) =>
      event.kind === 'changes' && event.batch.schema.table.name === 'wide' ? [event.batch] : [],
    )
    return batches.flatMap(batchRows)
  }
  const binary = await read()
  await database.query("INSERT INTO shapes VALUES (1, '(1,1),(0,0)')") // no binary decoder: the whole connection goes on as text
  await database.query(
    `INSERT INTO wide SELECT id + 10${Array.from({ length: 30 }, (_, index) => `, w.${'b i2 i8 f4 f8 n big d t c vc by u j jb da ti tz ts tstz iv ip bits m p ia ta r mr x'.split(' ')[index]}`).join('')} FROM wide w`,
  )
  const both = await read()
  expect(binary).toHaveLength(2)
  expect(both).toHaveLength(4)
  for (const [index, row] of binary.entries()) {
    const { _source_position: _, c1: __, ...values } = row
    const { _source_position: ___, c1: ____, ...again } = both[index + 2]!
    expect(again).toEqual(values)
  }
  expect(binary[0]).toMatchObject({
    c4: '9007199254740993',
    c7: '123456789',
    c11: 'ab   ',
    c27: '[1,null,-3]',
  })
})

test('a table of 1,600 columns', async () => {
  const columns = Array.from({ length: 1599 }, (_, index) => `c${index} int`)
  await database.query(`CREATE TABLE many (id int PRIMARY KEY, ${columns.join(', ')})`)
  await follow(
    ['many'],
    [
      `INSERT INTO many (id, c0, c1598) VALUES (1, 5, 6)`,
      'UPDATE many SET c7 = 8',
      'ALTER TABLE many DROP c3',
      'INSERT INTO many (id) VALUES (2)',
    ],
  )
})

test('names that differ by case alone, names with quotes, and tables of one name in two schemas', async () => {
  await database.query(`CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY, v text);
    CREATE TABLE t (id int PRIMARY KEY, "Id" int, "a""b" text)`)
  await follow(
    ['t'],
    [`INSERT INTO other.t VALUES (1, 'no')`, `INSERT INTO t VALUES (1, 2, 'yes')`, `UPDATE t SET "Id" = 3`],
  )
})

test('messages of other programs in the log are nobody’s rows', async () => {
  await database.query('CREATE TABLE t (id int PRIMARY KEY)')
  const fixture = await createStreamFixture(database, ['t'])
  await database.query(`SELECT pg_logical_emit_message(false, 'theirs', repeat('x', 1000));
    BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'theirs', 'y'); INSERT INTO t VALUES (2); COMMIT`)
  await using stream = await fixture.open()
  await stream.emitHeartbeat()
  await readUntil(stream, (event) => event.kind === 'boundary' && event.changes === 2, replica)
  expect(replica.rows('public.t')).toEqual([{ id: '1' }, { id: '2' }])
})

function sorted(rows: readonly Record<string, string | null>[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort()
}
