/** The warehouse as it is, and putting it to sleep. */
import { catalogName, quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { Row, SnowflakeSession } from './session.ts'

export interface WarehouseState {
  /** `STARTED`, `SUSPENDED`, `RESUMING`, `SUSPENDING`, … */
  readonly state: string
  /** `X-Small` */
  readonly size: string
  /** Seconds; undefined: never. */
  readonly autoSuspendSeconds: number | undefined
  readonly isAutoResuming: boolean
  readonly isAccelerated: boolean
  /** `1`, `2`; undefined where the server does not say. */
  readonly generation: string | undefined
}

/** Undefined where there is none, or this role may not see it. Needs no running warehouse. */
export async function warehouseState(
  session: SnowflakeSession,
  warehouse: string,
): Promise<WarehouseState | undefined> {
  const name = catalogName(warehouse)
  // LIKE takes _ and % for patterns, so others may come along.
  const rows = await session.rows(`SHOW WAREHOUSES LIKE ${quoteLiteral(name)}`)
  const row = rows.find((each) => each.name === name)
  if (row === undefined) return undefined
  const seconds = Number(textOf(row, 'auto_suspend') ?? 0)
  return {
    state: textOf(row, 'state') ?? '',
    size: textOf(row, 'size') ?? '',
    autoSuspendSeconds: seconds > 0 ? seconds : undefined,
    isAutoResuming: isTrue(row.auto_resume),
    isAccelerated: isTrue(row.enable_query_acceleration),
    generation: textOf(row, 'generation'),
  }
}

/**
 * The next statement resumes it; what others still run on it is finished first. One that sleeps already is as good, though the
 * server calls it an error: "Invalid state. Warehouse … cannot be suspended."
 */
export async function suspendWarehouse(session: SnowflakeSession, warehouse: string): Promise<void> {
  try {
    await session.run(`ALTER WAREHOUSE ${quoteIdentifier(catalogName(warehouse))} SUSPEND`)
  } catch (error) {
    if (!(error instanceof Error && /invalid state|already suspended/i.test(error.message))) throw error
  }
}

function textOf(row: Row, key: string): string | undefined {
  const value = row[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isTrue(value: string | boolean | null | undefined): boolean {
  return value === true || value === 'true' || value === 'TRUE'
}
