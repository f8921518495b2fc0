/**
 * One stage file → the file that is loaded in its place: the same rows in the same order, with the columns of the
 * transform and the system columns that it had.
 *
 * | row | becomes |
 * | --- | --- |
 * | insert, update | what the transform gives |
 * | one that the transform leaves out | a delete, since it may have been there before; gone where nothing is deleted by key, and an insert also where every change is a row |
 * | one that it fails on (`on_transform_error: continue`) | quarantined whole |
 * | delete, truncate, quarantined | itself |
 * | update without some values | see below |
 *
 * A change may lack values that are unchanged (`_unchanged`). Columns that depend on such values alone are unchanged too,
 * and those that depend on none of them are right as they are. Where a column depends on both, the row is asked for
 * (`keysToComplete`) and its missing values are taken from there; a row that is gone by then is left out, as its delete
 * follows, and where its key has changed, it leaves the old one.
 */
import { stat } from 'node:fs/promises'
import { dataColumn, oldKeyColumn, SYSTEM_COLUMNS } from '../core/batch.ts'
import type { TargetTable } from '../core/destination.ts'
import type { StageFile } from '../core/stage.ts'
import { keyColumns } from '../core/table-schema.ts'
import type { ValueLimits } from '../core/value-limits.ts'
import type { CompiledTransform, FailedRow } from './compiled-transform.ts'
import { batchType, quoteText, type TransformDialect } from './duckdb-column.ts'
import { rowsBeyondLimits } from './limited-values.ts'
import { transformError } from './transform-error.ts'
import type { TransformSession } from './transform-session.ts'
import { isForSql, type UnchangedPlan, unchangedPlans } from './unchanged-plan.ts'

export interface LocalFile {
  readonly file: StageFile
  /** Absolute path. */
  readonly location: string
}

export interface FileTransformRequest {
  readonly input: LocalFile
  readonly target: TargetTable
  readonly compiled: CompiledTransform
  /** Whole rows for keys that were asked for. */
  readonly completion: readonly LocalFile[]
  /** Path of the file to write, as the destination asks for it, and where it is. */
  readonly output: { readonly path: string; readonly location: string }
  readonly dialect: TransformDialect
  readonly limits: ValueLimits | undefined
}

/** Keys, as JSON arrays of text forms, of rows that must be asked for before the file can be transformed. */
export async function keysToComplete(
  session: TransformSession,
  { file, location }: LocalFile,
  compiled: CompiledTransform,
  dialect: TransformDialect,
): Promise<readonly string[]> {
  if (file.features.partialRows === 0) return []
  const present = await readRows(session, location)
  const plans = (await unchangedPlans(session, compiled, present)).filter((plan) => plan.completed)
  if (plans.length === 0) return []
  const parts = keyColumns(file.schema).map((column) => ({ expression: dataColumn(column.id), type: column.type }))
  const rows = await session.rows(
    `SELECT DISTINCT ${dialect.keyText(parts)} AS key FROM transform_raw
     WHERE ${isForSql(plans, compiled, present, '')} AND ${SYSTEM_COLUMNS.position} IS NOT NULL`,
  )
  return rows.map((row) => String(row.key))
}

export async function transformFile(session: TransformSession, request: FileTransformRequest): Promise<StageFile> {
  const { input, target, compiled, output, limits } = request
  const { file } = input
  const present = await readRows(session, input.location)
  const plans = file.features.partialRows === 0 ? [] : await unchangedPlans(session, compiled, present)
  await buildBatch(session, request, present, plans)
  const onError = target.transform?.onError ?? 'stop'
  const unwritten = await compiled.write(session, { sql: '(SELECT * FROM transform_batch WHERE _asked)' }, onError)
  const failed = [...unwritten, ...(await rowsBeyondLimits(session, compiled, limits))]
  const [first] = failed
  if (first !== undefined && onError === 'stop') throw failureOf(request, first)
  await recordFailures(session, request, failed)
  const shape = { present, plans, hasFailed: failed.length > 0 }
  await session.run(
    `COPY (${resultSql(request, shape)}) TO ${quoteText(output.location)} (FORMAT parquet, COMPRESSION zstd)`,
  )
  const isDelete = present.has(SYSTEM_COLUMNS.op) || failed.length > 0 ? `${SYSTEM_COLUMNS.op} = 'd'` : 'false'
  const written = await session.row(
    `SELECT count(*) AS rows, count(*) FILTER (WHERE ${isDelete}) AS deletes
     FROM read_parquet(${quoteText(output.location)}, hive_partitioning = false)`,
  )
  const { checksum: _, ...rest } = file
  return {
    ...rest,
    path: output.path,
    bytes: (await stat(output.location)).size,
    rows: Number(written.rows),
    schema: { ...compiled.schema, version: file.schema.version },
    features: {
      ...file.features,
      deletes: Number(written.deletes),
      partialRows: plans.some((plan) => plan.result !== undefined) ? file.features.partialRows : 0,
      quarantinedRows: file.features.quarantinedRows + failed.length,
    },
  }
}

/** `transform_raw`: the rows as they are, numbered. Returns the names of the file's columns. */
async function readRows(session: TransformSession, location: string): Promise<ReadonlySet<string>> {
  await session.run(
    `CREATE OR REPLACE TEMP TABLE transform_raw AS
     SELECT file_row_number AS _row, * FROM read_parquet(${quoteText(location)}, hive_partitioning = false)`,
  )
  const columns = await session.rows('DESCRIBE transform_raw')
  return new Set(columns.map((column) => String(column.column_name)))
}

/**
 * `transform_batch`: all columns of the schema with their types, missing values completed where a plan says so, and
 * `_kind` (the operation), `_asked` (the transform is), `_skipped`, `_gone` (its row is not at the source any more).
 */
async function buildBatch(
  session: TransformSession,
  { input: { file }, compiled, completion, dialect }: FileTransformRequest,
  present: ReadonlySet<string>,
  plans: readonly UnchangedPlan[],
): Promise<void> {
  const { unchanged, position, op } = SYSTEM_COLUMNS
  const completed = plans.filter((plan) => plan.completed)
  const skipped = plans.filter((plan) => plan.skipped)
  const names = new Set(file.schema.columns.map((column) => dataColumn(column.id)))
  const others = [...present].filter((name) => !names.has(name)).map((name) => `r.${name}`)
  const isCompleted = isForSql(completed, compiled, present, 'r.')
  const keys = keyColumns(file.schema).map((column) => dataColumn(column.id))
  const found =
    completed.length === 0 || completion.length === 0 ? undefined : await readCompletion(session, completion)
  const columns = file.schema.columns.map(({ id, type }) => {
    const name = dataColumn(id)
    const wanted = batchType(type, dialect.typeName)
    const own = present.has(name) ? `r.${name}` : 'NULL'
    const missing = `${isCompleted} AND contains(r.${unchanged}, ',${id},')`
    const value = found?.has(name) === true ? `CASE WHEN ${missing} THEN a.${name} ELSE ${own} END` : own
    return `CAST(${value} AS ${wanted}) AS ${name}`
  })
  const kind = present.has(op) ? `coalesce(r.${op}, 'i')` : "'i'"
  const exists = present.has(position) ? `r.${position} IS NOT NULL` : 'true'
  const isGone = found === undefined ? isCompleted : `(${isCompleted} AND a._found IS NULL)`
  const isSkipped = isForSql(skipped, compiled, present, 'r.')
  // Deletes of a bag carry the whole row: one that was left out when it came must be left out when it goes.
  const asked = file.schema.identity.kind === 'bag' ? `('i', 'u', 'd')` : `('i', 'u')`
  const flags = [
    `${kind} AS _kind`,
    `${isGone} AS _gone`,
    `${isSkipped} AS _skipped`,
    `${kind} IN ${asked} AND ${exists} AND NOT ${isGone} AND NOT ${isSkipped} AS _asked`,
  ]
  const join =
    found === undefined
      ? ''
      : `LEFT JOIN transform_completion a ON ${isCompleted} AND ${keys.map((key) => `a.${key} = r.${key}`).join(' AND ')}`
  await session.run(
    `CREATE OR REPLACE TEMP TABLE transform_batch AS SELECT ${[...others, ...columns, ...flags].join(', ')} FROM transform_raw r ${join}`,
  )
}

async function readCompletion(
  session: TransformSession,
  completion: readonly LocalFile[],
): Promise<ReadonlySet<string>> {
  const list = completion.map(({ location }) => quoteText(location)).join(', ')
  await session.run(
    `CREATE OR REPLACE TEMP TABLE transform_completion AS
     SELECT *, true AS _found FROM read_parquet([${list}], union_by_name = true, hive_partitioning = false)`,
  )
  const columns = await session.rows('DESCRIBE transform_completion')
  return new Set(columns.map((column) => String(column.column_name)))
}

/** `transform_failed`: rows that are quarantined whole, each with its entry. */
async function recordFailures(
  session: TransformSession,
  { input: { file }, dialect, limits }: FileTransformRequest,
  failed: readonly FailedRow[],
): Promise<void> {
  if (failed.length === 0) return
  await session.run('CREATE OR REPLACE TEMP TABLE transform_reasons (_row BIGINT, reason VARCHAR)')
  const AT_ONCE = 5_000
  for (let start = 0; start < failed.length; start += AT_ONCE) {
    const rows = failed
      .slice(start, start + AT_ONCE)
      .map(({ row, reason }) => `(${row}, ${quoteText(`transform: ${reason}`)})`)
    await session.run(`INSERT INTO transform_reasons VALUES ${rows.join(', ')}`)
  }
  const keys = keyColumns(file.schema).map((column) => ({
    expression: `b.${dataColumn(column.id)}`,
    type: column.type,
  }))
  const key = keys.length === 0 ? 'NULL' : dialect.keyText(keys)
  const values = file.schema.columns.map(
    ({ id, name, type }) => `${quoteText(name)}, ${dialect.textForm(`b.${dataColumn(id)}`, type)}`,
  )
  const whole = `json_object(${values.join(', ')})::VARCHAR`
  // Quotes are escaped once more, and a character is four bytes at most.
  const bytes = limits === undefined ? undefined : limits.textBytes >> 2
  const raw =
    bytes === undefined
      ? whole
      : `CASE WHEN strlen(${whole}) > ${bytes} THEN left(${whole}, ${bytes >> 2}) ELSE ${whole} END`
  await session.run(
    `CREATE OR REPLACE TEMP TABLE transform_failed AS SELECT b._row, to_json([{'columnId': 0, 'reason': f.reason,
       'raw': ${raw}, 'key': ${key}}])::VARCHAR AS entry
     FROM transform_batch b JOIN (SELECT _row, any_value(reason) AS reason FROM transform_reasons GROUP BY _row) f ON f._row = b._row`,
  )
}

interface ResultShape {
  readonly present: ReadonlySet<string>
  readonly plans: readonly UnchangedPlan[]
  readonly hasFailed: boolean
}

function resultSql({ input: { file }, target, compiled }: FileTransformRequest, shape: ResultShape): string {
  const { present, plans, hasFailed } = shape
  const { op, unchanged, quarantine, position } = SYSTEM_COLUMNS
  const failed = hasFailed ? 'f._row IS NOT NULL' : 'false'
  const leftOut = `(b._asked AND w._row IS NULL AND NOT ${failed})`
  const isLive = `((w._row IS NOT NULL AND NOT ${failed}) OR b._skipped)`
  const keys = keyColumns(file.schema)
  const columns: string[] = []
  if (present.has(op) || hasFailed)
    columns.push(`CASE WHEN ${failed} THEN 'q' WHEN ${leftOut} THEN 'd' ELSE b._kind END AS ${op}`)
  const results = plans.flatMap((plan) =>
    plan.result === undefined
      ? []
      : [`WHEN ${isForSql([plan], compiled, present, 'b.')} THEN ${quoteText(plan.result)}`],
  )
  if (results.length > 0) columns.push(`CASE WHEN ${isLive} THEN CASE ${results.join(' ')} END END AS ${unchanged}`)
  if (present.has(quarantine) || hasFailed) {
    const own = present.has(quarantine) ? `CASE WHEN NOT ${leftOut} THEN b.${quarantine} END` : 'NULL'
    columns.push(`${hasFailed ? `coalesce(f.entry, ${own})` : own} AS ${quarantine}`)
  }
  const rewritten: ReadonlySet<string> = new Set([op, unchanged, quarantine, '_row'])
  const oldKeys = new Set(keys.map((column) => oldKeyColumn(column.id)))
  const data = new Set(file.schema.columns.map((column) => dataColumn(column.id)))
  for (const name of present) {
    if (rewritten.has(name) || data.has(name)) continue
    columns.push(oldKeys.has(name) ? `CASE WHEN ${isLive} OR NOT b._asked THEN b.${name} END AS ${name}` : `b.${name}`)
  }
  for (const { id } of keys) {
    const name = dataColumn(id)
    // What leaves is the row that is there, which has the key from before the change.
    const before = present.has(oldKeyColumn(id)) ? `coalesce(b.${oldKeyColumn(id)}, b.${name})` : `b.${name}`
    columns.push(`CASE WHEN ${failed} THEN NULL WHEN ${leftOut} THEN ${before} ELSE b.${name} END AS ${name}`)
  }
  for (const { column, value } of compiled.outputs) {
    if (keys.some((key) => key.id === column.id)) continue
    columns.push(`CASE WHEN ${isLive} THEN ${value} END AS ${dataColumn(column.id)}`)
  }
  const deletes = present.has(op) && keys.length > 0
  // Where every change is a row, the delete of one that was never there would be one too many.
  const neverThere = target.write === 'append' ? [`(${leftOut} AND b._kind = 'i')`] : []
  const dropped = [
    'b._gone',
    ...(deletes ? neverThere : [leftOut]),
    ...(hasFailed ? [`(${failed} AND b._kind = 'd')`] : []),
  ]
  const from = `FROM transform_batch b LEFT JOIN transform_written w ON w._row = b._row${hasFailed ? ' LEFT JOIN transform_failed f ON f._row = b._row' : ''}`
  const rows = `SELECT ${columns.join(', ')}, b._row AS _order ${from} WHERE NOT (${dropped.join(' OR ')})`
  const moved = keys.flatMap(({ id }) => (present.has(oldKeyColumn(id)) ? [`b.${oldKeyColumn(id)} IS NOT NULL`] : []))
  const mayLeave = hasFailed || plans.some((plan) => plan.completed)
  if (!mayLeave || !deletes || moved.length === 0) return `SELECT * EXCLUDE (_order) FROM (${rows}) ORDER BY _order`
  // A row that is quarantined under its new key, or gone by then, must not stay under the old one.
  const leaving = [
    `'d' AS ${op}`,
    `b.${position}`,
    ...keys.map(({ id }) => `coalesce(b.${oldKeyColumn(id)}, b.${dataColumn(id)}) AS ${dataColumn(id)}`),
    'b._row AS _order',
  ]
  const old = `SELECT ${leaving.join(', ')} ${from} WHERE (${failed} OR b._gone) AND (${moved.join(' OR ')})`
  return `SELECT * EXCLUDE (_order) FROM (${rows} UNION ALL BY NAME ${old}) ORDER BY _order`
}

function failureOf({ input: { file }, target }: FileTransformRequest, { row, reason }: FailedRow): Error {
  const form = target.transform?.form ?? { kind: 'sql', sql: '' }
  return transformError(file.schema.table, form, reason, { context: { row: Number(row) } })
}
