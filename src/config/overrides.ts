/**
 * Keys that the environment and the command line override: `SIMPLYLOAD_SYNC__BATCH__ROWS=5000`, `--set sync.batch.rows=5000`.
 *
 * In names of variables a double underscore stands for the dot, case does not count, and what is no letter or digit is an
 * underscore. As keys and names of sources may have underscores themselves, a name is matched against the keys that there
 * are, the longest first, and not cut blindly.
 */
import type { z } from 'zod'
import { nearest } from '../core/nearest.ts'
import type { ConfigTree, KeyPath, TreeEntry } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { alternativesFor, below, knownKeys, takesAnyKey } from './schema-walk.ts'
import type { Environment } from './substitution.ts'

type Schema = z.core.$ZodType

const PREFIX = 'SIMPLYLOAD_'

/**
 * `referenced`: variables that the file uses as `${…}`; they are no overrides. `version` belongs to the file, and images
 * often have a variable SIMPLYLOAD_VERSION with another meaning.
 */
export function applyEnvironment(
  schema: Schema,
  tree: ConfigTree,
  environment: Environment,
  referenced: ReadonlySet<string>,
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [name, value] of Object.entries(environment).toSorted()) {
    if (value === undefined || !name.toUpperCase().startsWith(PREFIX) || referenced.has(name)) continue
    const origin = { kind: 'variable', name } as const
    const found = resolveName(schema, tree.root, name.slice(PREFIX.length).toUpperCase())
    if (found.path !== undefined) {
      if (found.path[0] === 'version') continue
      const entry: TreeEntry = { key: origin, value: origin, variables: [name], retype: true }
      if (!tree.set(found.path, value, entry)) problems.push({ path: found.path, origin, message: IN_THE_WAY })
    } else if (name.includes('__')) {
      // Without a double underscore it may mean anything: SIMPLYLOAD_SHOP_URL for use as ${SIMPLYLOAD_SHOP_URL}.
      const suggestion = nearest(found.rest.toLowerCase(), found.known)
      problems.push({ path: found.at, origin, message: unknownKey(found.rest.toLowerCase(), suggestion, found.known) })
    }
  }
  return problems
}

/** Each `a.b.c=value`; the last one for a key counts. */
export function applyArguments(tree: ConfigTree, settings: readonly string[]): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const key = equals < 0 ? setting : setting.slice(0, equals)
    const origin = { kind: 'argument', key } as const
    const path = key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
    if (equals < 1 || path.includes('')) {
      problems.push({ path: [], origin, message: 'must look like sync.interval=1s' })
      continue
    }
    const entry: TreeEntry = { key: origin, value: origin, variables: [], retype: true }
    if (!tree.set(path, setting.slice(equals + 1), entry)) problems.push({ path, origin, message: IN_THE_WAY })
  }
  return problems
}

const IN_THE_WAY = 'cannot be set, as the file has something there that has no keys'

/** The message for a key that no schema takes. */
export function unknownKey(key: string, suggestion: string | undefined, known: readonly string[]): string {
  const help = suggestion === undefined ? `known here: ${known.join(', ') || 'none'}` : `did you mean ${suggestion}?`
  return `unknown key ${key}, ${help}`
}

type Resolution =
  | { readonly path: KeyPath }
  | { readonly path?: undefined; readonly at: KeyPath; readonly rest: string; readonly known: readonly string[] }

function resolveName(root: Schema, rootValue: unknown, name: string): Resolution {
  let rest = name
  let value = rootValue
  let schemas = alternativesFor([root], value)
  const path: (string | number)[] = []
  while (true) {
    const known = [...knownKeys(schemas), ...(takesAnyKey(schemas) ? keysOf(value) : [])]
    const key = keyAtStart(rest, known) ?? newKey(rest, schemas, value)
    if (key === undefined) {
      const [segment = ''] = rest.split('__')
      return { at: path, rest: segment, known }
    }
    path.push(key)
    if (rest.length === variablePart(key).length) return { path }
    rest = rest.slice(variablePart(key).length + 2)
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
    schemas = alternativesFor(below(schemas, key), value)
  }
}

function keyAtStart(rest: string, known: readonly string[]): string | undefined {
  const matching = known.filter((key) => rest === variablePart(key) || rest.startsWith(`${variablePart(key)}__`))
  return matching.toSorted((a, b) => b.length - a.length)[0]
}

/** A name of the user's choice that the file does not have yet, or an index. */
function newKey(rest: string, schemas: readonly Schema[], value: unknown): string | number | undefined {
  const [segment = ''] = rest.split('__')
  if (segment === '') return undefined
  if (takesAnyKey(schemas)) return segment.toLowerCase()
  return /^\d+$/.test(segment) && (Array.isArray(value) || below(schemas, 0).length > 0) ? Number(segment) : undefined
}

function variablePart(key: string | number): string {
  return String(key)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_')
}

function keysOf(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}
