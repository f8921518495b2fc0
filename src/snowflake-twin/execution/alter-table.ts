/** ALTER TABLE. */
import { requireOnTable, requirePrivilege } from '../catalog/access-control.ts'
import {
  type CatalogColumn,
  fullName,
  type PlainOptions,
  plainOptions,
  type TableObject,
} from '../catalog/catalog-objects.ts'
import { type CatalogDraft, DATA_SCHEMA } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { alreadyExists, compilationError, unsupported } from '../refusals.ts'
import { nameKey } from '../session.ts'
import { storedType } from '../sql/data-type.ts'
import type { AlterPlan, ColumnChange, ColumnDefinition, TableAction } from '../sql/plan.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { quoted, storedName } from '../sql/stored-name.ts'
import { typeChangeError } from '../sql/type-change.ts'
import { requireSchema } from './new-object.ts'
import { statusResult } from './run-query.ts'
import { catalogColumn } from './run-table-ddl.ts'
import { changeCatalog, type StatementContext, withTableLock } from './statement-context.ts'

const DONE = 'Statement executed successfully.'

export async function alterTable(
  context: StatementContext,
  plan: Extract<AlterPlan, { readonly what: 'table' }>,
): Promise<StatementResult> {
  const { session, state, record } = context
  record.type = 'ALTER_TABLE'
  const table = plan.ifExists ? context.catalog.table(plan.object) : context.catalog.requireTable(plan.object)
  if (table === undefined) return statusResult(STATEMENT_TYPE.ddl, DONE)
  requireOnTable(context, 'OWNERSHIP', table)
  const { action } = plan
  const swapped = action.type === 'swap' ? context.catalog.requireTable(action.with) : undefined
  if (swapped !== undefined) requireOnTable(context, 'OWNERSHIP', swapped)
  const changed = await withTableLock(context, table, () =>
    withTableLock(context, swapped, () =>
      changeCatalog(context, async (draft) => {
        const after = { ...(await applied(context, draft, table, action)), alteredMs: state.clock.nowMs() }
        if (table.durability !== 'temporary') draft.put(after)
        if (swapped !== undefined && swapped.durability !== 'temporary') draft.put({ ...swapped, name: table.name })
        return after
      }),
    ),
  )
  if (table.durability === 'temporary') {
    session.temporaryTables.delete(nameKey(table.name))
    session.temporaryTables.set(nameKey(changed.name), changed)
    if (swapped !== undefined) session.temporaryTables.set(nameKey(table.name), { ...swapped, name: table.name })
  }
  state.versions.markChanged(swapped === undefined ? [table.id] : [table.id, swapped.id])
  return statusResult(STATEMENT_TYPE.ddl, DONE)
}

async function applied(
  context: StatementContext,
  draft: CatalogDraft,
  table: TableObject,
  action: TableAction,
): Promise<TableObject> {
  switch (action.type) {
    case 'rename':
      requireFree(context, table, action.to)
      return { ...table, name: action.to }
    case 'swap':
      return { ...table, name: action.with }
    case 'add_columns':
      return addColumns(context, draft, table, action.columns, action.ifNotExists)
    case 'drop_columns':
      return dropColumns(draft, table, action.names, action.ifExists)
    case 'rename_column':
      return renameColumn(draft, table, action.from, action.to)
    case 'alter_columns': {
      let after = table
      for (const change of action.changes) after = await alterColumn(draft, after, change)
      return after
    }
    case 'cluster_by':
      return { ...table, clusterBy: action.expression ?? '' }
    case 'recluster':
      return table
    case 'set':
      return withOptions(table, plainOptions(action.options))
    case 'unset': {
      const options = Object.fromEntries(Object.entries(table.options).filter(([name]) => !action.names.includes(name)))
      return { ...table, options, comment: action.names.includes('COMMENT') ? '' : table.comment }
    }
    case 'add_constraint':
      if (action.constraint.type === 'PRIMARY KEY' && table.constraints.some(({ type }) => type === 'PRIMARY KEY'))
        throw compilationError('002027', '42710', 'duplicate primary key specification')
      return { ...table, constraints: [...table.constraints, action.constraint] }
    case 'drop_constraint':
      return {
        ...table,
        constraints: table.constraints.filter(({ type, name }) =>
          action.constraint === 'CONSTRAINT' ? name !== action.name : type !== action.constraint,
        ),
      }
    default:
      throw unsupported('this form of ALTER TABLE')
  }
}

function requireFree(context: StatementContext, table: TableObject, to: ObjectName): void {
  requireSchema(context, to)
  if (table.durability !== 'temporary') requirePrivilege(context, 'CREATE TABLE', 'SCHEMA', [to.database, to.schema])
  const there = context.catalog.object(to)
  if (there !== undefined && there.id !== table.id) throw alreadyExists(fullName(to))
}

async function addColumns(
  context: StatementContext,
  draft: CatalogDraft,
  table: TableObject,
  wanted: readonly ColumnDefinition[],
  ifNotExists: boolean,
): Promise<TableObject> {
  const added: CatalogColumn[] = []
  for (const column of wanted) {
    if ([...table.columns, ...added].some(({ name }) => name === column.name)) {
      if (ifNotExists) continue
      throw compilationError('001430', '42601', `column '${column.name}' already exists`)
    }
    if (!column.nullable && column.default === undefined && context.state.sizes.of(table.id).rows > 0)
      throw compilationError(
        '002269',
        '42601',
        `Non-nullable column '${column.name}' cannot be added to non-empty table '${table.name.name}' unless it has a non-null default value.`,
      )
    const definition = catalogColumn(
      column,
      `${DATA_SCHEMA}.s${table.id}_${table.columns.length + added.length}_${draft.nextId()}`,
    )
    const identifier = quoted(definition.stored)
    // The default goes to the rows that are there; for later ones it is written into each INSERT.
    const filled = column.default === undefined ? '' : ` DEFAULT ${column.default.sql}`
    await draft.run(`ALTER TABLE ${table.from} ADD COLUMN ${identifier} ${storedType(column.type)}${filled}`)
    if (column.default !== undefined)
      await draft.run(`ALTER TABLE ${table.from} ALTER COLUMN ${identifier} DROP DEFAULT`)
    if (!column.nullable) await draft.run(`ALTER TABLE ${table.from} ALTER COLUMN ${identifier} SET NOT NULL`)
    added.push(definition)
  }
  return { ...table, columns: [...table.columns, ...added] }
}

async function dropColumns(
  draft: CatalogDraft,
  table: TableObject,
  names: readonly string[],
  ifExists: boolean,
): Promise<TableObject> {
  const gone = names.filter((name) =>
    ifExists ? table.columns.some((column) => column.name === name) : requireColumn(table, name),
  )
  if (gone.length === table.columns.length)
    throw compilationError('002031', '42601', `Can't drop all columns of table '${table.name.name}'.`)
  for (const name of gone) requireOutsideKey(table, name)
  for (const name of gone) await draft.run(`ALTER TABLE ${table.from} DROP COLUMN ${quoted(storedName(name))}`)
  return { ...table, columns: table.columns.filter(({ name }) => !gone.includes(name)) }
}

/** Docs: sql-reference/sql/alter-table, `RENAME COLUMN`; the text is ours. */
function requireOutsideKey(table: TableObject, column: string): void {
  if (!table.clusterBy.includes(quoted(column))) return
  throw compilationError('002031', '42601', `Column '${column}' is part of the clustering key of '${table.name.name}'.`)
}

async function renameColumn(draft: CatalogDraft, table: TableObject, from: string, to: string): Promise<TableObject> {
  const column = requireColumn(table, from)
  requireOutsideKey(table, from)
  if (table.columns.some(({ name }) => name === to))
    throw compilationError('001430', '42601', `column '${to}' already exists`)
  const stored = storedName(to)
  await draft.run(`ALTER TABLE ${table.from} RENAME COLUMN ${quoted(column.stored)} TO ${quoted(stored)}`)
  return replaced(table, from, { ...column, name: to, stored })
}

async function alterColumn(draft: CatalogDraft, table: TableObject, change: ColumnChange): Promise<TableObject> {
  const column = requireColumn(table, change.column)
  const alter = `ALTER TABLE ${table.from} ALTER COLUMN ${quoted(column.stored)}`
  switch (change.type) {
    case 'data_type': {
      const refused = typeChangeError(column.name, column.type, change.dataType)
      if (refused !== undefined) throw refused
      if (storedType(column.type) !== storedType(change.dataType))
        await draft.run(`${alter} SET DATA TYPE ${storedType(change.dataType)}`)
      return replaced(table, column.name, { ...column, type: change.dataType })
    }
    case 'not_null':
      if (change.notNull) await requireNoNull(draft, table, column)
      await draft.run(`${alter} ${change.notNull ? 'SET' : 'DROP'} NOT NULL`)
      return replaced(table, column.name, { ...column, isNullable: !change.notNull })
    case 'comment':
      return replaced(table, column.name, { ...column, comment: change.comment ?? '' })
    case 'drop_default':
      return replaced(table, column.name, { ...column, default: undefined })
  }
}

async function requireNoNull(draft: CatalogDraft, table: TableObject, column: CatalogColumn): Promise<void> {
  const rows = await draft.rows(`SELECT 1 FROM ${table.from} WHERE ${quoted(column.stored)} IS NULL LIMIT 1`)
  if (rows.length > 0)
    throw new SnowflakeError(
      '002277',
      '23001',
      `SQL execution error: Column '${column.name}' contains null values. Not null constraint cannot be added.`,
    )
}

function requireColumn(table: TableObject, name: string): CatalogColumn {
  const column = table.columns.find((candidate) => candidate.name === name)
  if (column === undefined) throw compilationError('000904', '42000', `invalid identifier '${name}'`)
  return column
}

function replaced(table: TableObject, name: string, column: CatalogColumn): TableObject {
  return { ...table, columns: table.columns.map((before) => (before.name === name ? column : before)) }
}

function withOptions(table: TableObject, options: PlainOptions): TableObject {
  const { COMMENT: comment, ...rest } = options
  return {
    ...table,
    comment: comment === undefined ? table.comment : String(comment),
    options: { ...table.options, ...rest },
  }
}
