/** Clustering keys: only of tables whose configuration asks for one, since Snowflake charges for keeping rows in order. */
import type { TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { type TableSchema, tableName } from '../../core/table-schema.ts'
import { dataColumns, type LayoutColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { tableSql } from './table-names.ts'

/**
 * As SQL: `("DAY", "ID")`; '' for none. Undefined: nothing is said, and whatever key the table has stays. Throws
 * `config_invalid` for a column that the table does not have, or that cannot be in a key.
 */
export function clusterKeyOf(
  { clusterBy }: Pick<TargetTable, 'clusterBy'>,
  schema: TableSchema,
  layout: TableLayout,
): string | undefined {
  if (clusterBy === undefined) return undefined
  const columns = clusterBy.map((name) => quoteIdentifier(columnOf(name, schema, layout).name))
  return columns.length === 0 ? '' : `(${columns.join(', ')})`
}

function columnOf(name: string, schema: TableSchema, layout: TableLayout): LayoutColumn {
  const id = schema.columns.find((column) => column.name === name)?.id
  const columns = dataColumns(layout)
  const column =
    columns.find((each) => each.id === id && each.state === 'current') ??
    // One that the source has no more is still there.
    columns.find((each) => each.sourceName === name)
  if (column !== undefined && column.type.kind !== 'json') return column
  const table = tableName(schema.table)
  throw new PipelineError('config_invalid', `Clustering ${table}`, {
    cause: new Error(`column "${name}" ${column === undefined ? 'is none of the table' : 'is a VARIANT'}`),
    hint: `Name other columns in cluster_by of ${table}, as the source calls them`,
    context: { table, column: name },
  })
}

/** The key of a table whose columns have other names now, each at its place. */
export function clusterKeyAfter(key: string | undefined, before: TableLayout, after: TableLayout): string | undefined {
  const names = new Map(
    before.columns.map(({ name }, place) => [
      quoteIdentifier(name),
      quoteIdentifier(after.columns[place]?.name ?? name),
    ]),
  )
  return key?.replaceAll(/"(?:[^"]|"")*"/g, (name) => names.get(name) ?? name)
}

/** Not in a transaction. Harmless when it is done again. `key`: of `clusterKeyOf`. */
export async function clusterTable(session: SnowflakeSession, layout: TableLayout, key: string): Promise<void> {
  await session.run(`ALTER TABLE ${tableSql(layout)} ${key === '' ? 'DROP CLUSTERING KEY' : `CLUSTER BY ${key}`}`)
}
