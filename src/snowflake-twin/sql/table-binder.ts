/** FROM: tables, joins, subqueries, stages and table functions, as DuckDB's FROM and as names in a scope. */
import type { Statement } from './binding.ts'
import { compilationError, timestampMapping, unknown } from './binding.ts'
import { ExpressionBinder } from './expression-binder.ts'
import { doesNotExist, nameText, objectName } from './object-name.ts'
import { compare } from './operators.ts'
import type { QueryBinding } from './query-binder.ts'
import type { OutputColumn, ScopeColumn, ScopeRelation } from './scope.ts'
import { columnValue, Scope, scopeColumns } from './scope.ts'
import type { Relation } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { parseStatement } from './statement-parser.ts'
import type { Expression, Query, TableReference } from './syntax-tree.ts'
import { tableFunction } from './table-functions.ts'

export interface BoundTables {
  readonly sql: string
  readonly relations: readonly ScopeRelation[]
}

/** What a table reference needs to bind queries inside of it. */
export interface TableBinding {
  readonly statement: Statement
  readonly bindQuery: (query: Query, scope: Scope) => QueryBinding
  /** For a view, whose query belongs to another text. */
  readonly bindOther: (statement: Statement, query: Query, scope: Scope) => QueryBinding
}

/** `scope` is the one that the tables will be put into; LATERAL sees the tables to its left. */
export function bindTables(
  binding: TableBinding,
  reference: TableReference,
  scope: Scope,
  left: readonly ScopeRelation[],
): BoundTables {
  switch (reference.type) {
    case 'named':
      return bindNamed(binding, reference, scope)
    case 'subquery': {
      const inner = new Scope(scope)
      if (reference.lateral) inner.relations = left
      const query = binding.bindQuery(reference.query, inner)
      return aliased(binding, `${reference.lateral ? 'LATERAL ' : ''}(${query.sql})`, query.columns, reference)
    }
    case 'function': {
      const inner = new Scope(scope)
      inner.relations = left
      const binder = new ExpressionBinder(binding.statement, inner, binding.bindQuery)
      const found = tableFunction(binder, reference.call)
      return aliased(binding, found.from, found.columns, reference)
    }
    case 'stage':
      return bindStage(binding, reference)
    case 'join':
      return bindJoin(binding, reference, scope, left)
  }
}

/** The table of an INSERT, UPDATE, DELETE, MERGE or COPY. */
export function targetRelation(statement: Statement, parts: readonly string[], doing: string): Relation {
  const name = objectName(statement.context, parts, doing)
  const relation = statement.context.catalog.relation(name)
  if (relation === undefined) throw doesNotExist('Object', nameText(name))
  if (relation.kind !== 'table') throw unknown(statement, { start: 0 }, `${doing} of a view`)
  return relation
}

function bindNamed(binding: TableBinding, reference: TableReference & { type: 'named' }, scope: Scope): BoundTables {
  const { parts, alias } = reference
  const [only = ''] = parts
  const common = parts.length === 1 ? scope.common(only) : undefined
  if (common !== undefined) return aliased(binding, common.from, common.columns, reference, [only])
  const { statement } = binding
  const name = objectName(statement.context, parts, 'SELECT')
  const relation = statement.context.catalog.relation(name)
  if (relation === undefined && parts.length === 1 && only === 'DUAL')
    return { sql: `(SELECT 1) AS ${statement.fresh('t')}`, relations: [] }
  if (relation === undefined) throw doesNotExist('Object', parts.length === 1 ? only : nameText(name))
  statement.reads.push(relation)
  if (relation.view !== undefined) return bindView(binding, reference, relation, relation.view)
  const full = alias === undefined ? [name.database, name.schema, name.name] : []
  return aliased(binding, relation.from, relation.columns, reference, full)
}

const VIEWS_MAX = 100

/** The query of a view, bound where it is read: a table that it names may have been replaced since, and its time is now. */
function bindView(
  binding: TableBinding,
  reference: TableReference & { type: 'named' },
  relation: Relation,
  view: NonNullable<Relation['view']>,
): BoundTables {
  const { context, depth } = binding.statement
  const name = relation.name === undefined ? reference.parts.join('.') : nameText(relation.name)
  if (depth > VIEWS_MAX) throw unknown(binding.statement, reference, `a view that reads itself: ${name}`)
  const created = parseStatement(view.text, { timestamp: timestampMapping(context) })
  if (created.type !== 'create' || created.what !== 'view')
    throw new Error(`the text of view ${name} does not make a view`)
  // What a view reads, it reads with the rights of its owner: not among the statement's own.
  const inner = {
    ...binding.statement,
    sql: view.text,
    context: { ...context, database: view.database, schema: view.schema, binds: [] },
    reads: [],
    depth: depth + 1,
  }
  const query = binding.bindOther(inner, created.query, new Scope(undefined))
  if (query.columns.length !== relation.columns.length) {
    throw new SnowflakeError(
      '002057',
      '42601',
      `SQL compilation error:\nView definition for '${name}' declared ${relation.columns.length} column(s), but view query produces ${query.columns.length} column(s).`,
    )
  }
  const columns = query.columns.map((column, index) => ({
    ...column,
    name: relation.columns[index]?.name ?? column.name,
  }))
  const full = relation.name === undefined ? [] : [relation.name.database, relation.name.schema, relation.name.name]
  return aliased(binding, `(${query.sql})`, columns, reference, full)
}

function aliased(
  binding: TableBinding,
  from: string,
  columns: readonly OutputColumn[],
  reference: {
    readonly alias: string | undefined
    readonly columns: readonly string[] | undefined
    readonly start: number
  },
  name: readonly string[] = [],
): BoundTables {
  const alias = binding.statement.fresh('t')
  const renamed = reference.columns
  if (renamed !== undefined && renamed.length !== columns.length) {
    throw compilationError(
      binding.statement,
      reference,
      '002053',
      '42601',
      `Number of columns in alias (${renamed.length}) does not match the number of columns of the table (${columns.length})`,
    )
  }
  const named = columns.map((column, index) => ({ ...column, name: renamed?.[index] ?? column.name }))
  const qualifier = reference.alias === undefined ? name : [reference.alias]
  return { sql: `${from} AS ${alias}`, relations: [{ qualifier, columns: scopeColumns(alias, named) }] }
}

function bindStage(binding: TableBinding, reference: TableReference & { type: 'stage' }): BoundTables {
  const rows = binding.statement.stages.get(reference)
  if (rows === undefined) throw new Error('a stage that was not opened')
  const alias = binding.statement.fresh('t')
  const qualifier = reference.alias === undefined ? [] : [reference.alias]
  return { sql: `${rows.from} AS ${alias}`, relations: [{ qualifier, columns: [], stage: { rows, alias } }] }
}

function bindJoin(
  binding: TableBinding,
  join: TableReference & { type: 'join' },
  scope: Scope,
  left: readonly ScopeRelation[],
): BoundTables {
  const a = bindTables(binding, join.left, scope, left)
  const b = bindTables(binding, join.right, scope, [...left, ...a.relations])
  const { statement } = binding
  const using = join.natural ? sharedNames(a, b) : join.using
  if (join.kind === 'CROSS' || (join.kind !== 'ASOF' && join.on === undefined && using === undefined)) {
    if (join.kind !== 'CROSS' && join.kind !== 'INNER') throw unknown(statement, join, 'an outer join without ON')
    if (join.on === undefined)
      return { sql: `${a.sql} CROSS JOIN ${b.sql}`, relations: [...a.relations, ...b.relations] }
  }
  const kind = join.kind === 'ASOF' ? 'ASOF LEFT' : join.kind === 'CROSS' ? 'INNER' : join.kind
  if (using !== undefined) return bindUsing(binding, join, a, b, using, kind)
  const inner = new Scope(scope)
  inner.relations = [...a.relations, ...b.relations]
  const binder = new ExpressionBinder(statement, inner, binding.bindQuery)
  const conditions = [join.on, join.match].filter((one): one is Expression => one !== undefined)
  if (join.match !== undefined) checkMatch(statement, join.match)
  const on = conditions.map((one) => binder.condition(one)).join(' AND ')
  return { sql: `(${a.sql} ${kind} JOIN ${b.sql} ON ${on})`, relations: inner.relations }
}

/** MATCH_CONDITION (left.time >= right.time): one inequality, as DuckDB wants it too. */
function checkMatch(statement: Statement, match: Expression): void {
  if (match.type === 'binary' && ['>=', '>', '<=', '<'].includes(match.operator)) return
  throw unknown(statement, match, 'a MATCH_CONDITION that is not one comparison with >=, >, <= or <')
}

function bindUsing(
  binding: TableBinding,
  join: TableReference & { type: 'join' },
  a: BoundTables,
  b: BoundTables,
  using: readonly string[],
  kind: string,
): BoundTables {
  const { statement } = binding
  const pairs = using.map((name) => [columnOf(statement, join, a, name), columnOf(statement, join, b, name)] as const)
  const on = pairs.map(([x, y]) => compare(statement, '=', asValue(x), asValue(y), join).sql)
  if (join.match !== undefined) throw unknown(statement, join, 'ASOF JOIN … USING')
  // The joined column is the left one, unless only the right side is sure to have it.
  const merged: ScopeColumn[] = pairs.map(([x, y]) => {
    if (kind === 'FULL') return { ...x, sql: `COALESCE(${x.sql}, ${y.sql})` }
    return kind === 'RIGHT' ? { ...y, name: x.name } : x
  })
  const hide = (relation: ScopeRelation): ScopeRelation => ({
    ...relation,
    columns: relation.columns.map((column) => (using.includes(column.name) ? { ...column, hidden: true } : column)),
  })
  const relations = [{ qualifier: [], columns: merged }, ...a.relations.map(hide), ...b.relations.map(hide)]
  const condition = on.length === 0 ? 'true' : on.join(' AND ')
  return { sql: `(${a.sql} ${kind} JOIN ${b.sql} ON ${condition})`, relations }
}

function sharedNames(a: BoundTables, b: BoundTables): readonly string[] {
  const names = (tables: BoundTables) =>
    tables.relations.flatMap((one) => one.columns.filter((column) => !column.hidden).map(({ name }) => name))
  const right = new Set(names(b))
  return [...new Set(names(a))].filter((name) => right.has(name))
}

function columnOf(statement: Statement, join: TableReference, tables: BoundTables, name: string): ScopeColumn {
  const found = tables.relations.flatMap((one) =>
    one.columns.filter((column) => column.name === name && !column.hidden),
  )
  const [column] = found
  if (column === undefined) throw compilationError(statement, join, '000904', '42000', `invalid identifier '${name}'`)
  return column
}

function asValue(column: ScopeColumn) {
  return columnValue(column, column.sql)
}
