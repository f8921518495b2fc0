/** GRANT, REVOKE, COMMENT ON (docs: sql-reference/sql/grant-privilege, grant-role, revoke-privilege, comment). */
import type { QueryParser } from './query-parser.ts'
import type { Statement } from './statement-tree.ts'

const OBJECTS = [
  'DATABASE',
  'SCHEMA',
  'TABLE',
  'VIEW',
  'STAGE',
  'SEQUENCE',
  'WAREHOUSE',
  'INTEGRATION',
  'USER',
  'ROLE',
  'PIPE',
] as const
const PLURALS = ['DATABASES', 'SCHEMAS', 'TABLES', 'VIEWS', 'STAGES', 'SEQUENCES', 'PIPES'] as const

export function parseGrant(parser: QueryParser): Statement {
  const { tokens } = parser
  const revoke = tokens.next().value === 'REVOKE'
  if (revoke) tokens.takeWords('GRANT', 'OPTION', 'FOR')
  const preposition = revoke ? 'FROM' : 'TO'
  if (tokens.takeWords('ROLE')) {
    const role = parser.name()
    tokens.expectWords(preposition)
    return { type: 'grant', revoke, privileges: [], on: undefined, role, to: grantee(parser), grantOption: false }
  }
  // A role within a database, such as SNOWFLAKE.USAGE_VIEWER: held like a privilege on it.
  if (tokens.takeWords('DATABASE', 'ROLE')) {
    const on = { what: 'DATABASE ROLE', parts: parser.qualifiedName(), all: undefined }
    tokens.expectWords(preposition)
    return {
      type: 'grant',
      revoke,
      privileges: ['USAGE'],
      on,
      role: undefined,
      to: grantee(parser),
      grantOption: false,
    }
  }
  const privileges = tokens.list(() => privilege(parser))
  tokens.expectWords('ON')
  const on = grantedObject(parser)
  tokens.expectWords(preposition)
  const to = grantee(parser)
  const grantOption = tokens.takeWords('WITH', 'GRANT', 'OPTION')
  tokens.takeOneOf('CASCADE', 'RESTRICT')
  tokens.takeWords('COPY', 'CURRENT', 'GRANTS')
  return { type: 'grant', revoke, privileges, on, role: undefined, to, grantOption }
}

export function parseComment(parser: QueryParser): Statement {
  const { tokens } = parser
  tokens.next()
  const ifExists = tokens.takeWords('IF', 'EXISTS')
  tokens.expectWords('ON')
  const what = tokens.takeOneOf('COLUMN', ...OBJECTS)
  if (what === undefined) throw tokens.unknown(`COMMENT ON ${tokens.peek().value}`)
  const parts = parser.qualifiedName()
  tokens.expectWords('IS')
  return { type: 'comment', ifExists, what, parts, comment: tokens.expectString() }
}

/** Several words, until ON or a comma: CREATE FILE FORMAT. */
function privilege(parser: QueryParser): string {
  const words: string[] = []
  while (!parser.tokens.isWord('ON') && !parser.tokens.isSymbol(',')) words.push(parser.name())
  if (words.length === 0) throw parser.tokens.unexpected()
  return words.filter((word) => word !== 'PRIVILEGES').join(' ')
}

function grantedObject(parser: QueryParser): { what: string; parts: string[]; all: 'ALL' | 'FUTURE' | undefined } {
  const { tokens } = parser
  if (tokens.takeWords('ACCOUNT')) return { what: 'ACCOUNT', parts: [], all: undefined }
  const all = tokens.takeOneOf('ALL', 'FUTURE')
  if (all !== undefined) {
    const what = tokens.takeWords('FILE', 'FORMATS') ? 'FILE FORMATS' : tokens.takeOneOf(...PLURALS)
    if (what === undefined) throw tokens.unknown(`GRANT ON ${all} ${tokens.peek().value}`)
    tokens.expectWords('IN')
    const container = tokens.takeOneOf('DATABASE', 'SCHEMA')
    if (container === undefined) throw tokens.unexpected()
    return { what: `${what} IN ${container}`, parts: parser.qualifiedName(), all }
  }
  const what = tokens.takeWords('FILE', 'FORMAT')
    ? 'FILE FORMAT'
    : tokens.takeWords('RESOURCE', 'MONITOR')
      ? 'RESOURCE MONITOR'
      : tokens.takeOneOf(...OBJECTS)
  if (what === undefined) throw tokens.unknown(`GRANT ON ${tokens.peek().value}`)
  return { what, parts: parser.qualifiedName(), all: undefined }
}

function grantee(parser: QueryParser): { what: 'ROLE' | 'USER'; name: string } {
  const word = parser.tokens.takeOneOf('ROLE', 'USER')
  return { what: word ?? 'ROLE', name: parser.name() }
}
