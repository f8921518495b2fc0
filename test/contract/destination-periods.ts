/** Days that are removed: rows of a day that are older than the removal go, those that came with it or after it stay. */
import { expect, it } from 'vitest'
import type { ColumnType } from '../../src/core/table-schema.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
import { at, before, column, type DestinationFixture, DrivenTable, schemaOf } from './destination-fixture.ts'

const salesOf = (type: ColumnType, identity: 'append' | 'key' = 'append') =>
  schemaOf(
    'sales',
    [
      column(1, 'id', { kind: 'int64' }, { nullable: identity === 'append' }),
      column(2, 'sold', type),
      column(3, 'what', { kind: 'text' }),
    ],
    identity === 'append' ? { kind: 'append' } : { kind: 'key', columnIds: [1] },
  )
const SALES = salesOf({ kind: 'date' })

const sale = (lsn: number, id: number, sold: string | null, what = 'old'): ChangeRow => ({
  op: 'i',
  position: at(lsn, id),
  values: { 1: String(id), 2: sold, 3: what },
})
const gone = (lsn: number, sold: string): ChangeRow => ({ op: 'p', position: at(lsn), values: { 2: sold } })

export function describePeriods(fixture: () => DestinationFixture): void {
  async function merge(table: DrivenTable, to: number, days: readonly ChangeRow[], rows: readonly ChangeRow[] = []) {
    const removal = await fixture().stage.removal(table.schema, 2, days)
    const files = rows.length === 0 ? [removal] : [removal, await fixture().stage.changes(table.schema, rows)]
    const result = await table.flushParts([table.part(files, table.position ?? before(0))], before(to))
    if (result.outcome !== 'committed') throw new Error('Rows are missing')
    return result.tables[0]
  }

  it('rows of the days go and others stay, those without a day too', async () => {
    const table = await DrivenTable.live(fixture(), SALES, [])
    const days = ['2024-02-29', '2024-03-01', '2024-03-02', '2024-03-31', '2024-04-01', null]
    await table.merge(
      20,
      days.map((day, index) => sale(15, index + 1, day)),
    )
    const counts = await merge(
      table,
      30,
      ['2024-03-01', '2024-03-02', '2024-03-31'].map((day) => gone(25, day)),
    )
    expect(counts).toMatchObject({ inserted: 0, updated: 0, deleted: 3 })
    expect(await table.rows('id', 'sold')).toEqual(['1 2024-02-29', '5 2024-04-01', '6 NULL'])
  })

  it('what replaces a day comes with its removal, and stays', async () => {
    const table = await DrivenTable.live(fixture(), SALES, [])
    await table.merge(20, [sale(15, 1, '2024-03-01'), sale(15, 2, '2024-03-02')])
    const counts = await merge(table, 30, [gone(25, '2024-03-01')], [sale(26, 7, '2024-03-01', 'new')])
    expect(counts).toMatchObject({ inserted: 1, deleted: 1 })
    expect(await table.rows('id', 'what')).toEqual(['2 old', '7 new'])
  })

  it('a removal that comes after rows of the same flush takes them too', async () => {
    const table = await DrivenTable.live(fixture(), SALES, [])
    const rows = await fixture().stage.changes(SALES, [sale(21, 1, '2024-03-01'), sale(21, 2, '2024-03-02')])
    const removal = await fixture().stage.removal(SALES, 2, [gone(22, '2024-03-01')])
    const later = await fixture().stage.changes(SALES, [sale(23, 3, '2024-03-01')])
    await table.flushParts([table.part([rows, removal, later], before(10))], before(30))
    expect(await table.rows('id')).toEqual(['2', '3'])
  })

  it('a flush that is repeated after a lost reply changes nothing more', async () => {
    const table = await DrivenTable.live(fixture(), SALES, [])
    await table.merge(20, [sale(15, 1, '2024-03-01'), sale(15, 2, '2024-03-02')])
    const removal = await fixture().stage.removal(SALES, 2, [gone(25, '2024-03-01')])
    const rows = await fixture().stage.changes(SALES, [sale(26, 3, '2024-03-01')])
    const flush = table.flushOf([table.part([removal, rows], before(20))], before(30))
    for (let attempt = 0; attempt < 2; attempt++) await table.destination.flush(flush, new AbortController().signal)
    expect(await table.rows('id')).toEqual(['2', '3'])
  })

  it.each(['timestamp', 'timestamptz'] as const)('a day of %s lasts from midnight to midnight in UTC', async (kind) => {
    const schema = salesOf({ kind })
    const zone = kind === 'timestamptz' ? '+00' : ''
    const table = await DrivenTable.live(fixture(), schema, [])
    const times = [
      '2024-02-29 23:59:59.999999',
      '2024-03-01 00:00:00',
      '2024-03-01 23:59:59.999999',
      '2024-03-02 00:00:00',
    ]
    await table.merge(
      20,
      times.map((time, index) => sale(15, index + 1, time + zone)),
    )
    await merge(table, 30, [gone(25, `2024-03-01 00:00:00${zone}`)])
    expect(await table.rows('id')).toEqual(['1', '4'])
  })

  it('rows of a table with a key are removed, not marked, and may come again', async () => {
    const table = await DrivenTable.live(fixture(), salesOf({ kind: 'date' }, 'key'), [])
    await table.merge(20, [sale(15, 1, '2024-03-01'), sale(15, 2, '2024-03-02')])
    await merge(table, 30, [gone(25, '2024-03-01')], [sale(26, 2, '2024-03-01', 'moved')])
    expect(await table.rows('id', 'sold', 'what')).toEqual(['2 2024-03-01 moved'])
    await table.merge(40, [sale(35, 1, '2024-03-01', 'again')])
    expect(await table.rows('id', 'what')).toEqual(['1 again', '2 moved'])
  })
}
