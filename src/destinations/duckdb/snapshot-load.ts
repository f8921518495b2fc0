/** A snapshot on its way in: files are appended to a shadow table, each exactly once, until all are there. */
import type { Lease, SnapshotLoad, SnapshotLoaded, TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import { type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { StoredLayout } from '../../warehouse/layout-book.ts'
import { hasSameRows, shadowLayout } from '../../warehouse/shadow-layout.ts'
import {
  DELETED_ID,
  dataColumns,
  HASH_DIGITS,
  identityColumns,
  LOAD_TIME_ID,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { requireWritable } from '../../warehouse/writable-table.ts'
import { putCheckpoint, tableCheckpoints, takeLease } from './checkpoint.ts'
import { continueTable, presentTable } from './continuation.ts'
import { isConversionError, isMemoryError, isReadingError, translateError } from './errors.ts'
import { quoteIdentifier, quoteLiteral, timestampLiteral } from './identifiers.ts'
import { loadLayouts, saveLayout } from './layout-store.ts'
import { forgetAttempt, forgetLoads, requireFreeName } from './promotion.ts'
import { recordQuarantined, recordRejected } from './quarantine.ts'
import { createTableSql, DIALECT, evolveLayout } from './schema-evolution.ts'
import type { Session } from './session.ts'
import { snapshotColumns } from './snapshot-columns.ts'
import { type InspectedFile, inspectFiles, requireReadable } from './stage-inspection.ts'
import { relationSql, type StageRelation } from './stage-relation.ts'
import { columnSql, tableSql } from './table-sql.ts'
import { chooseTextCompression } from './text-compression.ts'

/** The shadow table begins as the final one is, so that views with `*` and columns that were kept stay as they were. */
export async function beginSnapshot(
  session: Session,
  lease: Lease,
  target: TargetTable,
  schema: TableSchema,
  keep: boolean,
): Promise<readonly string[]> {
  const { table } = target
  return session.transaction(async () => {
    await takeLease(session, lease)
    await requireFreeName(session, target)
    const book = await loadLayouts(session, table.source, [table])
    const shadow = book.get(table, 'shadow')
    const final = book.get(table, 'final')
    const isAlike =
      final !== undefined && writeModeOf(final.layout) === target.write && hasSameRows(final.layout, schema)
    await requireWritable(target, schema, final && presentTable(session, final.layout, isAlike))
    if (keep && shadow !== undefined && writeModeOf(shadow.layout) === target.write) {
      const { layout, ddl } = evolveLayout(shadow.layout, schema, target)
      for (const statement of ddl) await session.run(statement)
      await saveLayout(session, table, 'shadow', { layout, finishedPosition: shadow.finishedPosition })
      return [...(await loadedBatches(session, table))]
    }
    if (shadow !== undefined) await session.run(`DROP TABLE IF EXISTS ${tableSql(shadow.layout)}`)
    const layout = shadowLayout(target, schema, isAlike ? final.layout : undefined, DIALECT)
    await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(target.namespace)}`)
    await session.run(createTableSql(layout))
    // Without a shadow table, what is remembered is of a backfill of the table that is there.
    if (shadow === undefined) await forgetLoads(session, table)
    else await forgetAttempt(session, table)
    await saveLayout(session, table, 'shadow', { layout, finishedPosition: undefined })
    return []
  })
}

/** No rows are added for files that are there already. */
export async function loadSnapshot(
  session: Session,
  lease: Lease,
  load: SnapshotLoad,
  locate: (path: string) => string,
  nowMs: number,
): Promise<SnapshotLoaded> {
  const { target, files } = load
  const { table } = target
  await session.useThreads('all')
  let careful = false
  for (;;) {
    try {
      const inspected = await inspectFiles(session, files, locate)
      return await session.transaction(() => loadFresh(session, lease, table, inspected, careful, nowMs))
    } catch (error) {
      if (session.isStop(error)) throw error
      if (isReadingError(error)) await requireReadable(session, files, locate)
      if (isMemoryError(error) && (await session.useMoreMemory())) continue
      if (careful || !isConversionError(error)) {
        const doing = `Loading ${tableName(table)} into ${target.namespace}.${target.name}`
        throw translateError(error, doing, { table: tableName(table) })
      }
      careful = true
    }
  }
}

async function loadFresh(
  session: Session,
  lease: Lease,
  table: TableId,
  inspected: readonly InspectedFile[],
  careful: boolean,
  nowMs: number,
): Promise<SnapshotLoaded> {
  await takeLease(session, lease)
  const { layout } = await shadowOf(session, table)
  const loaded = await loadedBatches(session, table)
  const files = inspected.filter(({ file }) => !loaded.has(file.batchId))
  const known = inspected.filter(({ file }) => loaded.has(file.batchId))
  const quarantined = known.reduce((sum, { file }) => sum + file.features.quarantinedRows, 0)
  const [first] = files
  if (first === undefined) return { rows: 0, quarantined }
  if (loaded.size === 0) await makeAnew(session, layout, files)
  const relation = { files, layout, schema: first.file.schema, from: undefined, careful }
  const added = await append(session, relation, loaded.size, nowMs)
  return { rows: added.rows, quarantined: quarantined + added.quarantined }
}

/** The table is empty: now that rows are there to look at, it gets the compression that suits them. */
async function makeAnew(session: Session, layout: TableLayout, files: readonly InspectedFile[]): Promise<void> {
  const compression = await chooseTextCompression(session, layout, files)
  if (compression.size === 0) return
  await session.run(`DROP TABLE ${tableSql(layout)}`)
  await session.run(createTableSql(layout, compression))
}

async function append(
  session: Session,
  relation: StageRelation,
  loadedBefore: number,
  nowMs: number,
): Promise<SnapshotLoaded> {
  const { layout, files } = relation
  const { table } = relation.schema
  const data = dataColumns(layout)
  const own: readonly (readonly [number, string])[] = [
    [LOAD_TIME_ID, timestampLiteral(nowMs)],
    [DELETED_ID, 'false'],
    [POSITION_ID, 'pos'],
    ...snapshotColumns(layout, loadedBefore),
  ]
  const names = [...data.map((column) => quoteIdentifier(column.name)), ...own.map(([id]) => columnSql(layout, id))]
  const values = [...data.map((_, index) => `v${index}`), ...own.map(([, value]) => value)]
  // Rows without a code are quarantined whole.
  const rows = relationSql(relation)
  const added = await session.run(
    `INSERT INTO ${tableSql(layout)} (${names.join(', ')})
     SELECT ${values.join(', ')} FROM ${rows} WHERE code IS NOT NULL`,
  )
  const written = files.reduce((sum, { file }) => sum + file.rows, 0)
  const whole = written === added ? 0 : await countWhole(session, rows)
  invariant(added + whole === written, 'all rows of the files are loaded or quarantined')
  let quarantined = await recordQuarantined(session, relation, rows, nowMs)
  if (relation.careful) quarantined += await recordRejected(session, relation, nowMs)
  await recordLoads(session, table, relation, added, nowMs)
  return { rows: added, quarantined }
}

async function countWhole(session: Session, rows: string): Promise<number> {
  const { count } = await session.row(`SELECT count(*) AS count FROM ${rows} WHERE code IS NULL`)
  return Number(count)
}

/** What all files of one call have added is recorded with the first. */
async function recordLoads(
  session: Session,
  table: TableId,
  { files }: StageRelation,
  added: number,
  nowMs: number,
): Promise<void> {
  const of = [table.source, table.namespace, table.name].map(quoteLiteral).join(', ')
  const rows = files.map(
    ({ file }, index) =>
      `(${of}, ${quoteLiteral(file.batchId)}, ${index === 0 ? added : 0}, ${quoteLiteral(file.firstPosition)},
        ${timestampLiteral(nowMs)})`,
  )
  await session.run(`INSERT INTO _simplyload.loads VALUES ${rows.join(', ')}`)
}

async function loadedBatches(session: Session, table: TableId): Promise<ReadonlySet<string>> {
  const rows = await session.rows(
    'SELECT batch_id FROM _simplyload.loads WHERE source = $1 AND namespace = $2 AND table_name = $3',
    [table.source, table.namespace, table.name],
  )
  return new Set(rows.map((row) => String(row.batch_id)))
}

async function shadowOf(session: Session, table: TableId): Promise<StoredLayout> {
  const shadow = (await loadLayouts(session, table.source, [table])).get(table, 'shadow')
  if (shadow !== undefined) return shadow
  throw new PipelineError('internal', `Loading ${tableName(table)}`, {
    cause: new Error('its snapshot has not begun'),
    context: { table: tableName(table) },
  })
}

export async function finishSnapshot(
  session: Session,
  lease: Lease,
  table: TableId,
  position: Position,
  positions: number,
): Promise<void> {
  await session.transaction(async () => {
    await takeLease(session, lease)
    const shadow = await shadowOf(session, table)
    const stored = (await tableCheckpoints(session, table.source, [table])).get(tableName(table))
    // Done before; the table may have moved on since.
    if (shadow.finishedPosition === position && stored !== undefined && stored.group === undefined) return
    if (stored === undefined || shadow.finishedPosition === undefined)
      await requireAllRows(session, table, shadow.layout)
    if (positions > 1 && shadow.layout.identity.kind === 'key') await keepNewest(session, shadow.layout)
    const hasCopies = shadow.layout.identity.kind === 'bag' && writeModeOf(shadow.layout) !== 'append'
    if (hasCopies) await countCopies(session, shadow.layout)
    const final = (await loadLayouts(session, table.source, [table])).get(table, 'final')
    if (final !== undefined && shadow.finishedPosition === undefined) {
      await continueTable(session, final.layout, shadow.layout, position)
    }
    const newest = await newestLoad(session, table)
    const guardUntil = newest !== undefined && newest > position ? newest : undefined
    await saveLayout(session, table, 'shadow', { ...shadow, finishedPosition: position })
    await putCheckpoint(session, table, { position, group: undefined, guardUntil })
  })
}

async function newestLoad(session: Session, table: TableId): Promise<Position | undefined> {
  const row = await session.row(
    'SELECT max(position) AS newest FROM _simplyload.loads WHERE source = $1 AND namespace = $2 AND table_name = $3',
    [table.source, table.namespace, table.name],
  )
  return (row.newest ?? undefined) as Position | undefined
}

async function requireAllRows(session: Session, table: TableId, layout: TableLayout): Promise<void> {
  const { added } = await session.row(
    `SELECT coalesce(sum(added), 0)::BIGINT AS added FROM _simplyload.loads
     WHERE source = $1 AND namespace = $2 AND table_name = $3`,
    [table.source, table.namespace, table.name],
  )
  const { present } = await session.row(`SELECT count(*) AS present FROM ${tableSql(layout)}`)
  invariant(added === present, `the snapshot of ${tableName(table)} has all rows that were loaded`)
}

/** Of rows with the same key, read by snapshots of different times, the newest is the row. */
async function keepNewest(session: Session, layout: TableLayout): Promise<void> {
  const table = tableSql(layout)
  const keys = identityColumns(layout).map((column) => quoteIdentifier(column.name))
  const position = columnSql(layout, POSITION_ID)
  const onKey = keys.map((key) => `t.${key} = d.${key}`).join(' AND ')
  await session.run(
    `DELETE FROM ${table} WHERE rowid IN (
       SELECT t.rowid FROM ${table} t JOIN
         (SELECT ${keys.join(', ')}, max(${position}) AS newest FROM ${table} GROUP BY ${keys.join(', ')} HAVING count(*) > 1) d
       ON ${onKey} WHERE t.${position} < d.newest)`,
  )
  const { twice } = await session.row(
    `SELECT count(*) AS twice FROM (SELECT 1 FROM ${table} GROUP BY ${keys.join(', ')} HAVING count(*) > 1)`,
  )
  invariant(Number(twice) === 0, 'a snapshot has each key once')
}

/** All rows came in as the first copy of their content. */
async function countCopies(session: Session, layout: TableLayout): Promise<void> {
  const table = tableSql(layout)
  const rowId = columnSql(layout, ROW_ID_ID)
  await session.run(
    `UPDATE ${table} SET ${rowId} = left(${table}.${rowId}, ${HASH_DIGITS}) || '/' || c.copy
     FROM (SELECT rowid AS rid, row_number() OVER (PARTITION BY ${rowId}) AS copy FROM ${table}
           WHERE ${rowId} IN (SELECT ${rowId} FROM ${table} GROUP BY 1 HAVING count(*) > 1)) c
     WHERE ${table}.rowid = c.rid AND c.copy > 1`,
  )
}
