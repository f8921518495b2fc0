/** SNOWFLAKE.ACCOUNT_USAGE. Nothing comes late here; Snowflake's own views lag by up to hours. */
import type { SystemView } from '../catalog/system-relations.ts'
import { momentText, type ViewRow, viewColumns, viewOf } from '../catalog/view-columns.ts'
import type { TwinState } from '../twin-state.ts'
import { CLOUD_SERVICES_CREDITS, shownSize } from '../warehouses/cost-model.ts'
import { attributedCredits } from './attribution.ts'
import type { LoadRecord } from './load-history.ts'
import type { QueryRecord } from './query-history.ts'

const QUERY_HISTORY = viewColumns(
  'QUERY_ID, QUERY_TEXT, DATABASE_NAME, SCHEMA_NAME, QUERY_TYPE, SESSION_ID NUMBER, USER_NAME, ROLE_NAME, WAREHOUSE_NAME, WAREHOUSE_SIZE, WAREHOUSE_TYPE, CLUSTER_NUMBER NUMBER, QUERY_TAG, EXECUTION_STATUS, ERROR_CODE, ERROR_MESSAGE, START_TIME TIME, END_TIME TIME, TOTAL_ELAPSED_TIME NUMBER, BYTES_SCANNED NUMBER, PERCENTAGE_SCANNED_FROM_CACHE FLOAT, BYTES_WRITTEN NUMBER, ROWS_PRODUCED NUMBER, ROWS_INSERTED NUMBER, ROWS_UPDATED NUMBER, ROWS_DELETED NUMBER, COMPILATION_TIME NUMBER, EXECUTION_TIME NUMBER, QUEUED_PROVISIONING_TIME NUMBER, QUEUED_OVERLOAD_TIME NUMBER, TRANSACTION_BLOCKED_TIME NUMBER, CREDITS_USED_CLOUD_SERVICES FLOAT, TRANSACTION_ID',
)
const WAREHOUSE_METERING_HISTORY = viewColumns(
  'START_TIME TIME, END_TIME TIME, WAREHOUSE_ID NUMBER, WAREHOUSE_NAME, CREDITS_USED CREDITS, CREDITS_USED_COMPUTE CREDITS, CREDITS_USED_CLOUD_SERVICES CREDITS, CREDITS_ATTRIBUTED_COMPUTE_QUERIES CREDITS',
)
const QUERY_ATTRIBUTION_HISTORY = viewColumns(
  'QUERY_ID, PARENT_QUERY_ID, ROOT_QUERY_ID, WAREHOUSE_ID NUMBER, WAREHOUSE_NAME, QUERY_HASH, QUERY_PARAMETERIZED_HASH, QUERY_TAG, USER_NAME, START_TIME TIME, END_TIME TIME, CREDITS_ATTRIBUTED_COMPUTE FLOAT, CREDITS_USED_QUERY_ACCELERATION FLOAT',
)
const COPY_HISTORY = viewColumns(
  'FILE_NAME, STAGE_LOCATION, LAST_LOAD_TIME TIME, ROW_COUNT NUMBER, ROW_PARSED NUMBER, FILE_SIZE NUMBER, FIRST_ERROR_MESSAGE, FIRST_ERROR_LINE_NUMBER NUMBER, FIRST_ERROR_CHARACTER_POS NUMBER, FIRST_ERROR_COLUMN_NAME, ERROR_COUNT NUMBER, ERROR_LIMIT NUMBER, STATUS, TABLE_ID NUMBER, TABLE_NAME, TABLE_SCHEMA_NAME, TABLE_CATALOG_NAME, PIPE_CATALOG_NAME, PIPE_SCHEMA_NAME, PIPE_NAME, PIPE_RECEIVED_TIME TIME, BYTES_BILLED NUMBER',
)
const LOAD_HISTORY = viewColumns(
  'TABLE_ID NUMBER, TABLE_NAME, SCHEMA_NAME, CATALOG_NAME, FILE_NAME, LAST_LOAD_TIME TIME, STATUS, ROW_COUNT NUMBER, ROW_PARSED NUMBER, FIRST_ERROR_MESSAGE, FIRST_ERROR_LINE_NUMBER NUMBER, FIRST_ERROR_CHARACTER_POSITION NUMBER, FIRST_ERROR_COL_NAME, ERROR_COUNT NUMBER, ERROR_LIMIT NUMBER',
)
const PIPE_USAGE_HISTORY = viewColumns(
  'PIPE_ID NUMBER, PIPE_NAME, START_TIME TIME, END_TIME TIME, CREDITS_USED CREDITS, BYTES_INSERTED NUMBER, BYTES_BILLED NUMBER, FILES_INSERTED NUMBER',
)
const METERING_HISTORY = viewColumns(
  'SERVICE_TYPE, START_TIME TIME, END_TIME TIME, ENTITY_ID NUMBER, ENTITY_TYPE, NAME, DATABASE_NAME, SCHEMA_NAME, CREDITS_USED_COMPUTE CREDITS, CREDITS_USED_CLOUD_SERVICES CREDITS, CREDITS_USED CREDITS, BYTES NUMBER, ROWS NUMBER, FILES NUMBER',
)
const METERING_DAILY_HISTORY = viewColumns(
  'SERVICE_TYPE, USAGE_DATE DATE, CREDITS_USED_COMPUTE CREDITS, CREDITS_USED_CLOUD_SERVICES CREDITS, CREDITS_USED CREDITS, CREDITS_ADJUSTMENT_CLOUD_SERVICES CREDITS, CREDITS_BILLED CREDITS',
)

export function accountUsage(state: TwinState, name: string): SystemView | undefined {
  switch (name) {
    case 'QUERY_HISTORY':
      return viewOf(QUERY_HISTORY, () => state.history.all().map(queryRow))
    case 'WAREHOUSE_METERING_HISTORY':
      return viewOf(WAREHOUSE_METERING_HISTORY, () => meteringRows(state))
    case 'QUERY_ATTRIBUTION_HISTORY':
      return viewOf(QUERY_ATTRIBUTION_HISTORY, () => attributionRows(state))
    case 'COPY_HISTORY':
      return viewOf(COPY_HISTORY, () => state.loads.all().map(copyRow))
    case 'LOAD_HISTORY':
      return viewOf(LOAD_HISTORY, () => state.loads.all().map(loadRow))
    // Pipes are not known to the local Snowflake.
    case 'PIPE_USAGE_HISTORY':
      return viewOf(PIPE_USAGE_HISTORY, () => [])
    case 'METERING_HISTORY':
      return viewOf(METERING_HISTORY, () => meteringRows(state).map(serviceRow))
    case 'METERING_DAILY_HISTORY':
      return viewOf(METERING_DAILY_HISTORY, () => dailyRows(state))
    default:
      return undefined
  }
}

export function queryRow(record: QueryRecord): ViewRow {
  const elapsed = Math.round(record.endMs - record.startMs)
  return {
    QUERY_ID: record.id,
    QUERY_TEXT: record.sql,
    DATABASE_NAME: record.database,
    SCHEMA_NAME: record.schema,
    QUERY_TYPE: record.type,
    SESSION_ID: record.sessionId,
    USER_NAME: record.user,
    ROLE_NAME: record.role,
    WAREHOUSE_NAME: record.warehouse,
    WAREHOUSE_SIZE: record.warehouseSize === undefined ? null : shownSize(record.warehouseSize),
    WAREHOUSE_TYPE: record.warehouse === undefined ? null : 'STANDARD',
    CLUSTER_NUMBER: record.warehouse === undefined ? null : 1,
    QUERY_TAG: record.tag,
    EXECUTION_STATUS:
      record.status === 'SUCCESS'
        ? 'SUCCESS'
        : record.status === 'RUNNING'
          ? 'RUNNING'
          : record.status === 'QUEUED'
            ? 'QUEUED'
            : 'FAIL',
    ERROR_CODE: record.errorCode,
    ERROR_MESSAGE: record.errorMessage,
    START_TIME: momentText(record.startMs),
    END_TIME: momentText(record.endMs),
    TOTAL_ELAPSED_TIME: elapsed,
    BYTES_SCANNED: Math.round(record.bytesScanned),
    PERCENTAGE_SCANNED_FROM_CACHE: 0,
    BYTES_WRITTEN: Math.round(record.bytesWritten),
    ROWS_PRODUCED: record.rowsProduced,
    ROWS_INSERTED: record.rowsInserted,
    ROWS_UPDATED: record.rowsUpdated,
    ROWS_DELETED: record.rowsDeleted,
    COMPILATION_TIME: 0,
    EXECUTION_TIME: elapsed,
    QUEUED_PROVISIONING_TIME: 0,
    QUEUED_OVERLOAD_TIME: 0,
    TRANSACTION_BLOCKED_TIME: 0,
    CREDITS_USED_CLOUD_SERVICES: CLOUD_SERVICES_CREDITS,
    TRANSACTION_ID: record.transactionId,
  }
}

/** By the hour, as Snowflake has it; hours without anything are left out. */
export function meteringRows(state: TwinState): readonly ViewRow[] {
  const now = state.clock.nowMs()
  const records = state.history.all()
  const attributed = attributedCredits(records)
  const byHour = Map.groupBy(records, ({ warehouse, startMs }) => `${warehouse ?? ''} ${hourOf(startMs)}`)
  return state.meter.names().flatMap((name) => {
    const times = state.meter.times(name, now)
    const first = times[0]?.fromMs
    if (first === undefined) return []
    const rows: ViewRow[] = []
    const last = Math.max(now, ...times.map(({ fromMs, toMs }) => Math.max(toMs ?? now, fromMs + 60_000)))
    for (let hour = hourOf(first); hour < last; hour += HOUR_MS) {
      const compute = state.meter.credits(name, hour, hour + HOUR_MS, now)
      const queries = byHour.get(`${name} ${hour}`) ?? []
      if (compute === 0 && queries.length === 0) continue
      const services = queries.length * CLOUD_SERVICES_CREDITS
      rows.push({
        START_TIME: momentText(hour),
        END_TIME: momentText(hour + HOUR_MS),
        WAREHOUSE_ID: state.catalog.find('warehouse', name)?.id,
        WAREHOUSE_NAME: name,
        CREDITS_USED: (compute + services).toFixed(9),
        CREDITS_USED_COMPUTE: compute.toFixed(9),
        CREDITS_USED_CLOUD_SERVICES: services.toFixed(9),
        CREDITS_ATTRIBUTED_COMPUTE_QUERIES: queries
          .reduce((sum, { id }) => sum + (attributed.get(id) ?? 0), 0)
          .toFixed(9),
      })
    }
    return rows
  })
}

export function attributionRows(state: TwinState): readonly ViewRow[] {
  const records = state.history.all()
  const attributed = attributedCredits(records)
  return records
    .filter(({ id }) => attributed.has(id))
    .map((record) => ({
      QUERY_ID: record.id,
      WAREHOUSE_ID: state.catalog.find('warehouse', record.warehouse ?? '')?.id,
      WAREHOUSE_NAME: record.warehouse,
      QUERY_TAG: record.tag,
      USER_NAME: record.user,
      START_TIME: momentText(record.startMs),
      END_TIME: momentText(record.endMs),
      CREDITS_ATTRIBUTED_COMPUTE: attributed.get(record.id),
      CREDITS_USED_QUERY_ACCELERATION: null,
    }))
}

export const COPY_HISTORY_COLUMNS = COPY_HISTORY

export function copyRow({ table, file, rows, loadedMs, stage }: LoadRecord): ViewRow {
  return {
    FILE_NAME: file.path,
    STAGE_LOCATION: file.shownName.startsWith('s3://') ? file.shownName.slice(0, -file.path.length) : stage,
    LAST_LOAD_TIME: momentText(loadedMs),
    ROW_COUNT: rows,
    ROW_PARSED: rows,
    FILE_SIZE: file.bytes,
    ERROR_COUNT: 0,
    ERROR_LIMIT: 1,
    STATUS: 'Loaded',
    TABLE_ID: table.id,
    TABLE_NAME: table.name.name,
    TABLE_SCHEMA_NAME: table.name.schema,
    TABLE_CATALOG_NAME: table.name.database,
  }
}

function loadRow({ table, file, rows, loadedMs }: LoadRecord): ViewRow {
  return {
    TABLE_ID: table.id,
    TABLE_NAME: table.name.name,
    SCHEMA_NAME: table.name.schema,
    CATALOG_NAME: table.name.database,
    FILE_NAME: file.shownName,
    LAST_LOAD_TIME: momentText(loadedMs),
    STATUS: 'LOADED',
    ROW_COUNT: rows,
    ROW_PARSED: rows,
    ERROR_COUNT: 0,
    ERROR_LIMIT: 1,
  }
}

function serviceRow(row: ViewRow): ViewRow {
  return {
    ...row,
    SERVICE_TYPE: 'WAREHOUSE_METERING',
    ENTITY_ID: row.WAREHOUSE_ID,
    ENTITY_TYPE: 'WAREHOUSE',
    NAME: row.WAREHOUSE_NAME,
  }
}

/** Cloud services are billed above a tenth of the day's compute. */
function dailyRows(state: TwinState): readonly ViewRow[] {
  const days = Map.groupBy(meteringRows(state), ({ START_TIME }) => String(START_TIME).slice(0, 10))
  return [...days].map(([day, rows]) => {
    const total = (name: string): number => rows.reduce((sum, row) => sum + Number(row[name] ?? 0), 0)
    const [compute, services] = [total('CREDITS_USED_COMPUTE'), total('CREDITS_USED_CLOUD_SERVICES')]
    const adjustment = -Math.min(services, compute / 10)
    return {
      SERVICE_TYPE: 'WAREHOUSE_METERING',
      USAGE_DATE: day,
      CREDITS_USED_COMPUTE: compute.toFixed(9),
      CREDITS_USED_CLOUD_SERVICES: services.toFixed(9),
      CREDITS_USED: (compute + services).toFixed(9),
      CREDITS_ADJUSTMENT_CLOUD_SERVICES: adjustment.toFixed(9),
      CREDITS_BILLED: (compute + services + adjustment).toFixed(9),
    }
  })
}

const HOUR_MS = 3_600_000

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS
}
