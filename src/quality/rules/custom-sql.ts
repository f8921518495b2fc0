/**
 * What people write as SQL in a rule, read before anything runs. A rule may look at the rows of the file and at nothing else: one
 * expression, or one SELECT from `file`. Whatever would change data, read other files or run more than one statement is refused,
 * and what is wrong is told with its place.
 */
import { nearest } from '../../core/nearest.ts'

/** `json_serialize_sql` of DuckDB: its text for a statement. */
export type SerializeSql = (sql: string) => Promise<string>

/** What is wrong with it, for people; undefined: nothing. */
export interface SqlProblem {
  readonly message: string
  /** In the person's SQL, from 1; undefined: the whole of it. */
  readonly place: { readonly line: number; readonly column: number } | undefined
}

type Node = Readonly<Record<string, unknown>>

const BEFORE = 'SELECT (\n'
const AFTER = '\n) FROM file'
/** Without brackets of our own, which a person's could close. */
const BARE_BEFORE = 'SELECT\n'
const BARE_AFTER = '\nFROM file'
/** Table functions that read nothing. */
const HARMLESS_FUNCTIONS: readonly string[] = ['range', 'generate_series', 'unnest']
const CHANGES =
  /^\s*(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|COPY|ATTACH|DETACH|INSTALL|LOAD|SET|RESET|PRAGMA|CALL|EXPORT|IMPORT|VACUUM|CHECKPOINT|USE|GRANT|REVOKE|BEGIN|COMMIT|ROLLBACK|EXECUTE|PREPARE)\b/i

export async function inspectCondition(sql: string, serialize: SerializeSql): Promise<SqlProblem | undefined> {
  const refused = changing(sql)
  if (refused !== undefined) return refused
  const bare = await parse(BARE_BEFORE + sql + BARE_AFTER, serialize)
  if ('message' in bare) return unreadable(sql, bare, BARE_BEFORE.length)
  const parsed = await parse(BEFORE + sql + AFTER, serialize)
  if ('message' in parsed) return unreadable(sql, parsed, BEFORE.length)
  const [statement, ...others] = parsed.statements
  const node = asNode(asNode(statement)?.node)
  const list = asList(node?.select_list)
  const from = asNode(node?.from_table)
  const isWhole =
    others.length === 0 &&
    list.length === 1 &&
    node?.where_clause === null &&
    asList(node?.group_expressions).length === 0 &&
    from?.type === 'BASE_TABLE' &&
    from.table_name === 'file'
  if (!isWhole) return { message: 'it is more than one expression', place: undefined }
  for (const [kind, what] of [
    ['SUBQUERY', 'a subquery'],
    ['WINDOW', 'a window function'],
    ['STAR', '*'],
  ] as const) {
    const found = findClass(list[0], kind)
    if (found === undefined) continue
    const message = `${what} looks at more than one row: write a query that returns the bad rows`
    return { message, place: placeIn(sql, locationOf(found) - BEFORE.length) }
  }
  return undefined
}

export async function inspectQuery(sql: string, serialize: SerializeSql): Promise<SqlProblem | undefined> {
  const refused = changing(sql)
  if (refused !== undefined) return refused
  const parsed = await parse(sql, serialize)
  if ('message' in parsed) return { message: parsed.message, place: placeIn(sql, parsed.offset) }
  if (parsed.statements.length !== 1) return { message: 'it is more than one statement', place: undefined }
  const own = cteNames(parsed.statements[0])
  if (own.includes('file')) return { message: 'it calls a part of its own `file`, which is the rows', place: undefined }
  const names = new Set(['file', ...own])
  let readsFile = false
  for (const table of tablesOf(parsed.statements[0])) {
    const place = placeIn(sql, locationOf(table))
    if (table.type === 'TABLE_FUNCTION') {
      const name = String(asNode(table.function)?.function_name ?? '').toLowerCase()
      if (HARMLESS_FUNCTIONS.includes(name)) continue
      return { message: `it may not call ${name}(): a rule reads nothing but \`file\``, place }
    }
    const name = String(table.table_name ?? '')
    const isPlain = table.schema_name === '' && table.catalog_name === ''
    readsFile ||= isPlain && name.toLowerCase() === 'file'
    if (isPlain && names.has(name.toLowerCase())) continue
    return { message: `it may not read "${name}": a rule reads nothing but \`file\``, place }
  }
  return readsFile
    ? undefined
    : { message: 'it does not read `file`, so it asks nothing of the rows', place: undefined }
}

/**
 * What DuckDB says when it binds the SQL of a person, with the place of the name that it does not know. `columns`: those that
 * there are.
 */
export function bindingProblem(sql: string, error: unknown, columns: readonly string[]): SqlProblem {
  const [text = ''] = String(error instanceof Error ? error.message : error).split('\n')
  const lost = /column "([^"]+)" not found/.exec(text)?.[1]
  const called = /Function with name "?([^\s"]+)"? does not exist/.exec(text)?.[1]
  const name = lost ?? called
  const at = name === undefined ? -1 : sql.toLowerCase().indexOf(name.toLowerCase())
  const place = at < 0 ? undefined : placeIn(sql, at)
  if (called !== undefined) return { message: `there is no function ${called}()`, place }
  if (lost === undefined) return { message: text.replace(/^(?:[A-Z]\w* )*Error: /, '').replace(/!$/, ''), place }
  const meant = nearest(lost, columns)
  return { message: `there is no column "${lost}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`, place }
}

/** What DuckDB says of an aggregate where one row is asked. */
export function isAggregateError(error: unknown): boolean {
  return /GROUP BY clause|aggregate function calls cannot/i.test(String(error instanceof Error ? error.message : error))
}

/** `line 2, column 14: …` */
export function describeProblem({ message, place }: SqlProblem): string {
  return place === undefined ? message : `line ${place.line}, column ${place.column}: ${message}`
}

function changing(sql: string): SqlProblem | undefined {
  const [word] = CHANGES.exec(sql) ?? []
  if (word === undefined) return undefined
  return {
    message: `it begins with ${word.trim().toUpperCase()}: a rule only reads`,
    place: { line: 1, column: word.length - word.trim().length + 1 },
  }
}

/** A place behind the person's SQL is its end: something is missing there. */
function unreadable(
  sql: string,
  { message, offset }: { readonly message: string; readonly offset: number },
  before: number,
): SqlProblem {
  if (offset - before <= sql.length) return { message, place: placeIn(sql, offset - before) }
  return { message: 'it ends too early: something is missing', place: placeIn(sql, sql.trimEnd().length) }
}

async function parse(
  sql: string,
  serialize: SerializeSql,
): Promise<{ readonly statements: readonly unknown[] } | { readonly message: string; readonly offset: number }> {
  const answer = JSON.parse(await serialize(sql)) as Node
  if (answer.error !== true) return { statements: asList(answer.statements) }
  const message = String(answer.error_message ?? 'it cannot be read')
  const readable = /only select/i.test(message) ? 'it is no SELECT: a rule only reads' : message
  return { message: readable, offset: answer.position === undefined ? -1 : Number(answer.position) }
}

function cteNames(value: unknown): readonly string[] {
  const found: string[] = []
  walk(value, (node) => {
    for (const entry of asList(asNode(node.cte_map)?.map)) found.push(String(asNode(entry)?.key ?? '').toLowerCase())
  })
  return found
}

function tablesOf(value: unknown): readonly Node[] {
  const found: Node[] = []
  walk(value, (node) => {
    if (node.type === 'BASE_TABLE' || node.type === 'TABLE_FUNCTION') found.push(node)
  })
  return found
}

function findClass(value: unknown, wanted: string): Node | undefined {
  let found: Node | undefined
  walk(value, (node) => {
    if (found === undefined && node.class === wanted) found = node
  })
  return found
}

function walk(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, see)
  const node = asNode(value)
  if (node === undefined) return
  see(node)
  for (const item of Object.values(node)) walk(item, see)
}

function locationOf(node: Node): number {
  const location = Number(node.query_location)
  return Number.isSafeInteger(location) ? location : -1
}

/** Undefined for a place that is not in it. */
function placeIn(sql: string, offset: number): SqlProblem['place'] {
  if (!(offset >= 0 && offset <= sql.length)) return undefined
  const before = sql.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

function asNode(value: unknown): Node | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : undefined
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
