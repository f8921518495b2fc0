/** Tables without a key: bags, whose rows are counted by content, and tables that are only appended to. */
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { isPipelineError } from '../../src/core/errors.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import { at, before, column, type DestinationFixture, DrivenTable, schemaOf } from './destination-fixture.ts'

const COLUMNS = [column(1, 'a', { kind: 'text' }), column(2, 'b', { kind: 'int32' })]
const BAG = schemaOf('bag', COLUMNS, { kind: 'bag' })
const EVENTS = schemaOf('events', COLUMNS, { kind: 'append' })

function content(a: string, b: string | null): Omit<SnapshotRow, 'whole'> {
  const contentHash = createHash('sha256')
    .update(JSON.stringify([a, b]))
    .digest('hex')
    .slice(0, 32)
  return { values: { 1: a, 2: b }, contentHash }
}

const change = (op: 'i' | 'd', lsn: number, a: string, b: string | null = null): ChangeRow => ({
  op,
  position: at(lsn),
  ...content(a, b),
})

export function describeKeyless(fixture: () => DestinationFixture): void {
  it('copies of a row are counted: each delete takes one away, each insert brings one', async () => {
    const rows = [content('x', '1'), content('x', '1'), content('x', '1'), content('y', null)]
    const table = await DrivenTable.live(fixture(), BAG, rows)
    expect(await table.rows('a', 'b')).toEqual(['x 1', 'x 1', 'x 1', 'y NULL'])
    const counts = await table.merge(20, [
      change('d', 11, 'x', '1'),
      change('d', 12, 'x', '1'),
      change('i', 13, 'y'),
      change('i', 14, 'z', '5'),
    ])
    expect(counts).toMatchObject({ inserted: 2, updated: 0, deleted: 2 })
    expect(await table.rows('a', 'b')).toEqual(['!x 1', '!x 1', 'x 1', 'y NULL', 'y NULL', 'z 5'])
  })

  it('copies that are marked come to life again before new ones are made', async () => {
    const table = await DrivenTable.live(fixture(), BAG, [content('x', '1'), content('x', '1')])
    await table.merge(20, [change('d', 11, 'x', '1')])
    await table.merge(30, [change('i', 21, 'x', '1'), change('i', 22, 'x', '1')])
    expect(await table.rows('a', 'b')).toEqual(['x 1', 'x 1', 'x 1'])
    const ids = await table.rows('_fivetran_id')
    expect(new Set(ids).size).toBe(3)
  })

  it('a row inserted and deleted in one flush leaves a marked copy, as in two', async () => {
    const table = await DrivenTable.live(fixture(), BAG, [])
    await table.merge(20, [change('i', 11, 'x'), change('d', 12, 'x')])
    expect(await table.rows('a', 'b')).toEqual(['!x NULL'])
  })

  it('the order of deletes and inserts of one content does not matter to the count', async () => {
    const table = await DrivenTable.live(fixture(), BAG, [content('x', null), content('x', null)])
    await table.merge(20, [
      change('d', 11, 'x'),
      change('d', 12, 'x'),
      change('i', 13, 'x'),
      change('d', 14, 'x'),
      change('i', 15, 'x'),
    ])
    expect(await table.rows('a')).toEqual(['!x', 'x'])
  })

  it('a truncate marks all copies, and counting begins anew', async () => {
    const table = await DrivenTable.live(fixture(), BAG, [content('x', null), content('x', null), content('y', null)])
    await table.merge(20, [
      change('i', 11, 'x'),
      { op: 't', position: at(12) },
      change('i', 13, 'x'),
      change('i', 14, 'z'),
      { op: 't', position: at(15) },
      change('i', 16, 'x'),
      change('i', 17, 'x'),
    ])
    expect(await table.rows('a')).toEqual(['!x', '!y', '!z', 'x', 'x'])
  })

  it('hard delete removes copies', async () => {
    const rows = [content('x', null), content('x', null)]
    const table = await DrivenTable.live(fixture(), BAG, rows, { hardDelete: true })
    await table.merge(20, [change('d', 11, 'x'), change('i', 12, 'y'), change('d', 13, 'y')])
    expect(await table.rows('a')).toEqual(['x'])
  })

  it('a delete of content that is not there stops the table instead of hiding a loss', async () => {
    const table = await DrivenTable.live(fixture(), BAG, [content('x', null)])
    const merge = table.merge(20, [change('d', 11, 'x'), change('d', 12, 'x')])
    await expect(merge).rejects.toSatisfy(
      (error) => isPipelineError(error, 'source_gap') && error.context.table === 'public.bag',
    )
    expect(await table.rows('a')).toEqual(['x'])
  })

  it('a table without columns has as many rows as the source', async () => {
    const schema = schemaOf('nothing', [], { kind: 'bag' })
    const row = { values: {}, contentHash: 'e'.repeat(32) }
    const table = await DrivenTable.live(fixture(), schema, [row, row])
    await table.merge(20, [{ op: 'd', position: at(11), ...row }])
    expect(await table.rows('_fivetran_id')).toEqual([`!${row.contentHash}/2`, `${row.contentHash}/1`])
    const file = await fixture().stage.snapshot(schema, before(99), [row])
    const request = { target: table.target, schema, files: [file], limit: 5 }
    const signal = new AbortController().signal
    expect(await table.destination.compare(request, signal)).toMatchObject({ differing: 0, sourceRows: 1 })
  })

  it('rows that are only appended are all kept, equal ones too, each with an id of its own', async () => {
    const row = { values: { 1: 'x', 2: null } }
    const table = await DrivenTable.live(fixture(), EVENTS, [row, row])
    await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: 'x', 2: null } },
      { op: 'i', position: undefined, values: { 1: 'aborted', 2: null } },
      { op: 'i', position: at(12), values: { 1: 'x', 2: null } },
    ])
    expect(await table.rows('a')).toEqual(['x', 'x', 'x', 'x'])
    expect(new Set(await table.rows('_fivetran_id')).size).toBe(4)
  })

  it('a truncate marks appended rows before it', async () => {
    const table = await DrivenTable.live(fixture(), EVENTS, [{ values: { 1: 'old', 2: null } }])
    await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: 'before', 2: null } },
      { op: 't', position: at(12) },
      { op: 'i', position: at(13), values: { 1: 'after', 2: null } },
    ])
    expect(await table.rows('a', '_source_position')).toEqual([
      `!before ${at(12)}`,
      `!old ${at(12)}`,
      `after ${at(13)}`,
    ])
  })

  it('appended rows of several snapshot files do not share ids', async () => {
    const table = await DrivenTable.open(fixture(), EVENTS)
    const { destination, lease, target } = table
    const signal = new AbortController().signal
    await destination.beginSnapshot(lease, target, EVENTS, false, signal)
    for (const name of ['a', 'b', 'c']) {
      const rows = [{ values: { 1: name, 2: null } }, { values: { 1: name, 2: null } }]
      const file = await fixture().stage.snapshot(EVENTS, before(10), rows)
      expect(await destination.loadSnapshot(lease, { target, files: [file] }, signal)).toMatchObject({ rows: 2 })
    }
    await destination.finishSnapshot(lease, target, EVENTS, before(10), 1, signal)
    await table.promote(10, 10)
    expect(new Set(await table.rows('_fivetran_id')).size).toBe(6)
  })
}
