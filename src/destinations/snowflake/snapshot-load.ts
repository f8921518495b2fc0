/**
 * A snapshot on its way in: files are copied into a shadow table, each exactly once, until all are there.
 *
 * What has been loaded is recorded in the transaction that loads it, so Snowflake's own memory of files (64 days) does not
 * matter. The lease is taken last there, unlike everywhere else: its lock is held until the transaction ends, and files
 * of a snapshot are loaded several at a time, for minutes. Nobody else's rows are touched before; and a call that is
 * repeated while the first one is still under way finds what that one recorded once it has the lock.
 */
import type { Lease, SnapshotLoad, SnapshotLoaded, TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { StageFile } from '../../core/stage.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import type { StoredLayout } from '../../warehouse/layout-book.ts'
import {
  DELETED_ID,
  dataColumns,
  LOAD_TIME_ID,
  ownColumn,
  POSITION_ID,
  type TableLayout,
} from '../../warehouse/table-layout.ts'
import { totalFeatures } from '../../warehouse/total-features.ts'
import { loadedBatches } from './backfill.ts'
import { takeLease } from './checkpoint.ts'
import type { DriverError } from './driver.ts'
import { isSessionGone } from './errors.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { loadLayouts } from './layout-store.ts'
import { countQuarantined, recordQuarantined } from './quarantine.ts'
import { Rollback, type SnowflakeSession } from './session.ts'
import { valuesOfFiles, valuesOfStaged } from './snapshot-columns.ts'
import { timestampLiteral } from './sql-time.ts'
import type { StageFiles } from './stage-files.ts'
import { valueSql } from './staged-columns.ts'
import { copyFiles, copySql, dropStaged, loadStaged, runsOf } from './staged-rows.ts'
import { columnSql, metadataTable, tableSql } from './table-names.ts'

/** Files that are not in the table yet, as far as is known before they are loaded. */
export interface FreshFiles {
  readonly target: TargetTable
  readonly layout: TableLayout
  /** At least one. */
  readonly files: readonly StageFile[]
  /** Files that are in the table already. */
  readonly loadedBefore: number
}

interface FileLoad extends FreshFiles {
  readonly lease: Lease
  readonly stage: StageFiles
  readonly nowMs: number
}

/** Undefined where all of them are in the table. */
export async function freshFiles(
  session: SnowflakeSession,
  lease: Lease,
  { target, files: wanted }: SnapshotLoad,
): Promise<FreshFiles | undefined> {
  const { table } = target
  await takeLease(session, lease)
  const { layout } = await shadowOf(session, table)
  const loaded = await loadedBatches(session, table)
  const files = wanted.filter((file) => !loaded.has(file.batchId))
  return files.length === 0 ? undefined : { target, layout, files, loadedBefore: loaded.size }
}

/**
 * Undefined where one of the files is in the table by now: an earlier call, whose reply was lost, was
 * carried out meanwhile.
 */
export function loadSnapshot(
  session: SnowflakeSession,
  lease: Lease,
  fresh: FreshFiles,
  stage: StageFiles,
  nowMs: number,
): Promise<SnapshotLoaded | undefined> {
  session.phase('copy', tableName(fresh.target.table))
  return load(session, { ...fresh, lease, stage, nowMs })
}

/** Straight into the table, unless some of the rows or values do not belong there. */
async function load(session: SnowflakeSession, fresh: FileLoad): Promise<SnapshotLoaded | undefined> {
  if (totalFeatures(fresh.files).quarantinedRows > 0) return loadThroughStaging(session, fresh)
  try {
    const rows = await session.transaction(async () => {
      let added = 0
      for (const run of runsOf(fresh.stage.uploaded(fresh.files))) {
        added += await copyFiles(session, fresh.stage, run.files, directSql(fresh, run.files, run.first))
      }
      return finishLoad(session, fresh, added)
    })
    return rows === undefined ? undefined : { rows, quarantined: 0 }
  } catch (error) {
    const hasJson = dataColumns(fresh.layout).some((column) => column.type.kind === 'json')
    if (session.isStop(error) || !hasJson || !isRefused(error)) throw error
    return loadThroughStaging(session, fresh)
  }
}

/** The server has answered: some value cannot be converted, or something that will be met again. */
function isRefused(error: unknown): boolean {
  return /^\d{6}$/.test(String((error as DriverError).code ?? '')) && !isSessionGone(error)
}

function directSql({ layout, stage, loadedBefore, nowMs }: FileLoad, files: readonly StageFile[], first: number) {
  const [file] = files
  if (file === undefined) throw new Error('Nothing is loaded of no files')
  const columns = { layout, schema: file.schema, parseJson: true }
  const own: readonly (readonly [number, string])[] = [
    [LOAD_TIME_ID, timestampLiteral(nowMs)],
    [DELETED_ID, 'FALSE'],
    [POSITION_ID, quoteLiteral(file.firstPosition)],
    ...valuesOfFiles(layout, files, stage, loadedBefore + first),
  ]
  const values = dataColumns(layout).map((column) => valueSql(file, columns, column))
  return copySql(intoSql(layout, own), [...values, ...own.map(([, value]) => value)], stage, files)
}

/** Table and columns. */
function intoSql(layout: TableLayout, own: readonly (readonly [number, string])[]): string {
  const data = dataColumns(layout).map((column) => quoteIdentifier(column.name))
  return `${tableSql(layout)} (${[...data, ...own.map(([id]) => columnSql(layout, id))].join(', ')})`
}

async function loadThroughStaging(session: SnowflakeSession, fresh: FileLoad): Promise<SnapshotLoaded | undefined> {
  const { layout, stage, files, loadedBefore, nowMs } = fresh
  const [file] = files
  if (file === undefined) return { rows: 0, quarantined: 0 }
  const name = 'snapshot'
  const staged = await loadStaged(session, stage, { files, layout, schema: file.schema, from: undefined, name })
  const quarantine = await countQuarantined(session, staged)
  const own: readonly (readonly [number, string])[] = [
    [LOAD_TIME_ID, timestampLiteral(nowMs)],
    [DELETED_ID, 'FALSE'],
    [POSITION_ID, 'pos'],
    ...valuesOfStaged(layout, loadedBefore),
  ]
  const values = [...dataColumns(layout).map((_, index) => `v${index}`), ...own.map(([, value]) => value)]
  const written = files.reduce((sum, each) => sum + each.rows, 0)
  const added = await session.transaction<number | undefined>(async () => {
    const rows = await session.run(
      `INSERT INTO ${intoSql(layout, own)} SELECT ${values.join(', ')} FROM ${staged.table} s WHERE code IS NOT NULL`,
    )
    const { WHOLE: whole } = await session.row(`SELECT COUNT(*) AS whole FROM ${staged.table} s WHERE code IS NULL`)
    invariant(rows + Number(whole) === written, 'all rows of the files are loaded or quarantined')
    await recordQuarantined(session, staged, quarantine, nowMs)
    return finishLoad(session, fresh, rows)
  })
  await dropStaged(session, name)
  return added === undefined ? undefined : { rows: added, quarantined: quarantine.rows + quarantine.refused }
}

/** Takes the lease and records the files; what all of them have added is recorded with the first. */
async function finishLoad(
  session: SnowflakeSession,
  { lease, target, files, nowMs }: FileLoad,
  added: number,
): Promise<number | Rollback<number | undefined>> {
  await takeLease(session, lease)
  const recorded = await loadedBatches(session, target.table)
  if (files.some((file) => recorded.has(file.batchId))) return new Rollback<number | undefined>(undefined)
  const of = [target.table.source, target.table.namespace, target.table.name].map(quoteLiteral).join(', ')
  const rows = files.map(
    (file, index) =>
      `(${of}, ${quoteLiteral(file.batchId)}, ${index === 0 ? added : 0}, ${quoteLiteral(file.firstPosition)}, ${timestampLiteral(nowMs)})`,
  )
  await session.run(
    `INSERT INTO ${metadataTable('LOADS')} (source, namespace, table_name, batch_id, added, position, loaded_at)
     VALUES ${rows.join(', ')}`,
  )
  return added
}

export async function shadowOf(session: SnowflakeSession, table: TableId): Promise<StoredLayout> {
  const shadow = (await loadLayouts(session, table.source, [table])).get(table, 'shadow')
  if (shadow !== undefined) {
    ownColumn(shadow.layout, POSITION_ID)
    return shadow
  }
  throw new PipelineError('internal', `Loading ${tableName(table)}`, {
    cause: new Error('its snapshot has not begun'),
    context: { table: tableName(table) },
  })
}
