/** A range as a person writes it → values of its column, as the server understands them. */
import type { WrittenRange } from '../../core/control-request.ts'
import { PipelineError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { type Column, keyColumns, type RowRange, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { PostgresClient } from './client.ts'
import { sqlState } from './errors.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql-text.ts'

export async function resolveRange(
  client: PostgresClient,
  schema: TableSchema,
  written: WrittenRange,
  signal: AbortSignal,
): Promise<RowRange> {
  const column = findColumn(schema, written.column)
  const from = await canonical(client, schema, column, written.from, signal)
  const to = await canonical(client, schema, column, written.to, signal)
  if (from !== undefined && to !== undefined) {
    const between = `${typedValue(schema, column, 'a', from)}, ${typedValue(schema, column, 'b', to)}`
    const [row] = await client.query<{ reversed: boolean }>(`SELECT a > b AS reversed FROM ${between}`, [], signal)
    if (row?.reversed === true)
      throw unusable(schema, `it is empty: --from comes after --to in the order of "${column.name}"`)
  }
  return { columnId: column.id, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

function findColumn(schema: TableSchema, name: string | undefined): Column {
  if (name === undefined) {
    const [key] = keyColumns(schema)
    if (key !== undefined) return key
    throw unusable(schema, 'the table has no key: name the column', '--column NAME')
  }
  const found = schema.columns.find((column) => column.name === name)
  if (found !== undefined) return found
  const names = schema.columns.map((column) => column.name)
  const similar = nearest(name, names)
  const is = similar === undefined ? '' : `Did you mean "${similar}"? `
  throw unusable(schema, `the table has no column "${name}"`, `${is}Columns: ${names.join(', ')}`)
}

/** The value as the server prints it, which also other programs can read: `yesterday` becomes a day. */
async function canonical(
  client: PostgresClient,
  schema: TableSchema,
  column: Column,
  text: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (text === undefined) return undefined
  const sql = `SELECT v::text AS value, v <= v AS ordered FROM ${typedValue(schema, column, 'x', text, 'v')}`
  try {
    const [row] = await client.query<{ value: string | null }>(sql, [], signal)
    if (row?.value != null) return row.value
  } catch (error) {
    const state = sqlState(error) ?? ''
    if (state === '42883') throw unusable(schema, `values of "${column.name}" (${column.sourceType}) have no order`)
    if (!state.startsWith('22')) throw error
  }
  throw unusable(schema, `"${text}" is no value of "${column.name}" (${column.sourceType})`)
}

/** A UNION gives the literal the column's type, without its length. */
function typedValue(schema: TableSchema, column: Column, alias: string, text: string, name = alias): string {
  const { table } = schema
  const none = `SELECT ${quoteIdentifier(column.name)} FROM ONLY ${quoteTable(table.namespace, table.name)} WHERE false`
  return `(${none} UNION ALL SELECT ${quoteLiteral(text)}) AS ${alias}(${name})`
}

function unusable(schema: TableSchema, reason: string, hint?: string): PipelineError {
  return new PipelineError('source_query', `Finding the range of ${tableName(schema.table)}`, {
    cause: new Error(reason),
    context: { table: tableName(schema.table) },
    ...(hint === undefined ? {} : { hint }),
  })
}
