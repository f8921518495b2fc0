/** The two sides of a comparison: the source's rows, loaded beside the table, and the table's own. */
import type { CompareRequest } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { tableName } from '../../core/table-schema.ts'
import { type LayoutDialect, planLayout } from '../../warehouse/layout-plan.ts'
import {
  dataColumns,
  HASH_DIGITS,
  identityColumns,
  type LayoutColumn,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
} from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { currentRowsSql } from './current-rows.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { keyText } from './key-text.ts'
import { loadLayouts } from './layout-store.ts'
import type { SnowflakeSession } from './session.ts'
import type { StageFiles } from './stage-files.ts'
import { loadStaged } from './staged-rows.ts'
import { columnSql } from './table-names.ts'

export interface ComparisonSetting {
  readonly stage: StageFiles
  readonly dialect: LayoutDialect
}

/** Both as relations with the same columns: `k1`, …; `v0`, … for the columns that are compared; `pos`, `content_hash`. */
export interface Sides {
  readonly layout: TableLayout
  /** As the table is. */
  readonly existing: TableLayout
  /** `k1`, …. */
  readonly keys: readonly string[]
  /** Numbers of the compared columns. */
  readonly compared: readonly { readonly index: number; readonly column: LayoutColumn }[]
  readonly source: string
  readonly destination: string
  /** A query with the number of the source's rows that are quarantined whole. */
  readonly wholeRows: string
}

type SidesRequest = Pick<CompareRequest, 'target' | 'schema' | 'files' | 'keys'>

export async function openSides(
  session: SnowflakeSession,
  { target, schema, files, keys }: SidesRequest,
  { stage, dialect }: ComparisonSetting,
): Promise<Sides> {
  const table = tableName(target.table)
  const stored = (await loadLayouts(session, target.table.source, [target.table])).get(target.table, 'final')
  if (stored === undefined) {
    throw new PipelineError('not_found', `Comparing ${table}`, {
      cause: new Error('it has no final table yet'),
      hint: 'Run simplyload sync until the table is live',
      context: { table },
    })
  }
  const existing = stored.layout
  const policy = target.schemaChanges === 'discard' ? 'discard' : 'evolve'
  // Columns that the source has and the destination does not (yet) count as NULL there.
  const { layout } = planLayout(existing, schema, { ...target, schemaChanges: policy }, dialect)
  const data = dataColumns(layout)
  const compared = data.flatMap((column, index) => (column.state === 'current' ? [{ index, column }] : []))
  const destination = currentRowsSql(existing, ownColumns(existing, layout).join(', '))
  const isNamed = keyFilter(layout, keys)
  const chosen = (rows: string) => (isNamed === undefined ? `(${rows})` : `(SELECT * FROM (${rows}) WHERE ${isNamed})`)
  const sides = { layout, existing, keys: keyNames(layout), compared, destination: chosen(destination) }
  if (files.length === 0) {
    return { ...sides, source: `(SELECT * FROM (${destination}) WHERE FALSE)`, wholeRows: '0' }
  }
  session.phase('verify', table)
  const staged = await loadStaged(session, stage, { files, layout, schema, from: undefined, name: 'verify' })
  return {
    ...sides,
    source: chosen(`SELECT * FROM ${staged.table} WHERE code IS NOT NULL`),
    wholeRows: `(SELECT COUNT_IF(code IS NULL) FROM ${staged.table})`,
  }
}

function keyNames(layout: TableLayout): readonly string[] {
  return identityColumns(layout).map((_, index) => `k${index + 1}`)
}

function ownColumns(existing: TableLayout, layout: TableLayout): readonly string[] {
  // The column at this place in the layout, as the table has it; NULL where it does not.
  const own = (wanted: LayoutColumn) => {
    const column = existing.columns[layout.columns.indexOf(wanted)]
    const type = snowflakeType(wanted.type)
    if (column === undefined) return `CAST(NULL AS ${type})`
    const name = `t.${quoteIdentifier(column.name)}`
    return snowflakeType(column.type) === type ? name : `CAST(${name} AS ${type})`
  }
  return [
    ...identityColumns(layout).map((column, index) => `${own(column)} AS k${index + 1}`),
    ...dataColumns(layout).map((column, index) => `${own(column)} AS v${index}`),
    `t.${columnSql(existing, POSITION_ID)} AS pos`,
    existing.identity.kind === 'key'
      ? 'CAST(NULL AS VARCHAR) AS content_hash'
      : `LEFT(t.${columnSql(existing, ROW_ID_ID)}, ${HASH_DIGITS}) AS content_hash`,
  ]
}

function keyFilter(layout: TableLayout, keys: readonly string[] | undefined): string | undefined {
  if (keys === undefined || layout.identity.kind !== 'key') return undefined
  return keys.length === 0 ? 'FALSE' : `${keyOf(layout, '')} IN (${keys.map(quoteLiteral).join(', ')})`
}

export function keyOf(layout: TableLayout, prefix: string): string {
  return keyText(
    identityColumns(layout).map((column, index) => ({ expression: `${prefix}k${index + 1}`, type: column.type })),
  )
}
