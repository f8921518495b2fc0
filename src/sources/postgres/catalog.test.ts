import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, POSTGRES_VERSION, type TestDatabase } from '../../../test/support/postgres.ts'
import { type CatalogTable, readCatalog } from './catalog.ts'
import { connect, type PostgresClient } from './client.ts'
import { connectionSettings } from './connection-settings.ts'
import { findIdentity, followedColumns } from './row-identity.ts'

const { signal } = new AbortController()
let database: TestDatabase
let client: PostgresClient

beforeAll(async () => {
  database = await createTestDatabase()
  client = await connect(connectionSettings({ url: database.url }), {}, signal)
})
afterAll(async () => {
  await client.close()
  await database.dispose()
})

async function table(name: string): Promise<CatalogTable> {
  const [found] = await readCatalog(client, [{ namespace: 'public', name }], signal)
  return found!
}

const identity = async (name: string) => {
  const { kind, columns } = findIdentity(await table(name), client.serverVersion)
  return [kind, ...columns]
}

test('columns are numbered as by Postgres, dropped ones left out', async () => {
  await database.query(
    'CREATE TABLE numbered (a int, gone int, "B" numeric(10,2) NOT NULL, c varchar(5)); ALTER TABLE numbered DROP COLUMN gone; ALTER TABLE numbered RENAME c TO d',
  )
  const columns = (await table('numbered')).columns.map(({ attnum, name, sourceType, nullable }) => ({
    attnum,
    name,
    sourceType,
    nullable,
  }))
  expect(columns).toEqual([
    { attnum: 1, name: 'a', sourceType: 'integer', nullable: true },
    { attnum: 3, name: 'B', sourceType: 'numeric(10,2)', nullable: false },
    { attnum: 4, name: 'd', sourceType: 'character varying(5)', nullable: true },
  ])
})

test('types are followed to what they are made of', async () => {
  await database.query(`CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN amount AS numeric(8,3); CREATE DOMAIN price AS amount;
    CREATE TYPE pair AS (x int, y price[]); CREATE TYPE span AS RANGE (subtype = float8);
    CREATE TABLE typed (m mood, p price, pairs pair[], s span, ms span_multirange[], v int2vector, n numeric(5,1)[])`)
  const types = Object.fromEntries((await table('typed')).columns.map((column) => [column.name, column.type]))
  const numeric = { name: 'numeric', kind: 'base', typmod: ((8 << 16) | 3) + 4 }
  const price = { name: 'price', kind: 'domain', base: { name: 'amount', kind: 'domain', base: numeric } }
  expect(types).toMatchObject({
    m: { name: 'mood', kind: 'enum', hasSend: true },
    p: price,
    pairs: {
      kind: 'array',
      element: {
        name: 'pair',
        kind: 'composite',
        attributes: [
          { name: 'x', type: { name: 'int4' } },
          { name: 'y', type: { kind: 'array', element: price } },
        ],
      },
    },
    s: { name: 'span', kind: 'range', element: { name: 'float8' } },
    ms: { kind: 'array', element: { kind: 'multirange', element: { name: 'span', kind: 'range' } } },
    v: { name: 'int2vector', kind: 'base' },
    n: { kind: 'array', element: { name: 'numeric', typmod: ((5 << 16) | 1) + 4 } },
  })
})

test('the value of older rows of an added column is its text form, of an array JSON', async () => {
  await database.query(`CREATE TABLE older (id int PRIMARY KEY); INSERT INTO older VALUES (1);
    ALTER TABLE older ADD quoted text DEFAULT 'it''s "x", {y}\\'; ALTER TABLE older ADD list text[] DEFAULT '{a,"b c"}';
    ALTER TABLE older ADD corner box DEFAULT '((1,1),(0,0))'; ALTER TABLE older ADD at timestamptz DEFAULT '2024-01-31 12:00:00+09';
    ALTER TABLE older ADD empty text DEFAULT ''; ALTER TABLE older ADD none text`)
  const found = (await table('older')).columns.map((column) => [column.name, column.missingValue])
  const [row] = await client.query<Record<string, string>>(
    'SELECT quoted, list::text, corner::text, at::text, empty FROM public.older',
  )
  expect(Object.fromEntries(found)).toEqual({ id: undefined, ...row, list: '["a","b c"]', none: undefined })
})

test('a column that rewrote the table has no such value', async () => {
  await database.query(
    'CREATE TABLE rolled (id int PRIMARY KEY); INSERT INTO rolled VALUES (1); ALTER TABLE rolled ADD random float8 DEFAULT random()',
  )
  expect((await table('rolled')).columns[1]!.missingValue).toBeUndefined()
})

test('of a partitioned table the partitions tell the value of older rows, unless they differ', async () => {
  await database.query(`CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1);
    ALTER TABLE parted ADD same int DEFAULT 7;
    CREATE TABLE parted_2 (id int PRIMARY KEY, same int DEFAULT 7); INSERT INTO parted_2 VALUES (11, 1);
    ALTER TABLE parted_2 ADD odd int DEFAULT 2; ALTER TABLE parted ADD odd int DEFAULT 1;
    ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (10) TO (20)`)
  const columns = (await table('parted')).columns.map(({ name, missingValue, missingValueDiffers }) => ({
    name,
    missingValue,
    missingValueDiffers,
  }))
  expect(columns.slice(1)).toEqual([
    { name: 'same', missingValue: '7', missingValueDiffers: false },
    { name: 'odd', missingValue: undefined, missingValueDiffers: true },
  ])
})

test('partitions are the relations that hold rows, at any depth', async () => {
  await database.query(`CREATE TABLE tree (id int) PARTITION BY RANGE (id); CREATE TABLE tree_a PARTITION OF tree FOR VALUES FROM (0) TO (5);
    CREATE TABLE tree_b PARTITION OF tree DEFAULT PARTITION BY LIST (id); CREATE TABLE tree_b_1 PARTITION OF tree_b DEFAULT;
    CREATE TABLE tree_gone PARTITION OF tree FOR VALUES FROM (5) TO (6); ALTER TABLE tree DETACH PARTITION tree_gone`)
  expect((await table('tree')).leaves.map((leaf) => leaf.name)).toEqual(['tree_a', 'tree_b_1'])
  expect((await table('tree_b_1')).partitionOf).toEqual({ namespace: 'public', name: 'tree' })
  expect((await table('tree_gone')).partitionOf).toBeUndefined()
})

test('the file of a table is another one after a rewrite', async () => {
  await database.query('CREATE TABLE rewritten (id int)')
  const before = (await table('rewritten')).leaves[0]!.filenode
  await database.query('INSERT INTO rewritten VALUES (1); ALTER TABLE rewritten ADD x int DEFAULT 1')
  expect((await table('rewritten')).leaves[0]!.filenode).toBe(before)
  await database.query('ALTER TABLE rewritten ALTER id TYPE bigint')
  expect((await table('rewritten')).leaves[0]!.filenode).not.toBe(before)
})

test('it answers while somebody holds the table for himself', async () => {
  await database.query(
    'CREATE TABLE occupied (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE occupied_1 PARTITION OF occupied DEFAULT',
  )
  const other = await database.connect()
  await other.query('BEGIN; LOCK TABLE occupied, occupied_1 IN ACCESS EXCLUSIVE MODE')
  expect(
    (await readCatalog(client, [{ namespace: 'public', name: 'occupied' }], AbortSignal.timeout(5000))).length,
  ).toBe(1)
  await other.query('ROLLBACK')
})

// Version 15 keeps statistics in memory and can be told to write them at once.
test.runIf(POSTGRES_VERSION >= 15)(
  'a thousand tables cost a few statements, and time in proportion to their number',
  async () => {
    await database.query('CREATE SCHEMA many')
    await database.query(
      `DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE many.t%s (id int PRIMARY KEY, v text)', i); END LOOP; END $$`,
    )
    const names = Array.from({ length: 1000 }, (_, index) => ({ namespace: 'many', name: `t${index + 1}` }))
    const transactions = async (): Promise<number> => {
      await client.query('SELECT pg_stat_force_next_flush()')
      const [row] = await database.query<{ n: number }>(
        'SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = current_database()',
      )
      return row!.n
    }
    const before = await transactions()
    // Work in proportion to the square of the number took 1.2 s for these on a machine with nothing else to do.
    expect((await readCatalog(client, names, AbortSignal.timeout(5000))).length).toBe(1000)
    expect((await transactions()) - before).toBeLessThan(10)
  },
)

test('rows are recognised by what the replica identity says', async () => {
  await database.query(`CREATE TABLE by_key (a int, b int, c int, PRIMARY KEY (b, a)); CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL);
    CREATE UNIQUE INDEX by_code ON by_index (code) INCLUDE (id); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_code;
    CREATE TABLE full_key (id int PRIMARY KEY); ALTER TABLE full_key REPLICA IDENTITY FULL;
    CREATE TABLE full_bag (v int); ALTER TABLE full_bag REPLICA IDENTITY FULL;
    CREATE TABLE full_deferred (id int PRIMARY KEY DEFERRABLE); ALTER TABLE full_deferred REPLICA IDENTITY FULL;
    CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE); CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
    CREATE TABLE keyless (v int); CREATE TABLE index_gone (code text NOT NULL); CREATE UNIQUE INDEX gone ON index_gone (code);
    ALTER TABLE index_gone REPLICA IDENTITY USING INDEX gone; DROP INDEX gone;
    CREATE TABLE generated_key (a int, b int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)`)
  const found = Object.fromEntries(
    await Promise.all(
      [
        'by_key',
        'by_index',
        'full_key',
        'full_bag',
        'full_deferred',
        'deferred',
        'nothing',
        'keyless',
        'index_gone',
        'generated_key',
      ].map(async (name) => [name, await identity(name)] as const),
    ),
  )
  expect(found).toEqual({
    by_key: ['key', 'b', 'a'],
    by_index: ['key', 'code'],
    full_key: ['key', 'id'],
    full_bag: ['bag'],
    full_deferred: ['bag'],
    deferred: ['append'],
    nothing: ['append'],
    keyless: ['append'],
    index_gone: ['append'],
    generated_key: POSTGRES_VERSION >= 18 ? ['key', 'b'] : ['append'],
  })
  // Before 18 a generated column is not in the log, so nobody can be recognised by it.
  expect(findIdentity(await table('generated_key'), 170_000).kind).toBe('append')
})

test('a partitioned table is recognised only as well as each of its partitions', async () => {
  const partitioned = (name: string, key: string) => `CREATE TABLE ${name} (id int${key}) PARTITION BY RANGE (id);
    CREATE TABLE ${name}_1 PARTITION OF ${name} FOR VALUES FROM (0) TO (9); CREATE TABLE ${name}_2 PARTITION OF ${name} DEFAULT;`
  await database.query(`${partitioned('p_key', ' PRIMARY KEY')} ${partitioned('p_mixed', ' PRIMARY KEY')} ${partitioned('p_odd', ' PRIMARY KEY')}
    ${partitioned('p_full', '')} ${partitioned('p_root_full', '')}
    ALTER TABLE p_mixed_1 REPLICA IDENTITY FULL; ALTER TABLE p_odd_2 REPLICA IDENTITY NOTHING;
    ALTER TABLE p_full REPLICA IDENTITY FULL; ALTER TABLE p_full_1 REPLICA IDENTITY FULL; ALTER TABLE p_full_2 REPLICA IDENTITY FULL;
    ALTER TABLE p_root_full REPLICA IDENTITY FULL`)
  expect(await Promise.all(['p_key', 'p_mixed', 'p_odd', 'p_full', 'p_root_full'].map(identity))).toEqual([
    ['key', 'id'],
    ['key', 'id'],
    ['append'],
    ['bag'],
    ['append'],
  ])
})

test('generated columns are followed where the log has them', async () => {
  const virtual = POSTGRES_VERSION >= 18 ? ', v int GENERATED ALWAYS AS (id + 2) VIRTUAL' : ''
  await database.query(
    `CREATE TABLE computed (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id + 1) STORED${virtual})`,
  )
  const found = await table('computed')
  const names = (version: number) => followedColumns(found, version).map((column) => column.name)
  expect([names(180_000), names(170_000)]).toEqual([['id', 's'], ['id']])
})

test('what is no table is found as what it is', async () => {
  await database.query(
    'CREATE VIEW seen AS SELECT 1 AS a; CREATE MATERIALIZED VIEW kept AS SELECT 1 AS a; CREATE UNLOGGED TABLE unlogged (id int)',
  )
  expect([(await table('seen')).kind, (await table('kept')).kind, (await table('unlogged')).persistence]).toEqual([
    'v',
    'm',
    'unlogged',
  ])
  expect(await readCatalog(client, [{ namespace: 'public', name: 'missing' }], signal)).toEqual([])
})
