/**
 * A transform that is a SELECT over the relation `batch`.
 *
 * It runs as a lateral subquery: for each row, over a `batch` of that row alone. So a row comes out alike whatever it was
 * batched with, aggregates and windows see one row, and every row that comes out is known to come from one that went in.
 * DuckDB unnests it; a million rows take about a second on two cores.
 */
import { dataColumn } from '../core/batch.ts'
import { type ColumnType, keyColumns, type TableSchema } from '../core/table-schema.ts'
import type { TableTransform } from '../core/transform.ts'
import { type BatchRelation, type CompiledTransform, type FailedRow, outputSchema } from './compiled-transform.ts'
import { batchType, quoteName, quoteText, resultColumn } from './duckdb-column.ts'
import { isolateFailures } from './failure-search.ts'
import { analyzeSelect, type Dependencies, type SelectAnalysis } from './select-analysis.ts'
import { sqlReason, transformError } from './transform-error.ts'
import type { TransformSession } from './transform-session.ts'

/** It gives another value each time, and yet it must be allowed: it is how a transform refuses a row. */
const ALLOWED_FUNCTION = 'error'
/** Words of SQL for functions of other names. */
const ALSO_UNSTABLE = ['localtime', 'localtimestamp']

export async function compileSql(
  session: TransformSession,
  source: TableSchema,
  transform: TableTransform,
  sql: string,
  typeName: (type: ColumnType) => string,
): Promise<CompiledTransform> {
  const fail = (reason: string, hint?: string) =>
    transformError(source.table, transform.form, reason, hint === undefined ? {} : { hint })
  const analysis = await analyze(session, source, sql, fail)
  requireDistinctNames(source, fail)
  const nulls = source.columns.map((column) => `NULL::${batchType(column.type, typeName)} AS ${dataColumn(column.id)}`)
  const empty = `(SELECT NULL::BIGINT AS _row${nulls.map((each) => `, ${each}`).join('')} WHERE false)`
  const described = await session
    .rows(`DESCRIBE SELECT t.* FROM ${empty} r, ${lateralSql(source, sql)} t`)
    .catch((error: unknown) => {
      throw fail(sqlReason(error))
    })
  const results = described.map((row) => ({
    name: String(row.column_name),
    result: resultColumn(String(row.column_type)),
    typeName: String(row.column_type),
  }))
  const schema = outputSchema(
    source,
    transform,
    results.map(({ name, result, typeName: sourceType }) => ({
      name,
      type: typeOf(source, name, result.type),
      sourceType,
    })),
  )
  const idsOf = (dependencies: Dependencies) =>
    dependencies && new Set(source.columns.flatMap((column) => (dependencies.has(column.name) ? [column.id] : [])))
  const isKnown = analysis.columns?.length === schema.columns.length
  return {
    source,
    schema,
    outputs: schema.columns.map((column, index) => ({
      column,
      value: `w.w${index}`,
      dependencies: isKnown ? idsOf(analysis.columns?.[index]) : undefined,
    })),
    filter: isKnown ? idsOf(analysis.filter) : undefined,
    reads: undefined,
    write: (writing, batch, onError) => writeRows(writing, source, transform, { sql, results, schema }, batch, onError),
  }
}

async function analyze(
  session: TransformSession,
  source: TableSchema,
  sql: string,
  fail: (reason: string, hint?: string) => Error,
): Promise<SelectAnalysis> {
  const { parsed } = await session.row(`SELECT json_serialize_sql(${quoteText(sql)}::VARCHAR) AS parsed`)
  const document = JSON.parse(String(parsed)) as {
    readonly error: boolean
    readonly error_message?: string
    readonly statements?: readonly unknown[]
  }
  if (document.error)
    throw fail(
      document.error_message ?? 'it is no SQL',
      'Write one SELECT over batch, such as: SELECT * EXCLUDE (note) FROM batch',
    )
  if (document.statements?.length !== 1) throw fail('it must be one SELECT')
  const names = source.columns.map((column) => column.name)
  const analysis = analyzeSelect(document.statements[0], names)
  const unstable = await session.rows(
    `SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'`,
  )
  const unstableNames = new Set([
    ...ALSO_UNSTABLE,
    ...unstable.map((row) => String(row.name).replace(/^get_current/, 'current')),
  ])
  const found = [...analysis.functions].find((name) => name !== ALLOWED_FUNCTION && unstableNames.has(name))
  if (found !== undefined)
    throw fail(`${found}() gives another value each time, so that rows would not come out alike when they are compared`)
  return analysis
}

function requireDistinctNames(source: TableSchema, fail: (reason: string, hint?: string) => Error): void {
  const seen = new Set<string>()
  for (const { name } of source.columns) {
    if (seen.has(name.toLowerCase()))
      throw fail(
        `two columns are called "${name}" but for case, and SQL does not tell them apart`,
        'Leave one out with `exclude`, or use a module as transform',
      )
    seen.add(name.toLowerCase())
  }
}

/** JSON and UUIDs rest as text, and are what they were where they keep their name. */
function typeOf(source: TableSchema, name: string, type: ColumnType): ColumnType {
  const same = source.columns.find((column) => column.name === name)
  if (type.kind === 'text' && (same?.type.kind === 'json' || same?.type.kind === 'uuid')) return same.type
  return type
}

function lateralSql(source: TableSchema, sql: string): string {
  const columns = source.columns.map((column) => `r.${dataColumn(column.id)} AS ${quoteName(column.name)}`)
  // A comment at its end must not take what follows with it.
  return `LATERAL (WITH batch AS (SELECT ${columns.join(', ')}) SELECT * FROM (${sql}\n))`
}

interface SqlForm {
  readonly sql: string
  readonly results: readonly { readonly result: { stored(expression: string): string } }[]
  readonly schema: TableSchema
}

async function writeRows(
  session: TransformSession,
  source: TableSchema,
  transform: TableTransform,
  { sql, results, schema }: SqlForm,
  batch: BatchRelation,
  onError: TableTransform['onError'],
): Promise<readonly FailedRow[]> {
  const names = results.map((_, index) => `v${index}`)
  const stored = results.map(({ result }, index) => `${result.stored(`t.v${index}`)} AS w${index}`)
  const select = (where: string) =>
    `SELECT r._row${stored.map((each) => `, ${each}`).join('')}
     FROM (SELECT * FROM ${batch.sql}${where}) r, ${lateralSql(source, sql)} t(${names.join(', ')})`
  await session.run(`CREATE OR REPLACE TEMP TABLE transform_written AS ${select(' WHERE false')}`)
  const failed = await isolateFailures(session, {
    rows: batch.sql,
    run: (first, last) =>
      session.run(`INSERT INTO transform_written ${select(` WHERE _row BETWEEN ${first} AND ${last}`)}`),
    onFailure: (error, row) => {
      if (onError === 'continue') return
      throw transformError(source.table, transform.form, sqlReason(error), { context: { row: Number(row) } })
    },
  })
  return [...failed, ...(await breaches(session, source, schema, batch))]
}

/** Rows that came out several times, or under another key. */
async function breaches(
  session: TransformSession,
  source: TableSchema,
  schema: TableSchema,
  batch: BatchRelation,
): Promise<readonly FailedRow[]> {
  const twice = await session.rows('SELECT _row FROM transform_written GROUP BY _row HAVING count(*) > 1')
  const changed = keyColumns(source).map((key) => {
    const place = schema.columns.findIndex((column) => column.id === key.id)
    return `w.w${place} IS DISTINCT FROM b.${dataColumn(key.id)}`
  })
  const other =
    changed.length === 0
      ? []
      : await session.rows(
          `SELECT DISTINCT w._row FROM transform_written w JOIN ${batch.sql} b ON b._row = w._row WHERE ${changed.join(' OR ')}`,
        )
  return [
    ...twice.map((row) => ({ row: BigInt(String(row._row)), reason: 'it makes several rows of one' })),
    ...other.map((row) => ({ row: BigInt(String(row._row)), reason: 'it changes the key' })),
  ]
}
