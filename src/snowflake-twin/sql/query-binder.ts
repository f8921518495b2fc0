/** Queries: common tables, SELECT, set operations, VALUES, ORDER BY and LIMIT. */
import type { Statement } from './binding.ts'
import { compilationError, unknown } from './binding.ts'
import { cast } from './cast.ts'
import { commonType, unified } from './coercion.ts'
import { ExpressionBinder } from './expression-binder.ts'
import type { OutputColumn } from './scope.ts'
import { columnValue, Scope } from './scope.ts'
import { bindSelect } from './select-binder.ts'
import { quoted } from './stored-name.ts'
import type { CommonTable, Expression, OrderItem, Query, QueryBody } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { exactSql } from './value.ts'

export interface QueryBinding {
  readonly sql: string
  /** In order; `stored` is the name that the SQL gives each. */
  readonly columns: readonly OutputColumn[]
}

/** `around` is the scope of the query around this one, with its common tables; for the outermost an empty one. */
export function bindQuery(statement: Statement, query: Query, around: Scope): QueryBinding {
  const scope = new Scope(around)
  const common = query.with.map((table) => bindCommon(statement, table, scope))
  const recursive = query.with.some((table) => table.recursive) ? 'RECURSIVE ' : ''
  const prefix = common.length === 0 ? '' : `WITH ${recursive}${common.join(', ')} `
  const nested = (inner: Query, outer: Scope) => bindQuery(statement, inner, outer)
  const binder = new ExpressionBinder(statement, new Scope(undefined), nested)
  const limit = query.limit === undefined ? '' : ` LIMIT ${count(statement, binder, query.limit)}`
  const offset = query.offset === undefined ? '' : ` OFFSET ${count(statement, binder, query.offset)}`
  if (query.body.type === 'select') {
    const bound = bindSelect(statement, query.body, query.orderBy, scope, nested, bindQuery)
    return { sql: `${prefix}${bound.sql}${limit}${offset}`, columns: bound.columns }
  }
  const body = bindBody(statement, query.body, scope)
  const order =
    query.orderBy.length === 0 ? '' : ` ORDER BY ${orderByOutput(statement, query.orderBy, body.columns, nested)}`
  if (order === '' && limit === '' && offset === '') return { sql: `${prefix}${body.sql}`, columns: body.columns }
  return {
    sql: `${prefix}SELECT * FROM (${body.sql}) AS ${statement.fresh('t')}${order}${limit}${offset}`,
    columns: body.columns,
  }
}

function count(statement: Statement, binder: ExpressionBinder, expression: Expression): string {
  const bound = binder.bind(expression)
  if (bound.constant === undefined || !/^\d+$/.test(bound.constant)) {
    throw unknown(statement, expression, 'a LIMIT or OFFSET that is not a whole number')
  }
  return bound.constant
}

function bindCommon(statement: Statement, table: CommonTable, scope: Scope): string {
  const stored = statement.fresh('x')
  if (table.recursive && table.query.body.type === 'set' && mentions(table))
    return bindRecursive(statement, table, scope, stored)
  const query = bindQuery(statement, table.query, scope)
  scope.addCommon(table.name, { from: stored, columns: renamed(statement, query.columns, table) })
  return `${stored} AS (${query.sql})`
}

function renamed(statement: Statement, columns: readonly OutputColumn[], table: CommonTable): readonly OutputColumn[] {
  const names = table.columns
  if (names === undefined) return columns
  if (names.length !== columns.length) {
    throw compilationError(
      statement,
      table.query,
      '002053',
      '42601',
      `${table.name} has ${columns.length} columns, not ${names.length}`,
    )
  }
  return columns.map((column, index) => ({ ...column, name: names[index] ?? column.name }))
}

/** The first part says what the columns are; the others refer to it. */
function bindRecursive(statement: Statement, table: CommonTable, scope: Scope, stored: string): string {
  const { body } = table.query
  if (body.type !== 'set' || body.operator !== 'UNION ALL')
    throw unknown(statement, table.query, 'a recursive table that is not a UNION ALL')
  const anchor = bindBody(statement, body.left, scope)
  const columns = renamed(statement, anchor.columns, table).map((column) => ({ ...column, nullable: true }))
  scope.addCommon(table.name, { from: stored, columns })
  const step = bindBody(statement, body.right, scope)
  const names = columns.map((column) => quoted(column.stored)).join(', ')
  return `${stored}(${names}) AS (${anchor.sql} UNION ALL ${converted(statement, step, columns)})`
}

function mentions(table: CommonTable): boolean {
  const seen = (node: unknown): boolean => {
    if (Array.isArray(node)) return node.some(seen)
    if (typeof node !== 'object' || node === null) return false
    const named = node as { type?: unknown; parts?: unknown }
    if (
      named.type === 'named' &&
      Array.isArray(named.parts) &&
      named.parts.length === 1 &&
      named.parts[0] === table.name
    )
      return true
    return Object.values(node).some(seen)
  }
  return seen(table.query)
}

function bindBody(statement: Statement, body: QueryBody, scope: Scope): QueryBinding {
  const nested = (inner: Query, outer: Scope) => bindQuery(statement, inner, outer)
  switch (body.type) {
    case 'select':
      return bindSelect(statement, body, [], scope, nested, bindQuery)
    case 'nested': {
      const query = bindQuery(statement, body.query, scope)
      return { ...query, sql: `(${query.sql})` }
    }
    case 'values':
      return bindValues(statement, body.rows, new ExpressionBinder(statement, scope, nested))
    case 'set':
      return bindSet(statement, body, scope)
  }
}

function bindSet(statement: Statement, body: QueryBody & { type: 'set' }, scope: Scope): QueryBinding {
  const left = bindBody(statement, body.left, scope)
  const right = bindBody(statement, body.right, scope)
  if (body.byName) throw new Error('UNION BY NAME')
  if (left.columns.length !== right.columns.length) {
    throw compilationError(
      statement,
      { start: 0 },
      '001789',
      '42601',
      `invalid number of result columns for set operator input branches, expected ${left.columns.length}, got ${right.columns.length} in branch {2}`,
    )
  }
  const columns = left.columns.map((column, index) => {
    const other = right.columns[index] ?? column
    return {
      ...column,
      type: commonType([asValue(column), asValue(other)]),
      nullable: column.nullable || other.nullable,
    }
  })
  return {
    sql: `${converted(statement, left, columns)} ${body.operator} ${converted(statement, right, columns)}`,
    columns,
  }
}

/** The same rows with these types and names. */
function converted(statement: Statement, query: QueryBinding, columns: readonly OutputColumn[]): string {
  const same = query.columns.every(
    (column, index) => JSON.stringify(column.type) === JSON.stringify(columns[index]?.type),
  )
  if (same) return `(${query.sql})`
  const alias = statement.fresh('t')
  const items = query.columns.map((column, index) => {
    const wanted = columns[index] ?? column
    const from = columnValue(column, `${alias}.${quoted(column.stored)}`)
    return `${exactSql(cast(statement, from, wanted.type))} AS ${quoted(wanted.stored)}`
  })
  return `(SELECT ${items.join(', ')} FROM (${query.sql}) AS ${alias})`
}

function bindValues(
  statement: Statement,
  rows: readonly (readonly Expression[])[],
  binder: ExpressionBinder,
): QueryBinding {
  const bound = rows.map((row) => row.map((expression) => binder.bind(expression)))
  const width = bound[0]?.length ?? 0
  if (bound.some((row) => row.length !== width))
    throw unknown(statement, rows[0]?.[0] ?? { start: 0 }, 'VALUES with rows of different length')
  const unifiedColumns = Array.from({ length: width }, (_, index) =>
    unified(
      statement,
      bound.map((row) => row[index] as Value),
    ),
  )
  const id = statement.fresh('v')
  const columns = unifiedColumns.map(({ type, values }, index) => ({
    name: `COLUMN${index + 1}`,
    stored: `${id}_${index + 1}`,
    type,
    nullable: values.some((one) => one.nullable),
  }))
  const text = bound.map(
    (_, row) => `(${unifiedColumns.map(({ values }) => exactSql(values[row] as Value)).join(', ')})`,
  )
  const names = columns.map((column) => quoted(column.stored)).join(', ')
  return { sql: `SELECT * FROM (VALUES ${text.join(', ')}) AS ${id}(${names})`, columns }
}

/** After a set operation only the result's columns have names. */
function orderByOutput(
  statement: Statement,
  items: readonly OrderItem[],
  columns: readonly OutputColumn[],
  nested: (query: Query, scope: Scope) => QueryBinding,
): string {
  const scope = new Scope(undefined)
  scope.relations = [{ qualifier: [], columns: columns.map((column) => ({ ...column, sql: quoted(column.stored) })) }]
  const binder = new ExpressionBinder(statement, scope, nested)
  return items
    .map((item) => {
      const ordinal = item.expression.type === 'number' ? columns[Number(item.expression.text) - 1] : undefined
      const of = ordinal === undefined ? binder.bind(item.expression) : asValue(ordinal)
      return binder.orderItem(of, item)
    })
    .join(', ')
}

function asValue(column: OutputColumn): Value {
  return columnValue(column, quoted(column.stored))
}
