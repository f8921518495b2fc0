/**
 * What was spent, from Snowflake's own account usage, by our query tags.
 *
 * Attribution tells each statement's share of the warehouse while it ran; metering tells what was billed. The rest is time in which
 * the warehouse was up and nothing ran. Rows are those that COPY loaded, told apart by the folders of their files.
 */
import { parseStagePath } from '../../core/stage-path.ts'
import { tableName } from '../../core/table-schema.ts'
import { catalogName } from './identifiers.ts'
import { QUERY_TAG_APP } from './query-tag.ts'
import type { Row, SnowflakeSession } from './session.ts'

export interface CostRequest {
  readonly warehouse: string
  readonly database: string
  readonly days: number
}

export interface TableCost {
  /** `source.namespace.name`; `source` alone: of no single table. */
  readonly table: string
  readonly credits: number
  readonly statements: number
  readonly rows: number
}

export interface DayCost {
  /** `2026-01-31`, UTC. */
  readonly day: string
  /** Of our statements, while they ran. */
  readonly credits: number
  /** Of others on the same warehouse. */
  readonly creditsOfOthers: number
  /** Billed for the warehouse. */
  readonly creditsMetered: number
  readonly creditsCloudServices: number
}

export interface CostHistory {
  readonly tables: readonly TableCost[]
  readonly days: readonly DayCost[]
  readonly pipeCredits: number
  /** Text of the newest moment that attribution knows of; undefined: it knows nothing of ours yet. */
  readonly attributedUntil: string | undefined
  readonly meteredUntil: string | undefined
  readonly latencyHours: number
}

/** Up to 8 hours, says the documentation of QUERY_ATTRIBUTION_HISTORY; metering and copies up to 3 and 2. */
const LATENCY_HOURS = 8

const SINCE = 'DATEADD(day, -?, CURRENT_TIMESTAMP())'
const USAGE = 'SNOWFLAKE.ACCOUNT_USAGE'

export async function costHistory(session: SnowflakeSession, request: CostRequest): Promise<CostHistory> {
  const { days, warehouse, database } = request
  const name = catalogName(warehouse)
  const attributed = await session.rows(
    `SELECT TO_VARCHAR(DATE_TRUNC('day', START_TIME), 'YYYY-MM-DD') AS "day",
      COALESCE(TRY_PARSE_JSON(QUERY_TAG):app::VARCHAR, '') AS "app",
      COALESCE(TRY_PARSE_JSON(QUERY_TAG):source::VARCHAR, '') AS "source",
      COALESCE(TRY_PARSE_JSON(QUERY_TAG):"table"::VARCHAR, '') AS "table",
      SUM(CREDITS_ATTRIBUTED_COMPUTE) + SUM(COALESCE(CREDITS_USED_QUERY_ACCELERATION, 0)) AS "credits",
      COUNT(*) AS "statements", TO_VARCHAR(MAX(START_TIME), 'YYYY-MM-DD HH24:MI') AS "until"
     FROM ${USAGE}.QUERY_ATTRIBUTION_HISTORY WHERE START_TIME >= ${SINCE} AND WAREHOUSE_NAME = ? GROUP BY 1, 2, 3, 4`,
    [days, name],
  )
  const metered = await session.rows(
    `SELECT TO_VARCHAR(DATE_TRUNC('day', START_TIME), 'YYYY-MM-DD') AS "day", SUM(CREDITS_USED_COMPUTE) AS "compute",
      SUM(CREDITS_USED_CLOUD_SERVICES) AS "services", TO_VARCHAR(MAX(START_TIME), 'YYYY-MM-DD HH24:MI') AS "until"
     FROM ${USAGE}.WAREHOUSE_METERING_HISTORY WHERE START_TIME >= ${SINCE} AND WAREHOUSE_NAME = ? GROUP BY 1`,
    [days, name],
  )
  const copied = await session.rows(
    `SELECT FILE_NAME AS "file", SUM(ROW_COUNT) AS "rows" FROM ${USAGE}.COPY_HISTORY
     WHERE LAST_LOAD_TIME >= ${SINCE} AND TABLE_CATALOG_NAME = ? GROUP BY 1`,
    [days, catalogName(database)],
  )
  const [pipes] = await session.rows(
    `SELECT COALESCE(SUM(CREDITS_USED), 0) AS "credits" FROM ${USAGE}.PIPE_USAGE_HISTORY WHERE START_TIME >= ${SINCE}`,
    [days],
  )
  const ours = attributed.filter((row) => row.app === QUERY_TAG_APP)
  return {
    tables: tableCosts(ours, copied),
    days: dayCosts(attributed, metered),
    pipeCredits: number(pipes?.credits),
    attributedUntil: latest(ours),
    meteredUntil: latest(metered),
    latencyHours: LATENCY_HOURS,
  }
}

/** Dearest first. */
function tableCosts(ours: readonly Row[], copied: readonly Row[]): readonly TableCost[] {
  const costs = new Map<string, { credits: number; statements: number; rows: number }>()
  const of = (table: string) => {
    const cost = costs.get(table) ?? { credits: 0, statements: 0, rows: 0 }
    costs.set(table, cost)
    return cost
  }
  for (const row of ours) {
    const cost = of([row.source, row.table].filter((part) => part !== '').join('.'))
    cost.credits += number(row.credits)
    cost.statements += number(row.statements)
  }
  for (const { file, rows } of copied) {
    const table = parseStagePath(relativePath(String(file)))?.table
    // Files of others in the same database.
    if (table === undefined) continue
    of(`${table.source}.${tableName(table)}`).rows += number(rows)
  }
  return [...costs].map(([table, cost]) => ({ table, ...cost })).sort((a, b) => b.credits - a.credits)
}

/** A history may show a file with the folder of its stage in front. */
function relativePath(file: string): string {
  return file.split('/').slice(-5).join('/')
}

/** Newest last. */
function dayCosts(attributed: readonly Row[], metered: readonly Row[]): readonly DayCost[] {
  const days = new Map<string, { -readonly [K in keyof DayCost]: DayCost[K] }>()
  const of = (row: Row) => {
    const day = String(row.day)
    const cost = days.get(day) ?? { day, credits: 0, creditsOfOthers: 0, creditsMetered: 0, creditsCloudServices: 0 }
    days.set(day, cost)
    return cost
  }
  for (const row of attributed) {
    of(row)[row.app === QUERY_TAG_APP ? 'credits' : 'creditsOfOthers'] += number(row.credits)
  }
  for (const row of metered) {
    const cost = of(row)
    cost.creditsMetered += number(row.compute)
    cost.creditsCloudServices += number(row.services)
  }
  return [...days.values()].sort((a, b) => a.day.localeCompare(b.day))
}

function latest(rows: readonly Row[]): string | undefined {
  return rows
    .map((row) => String(row.until ?? ''))
    .sort()
    .at(-1)
}

function number(value: string | boolean | null | undefined): number {
  return value === null || value === undefined ? 0 : Number(value)
}
