/** COPY INTO, PUT, GET, LIST, REMOVE (docs: sql-reference/sql/copy-into-table, put, get, list, remove). */
import { formatOf, optionText, parseOptions, withoutOption } from './option-parser.ts'
import type { QueryParser } from './query-parser.ts'
import type { Options } from './session-context.ts'
import { parseStageText } from './stage-text.ts'
import type { CopyStatement, Statement } from './statement-tree.ts'
import type { Query, StageText } from './syntax-tree.ts'

export function parseCopy(parser: QueryParser): CopyStatement {
  const { tokens } = parser
  tokens.expectWords('COPY', 'INTO')
  if (tokens.peek().type === 'stage' || tokens.peek().type === 'string') {
    throw tokens.unknown('COPY INTO a location (unloading)')
  }
  const table = parser.qualifiedName()
  const columns = tokens.isSymbol('(') ? tokens.parenthesized(() => parser.name()) : undefined
  tokens.expectWords('FROM')
  let query: Query | undefined
  let location: StageText
  if (tokens.takeSymbol('(')) {
    const at = tokens.peek().start
    query = parser.query()
    tokens.expectSymbol(')')
    const stage = stageOf(query)
    if (stage === undefined) throw tokens.unknown('COPY from a query that does not read one stage', at)
    location = stage
  } else location = stageText(parser)
  const options = parseOptions(tokens)
  const files = options.get('FILES')
  return {
    type: 'copy',
    table,
    columns,
    location,
    query,
    files: Array.isArray(files) ? files.map(String) : undefined,
    pattern: optionText(options, 'PATTERN'),
    format: formatOf(options),
    options: withoutOption(options, 'FILES', 'PATTERN', 'FILE_FORMAT'),
  }
}

export function parsePut(parser: QueryParser): Statement {
  parser.tokens.expectWords('PUT')
  const localPath = filePath(parser)
  return { type: 'put', localPath, location: stageText(parser), options: fileOptions(parser) }
}

export function parseGet(parser: QueryParser): Statement {
  parser.tokens.expectWords('GET')
  const location = stageText(parser)
  return { type: 'get', localPath: filePath(parser), location, options: fileOptions(parser) }
}

export function parseList(parser: QueryParser): Statement {
  const word = parser.tokens.takeOneOf('LIST', 'LS', 'REMOVE', 'RM')
  const type = word === 'LIST' || word === 'LS' ? 'list' : 'remove'
  return { type, location: stageText(parser), pattern: optionText(parseOptions(parser.tokens), 'PATTERN') }
}

function stageText(parser: QueryParser): StageText {
  const token = parser.tokens.peek()
  if (token.type !== 'stage' && !(token.type === 'string' && token.value.startsWith('@'))) {
    throw parser.tokens.unexpected()
  }
  return parseStageText(parser.tokens.next().value)
}

function filePath(parser: QueryParser): string {
  const token = parser.tokens.peek()
  const isText = token.type === 'string' && /^file:\/\//i.test(token.value)
  if (token.type !== 'file' && !isText) throw parser.tokens.unexpected()
  return parser.tokens.next().value.slice('file://'.length)
}

/** PUT's and GET's options are separated by blanks or commas. */
function fileOptions(parser: QueryParser): Options {
  return parseOptions(parser.tokens)
}

function stageOf(query: Query): StageText | undefined {
  if (query.body.type !== 'select' || query.with.length > 0) return undefined
  const { from } = query.body
  return from?.type === 'stage' ? from.location : undefined
}
