/** SHOW and DESCRIBE (docs: sql-reference/sql/show, desc). */
import type { QueryParser } from './query-parser.ts'
import type { ShowStatement, Statement } from './statement-tree.ts'

/** One or two words each. */
const OBJECTS: readonly string[] = [
  'PRIMARY KEYS',
  'UNIQUE KEYS',
  'IMPORTED KEYS',
  'FILE FORMATS',
  'RESOURCE MONITORS',
  'NETWORK POLICIES',
  'STORAGE INTEGRATIONS',
  'FUTURE GRANTS',
  'DATABASES',
  'SCHEMAS',
  'TABLES',
  'VIEWS',
  'OBJECTS',
  'COLUMNS',
  'STAGES',
  'SEQUENCES',
  'WAREHOUSES',
  'ROLES',
  'USERS',
  'GRANTS',
  'PARAMETERS',
  'VARIABLES',
  'TRANSACTIONS',
  'LOCKS',
  'INTEGRATIONS',
  'FUNCTIONS',
  'PIPES',
  'STREAMS',
  'TASKS',
]

export function parseShow(parser: QueryParser): ShowStatement {
  const { tokens } = parser
  tokens.expectWords('SHOW')
  const terse = tokens.takeWords('TERSE')
  const objects = OBJECTS.find((words) => tokens.takeWords(...words.split(' ')))
  if (objects === undefined) throw tokens.unknown(`SHOW ${tokens.peek().value}`)
  const history = tokens.takeWords('HISTORY')
  let like: string | undefined
  let scope: ShowStatement['scope']
  let startsWith: string | undefined
  let limit: number | undefined
  let limitFrom: string | undefined
  while (true) {
    if (tokens.takeWords('LIKE')) like = tokens.expectString()
    else if (tokens.isWord('IN', 'FOR', 'ON', 'TO', 'OF')) scope = parseScope(parser, objects)
    else if (tokens.takeWords('STARTS', 'WITH')) startsWith = tokens.expectString()
    else if (tokens.takeWords('LIMIT')) {
      if (tokens.peek().type !== 'number') throw tokens.unexpected()
      limit = Number(tokens.next().value)
      if (tokens.takeWords('FROM')) limitFrom = tokens.expectString()
    } else break
  }
  return { type: 'show', objects, terse, history, like, scope, startsWith, limit, limitFrom }
}

function parseScope(parser: QueryParser, objects: string): ShowStatement['scope'] {
  const { tokens } = parser
  const preposition = tokens.next().value
  if (tokens.takeWords('ACCOUNT')) return { what: 'ACCOUNT', parts: [] }
  const word = tokens.takeOneOf(
    'DATABASE',
    'SCHEMA',
    'TABLE',
    'VIEW',
    'WAREHOUSE',
    'USER',
    'ROLE',
    'SESSION',
    'STAGE',
    'INTEGRATION',
  )
  const prefix = objects.endsWith('GRANTS') ? `${preposition} ` : ''
  if (word === 'SESSION') return { what: 'SESSION', parts: [] }
  const isName = ['word', 'quoted'].includes(tokens.peek().type) && !tokens.isWord('LIKE', 'STARTS', 'LIMIT')
  const parts = isName ? parser.qualifiedName() : []
  // IN <name> alone is a schema for objects, a table for columns.
  const fallback = objects === 'COLUMNS' || objects.endsWith('KEYS') ? 'TABLE' : 'SCHEMA'
  return { what: `${prefix}${word ?? fallback}`, parts }
}

export function parseDescribe(parser: QueryParser): Statement {
  const { tokens } = parser
  tokens.next()
  if (tokens.takeWords('RESULT')) {
    const id = tokens.takeString()
    if (id !== undefined) return { type: 'describe', what: 'RESULT', parts: [id] }
    tokens.expectWords('LAST_QUERY_ID')
    tokens.parenthesized(() => parser.expression())
    return { type: 'describe', what: 'RESULT', parts: ['LAST_QUERY_ID'] }
  }
  if (tokens.takeWords('FILE', 'FORMAT'))
    return { type: 'describe', what: 'FILE FORMAT', parts: parser.qualifiedName() }
  if (tokens.takeWords('STORAGE', 'INTEGRATION'))
    return { type: 'describe', what: 'INTEGRATION', parts: parser.qualifiedName() }
  const word = tokens.takeOneOf(
    'TABLE',
    'VIEW',
    'STAGE',
    'WAREHOUSE',
    'DATABASE',
    'SCHEMA',
    'USER',
    'SEQUENCE',
    'INTEGRATION',
  )
  const parts = parser.qualifiedName()
  if (tokens.takeWords('TYPE')) {
    tokens.expectSymbol('=')
    if (!tokens.takeWords('COLUMNS')) throw tokens.unknown('DESCRIBE … TYPE other than COLUMNS')
  }
  return { type: 'describe', what: word ?? 'TABLE', parts }
}
