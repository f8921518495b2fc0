/** The history of a twin that keeps its folder: written when the twin ends, read when it starts again. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TwinState } from '../twin-state.ts'
import type { RunningTime } from '../warehouses/warehouse-meter.ts'
import type { LoadRecord } from './load-history.ts'
import type { QueryRecord } from './query-history.ts'

interface KeptHistory {
  readonly queries: readonly QueryRecord[]
  readonly loads: readonly LoadRecord[]
  readonly warehouses: Readonly<Record<string, readonly RunningTime[]>>
}

/** Of each kind, the latest. */
const KEPT_MAX = 20_000

export function readHistory(state: TwinState, folder: string): void {
  const file = join(folder, 'history.json')
  if (!existsSync(file)) return
  const { queries, loads, warehouses } = JSON.parse(readFileSync(file, 'utf8')) as KeptHistory
  for (const record of queries) state.history.add(record)
  state.loads.add(loads)
  for (const [name, times] of Object.entries(warehouses)) state.meter.restore(name, times)
}

/** Warehouses that run are suspended: nobody is left to use them. */
export function writeHistory(state: TwinState, folder: string): void {
  const now = state.clock.nowMs()
  const warehouses = Object.fromEntries(
    state.meter.names().map((name) => {
      state.meter.suspend(name, now)
      return [name, state.meter.times(name, now).slice(-KEPT_MAX)]
    }),
  )
  const kept: KeptHistory = {
    queries: state.history.all().slice(-KEPT_MAX),
    loads: state.loads.all().slice(-KEPT_MAX),
    warehouses,
  }
  const file = join(folder, 'history.json')
  writeFileSync(`${file}.new`, JSON.stringify(kept))
  renameSync(`${file}.new`, file)
}
