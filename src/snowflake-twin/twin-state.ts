/** What all sessions of one twin share. */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { TableSizes } from './catalog/table-sizes.ts'
import type { TwinCatalog } from './catalog/twin-catalog.ts'
import type { LockTable } from './execution/lock-table.ts'
import type { TableVersions } from './execution/table-versions.ts'
import type { LoadHistory } from './history/load-history.ts'
import type { QueryHistory } from './history/query-history.ts'
import type { Session } from './session.ts'
import type { StageRoom } from './stages/stage-room.ts'
import type { TwinClock } from './twin-clock.ts'
import type { WarehouseMeter } from './warehouses/warehouse-meter.ts'

export interface TwinState {
  readonly account: string
  readonly instance: DuckDBInstance
  readonly catalog: TwinCatalog
  readonly sizes: TableSizes
  readonly locks: LockTable
  readonly versions: TableVersions
  readonly clock: TwinClock
  readonly meter: WarehouseMeter
  readonly stages: StageRoom
  readonly history: QueryHistory
  readonly loads: LoadHistory
  readonly sessions: Map<string, Session>
}
