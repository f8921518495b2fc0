/** Snapshots: into a shadow table, each file once, and the swap that makes it the final one. */
import { expect, it } from 'vitest'
import { isPipelineError } from '../../src/core/errors.ts'
import {
  at,
  before,
  column,
  type DestinationFixture,
  DrivenTable,
  ITEMS,
  never,
  schemaOf,
} from './destination-fixture.ts'

const NAMES = ['id', 'name', 'note'] as const
const row = (id: number, name: string) => ({ values: { 1: String(id), 2: name, 3: null } })

export function describeSnapshots(fixture: () => DestinationFixture): void {
  it('a file is loaded once, however often it is asked', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    const first = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'a'), row(2, 'b')])
    const second = await fixture().stage.snapshot(ITEMS, before(10), [row(3, 'c')])
    expect(await destination.loadSnapshot(lease, { target, files: [first] }, never)).toMatchObject({ rows: 2 })
    expect(await destination.loadSnapshot(lease, { target, files: [first, second] }, never)).toMatchObject({ rows: 1 })
    expect(await destination.loadSnapshot(lease, { target, files: [first, second] }, never)).toMatchObject({ rows: 0 })
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
    await table.promote(10, 10)
    expect(await table.rows(...NAMES)).toEqual(['1 a NULL', '2 b NULL', '3 c NULL'])
  })

  it('a snapshot that begins anew forgets the earlier attempt, one that is kept does not', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    const first = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'a')])
    const second = await fixture().stage.snapshot(ITEMS, before(10), [row(2, 'b')])
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    await destination.loadSnapshot(lease, { target, files: [first] }, never)
    expect(await destination.beginSnapshot(lease, target, ITEMS, true, never)).toEqual([first.batchId])
    expect(await destination.loadSnapshot(lease, { target, files: [first] }, never)).toMatchObject({ rows: 0 })
    expect(await destination.beginSnapshot(lease, target, ITEMS, false, never)).toEqual([])
    expect(await destination.loadSnapshot(lease, { target, files: [second] }, never)).toMatchObject({ rows: 1 })
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
    await table.promote(10, 10)
    expect(await table.rows(...NAMES)).toEqual(['2 b NULL'])
  })

  it('an empty table becomes live', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 1, never)
    await table.promote(10, 10)
    expect(await table.rows(...NAMES)).toEqual([])
    await table.merge(20, [{ op: 'i', position: at(11), values: { 1: '1', 2: 'a', 3: null } }])
    expect(await table.rows(...NAMES)).toEqual(['1 a NULL'])
  })

  it('nothing of a table is visible before it is promoted', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await table.snapshot(10, [row(1, 'a')])
    await expect(table.rows(...NAMES)).rejects.toThrow()
  })

  it('of rows read by several snapshots the newest stays, and older changes do not touch them', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    // Row 2 moved from the second part, which is read later, to the first; row 4 only exists in the later one.
    const older = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'one at 10'), row(2, 'two at 10')])
    const newer = await fixture().stage.snapshot(ITEMS, before(30), [row(2, 'two at 30'), row(4, 'four at 30')])
    await destination.loadSnapshot(lease, { target, files: [newer] }, never)
    await destination.loadSnapshot(lease, { target, files: [older] }, never)
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 2, never)
    const files = await table.stage([
      [
        { op: 'u', position: at(11), values: { 1: '1', 2: 'one at 11', 3: null } },
        { op: 'u', position: at(12), values: { 1: '2', 2: 'two at 12', 3: null } },
        { op: 'd', position: at(13), values: { 1: '4' } },
        { op: 'i', position: at(14), values: { 1: '5', 2: 'five at 14', 3: null } },
        // Its row is as of 30 already: what it had at 15 is nowhere, and need not be.
        { op: 'u', position: at(15), values: { 1: '4', 2: 'four at 15' }, unchanged: [3] },
      ],
    ])
    await table.promote(10, 20, files)
    expect(await table.rows('id', 'name', '_source_position')).toEqual([
      `1 one at 11 ${at(11)}`,
      `2 two at 30 ${before(30)}`,
      `4 four at 30 ${before(30)}`,
      `5 five at 14 ${at(14)}`,
    ])
    await table.merge(40, [
      { op: 'd', position: at(25), values: { 1: '2' } },
      { op: 'u', position: at(31), values: { 1: '4', 2: 'four at 31', 3: null } },
    ])
    expect(await table.rows('id', 'name')).toEqual(['1 one at 11', '2 two at 30', '4 four at 31', '5 five at 14'])
  })

  it('a row that moved from a key whose row is newer than the move is read again', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    const older = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'one')])
    const newer = await fixture().stage.snapshot(ITEMS, before(30), [row(2, 'another row with this key')])
    await destination.loadSnapshot(lease, { target, files: [older, newer] }, never)
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 2, never)
    const files = await table.stage([
      [{ op: 'u', position: at(12), values: { 1: '3', 2: 'moved' }, oldKey: { 1: '2' }, unchanged: [3] }],
    ])
    const result = await table.promote(10, 20, files)
    expect(result).toMatchObject({ outcome: 'incomplete', missing: [{ keys: ['["3"]'] }] })
  })

  it('a truncate leaves rows alone that are newer than it', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    const older = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'one')])
    const newer = await fixture().stage.snapshot(ITEMS, before(30), [row(2, 'two')])
    await destination.loadSnapshot(lease, { target, files: [older, newer] }, never)
    await destination.finishSnapshot(lease, target, ITEMS, before(10), 2, never)
    const files = await table.stage([[{ op: 't', position: at(12) }]])
    await table.promote(10, 20, files)
    expect(await table.rows('id', 'name')).toEqual(['!1 one', '2 two'])
  })

  it('a table catches up out of sight, then joins the others at their boundary', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await table.snapshot(10, [row(1, 'a')])
    const first = await table.stage([[{ op: 'u', position: at(12), values: { 1: '1', 2: 'b', 3: null } }]])
    const { destination, lease } = table
    const alone = { ...table.part(first, before(10)), into: 'shadow' as const }
    const flush = { lease, to: before(15), tables: [alone], loadedMs: 0 }
    expect(await destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
    expect(await destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
    const waiting = await destination.checkpoints('shop', never)
    expect(waiting?.tables).toEqual([{ table: ITEMS.table, position: before(15), group: undefined }])
    const second = await table.stage([[{ op: 'i', position: at(16), values: { 1: '2', 2: 'c', 3: null } }]])
    await table.promote(15, 20, second)
    expect(await table.rows(...NAMES)).toEqual(['1 b NULL', '2 c NULL'])
    const live = await destination.checkpoints('shop', never)
    expect(live?.tables).toEqual([{ table: ITEMS.table, position: before(20), group: '' }])
  })

  it('a new snapshot of a live table replaces it; rows that are gone are marked, with their last values', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [row(1, 'a'), row(2, 'b'), row(3, 'c')])
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '3' } }])
    await fixture().run('CREATE SCHEMA reports; CREATE VIEW reports.items AS SELECT * FROM shop_public.items')
    await table.destination.resetCheckpoint(table.lease, ITEMS.table, never)
    await table.snapshot(100, [row(1, 'a2'), row(4, 'd')], 2)
    // The old table stays until the new one is complete.
    expect(await table.rows('id', 'name')).toEqual(['!3 c', '1 a', '2 b'])
    await table.promote(100, 100, [], 2)
    expect(await table.rows('id', 'name', '_source_position')).toEqual([
      `!2 b ${before(100, 2)}`,
      `!3 c ${at(11)}`,
      `1 a2 ${before(100, 2)}`,
      `4 d ${before(100, 2)}`,
    ])
    const seen = await fixture().rows('reports', 'items')
    expect(seen).toHaveLength(4)
  })

  it('with hard delete a new snapshot leaves nothing of the old rows', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [row(1, 'a'), row(2, 'b')], { hardDelete: true })
    await table.snapshot(100, [row(2, 'b2')], 2)
    await table.promote(100, 100, [], 2)
    expect(await table.rows('id', 'name')).toEqual(['2 b2'])
  })

  it('a new snapshot of a table whose columns changed keeps old columns and the values of marked rows', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [
      { values: { 1: '1', 2: 'a', 3: 'gone soon' } },
      { values: { 1: '2', 2: '12', 3: 'kept' } },
    ])
    const schema = schemaOf('items', [
      column(1, 'id', { kind: 'int64' }),
      column(2, 'name', { kind: 'int32' }),
      column(4, 'added', { kind: 'text' }),
    ])
    table.schema = schema
    await table.snapshot(100, [{ values: { 1: '1', 2: '5', 4: 'x' } }], 2)
    await table.promote(100, 100, [], 2)
    expect(await table.rows('id', 'name', 'name_old', 'note', 'added')).toEqual([
      '!2 NULL 12 kept NULL',
      '1 5 NULL NULL x',
    ])
  })

  it('a table that someone else made is not replaced', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await fixture().run('CREATE SCHEMA shop_public; CREATE TABLE shop_public."Items" AS SELECT 1 AS mine')
    const begin = table.destination.beginSnapshot(table.lease, table.target, ITEMS, false, never)
    await expect(begin).rejects.toSatisfy((error) => isPipelineError(error, 'destination_rejected'))
    expect(await fixture().rows('shop_public', 'Items')).toEqual([{ mine: '1' }])
  })

  it('missing, cut and short stage files are named', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    const { destination, lease, target } = table
    await destination.beginSnapshot(lease, target, ITEMS, false, never)
    const file = await fixture().stage.snapshot(ITEMS, before(10), [row(1, 'a')])
    const load = (path: string, rows = 1) =>
      destination.loadSnapshot(lease, { target, files: [{ ...file, path, rows }] }, never)
    await expect(load('nowhere/x.parquet')).rejects.toMatchObject({
      code: 'stage_file_missing',
      context: { table: 'public.items', file: 'nowhere/x.parquet' },
    })
    await expect(load(file.path, 2)).rejects.toMatchObject({ code: 'stage_file_damaged', context: { file: file.path } })
    const { readFile, writeFile } = await import('node:fs/promises')
    const bytes = await readFile(fixture().stage.location(file.path))
    await writeFile(fixture().stage.location(file.path), bytes.subarray(0, bytes.length - 20))
    await expect(load(file.path)).rejects.toMatchObject({ code: 'stage_file_damaged', context: { file: file.path } })
  })
}
