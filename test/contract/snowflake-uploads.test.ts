/** Small files of a table go to Snowflake as one, and nothing about their rows changes by it. */
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { TwinCall } from '../../src/snowflake-twin/faults.ts'
import { at, before, column, DrivenTable, ITEMS, never, schemaOf } from './destination-fixture.ts'
import { type SnowflakeFixture, SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
let fixture: SnowflakeFixture
let uploads: string[]
beforeEach(async () => {
  fixture = await fixtures.open()
  uploads = []
})
afterEach(async () => {
  fixture.twin.faults.clear()
  await fixture[Symbol.asyncDispose]()
})
afterAll(() => fixtures[Symbol.asyncDispose]())

const ONE = { values: { 1: '1', 2: 'one', 3: 'first' } }

function countUploads(of = fixture): void {
  of.twin.faults.plan = ({ kind, sql }: TwinCall) => {
    if (kind === 'query' && sql !== undefined && /^PUT/.test(sql)) uploads.push(sql)
    return undefined
  }
}

test('many small files of one table are one upload, in their order, also where columns come and go', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  countUploads()
  // Files with inserts alone, with updates that were sent in part, with deletes and with a changed key have other columns.
  await table.merge(
    60,
    [{ op: 'i', position: at(11), values: { 1: '2', 2: 'two', 3: null } }],
    [{ op: 'u', position: at(12), values: { 1: '1', 2: 'uno' }, unchanged: [3] }],
    [{ op: 'i', position: at(13), values: { 1: '3', 2: 'three', 3: 'x' } }],
    [{ op: 'd', position: at(14), values: { 1: '2' } }],
    [{ op: 'u', position: at(15), oldKey: { 1: '3' }, values: { 1: '4', 2: 'four', 3: 'y' } }],
    [{ op: 'u', position: at(16), values: { 1: '1', 2: 'eins' }, unchanged: [3] }],
    [{ op: 'i', position: at(17), values: { 1: '2', 2: 'zwei', 3: 'again' } }],
  )
  expect(uploads).toHaveLength(1)
  expect(await table.rows('id', 'name', 'note')).toEqual(['!3 three x', '1 eins first', '2 zwei again', '4 four y'])
})

test('versions of files that do not say when they were committed keep the time at which each was staged', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE], { write: 'history' })
  countUploads()
  const staged = await table.stage([
    [{ op: 'u', position: at(11), values: { 1: '1', 2: 'b', 3: 'x' } }],
    [{ op: 'u', position: at(12), values: { 1: '1', 2: 'c', 3: 'x' } }],
  ])
  const files = staged.map((file, index) => ({ ...file, stagedMs: Date.UTC(2026, 10, 20, 13, index) }))
  await table.flushParts([table.part(files, before(10))], before(20))
  expect(uploads).toHaveLength(2)
  expect((await table.rows('name', '_fivetran_start')).slice(0, 2)).toEqual([
    'b 2026-11-20 13:00:00+00',
    'c 2026-11-20 13:01:00+00',
  ])
})

test('versions of files that say it are one upload', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE], { write: 'history' })
  countUploads()
  const hour = (h: number) => Date.UTC(2026, 10, 20, h) * 1000
  await table.merge(
    20,
    [{ op: 'u', position: at(11), values: { 1: '1', 2: 'b', 3: 'x' }, committedUs: hour(14) }],
    [{ op: 'u', position: at(12), values: { 1: '1', 2: 'c', 3: 'x' }, committedUs: hour(15) }],
  )
  expect(uploads).toHaveLength(1)
  expect((await table.rows('name', '_fivetran_start')).slice(0, 2)).toEqual([
    'b 2026-11-20 14:00:00+00',
    'c 2026-11-20 15:00:00+00',
  ])
})

test('of files of a snapshot only those are uploaded that are not loaded', async () => {
  const table = await DrivenTable.open(fixture, ITEMS)
  const { destination, lease, target } = table
  await destination.beginSnapshot(lease, target, ITEMS, false, never)
  const row = (id: number) => ({ values: { 1: String(id), 2: 'n', 3: null } })
  const files = []
  for (const id of [1, 2, 3, 4]) files.push(await fixture.stage.snapshot(ITEMS, before(10), [row(id)]))
  countUploads()
  expect(await destination.loadSnapshot(lease, { target, files: files.slice(0, 2) }, never)).toMatchObject({ rows: 2 })
  expect(await destination.loadSnapshot(lease, { target, files }, never)).toMatchObject({ rows: 2 })
  expect(await destination.loadSnapshot(lease, { target, files }, never)).toMatchObject({ rows: 0 })
  expect(uploads).toHaveLength(2)
  await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
  await table.promote(10, 10)
  expect(await table.rows('id')).toEqual(['1', '2', '3', '4'])
})

test('rows without a key are told apart, whichever of the joined files they come from', async () => {
  const schema = schemaOf('log', [column(1, 'line', { kind: 'text' })], { kind: 'append' })
  const table = await DrivenTable.open(fixture, schema)
  const { destination, lease, target } = table
  await destination.beginSnapshot(lease, target, schema, false, never)
  const files = []
  for (const line of ['a', 'b', 'a'])
    files.push(await fixture.stage.snapshot(schema, before(10), [{ values: { 1: line } }]))
  expect(await destination.loadSnapshot(lease, { target, files }, never)).toMatchObject({ rows: 3 })
  await destination.finishSnapshot(lease, target, schema, before(10), 1, never)
  await table.promote(10, 10)
  const rows = await table.rows('_fivetran_id', 'line')
  expect(rows.map((each) => each.split(' ')[1]).sort()).toEqual(['a', 'a', 'b'])
  expect(new Set(rows.map((each) => each.split(' ')[0])).size).toBe(3)
})

test('with an external stage, what a transform has made is uploaded, and nothing else', async () => {
  const form = { kind: 'sql', sql: 'SELECT * FROM batch' } as const
  await using external = await fixtures.open('external')
  const table = await DrivenTable.live(external, ITEMS, [ONE])
  countUploads(external)
  await table.merge(20, [{ op: 'i', position: at(11), values: { 1: '2', 2: 'two', 3: null } }])
  expect(uploads).toHaveLength(0)
  table.target = { ...table.target, transform: { form, onError: 'stop', digest: 'd' } }
  await table.merge(30, [{ op: 'i', position: at(21), values: { 1: '3', 2: 'three', 3: null } }])
  expect(uploads).toHaveLength(1)
  expect(await table.rows('id', 'name')).toEqual(['1 one', '2 two', '3 three'])
})

test('where there is no folder for joined files the error says so, and what is staged waits', async () => {
  const table = await DrivenTable.live(fixture, ITEMS, [ONE])
  const insert = (id: number) =>
    [{ op: 'i', position: at(10 + id), values: { 1: String(id), 2: 'n', 3: null } }] as const
  const files = await table.stage([insert(2), insert(3)])
  const folder = process.env.TMPDIR
  process.env.TMPDIR = '/nowhere'
  try {
    await expect(table.flushParts([table.part(files, before(10))], before(20))).rejects.toMatchObject({
      code: 'stage_unavailable',
      hint: expect.stringContaining('TMPDIR'),
    })
  } finally {
    if (folder === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = folder
  }
  await table.flushParts([table.part(files, before(10))], before(20))
  expect(await table.rows('id')).toEqual(['1', '2', '3'])
})
