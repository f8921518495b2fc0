/** Which table of the destination a table of a source goes to: the `naming` template, and `target` where it is given. */
import { PipelineError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { qualifiedTableName, type TableId } from '../core/table-schema.ts'

export const NAMING_DEFAULT = '{source}_{namespace}.{table}'

const PLACEHOLDERS = ['source', 'namespace', 'table'] as const

/** Schema of checkpoints, quarantine and staging tables; see the destinations. */
const OWN_NAMESPACE = '_simplyload'

/** Templates: of the schema and of the table, and of the database where it is another one than the destination's. */
export interface Naming {
  readonly database?: string | undefined
  readonly namespace: string
  readonly name: string
}

export interface TargetName {
  readonly database?: string | undefined
  readonly namespace: string
  readonly name: string
}

/** Completes the sentence "naming …"; undefined for a template that `parseNaming` takes. */
export function namingProblem(text: string): string | undefined {
  if (/\{database\}/.test(text))
    return 'must be schema.table, in the database of `destination`, or database.schema.table with the name of another one'
  for (const [, placeholder = ''] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (PLACEHOLDERS.some((known) => known === placeholder)) continue
    const suggestion = nearest(placeholder, PLACEHOLDERS)
    const known = PLACEHOLDERS.map((name) => `{${name}}`).join(', ')
    return `has the unknown placeholder {${placeholder}}${suggestion === undefined ? '' : `, did you mean {${suggestion}}?`} (known: ${known})`
  }
  const literal = text.replace(/\{[^{}]*\}/g, 'x')
  if (/[{}"]/.test(literal)) return 'must have braces around placeholders only, and no quotes'
  if (!/^([^.]+\.)?[^.]+\.[^.]+$/.test(literal))
    return `must be schema.table or database.schema.table, such as ${NAMING_DEFAULT}`
  return undefined
}

/** Throws a RangeError for a template that `namingProblem` finds fault with. */
export function parseNaming(text: string): Naming {
  if (namingProblem(text) !== undefined) throw new RangeError(`naming ${namingProblem(text)}`)
  // The names of placeholders have no dots.
  const [name = '', namespace = '', database] = text.split('.').reverse()
  return { ...(database === undefined ? {} : { database }), namespace, name }
}

/** `target` as in the file: `schema.table`, `database.schema.table`, or `table` alone in the schema that the template gives. */
export function targetName(naming: Naming, table: TableId, target?: string): TargetName {
  const namespace = fill(naming.namespace, table)
  const database = naming.database === undefined ? {} : { database: fill(naming.database, table) }
  if (target === undefined) return { ...database, namespace, name: fill(naming.name, table) }
  const parsed = parseTarget(target)
  if (parsed === undefined) {
    throw new PipelineError('config_invalid', `Naming the target of ${qualifiedTableName(table)}`, {
      cause: new Error(`"${target}" is not the name of a table`),
      hint: 'Write database.schema.table, schema.table or table; "schema"."table" where a name contains dots or quotes',
      context: { table: qualifiedTableName(table) },
    })
  }
  const own = parsed.database === undefined ? database : { database: parsed.database }
  return { ...own, namespace: parsed.namespace ?? namespace, name: parsed.name }
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
    const parts = [...(assigned.database === undefined ? [] : [assigned.database]), assigned.namespace, assigned.name]
    const shown = parts.join('.')
    if (assigned.namespace.toLowerCase() === OWN_NAMESPACE) {
      throw new PipelineError('config_invalid', `Naming the target of ${qualifiedTableName(table)}`, {
        cause: new Error(`the schema ${OWN_NAMESPACE} is kept for checkpoints`),
        hint: 'Choose another schema in `naming` or as `target`',
        context: { table: qualifiedTableName(table) },
      })
    }
    const key = JSON.stringify(parts.map((part) => part.toLowerCase()))
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
const TARGET = new RegExp(`^(?:(?:(?:${PART})\\.)?(?:${PART})\\.)?(?:${PART})$`)

interface WrittenTarget {
  readonly database: string | undefined
  readonly namespace: string | undefined
  readonly name: string
}

function parseTarget(text: string): WrittenTarget | undefined {
  const match = TARGET.exec(text)
  if (match === null) return undefined
  const part = (quoted: number) => match[quoted]?.replaceAll('""', '"') ?? match[quoted + 1]
  return { database: part(1), namespace: part(3), name: part(5) ?? '' }
}

/** What a configuration says of databases, whatever its connectors. */
export interface DatabaseKeys {
  readonly naming: Naming
  readonly sources: Readonly<Record<string, { readonly tables?: readonly { readonly target?: string | undefined }[] }>>
}

/** `destination`: its type. `several`: the types that have more than one database. */
export function databaseProblems(
  { naming, sources }: DatabaseKeys,
  destination: string,
  several: readonly string[],
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  if (several.includes(destination)) return []
  const message = `must be without a database: ${destination} has one only`
  const ofTables = Object.entries(sources).flatMap(([name, { tables = [] }]) =>
    tables.flatMap(({ target }, index) =>
      target === undefined || parseTarget(target)?.database === undefined
        ? []
        : [{ path: ['sources', name, 'tables', index, 'target'], message }],
    ),
  )
  return [...(naming.database === undefined ? [] : [{ path: ['naming'], message }]), ...ofTables]
}
