/** Changes of a table that keeps every version, told in seconds. */
import type { Position } from '../../src/core/position.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import { at } from './destination-fixture.ts'

/** Second 0 of what follows. */
export const START_US = Date.UTC(2026, 10, 20) * 1000

export const us = (second: number) => START_US + Math.round(second * 1_000_000)
export const row = (id: number, name: string | null, note: string | null = null): SnapshotRow => ({
  values: { 1: String(id), 2: name, 3: note },
})

export function change(
  op: 'i' | 'u',
  position: Position,
  second: number,
  id: number,
  name: string | null,
  note?: string | null,
) {
  const values = note === undefined ? { 1: String(id), 2: name } : { 1: String(id), 2: name, 3: note }
  return { op, position, committedUs: us(second), values, ...(note === undefined ? { unchanged: [3] } : {}) }
}

export const insert = (lsn: number, second: number, id: number, name: string, note: string | null = null) =>
  change('i', at(lsn), second, id, name, note)
export const update = (lsn: number, second: number, id: number, name: string | null, note: string | null = null) =>
  change('u', at(lsn), second, id, name, note)
/** The note is not sent, because it is unchanged. */
export const touch = (lsn: number, second: number, id: number, name: string) => change('u', at(lsn), second, id, name)
export const remove = (lsn: number, second: number, id: number, ordinal = 1): ChangeRow => ({
  op: 'd',
  position: at(lsn, ordinal),
  committedUs: us(second),
  values: { 1: String(id) },
})
export const move = (lsn: number, second: number, from: number, to: number, name: string): ChangeRow => ({
  ...touch(lsn, second, to, name),
  oldKey: { 1: String(from) },
})
export const truncate = (lsn: number, second: number): ChangeRow => ({
  op: 't',
  position: at(lsn),
  committedUs: us(second),
})
