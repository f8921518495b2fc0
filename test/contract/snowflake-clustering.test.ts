/** Tables are clustered on request only, and the key follows the configuration and the columns. */
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { at, column, DrivenTable, ITEMS, schemaOf } from './destination-fixture.ts'
import { type SnowflakeFixture, SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
let fixture: SnowflakeFixture
beforeEach(async () => {
  fixture = await fixtures.open()
})
afterEach(() => fixture[Symbol.asyncDispose]())
afterAll(() => fixtures[Symbol.asyncDispose]())

const ROWS = [{ values: { 1: '1', 2: 'one', 3: null } }]
const insert = (lsn: number) => [{ op: 'i' as const, position: at(lsn), values: { 1: String(lsn), 2: 'x', 3: null } }]

async function clusterKey(): Promise<unknown> {
  const [row] = await (await fixture.client()).rows(`SHOW TABLES LIKE 'items' IN SCHEMA "shop_public"`)
  return row?.cluster_by
}

function clusterings(): number {
  return fixture.twin.faults.calls.filter((call) => call.kind === 'query' && /CLUSTER/.test(call.sql ?? '')).length
}

test('a table is made with its key, which changes with the configuration, and nothing is sent where it does not', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, ROWS, { clusterBy: ['name', 'id'] })
  expect(await clusterKey()).toBe('LINEAR("name", "id")')
  const before = clusterings()
  await table.merge(20, insert(11))
  expect(clusterings()).toBe(before)
  table.target = { ...table.target, clusterBy: ['id'] }
  await table.merge(30, insert(21))
  expect(await clusterKey()).toBe('LINEAR("id")')
  table.target = { ...table.target, clusterBy: undefined }
  await table.merge(40, insert(31))
  expect(await clusterKey()).toBe('LINEAR("id")')
  table.target = { ...table.target, clusterBy: [] }
  await table.merge(50, insert(41))
  expect(await clusterKey()).toBe('')
  expect(await table.rows('id')).toEqual(['1', '11', '21', '31', '41'])
})

test('the key follows columns that are renamed or written anew', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, ROWS, { clusterBy: ['id'] })
  table.schema = {
    ...ITEMS,
    version: 2,
    columns: [
      column(1, 'number', { kind: 'decimal', precision: 38, scale: 2 }, { nullable: false }),
      ...ITEMS.columns.slice(1),
    ],
  }
  table.target = { ...table.target, clusterBy: ['number'] }
  await table.merge(20, [{ op: 'i', position: at(11), values: { 1: '11.50', 2: 'x', 3: null } }])
  expect(await clusterKey()).toBe('LINEAR("number")')
  expect(await table.rows('number')).toEqual(['1.00', '11.50'])
})

test('a key that nothing is said about any more follows its columns, for Snowflake renames none that is in one', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, ROWS, { clusterBy: ['id'] })
  table.schema = {
    ...ITEMS,
    version: 2,
    columns: ITEMS.columns.map((each) => (each.id === 1 ? { ...each, name: 'number' } : each)),
  }
  table.target = { ...table.target, clusterBy: undefined }
  await table.merge(20, insert(11))
  expect(await clusterKey()).toBe('LINEAR("number")')
  expect(await table.rows('number')).toEqual(['1', '11'])
})

test('a column that the table does not have, or that cannot be in a key, is refused by name', async () => {
  const docs = schemaOf('docs', [column(1, 'id', { kind: 'int64' }), column(2, 'doc', { kind: 'json' })])
  for (const [name, why] of [
    ['dco', 'column "dco" is none of the table'],
    ['doc', 'column "doc" is a VARIANT'],
  ] as const) {
    await expect(DrivenTable.live(fixture, docs, [], { clusterBy: [name] })).rejects.toMatchObject({
      code: 'config_invalid',
      cause: { message: why },
    })
  }
})
