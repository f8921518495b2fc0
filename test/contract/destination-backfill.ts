/** Rows that are read again while their table goes on. */
import { expect, it } from 'vitest'
import type { FlushResult } from '../../src/core/destination.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { RowRange } from '../../src/core/table-schema.ts'
import {
  at,
  before,
  column,
  type DestinationFixture,
  DrivenTable,
  ITEMS,
  LOADED_MS,
  never,
  schemaOf,
} from './destination-fixture.ts'

const row = (id: number, name: string) => ({ values: { 1: String(id), 2: name, 3: null } })
const insert = (lsn: number, id: number, name: string) => ({
  op: 'i' as const,
  position: at(lsn),
  values: row(id, name).values,
})
const update = (lsn: number, id: number, name: string) => ({ ...insert(lsn, id, name), op: 'u' as const })
const remove = (lsn: number, id: number) => ({ op: 'd' as const, position: at(lsn), values: { 1: String(id) } })

class Backfilled {
  readonly table: DrivenTable
  readonly #loaded = new Set<string>()

  constructor(table: DrivenTable) {
    this.table = table
  }

  /** Changes that are merged while the backfill is open. */
  async merge(to: number, ...changes: Parameters<DrivenTable['stage']>[0][number][]): Promise<void> {
    const { table } = this
    const files = await table.stage(changes)
    const part = { ...table.part(files, table.position ?? before(0)), tombstones: true }
    expect(await table.flushParts([part], before(to))).toMatchObject({ outcome: 'committed' })
  }

  chunk(lsn: number, ...rows: readonly ReturnType<typeof row>[]): Promise<StageFile> {
    return this.table.fixture.stage.snapshot(this.table.schema, before(lsn), rows)
  }

  load(...files: readonly StageFile[]): Promise<FlushResult> {
    const { lease, position = before(0), destination } = this.table
    const part = { ...this.table.part(files, position), into: 'backfill' as const, tombstones: true }
    for (const file of files) this.#loaded.add(file.batchId)
    return destination.flush({ lease, to: position, tables: [part], loadedMs: LOADED_MS }, never)
  }

  finish(lsn: number, deleteMissing = true, range?: RowRange, more: readonly string[] = []) {
    const { lease, destination, target, schema } = this.table
    const batchIds = [...this.#loaded, ...more]
    const end = { target, schema, position: before(lsn), deleteMissing, batchIds, loadedMs: LOADED_MS }
    return destination.finishBackfill(lease, range === undefined ? end : { ...end, range }, never)
  }
}

export function describeBackfill(fixture: () => DestinationFixture): void {
  const begin = async (rows: readonly ReturnType<typeof row>[], more: { readonly hardDelete?: boolean } = {}) =>
    new Backfilled(await DrivenTable.live(fixture(), ITEMS, rows, more))

  it('mends rows that are wrong and rows that are missing, and moves no boundary', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'wrong')])
    const { table } = backfill
    await backfill.merge(20, [insert(15, 9, 'nine')])
    const result = await backfill.load(await backfill.chunk(18, row(1, 'one'), row(2, 'two'), row(3, 'three')))
    expect(result).toMatchObject({ tables: [{ inserted: 1, updated: 2, deleted: 0, quarantined: 0 }] })
    expect(await table.rows('id', 'name', '_source_position')).toEqual([
      `1 one ${before(18)}`,
      `2 two ${before(18)}`,
      `3 three ${before(18)}`,
      `9 nine ${at(15)}`,
    ])
    const checkpoints = await table.destination.checkpoints('shop', never)
    expect(checkpoints?.tables).toEqual([{ table: ITEMS.table, position: before(20), group: '' }])
    await table.merge(30, [update(25, 3, 'three at 25'), remove(26, 2)])
    expect(await table.rows('id', 'name')).toEqual(['!2 two', '1 one', '3 three at 25', '9 nine'])
  })

  it('a row that was changed after it was read is not set back', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'two')])
    await backfill.merge(30, [update(25, 1, 'one at 25'), insert(26, 3, 'three at 26')])
    await backfill.load(await backfill.chunk(20, row(1, 'one at 20'), row(2, 'two at 20'), row(3, 'an earlier three')))
    expect(await backfill.table.rows('id', 'name')).toEqual(['1 one at 25', '2 two at 20', '3 three at 26'])
  })

  for (const hardDelete of [false, true]) {
    const mode = hardDelete ? 'rows are removed' : 'rows are marked'

    it(`a row that was deleted after it was read does not come back, where ${mode}`, async () => {
      const backfill = await begin([row(1, 'one'), row(2, 'two')], { hardDelete })
      // Row 3 was missing, so its delete found nothing.
      await backfill.merge(30, [remove(25, 1), remove(26, 3)])
      await backfill.load(await backfill.chunk(20, row(1, 'one'), row(2, 'two'), row(3, 'three')))
      expect(await backfill.finish(20)).toBe(0)
      expect(await backfill.table.rows('id')).toEqual(hardDelete ? ['2'] : ['!1', '2'])
    })

    it(`a key that a row has left after it was read does not come back, where ${mode}`, async () => {
      const backfill = await begin([row(1, 'one')], { hardDelete })
      const moved = { ...update(25, 7, 'one'), oldKey: { 1: '1' } }
      const unseen = { ...update(26, 8, 'two'), oldKey: { 1: '2' } }
      await backfill.merge(30, [moved, unseen])
      await backfill.load(await backfill.chunk(20, row(1, 'one'), row(2, 'two')))
      expect(await backfill.finish(20)).toBe(0)
      expect(await backfill.table.rows('id')).toEqual(hardDelete ? ['7', '8'] : ['!1', '7', '8'])
    })

    it(`a truncate after the reading is not undone, where ${mode}`, async () => {
      const backfill = await begin([row(1, 'one')], { hardDelete })
      await backfill.merge(30, [{ op: 't', position: at(25) }, insert(26, 3, 'three')])
      await backfill.load(await backfill.chunk(20, row(1, 'one'), row(2, 'two'), row(3, 'an earlier three')))
      expect(await backfill.finish(20)).toBe(0)
      expect(await backfill.table.rows('id', 'name')).toEqual(hardDelete ? ['3 three'] : ['!1 one', '3 three'])
    })

    it(`what was deleted before the reading and is there again comes back, where ${mode}`, async () => {
      const backfill = await begin([row(1, 'one')], { hardDelete })
      await backfill.merge(30, [remove(15, 1), { op: 't', position: at(16) }])
      await backfill.load(await backfill.chunk(20, row(1, 'one again')))
      expect(await backfill.table.rows('id', 'name')).toEqual(['1 one again'])
    })

    it(`rows that the source has no more are deleted at the end, once, where ${mode}`, async () => {
      const backfill = await begin([row(1, 'one'), row(2, 'lost'), row(3, 'lost too')], { hardDelete })
      await backfill.merge(30, [insert(25, 4, 'four')])
      await backfill.load(await backfill.chunk(20, row(1, 'one')))
      expect(await backfill.finish(20)).toBe(2)
      expect(await backfill.finish(20)).toBe(0)
      const expected = hardDelete
        ? [`1 ${before(20)}`, `4 ${at(25)}`]
        : [`!2 ${before(20)}`, `!3 ${before(20)}`, `1 ${before(20)}`, `4 ${at(25)}`]
      expect(await backfill.table.rows('id', '_source_position')).toEqual(expected)
    })
  }

  it('of a range of keys only rows inside of it are missed, its ends included', async () => {
    const backfill = await begin([1, 2, 3, 4, 5].map((id) => row(id, 'old')))
    await backfill.merge(30)
    await backfill.load(await backfill.chunk(20, row(3, 'new')))
    expect(await backfill.finish(20, true, { columnId: 1, from: '2', to: '4' })).toBe(2)
    expect(await backfill.table.rows('id', 'name')).toEqual(['!2 old', '!4 old', '1 old', '3 new', '5 old'])
  })

  it('a range that is open on one side reaches as far as there are rows', async () => {
    const backfill = await begin([1, 2, 3].map((id) => row(id, 'old')))
    await backfill.merge(30)
    expect(await backfill.finish(20, true, { columnId: 1, from: '3' })).toBe(1)
    expect(await backfill.finish(20, true, { columnId: 1, to: '1' })).toBe(1)
    expect(await backfill.table.rows('id')).toEqual(['!1', '!3', '2'])
  })

  it('where rows of the range cannot be told by their keys, none is missed', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'two')])
    await backfill.merge(30)
    await backfill.load(await backfill.chunk(20, row(1, 'one')))
    expect(await backfill.finish(20, false, { columnId: 2, from: 'a', to: 'z' })).toBe(0)
    expect(await backfill.table.rows('id')).toEqual(['1', '2'])
  })

  it('a file is merged once, with what it put aside, however often it is asked', async () => {
    const backfill = await begin([row(1, 'one')])
    await backfill.merge(30)
    const quarantine = [{ columnId: 3, reason: 'numeric NaN', raw: 'NaN', key: '["2"]' }]
    const file = await backfill.table.fixture.stage.snapshot(ITEMS, before(20), [{ ...row(2, 'two'), quarantine }])
    expect(await backfill.load(file)).toMatchObject({ tables: [{ inserted: 1, quarantined: 1 }] })
    expect(await backfill.load(file)).toMatchObject({ tables: [{ inserted: 0, updated: 0, quarantined: 0 }] })
    const kept = await backfill.table.destination.quarantine('shop', { limit: 10 }, never)
    expect(kept.map(({ key, column: name, raw }) => [key, name, raw])).toEqual([['["2"]', 'note', 'NaN']])
  })

  it('where a file was not merged here, nothing is deleted, and it is said', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'two')])
    await backfill.merge(30)
    await backfill.load(await backfill.chunk(20, row(1, 'one')))
    expect(await backfill.finish(20, true, undefined, ['merged into a newer copy'])).toBeUndefined()
    expect(await backfill.table.rows('id')).toEqual(['1', '2'])
  })

  it('of a row that was read twice, at different times, the newer reading stays', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'two')])
    await backfill.merge(40)
    const older = await backfill.chunk(20, row(1, 'one at 20'), row(2, 'two at 20'))
    const newer = await backfill.chunk(30, row(1, 'one at 30'))
    await backfill.load(newer)
    await backfill.load(older)
    expect(await backfill.finish(20)).toBe(0)
    expect(await backfill.table.rows('id', 'name')).toEqual(['1 one at 30', '2 two at 20'])
    await backfill.load(await backfill.chunk(30, row(1, 'x')), await backfill.chunk(35, row(1, 'y')))
    expect(await backfill.table.rows('id', 'name')).toEqual(['1 y', '2 two at 20'])
  })

  it('a table whose form has moved on since takes the rows in its present form', async () => {
    const backfill = await begin([row(1, 'one'), row(2, 'two')])
    const { table } = backfill
    const chunk = await backfill.chunk(20, row(1, 'one at 20'), row(3, 'three at 20'))
    const added = column(4, 'kind', { kind: 'text' }, { missingValue: 'plain' })
    const moved = schemaOf('items', [...ITEMS.columns.filter(({ id }) => id !== 3), added])
    table.schema = { ...moved, version: 2 }
    await backfill.merge(30, [{ op: 'u', position: at(25), values: { 1: '2', 2: 'two at 25', 4: 'fancy' } }])
    await backfill.load(chunk)
    await backfill.merge(40, [{ op: 'i', position: at(35), values: { 1: '4', 2: 'four', 4: 'fancy' } }])
    expect(await table.rows('id', 'name', 'kind')).toEqual([
      '1 one at 20 plain',
      '2 two at 25 fancy',
      '3 three at 20 plain',
      '4 four fancy',
    ])
  })

  it('a next backfill is not in the way of what an earlier one had to remember', async () => {
    const backfill = await begin([row(1, 'one')], { hardDelete: true })
    await backfill.merge(30, [remove(25, 1), { op: 't', position: at(26) }])
    await backfill.finish(20)
    await backfill.table.merge(40, [insert(35, 1, 'one again'), remove(36, 1)])
    await backfill.load(await backfill.chunk(38, row(1, 'one at 38')))
    expect(await backfill.table.rows('id', 'name')).toEqual(['1 one at 38'])
  })

  it('a key of several columns is known by all of them', async () => {
    const schema = schemaOf(
      'pairs',
      [column(1, 'a', { kind: 'text' }), column(2, 'b', { kind: 'decimal', precision: 20, scale: 2 })],
      { kind: 'key', columnIds: [1, 2] },
    )
    const values = (a: string, b: string) => ({ 1: a, 2: b })
    const table = await DrivenTable.live(fixture(), schema, [{ values: values('x","y', '1.50') }], { hardDelete: true })
    const backfill = new Backfilled(table)
    await backfill.merge(30, [
      { op: 'd', position: at(25), values: values('x","y', '1.50') },
      { op: 'd', position: at(26), values: values('x', '1.50') },
    ])
    const rows = [values('x","y', '1.50'), values('x', '1.50'), values('y', '1.50')].map((each) => ({ values: each }))
    await backfill.load(await fixture().stage.snapshot(schema, before(20), rows))
    expect(await table.rows('a', 'b')).toEqual(['y 1.50'])
  })
}
