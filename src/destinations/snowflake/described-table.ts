/** A table as Snowflake has it, and how its columns are recognised. Asked without a warehouse. */
import type { Column } from '../../core/table-schema.ts'
import { foldCase, type LayoutColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { type SchemaPlace, schemaSql, tableSql } from './table-names.ts'

export interface DescribedColumn {
  readonly name: string
  /** As `DESCRIBE TABLE` writes it: `NUMBER(10,0)`. */
  readonly type: string
  /** Its place in our layout, as its comment says; undefined: it is not ours, or its comment was changed. */
  readonly place: number | undefined
}

export async function describeTable(
  session: SnowflakeSession,
  layout: Pick<TableLayout, 'database' | 'namespace' | 'name'>,
): Promise<readonly DescribedColumn[]> {
  const rows = await session.rows(`DESCRIBE TABLE ${tableSql(layout as TableLayout)}`)
  return rows.map((row) => {
    const place = / \[(\d+)\]$/.exec(String(row.comment ?? ''))?.[1]
    return { name: String(row.name), type: String(row.type), place: place === undefined ? undefined : Number(place) }
  })
}

/**
 * `public.orders.price, numeric(10,2) [3]`: for people, where its values come from; for us, its place in the layout, by
 * which a column is the same after it was renamed.
 */
export function columnComment(layout: TableLayout, column: LayoutColumn, source: Column | undefined): string {
  const type = source === undefined ? '' : `, ${source.sourceType}`
  const what = column.id > 0 ? `${column.sourceName}${type}` : 'SimplyLoad'
  return `${what} [${layout.columns.findIndex((each) => each.id === column.id && each.name === column.name)}]`
}

/** Types that hold the same values, whatever lengths they were declared with. */
export function isType(described: string, column: LayoutColumn): boolean {
  return plainType(described) === plainType(snowflakeType(column.type))
}

function plainType(type: string): string {
  return type
    .toUpperCase()
    .replace(/^(VARCHAR|TEXT|STRING|BINARY)\b.*$/, '$1')
    .replace(/^(TEXT|STRING)$/, 'VARCHAR')
    .replaceAll(' ', '')
}

export interface ExistingTable {
  readonly namespace: string
  readonly name: string
  readonly kind: 'table' | 'view'
  readonly comment: string
}

/** What has this name in the schema, whatever the case. */
export async function findNamed(
  session: SnowflakeSession,
  { database, namespace }: SchemaPlace,
  name: string,
): Promise<readonly ExistingTable[]> {
  // LIKE ignores case, and takes _ and % for patterns, so others may come along.
  const isNamed = (row: Row, wanted: string) => foldCase(String(row.name)) === foldCase(wanted)
  const schemas = await session.rows(
    `SHOW SCHEMAS LIKE ${quoteLiteral(namespace)}${database === undefined ? '' : ` IN DATABASE ${quoteIdentifier(database)}`}`,
  )
  const found: ExistingTable[] = []
  for (const schema of schemas.filter((row) => isNamed(row, namespace))) {
    const of = `LIKE ${quoteLiteral(name)} IN SCHEMA ${schemaSql({ database, namespace: String(schema.name) })}`
    for (const kind of ['table', 'view'] as const) {
      const rows = await session.rows(`SHOW ${kind === 'table' ? 'TABLES' : 'VIEWS'} ${of}`)
      for (const row of rows.filter((each) => isNamed(each, name))) {
        found.push({ namespace: String(schema.name), name: String(row.name), kind, comment: String(row.comment ?? '') })
      }
    }
  }
  return found
}
