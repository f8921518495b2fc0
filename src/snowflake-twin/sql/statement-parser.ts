/** One statement, whatever it is. */
import { parseAlter } from './alter-parser.ts'
import { parseCreate } from './create-parser.ts'
import { parseDelete, parseInsert, parseMerge, parseUpdate } from './dml-parser.ts'
import { parseCopy, parseGet, parseList, parsePut } from './file-parser.ts'
import { parseComment, parseGrant } from './grant-parser.ts'
import type { ParserSettings } from './operand-parser.ts'
import type { DropPlan } from './plan.ts'
import { QueryParser } from './query-parser.ts'
import { parseDescribe, parseShow } from './show-parser.ts'
import type { Statement } from './statement-tree.ts'
import type { Expression } from './syntax-tree.ts'

/** Throws SnowflakeError 001003. A semicolon at the end is allowed. */
export function parseStatement(sql: string, settings: ParserSettings): Statement {
  const parser = new QueryParser(sql, settings)
  const statement = parse(parser)
  parser.tokens.expectEnd()
  return statement
}

/** One expression alone: a column's default. */
export function parseExpression(sql: string, settings: ParserSettings): Expression {
  const parser = new QueryParser(sql, settings)
  const expression = parser.expression()
  parser.tokens.expectEnd()
  return expression
}

function parse(parser: QueryParser): Statement {
  const { tokens } = parser
  const token = tokens.peek()
  if (parser.startsQuery()) return { type: 'query', query: parser.query() }
  switch (token.type === 'word' ? token.value : '') {
    case 'INSERT':
      return parseInsert(parser)
    case 'UPDATE':
      return parseUpdate(parser)
    case 'DELETE':
      return parseDelete(parser)
    case 'MERGE':
      return parseMerge(parser)
    case 'COPY':
      return parseCopy(parser)
    case 'PUT':
      return parsePut(parser)
    case 'GET':
      return parseGet(parser)
    case 'LIST':
    case 'LS':
    case 'REMOVE':
    case 'RM':
      return parseList(parser)
    case 'BEGIN':
    case 'START':
    case 'COMMIT':
    case 'ROLLBACK':
      return parseTransaction(parser)
    case 'USE':
      return parseUse(parser)
    case 'SET':
    case 'UNSET':
      return parseVariables(parser)
    case 'SHOW':
      return parseShow(parser)
    case 'DESCRIBE':
    case 'DESC':
      return parseDescribe(parser)
    case 'CREATE':
      return parseCreate(parser)
    case 'ALTER':
      return parseAlter(parser)
    case 'DROP':
    case 'UNDROP':
      return parseDrop(parser)
    case 'TRUNCATE': {
      tokens.next()
      tokens.takeWords('TABLE')
      const ifExists = tokens.takeWords('IF', 'EXISTS')
      return { type: 'truncate', ifExists, parts: parser.qualifiedName() }
    }
    case 'GRANT':
    case 'REVOKE':
      return parseGrant(parser)
    case 'COMMENT':
      return parseComment(parser)
    case 'EXPLAIN':
      tokens.next()
      if (tokens.takeWords('USING')) tokens.takeOneOf('TABULAR', 'JSON', 'TEXT')
      return { type: 'explain', statement: parse(parser) }
    case 'CALL':
    case 'EXECUTE':
    case 'DECLARE':
    case 'LET':
      throw tokens.unknown(token.value)
    default:
      throw tokens.unexpected()
  }
}

function parseTransaction(parser: QueryParser): Statement {
  const { tokens } = parser
  const word = tokens.next().value
  if (word === 'START') tokens.expectWords('TRANSACTION')
  if (word === 'COMMIT' || word === 'ROLLBACK') {
    tokens.takeWords('WORK')
    return { type: 'transaction', action: word === 'COMMIT' ? 'commit' : 'rollback' }
  }
  tokens.takeOneOf('WORK', 'TRANSACTION')
  if (tokens.takeWords('NAME')) parser.name()
  // Snowflake Scripting begins with BEGIN too.
  if (tokens.peek().type !== 'end' && !tokens.isSymbol(';')) throw tokens.unknown('Snowflake Scripting blocks')
  return { type: 'transaction', action: 'begin' }
}

function parseUse(parser: QueryParser): Statement {
  const { tokens } = parser
  tokens.expectWords('USE')
  if (tokens.takeWords('SECONDARY', 'ROLES')) return { type: 'use', what: 'secondary_roles', parts: [parser.name()] }
  const alone = tokens.peek(1).type === 'end' || tokens.isSymbol('.', 1) || tokens.isSymbol(';', 1)
  const word = alone ? undefined : tokens.takeOneOf('DATABASE', 'SCHEMA', 'WAREHOUSE', 'ROLE')
  const what =
    word === undefined
      ? undefined
      : ({ DATABASE: 'database', SCHEMA: 'schema', WAREHOUSE: 'warehouse', ROLE: 'role' } as const)[word]
  return { type: 'use', what, parts: parser.qualifiedName() }
}

function parseVariables(parser: QueryParser): Statement {
  const { tokens } = parser
  if (tokens.takeWords('UNSET')) {
    const unset = tokens.isSymbol('(') ? tokens.parenthesized(() => parser.name()) : [parser.name()]
    return { type: 'set_variables', names: [], values: [], unset }
  }
  tokens.expectWords('SET')
  const several = tokens.isSymbol('(')
  const names = several ? tokens.parenthesized(() => parser.name()) : [parser.name()]
  tokens.expectSymbol('=')
  const values: Expression[] = several ? tokens.parenthesized(() => parser.expression()) : [parser.expression()]
  if (names.length !== values.length) throw tokens.unexpected()
  return { type: 'set_variables', names, values, unset: [] }
}

const DROPS: Readonly<Record<string, DropPlan['what']>> = {
  DATABASE: 'database',
  SCHEMA: 'schema',
  TABLE: 'table',
  VIEW: 'view',
  STAGE: 'stage',
  SEQUENCE: 'sequence',
  WAREHOUSE: 'warehouse',
  ROLE: 'role',
  USER: 'user',
  INTEGRATION: 'integration',
}

function parseDrop(parser: QueryParser): Statement {
  const { tokens } = parser
  const undrop = tokens.next().value === 'UNDROP'
  const what = dropped(parser)
  const ifExists = tokens.takeWords('IF', 'EXISTS')
  const parts = parser.qualifiedName()
  const behaviour = tokens.takeOneOf('CASCADE', 'RESTRICT')
  return { type: 'drop', undrop, what, parts, ifExists, cascade: behaviour === 'CASCADE' }
}

function dropped(parser: QueryParser): DropPlan['what'] {
  const { tokens } = parser
  if (tokens.takeWords('FILE', 'FORMAT')) return 'file_format'
  if (tokens.takeWords('RESOURCE', 'MONITOR')) return 'resource_monitor'
  if (tokens.takeWords('NETWORK', 'POLICY')) return 'network_policy'
  if (tokens.takeWords('STORAGE', 'INTEGRATION')) return 'integration'
  const what = DROPS[tokens.peek().value]
  if (what === undefined) throw tokens.unknown(`DROP ${tokens.peek().value}`)
  tokens.next()
  return what
}
