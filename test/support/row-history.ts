/**
 * Random histories of a small table, as a source would send them, with what the table has in it after each transaction.
 * Few keys, so that they collide: inserts, updates with and without unchanged values, changes of key, swaps through a
 * third key, deletes, inserts of deleted keys, truncates, rows of aborted subtransactions.
 */

import type { Position } from '../../src/core/position.ts'
import type { ChangeRow } from './stage-rows.ts'

/** Columns: 1 the key, 2 a plain one, 3 one whose value may be unchanged and not sent. */
export interface SourceRow {
  readonly key: number
  readonly plain: string | null
  readonly large: string | null
  /** Which part of the table a snapshot finds it in. */
  readonly part: number
}

export interface SourceTransaction {
  readonly lsn: number
  readonly changes: readonly ChangeRow[]
  /** The table after it. */
  readonly rows: ReadonlyMap<number, SourceRow>
}

const KEYS = 6

/** `random(n)`: a whole number below n. */
export function randomHistory(
  random: (below: number) => number,
  transactions: number,
  position: (lsn: number, ordinal: number) => Position,
): SourceTransaction[] {
  const rows = new Map<number, SourceRow>()
  const history: SourceTransaction[] = []
  let values = 0
  for (let index = 0; index < transactions; index++) {
    const lsn = 100 + index * 10
    const changes: ChangeRow[] = []
    const next = () => position(lsn, changes.length + 1)
    const fresh = (prefix: string) => (random(5) === 0 ? null : `${prefix}${++values}`)
    const free = () => {
      const key = random(KEYS)
      return rows.has(key) ? undefined : key
    }
    const some = () => [...rows.keys()][random(rows.size)]
    const put = (key: number, plain: string | null, large: string | null) => {
      rows.set(key, { key, plain, large, part: random(2) })
    }
    const insert = () => {
      const key = free()
      if (key === undefined) return
      put(key, fresh('p'), fresh('L'))
      const row = rows.get(key)
      if (row !== undefined) changes.push({ op: 'i', position: next(), values: valuesOf(row) })
    }
    const update = (from: number, to: number) => {
      const before = rows.get(from)
      if (before === undefined) return
      const isPartial = random(2) === 0
      rows.delete(from)
      put(to, fresh('p'), isPartial ? before.large : fresh('L'))
      const row = rows.get(to)
      if (row === undefined) return
      const { 1: key, 2: plain, 3: large } = valuesOf(row)
      changes.push({
        op: 'u',
        position: next(),
        values: isPartial ? { 1: key, 2: plain } : { 1: key, 2: plain, 3: large },
        ...(isPartial ? { unchanged: [3] } : {}),
        ...(from === to ? {} : { oldKey: { 1: String(from) } }),
      })
    }
    const swap = () => {
      const [a, b] = [some(), some()]
      if (a === undefined || b === undefined || a === b) return
      update(a, -1)
      update(b, a)
      update(-1, b)
    }
    const size = 1 + random(4)
    for (let step = 0; step < size; step++) {
      const kind = random(20)
      const key = some()
      if (kind < 6) insert()
      else if (kind < 11 && key !== undefined) update(key, key)
      else if (kind < 14 && key !== undefined) update(key, free() ?? key)
      else if (kind < 16) swap()
      else if (kind < 18 && key !== undefined) {
        rows.delete(key)
        changes.push({ op: 'd', position: next(), values: { 1: String(key) } })
      } else if (kind === 18 && random(2) === 0) {
        rows.clear()
        changes.push({ op: 't', position: next() })
      } else if (key !== undefined) changes.push({ op: 'd', position: undefined, values: { 1: String(key) } })
    }
    history.push({ lsn, changes, rows: new Map(rows) })
  }
  return history
}

export function valuesOf(row: SourceRow): { readonly 1: string; readonly 2: string | null; readonly 3: string | null } {
  return { 1: String(row.key), 2: row.plain, 3: row.large }
}

/** What the destination must have after these changes, replayed one by one: `!` before rows that are marked deleted. */
export function replayChanges(changes: readonly ChangeRow[], hardDelete: boolean): string[] {
  interface Kept {
    plain: string | null
    large: string | null
    position: string
    deleted: boolean
  }
  const table = new Map<string, Kept>()
  const die = (row: Kept | undefined, position: string) => {
    if (row === undefined || row.deleted) return
    row.deleted = true
    row.position = position
  }
  for (const { op, position, values, oldKey, unchanged } of changes) {
    if (position === undefined) continue
    if (op === 't') {
      for (const row of table.values()) die(row, position)
      continue
    }
    const key = String(values?.[1])
    if (op === 'd') {
      die(table.get(key), position)
      continue
    }
    const before = table.get(oldKey?.[1] ?? key)
    const large = unchanged === undefined ? (values?.[3] ?? null) : (before?.large ?? null)
    if (oldKey !== undefined) die(before, position)
    table.set(key, { plain: values?.[2] ?? null, large, position, deleted: false })
  }
  const kept = [...table].filter(([, row]) => !(row.deleted && hardDelete))
  return kept
    .map(
      ([key, row]) => `${row.deleted ? '!' : ''}${key} ${row.plain ?? 'NULL'} ${row.large ?? 'NULL'} ${row.position}`,
    )
    .sort()
}
