/** What a table of versions must hold after a random history: each transaction is applied, and the rows compared. */
import type { SourceTransaction } from './row-history.ts'
import { type ChangeRow, timestampOfUs } from './stage-rows.ts'

export interface DatedTransaction extends SourceTransaction {
  readonly committedUs: number
}

const FIRST_US = 1_700_000_000_000_000

/** Commit times that mostly rise, stand still now and then, and sometimes go back. */
export function dated(history: readonly SourceTransaction[], random: (below: number) => number): DatedTransaction[] {
  let us = FIRST_US
  return history.map((transaction) => {
    const step = random(6)
    us += step === 0 ? 0 : step === 1 ? -random(3_000_000) : 1 + random(2_000_000)
    const changes = transaction.changes.map((change) => ({ ...change, committedUs: us }))
    return { ...transaction, changes, committedUs: us }
  })
}

interface Row {
  readonly plain: string | null
  readonly large: string | null
}

interface Version extends Row {
  readonly key: string
  readonly start: number
  end: number | undefined
  deleted: boolean
  position: string
}

interface Touch {
  /** Of the last change. */
  position: string
  isPlain: boolean
  diedOfTruncate: boolean
}

/** Each version as text, in order: key, plain, large, start, end, active, deleted, position. */
export function replayVersions(transactions: readonly DatedTransaction[]): string[] {
  const rows = new Map<string, Row>()
  const versions: Version[] = []
  const newest = new Map<string, Version>()
  const lastUs = (version: Version | undefined) =>
    version === undefined ? Number.NEGATIVE_INFINITY : version.deleted ? (version.end ?? 0) : version.start
  for (const { changes, committedUs } of transactions) {
    const before = new Map(rows)
    for (const [key, touch] of apply(rows, changes)) {
      const [old, now] = [before.get(key), rows.get(key)]
      if (old === undefined && now === undefined) continue
      const isSame = old !== undefined && now !== undefined && old.plain === now.plain && old.large === now.large
      if (touch.isPlain && isSame) continue
      const last = newest.get(key)
      const at = Math.max(committedUs, lastUs(last) + 1)
      if (old !== undefined && last !== undefined) {
        last.end = now === undefined ? at : at - 1
        if (now === undefined) Object.assign(last, { deleted: true, position: touch.position })
      }
      if (now === undefined) continue
      const version = { key, ...now, start: at, end: undefined, deleted: false, position: touch.position }
      versions.push(version)
      newest.set(key, version)
    }
  }
  return versions.map(describe).sort()
}

/** Changes the rows. Returns the keys that were touched, in their order. */
function apply(rows: Map<string, Row>, changes: readonly ChangeRow[]): Map<string, Touch> {
  const touched = new Map<string, Touch>()
  const touch = (key: string, position: string, isInsert: boolean) => {
    const isPlain = isInsert && (touched.get(key)?.isPlain ?? true)
    touched.set(key, { position, isPlain, diedOfTruncate: false })
  }
  for (const { op, position, values, oldKey, unchanged } of changes) {
    if (position === undefined) continue
    if (op === 't') {
      for (const key of rows.keys())
        if (!touched.has(key)) touched.set(key, { position, isPlain: true, diedOfTruncate: false })
      // Of the first truncate after the last change of the row.
      for (const [key, each] of touched) {
        if (each.diedOfTruncate) continue
        Object.assign(each, { position, diedOfTruncate: true })
        rows.delete(key)
      }
      continue
    }
    const key = String(values?.[1])
    if (op === 'd') {
      rows.delete(key)
      touch(key, position, false)
      continue
    }
    const from = oldKey?.[1] ?? key
    const large = unchanged === undefined ? (values?.[3] ?? null) : (rows.get(from)?.large ?? null)
    if (from !== null && oldKey !== undefined) {
      rows.delete(from)
      touch(from, position, false)
    }
    rows.set(key, { plain: values?.[2] ?? null, large })
    touch(key, position, op === 'i')
  }
  return touched
}

function describe({ key, plain, large, start, end, deleted, position }: Version): string {
  const until = end === undefined ? 'forever' : timestampOfUs(end)
  return [
    key,
    plain ?? 'NULL',
    large ?? 'NULL',
    timestampOfUs(start),
    until,
    end === undefined,
    deleted,
    position,
  ].join(' | ')
}
