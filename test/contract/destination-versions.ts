/** Tables that keep every version of a row. */
import { expect, it } from 'vitest'
import type { Position } from '../../src/core/position.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'
import { randomHistory } from '../support/row-history.ts'
import { type ChangeRow, type SnapshotRow, timestampOfUs } from '../support/stage-rows.ts'
import { dated, replayVersions } from '../support/version-history.ts'
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
import { check, playFlushes, startEmpty } from './history-player.ts'
import { change, insert, move, remove, row, START_US, touch, truncate, update, us } from './version-changes.ts'

const NO_FAULTS = { duplicates: 0, overlaps: 0, gaps: 0, severalActive: 0 }
export function describeVersions(fixture: () => DestinationFixture): void {
  let tables = 0
  const nextSchema = () => ({ ...ITEMS, table: { ...ITEMS.table, name: `versions_${++tables}` } })

  /** Live, with rows of a snapshot that was taken at second 0. */
  const live = async (rows: readonly SnapshotRow[], schema: TableSchema = ITEMS) => {
    const table = await DrivenTable.open(fixture(), schema, { write: 'history' })
    await table.snapshot(10, rows, 1, us(0))
    await table.promote(10, 10)
    return table
  }

  it('a snapshot begins a version of each row when it was taken, and an update the next one', async () => {
    const table = await live([row(1, 'one'), row(2, 'two', 'n')])
    expect(await table.merge(20, [update(15, 5, 2, 'deux', 'n'), insert(16, 6.5, 3, 'three')])).toMatchObject({
      inserted: 1,
      updated: 1,
      deleted: 0,
    })
    expect(await versionsOf(table)).toEqual([
      `1 one NULL from 0 on at ${before(10)}`,
      `2 deux n from 5 on at ${at(15)}`,
      `2 two n from 0 to 4.999999 at ${before(10)}`,
      `3 three NULL from 6.5 on at ${at(16)}`,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('many changes of one key in one transaction are one version', async () => {
    const table = await live([row(1, 'one')])
    const changes = Array.from({ length: 200 }, (_, index) => change('u', at(15, index + 1), 5, 1, `v${index}`, null))
    const visitor = [change('i', at(15, 201), 5, 9, 'visitor', null), remove(15, 5, 9, 202)]
    await table.merge(20, changes.slice(0, 90), [...changes.slice(90), ...visitor])
    expect(await versionsOf(table)).toEqual([
      `1 one NULL from 0 to 4.999999 at ${before(10)}`,
      `1 v199 NULL from 5 on at ${at(15, 200)}`,
    ])
  })

  it('a delete ends the version and says so; the row that comes again begins another', async () => {
    const table = await live([row(1, 'one'), row(2, 'two')])
    const deleted = [`1 one NULL from 0 to 5 deleted at ${at(15)}`, `2 two NULL from 0 on at ${before(10)}`]
    await table.merge(20, [remove(15, 5, 1)])
    expect(await versionsOf(table)).toEqual(deleted)
    await table.merge(40, [
      remove(25, 6, 1),
      insert(35, 8, 1, 'again'),
      remove(36, 9, 1),
      insert(37, 10, 1, 'and again'),
    ])
    expect(await versionsOf(table)).toEqual([
      `1 again NULL from 8 to 9 deleted at ${at(36)}`,
      `1 and again NULL from 10 on at ${at(37)}`,
      ...deleted,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('delete and insert in one transaction are the next version, without a gap', async () => {
    const table = await live([row(1, 'one')])
    await table.merge(20, [remove(15, 5, 1), change('i', at(15, 2), 5, 1, 'replaced', null)])
    expect(await versionsOf(table)).toEqual([
      `1 one NULL from 0 to 4.999999 at ${before(10)}`,
      `1 replaced NULL from 5 on at ${at(15, 2)}`,
    ])
  })

  it('where commit times stand still or go back, each version begins a microsecond after the one before', async () => {
    const table = await live([row(1, 'one')])
    await table.merge(20, [update(15, 5, 1, 'a'), update(16, 5, 1, 'b'), update(17, 4, 1, 'c')])
    await table.merge(30, [update(25, 3, 1, 'd'), remove(26, 2, 1), insert(27, 2, 1, 'e')])
    expect(await versionsOf(table)).toEqual([
      `1 a NULL from 5 to 5 at ${at(15)}`,
      `1 b NULL from 5.000001 to 5.000001 at ${at(16)}`,
      `1 c NULL from 5.000002 to 5.000002 at ${at(17)}`,
      `1 d NULL from 5.000003 to 5.000004 deleted at ${at(26)}`,
      `1 e NULL from 5.000005 on at ${at(27)}`,
      `1 one NULL from 0 to 4.999999 at ${before(10)}`,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('a change of key ends the versions of the old key and begins those of the new one, with the values that stay', async () => {
    const table = await live([row(1, 'one', 'long note')])
    await table.merge(20, [move(15, 5, 1, 2, 'moved')])
    await table.merge(30, [move(25, 6, 2, 3, 'again'), touch(26, 7, 3, 'touched')])
    expect(await versionsOf(table)).toEqual([
      `1 one long note from 0 to 5 deleted at ${at(15)}`,
      `2 moved long note from 5 to 6 deleted at ${at(25)}`,
      `3 again long note from 6 to 6.999999 at ${at(25)}`,
      `3 touched long note from 7 on at ${at(26)}`,
    ])
  })

  it('values that were not sent are those of the version before, in the same flush and in an earlier one', async () => {
    const table = await live([row(1, 'one', 'first')])
    await table.merge(20, [touch(15, 5, 1, 'a')])
    await table.merge(30, [touch(21, 6, 1, 'b'), update(22, 7, 1, 'c', 'second'), touch(23, 8, 1, 'd')])
    await table.merge(40, [
      touch(31, 9, 1, 'e'),
      remove(32, 10, 1),
      insert(33, 11, 1, 'f', 'third'),
      touch(34, 12, 1, 'g'),
    ])
    const notes = (await versionsOf(table)).map((version) => version.split(' ').slice(1, 3).join(' '))
    expect(notes.sort()).toEqual([
      'a first',
      'b first',
      'c second',
      'd second',
      'e second',
      'f third',
      'g third',
      'one first',
    ])
  })

  it('a truncate ends what lives, each row once', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three')])
    await table.merge(30, [
      update(15, 5, 1, 'changed before'),
      remove(16, 6, 2),
      truncate(17, 7),
      { ...truncate(18, 8) },
      insert(19, 9, 1, 'after'),
    ])
    expect(await versionsOf(table)).toEqual([
      `1 after NULL from 9 on at ${at(19)}`,
      `1 changed before NULL from 5 to 7 deleted at ${at(17)}`,
      `1 one NULL from 0 to 4.999999 at ${before(10)}`,
      `2 two NULL from 0 to 6 deleted at ${at(16)}`,
      `3 three NULL from 0 to 7 deleted at ${at(17)}`,
    ])
    await table.merge(40, [truncate(35, 3)])
    expect((await versionsOf(table))[0]).toBe(`1 after NULL from 9 to 9.000001 deleted at ${at(35)}`)
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('read anew, the table goes on: what is the same stays, what differs changes, what is gone ends', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three'), row(4, 'four')])
    await table.merge(20, [update(15, 5, 1, 'uno'), remove(16, 6, 4)])
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await table.snapshot(50, [row(1, 'uno'), row(2, 'zwei'), row(4, 'four again'), row(5, 'five')], 2, us(100))
    const files = await table.stage([
      [{ ...update(60, 110, 1, 'eins'), position: '0002/000000000000003c/0000000001' as Position }],
    ])
    await table.promote(50, 70, files, 2)
    expect(await versionsOf(table)).toEqual([
      '1 eins NULL from 110 on at 0002/000000000000003c/0000000001',
      `1 one NULL from 0 to 4.999999 at ${before(10)}`,
      `1 uno NULL from 5 to 109.999999 at ${before(50, 2)}`,
      `2 two NULL from 0 to 99.999999 at ${before(10)}`,
      `2 zwei NULL from 100 on at ${before(50, 2)}`,
      `3 three NULL from 0 to 100 deleted at ${before(50, 2)}`,
      `4 four NULL from 0 to 6 deleted at ${at(16)}`,
      `4 four again NULL from 100 on at ${before(50, 2)}`,
      `5 five NULL from 100 on at ${before(50, 2)}`,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('a snapshot whose clock is behind the versions that are there leaves neither gap nor overlap', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three')])
    await table.merge(20, [update(15, 500, 1, 'late'), remove(16, 600, 2)])
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await table.snapshot(50, [row(1, 'other'), row(2, 'again')], 2, us(100))
    await table.promote(50, 50, [], 2)
    expect((await versionsOf(table)).filter((version) => version.includes(' on '))).toEqual([
      `1 other NULL from 500.000001 on at ${before(50, 2)}`,
      `2 again NULL from 600.000001 on at ${before(50, 2)}`,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('rows that are read again are versions only where they differ', async () => {
    const table = await live([row(1, 'one', 'n'), row(2, 'two'), row(3, 'three'), row(4, 'four')])
    await table.merge(30, [update(25, 5, 3, 'newer than the backfill')])
    const { lease, destination, schema, target } = table
    const file = await fixture().stage.snapshot(
      schema,
      before(20),
      [row(1, 'one', 'n'), row(2, 'zwei'), row(3, 'old'), row(5, 'five')],
      us(4),
    )
    const part = { ...table.part([file], before(30)), into: 'backfill' as const, tombstones: true }
    const flush = { lease, to: before(30), tables: [part], loadedMs: LOADED_MS }
    await destination.flush(flush, never)
    await destination.flush(flush, never)
    const end = { target, schema, position: before(20), deleteMissing: true, loadedMs: (START_US + 50_000_000) / 1000 }
    expect(await destination.finishBackfill(lease, { ...end, batchIds: [file.batchId] }, never)).toBe(1)
    expect(await versionsOf(table)).toEqual([
      `1 one n from 0 on at ${before(20)}`,
      `2 two NULL from 0 to 3.999999 at ${before(10)}`,
      `2 zwei NULL from 4 on at ${before(20)}`,
      `3 newer than the backfill NULL from 5 on at ${at(25)}`,
      `3 three NULL from 0 to 4.999999 at ${before(10)}`,
      `4 four NULL from 0 to 50 deleted at ${before(20)}`,
      `5 five NULL from 4 on at ${before(20)}`,
    ])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('rows without a key begin and end; a content that stays is not told again', async () => {
    const bag = schemaOf('bag', [column(1, 'a', { kind: 'text' })], { kind: 'bag' })
    const content = (name: string) => ({ values: { 1: name }, contentHash: name.repeat(32) })
    const put = (op: 'i' | 'd', lsn: number, second: number, name: string, ordinal = 1): ChangeRow => ({
      op,
      position: at(lsn, ordinal),
      committedUs: us(second),
      ...content(name),
    })
    const table = await live([content('a'), content('a'), content('b')], bag)
    await table.merge(20, [
      put('d', 15, 5, 'a'),
      put('d', 16, 6, 'b', 1),
      put('i', 16, 6, 'b', 2),
      put('i', 17, 7, 'c'),
    ])
    const rows = await fixture().rows('shop_public', 'bag')
    const told = rows.map(
      (each) => `${each.a} ${second(each._fivetran_start)} ${each._fivetran_active} ${each._fivetran_deleted}`,
    )
    expect(told.sort()).toEqual(['a 0 false true', 'a 0 true false', 'b 0 true false', 'c 7 true false'])
    expect(await faultsOf(table)).toEqual(NO_FAULTS)
  })

  it('what nothing recognises cannot be told in versions', async () => {
    const schema = schemaOf('journal', [column(1, 'a', { kind: 'text' })], { kind: 'append' })
    const table = await DrivenTable.open(fixture(), schema, { write: 'history' })
    await expect(table.snapshot(10, [], 1, us(0))).rejects.toMatchObject({ code: 'config_invalid' })
  })

  it('columns come and go with the schema', async () => {
    const table = await live([row(1, 'one')])
    const [id, name] = ITEMS.columns
    const added = column(4, 'amount', { kind: 'int32' }, { missingValue: '7' })
    table.schema = { ...ITEMS, columns: [id!, name!, added], version: 2 }
    await table.merge(20, [{ op: 'u', position: at(15), committedUs: us(5), values: { 1: '1', 2: 'uno', 4: '8' } }])
    const rows = await fixture().rows('shop_public', 'items')
    expect(rows.map((each) => `${each.name} ${each.note} ${each.amount} ${each._fivetran_active}`).sort()).toEqual([
      'one null 7 false',
      'uno null 8 true',
    ])
  })

  it('another mode is refused while the table is there, since its versions are nowhere else', async () => {
    const table = await live([row(1, 'one')])
    await table.merge(20, [update(15, 5, 1, 'uno')])
    const kept = await versionsOf(table)
    table.target = { ...table.target, write: 'merge' }
    await expect(table.merge(30, [update(25, 6, 1, 'eins')])).rejects.toMatchObject({
      code: 'destination_rejected',
      context: { table: 'public.items' },
    })
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await expect(table.snapshot(50, [row(1, 'eins')], 2)).rejects.toMatchObject({ code: 'destination_rejected' })
    expect(await versionsOf(table)).toEqual(kept)
    table.target = { ...table.target, name: 'items_now' }
    await table.snapshot(50, [row(1, 'eins')], 2)
    await table.promote(50, 50, [], 2)
    expect(await table.rows('id', 'name')).toEqual(['1 eins'])
    expect(await fixture().rows('shop_public', 'items')).toHaveLength(kept.length)
  })

  it('a table of the current state becomes one of versions when it is read anew', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [row(1, 'one'), row(2, 'two')])
    table.target = { ...table.target, write: 'history' }
    await expect(table.merge(20, [update(15, 5, 1, 'uno')])).rejects.toMatchObject({ code: 'destination_rejected' })
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await table.snapshot(50, [row(1, 'uno')], 2, us(100))
    await table.promote(50, 50, [], 2)
    expect(await versionsOf(table)).toEqual([`1 uno NULL from 100 on at ${before(50, 2)}`])
  })

  it('verification holds the active versions against the source, and finds what breaks the rules', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three')])
    await table.merge(20, [update(15, 5, 1, 'uno'), remove(16, 6, 3)])
    const { target, schema, destination } = table
    const files = [await fixture().stage.snapshot(schema, before(1), [row(1, 'uno'), row(2, 'other')])]
    const compare = () => destination.compare({ target, schema, files, limit: 10 }, never)
    expect(await compare()).toMatchObject({
      sourceRows: 2,
      destinationRows: 2,
      duplicateKeys: 0,
      differing: 1,
      examples: [{ key: '["2"]', kind: 'different', columns: ['name'] }],
      history: NO_FAULTS,
    })
    const spoil = async (set: string, where: string) => {
      await destination.release()
      await fixture().run(`UPDATE shop_public.items SET ${set} WHERE ${where}`)
      return (await compare()).history
    }
    expect(await spoil(`_fivetran_end = _fivetran_end - INTERVAL '1 SECOND'`, `name = 'one'`)).toEqual({
      ...NO_FAULTS,
      gaps: 1,
    })
    expect(await spoil(`_fivetran_end = _fivetran_end + INTERVAL '2 SECOND'`, `name = 'one'`)).toEqual({
      ...NO_FAULTS,
      overlaps: 1,
      gaps: 1,
    })
    expect(
      await spoil(
        `_fivetran_start = (SELECT _fivetran_start FROM shop_public.items WHERE name = 'one')`,
        `name = 'uno'`,
      ),
    ).toMatchObject({ duplicates: 1 })
    expect(await spoil(`_fivetran_active = true`, `name = 'one'`)).toMatchObject({ severalActive: 1 })
  })

  it('however changes are cut, the versions are the same, also when replies are lost', async () => {
    await check(async (random) => {
      const history = dated(randomHistory(random, 6 + random(14), at), random)
      const table = await DrivenTable.open(fixture(), nextSchema(), { write: 'history' })
      await startEmpty(table)
      await playFlushes(table, history, random)
      const rows = await fixture().rows(table.target.namespace, table.target.name)
      expect(rows.map(exactly).sort()).toEqual(replayVersions(history))
      expect(await faultsOf(table)).toEqual(NO_FAULTS)
    })
  })
}

const FOREVER = '9999-12-31 23:59:59.999999+00'

/** Each as `id name note from <second> to <second>, deleted, at <position>`, in order. */
async function versionsOf(table: DrivenTable): Promise<string[]> {
  const rows = await table.fixture.rows(table.target.namespace, table.target.name)
  return rows
    .map((each) => {
      const isActive = each._fivetran_active === 'true'
      expect(isActive).toBe(each._fivetran_end === FOREVER)
      const until = isActive ? 'on' : `to ${second(each._fivetran_end)}`
      const values = [each.id, each.name ?? 'NULL', each.note ?? 'NULL'].join(' ')
      const deleted = each._fivetran_deleted === 'true' ? ' deleted' : ''
      return `${values} from ${second(each._fivetran_start)} ${until}${deleted} at ${each._source_position}`
    })
    .sort()
}

function second(text: string | null | undefined): number {
  const [, whole = '', fraction = ''] = /^([^.+]+)(?:\.(\d+))?\+00$/.exec(text ?? '') ?? []
  const micros = Date.parse(`${whole.replace(' ', 'T')}Z`) * 1000 + Number(fraction.padEnd(6, '0'))
  return (micros - START_US) / 1_000_000
}

/** As `replayVersions` tells a version. */
function exactly(each: Readonly<Record<string, string | null>>): string {
  const time = (text: string | null | undefined) => timestampOfUs(START_US + Math.round(second(text) * 1_000_000))
  const end = each._fivetran_end === FOREVER ? 'forever' : time(each._fivetran_end)
  const times = [time(each._fivetran_start), end, each._fivetran_active, each._fivetran_deleted]
  return [each.id, each.name ?? 'NULL', each.note ?? 'NULL', ...times, each._source_position].join(' | ')
}

async function faultsOf(table: DrivenTable) {
  const { target, schema } = table
  const comparison = await table.destination.compare({ target, schema, files: [], limit: 1 }, never)
  return comparison.history
}
