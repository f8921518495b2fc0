/** Random histories, cut into flushes and files at random: the table is what replaying them one by one gives. */
import { expect, it } from 'vitest'
import { randomHistory, replayChanges } from '../support/row-history.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
import { at, column, type DestinationFixture, DrivenTable, ITEMS, schemaOf } from './destination-fixture.ts'
import { check, liveRows, playFlushes, type Random, snapshotOfTwoTimes, startEmpty } from './history-player.ts'

const NAMES = ['id', 'name', 'note', '_source_position'] as const

export function describeHistories(fixture: () => DestinationFixture): void {
  let tables = 0
  /** A table of its own for each history, in the same destination. */
  const nextSchema = () => ({ ...ITEMS, table: { ...ITEMS.table, name: `items_${++tables}` } })

  it('however changes are cut, the table is the same, also when replies are lost', async () => {
    await check(async (random) => {
      const hardDelete = random(3) === 0
      const history = randomHistory(random, 6 + random(14), at)
      const table = await DrivenTable.open(fixture(), nextSchema(), { hardDelete })
      await startEmpty(table)
      await playFlushes(table, history, random)
      const changes = history.flatMap((transaction) => transaction.changes)
      expect(await table.rows(...NAMES)).toEqual(replayChanges(changes, hardDelete))
    })
  })

  it('a snapshot of two times and the changes since the first give the table as it is', async () => {
    await check(async (random) => {
      const history = randomHistory(random, 8 + random(12), at)
      const first = random(history.length - 2)
      const second = first + 1 + random(history.length - first - 1)
      const table = await DrivenTable.open(fixture(), nextSchema(), { hardDelete: random(2) === 0 })
      await snapshotOfTwoTimes(table, history, first, second)
      await playFlushes(table, history.slice(first + 1), random, second - first - 1)
      const rows = await table.rows('id', 'name', 'note')
      const live = rows.filter((row) => !row.startsWith('!'))
      expect(live).toEqual(liveRows(history.at(-1)))
    })
  })

  it('bags have as many copies as the source, however changes are cut', async () => {
    await check(async (random) => {
      const hardDelete = random(2) === 0
      const { batches, live } = randomBag(random)
      const schema = schemaOf(`bag_${++tables}`, [column(1, 'a', { kind: 'text' })], { kind: 'bag' })
      const table = await DrivenTable.open(fixture(), schema, { hardDelete })
      await startEmpty(table)
      await playFlushes(table, batches, random)
      const rows = await table.rows('a')
      expect(rows.filter((row) => !row.startsWith('!'))).toEqual(live)
      expect(new Set(await table.rows('_fivetran_id')).size).toBe(rows.length)
      if (hardDelete) expect(rows).toEqual(live)
    })
  })
}

function randomBag(random: Random) {
  const counts = new Map<string, number>()
  const batches = Array.from({ length: 5 + random(10) }, (_, index) => {
    const lsn = 100 + index * 10
    const changes: ChangeRow[] = []
    for (let step = random(6) + 1; step > 0; step--) {
      const position = at(lsn, changes.length + 1)
      const name = 'abc'[random(3)] ?? 'a'
      const count = counts.get(name) ?? 0
      if (random(15) === 0) {
        counts.clear()
        changes.push({ op: 't', position })
      } else {
        const op = random(2) === 0 && count > 0 ? 'd' : 'i'
        counts.set(name, count + (op === 'i' ? 1 : -1))
        changes.push({ op, position, values: { 1: name }, contentHash: name.repeat(32) })
      }
    }
    return { lsn, changes }
  })
  const live = [...counts].flatMap(([name, count]) => Array.from({ length: count }, () => name)).sort()
  return { batches, live }
}
