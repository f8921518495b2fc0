/** The warehouse of a statement: whether there is one that may run, and what the statement costs on it. */

import { requirePrivilege } from '../catalog/access-control.ts'
import type { WarehouseObject } from '../catalog/catalog-objects.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { TwinState } from '../twin-state.ts'
import { creditsPerHour, type Workload, warehouseSize } from '../warehouses/cost-model.ts'
import type { WarehouseSettings } from '../warehouses/warehouse-meter.ts'
import type { StatementContext } from './statement-context.ts'

/** Before a statement that computes something. Throws where none is chosen or it may not resume. */
export function requireWarehouse(context: StatementContext): WarehouseObject {
  const { state, session } = context
  const name = session.place.warehouse
  const warehouse = name === undefined ? undefined : state.catalog.find('warehouse', name)
  if (warehouse === undefined)
    throw new SnowflakeError(
      '000606',
      '57P03',
      "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
    )
  requirePrivilege(context, 'USAGE', 'WAREHOUSE', [warehouse.name])
  if (!isStarted(state, warehouse.name, arrivalMs(context)) && warehouse.options.AUTO_RESUME === false)
    throw new SnowflakeError(
      '000606',
      '57P03',
      `Warehouse '${warehouse.name}' is suspended and AUTO_RESUME is off. Resume it with ALTER WAREHOUSE ${warehouse.name} RESUME.`,
    )
  return warehouse
}

/** After the statement has run; failed ones have cost as well. */
export function accountStatement(context: StatementContext, warehouse: WarehouseObject, workload: Workload): void {
  const { state, session, record } = context
  const settings = settingsOf(warehouse)
  const time = state.meter.account(warehouse.name, settings, arrivalMs(context), workload)
  record.warehouse = warehouse.name
  record.warehouseSize = settings.size
  record.creditsPerHour = creditsPerHour(settings.size, settings.isSecondGeneration)
  record.startMs = time.startMs
  record.endMs = time.endMs
  record.bytesScanned = workload.bytesScanned
  record.bytesWritten = workload.bytesWritten
  session.freeAtMs = time.endMs
}

/** Statements of a session follow each other on the twin's clock too. */
export function arrivalMs({ state, session }: StatementContext): number {
  return Math.max(state.clock.nowMs(), session.freeAtMs)
}

function isStarted(state: TwinState, name: string, atMs: number): boolean {
  return state.meter.isRunning(name, atMs)
}

export function settingsOf({ options }: WarehouseObject): WarehouseSettings {
  const seconds = options.AUTO_SUSPEND === undefined ? 600 : Number(options.AUTO_SUSPEND ?? 0)
  const constraint = String(options.RESOURCE_CONSTRAINT ?? '').toUpperCase()
  return {
    size: warehouseSize(String(options.WAREHOUSE_SIZE ?? 'XSMALL')) ?? 'XSMALL',
    // Generation 2 is the default of new warehouses. https://docs.snowflake.com/en/user-guide/warehouses-gen2
    isSecondGeneration: String(options.GENERATION ?? (constraint === 'STANDARD_GEN_1' ? '1' : '2')) === '2',
    autoSuspendMs: seconds === 0 || Number.isNaN(seconds) ? undefined : seconds * 1000,
  }
}
