/** CREATE, ALTER and DROP of tables. The name of a table in DuckDB is its id, so that renames and swaps touch the catalog only. */
import { requireOnTable, requirePrivilege, requireRead } from '../catalog/access-control.ts'
import { type CatalogColumn, fullName, plainOptions, type TableObject } from '../catalog/catalog-objects.ts'
import { rowBytes } from '../catalog/table-sizes.ts'
import { type CatalogDraft, DATA_SCHEMA, TWIN_SCHEMA } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { alreadyExists, compilationError, notFound } from '../refusals.ts'
import { nameKey } from '../session.ts'
import { storedType } from '../sql/data-type.ts'
import type { ColumnDefinition, CreatePlan } from '../sql/plan.ts'
import type { ObjectName, Relation } from '../sql/session-context.ts'
import { quoted, storedName } from '../sql/stored-name.ts'
import { putNew, requireSchema } from './new-object.ts'
import { bytesOf, statusResult } from './run-query.ts'
import { changeCatalog, type StatementContext, withTableLock } from './statement-context.ts'
import { accountStatement, requireWarehouse } from './warehouse-use.ts'

export type CreateTablePlan = Extract<CreatePlan, { readonly what: 'table' }>

export async function createTable(context: StatementContext, plan: CreateTablePlan): Promise<StatementResult> {
  const { session, state, record } = context
  record.type = plan.as === undefined ? 'CREATE_TABLE' : 'CREATE_TABLE_AS_SELECT'
  const name = plan.object
  requireSchema(context, name)
  const isTemporary = plan.durability === 'temporary'
  if (!isTemporary) requirePrivilege(context, 'CREATE TABLE', 'SCHEMA', [name.database, name.schema])
  const before = isTemporary ? session.temporaryTables.get(nameKey(name)) : context.catalog.object(name)
  if (before !== undefined && plan.ifNotExists)
    return statusResult(STATEMENT_TYPE.ddl, `${name.name} already exists, statement succeeded.`)
  if (before !== undefined && !plan.orReplace) throw alreadyExists(fullName(name))
  if (before?.kind === 'view')
    throw compilationError('002203', '02000', `Object found is of type 'VIEW', specified type: 'TABLE'.`)
  if (before !== undefined) requireOnTable(context, 'OWNERSHIP', before)

  const reads = await requireRead(context, plan.as?.reads ?? [])
  const warehouse = plan.as === undefined ? undefined : requireWarehouse(context)
  const bytesScanned = bytesOf(context, reads)
  let rows = 0
  const create = async (draft: CatalogDraft): Promise<TableObject> => {
    const table = newTable(context, plan, draft)
    await draft.run(createSql(table))
    const rowSource = plan.as?.sql ?? (plan.clone === undefined ? undefined : `SELECT * FROM ${plan.clone.from}`)
    for (const { identity } of table.columns)
      if (identity !== undefined)
        await draft.run(`CREATE SEQUENCE ${identity.sequence} START ${identity.start} INCREMENT ${identity.step}`)
    if (rowSource !== undefined) {
      const result = await session.connection.run(`INSERT INTO ${table.from} ${rowSource}`)
      rows = result.rowsChanged
    }
    if (before !== undefined) await dropPhysical(draft, before)
    return table
  }
  await context.system.materialize(session.connection)
  const table = await withTableLock(context, before, () =>
    changeCatalog(context, async (draft) => {
      const created = await create(draft)
      if (isTemporary) return created
      if (before !== undefined) draft.remove(before)
      putNew(context, draft, created)
      return created
    }),
  )
  if (isTemporary) session.temporaryTables.set(nameKey(name), table)
  state.versions.markChanged([table.id])
  state.sizes.add({ table: table.id, rows, bytes: rows * rowBytes(table) })
  if (before !== undefined) state.sizes.forget(before.id)
  if (warehouse !== undefined) {
    record.rowsProduced = rows
    accountStatement(context, warehouse, { bytesScanned, bytesWritten: rows * rowBytes(table), files: 0 })
  }
  return statusResult(STATEMENT_TYPE.ddl, `Table ${name.name} successfully created.`)
}

function newTable({ state, session }: StatementContext, plan: CreateTablePlan, draft: CatalogDraft): TableObject {
  const id = draft.nextId()
  const source = plan.like ?? plan.clone
  const place = plan.durability === 'temporary' ? 'temp' : DATA_SCHEMA
  const now = state.clock.nowMs()
  return {
    kind: 'table',
    id,
    name: plan.object,
    durability: plan.durability,
    columns:
      source === undefined
        ? plan.columns.map((column, index) => catalogColumn(column, `${DATA_SCHEMA}.s${id}_${index}`))
        : copiedColumns(state.catalog.relation(source.name ?? plan.object), source),
    constraints: plan.constraints,
    clusterBy: plan.clusterBy ?? '',
    comment: plan.comment ?? '',
    options: plainOptions(plan.options),
    from: `${place}.t${id}`,
    createdMs: now,
    alteredMs: now,
    owner: session.place.role,
  }
}

export function catalogColumn(column: ColumnDefinition, sequence: string): CatalogColumn {
  const { name, type, nullable, identity } = column
  return {
    name,
    stored: storedName(name),
    type,
    isNullable: nullable,
    comment: column.comment ?? '',
    default: column.default,
    identity:
      identity === undefined ? undefined : { sequence, start: String(identity.start), step: String(identity.step) },
  }
}

function copiedColumns(
  found: ReturnType<StatementContext['catalog']['object']>,
  source: Relation,
): readonly CatalogColumn[] {
  if (found?.kind === 'table') return found.columns
  return source.columns.map(({ name, stored, type, nullable }) => ({
    name,
    stored,
    type,
    isNullable: nullable,
    comment: '',
    default: undefined,
    identity: undefined,
  }))
}

function createSql(table: TableObject): string {
  const columns = table.columns.map(
    ({ stored, type, isNullable }) => `${quoted(stored)} ${storedType(type)}${isNullable ? '' : ' NOT NULL'}`,
  )
  const kind = table.durability === 'temporary' ? 'TEMPORARY TABLE' : 'TABLE'
  return `CREATE ${kind} ${table.from} (${columns.join(', ')})`
}

export async function dropTable(
  context: StatementContext,
  name: ObjectName,
  ifExists: boolean,
): Promise<StatementResult> {
  const { session, state, record } = context
  record.type = 'DROP'
  const found = context.catalog.object(name)
  if (found === undefined && ifExists)
    return statusResult(STATEMENT_TYPE.ddl, 'Drop statement executed successfully (object already dropped).')
  if (found === undefined) throw notFound('Table', fullName(name))
  if (found.kind !== 'table')
    throw compilationError('002203', '02000', `Object found is of type 'VIEW', not specified type 'TABLE'.`)
  requireOnTable(context, 'OWNERSHIP', found)
  await withTableLock(context, found, () =>
    changeCatalog(context, async (draft) => {
      await dropPhysical(draft, found)
      if (found.durability !== 'temporary') draft.remove(found)
    }),
  )
  if (found.durability === 'temporary') session.temporaryTables.delete(nameKey(name))
  state.sizes.forget(found.id)
  return statusResult(STATEMENT_TYPE.ddl, `${name.name} successfully dropped.`)
}

export async function dropPhysical(draft: CatalogDraft, table: TableObject): Promise<void> {
  await draft.run(`DROP TABLE IF EXISTS ${table.from}`)
  for (const { identity } of table.columns)
    if (identity !== undefined) await draft.run(`DROP SEQUENCE IF EXISTS ${identity.sequence}`)
  await draft.run(`DELETE FROM ${TWIN_SCHEMA}.loads WHERE table_id = ${table.id}`)
}
