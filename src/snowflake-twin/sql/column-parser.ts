/** Columns and constraints of CREATE TABLE and ALTER TABLE ADD (docs: sql-reference/sql/create-table). */
import type { TableConstraint } from './plan.ts'
import type { QueryParser } from './query-parser.ts'
import type { ColumnText } from './statement-tree.ts'

export interface TableElements {
  readonly columns: readonly ColumnText[]
  readonly constraints: readonly TableConstraint[]
}

/** `(column …, constraint …)`. */
export function parseTableElements(parser: QueryParser): TableElements {
  const columns: ColumnText[] = []
  const constraints: TableConstraint[] = []
  parser.tokens.parenthesized(() => {
    const constraint = parseConstraint(parser)
    if (constraint === undefined) columns.push(parseColumn(parser, constraints))
    else constraints.push(constraint)
  })
  return { columns, constraints }
}

/** `[CONSTRAINT name] PRIMARY KEY (…)`; undefined where a column begins. */
export function parseConstraint(parser: QueryParser): TableConstraint | undefined {
  const { tokens } = parser
  const name = tokens.takeWords('CONSTRAINT') ? parser.name() : undefined
  const type = constraintType(parser)
  if (type === undefined) {
    if (name !== undefined) throw tokens.unexpected()
    return undefined
  }
  const columns = tokens.parenthesized(() => parser.name())
  if (type === 'FOREIGN KEY') parseReference(parser)
  skipConstraintProperties(parser)
  return { type, name, columns }
}

/** Adds the constraints that are written with the column to `constraints`. */
export function parseColumn(parser: QueryParser, constraints: TableConstraint[]): ColumnText {
  const { tokens } = parser
  const name = parser.name()
  // CREATE TABLE t (a, b) AS SELECT … names columns without a type.
  const untyped = tokens.isSymbol(',') || tokens.isSymbol(')')
  const type = untyped ? undefined : parser.dataType()
  let nullable = true
  let fallback: ColumnText['default']
  let identity: ColumnText['identity']
  let comment: string | undefined
  while (true) {
    const constraint = tokens.takeWords('CONSTRAINT') ? parser.name() : undefined
    if (tokens.takeWords('NOT', 'NULL')) nullable = false
    else if (tokens.takeWords('NULL')) nullable = true
    else if (tokens.takeWords('DEFAULT')) {
      const expression = parser.expression()
      fallback = { text: tokens.sql.slice(expression.start, expression.end), expression }
    } else if (tokens.takeWords('COMMENT')) comment = tokens.expectString()
    else if (tokens.isWord('AUTOINCREMENT', 'IDENTITY')) identity = parseIdentity(parser)
    else if (tokens.isWord('COLLATE', 'MASKING', 'TAG', 'PROJECTION', 'AS') || tokens.areWords('WITH', 'MASKING')) {
      throw tokens.unknown(`${tokens.peek().value} of a column`)
    } else if (tokens.takeWords('REFERENCES')) {
      parser.qualifiedName()
      if (tokens.isSymbol('(')) tokens.parenthesized(() => parser.name())
      constraints.push({ type: 'FOREIGN KEY', name: constraint, columns: [name] })
    } else {
      const kind = constraintType(parser)
      if (kind === undefined) break
      // A primary key's columns are NOT NULL.
      if (kind === 'PRIMARY KEY') nullable = false
      if (kind === 'FOREIGN KEY') parseReference(parser)
      skipConstraintProperties(parser)
      constraints.push({ type: kind, name: constraint, columns: [name] })
    }
  }
  return { name, type, nullable, default: fallback, identity, comment }
}

function constraintType(parser: QueryParser): TableConstraint['type'] | undefined {
  const { tokens } = parser
  if (tokens.takeWords('PRIMARY', 'KEY')) return 'PRIMARY KEY'
  if (tokens.takeWords('FOREIGN', 'KEY')) return 'FOREIGN KEY'
  if (tokens.isWord('UNIQUE') && !tokens.isSymbol('.', 1)) {
    tokens.next()
    return 'UNIQUE'
  }
  return undefined
}

function parseReference(parser: QueryParser): void {
  parser.tokens.expectWords('REFERENCES')
  parser.qualifiedName()
  if (parser.tokens.isSymbol('(')) parser.tokens.parenthesized(() => parser.name())
}

/** Recorded by Snowflake, without effect on standard tables. */
function skipConstraintProperties(parser: QueryParser): void {
  const { tokens } = parser
  while (
    tokens.takeWords('NOT', 'ENFORCED') ||
    tokens.takeWords('NOT', 'DEFERRABLE') ||
    tokens.takeOneOf('ENFORCED', 'DEFERRABLE', 'ENABLE', 'DISABLE', 'VALIDATE', 'NOVALIDATE', 'RELY', 'NORELY') !==
      undefined
  );
}

function parseIdentity(parser: QueryParser): { start: bigint; step: bigint } {
  const { tokens } = parser
  tokens.next()
  let start = 1n
  let step = 1n
  const integer = () => BigInt(tokens.next().value)
  if (tokens.takeSymbol('(')) {
    start = integer()
    tokens.expectSymbol(',')
    step = integer()
    tokens.expectSymbol(')')
  } else {
    if (tokens.takeWords('START')) {
      tokens.takeWords('WITH')
      start = integer()
    }
    if (tokens.takeWords('INCREMENT')) {
      tokens.takeWords('BY')
      step = integer()
    }
  }
  tokens.takeOneOf('ORDER', 'NOORDER')
  return { start, step }
}
