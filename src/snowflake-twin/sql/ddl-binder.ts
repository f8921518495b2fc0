/** CREATE, ALTER, DROP, GRANT, SHOW …: names completed, types and defaults found; the server does the rest. */
import { assigned } from './assignment.ts'
import type { Statement } from './binding.ts'
import { compilationError } from './binding.ts'
import { cast } from './cast.ts'
import { ExpressionBinder } from './expression-binder.ts'
import { currentDatabase, currentSchema, doesNotExist, nameText, objectName, schemaName } from './object-name.ts'
import type { AlterPlan, ColumnDefinition, CreatePlan, DropPlan, QueryPlan, TableAction } from './plan.ts'
import type { QueryBinding } from './query-binder.ts'
import { bindQuery } from './query-binder.ts'
import { columnValue, Scope } from './scope.ts'
import type { Relation } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { AlterStatement, ColumnText, CreateStatement, TableActionText } from './statement-tree.ts'
import { quoted, storedName } from './stored-name.ts'
import type { Query } from './syntax-tree.ts'
import { exactSql } from './value.ts'

export function queryPlan(statement: Statement, query: Query): QueryPlan {
  const { sql, columns } = bindQuery(statement, query, new Scope(undefined))
  return {
    kind: 'query',
    sql,
    columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    reads: statement.reads,
  }
}

export function bindCreate(statement: Statement, create: CreateStatement): CreatePlan {
  const { context } = statement
  const { orReplace, ifNotExists, comment, options, parts } = create
  const head = { kind: 'create', orReplace, ifNotExists, comment } as const
  const single = parts.at(-1) ?? ''
  switch (create.what) {
    case 'database':
      return {
        ...head,
        what: 'database',
        name: single,
        transient: create.transient,
        clone: create.clone?.at(-1),
        options,
      }
    case 'schema': {
      const { database, schema } = schemaName(context, parts, 'CREATE SCHEMA')
      const from = create.clone === undefined ? undefined : schemaName(context, create.clone, 'CLONE')
      const clone = from === undefined ? undefined : { database: from.database, name: from.schema }
      return { ...head, what: 'schema', database, name: schema, transient: create.transient, clone, options }
    }
    case 'table':
      return bindCreateTable(statement, create)
    case 'view':
      return bindCreateView(statement, create)
    case 'stage':
      return {
        ...head,
        what: 'stage',
        object: objectName(context, parts, 'CREATE STAGE'),
        temporary: create.temporary,
        options,
      }
    case 'file_format':
      return { ...head, what: 'file_format', object: objectName(context, parts, 'CREATE FILE FORMAT'), options }
    case 'sequence':
      return {
        ...head,
        what: 'sequence',
        object: objectName(context, parts, 'CREATE SEQUENCE'),
        start: create.start,
        step: create.step,
      }
    case 'warehouse':
      return { ...head, what: 'warehouse', name: single, options }
    default:
      return { ...head, what: create.what, name: single, options }
  }
}

function bindCreateTable(statement: Statement, create: CreateStatement & { what: 'table' }): CreatePlan {
  const { context } = statement
  const object = objectName(context, create.parts, 'CREATE TABLE')
  const given = create.columns
  const query = create.as === undefined ? undefined : bindQuery(statement, create.as, new Scope(undefined))
  const columns =
    query === undefined ? columnDefinitions(statement, given ?? []) : queryColumns(statement, given, query)
  return {
    kind: 'create',
    what: 'table',
    orReplace: create.orReplace,
    ifNotExists: create.ifNotExists,
    comment: create.comment,
    object,
    durability: create.durability,
    columns,
    constraints: create.constraints,
    clusterBy: create.clusterBy,
    as: query === undefined ? undefined : castQuery(statement, query, columns),
    like: create.like === undefined ? undefined : existing(statement, create.like),
    clone: create.clone === undefined ? undefined : existing(statement, create.clone),
    copyGrants: create.copyGrants,
    options: create.options,
  }
}

function existing(statement: Statement, parts: readonly string[]): Relation {
  const name = objectName(statement.context, parts, 'CREATE TABLE')
  const relation = statement.context.catalog.relation(name)
  if (relation === undefined) throw doesNotExist('Object', nameText(name))
  return relation
}

function columnDefinitions(statement: Statement, columns: readonly ColumnText[]): readonly ColumnDefinition[] {
  const names = columns.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw duplicateColumn(twice)
  return columns.map((column) => columnDefinition(statement, column))
}

function columnDefinition(statement: Statement, column: ColumnText): ColumnDefinition {
  const { name, type, nullable, identity, comment } = column
  if (type === undefined) {
    throw compilationError(statement, { start: 0 }, '001003', '42000', `column ${name} has no data type`)
  }
  const definition = {
    name,
    type,
    nullable,
    ...(identity === undefined ? {} : { identity }),
    ...(comment === undefined ? {} : { comment }),
  }
  if (column.default === undefined) return definition
  const binder = new ExpressionBinder(statement, new Scope(undefined), (query, scope) =>
    bindQuery(statement, query, scope),
  )
  const target = { name, stored: storedName(name), type, nullable, defaultSql: undefined }
  const sql = assigned(statement, target, binder.bind(column.default.expression))
  return { ...definition, default: { text: column.default.text, sql } }
}

/** CREATE TABLE … AS SELECT: names and types of the query, unless the list gives others. */
function queryColumns(
  statement: Statement,
  given: readonly ColumnText[] | undefined,
  query: QueryBinding,
): readonly ColumnDefinition[] {
  if (given !== undefined && given.length !== query.columns.length) {
    throw new SnowflakeError('002026', '42601', `SQL compilation error:\nInvalid column definition list`)
  }
  const columns = query.columns.map((column, index): ColumnDefinition => {
    const own = given?.[index]
    if (own?.type !== undefined) return columnDefinition(statement, own)
    return { name: own?.name ?? column.name, type: column.type, nullable: own?.nullable ?? true }
  })
  const names = columns.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw duplicateColumn(twice)
  return columns
}

function castQuery(statement: Statement, query: QueryBinding, columns: readonly ColumnDefinition[]): QueryPlan {
  const alias = statement.fresh('t')
  const items = query.columns.map((column, index) => {
    const wanted = columns[index]
    if (wanted === undefined) throw new Error('a column is missing')
    const from = columnValue(column, `${alias}.${quoted(column.stored)}`)
    return `${exactSql(cast(statement, from, wanted.type))} AS ${quoted(storedName(wanted.name))}`
  })
  return {
    kind: 'query',
    sql: `SELECT ${items.join(', ')} FROM (${query.sql}) AS ${alias}`,
    columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    reads: statement.reads,
  }
}

function bindCreateView(statement: Statement, create: CreateStatement & { what: 'view' }): CreatePlan {
  const object = objectName(statement.context, create.parts, 'CREATE VIEW')
  const query = bindQuery(statement, create.query, new Scope(undefined))
  const given = create.columns
  if (given !== undefined && given.length !== query.columns.length) {
    throw new SnowflakeError('002026', '42601', 'SQL compilation error:\nInvalid column definition list')
  }
  const columns = query.columns.map(({ name, type, nullable }, index) => {
    const own = given?.[index]
    return { name: own?.name ?? name, type, nullable, ...(own?.comment === undefined ? {} : { comment: own.comment }) }
  })
  const twice = columns.find((column, index) => columns.findIndex(({ name }) => name === column.name) !== index)
  if (twice !== undefined) throw duplicateColumn(twice.name)
  const definitions = columns.map(({ name, type, nullable }) => ({ name, type, nullable }))
  return {
    kind: 'create',
    what: 'view',
    orReplace: create.orReplace,
    ifNotExists: create.ifNotExists,
    comment: create.comment,
    object,
    columns,
    query: castQuery(statement, query, definitions),
    text: statement.sql,
    secure: create.secure,
  }
}

function duplicateColumn(name: string): SnowflakeError {
  return new SnowflakeError('002025', '42S21', `SQL compilation error:\nduplicate column name '${name}'`)
}

export function bindAlter(statement: Statement, alter: AlterStatement): AlterPlan {
  const { context } = statement
  const { ifExists, parts } = alter
  if (alter.what === 'table') {
    const object = objectName(context, parts, 'ALTER TABLE')
    return { kind: 'alter', what: 'table', ifExists, object, action: tableAction(statement, alter.action) }
  }
  if (alter.what === 'warehouse') {
    const name = parts.at(-1) ?? context.warehouse
    if (name === undefined) throw doesNotExist('Warehouse', '')
    return { kind: 'alter', what: 'warehouse', ifExists, name, action: alter.action }
  }
  const { action } = alter
  const resolved = resolvedName(statement, alter.what, parts)
  if (action.type !== 'rename') return { kind: 'alter', what: alter.what, ifExists, name: resolved, action }
  return {
    kind: 'alter',
    what: alter.what,
    ifExists,
    name: resolved,
    action: { type: 'rename', to: resolvedName(statement, alter.what, action.to) },
  }
}

function tableAction(statement: Statement, action: TableActionText): TableAction {
  switch (action.type) {
    case 'rename':
      return { type: 'rename', to: objectName(statement.context, action.parts, 'ALTER TABLE') }
    case 'swap':
      return { type: 'swap', with: objectName(statement.context, action.parts, 'ALTER TABLE') }
    case 'add_columns':
      return { ...action, columns: columnDefinitions(statement, action.columns) }
    default:
      return action
  }
}

const ACCOUNT_OBJECTS: readonly string[] = [
  'database',
  'warehouse',
  'role',
  'user',
  'integration',
  'resource_monitor',
  'network_policy',
]

/** One part for what the account owns, two for a schema, three for what a schema owns. */
export function resolvedName(
  statement: Statement,
  what: DropPlan['what'],
  parts: readonly string[],
): readonly string[] {
  const { context } = statement
  if (ACCOUNT_OBJECTS.includes(what)) return parts.slice(-1)
  if (what === 'schema') {
    const { database, schema } = schemaName(context, parts, 'this statement')
    return [database, schema]
  }
  const { database, schema, name } = objectName(context, parts, 'this statement')
  return [database, schema, name]
}

/** The name after SHOW … IN, DESCRIBE, GRANT … ON and COMMENT ON, by the word before it. */
export function nameAfter(statement: Statement, what: string, parts: readonly string[]): readonly string[] {
  const { context } = statement
  const word = what.replace(/^(?:IN|ON|TO|OF|FOR) /, '')
  if (word.endsWith(' IN SCHEMA')) return nameAfter(statement, 'SCHEMA', parts)
  if (word === 'SCHEMA') {
    if (parts.length > 0) {
      const { database, schema } = schemaName(context, parts, 'SHOW')
      return [database, schema]
    }
    const { database, schema } = currentSchema(context, 'SHOW')
    return [database, schema]
  }
  if (word === 'DATABASE' && parts.length === 0) return [currentDatabase(context, 'SHOW')]
  if (word === 'COLUMN') {
    return [...nameAfter(statement, 'TABLE', parts.slice(0, -1)), ...parts.slice(-1)]
  }
  if (!['TABLE', 'VIEW', 'STAGE', 'SEQUENCE', 'FILE FORMAT', 'PIPE'].includes(word) || parts.length === 0) return parts
  const { database, schema, name } = objectName(context, parts, 'this statement')
  return [database, schema, name]
}
