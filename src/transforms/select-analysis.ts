/**
 * Which columns of `batch` each column of a SELECT depends on, as far as its form tells.
 *
 * It matters for changes that do not carry all values: what depends on none of the missing ones is right as it is, what
 * depends on missing ones alone has not changed, and only for the rest the row must be asked for. A form that is not
 * understood counts as depending on everything.
 */

/** Column names of `batch`. Undefined: on all of them. */
export type Dependencies = ReadonlySet<string> | undefined

export interface SelectAnalysis {
  /** By place in the result. Undefined: nothing is known. */
  readonly columns: readonly Dependencies[] | undefined
  /** Whether a row is left out. */
  readonly filter: Dependencies
  /** Names of functions that are called. */
  readonly functions: ReadonlySet<string>
}

type Node = Readonly<Record<string, unknown>>

const NOTHING: ReadonlySet<string> = new Set()

/** `statement`: what `json_serialize_sql` gives for one SELECT. `names`: the columns of `batch`, in their order. */
export function analyzeSelect(statement: unknown, names: readonly string[]): SelectAnalysis {
  const functions = new Set<string>()
  collectFunctions(statement, functions, new Set(names.map(folded)))
  const unknown: SelectAnalysis = { columns: undefined, filter: undefined, functions }
  const node = isNode(statement) ? statement.node : undefined
  if (!isNode(node) || !isPlainSelect(node)) return unknown
  const expanded = list(node.select_list).map((item) => expand(item, names))
  const columns: Dependencies[] = []
  for (const part of expanded) {
    if (part === undefined) return unknown
    columns.push(...part)
  }
  const filter = node.where_clause === null ? NOTHING : dependenciesOf(node.where_clause, names)
  return { columns, filter, functions }
}

/** One row of `batch` gives at most one row, of expressions over it. */
function isPlainSelect(node: Node): boolean {
  const from = node.from_table
  const isBatch =
    isNode(from) && from.type === 'BASE_TABLE' && folded(from.table_name) === 'batch' && from.schema_name === ''
  const ctes = isNode(node.cte_map) ? list(node.cte_map.map) : [0]
  const extra = [node.group_expressions, node.group_sets, node.modifiers].flatMap(list)
  return (
    node.type === 'SELECT_NODE' &&
    isBatch &&
    isNode(from) &&
    list(from.column_name_alias).length === 0 &&
    ctes.length === 0 &&
    extra.length === 0 &&
    [node.having, node.qualify, node.sample, from.sample].every((part) => part === null || part === undefined)
  )
}

/** A star is many columns. Undefined: a form that is not understood. */
function expand(item: unknown, names: readonly string[]): readonly Dependencies[] | undefined {
  if (!isNode(item) || item.class !== 'STAR') return [dependenciesOf(item, names)]
  if (item.columns === true || item.expr !== null || list(item.qualified_exclude_list).length > 0) return undefined
  const excluded = new Set(list(item.exclude_list).map(folded))
  const replaced = new Map(
    list(item.replace_list).flatMap((each) => (isNode(each) ? [[folded(each.key), each.value]] : [])),
  )
  return names
    .filter((name) => !excluded.has(folded(name)))
    .map((name) => (replaced.has(folded(name)) ? dependenciesOf(replaced.get(folded(name)), names) : new Set([name])))
}

function dependenciesOf(expression: unknown, names: readonly string[]): Dependencies {
  const found = new Set<string>()
  return collectColumns(expression, names, found) ? found : undefined
}

/** False where something in it is not understood. */
function collectColumns(value: unknown, names: readonly string[], found: Set<string>): boolean {
  if (Array.isArray(value)) return value.every((item) => collectColumns(item, names, found))
  if (!isNode(value)) return true
  if (value.class === 'SUBQUERY' || value.class === 'STAR' || value.class === 'LAMBDA' || value.class === 'WINDOW')
    return false
  if (value.class === 'COLUMN_REF') {
    const parts = list(value.column_names).map(folded)
    // `b.name` may be a column of a relation or a field of a column: both count, as one too many does no harm.
    const meant = names.filter((each) => parts.includes(folded(each)))
    for (const name of meant) found.add(name)
    return meant.length > 0
  }
  return Object.values(value).every((item) => collectColumns(item, names, found))
}

/** `current_date` and its like stand as columns; they are functions where no column has that name. */
function collectFunctions(value: unknown, found: Set<string>, columns: ReadonlySet<string>): void {
  if (Array.isArray(value)) for (const item of value) collectFunctions(item, found, columns)
  if (!isNode(value)) return
  if (value.class === 'FUNCTION' || value.class === 'WINDOW') found.add(folded(value.function_name))
  const [first, ...rest] = value.class === 'COLUMN_REF' ? list(value.column_names).map(folded) : []
  if (first !== undefined && rest.length === 0 && !columns.has(first)) found.add(first)
  for (const item of Object.values(value)) collectFunctions(item, found, columns)
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function folded(value: unknown): string {
  return String(value).toLowerCase()
}
