/** A comparison finds every difference, and names it. */
import { expect, it } from 'vitest'
import type { SnapshotRow } from '../support/stage-rows.ts'
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

const row = (id: number, name: string | null, note: string | null = null): SnapshotRow => ({
  values: { 1: String(id), 2: name, 3: note },
})
const ROWS = [row(1, 'one', 'a'), row(2, 'two', 'b'), row(3, 'three'), row(4, null, 'd')]

export function describeComparison(fixture: () => DestinationFixture): void {
  const compare = async (
    table: DrivenTable,
    rows: readonly SnapshotRow[],
    more: { readonly keys?: readonly string[]; readonly limit?: number } = {},
  ) => {
    const file = await fixture().stage.snapshot(table.schema, before(99), rows)
    const { target, schema } = table
    return table.destination.compare({ target, schema, files: [file], limit: 10, ...more }, never)
  }

  it('equal tables are equal, marked rows not counted', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [...ROWS, row(5, 'gone')])
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '5' } }])
    expect(await compare(table, ROWS)).toEqual({
      table: ITEMS.table,
      sourceRows: 4,
      destinationRows: 4,
      duplicateKeys: 0,
      differing: 0,
      explained: 0,
      examples: [],
      nullShares: [],
    })
  })

  it('missing, extra and different rows are named with their columns', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, ROWS)
    const found = await compare(table, [row(1, 'one', 'A'), row(2, null, null), row(3, 'three'), row(9, 'nine')])
    expect(found).toMatchObject({ sourceRows: 4, destinationRows: 4, differing: 4, explained: 0 })
    expect(found.examples).toEqual([
      { key: '["1"]', kind: 'different', columns: ['note'], position: before(10) },
      { key: '["2"]', kind: 'different', columns: ['name', 'note'], position: before(10) },
      { key: '["4"]', kind: 'extra', columns: [], position: before(10) },
      { key: '["9"]', kind: 'missing', columns: [], position: undefined },
    ])
    expect(found.nullShares).toEqual([{ column: 'note', source: 0.75, destination: 0.25 }])
  })

  it('examples are bounded, the count is not', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, ROWS)
    const found = await compare(table, [], { limit: 2 })
    expect(found.differing).toBe(4)
    expect(found.examples.map((example) => example.key)).toHaveLength(2)
  })

  it('with keys, only those rows are compared', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, ROWS)
    const found = await compare(table, [row(2, 'two', 'b')], { keys: ['["2"]', '["3"]'] })
    expect(found).toMatchObject({ sourceRows: 1, destinationRows: 2, differing: 1 })
    expect(found.examples).toMatchObject([{ key: '["3"]', kind: 'extra' }])
  })

  it('keys with more than one row are counted', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, ROWS)
    await fixture().run('INSERT INTO shop_public.items SELECT * FROM shop_public.items WHERE id = 1')
    expect(await compare(table, ROWS)).toMatchObject({ duplicateKeys: 1, destinationRows: 5 })
  })

  it('values in quarantine explain a NULL, and whole rows a missing one; nothing else', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [
      { ...row(1, null), quarantine: [{ columnId: 2, reason: 'r', raw: 'x', key: '["1"]' }] },
      { ...row(2, null), quarantine: [{ columnId: 2, reason: 'r', raw: 'x', key: '["2"]' }] },
      { ...row(3, 'wrong'), quarantine: [{ columnId: 2, reason: 'r', raw: 'x', key: '["3"]' }] },
      { values: {}, whole: true, quarantine: [{ columnId: 0, reason: 'r', raw: 'x', key: '["4"]' }] },
    ])
    const found = await compare(table, [
      row(1, 'x'),
      row(2, 'x', 'also differs'),
      row(3, 'x'),
      row(4, 'whole'),
      row(5, 'y'),
    ])
    expect(found).toMatchObject({ differing: 3, explained: 2 })
    expect(found.examples.map(({ key, kind }) => [key, kind])).toEqual([
      ['["2"]', 'different'],
      ['["3"]', 'different'],
      ['["5"]', 'missing'],
    ])
  })

  it('a column that the destination does not have yet differs where it has values', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [row(1, 'one'), row(2, 'two')])
    table.schema = { ...ITEMS, columns: [...ITEMS.columns, column(4, 'added', { kind: 'text' })], version: 2 }
    const found = await compare(table, [row(1, 'one'), { values: { 1: '2', 2: 'two', 3: null, 4: 'x' } }])
    expect(found).toMatchObject({ differing: 1, examples: [{ key: '["2"]', columns: ['added'] }] })
  })

  it('rows without a key are compared by counting', async () => {
    const schema = schemaOf('bag', [column(1, 'a', { kind: 'text' })], { kind: 'bag' })
    const content = (a: string): SnapshotRow => ({ values: { 1: a }, contentHash: a.repeat(32).slice(0, 32) })
    const table = await DrivenTable.live(fixture(), schema, [content('x'), content('x'), content('y')])
    expect(await compare(table, [content('y'), content('x'), content('x')])).toMatchObject({ differing: 0 })
    const found = await compare(table, [content('x'), content('z'), content('z')])
    expect(found).toMatchObject({ sourceRows: 3, destinationRows: 3, differing: 4 })
    expect(found.examples).toEqual([
      { key: 'x'.repeat(32), kind: 'extra', columns: [], position: before(10) },
      { key: 'y'.repeat(32), kind: 'extra', columns: [], position: before(10) },
      { key: 'z'.repeat(32), kind: 'missing', columns: [], position: undefined },
    ])
  })

  it('a table that is not there yet is an error that says so', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await expect(compare(table, ROWS)).rejects.toMatchObject({ code: 'not_found' })
  })
}
