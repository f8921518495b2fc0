/** The merge: what a table looks like after changes, however they are cut into flushes. */
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

const NAMES = ['id', 'name', 'note'] as const

export function describeMerge(fixture: () => DestinationFixture): void {
  const live = (more = {}) =>
    DrivenTable.live(
      fixture(),
      ITEMS,
      [
        { values: { 1: '1', 2: 'one', 3: 'first' } },
        { values: { 1: '2', 2: 'two', 3: 'second' } },
        { values: { 1: '3', 2: 'three', 3: null } },
      ],
      more,
    )

  it('inserts, updates and deletes in one flush; a deleted row is marked and keeps its values', async () => {
    const table = await live()
    const counts = await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: '4', 2: 'four', 3: 'x' } },
      { op: 'u', position: at(12), values: { 1: '2', 2: 'zwei', 3: null } },
      { op: 'd', position: at(13), values: { 1: '3' } },
    ])
    expect(counts).toMatchObject({ inserted: 1, updated: 1, deleted: 1, quarantined: 0 })
    expect(await table.rows(...NAMES, '_source_position')).toEqual([
      `!3 three NULL ${at(13)}`,
      `1 one first ${before(10)}`,
      `2 zwei NULL ${at(12)}`,
      `4 four x ${at(11)}`,
    ])
  })

  it('hard delete removes the row', async () => {
    const table = await live({ hardDelete: true })
    await table.merge(20, [
      { op: 'd', position: at(11), values: { 1: '1' } },
      { op: 'i', position: at(12), values: { 1: '9', 2: 'nine', 3: null } },
      { op: 'd', position: at(13), values: { 1: '9' } },
    ])
    expect(await table.rows(...NAMES)).toEqual(['2 two second', '3 three NULL'])
  })

  it('a row inserted and deleted in one flush leaves a marked row with its last values', async () => {
    const table = await live()
    await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: '5', 2: 'five', 3: 'a' } },
      { op: 'u', position: at(12), values: { 1: '5', 2: 'fünf', 3: null }, unchanged: [3] },
      { op: 'd', position: at(13), values: { 1: '5' } },
    ])
    expect(await table.rows(...NAMES)).toContain('!5 fünf a')
  })

  it('a deleted key that is inserted again is one live row', async () => {
    const table = await live()
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    await table.merge(30, [{ op: 'i', position: at(21), values: { 1: '1', 2: 'again', 3: null } }])
    expect(await table.rows(...NAMES)).toEqual(['1 again NULL', '2 two second', '3 three NULL'])
  })

  it('unchanged values come from the table, or from an earlier change of the flush', async () => {
    const table = await live()
    await table.merge(
      20,
      [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno' }, unchanged: [3] }],
      [
        { op: 'u', position: at(12), values: { 1: '2', 2: 'dos', 3: 'changed' } },
        { op: 'u', position: at(13), values: { 1: '2', 2: 'DOS' }, unchanged: [3] },
        { op: 'u', position: at(14), values: { 1: '3' }, unchanged: [2, 3] },
      ],
    )
    expect(await table.rows(...NAMES)).toEqual(['1 uno first', '2 DOS changed', '3 three NULL'])
  })

  it('an unchanged NULL stays NULL and is not mistaken for a value that is missing', async () => {
    const table = await live()
    await table.merge(20, [{ op: 'u', position: at(11), values: { 1: '3', 2: 'drei' }, unchanged: [3] }])
    expect(await table.rows(...NAMES)).toContain('3 drei NULL')
  })

  it('a changed key moves the row: the old key is marked, the new one has the values', async () => {
    const table = await live()
    await table.merge(20, [{ op: 'u', position: at(11), values: { 1: '10', 2: 'ten', 3: 'x' }, oldKey: { 1: '1' } }])
    expect(await table.rows(...NAMES)).toEqual(['!1 one first', '10 ten x', '2 two second', '3 three NULL'])
  })

  it('a changed key with an unchanged value takes it from the old key as it was before', async () => {
    const table = await live()
    await table.merge(20, [
      { op: 'u', position: at(11), values: { 1: '10', 2: 'ten' }, oldKey: { 1: '1' }, unchanged: [3] },
      // The old key now has another row: its value must not be taken.
      { op: 'i', position: at(11, 2), values: { 1: '1', 2: 'new one', 3: 'other' } },
    ])
    expect(await table.rows(...NAMES)).toEqual(['1 new one other', '10 ten first', '2 two second', '3 three NULL'])
  })

  it('two rows that swap keys through a third in one transaction both survive with their unchanged values', async () => {
    const table = await live()
    const move = (ordinal: number, from: string, to: string, name: string) =>
      ({
        op: 'u',
        position: at(11, ordinal),
        values: { 1: to, 2: name },
        oldKey: { 1: from },
        unchanged: [3],
      }) as const
    await table.merge(20, [move(1, '1', '-1', 'one'), move(2, '2', '1', 'two'), move(3, '-1', '2', 'one')])
    expect(await table.rows(...NAMES)).toEqual(['!-1 one first', '1 two second', '2 one first', '3 three NULL'])
  })

  it('a row that moves many times keeps an unchanged value, and one that changed on the way', async () => {
    const table = await live()
    const steps = 40
    const changes = Array.from({ length: steps }, (_, step) => ({
      op: 'u' as const,
      position: at(11, step + 1),
      values: { 1: String(101 + step), 2: 'moved', ...(step === 20 ? { 3: 'on the way' } : {}) },
      oldKey: { 1: step === 0 ? '1' : String(100 + step) },
      ...(step === 20 ? {} : { unchanged: [3] }),
    }))
    const other = changes.map((change, step) => ({
      ...change,
      position: at(12, step + 1),
      values: { 1: String(201 + step), 2: 'moved' },
      oldKey: { 1: step === 0 ? '2' : String(200 + step) },
      unchanged: [3],
    }))
    await table.merge(20, changes, other)
    const rows = (await table.rows(...NAMES)).filter((row) => !row.startsWith('!'))
    expect(rows).toEqual(['140 moved on the way', '240 moved second', '3 three NULL'])
  })

  it('composite keys are compared column by column', async () => {
    const schema = schemaOf(
      'lines',
      [
        column(2, 'order', { kind: 'text' }),
        column(5, 'line', { kind: 'int32' }),
        column(7, 'qty', { kind: 'decimal', precision: 10, scale: 2 }),
      ],
      { kind: 'key', columnIds: [5, 2] },
    )
    const table = await DrivenTable.live(fixture(), schema, [
      { values: { 2: 'a', 5: '1', 7: '1.50' } },
      { values: { 2: 'a', 5: '2', 7: '2.50' } },
      { values: { 2: 'b', 5: '1', 7: '3.50' } },
    ])
    await table.merge(20, [
      { op: 'u', position: at(11), values: { 2: 'a', 5: '1', 7: '9.99' } },
      { op: 'u', position: at(12), values: { 2: 'c', 5: '1' }, oldKey: { 2: 'b', 5: '1' }, unchanged: [7] },
      { op: 'd', position: at(13), values: { 2: 'a', 5: '2' } },
    ])
    expect(await table.rows('order', 'line', 'qty')).toEqual(['!a 2 2.50', '!b 1 3.50', 'a 1 9.99', 'c 1 3.50'])
  })

  it('a truncate marks every row before it and none after it', async () => {
    const table = await live()
    const counts = await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: '4', 2: 'before', 3: null } },
      { op: 't', position: at(12) },
      { op: 'i', position: at(12, 2), values: { 1: '1', 2: 'after', 3: null } },
      { op: 'i', position: at(13), values: { 1: '5', 2: 'after too', 3: null } },
    ])
    expect(counts).toMatchObject({ inserted: 1, updated: 1, deleted: 3 })
    expect(await table.rows(...NAMES, '_source_position')).toEqual([
      `!2 two second ${at(12)}`,
      `!3 three NULL ${at(12)}`,
      `!4 before NULL ${at(12)}`,
      `1 after NULL ${at(12, 2)}`,
      `5 after too NULL ${at(13)}`,
    ])
  })

  it('a truncate with hard delete removes every row before it', async () => {
    const table = await live({ hardDelete: true })
    await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: '4', 2: 'before', 3: null } },
      { op: 't', position: at(12) },
      { op: 'i', position: at(13), values: { 1: '5', 2: 'after', 3: null } },
    ])
    expect(await table.rows(...NAMES)).toEqual(['5 after NULL'])
  })

  it('rows of aborted subtransactions do not exist', async () => {
    const table = await live()
    await table.merge(20, [
      { op: 'i', position: undefined, values: { 1: '7', 2: 'aborted', 3: null } },
      { op: 'd', position: undefined, values: { 1: '1' } },
      { op: 'u', position: at(11), values: { 1: '2', 2: 'kept', 3: null } },
    ])
    expect(await table.rows(...NAMES)).toEqual(['1 one first', '2 kept NULL', '3 three NULL'])
  })

  it('changes before the checkpoint are ignored where a file begins before it', async () => {
    const table = await live()
    await table.merge(20, [
      { op: 'd', position: at(5), values: { 1: '1' } },
      { op: 'u', position: at(9, 7), values: { 1: '2', 2: 'old', 3: 'old' } },
      { op: 'u', position: at(10), values: { 1: '3', 2: 'at the boundary', 3: null } },
    ])
    expect(await table.rows(...NAMES)).toEqual(['1 one first', '2 two second', '3 at the boundary NULL'])
  })

  it('a partial change without a row is reported, and nothing is committed', async () => {
    const table = await live()
    const files = await table.stage([
      [
        { op: 'u', position: at(11), values: { 1: '1', 2: 'x', 3: 'y' } },
        { op: 'u', position: at(12), values: { 1: '77', 2: 'new' }, unchanged: [3] },
        { op: 'u', position: at(13), values: { 1: '78', 2: 'moved' }, oldKey: { 1: '79' }, unchanged: [3] },
      ],
    ])
    const result = await table.flushParts([table.part(files, before(10))], before(20))
    expect(result).toEqual({
      outcome: 'incomplete',
      missing: [{ table: ITEMS.table, keys: ['["77"]', '["78"]'] }],
    })
    expect(await table.rows(...NAMES)).toEqual(['1 one first', '2 two second', '3 three NULL'])
    expect((await fixture().destination.checkpoints('shop', never))?.groups.get('')).toBe(before(10))
  })

  it('rows that were read again complete partial changes; those that are gone are dropped', async () => {
    const table = await live()
    const files = await table.stage([
      [
        { op: 'u', position: at(12), values: { 1: '77', 2: 'new' }, unchanged: [3] },
        { op: 'u', position: at(13), values: { 1: '78', 2: 'gone' }, unchanged: [3] },
        { op: 'u', position: at(14), values: { 1: '1', 2: 'uno' }, unchanged: [3] },
      ],
    ])
    const reread = await fixture().stage.snapshot(ITEMS, before(15), [{ values: { 1: '77', 2: 'newer', 3: 'read' } }])
    const part = { ...table.part(files, before(10)), completion: { files: [reread] } }
    const result = await table.flushParts([part], before(20))
    expect(result).toMatchObject({ outcome: 'committed' })
    expect(await table.rows(...NAMES, '_source_position')).toEqual([
      `1 uno first ${at(14)}`,
      `2 two second ${before(10)}`,
      `3 three NULL ${before(10)}`,
      `77 new read ${at(12)}`,
    ])
  })

  it('a row that is marked deleted is no base for unchanged values', async () => {
    const table = await live()
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    const files = await table.stage([[{ op: 'u', position: at(21), values: { 1: '1', 2: 'x' }, unchanged: [3] }]])
    const result = await table.flushParts([table.part(files, before(20))], before(30))
    expect(result).toMatchObject({ outcome: 'incomplete', missing: [{ keys: ['["1"]'] }] })
    const moved = { op: 'u', position: at(21), values: { 1: '9', 2: 'x' }, oldKey: { 1: '1' }, unchanged: [3] } as const
    const again = await table.flushParts([table.part(await table.stage([[moved]]), before(20))], before(30))
    expect(again).toMatchObject({ outcome: 'incomplete', missing: [{ keys: ['["9"]'] }] })
  })

  it('a delete of a row that is marked already leaves it as it is', async () => {
    const table = await live()
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    const counts = await table.merge(30, [{ op: 'd', position: at(21), values: { 1: '1' } }])
    expect(counts).toMatchObject({ deleted: 0 })
    expect(await table.rows('id', 'name', '_source_position')).toContain(`!1 one ${at(11)}`)
  })

  it('a delete of a row that was never there changes nothing', async () => {
    const table = await live()
    const counts = await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '99' } }])
    expect(counts).toMatchObject({ inserted: 0, updated: 0, deleted: 0 })
    expect(await table.rows(...NAMES)).toHaveLength(3)
  })

  it('several stage files, with and without the optional columns, are one sequence of changes', async () => {
    const table = await live()
    await table.merge(
      20,
      [{ op: 'i', position: at(11), values: { 1: '4', 2: 'a', 3: 'x' } }],
      [{ op: 'u', position: at(12), values: { 1: '4', 2: 'b' }, unchanged: [3] }],
      [{ op: 'u', position: at(13), values: { 1: '5', 2: 'c' }, oldKey: { 1: '4' }, unchanged: [3] }],
      [{ op: 'i', position: at(14), values: { 1: '4', 2: 'd', 3: null } }],
    )
    expect(await table.rows(...NAMES)).toEqual(['1 one first', '2 two second', '3 three NULL', '4 d NULL', '5 c x'])
  })

  it('text that looks like markers, quotes and wildcards stays what it is', async () => {
    const schema = schemaOf('we"ird [a]*?', [
      column(1, 'sel"ect', { kind: 'text' }),
      column(2, "it's", { kind: 'text' }),
    ])
    const odd = `,1,2, '";-- \\x00 %s __debezium_unavailable_value`
    const table = await DrivenTable.live(fixture(), schema, [{ values: { 1: odd, 2: null } }], { name: 'o"dd' })
    await table.merge(20, [
      { op: 'u', position: at(11), values: { 1: `${odd}2` }, oldKey: { 1: odd }, unchanged: [2] },
      { op: 'u', position: at(12), values: { 1: `${odd}2`, 2: odd } },
    ])
    expect(await table.rows('sel"ect', "it's")).toEqual([`!${odd} NULL`, `${odd}2 ${odd}`])
  })
}
