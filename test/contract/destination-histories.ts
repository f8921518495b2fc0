/** Random histories, cut into flushes and files at random: the table is what replaying them one by one gives. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StageFile } from '../../src/core/stage.ts'
import { randomHistory, replayChanges, type SourceTransaction, valuesOf } from '../support/row-history.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
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

const RUNS = Number(process.env.SIMPLYLOAD_HISTORIES ?? 4)
const NAMES = ['id', 'name', 'note', '_source_position'] as const

type Random = (below: number) => number

export function describeHistories(fixture: () => DestinationFixture): void {
  let tables = 0
  /** A table of its own for each history, in the same destination. */
  const nextSchema = () => ({ ...ITEMS, table: { ...ITEMS.table, name: `items_${++tables}` } })

  const check = (what: (random: Random) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), async (stream) => {
        const random: Random = (below) => (stream.next().value ?? 0) % below
        await what(random)
      }),
      { numRuns: RUNS, endOnFailure: true },
    )

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
      await playFlushes(table, history.slice(first + 1), random)
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

/** Live and empty before the first change; other tables of the group have moved it on. */
async function startEmpty(table: DrivenTable): Promise<void> {
  const { groupPosition } = (await table.destination.checkpoints('shop', never)) ?? {}
  if (groupPosition !== undefined) await table.destination.resetCheckpoint(table.lease, undefined, never)
  table.position = undefined
  await table.snapshot(50, [])
  await table.promote(50, 50)
}

async function snapshotOfTwoTimes(
  table: DrivenTable,
  history: readonly SourceTransaction[],
  first: number,
  second: number,
): Promise<void> {
  const { destination, lease, target, schema } = table
  await destination.resetCheckpoint(lease, undefined, never)
  table.position = undefined
  await destination.beginSnapshot(lease, target, schema, false, never)
  const files: StageFile[] = []
  for (const [part, index] of [first, second].entries()) {
    const rows = [...(history[index]?.rows.values() ?? [])].filter((row) => row.part === part)
    const position = before((history[index]?.lsn ?? 0) + 1)
    files.push(
      await table.fixture.stage.snapshot(
        schema,
        position,
        rows.map((row) => ({ values: valuesOf(row) })),
      ),
    )
  }
  await destination.loadSnapshot(lease, { target, files }, never)
  const position = (history[first]?.lsn ?? 0) + 1
  await destination.finishSnapshot(lease, target, schema, before(position), 2, never)
  await table.promote(position, position)
}

/** Each flush ends after a transaction, each file anywhere. */
async function playFlushes(
  table: DrivenTable,
  history: readonly { readonly lsn: number; readonly changes: readonly ChangeRow[] }[],
  random: Random,
): Promise<void> {
  for (let start = 0; start < history.length; ) {
    const end = start + 1 + random(Math.min(8, history.length - start))
    const changes = history.slice(start, end).flatMap((transaction) => transaction.changes)
    const files = await table.stage(cut(changes, random))
    const part = table.part(files, table.position ?? before(0))
    const flush = table.flushOf([part], before((history[end - 1]?.lsn ?? 0) + 1))
    let result = await table.destination.flush(flush, never)
    if (result.outcome === 'incomplete') {
      const keys = result.missing.flatMap((missing) => missing.keys.map((key) => (JSON.parse(key) as string[])[0]))
      const now = (history.at(-1) as SourceTransaction).rows
      const found = [...now.values()].filter((row) => keys.includes(String(row.key)))
      const read = found.map((row) => ({ values: valuesOf(row) }))
      const completion = { files: [await table.fixture.stage.snapshot(table.schema, before(1), read)] }
      result = await table.destination.flush({ ...flush, tables: [{ ...part, completion }] }, never)
    }
    expect(result.outcome).toBe('committed')
    if (random(4) === 0) await table.destination.flush(flush, never)
    if (random(4) === 0) await table.destination.release()
    table.position = flush.to
    start = end
  }
}

function cut(changes: readonly ChangeRow[], random: Random): ChangeRow[][] {
  const files: ChangeRow[][] = []
  let file: ChangeRow[] = []
  for (const change of changes) {
    file.push(change)
    if (random(4) > 0) continue
    files.push(file)
    file = []
  }
  files.push(file)
  // A file has at least one row that exists.
  return files.filter((rows) => rows.some((row) => row.position !== undefined))
}

function liveRows(transaction: SourceTransaction | undefined): string[] {
  const rows = [...(transaction?.rows.values() ?? [])]
  return rows.map((row) => `${row.key} ${row.plain ?? 'NULL'} ${row.large ?? 'NULL'}`).sort()
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
