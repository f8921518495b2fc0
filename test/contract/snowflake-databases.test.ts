/** Tables in other databases than that of the destination, which has the checkpoints. */
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { at, before, DrivenTable, ITEMS, LOADED_MS, never, schemaOf, targetOf } from './destination-fixture.ts'
import { type SnowflakeFixture, SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
let fixture: SnowflakeFixture
beforeEach(async () => {
  fixture = await fixtures.open()
  await fixture.twin.sql('CREATE DATABASE "other"')
})
afterEach(async () => {
  await fixture.twin.sql('DROP DATABASE "other"')
  await fixture[Symbol.asyncDispose]()
})
afterAll(() => fixtures[Symbol.asyncDispose]())

const ONE = { values: { 1: '1', 2: 'one', 3: 'first' } }

async function names(database: string, schema = 'shop_public'): Promise<readonly string[]> {
  const client = await fixture.client()
  const rows = await client.rows(`SELECT "id", "name" FROM "${database}"."${schema}"."items" ORDER BY 1`)
  return rows.map((row) => `${row.id} ${row.name}`)
}

async function schemas(database: string): Promise<readonly unknown[]> {
  const rows = await (await fixture.client()).rows(`SHOW SCHEMAS IN DATABASE "${database}"`)
  return rows.map((row) => row.name)
}

test('a table is read, merged, changed and read again in its database; nothing else of ours is there', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE], { database: 'other' })
  await table.merge(20, [
    { op: 'u', position: at(11), values: { 1: '1', 2: 'uno' }, unchanged: [3] },
    { op: 'i', position: at(12), values: { 1: '2', 2: 'two', 3: null } },
  ])
  expect(await names('other')).toEqual(['1 uno', '2 two'])
  const [id, name, note] = ITEMS.columns
  table.schema = { ...ITEMS, version: 2, columns: [id!, { ...name!, name: 'title' }, note!] }
  await table.merge(30, [{ op: 'i', position: at(25), values: { 1: '3', 2: 'three', 3: null } }])
  table.schema = { ...ITEMS, version: 3 }
  await table.merge(40, [{ op: 'i', position: at(35), values: { 1: '4', 2: 'four', 3: null } }])
  await table.destination.resetCheckpoint(table.lease, ITEMS.table, never)
  await table.snapshot(50, [{ values: { 1: '4', 2: 'quattro', 3: null } }], 2)
  await table.promote(50, 60, [], 2)
  expect((await names('other')).at(-1)).toBe('4 quattro')
  expect(await schemas('other')).toEqual(expect.arrayContaining(['shop_public']))
  expect(await schemas('other')).not.toContain('_SIMPLYLOAD')
  const files = [await fixture.stage.snapshot(ITEMS, before(999), [{ values: { 1: '4', 2: 'quattro', 3: null } }])]
  const compared = await table.destination.compare({ target: table.target, schema: ITEMS, files, limit: 5 }, never)
  expect(compared).toMatchObject({ sourceRows: 1, destinationRows: 1, differing: 0 })
})

test('tables of two databases with one name change in one transaction, or not at all', async () => {
  const here = await DrivenTable.live(fixture, ITEMS, [ONE])
  const schema = schemaOf('things', ITEMS.columns)
  const { destination, lease } = here
  const target = targetOf(schema, { database: 'other', name: 'items' })
  await destination.beginSnapshot(lease, target, schema, false, never)
  const file = await fixture.stage.snapshot(schema, before(10), [ONE])
  await destination.loadSnapshot(lease, { target, files: [file] }, never)
  await destination.finishSnapshot(lease, target, schema, before(10), 1, never)
  const promoted = { target, schema, files: [], from: before(10), into: 'promote' as const }
  await here.flushParts([promoted], before(10))
  const change = (of: typeof schema, name: string) =>
    fixture.stage.changes(of, [{ op: 'u', position: at(12), values: { 1: '1', 2: name, 3: null } }])
  const parts = [
    here.part([await change(ITEMS, 'here')], before(10)),
    { target, schema, files: [await change(schema, 'there')], from: before(10), into: 'final' as const },
  ]
  const flush = { ...here.flushOf(parts, before(20)), loadedMs: LOADED_MS }
  fixture.twin.faults.once(({ kind, sql }) => kind === 'query' && sql === 'COMMIT', { kind: 'session gone' })
  await expect(destination.flush(flush, never)).rejects.toThrow()
  fixture.twin.faults.clear()
  expect([await names('other'), await names('TEST_2')]).toEqual([['1 one'], ['1 one']])
  expect(await destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
  expect([await names('other'), await names('TEST_2')]).toEqual([['1 there'], ['1 here']])
})

test('doctor names a database that is not there, and what makes it', async () => {
  const target = targetOf(ITEMS, { database: 'nowhere' })
  const findings = await fixture.destination.examine([target], never)
  expect(findings.filter(({ level }) => level === 'error')).toEqual([
    expect.objectContaining({
      subject: 'database nowhere',
      fix: expect.stringContaining(
        'CREATE DATABASE "nowhere"; GRANT USAGE, CREATE SCHEMA ON DATABASE "nowhere" TO ROLE',
      ),
    }),
  ])
})

test('a session that was left in the other database is not used again', async () => {
  const table = await DrivenTable.open(fixture, ITEMS, { database: 'other' })
  const { destination, lease, target } = table
  const gone = { kind: 'session gone' } as const
  fixture.twin.faults.once(({ kind, sql }) => kind === 'query' && sql?.startsWith('USE DATABASE') === true, gone)
  await expect(destination.beginSnapshot(lease, target, ITEMS, false, never)).rejects.toThrow()
  await table.snapshot(10, [ONE])
  await table.promote(10, 10)
  expect(await names('other')).toEqual(['1 one'])
  expect(await schemas('other')).not.toContain('_SIMPLYLOAD')
})
