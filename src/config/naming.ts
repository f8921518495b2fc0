/** Which table of the destination a table of a source goes to: the `naming` template, and `target` where it is given. */
import { PipelineError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { qualifiedTableName, type TableId } from '../core/table-schema.ts'

export const NAMING_DEFAULT = '{source}_{namespace}.{table}'

const PLACEHOLDERS = ['source', 'namespace', 'table'] as const

/** Schema of checkpoints, quarantine and staging tables; see the destinations. */
const OWN_NAMESPACE = '_simplyload'

/** Two templates: of the schema, and of the table. */
export interface Naming {
  readonly namespace: string
  readonly name: string
}

export interface TargetName {
  readonly namespace: string
  readonly name: string
}

/** Completes the sentence "naming …"; undefined for a template that `parseNaming` takes. */
export function namingProblem(text: string): string | undefined {
  if (/\{database\}/.test(text)) return 'must be schema.table with one dot: the database is that of `destination`'
  for (const [, placeholder = ''] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (PLACEHOLDERS.some((known) => known === placeholder)) continue
    const suggestion = nearest(placeholder, PLACEHOLDERS)
    const known = PLACEHOLDERS.map((name) => `{${name}}`).join(', ')
    return `has the unknown placeholder {${placeholder}}${suggestion === undefined ? '' : `, did you mean {${suggestion}}?`} (known: ${known})`
  }
  const literal = text.replace(/\{[^{}]*\}/g, 'x')
  if (/[{}"]/.test(literal)) return 'must have braces around placeholders only, and no quotes'
  if (!/^[^.]+\.[^.]+$/.test(literal)) return `must be schema.table with one dot, such as ${NAMING_DEFAULT}`
  return undefined
}

/** Throws a RangeError for a template that `namingProblem` finds fault with. */
export function parseNaming(text: string): Naming {
  if (namingProblem(text) !== undefined) throw new RangeError(`naming ${namingProblem(text)}`)
  // The names of placeholders have no dots.
  const [namespace = '', name = ''] = text.split('.')
  return { namespace, name }
}

/** `target` as in the file: `schema.table`, or `table` alone in the schema that the template gives. */
export function targetName(naming: Naming, table: TableId, target?: string): TargetName {
  const namespace = fill(naming.namespace, table)
  if (target === undefined) return { namespace, name: fill(naming.name, table) }
  const parsed = parseTarget(target)
  if (parsed === undefined) {
    throw new PipelineError('config_invalid', `Naming the target of ${qualifiedTableName(table)}`, {
      cause: new Error(`"${target}" is not the name of a table`),
      hint: 'Write schema.table or table; "schema"."table" where a name contains dots or quotes',
      context: { table: qualifiedTableName(table) },
    })
  }
  return { namespace: parsed.namespace ?? namespace, name: parsed.name }
}

export interface TargetRequest {
  readonly table: TableId
  /** As in the file. */
  readonly target?: string | undefined
}

/**
 * Targets in the order of the requests. Throws `config_invalid` where two tables, or names that differ only by case,
 * which DuckDB does not tell apart, would share one target, and names both tables.
 */
export function assignTargets(naming: Naming, requests: readonly TargetRequest[]): readonly TargetName[] {
  const takenBy = new Map<string, TableId>()
  return requests.map(({ table, target }) => {
    const assigned = targetName(naming, table, target)
    const shown = `${assigned.namespace}.${assigned.name}`
    if (assigned.namespace.toLowerCase() === OWN_NAMESPACE) {
      throw new PipelineError('config_invalid', `Naming the target of ${qualifiedTableName(table)}`, {
        cause: new Error(`the schema ${OWN_NAMESPACE} is kept for checkpoints`),
        hint: 'Choose another schema in `naming` or as `target`',
        context: { table: qualifiedTableName(table) },
      })
    }
    const key = JSON.stringify([assigned.namespace.toLowerCase(), assigned.name.toLowerCase()])
    const other = takenBy.get(key)
    if (other !== undefined) {
      throw new PipelineError('config_invalid', `Naming the target of ${qualifiedTableName(table)}`, {
        cause: new Error(`${qualifiedTableName(other)} and ${qualifiedTableName(table)} would both be ${shown}`),
        hint: 'Give one of them a `target: schema.table`, or put {source} and {namespace} into `naming`',
        context: { table: qualifiedTableName(table), other: qualifiedTableName(other), target: shown },
      })
    }
    takenBy.set(key, table)
    return assigned
  })
}

function fill(template: string, table: TableId): string {
  return template.replace(/\{(source|namespace|table)\}/g, (_, placeholder: (typeof PLACEHOLDERS)[number]) =>
    placeholder === 'table' ? table.name : table[placeholder],
  )
}

// A part is quoted as in SQL, or plain text without dots and quotes.
const PART = '"((?:[^"]|"")+)"|([^".]+)'
const TARGET = new RegExp(`^(?:(?:${PART})\\.)?(?:${PART})$`)

function parseTarget(text: string): { readonly namespace: string | undefined; readonly name: string } | undefined {
  const match = TARGET.exec(text)
  if (match === null) return undefined
  const [, quotedNamespace, plainNamespace, quotedName, plainName = ''] = match
  return {
    namespace: quotedNamespace?.replaceAll('""', '"') ?? plainNamespace,
    name: quotedName?.replaceAll('""', '"') ?? plainName,
  }
}
