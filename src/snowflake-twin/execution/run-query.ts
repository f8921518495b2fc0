/** SELECT: rows as the driver reads them. */
import { requireRead } from '../catalog/access-control.ts'
import { type ResultColumn, STATEMENT_TYPE, type StatementResult, type WireRow } from '../protocol/query-reply.ts'
import { storedText, wireText, wireType } from '../protocol/wire-value.ts'
import type { DataType } from '../sql/data-type.ts'
import type { QueryPlan } from '../sql/plan.ts'
import { inTransaction, queryRows, type StatementContext } from './statement-context.ts'
import { accountStatement, requireWarehouse } from './warehouse-use.ts'

export async function runQuery(context: StatementContext, plan: QueryPlan): Promise<StatementResult> {
  const { record } = context
  record.type = 'SELECT'
  const reads = await requireRead(context, plan.reads)
  const warehouse = reads.length > 0 ? requireWarehouse(context) : undefined
  const touched = { reads: reads.map(({ id }) => id), writes: [] }
  const read = async (): Promise<readonly WireRow[]> => {
    await context.system.materialize(context.session.connection)
    const types = plan.columns.map(({ type }) => wireType(type))
    const indent = context.session.parameters.number('JSON_INDENT')
    const rows = await queryRows(context, plan.sql)
    return rows.map((row) => types.map((type, index) => wireText(row[index] ?? null, type, indent)))
  }
  const rows = context.session.transaction.isOpen ? await inTransaction(context, [], touched, read) : await read()
  record.rowsProduced = rows.length
  if (warehouse !== undefined)
    accountStatement(context, warehouse, { bytesScanned: bytesOf(context, reads), bytesWritten: 0, files: 0 })
  return rowsResult(
    STATEMENT_TYPE.select,
    plan.columns.map(({ name, type, nullable }) => ({ name, type, isNullable: nullable })),
    rows,
  )
}

export function bytesOf({ state }: StatementContext, tables: readonly { readonly id: number }[]): number {
  return tables.reduce((sum, { id }) => sum + state.sizes.of(id).bytes, 0)
}

export interface NamedColumn {
  readonly name: string
  readonly type: DataType
  readonly isNullable?: boolean
}

export function rowsResult(typeId: number, columns: readonly NamedColumn[], rows: readonly WireRow[]): StatementResult {
  const wire: readonly ResultColumn[] = columns.map(({ name, type, isNullable = true }) => ({
    name,
    type: wireType(type),
    isNullable,
  }))
  const stored = (row: WireRow): WireRow => wire.map(({ type }, index) => storedText(row[index] ?? null, type))
  return { typeId, columns: wire, rows, source: { columns, rows: () => rows.map(stored) } }
}

const TEXT: DataType = { kind: 'VARCHAR', length: 16_777_216 }

/** One row with one column `status`. */
export function statusResult(typeId: number, status: string): StatementResult {
  return rowsResult(typeId, [{ name: 'status', type: TEXT, isNullable: false }], [[status]])
}
