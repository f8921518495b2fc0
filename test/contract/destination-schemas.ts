/** Tables follow the schema of their source while they are merged. */
import { expect, it } from 'vitest'
import type { Column, TableSchema } from '../../src/core/table-schema.ts'
import { at, before, column, type DestinationFixture, DrivenTable, schemaOf } from './destination-fixture.ts'

const ID = column(1, 'id', { kind: 'int64' }, { nullable: false })
const NAME = column(2, 'name', { kind: 'text' })
const COUNT = column(3, 'count', { kind: 'int32' })
const V1 = schemaOf('things', [ID, NAME, COUNT])

function next(schema: TableSchema, ...columns: readonly Column[]): TableSchema {
  return { ...schema, columns, version: schema.version + 1 }
}

export function describeSchemas(fixture: () => DestinationFixture): void {
  const live = (more = {}) =>
    DrivenTable.live(
      fixture(),
      V1,
      [{ values: { 1: '1', 2: 'one', 3: '10' } }, { values: { 1: '2', 2: 'two', 3: '20' } }],
      more,
    )
  /** Merges changes that were staged with the given schemas. */
  const mergeWith = async (
    table: DrivenTable,
    to: number,
    ...parts: readonly (readonly [TableSchema, Parameters<DrivenTable['fixture']['stage']['changes']>[1]])[]
  ) => {
    const files = []
    for (const [schema, rows] of parts) files.push(await fixture().stage.changes(schema, rows))
    const newest = parts.at(-1)?.[0] ?? table.schema
    return table.flushParts([table.part(files, table.position ?? before(0), newest)], before(to))
  }

  it('an added column is NULL in rows that are there, and in changes that were staged before it', async () => {
    const table = await live()
    const V2 = next(V1, ID, NAME, COUNT, column(4, 'added', { kind: 'text' }))
    await mergeWith(
      table,
      20,
      [V1, [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno', 3: '11' } }]],
      [V2, [{ op: 'i', position: at(12), values: { 1: '3', 2: 'three', 3: '30', 4: 'new' } }]],
    )
    expect(await table.rows('id', 'name', 'count', 'added')).toEqual([
      '1 uno 11 NULL',
      '2 two 20 NULL',
      '3 three 30 new',
    ])
  })

  it('an added column with a constant default has it in rows that are there and in changes staged before it', async () => {
    const table = await live()
    const added = column(4, 'state', { kind: 'text' }, { missingValue: "it's new" })
    const number = column(5, 'price', { kind: 'decimal', precision: 8, scale: 2 }, { missingValue: '9.5' })
    const flag = column(6, 'flag', { kind: 'bool' }, { missingValue: 't' })
    const bytes = column(7, 'raw', { kind: 'bytes' }, { missingValue: '\\x00ff' })
    const V2 = next(V1, ID, NAME, COUNT, added, number, flag, bytes)
    await mergeWith(
      table,
      20,
      [
        V1,
        [
          { op: 'u', position: at(11), values: { 1: '1', 2: 'uno', 3: '11' } },
          { op: 'i', position: at(12), values: { 1: '3', 2: 'three', 3: '30' } },
        ],
      ],
      [V2, [{ op: 'i', position: at(13), values: { 1: '4', 2: 'four', 3: '40', 4: null } }]],
    )
    expect(await table.rows('id', 'state', 'price', 'flag', 'raw')).toEqual([
      "1 it's new 9.50 true \\x00\\xFF",
      "2 it's new 9.50 true \\x00\\xFF",
      "3 it's new 9.50 true \\x00\\xFF",
      '4 NULL NULL NULL NULL',
    ])
  })

  it('a column that is gone is kept, and is NULL in rows that are written from then on', async () => {
    const table = await live()
    const V2 = next(V1, ID, NAME)
    await mergeWith(
      table,
      20,
      [V1, [{ op: 'i', position: at(11), values: { 1: '3', 2: 'three', 3: '30' } }]],
      [V2, [{ op: 'u', position: at(12), values: { 1: '1', 2: 'uno' } }]],
    )
    expect(await table.rows('id', 'name', 'count')).toEqual(['1 uno NULL', '2 two 20', '3 three 30'])
  })

  it('a renamed column is renamed, and keeps its values', async () => {
    const table = await live()
    await mergeWith(table, 20, [
      next(V1, ID, { ...NAME, name: 'title' }, COUNT),
      [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno' }, unchanged: [3] }],
    ])
    expect(await table.rows('id', 'title', 'count')).toEqual(['1 uno 10', '2 two 20'])
  })

  it('two columns that swap their names swap them', async () => {
    const table = await live()
    await mergeWith(table, 20, [
      next(V1, ID, { ...NAME, name: 'count' }, { ...COUNT, name: 'name' }),
      [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno', 3: '11' } }],
    ])
    expect(await table.rows('id', 'count', 'name')).toEqual(['1 uno 11', '2 two 20'])
  })

  it('a name that changes by case alone is changed', async () => {
    const table = await live()
    await mergeWith(table, 20, [
      next(V1, ID, { ...NAME, name: 'NAME' }, COUNT),
      [{ op: 'i', position: at(11), values: { 1: '3', 2: 'x', 3: '1' } }],
    ])
    expect(Object.keys((await fixture().rows('shop_public', 'things'))[0] ?? {})).toContain('NAME')
  })

  it('a column that is dropped and added again is a new one, and the old values stay beside it', async () => {
    const table = await live()
    await mergeWith(table, 20, [
      next(V1, ID, NAME, column(4, 'count', { kind: 'text' })),
      [{ op: 'i', position: at(11), values: { 1: '3', 2: 'three', 4: 'many' } }],
    ])
    expect(await table.rows('id', 'count', 'count_old')).toEqual(['1 NULL 10', '2 NULL 20', '3 many NULL'])
  })

  it('types widen along the lattice, and older files still fit', async () => {
    const table = await live()
    const V2 = next(V1, ID, NAME, { ...COUNT, type: { kind: 'int64' } })
    await mergeWith(
      table,
      20,
      [V1, [{ op: 'i', position: at(11), values: { 1: '3', 2: 'three', 3: '30' } }]],
      [V2, [{ op: 'i', position: at(12), values: { 1: '4', 2: 'four', 3: '5000000000' } }]],
    )
    const V3 = next(V2, ID, NAME, { ...COUNT, type: { kind: 'decimal', precision: 21, scale: 2 } })
    await mergeWith(table, 30, [V3, [{ op: 'i', position: at(21), values: { 1: '5', 2: 'five', 3: '0.25' } }]])
    const V4 = next(V3, ID, NAME, { ...COUNT, type: { kind: 'text' } })
    await mergeWith(
      table,
      40,
      [V3, [{ op: 'i', position: at(31), values: { 1: '6', 2: 'six', 3: '7.5' } }]],
      [V4, [{ op: 'i', position: at(32), values: { 1: '7', 2: 'seven', 3: '1e400' } }]],
    )
    expect(await table.rows('id', 'count')).toEqual([
      '1 10.00',
      '2 20.00',
      '3 30.00',
      '4 5000000000.00',
      '5 0.25',
      '6 7.50',
      '7 1e400',
    ])
  })

  it('evolve: a type that does not fit begins a new column; the old values stay beside it', async () => {
    const table = await live()
    const V2 = next(V1, ID, NAME, { ...COUNT, type: { kind: 'date' } })
    await mergeWith(
      table,
      20,
      [V1, [{ op: 'i', position: at(11), values: { 1: '3', 2: 'three', 3: '30' } }]],
      [V2, [{ op: 'i', position: at(12), values: { 1: '4', 2: 'four', 3: '2026-11-20' } }]],
    )
    expect(await table.rows('id', 'count', 'count_old')).toEqual([
      '1 NULL 10',
      '2 NULL 20',
      '3 NULL 30',
      '4 2026-11-20 NULL',
    ])
  })

  it('discard: a column whose type does not fit is left out from then on', async () => {
    const table = await live({ schemaChanges: 'discard' })
    const V2 = next(V1, ID, NAME, { ...COUNT, type: { kind: 'date' } })
    await mergeWith(table, 20, [V2, [{ op: 'i', position: at(12), values: { 1: '4', 2: 'four', 3: '2026-11-20' } }]])
    await mergeWith(table, 30, [V2, [{ op: 'i', position: at(22), values: { 1: '5', 2: 'five', 3: '2026-11-20' } }]])
    expect(await table.rows('id', 'count')).toEqual(['1 10', '2 20', '4 NULL', '5 NULL'])
  })

  it('freeze: the table stops, and the error names the column', async () => {
    const table = await live({ schemaChanges: 'freeze' })
    const V2 = next(V1, ID, NAME, { ...COUNT, type: { kind: 'date' } })
    const flush = mergeWith(table, 20, [
      V2,
      [{ op: 'i', position: at(12), values: { 1: '4', 2: 'four', 3: '2026-11-20' } }],
    ])
    await expect(flush).rejects.toMatchObject({
      code: 'source_schema_frozen',
      context: { table: 'public.things', column: 'count' },
    })
    expect(await table.rows('id', 'count')).toEqual(['1 10', '2 20'])
  })

  it('a key whose type does not fit stops the table whatever the policy', async () => {
    const table = await live()
    const V2 = next(V1, { ...ID, type: { kind: 'date' } }, NAME, COUNT)
    const flush = mergeWith(table, 20, [
      V2,
      [{ op: 'i', position: at(12), values: { 1: '2026-11-20', 2: 'four', 3: '1' } }],
    ])
    await expect(flush).rejects.toMatchObject({ code: 'source_schema_frozen', context: { column: 'id' } })
  })

  it('names that differ only by case, and names of our own columns, each get a column', async () => {
    const schema = schemaOf('odd', [
      column(1, 'Id', { kind: 'int64' }),
      column(2, 'id', { kind: 'text' }),
      column(3, '_source_position', { kind: 'text' }),
      column(4, '_FIVETRAN_deleted', { kind: 'text' }),
      column(5, 'rowid', { kind: 'int32' }),
      column(6, 'id_2', { kind: 'text' }),
    ])
    const values = { 1: '1', 2: 'a', 3: 'mine', 4: 'also mine', 5: '7', 6: 'b' }
    const table = await DrivenTable.live(fixture(), schema, [{ values }])
    await table.merge(20, [{ op: 'u', position: at(11), values: { ...values, 2: 'z' } }])
    const names = ['Id', 'id_2', '_source_position_2', '_FIVETRAN_deleted_2', 'rowid_2', 'id_2_2', '_source_position']
    expect(await table.rows(...names)).toEqual([`1 z mine also mine 7 b ${at(11)}`])
  })

  it('changed names of our own columns are changed in the table', async () => {
    const table = await live()
    table.target = { ...table.target, loadTimeColumn: 'loaded_at', deletedColumn: 'is_deleted' }
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    expect(await table.rows('id')).toEqual(['!1', '2'])
    expect(Object.keys((await fixture().rows('shop_public', 'things'))[0] ?? {})).toEqual([
      'id',
      'name',
      'count',
      'loaded_at',
      'is_deleted',
      '_source_position',
    ])
  })

  it('views on the table keep working through changes', async () => {
    const table = await live()
    await fixture().run('CREATE VIEW shop_public.v AS SELECT id, name FROM shop_public.things')
    const V2 = next(V1, ID, NAME, { ...COUNT, type: { kind: 'int64' } }, column(4, 'added', { kind: 'text' }))
    await mergeWith(table, 20, [V2, [{ op: 'd', position: at(11), values: { 1: '1' } }]])
    expect(await fixture().rows('shop_public', 'v')).toHaveLength(2)
  })

  it('every type arrives as its own, edge values included', async () => {
    const schema = schemaOf('types', [
      column(1, 'id', { kind: 'uuid' }),
      column(2, 'bool', { kind: 'bool' }),
      column(3, 'int16', { kind: 'int16' }),
      column(4, 'int64', { kind: 'int64' }),
      column(5, 'float32', { kind: 'float32' }),
      column(6, 'float64', { kind: 'float64' }),
      column(7, 'decimal', { kind: 'decimal', precision: 38, scale: 10 }),
      column(8, 'bytes', { kind: 'bytes' }),
      column(9, 'json', { kind: 'json' }),
      column(10, 'date', { kind: 'date' }),
      column(11, 'time', { kind: 'time' }),
      column(12, 'timestamp', { kind: 'timestamp' }),
      column(13, 'timestamptz', { kind: 'timestamptz' }),
    ])
    const values = {
      1: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      2: 'true',
      3: '-32768',
      4: '-9223372036854775808',
      5: 'nan',
      6: '-inf',
      7: '-1234567890123456789012345678.0123456789',
      8: '\\x00\\xFF',
      9: fixture().edges?.json ?? '{"a": [1, null, "\\u00e9"], "a": 2}',
      10: fixture().edges?.date ?? '0044-03-15 (BC)',
      11: fixture().edges?.time ?? '24:00:00',
      12: '0001-01-01 00:00:00.000001',
      13: '9999-12-31 23:59:59.999999+00',
    }
    const table = await DrivenTable.live(fixture(), schema, [{ values }])
    const key = { 1: 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' }
    await table.merge(20, [{ op: 'i', position: at(11), values: { ...values, ...key } }])
    const names = schema.columns.slice(1).map((each) => each.name)
    const expected = Object.entries(values)
      .filter(([id]) => id !== '1')
      .map(([, value]) => value)
      .join(' ')
    expect(await table.rows(...names)).toEqual([expected, expected])
  })
}
