/**
 * A transform that is a function of a module. It is given the columns that it reads and gives those that it writes; all
 * others pass without becoming values of JavaScript.
 */
import { dataColumn } from '../core/batch.ts'
import { parseColumnType } from '../core/column-type-form.ts'
import { invariant } from '../core/invariant.ts'
import type { ColumnType, TableSchema } from '../core/table-schema.ts'
import type { RowTransform, TableTransform, TransformForm, TransformValue } from '../core/transform.ts'
import {
  type BatchRelation,
  type CompiledTransform,
  type DerivedColumn,
  type FailedRow,
  outputSchema,
} from './compiled-transform.ts'
import { moduleReason, transformError } from './transform-error.ts'
import { loadRowTransform } from './transform-module.ts'
import type { TransformSession } from './transform-session.ts'
import { givenValue, type ValueForm, valueForm } from './value-form.ts'

interface WrittenColumn extends DerivedColumn {
  readonly form: ValueForm
}

interface ReadColumn {
  readonly name: string
  readonly expression: string
}

export async function compileModule(
  source: TableSchema,
  transform: TableTransform,
  form: Extract<TransformForm, { kind: 'module' }>,
  typeName: (type: ColumnType) => string,
): Promise<CompiledTransform> {
  const rows = await loadRowTransform(source, form)
  const written = Object.entries(rows.writes).map(([name, sourceType]): WrittenColumn => {
    const type = parseColumnType(sourceType)
    invariant(type !== undefined, 'the types of a transform are checked when it is loaded')
    return { name, type, sourceType, form: valueForm(type, typeName) }
  })
  const left = new Set([...(rows.drops ?? []), ...written.map(({ name }) => name)])
  const passing = source.columns.filter((column) => !left.has(column.name))
  const schema = outputSchema(source, transform, [...passing, ...written])
  const readColumns = rows.reads.flatMap((name) => source.columns.filter((column) => column.name === name))
  const reads = new Set(readColumns.map((column) => column.id))
  const read = readColumns.map(
    ({ id, name, type }): ReadColumn => ({ name, expression: valueForm(type, typeName).read(dataColumn(id)) }),
  )
  return {
    source,
    schema,
    outputs: schema.columns.map((column, index) => {
      const place = index - passing.length
      const of = written[place]
      return of === undefined
        ? { column, value: `b.${dataColumn(column.id)}`, dependencies: new Set([column.id]) }
        : { column, value: of.form.stored(`w.w${place}`), dependencies: reads }
    }),
    filter: reads,
    reads,
    write: (session, batch, onError) => writeRows(session, source, transform, rows, read, written, batch, onError),
  }
}

async function writeRows(
  session: TransformSession,
  source: TableSchema,
  transform: TableTransform,
  rows: RowTransform,
  reads: readonly ReadColumn[],
  written: readonly WrittenColumn[],
  batch: BatchRelation,
  onError: TableTransform['onError'],
): Promise<readonly FailedRow[]> {
  const collected = written.map(({ form }, index) => `, w${index} ${form.collectedAs}`).join('')
  await session.run(`CREATE OR REPLACE TEMP TABLE transform_written (_row BIGINT${collected})`)
  const failed: FailedRow[] = []
  const fail = (row: bigint, reason: string, cause?: unknown): void => {
    if (onError === 'stop')
      throw transformError(source.table, transform.form, reason, {
        context: { row: Number(row) },
        ...(cause === undefined ? {} : { cause: new Error(moduleReason(cause)) }),
      })
    failed.push({ row, reason })
  }
  const appender = await session.appender('transform_written')
  try {
    for await (const page of readPages(session, reads, batch)) {
      for (const [row, values] of page) {
        try {
          const given: unknown = rows.row(values)
          if (given !== null) appendRow(appender, row, collectRow(given, written), written)
        } catch (error) {
          fail(row, error instanceof BadResult ? error.message : `it fails with ${moduleReason(error)}`)
        }
      }
      appender.flushSync()
    }
  } finally {
    appender.closeSync()
  }
  for (const { name, sourceType, form, index } of written.map((column, index) => ({ ...column, index }))) {
    if (form.parsedAs === undefined) continue
    const wrong = await session.rows(
      `SELECT _row FROM transform_written WHERE w${index} IS NOT NULL AND TRY_CAST(w${index} AS ${form.parsedAs}) IS NULL`,
    )
    for (const { _row: row } of wrong) fail(BigInt(String(row)), `what it gives for "${name}" is no ${sourceType}`)
  }
  if (failed.length > 0) await forget(session, failed)
  return failed
}

class BadResult extends Error {}

type Collected = NonNullable<ReturnType<ValueForm['collect']>> | null

/** Before anything of the row is appended, since half a row cannot be taken back. */
function collectRow(given: unknown, written: readonly WrittenColumn[]): readonly Collected[] {
  if (given instanceof Promise) throw new BadResult('it must not be async')
  if (typeof given !== 'object' || given === null) throw new BadResult('it gives neither columns nor null')
  const values = given as Readonly<Record<string, unknown>>
  const more = Object.keys(values).find((name) => !written.some((column) => column.name === name))
  if (more !== undefined) throw new BadResult(`it gives "${more}", which is not among its \`writes\``)
  return written.map(({ name, sourceType, form }) => {
    const value = values[name]
    if (value === undefined) throw new BadResult(`it gives nothing for "${name}"`)
    if (value === null) return null
    const collected = form.collect(value)
    if (collected === undefined) throw new BadResult(`what it gives for "${name}" is no ${sourceType}`)
    return collected
  })
}

function appendRow(
  appender: Parameters<ValueForm['append']>[0],
  row: bigint,
  values: readonly Collected[],
  written: readonly WrittenColumn[],
): void {
  appender.appendBigInt(row)
  for (const [index, { form }] of written.entries()) {
    const value = values[index] ?? null
    if (value === null) appender.appendNull()
    else form.append(appender, value)
  }
  appender.endRow()
}

/** Rows that are values of JavaScript at a time. */
const PAGE_ROWS = 16_384n

async function* readPages(
  session: TransformSession,
  reads: readonly ReadColumn[],
  batch: BatchRelation,
): AsyncGenerator<Iterable<readonly [row: bigint, values: Record<string, TransformValue>]>> {
  const bounds = await session.row(`SELECT min(_row) AS first, max(_row) AS last FROM ${batch.sql}`)
  if (bounds.first === null) return
  const last = BigInt(String(bounds.last))
  const selected = reads.map(({ expression }, index) => `, ${expression} AS v${index}`).join('')
  for (let first = BigInt(String(bounds.first)); first <= last; first += PAGE_ROWS) {
    const { numbers, columns } = await session.columns(
      `SELECT _row${selected} FROM ${batch.sql} WHERE _row >= ${first} AND _row < ${first + PAGE_ROWS}`,
    )
    yield pageRows(numbers as readonly bigint[], columns, reads)
  }
}

function* pageRows(
  numbers: readonly bigint[],
  columns: readonly (readonly unknown[])[],
  reads: readonly ReadColumn[],
): Generator<readonly [row: bigint, values: Record<string, TransformValue>]> {
  for (const [index, row] of numbers.entries()) {
    const values: Record<string, TransformValue> = {}
    for (const [place, { name }] of reads.entries()) values[name] = givenValue(columns[place]?.[index])
    yield [row, values]
  }
}

/** Rows whose values turned out not to be what was promised. */
async function forget(session: TransformSession, failed: readonly FailedRow[]): Promise<void> {
  const AT_ONCE = 10_000
  for (let start = 0; start < failed.length; start += AT_ONCE) {
    const rows = failed.slice(start, start + AT_ONCE).map(({ row }) => row)
    await session.run(`DELETE FROM transform_written WHERE _row IN (${rows.join(', ')})`)
  }
}
