/**
 * COPY INTO <table>. A file is loaded once: name, stage and content are kept per table for 64 days.
 * https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, …/user-guide/data-load-considerations-load
 */
import { requireOnTable } from '../catalog/access-control.ts'
import type { TableObject } from '../catalog/catalog-objects.ts'
import { TWIN_SCHEMA } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult, type WireRow } from '../protocol/query-reply.ts'
import { unsupported } from '../refusals.ts'
import type { DataType } from '../sql/data-type.ts'
import type { CopyPlan } from '../sql/plan.ts'
import type { Options } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { textLiteral } from '../sql/stored-name.ts'
import { chosenFiles, type OpenStage, openStage, rowsOf } from '../stages/stage-access.ts'
import type { StageFile } from '../stages/stage-files.ts'
import { rowsResult, statusResult } from './run-query.ts'
import { inTransaction, queryRows, type StatementContext } from './statement-context.ts'
import { accountStatement, requireWarehouse } from './warehouse-use.ts'

const METADATA_MS = 64 * 24 * 60 * 60 * 1000
const FILES_MAX = 1000

interface LoadedFile {
  readonly file: StageFile
  readonly rows: number
}

export async function runCopy(context: StatementContext, plan: CopyPlan): Promise<StatementResult> {
  const { state, session, record } = context
  record.type = 'COPY'
  refuseUnknown(plan.options)
  if (plan.target.name === undefined) throw unsupported('COPY INTO what is no table')
  const table = context.catalog.requireTable(plan.target.name)
  requireOnTable(context, 'INSERT', table)
  const warehouse = requireWarehouse(context)
  if ((plan.source.files?.length ?? 0) > FILES_MAX)
    throw new SnowflakeError(
      '001015',
      '22023',
      `SQL compilation error:\nThe number of files in FILES exceeds ${FILES_MAX}.`,
    )
  const stage = await openStage(context, plan.source.location, 'READ')
  const touched = { reads: [], writes: [table.id] }
  const name = table.name.name
  const locks = [
    { table: { id: table.id, name }, mode: 'append' },
    // Two COPYs into one table would load a file twice: the second one waits for the load metadata of the first.
    { table: { id: -table.id, name }, mode: 'modify' },
  ] as const
  const loaded = await inTransaction(context, locks, touched, async () => {
    const chosen = await chosenFiles(stage, plan.source)
    const files = isOn(plan.options, 'FORCE')
      ? chosen
      : await withoutLoaded(context, table, stage, chosen, plan.options)
    if (files.length === 0) return []
    const rows = await rowsOf(context, stage, files, plan.source.format)
    const found = await loadedFiles(context, files, rows.filenameSql, rows.from, stage.files.metadataPrefix)
    await session.transaction.change(touched, async (run) => {
      await run(plan.insert(rows))
      await run(metadataSql(context, table, stage, found))
    })
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    session.transaction.count({ table: table.id, rows: sumRows(found), bytes })
    return found
  })
  const bytes = loaded.reduce((sum, { file }) => sum + file.bytes, 0)
  record.rowsInserted = sumRows(loaded)
  record.rowsProduced = record.rowsInserted
  accountStatement(context, warehouse, { bytesScanned: bytes, bytesWritten: bytes, files: loaded.length })
  if (loaded.length === 0) return statusResult(STATEMENT_TYPE.copy, 'Copy executed with 0 files processed.')
  state.loads.add(loaded.map(({ file, rows }) => ({ table, file, rows, loadedMs: record.endMs, stage: stage.key })))
  if (isOn(plan.options, 'PURGE')) await stage.files.remove(loaded.map(({ file }) => file))
  return rowsResult(STATEMENT_TYPE.copy, COLUMNS, loaded.map(resultRow))
}

const TEXT: DataType = { kind: 'VARCHAR', length: 16_777_216 }
const COUNT: DataType = { kind: 'NUMBER', precision: 19, scale: 0 }
const COLUMNS = [
  { name: 'file', type: TEXT },
  { name: 'status', type: TEXT },
  { name: 'rows_parsed', type: COUNT },
  { name: 'rows_loaded', type: COUNT },
  { name: 'error_limit', type: COUNT },
  { name: 'errors_seen', type: COUNT },
  { name: 'first_error', type: TEXT },
  { name: 'first_error_line', type: COUNT },
  { name: 'first_error_character', type: COUNT },
  { name: 'first_error_column_name', type: TEXT },
]

function resultRow({ file, rows }: LoadedFile): WireRow {
  return [file.shownName, 'LOADED', String(rows), String(rows), '1', '0', null, null, null, null]
}

/** Not loaded into this table within 64 days; of files older than that nobody knows, and they are skipped unless told otherwise. */
async function withoutLoaded(
  context: StatementContext,
  table: TableObject,
  stage: OpenStage,
  files: readonly StageFile[],
  options: Options,
): Promise<readonly StageFile[]> {
  const since = context.state.clock.nowMs() - METADATA_MS
  const rows = await queryRows(
    context,
    `SELECT path, etag, loaded_ms FROM ${TWIN_SCHEMA}.loads WHERE table_id = ${table.id} AND stage = ${textLiteral(stage.key)}`,
  )
  const known = new Set(rows.filter(([, , ms]) => Number(ms) >= since).map(([path, etag]) => `${path}\u0000${etag}`))
  const hasOldLoads = rows.some(([, , ms]) => Number(ms) < since)
  return files.filter((file) => {
    if (known.has(`${file.path}\u0000${file.etag}`)) return false
    const isUncertain = hasOldLoads && file.modifiedMs < since
    return !isUncertain || isOn(options, 'LOAD_UNCERTAIN_FILES')
  })
}

async function loadedFiles(
  context: StatementContext,
  files: readonly StageFile[],
  filenameSql: string,
  from: string,
  prefix: string,
): Promise<readonly LoadedFile[]> {
  const counted = await queryRows(context, `SELECT ${filenameSql}, count(*) FROM ${from} GROUP BY ALL`)
  const rows = new Map(counted.map(([path, count]) => [String(path), Number(count)]))
  return files.map((file) => ({ file, rows: rows.get(`${prefix}${file.path}`) ?? 0 }))
}

function metadataSql(
  { state, record }: StatementContext,
  table: TableObject,
  stage: OpenStage,
  loaded: readonly LoadedFile[],
): string {
  const values = loaded.map(
    ({ file, rows }) =>
      `(${table.id}, ${textLiteral(stage.key)}, ${textLiteral(file.path)}, ${textLiteral(file.shownName)}, ${textLiteral(file.etag)}, ${file.bytes}, ${rows}, ${state.clock.nowMs()}, ${textLiteral(record.id)})`,
  )
  return `INSERT INTO ${TWIN_SCHEMA}.loads VALUES ${values.join(', ')}`
}

const KNOWN_OPTIONS: readonly string[] = [
  'FORCE',
  'ON_ERROR',
  'PURGE',
  'LOAD_UNCERTAIN_FILES',
  'MATCH_BY_COLUMN_NAME',
  'ENFORCE_LENGTH',
  'TRUNCATECOLUMNS',
  'RETURN_FAILED_ONLY',
  'FILE_PROCESSOR',
  'LOAD_MODE',
]

function refuseUnknown(options: Options): void {
  for (const name of options.keys()) if (!KNOWN_OPTIONS.includes(name)) throw unsupported(`COPY option ${name}`)
  const onError = String(options.get('ON_ERROR') ?? 'ABORT_STATEMENT').toUpperCase()
  if (onError !== 'ABORT_STATEMENT') throw unsupported(`ON_ERROR = ${onError}`)
}

function isOn(options: Options, name: string): boolean {
  return String(options.get(name) ?? false).toUpperCase() === 'TRUE'
}

function sumRows(loaded: readonly LoadedFile[]): number {
  return loaded.reduce((sum, { rows }) => sum + rows, 0)
}
