/** What only Snowflake does: DDL that commits by itself, replies that are lost, files on a stage of its own. */
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { Fault, TwinCall } from '../../src/snowflake-twin/faults.ts'
import { at, before, column, DrivenTable, ITEMS, never, schemaOf } from './destination-fixture.ts'
import { type SnowflakeFixture, SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
let fixture: SnowflakeFixture
beforeEach(async () => {
  fixture = await fixtures.open()
})
afterEach(async () => {
  fixture.twin.faults.clear()
  await fixture[Symbol.asyncDispose]()
})
afterAll(() => fixtures[Symbol.asyncDispose]())

const ONE = { values: { 1: '1', 2: 'one', 3: 'first' } }
const REFUSED: Fault = { kind: 'error', code: '000630', sqlState: '57014', message: 'Statement reached its limit' }

/** What happens to the first statement that contains the text, after one that contains `since`. */
function trouble(text: string, fault: Fault, since = ''): void {
  let isDue = since === ''
  fixture.twin.faults.once((call: TwinCall) => {
    const matches = isDue && call.kind === 'query' && call.sql?.includes(text) === true
    isDue ||= call.sql?.includes(since) === true
    return matches
  }, fault)
}

async function stageFiles(): Promise<readonly string[]> {
  const client = await fixture.client()
  return (await client.rows('LIST @_SIMPLYLOAD.STAGE')).map((row) => String(row.name).split('/').at(-1) ?? '')
}

test.each<readonly [string, string, Fault]>([
  ['the reply to COMMIT is lost', 'COMMIT', { kind: 'lost reply' }],
  ['the session ends before COMMIT', 'COMMIT', { kind: 'session gone' }],
  ['the reply to COPY is lost', 'COPY INTO', { kind: 'lost reply' }],
  ['a COPY is refused', 'COPY INTO', REFUSED],
  ['an upload is cut', 'PUT', { kind: 'cut upload' }],
  ['the network is cut at the MERGE', 'MERGE INTO', { kind: 'cut' }],
  ['the reply to the MERGE is lost', 'MERGE INTO', { kind: 'lost reply' }],
  ['the session ends in the MERGE', 'MERGE INTO', { kind: 'session gone' }],
  ['the MERGE is refused', 'MERGE INTO', REFUSED],
])('a flush changes the table once, though %s', async (_, text, fault) => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  const files = await table.stage([
    [
      { op: 'u', position: at(11), values: { 1: '1', 2: 'uno' }, unchanged: [3] },
      { op: 'i', position: at(12), values: { 1: '2', 2: 'two', 3: null } },
    ],
  ])
  const flush = table.flushOf([table.part(files, before(10))], before(20))
  trouble(text, fault)
  await fixture.destination.flush(flush, never).catch(() => undefined)
  expect(await fixture.destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
  expect(await table.rows('id', 'name', 'note')).toEqual(['1 uno first', '2 two NULL'])
})

test.each<readonly [string, string, Fault]>([
  ['the reply to COMMIT is lost', 'COMMIT', { kind: 'lost reply' }],
  ['the session ends before COMMIT', 'COMMIT', { kind: 'session gone' }],
  ['a COPY is refused', 'COPY INTO', REFUSED],
])('a file of a snapshot is loaded once, though %s', async (_, text, fault) => {
  const table = await DrivenTable.open(fixture, ITEMS)
  const { destination, lease, target } = table
  await destination.beginSnapshot(lease, target, ITEMS, false, never)
  const file = await fixture.stage.snapshot(ITEMS, before(10), [ONE])
  trouble(text, fault)
  await destination.loadSnapshot(lease, { target, files: [file] }, never).catch(() => undefined)
  await destination.loadSnapshot(lease, { target, files: [file] }, never)
  await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
  await table.promote(10, 10)
  expect(await table.rows('id')).toEqual(['1'])
})

test.each([
  ['before the tables are swapped', 'SWAP WITH', ''],
  ['after they were swapped', 'BEGIN', 'SWAP WITH'],
  ['before the old table is dropped', 'DROP TABLE', 'SWAP WITH'],
])('a promotion that breaks off %s goes on where it was', async (_, text, since) => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  await table.destination.resetCheckpoint(table.lease, ITEMS.table, never)
  await table.snapshot(20, [{ values: { 1: '2', 2: 'two', 3: null } }], 2)
  trouble(text, REFUSED, since)
  await expect(table.promote(20, 30, [], 2)).rejects.toThrow()
  await table.promote(20, 30, [], 2)
  expect(await table.rows('id', 'name')).toEqual(['!1 one', '2 two'])
  await table.destination.resetCheckpoint(table.lease, ITEMS.table, never)
  await table.snapshot(40, [{ values: { 1: '3', 2: 'three', 3: null } }], 3)
  await table.promote(40, 50, [], 3)
  expect(await table.rows('id', 'name')).toEqual(['!1 one', '!2 two', '3 three'])
})

test.each([
  ['a column that is written anew', 'DROP COLUMN'],
  ['its new name', 'RENAME COLUMN'],
  ['its mark', 'ALTER COLUMN'],
  ['a column that is added', 'ADD COLUMN "added"'],
  ['the value of older rows', 'SET "added"'],
])('a change of schema that breaks off before %s is finished the next time', async (_, text) => {
  const schema = schemaOf('things', [column(1, 'id', { kind: 'int64' }), column(2, 'count', { kind: 'int32' })])
  const table = await DrivenTable.live(fixture, schema, [{ values: { 1: '1', 2: '10' } }])
  table.schema = {
    ...schema,
    version: 2,
    columns: [
      column(1, 'id', { kind: 'int64' }),
      column(2, 'count', { kind: 'text' }),
      column(3, 'added', { kind: 'date' }, { missingValue: '2026-11-20' }),
    ],
  }
  const files = await table.stage([[{ op: 'i', position: at(11), values: { 1: '2', 2: 'many', 3: null } }]])
  const flush = () => table.flushParts([table.part(files, before(10))], before(20))
  trouble(text, REFUSED)
  await expect(flush()).rejects.toThrow()
  expect(await flush()).toMatchObject({ outcome: 'committed' })
  expect(await table.rows('id', 'count', 'added')).toEqual(['1 10 2026-11-20', '2 many NULL'])
})

test('nothing stays on the stage: after a flush at once, after one that failed when the lease is taken again', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  expect(await stageFiles()).toEqual([])
  const files = await table.stage([[{ op: 'd', position: at(11), values: { 1: '1' } }]])
  const flush = table.flushOf([table.part(files, before(10))], before(20))
  trouble('COPY INTO', REFUSED)
  await expect(fixture.destination.flush(flush, never)).rejects.toThrow()
  expect(await stageFiles()).toHaveLength(1)
  await fixture.destination.acquireLease('shop', never)
  expect(await stageFiles()).toEqual([])
})

test('with an external stage nothing is uploaded', async () => {
  await using outside = await fixtures.open('external')
  const { calls } = outside.twin.faults
  const earlier = calls.length
  const table = await DrivenTable.live(outside, ITEMS, [ONE])
  await table.merge(20, [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno', 3: null } }])
  expect(await table.rows('id', 'name')).toEqual(['1 uno'])
  const statements = calls.slice(earlier).flatMap((call) => call.sql ?? [])
  expect(statements.some((sql) => sql.startsWith('COPY INTO'))).toBe(true)
  expect(statements.filter((sql) => sql.startsWith('PUT'))).toEqual([])
})

test('a table whose columns somebody has changed is told apart by doctor', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  await fixture.run('ALTER TABLE shop_public.items DROP COLUMN note')
  const findings = await fixture.destination.examine([table.target], never)
  expect(findings.find((finding) => finding.subject === 'shop_public.items')).toMatchObject({
    level: 'error',
    message: 'is not as it was made: column note VARCHAR is missing',
  })
})

test('a stop does not wait for the lock of a client that died, and what was to be merged is merged the next time', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  const dead = await fixture.client()
  await dead.run('BEGIN')
  await dead.run(`UPDATE _SIMPLYLOAD."CHECKPOINTS_shop" SET epoch = epoch`)
  const files = await table.stage([[{ op: 'i', position: at(12), values: { 1: '2', 2: 'two', 3: null } }]])
  const flush = table.flushOf([table.part(files, before(10))], before(20))
  const stopping = AbortSignal.abort()
  await expect(fixture.destination.flush({ ...flush, stopping }, never)).rejects.toMatchObject({
    code: 'destination_locked',
  })
  await dead.run('ROLLBACK')
  expect(await fixture.destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
  expect(await table.rows('id')).toEqual(['1', '2'])
})

test('a name that somebody else has, and keeps from us, is an error of that table alone', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  const schema = schemaOf('things', ITEMS.columns)
  const other = await DrivenTable.open(fixture, schema)
  await other.snapshot(10, [ONE])
  trouble('RENAME TO', { kind: 'error', code: '002002', sqlState: '42710', message: "Object 'THINGS' already exists." })
  const files = await table.stage([[{ op: 'i', position: at(12), values: { 1: '2', 2: 'two', 3: null } }]])
  const promoted = { ...other.part([], before(10)), into: 'promote' as const }
  const flush = table.flushOf([table.part(files, before(10)), promoted], before(20))
  const lease = other.lease
  await expect(fixture.destination.flush({ ...flush, lease }, never)).rejects.toMatchObject({
    context: { table: 'public.things' },
    hint: expect.stringContaining('rename or drop it'),
  })
  const rest = { ...flush, lease, tables: flush.tables.slice(0, 1) }
  expect(await fixture.destination.flush(rest, never)).toMatchObject({ outcome: 'committed' })
  expect(await table.rows('id')).toEqual(['1', '2'])
})

test('a merge into a table that somebody has changed says what is not as it was made', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  await fixture.run('ALTER TABLE shop_public.items DROP COLUMN note')
  const files = await table.stage([[{ op: 'u', position: at(12), values: { 1: '1', 2: 'uno', 3: null } }]])
  const merge = () => table.flushParts([table.part(files, before(10))], before(20))
  await expect(merge()).rejects.toMatchObject({
    cause: new Error('it is not as it was made: column note VARCHAR is missing'),
    hint: expect.stringContaining('simplyload table resync public.items'),
    context: { table: 'public.items' },
  })
  await fixture.run('ALTER TABLE shop_public.items ADD COLUMN note VARCHAR')
  await merge()
  expect(await table.rows('id', 'name')).toEqual(['1 uno'])
})
