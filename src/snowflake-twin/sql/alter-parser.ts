/** ALTER … (docs: sql-reference/sql/alter-table, alter-table-column, alter-warehouse, alter-session, …). */
import { parseColumn, parseConstraint } from './column-parser.ts'
import { parenthesizedText } from './create-parser.ts'
import { parseOptions } from './option-parser.ts'
import type { ColumnChange, TableConstraint } from './plan.ts'
import type { QueryParser } from './query-parser.ts'
import type { AlterStatement, ColumnText, Statement, TableActionText } from './statement-tree.ts'

const OTHERS = {
  DATABASE: 'database',
  SCHEMA: 'schema',
  VIEW: 'view',
  STAGE: 'stage',
  USER: 'user',
  ROLE: 'role',
} as const

export function parseAlter(parser: QueryParser): Statement {
  const { tokens } = parser
  tokens.expectWords('ALTER')
  const start = tokens.peek().start
  if (tokens.takeWords('SESSION')) return alterSession(parser)
  if (tokens.takeWords('TABLE')) {
    const head = alterHead(parser)
    return { ...head, what: 'table', action: tableAction(parser) }
  }
  if (tokens.takeWords('WAREHOUSE')) return alterWarehouse(parser)
  const other = tokens.takeOneOf('DATABASE', 'SCHEMA', 'VIEW', 'STAGE', 'USER', 'ROLE')
  const what = other === undefined ? (tokens.takeWords('FILE', 'FORMAT') ? 'file_format' : undefined) : OTHERS[other]
  if (what === undefined) throw tokens.unknown(`ALTER ${tokens.peek().value}`, start)
  const head = alterHead(parser)
  if (tokens.takeWords('RENAME', 'TO')) {
    return { ...head, what, action: { type: 'rename', to: parser.qualifiedName() } }
  }
  return { ...head, what, action: setOrUnset(parser) }
}

function alterHead(parser: QueryParser): Pick<AlterStatement, 'type' | 'ifExists' | 'parts'> {
  const ifExists = parser.tokens.takeWords('IF', 'EXISTS')
  return { type: 'alter', ifExists, parts: parser.qualifiedName() }
}

function setOrUnset(
  parser: QueryParser,
): { type: 'set'; options: ReturnType<typeof parseOptions> } | { type: 'unset'; names: string[] } {
  const { tokens } = parser
  if (tokens.takeWords('UNSET')) return { type: 'unset', names: tokens.list(() => parser.name()) }
  tokens.expectWords('SET')
  if (tokens.isWord('TAG')) throw tokens.unknown('tags')
  const options = parseOptions(tokens)
  if (options.size === 0) throw tokens.unexpected()
  return { type: 'set', options }
}

function alterSession(parser: QueryParser): Statement {
  const action = setOrUnset(parser)
  if (action.type === 'unset') return { type: 'set_parameters', set: new Map(), unset: action.names }
  const set = new Map([...action.options].map(([name, value]) => [name, String(value)]))
  return { type: 'set_parameters', set, unset: [] }
}

function alterWarehouse(parser: QueryParser): AlterStatement {
  const { tokens } = parser
  const ifExists = tokens.takeWords('IF', 'EXISTS')
  // Without a name, ALTER WAREHOUSE means the session's.
  const parts = tokens.isWord('SUSPEND', 'RESUME', 'SET', 'UNSET', 'RENAME', 'ABORT') ? [] : parser.qualifiedName()
  const head = { type: 'alter', what: 'warehouse', ifExists, parts } as const
  if (tokens.takeWords('SUSPEND')) return { ...head, action: { type: 'suspend' } }
  if (tokens.takeWords('RESUME')) {
    return { ...head, action: { type: 'resume', ifSuspended: tokens.takeWords('IF', 'SUSPENDED') } }
  }
  if (tokens.takeWords('ABORT', 'ALL', 'QUERIES')) return { ...head, action: { type: 'abort_all_queries' } }
  if (tokens.takeWords('RENAME', 'TO')) return { ...head, action: { type: 'rename', to: parser.name() } }
  return { ...head, action: setOrUnset(parser) }
}

function tableAction(parser: QueryParser): TableActionText {
  const { tokens } = parser
  if (tokens.takeWords('RENAME', 'TO')) return { type: 'rename', parts: parser.qualifiedName() }
  if (tokens.takeWords('SWAP', 'WITH')) return { type: 'swap', parts: parser.qualifiedName() }
  if (tokens.takeWords('RENAME')) {
    tokens.takeWords('COLUMN')
    const from = parser.name()
    tokens.expectWords('TO')
    return { type: 'rename_column', from, to: parser.name() }
  }
  if (tokens.takeWords('CLUSTER', 'BY')) return { type: 'cluster_by', expression: parenthesizedText(parser) }
  if (tokens.takeWords('SUSPEND', 'RECLUSTER')) return { type: 'recluster', resume: false }
  if (tokens.takeWords('RESUME', 'RECLUSTER')) return { type: 'recluster', resume: true }
  if (tokens.takeWords('ADD')) return addAction(parser)
  if (tokens.takeWords('DROP')) return dropAction(parser)
  if (tokens.isWord('ALTER', 'MODIFY')) {
    tokens.next()
    return { type: 'alter_columns', changes: columnChanges(parser) }
  }
  return setOrUnset(parser)
}

function addAction(parser: QueryParser): TableActionText {
  const { tokens } = parser
  const constraint = parseConstraint(parser)
  if (constraint !== undefined) return { type: 'add_constraint', constraint }
  tokens.takeWords('COLUMN')
  const ifNotExists = tokens.takeWords('IF', 'NOT', 'EXISTS')
  const constraints: TableConstraint[] = []
  const columns: ColumnText[] = []
  do {
    tokens.takeWords('COLUMN')
    columns.push(parseColumn(parser, constraints))
  } while (tokens.takeSymbol(','))
  if (constraints.length > 0) throw tokens.unknown('a constraint on a column that ALTER TABLE adds')
  return { type: 'add_columns', ifNotExists, columns }
}

function dropAction(parser: QueryParser): TableActionText {
  const { tokens } = parser
  if (tokens.takeWords('CLUSTERING', 'KEY')) return { type: 'cluster_by', expression: undefined }
  if (tokens.takeWords('PRIMARY', 'KEY')) return { type: 'drop_constraint', constraint: 'PRIMARY KEY', name: undefined }
  if (tokens.takeWords('CONSTRAINT')) return { type: 'drop_constraint', constraint: 'CONSTRAINT', name: parser.name() }
  tokens.takeWords('COLUMN')
  const ifExists = tokens.takeWords('IF', 'EXISTS')
  return { type: 'drop_columns', ifExists, names: tokens.list(() => parser.name()) }
}

/** `COLUMN a SET DATA TYPE …, COLUMN b DROP NOT NULL`, with or without parentheses. */
function columnChanges(parser: QueryParser): ColumnChange[] {
  const { tokens } = parser
  if (tokens.isSymbol('(')) return tokens.parenthesized(() => columnChange(parser))
  return tokens.list(() => columnChange(parser))
}

function columnChange(parser: QueryParser): ColumnChange {
  const { tokens } = parser
  tokens.takeWords('COLUMN')
  const column = parser.name()
  if (tokens.takeWords('DROP', 'NOT', 'NULL')) return { type: 'not_null', column, notNull: false }
  if (tokens.takeWords('DROP', 'DEFAULT')) return { type: 'drop_default', column }
  if (tokens.takeWords('UNSET', 'COMMENT')) return { type: 'comment', column, comment: undefined }
  if (tokens.takeWords('COMMENT')) return { type: 'comment', column, comment: tokens.expectString() }
  if (tokens.takeWords('SET', 'NOT', 'NULL') || tokens.takeWords('NOT', 'NULL')) {
    return { type: 'not_null', column, notNull: true }
  }
  if (tokens.isWord('SET') && tokens.peek(1).value === 'DEFAULT') throw tokens.unknown('SET DEFAULT of a column')
  tokens.takeWords('SET')
  tokens.takeWords('DATA')
  if (!tokens.takeWords('TYPE') && tokens.isWord('MASKING', 'TAG')) throw tokens.unknown('policies and tags')
  return { type: 'data_type', column, dataType: parser.dataType() }
}
