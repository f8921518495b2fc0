/** CREATE … (docs: sql-reference/sql/create-database, create-schema, create-table, create-view, create-stage, create-file-format, create-warehouse, …). */
import type { TableElements } from './column-parser.ts'
import { parseTableElements } from './column-parser.ts'
import { optionText, parseOptions, withoutOption } from './option-parser.ts'
import type { QueryParser } from './query-parser.ts'
import type { Options } from './session-context.ts'
import type { CreateStatement } from './statement-tree.ts'
import type { Query } from './syntax-tree.ts'

interface Head {
  readonly type: 'create'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
}

const PLAIN = { WAREHOUSE: 'warehouse', ROLE: 'role', USER: 'user' } as const

export function parseCreate(parser: QueryParser): CreateStatement {
  const { tokens } = parser
  tokens.expectWords('CREATE')
  const orReplace = tokens.takeWords('OR', 'REPLACE')
  const head: Head = { type: 'create', orReplace, ifNotExists: false }
  const secure = tokens.takeWords('SECURE')
  tokens.takeOneOf('LOCAL', 'GLOBAL')
  const durability = tokens.takeOneOf('TRANSIENT', 'TEMPORARY', 'TEMP', 'VOLATILE')
  const start = tokens.peek().start
  if (tokens.takeWords('TABLE')) {
    return createTable(
      parser,
      head,
      durability === undefined ? 'permanent' : durability === 'TRANSIENT' ? 'transient' : 'temporary',
    )
  }
  if (tokens.takeWords('VIEW')) return createView(parser, head, secure)
  const container = tokens.takeOneOf('DATABASE', 'SCHEMA')
  if (container !== undefined) return createContainer(parser, head, container, durability === 'TRANSIENT')
  if (tokens.takeWords('STAGE'))
    return { ...named(parser, head), what: 'stage', temporary: durability !== undefined, ...rest(parser) }
  if (tokens.takeWords('FILE', 'FORMAT')) return { ...named(parser, head), what: 'file_format', ...rest(parser) }
  if (tokens.takeWords('SEQUENCE')) return createSequence(parser, head)
  const plain = tokens.takeOneOf('WAREHOUSE', 'ROLE', 'USER')
  if (plain !== undefined) return createPlain(parser, head, PLAIN[plain])
  if (tokens.takeWords('RESOURCE', 'MONITOR')) return createPlain(parser, head, 'resource_monitor')
  if (tokens.takeWords('NETWORK', 'POLICY')) return createPlain(parser, head, 'network_policy')
  if (tokens.takeWords('STORAGE', 'INTEGRATION') || tokens.takeWords('SECURITY', 'INTEGRATION')) {
    return createPlain(parser, head, 'integration')
  }
  throw tokens.unknown(`CREATE ${tokens.peek().value}`, start)
}

function named(parser: QueryParser, head: Head): Head & { readonly parts: string[] } {
  const ifNotExists = parser.tokens.takeWords('IF', 'NOT', 'EXISTS')
  return { ...head, ifNotExists, parts: parser.qualifiedName() }
}

/** What follows the name: `KEY = value …` and its COMMENT. */
function rest(parser: QueryParser): { readonly options: Options; readonly comment: string | undefined } {
  parser.tokens.takeWords('WITH')
  const options = parseOptions(parser.tokens)
  return { options: withoutOption(options, 'COMMENT'), comment: optionText(options, 'COMMENT') }
}

function createPlain(
  parser: QueryParser,
  head: Head,
  what: 'warehouse' | 'role' | 'user' | 'integration' | 'resource_monitor' | 'network_policy',
): CreateStatement {
  const name = named(parser, head)
  const options = rest(parser)
  if (what === 'resource_monitor' && parser.tokens.isWord('TRIGGERS')) throw parser.tokens.unknown('TRIGGERS')
  return { ...name, what, ...options }
}

function createContainer(
  parser: QueryParser,
  head: Head,
  word: 'DATABASE' | 'SCHEMA',
  transient: boolean,
): CreateStatement {
  const what = word === 'DATABASE' ? 'database' : 'schema'
  const name = named(parser, head)
  const clone = parser.tokens.takeWords('CLONE') ? parser.qualifiedName() : undefined
  if (parser.tokens.isWord('FROM')) throw parser.tokens.unknown('CREATE DATABASE FROM SHARE')
  parser.tokens.takeWords('WITH', 'MANAGED', 'ACCESS')
  return { ...name, what, transient, clone, ...rest(parser) }
}

function createSequence(parser: QueryParser, head: Head): CreateStatement {
  const { tokens } = parser
  const name = named(parser, head)
  let start = 1n
  let step = 1n
  const integer = () => {
    tokens.takeSymbol('=')
    return BigInt(tokens.next().value)
  }
  while (tokens.isWord('WITH', 'START', 'INCREMENT', 'ORDER', 'NOORDER')) {
    const word = tokens.next().value
    if (word === 'START') {
      tokens.takeWords('WITH')
      start = integer()
    } else if (word === 'INCREMENT') {
      tokens.takeWords('BY')
      step = integer()
    }
  }
  return { ...name, what: 'sequence', start, step, ...rest(parser) }
}

function createTable(
  parser: QueryParser,
  head: Head,
  durability: 'permanent' | 'transient' | 'temporary',
): CreateStatement {
  const { tokens } = parser
  const name = named(parser, head)
  let elements: TableElements | undefined
  let like: string[] | undefined
  let clone: string[] | undefined
  let clusterBy: string | undefined
  let copyGrants = false
  let as: Query | undefined
  let options: Options = new Map()
  if (tokens.isSymbol('(') && !parser.startsQuery()) elements = parseTableElements(parser)
  else if (tokens.takeWords('LIKE')) like = parser.qualifiedName()
  else if (tokens.takeWords('CLONE')) clone = parser.qualifiedName()
  if (tokens.isWord('USING')) throw tokens.unknown('USING TEMPLATE')
  while (true) {
    if (tokens.takeWords('CLUSTER', 'BY')) clusterBy = parenthesizedText(parser)
    else if (tokens.takeWords('COPY', 'GRANTS')) copyGrants = true
    else if (tokens.takeWords('COMMENT')) {
      tokens.takeSymbol('=')
      options = new Map([...options, ['COMMENT', tokens.expectString()]])
    } else if (tokens.takeWords('AS')) as = parser.query()
    else if (tokens.peek().type === 'word' && tokens.isSymbol('=', 1))
      options = new Map([...options, ...parseOptions(tokens)])
    else break
  }
  if (elements === undefined && like === undefined && clone === undefined && as === undefined) throw tokens.unexpected()
  return {
    ...name,
    what: 'table',
    durability,
    columns: elements?.columns,
    constraints: elements?.constraints ?? [],
    clusterBy,
    as,
    like,
    clone,
    copyGrants,
    options: withoutOption(options, 'COMMENT'),
    comment: optionText(options, 'COMMENT'),
  }
}

function createView(parser: QueryParser, head: Head, secure: boolean): CreateStatement {
  const { tokens } = parser
  const name = named(parser, head)
  const columns = tokens.isSymbol('(')
    ? tokens.parenthesized(() => ({
        name: parser.name(),
        comment: tokens.takeWords('COMMENT') ? tokens.expectString() : undefined,
      }))
    : undefined
  let comment: string | undefined
  while (true) {
    if (tokens.takeWords('COMMENT')) {
      tokens.expectSymbol('=')
      comment = tokens.expectString()
    } else if (!tokens.takeWords('COPY', 'GRANTS')) break
  }
  tokens.expectWords('AS')
  return { ...name, what: 'view', columns, query: parser.query(), secure, options: new Map(), comment }
}

/** The text of `(…)`, with its parentheses, as SHOW TABLES has CLUSTER BY. */
export function parenthesizedText(parser: QueryParser): string {
  const { tokens } = parser
  const { start } = tokens.peek()
  tokens.parenthesized(() => parser.expression())
  return tokens.sql.slice(start, tokens.endOfPrevious)
}
