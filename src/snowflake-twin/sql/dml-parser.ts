/** INSERT, UPDATE, DELETE, MERGE (docs: sql-reference/sql/insert, update, delete, merge). */
import type { QueryParser } from './query-parser.ts'
import type {
  Assignment,
  DeleteStatement,
  InsertStatement,
  MergeClause,
  MergeStatement,
  UpdateStatement,
} from './statement-tree.ts'
import type { Expression, TableReference } from './syntax-tree.ts'

export function parseInsert(parser: QueryParser): InsertStatement {
  const { tokens } = parser
  tokens.expectWords('INSERT')
  const overwrite = tokens.takeWords('OVERWRITE')
  if (tokens.isWord('ALL', 'FIRST')) throw tokens.unknown('INSERT into several tables')
  tokens.expectWords('INTO')
  const table = parser.qualifiedName()
  const columns = tokens.isSymbol('(') && !parser.startsQuery() ? tokens.parenthesized(() => parser.name()) : undefined
  if (tokens.takeWords('VALUES')) {
    const rows = tokens.list(() => tokens.parenthesized(() => valueOrDefault(parser)))
    return { type: 'insert', overwrite, table, columns, source: rows }
  }
  return { type: 'insert', overwrite, table, columns, source: parser.query() }
}

export function parseUpdate(parser: QueryParser): UpdateStatement {
  const { tokens } = parser
  tokens.expectWords('UPDATE')
  const table = parser.qualifiedName()
  const { alias } = parser.tableAlias()
  tokens.expectWords('SET')
  const assignments = tokens.list(() => assignment(parser))
  const from = tokens.takeWords('FROM') ? commaTables(parser) : undefined
  const where = tokens.takeWords('WHERE') ? parser.expression() : undefined
  return { type: 'update', table, alias, assignments, from, where }
}

export function parseDelete(parser: QueryParser): DeleteStatement {
  const { tokens } = parser
  tokens.expectWords('DELETE')
  tokens.expectWords('FROM')
  const table = parser.qualifiedName()
  const { alias } = parser.tableAlias()
  const using = tokens.takeWords('USING') ? commaTables(parser) : undefined
  const where = tokens.takeWords('WHERE') ? parser.expression() : undefined
  return { type: 'delete', table, alias, using, where }
}

export function parseMerge(parser: QueryParser): MergeStatement {
  const { tokens } = parser
  tokens.expectWords('MERGE', 'INTO')
  const table = parser.qualifiedName()
  const { alias } = parser.tableAlias()
  tokens.expectWords('USING')
  const source = parser.tableReference()
  tokens.expectWords('ON')
  const on = parser.expression()
  const clauses: MergeClause[] = []
  while (tokens.takeWords('WHEN')) clauses.push(mergeClause(parser))
  if (clauses.length === 0) throw tokens.unexpected()
  return { type: 'merge', table, alias, source, on, clauses }
}

function mergeClause(parser: QueryParser): MergeClause {
  const { tokens } = parser
  const matched = !tokens.takeWords('NOT')
  tokens.expectWords('MATCHED')
  if (tokens.isWord('BY')) throw tokens.unexpected()
  const condition = tokens.takeWords('AND') ? parser.expression() : undefined
  tokens.expectWords('THEN')
  if (matched && tokens.takeWords('DELETE')) return { condition, action: 'delete' }
  if (matched) {
    tokens.expectWords('UPDATE')
    if (tokens.takeWords('ALL', 'BY', 'NAME')) return { condition, action: 'update', assignments: 'by name' }
    tokens.expectWords('SET')
    return { condition, action: 'update', assignments: tokens.list(() => assignment(parser)) }
  }
  tokens.expectWords('INSERT')
  if (tokens.takeWords('ALL', 'BY', 'NAME')) {
    return { condition, action: 'insert', columns: undefined, values: 'by name' }
  }
  const columns = tokens.isSymbol('(') ? tokens.parenthesized(() => lastPart(parser)) : undefined
  tokens.expectWords('VALUES')
  const values = tokens.parenthesized(() => valueOrDefault(parser))
  return { condition, action: 'insert', columns, values }
}

function assignment(parser: QueryParser): Assignment {
  const column = lastPart(parser)
  parser.tokens.expectSymbol('=')
  return { column, value: valueOrDefault(parser) }
}

/** `t.col` and `col` are the same in SET and in INSERT's list of columns. */
function lastPart(parser: QueryParser): string {
  const parts = parser.qualifiedName()
  return parts.at(-1) ?? ''
}

function valueOrDefault(parser: QueryParser): Expression | undefined {
  const { tokens } = parser
  if (
    tokens.isWord('DEFAULT') &&
    (tokens.isSymbol(',', 1) || tokens.isSymbol(')', 1) || tokens.peek(1).type !== 'symbol')
  ) {
    tokens.next()
    return undefined
  }
  return parser.expression()
}

function commaTables(parser: QueryParser): TableReference {
  let left = parser.tableReference()
  while (parser.tokens.takeSymbol(',')) {
    const right = parser.tableReference()
    const none = { natural: false, on: undefined, using: undefined, match: undefined }
    left = { type: 'join', kind: 'CROSS', left, right, ...none, start: left.start, end: right.end }
  }
  return left
}
