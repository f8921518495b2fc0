/** One SELECT: its list, its clauses, and the names and types of what it gives. */
import type { Statement } from './binding.ts'
import { compilationError, sourceOf, unknown } from './binding.ts'
import { ExpressionBinder } from './expression-binder.ts'
import type { QueryBinding } from './query-binder.ts'
import type { OutputColumn, ScopeColumn } from './scope.ts'
import { columnValue, Scope } from './scope.ts'
import { quoted } from './stored-name.ts'
import type { Expression, OrderItem, Query, Select, SelectItem } from './syntax-tree.ts'
import { bindTables, type TableBinding } from './table-binder.ts'
import type { Value } from './value.ts'
import { exactSql } from './value.ts'

interface Item {
  readonly name: string
  readonly value: Value
  readonly expression: Expression | undefined
}

export function bindSelect(
  statement: Statement,
  select: Select,
  orderBy: readonly OrderItem[],
  around: Scope,
  bindQuery: (query: Query, scope: Scope) => QueryBinding,
  bindOther: TableBinding['bindOther'],
): QueryBinding {
  const scope = new Scope(around)
  const tables =
    select.from === undefined ? undefined : bindTables({ statement, bindQuery, bindOther }, select.from, scope, [])
  scope.relations = tables?.relations ?? []
  const binder = new ExpressionBinder(statement, scope, bindQuery)
  for (const item of select.items) if (item.type === 'expression') addAlias(scope, binder, item, statement)
  const items = select.items.flatMap((item) => bindItem(statement, binder, scope, item))
  const id = statement.fresh('s')
  const columns = items.map(({ name, value: { type, nullable, untyped } }, index): OutputColumn => {
    return { name, stored: `${id}_${index + 1}`, type, nullable, ...(untyped ? { untyped } : {}) }
  })
  const list = items.map((item, index) => `${exactSql(item.value)} AS ${quoted(columns[index]?.stored ?? '')}`)
  const parts = [`SELECT ${select.distinct ? 'DISTINCT ' : ''}${list.length === 0 ? '1' : list.join(', ')}`]
  if (tables !== undefined) parts.push(`FROM ${tables.sql}`)
  if (select.where !== undefined) parts.push(`WHERE ${binder.condition(select.where)}`)
  if (select.groupBy !== undefined) parts.push(`GROUP BY ${groupBy(statement, binder, select.groupBy, items)}`)
  if (select.having !== undefined) parts.push(`HAVING ${binder.condition(select.having)}`)
  if (select.qualify !== undefined) parts.push(`QUALIFY ${binder.condition(select.qualify)}`)
  if (orderBy.length > 0) parts.push(`ORDER BY ${order(binder, scope, orderBy, items, columns)}`)
  if (select.top !== undefined) parts.push(`LIMIT ${binder.bind(select.top).constant ?? '0'}`)
  return { sql: parts.join(' '), columns }
}

function addAlias(
  scope: Scope,
  binder: ExpressionBinder,
  item: SelectItem & { type: 'expression' },
  statement: Statement,
): void {
  const { alias, expression } = item
  if (alias === undefined) return
  let binding = false
  scope.addAlias(alias, () => {
    // An alias within its own expression is the column of that name, which there is not.
    if (binding) throw compilationError(statement, expression, '000904', '42000', `invalid identifier '${alias}'`)
    binding = true
    try {
      return binder.bind(expression)
    } finally {
      binding = false
    }
  })
}

function bindItem(statement: Statement, binder: ExpressionBinder, scope: Scope, item: SelectItem): readonly Item[] {
  if (item.type === 'expression') {
    const { expression, alias } = item
    return [{ name: alias ?? columnName(statement, expression), value: binder.bind(expression), expression }]
  }
  return expandStar(statement, binder, scope, item)
}

/** What a column is called that has no alias: a column's own name, else its text in capitals. */
export function columnName(statement: Statement, expression: Expression): string {
  if (expression.type === 'column') return expression.parts.at(-1) ?? ''
  const text = sourceOf(statement, expression)
  // Quoted names and strings keep their letters.
  return text.replace(/"[^"]*"|'(?:[^'\\]|\\.|'')*'|[^"']+/g, (piece) =>
    /^["']/.test(piece) ? piece : piece.toUpperCase(),
  )
}

function expandStar(
  statement: Statement,
  binder: ExpressionBinder,
  scope: Scope,
  item: SelectItem & { type: 'star' },
): readonly Item[] {
  const relations = item.qualifier.length === 0 ? scope.relations : scope.matching(item.qualifier)
  if (relations.length === 0) {
    throw compilationError(statement, item, '000904', '42000', `invalid identifier '${item.qualifier.join('.')}'`)
  }
  if (relations.some((relation) => relation.stage !== undefined))
    throw unknown(statement, item, '* of a stage: name $1, $2, …')
  const pattern = item.ilike === undefined ? undefined : likePattern(item.ilike)
  const columns = relations
    .flatMap((relation) => relation.columns)
    .filter((column) => (item.qualifier.length > 0 || !column.hidden) && !item.exclude.includes(column.name))
    .filter((column) => pattern === undefined || pattern.test(column.name))
  for (const name of [...item.exclude, ...item.rename.map((one) => one.from)]) {
    if (!relations.some((relation) => relation.columns.some((column) => column.name === name))) {
      throw compilationError(statement, item, '000904', '42000', `invalid identifier '${name}'`)
    }
  }
  return columns.map((column) => starItem(binder, item, column))
}

function starItem(binder: ExpressionBinder, item: SelectItem & { type: 'star' }, column: ScopeColumn): Item {
  const replacement = item.replace.find((one) => one.name === column.name)
  const name = item.rename.find((one) => one.from === column.name)?.to ?? column.name
  if (replacement !== undefined) return { name, value: binder.bind(replacement.expression), expression: undefined }
  const value = columnValue(column, column.sql)
  return { name, value, expression: undefined }
}

function likePattern(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('%', '.*').replaceAll('_', '.')}$`, 'is')
}

function groupBy(
  statement: Statement,
  binder: ExpressionBinder,
  clause: 'all' | readonly Expression[],
  items: readonly Item[],
): string {
  if (clause === 'all') return 'ALL'
  const keys = clause.map((expression) => {
    if (expression.type !== 'number') return binder.bind(expression)
    const item = items[Number(expression.text) - 1]
    if (item === undefined) {
      throw compilationError(
        statement,
        expression,
        '000979',
        '42601',
        `[${expression.text}] is not a valid group by expression`,
      )
    }
    return item.value
  })
  // A whole number alone would be an ordinal for DuckDB.
  return keys.map(({ sql }) => (/^\d+$/.test(sql) ? `(${sql} + 0)` : sql)).join(', ')
}

function order(
  binder: ExpressionBinder,
  scope: Scope,
  orderBy: readonly OrderItem[],
  items: readonly Item[],
  columns: readonly OutputColumn[],
): string {
  scope.aliasesFirst = true
  try {
    return orderBy
      .map((item) => {
        const bound = item.expression.type === 'number' ? items[Number(item.expression.text) - 1]?.value : undefined
        const of = bound ?? binder.bind(item.expression)
        // DISTINCT and aggregates want the result's column where there is one.
        const index = items.findIndex((one) => one.value.sql === of.sql)
        const column = columns[index]
        return binder.orderItem(column === undefined ? of : { ...of, sql: quoted(column.stored) }, item)
      })
      .join(', ')
  } finally {
    scope.aliasesFirst = false
  }
}
