/** What streams go on from: kept with the rows, and true of what people see. */
import { expect, it } from 'vitest'
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

const ONE = { values: { 1: '1', 2: 'one', 3: 'first' } }

export function describeTokens(fixture: () => DestinationFixture): void {
  const tokens = () => fixture().destination.tokens('shop', never)

  async function flush(table: DrivenTable, id: number, to: number, token: string, from = table.position) {
    const files = await table.stage([[{ op: 'i', position: at(to - 1), values: { 1: String(id), 2: 'x', 3: null } }]])
    const part = { ...table.part(files, from ?? before(0)), token: { token, schema: table.schema } }
    const asked = table.flushOf([part], before(to))
    await table.destination.flush(asked, never)
    return asked
  }

  it('a token is there with the rows of its flush, until the next one', async () => {
    expect(await tokens()).toEqual([])
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    expect(await tokens()).toEqual([])
    const long = JSON.stringify({ files: "it's ".repeat(50_000) })
    await flush(table, 2, 20, long)
    expect(await tokens()).toEqual([{ table: ITEMS.table, position: before(20), token: long, schema: ITEMS }])
    table.position = before(20)
    await flush(table, 3, 30, '{"n":2}')
    table.position = before(30)
    await table.merge(40, [{ op: 'i', position: at(35), values: { 1: '4', 2: 'x', 3: null } }])
    expect(await tokens()).toMatchObject([{ position: before(30), token: '{"n":2}' }])
    expect(await (await fixture().openAnother()).tokens('shop', never)).toHaveLength(1)
  })

  it('a flush that was carried out already, or is refused, changes no token', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const first = await flush(table, 2, 20, 'first')
    await table.destination.flush({ ...first, tables: [] }, never)
    await table.destination.flush(first, never)
    expect(await tokens()).toMatchObject([{ position: before(20), token: 'first' }])
    await fixture().destination.acquireLease('shop', never)
    table.position = before(20)
    await expect(flush(table, 3, 30, 'second')).rejects.toMatchObject({ code: 'lease_lost' })
    expect(await tokens()).toMatchObject([{ token: 'first' }])
    expect(await table.rows('id')).toEqual(['1', '2'])
  })

  it('a table that is promoted has its token with it, and none while it is read again', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await table.snapshot(10, [ONE])
    const part = { ...table.part([], before(10)), into: 'promote' as const, token: { token: 'new', schema: ITEMS } }
    await table.flushParts([part], before(20))
    expect(await tokens()).toMatchObject([{ token: 'new' }])
    await table.destination.beginSnapshot(table.lease, table.target, ITEMS, false, never)
    expect(await tokens()).toEqual([])
  })

  it('a checkpoint that is reset takes the token with it, and that of no other table', async () => {
    const other = schemaOf('other', [column(1, 'id', { kind: 'int64' }), column(2, 'v', { kind: 'text' })])
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const second = await DrivenTable.open(fixture(), other)
    await second.snapshot(10, [])
    const token = { token: 'b', schema: other }
    await second.flushParts([{ ...second.part([], before(10)), into: 'promote' as const, token }], before(20))
    table.lease = second.lease
    table.position = before(20)
    await flush(table, 2, 30, 'a', before(20))
    expect((await tokens()).map(({ token }) => token)).toEqual(['a', 'b'])
    await second.destination.detach(second.lease, other.table, never)
    await second.destination.resetCheckpoint(second.lease, ITEMS.table, never)
    expect((await tokens()).map(({ token }) => token)).toEqual(['b'])
    await second.destination.resetCheckpoint(second.lease, undefined, never)
    expect(await tokens()).toEqual([])
  })
}
