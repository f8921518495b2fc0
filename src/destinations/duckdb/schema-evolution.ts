/** How a table follows its layout: what `layout-plan.ts` says, as DDL. */
import type { TargetTable } from '../../core/destination.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { type LayoutChange, type LayoutDialect, planLayout } from '../../warehouse/layout-plan.ts'
import type { TableLayout } from '../../warehouse/table-layout.ts'
import { duckdbType } from './column-type.ts'
import { quoteIdentifier } from './identifiers.ts'
import { missingValueLiteral, tableSql } from './table-sql.ts'
import type { TextCompression } from './text-compression.ts'

export interface Evolution {
  readonly layout: TableLayout
  /** Statements that bring the table there, in order. Empty: nothing to do. */
  readonly ddl: readonly string[]
}

export const DIALECT: LayoutDialect = { typeName: duckdbType, columnName: (name) => name }

export function createTableSql(layout: TableLayout, compression: TextCompression = new Map()): string {
  const columns = layout.columns.map(({ id, name, type }) => {
    const method = compression.get(id)
    const using = method === undefined ? '' : ` USING COMPRESSION ${method}`
    return `${quoteIdentifier(name)} ${duckdbType(type)}${using}`
  })
  return `CREATE TABLE ${tableSql(layout)} (${columns.join(', ')})`
}

export function evolveLayout(layout: TableLayout, schema: TableSchema, target: TargetTable): Evolution {
  const plan = planLayout(layout, schema, target, DIALECT)
  return { layout: plan.layout, ddl: plan.changes.flatMap((change) => ddlOf(tableSql(layout), change)) }
}

function ddlOf(table: string, change: LayoutChange): readonly string[] {
  const alter = (what: string) => `ALTER TABLE ${table} ${what}`
  if (change.kind === 'rename') {
    return [alter(`RENAME COLUMN ${quoteIdentifier(change.from)} TO ${quoteIdentifier(change.to)}`)]
  }
  const { name, type } = change.column
  const column = quoteIdentifier(name)
  if (change.kind === 'widen') return [alter(`ALTER COLUMN ${column} SET DATA TYPE ${duckdbType(type)}`)]
  const fill = change.source === undefined ? undefined : missingValueLiteral(change.source)
  if (fill === undefined) return [alter(`ADD COLUMN ${column} ${duckdbType(type)}`)]
  // The value is for rows that are there; rows to come bring their own.
  return [
    alter(`ADD COLUMN ${column} ${duckdbType(type)} DEFAULT ${fill}`),
    alter(`ALTER COLUMN ${column} DROP DEFAULT`),
  ]
}
