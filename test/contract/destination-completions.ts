/** Values that no change and no row of the target has: they are read at the source, as they are by then. */
import { describe, expect, it } from 'vitest'
import { hasFaults, WRITE_MODES } from '../../src/core/destination.ts'
import type { StageFile } from '../../src/core/stage.ts'
import { randomHistory } from '../support/row-history.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import { dated } from '../support/version-history.ts'
import { at, before, type DestinationFixture, DrivenTable, ITEMS, never } from './destination-fixture.ts'
import { check, liveRows, playFlushes, type Random, snapshotOfTwoTimes } from './history-player.ts'
import { insert, move, remove, row, touch, update, us } from './version-changes.ts'

export function describeCompletions(fixture: () => DestinationFixture): void {
  let tables = 0

  describe.each(WRITE_MODES)('%s', (write) => {
    const live = async (rows: readonly SnapshotRow[]) => {
      const table = await DrivenTable.open(fixture(), ITEMS, { write })
      await table.snapshot(10, rows, 1, us(0))
      await table.promote(10, 10)
      return table
    }

    it('a value that was read belongs to its key, and not to a row that had left the key by then', async () => {
      const table = await live([row(2, 'two', 'second')])
      expect(await flush(table, 20, [touch(15, 5, 1, 'one')], 40, [row(1, 'deux', 'second')])).toEqual(['["1"]'])
      const leaves = move(25, 6, 1, 3, 'three')
      expect(await flush(table, 30, [leaves], 40, [row(3, 'three', 'first')])).toEqual(['["3"]'])
      expect(await flush(table, 40, [move(35, 7, 2, 1, 'deux')], 40, [])).toEqual([])
      expect(await current(table)).toEqual(['1 deux second', '3 three first'])
    })

    it('nor to one that leaves it after other changes, and through another key', async () => {
      const table = await live([])
      await flush(table, 20, [touch(15, 5, 1, 'a')], 60, [row(1, 'x', 'another')])
      expect(await flush(table, 30, [touch(25, 6, 1, 'b')], 60, [])).toEqual([])
      const chain = [
        touch(35, 7, 1, 'c'),
        move(36, 8, 1, 2, 'd'),
        move(37, 9, 2, 3, 'e'),
        insert(38, 10, 1, 'x', 'another'),
      ]
      expect(await flush(table, 40, chain, 60, [row(3, 'f', 'own')])).toContain('["3"]')
      // What was read for key 3 is not what a row takes along that leaves it before then, either.
      expect(await flush(table, 50, [move(45, 11, 3, 4, 'f')], 60, [row(4, 'f', 'own')])).toEqual(['["4"]'])
      expect(await current(table)).toEqual(['1 x another', '4 f own'])
    })

    it('changes after the time of reading find their base in it', async () => {
      const table = await live([])
      await flush(table, 20, [touch(15, 5, 1, 'a'), touch(16, 5, 7, 'z')], 18, [
        row(1, 'a', 'read'),
        row(7, 'z', 'too'),
      ])
      expect(
        await flush(table, 30, [touch(25, 6, 1, 'b'), move(26, 7, 1, 2, 'c'), move(27, 7, 7, 8, 'y')], 30, []),
      ).toEqual([])
      expect(await current(table)).toEqual(['2 c read', '8 y too'])
    })

    it('a row that went is no base for one that is there without having come', async () => {
      const table = await live([row(1, 'one', 'first'), row(2, 'two', 'second')])
      const left = [update(15, 5, 1, 'uno', 'uno'), remove(16, 6, 1), touch(17, 7, 1, 'eins')]
      const moved = [remove(18, 8, 2), move(19, 9, 2, 3, 'drei')]
      const source = [row(1, 'eins', 'other'), row(3, 'drei', 'third')]
      expect(await flush(table, 20, [...left, ...moved], 20, source)).toEqual(['["1"]', '["3"]'])
      expect(await current(table)).toEqual(['1 eins other', '3 drei third'])
    })

    it('a row that was not there when it was asked for is no base', async () => {
      const table = await live([])
      expect(await flush(table, 20, [touch(15, 5, 1, 'a')], 40, [])).toEqual(['["1"]'])
      expect(await flush(table, 30, [move(25, 6, 1, 2, 'b')], 40, [])).toEqual(['["2"]'])
      expect(await flush(table, 40, [move(35, 7, 2, 3, 'c')], 40, [row(3, 'c', 'own')])).toEqual(['["3"]'])
      expect(await current(table)).toEqual(['3 c own'])
    })
  })

  describe.each(['merge', 'history'] as const)('%s', (write) => {
    it('a row that a later part of the snapshot has read is not where a chain of moves began before', async () => {
      const { destination, stage } = fixture()
      const table = await DrivenTable.open(fixture(), ITEMS, { write })
      const { lease, target, schema } = table
      await destination.beginSnapshot(lease, target, schema, false, never)
      const files: StageFile[] = []
      for (const [lsn, rows] of [
        [10, [row(9, 'nine')]],
        [50, [row(1, 'five', 'fifth')]],
      ] as const)
        files.push(await stage.snapshot(schema, before(lsn), rows, us(0)))
      await destination.loadSnapshot(lease, { target, files }, never)
      await destination.finishSnapshot(lease, target, schema, at(10, 0), 2, never)
      await table.promote(10, 10)
      const moves = [move(20, 2, 1, 2, 'one'), move(30, 3, 5, 1, 'five'), move(60, 6, 2, 3, 'one')]
      expect(await flush(table, 100, moves, 100, [row(3, 'one', 'first')])).toContain('["3"]')
      expect(await current(table)).toEqual(['1 five fifth', '3 one first', '9 nine NULL'])
    })
  })

  const playTwoTimes = async (random: Random, readsLate = false) => {
    const history = dated(randomHistory(random, 8 + random(12), at), random)
    const first = random(history.length - 2)
    const second = first + 1 + random(history.length - first - 1)
    const schema = { ...ITEMS, table: { ...ITEMS.table, name: `two_times_${++tables}` } }
    const table = await DrivenTable.open(fixture(), schema, { write: 'history' })
    await snapshotOfTwoTimes(table, history, first, second)
    const since = history.slice(first + 1)
    await playFlushes(table, since, random, readsLate ? since.length - 1 : second - first - 1)
    expect(await current(table)).toEqual(liveRows(history.at(-1)))
    const { history: faults } = await table.destination.compare(
      { target: table.target, schema, files: [], limit: 1 },
      never,
    )
    expect(hasFaults(faults)).toBe(false)
  }

  it('a snapshot of two times and the changes since the first end in what the source has', async () => {
    await check((random) => playTwoTimes(random))
  })

  it('of such a history, a key that another row has had since does not lend its value', async () => {
    await check((random) => playTwoTimes(random, true), 779015916)
  })
}

/** Up to `to`; the rows that are asked for are among `source`, read behind `readAt`. Returns the keys. */
async function flush(
  table: DrivenTable,
  to: number,
  changes: readonly ChangeRow[],
  readAt: number,
  source: readonly SnapshotRow[],
): Promise<readonly string[]> {
  const part = table.part(await table.stage([changes]), table.position ?? before(0))
  const asked = await table.flushParts([part], before(to))
  if (asked.outcome === 'committed') return []
  const files = source.length === 0 ? [] : [await table.fixture.stage.snapshot(table.schema, before(readAt), source)]
  await table.flushParts([{ ...part, completion: { files } }], before(to))
  return asked.missing.flatMap(({ keys }) => keys)
}

/** `id name note` of the rows that the source has by now, in order. */
async function current(table: DrivenTable): Promise<readonly string[]> {
  const { target, fixture } = table
  const rows = await fixture.rows(target.namespace, target.name)
  const last = new Map(rows.map((each) => [each.id, each]))
  if (target.write === 'append') {
    for (const each of rows)
      if ((each._source_position ?? '') > (last.get(each.id)?._source_position ?? '')) last.set(each.id, each)
  }
  const lives = (each: (typeof rows)[number]) =>
    target.write === 'history' ? each._fivetran_active === 'true' : each._fivetran_deleted !== 'true'
  const among = target.write === 'append' ? [...last.values()] : rows
  return among
    .filter(lives)
    .map((each) => [each.id, each.name ?? 'NULL', each.note ?? 'NULL'].join(' '))
    .sort()
}
