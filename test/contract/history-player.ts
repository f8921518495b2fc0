/** Drives a destination through a random history, as the engine does: in flushes and files that are cut at random. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { StageFile } from '../../src/core/stage.ts'
import { type SourceTransaction, valuesOf } from '../support/row-history.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
import { before, type DrivenTable, never } from './destination-fixture.ts'

const RUNS = Number(process.env.SIMPLYLOAD_HISTORIES ?? 4)

export type Random = (below: number) => number

/** `seed`: of one history that is played, instead of some that are new each time. */
export function check(what: (random: Random) => Promise<void>, seed?: number): Promise<void> {
  return fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), async (stream) => {
      const random: Random = (below) => (stream.next().value ?? 0) % below
      await what(random)
    }),
    seed === undefined ? { numRuns: RUNS, endOnFailure: true } : { seed, numRuns: 1, endOnFailure: true },
  )
}

/** Live and empty before the first change; other tables of the group have moved it on. */
export async function startEmpty(table: DrivenTable): Promise<void> {
  const known = await table.destination.checkpoints('shop', never)
  if (known !== undefined && known.groups.size > 0)
    await table.destination.resetCheckpoint(table.lease, undefined, never)
  table.position = undefined
  await table.snapshot(50, [])
  await table.promote(50, 50)
}

export async function snapshotOfTwoTimes(
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

/**
 * Each flush ends after a transaction, each file anywhere. Rows that a flush lacks are read at any time after it, and after
 * the transaction `readFrom` of the history.
 */
export async function playFlushes(
  table: DrivenTable,
  history: readonly { readonly lsn: number; readonly changes: readonly ChangeRow[] }[],
  random: Random,
  readFrom = 0,
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
      const earliest = Math.max(end - 1, readFrom)
      const now = history[earliest + random(history.length - earliest)] as SourceTransaction
      const found = [...now.rows.values()].filter((row) => keys.includes(String(row.key)))
      const read = found.map((row) => ({ values: valuesOf(row) }))
      const completion = { files: [await table.fixture.stage.snapshot(table.schema, before(now.lsn + 1), read)] }
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

/** `id name note` of each row of the source, in order. */
export function liveRows(transaction: SourceTransaction | undefined): string[] {
  const rows = [...(transaction?.rows.values() ?? [])]
  return rows.map((row) => `${row.key} ${row.plain ?? 'NULL'} ${row.large ?? 'NULL'}`).sort()
}

/** As a snapshot would read them. */
export function currentRows(transaction: SourceTransaction | undefined): { values: ReturnType<typeof valuesOf> }[] {
  return [...(transaction?.rows.values() ?? [])].map((each) => ({ values: valuesOf(each) }))
}
