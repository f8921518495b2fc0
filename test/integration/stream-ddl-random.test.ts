/**
 * Random DDL among random DML, in transactions large and small that commit or roll back; the stream reads now and then,
 * so that it is sometimes with the catalog and sometimes far behind. Whatever the stream makes of it, a table that it does
 * not declare rewritten has the rows and columns that SQL has.
 */
import { expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createStreamFixture, readToEnd } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

const SEEDS = (process.env.STREAM_DDL_SEEDS ?? '1,2').split(',').map(Number)
const STEPS = Number(process.env.STREAM_DDL_STEPS ?? 40)

test.each(SEEDS)('sequence %i', async (seed) => {
  await using database = await createTestDatabase()
  const random = generator(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  await database.query(`ALTER DATABASE ${database.name} SET logical_decoding_work_mem = '64kB'`)
  await database.query('CREATE TABLE t (id int PRIMARY KEY, a text, b text)')
  const fixture = await createStreamFixture(database, ['t'])
  const writer = await database.connect()
  let nextId = 1
  let nextName = 0
  let replica = new StreamReplica()

  const columns = async (): Promise<string[]> =>
    (
      await writer.query<{ name: string }>(
        "SELECT attname AS name FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'",
      )
    ).rows.map((row) => row.name)
  const insert = async (): Promise<string> => {
    const count = pick([1, 3, 1500])
    const names = (await columns()).filter(() => random() < 0.7)
    const from = nextId
    nextId += count
    const values = names.map((name) => `left('${name}' || repeat('v', 70) || g, 90)`)
    return `INSERT INTO t (${['id', ...names].join(', ')}) SELECT ${['g', ...values].join(', ')} FROM generate_series(${from}, ${from + count - 1}) g`
  }
  const change = async (): Promise<string> => {
    const names = await columns()
    const name = names.length === 0 ? undefined : pick(names)
    const fresh = random() < 0.3 ? pick(['a', 'b', 'c']) : `n${nextName++}`
    const free = !names.includes(fresh)
    const other = names.length === 0 ? undefined : pick(names)
    switch (
      pick(['add', 'add', 'default', 'volatile', 'drop', 'rename', 'rename', 'swap', 'type', 'vacuum', 'truncate'])
    ) {
      case 'add':
        return free ? `ALTER TABLE t ADD ${fresh} text` : insert()
      case 'default':
        return free ? `ALTER TABLE t ADD ${fresh} text DEFAULT 'd''${nextName}'` : insert()
      case 'volatile':
        return free && random() < 0.3 ? `ALTER TABLE t ADD ${fresh} text DEFAULT random()::text` : insert()
      case 'drop':
        return name === undefined ? insert() : `ALTER TABLE t DROP ${name}`
      case 'rename':
        return name !== undefined && free ? `ALTER TABLE t RENAME ${name} TO ${fresh}` : insert()
      case 'swap':
        return name === undefined || other === undefined || name === other
          ? insert()
          : `ALTER TABLE t RENAME ${name} TO x; ALTER TABLE t RENAME ${other} TO ${name}; ALTER TABLE t RENAME x TO ${other}`
      case 'type':
        return name === undefined
          ? insert()
          : `ALTER TABLE t ALTER ${name} TYPE ${pick(['text', 'varchar(100)', 'varchar'])}`
      case 'truncate':
        return random() < 0.3 ? 'TRUNCATE t' : insert()
      default:
        return insert()
    }
  }
  const update = async (): Promise<string> => {
    const names = await columns()
    const low = Math.floor(random() * nextId)
    if (names.length === 0 || random() < 0.2) return `DELETE FROM t WHERE id BETWEEN ${low} AND ${low + 20}`
    return `UPDATE t SET ${pick(names)} = 'u${nextName++}' WHERE id BETWEEN ${low} AND ${low + 50}`
  }

  const check = async (stream: Awaited<ReturnType<typeof fixture.open>>): Promise<void> => {
    // A change of the table is told with the next change of its rows.
    await writer.query('INSERT INTO t (id) VALUES ($1)', [nextId++])
    await readToEnd(database, stream, replica)
    expect(replica.failures).toEqual([])
    const truth = await sqlRows(database, 't')
    if (!replica.rewritten.has('public.t')) {
      expect(differences(replica.rows('public.t'), truth)).toEqual([])
      return
    }
    // A destination would read it again now; here the rows are taken over as they are.
    await reread(database, replica)
  }

  await using stream = await fixture.open({ batchRowsMax: 400 })
  for (let step = 0; step < STEPS; step++) {
    const inTransaction = random() < 0.6
    if (inTransaction) await writer.query('BEGIN')
    for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
      const sql = await pick([insert, change, change, update])()
      const savepoint = inTransaction && random() < 0.3
      if (savepoint) await writer.query('SAVEPOINT s')
      await writer.query(sql)
      if (inTransaction && random() < 0.15) await readToEnd(database, stream, replica)
      if (savepoint) await writer.query(random() < 0.5 ? 'ROLLBACK TO s' : 'RELEASE s')
    }
    if (inTransaction) await writer.query(random() < 0.8 ? 'COMMIT' : 'ROLLBACK')
    if (random() < 0.3) await check(stream)
  }
  await check(stream)
  expect(replica.schemaChanges.length).toBeGreaterThan(5)
  replica = new StreamReplica()
})

/** The table as SQL has it, under the schema that the stream has now. */
async function reread(database: TestDatabase, replica: StreamReplica): Promise<void> {
  const schema = replica.schemas.get('public.t')!
  const truth = await sqlRows(database, 't')
  expect(schema.columns.map((column) => column.name).sort()).toEqual(await columnNames(database))
  const table = new Map<string, Record<string, string | null>>()
  for (const row of truth) {
    const values = schema.columns.map((column) => [`c${column.id}`, row[column.name] ?? null] as const)
    table.set(JSON.stringify([row.id]), Object.fromEntries(values))
  }
  replica.tables.set('public.t', table)
  replica.rewritten.delete('public.t')
}

/** A few of them, instead of thousands of rows. */
function differences(found: readonly object[], truth: readonly object[]): string[] {
  const missing = new Set(truth.map((row) => JSON.stringify(Object.entries(row).sort())))
  const extra: string[] = []
  for (const row of found) {
    const text = JSON.stringify(Object.entries(row).sort())
    if (!missing.delete(text)) extra.push(`not in SQL: ${text}`)
  }
  return [...extra.slice(0, 5), ...[...missing].slice(0, 5).map((text) => `only in SQL: ${text}`)]
}

async function columnNames(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    "SELECT attname AS name FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped",
  )
  return rows.map((row) => row.name).sort()
}

/** Numbers in [0, 1) that are the same in each run. */
function generator(seed: number): () => number {
  let state = seed * 7919
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
