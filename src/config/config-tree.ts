/** What the file, the environment and the command line say, before it is checked: a tree of values, each with its origin. */

/** Keys of mappings and indexes of lists, from the root. */
export type KeyPath = readonly (string | number)[]

/** Where a value was written. Lines and columns from 1. */
export type Origin =
  | { readonly kind: 'file'; readonly line: number; readonly column: number }
  | { readonly kind: 'variable'; readonly name: string }
  /** A value of TypeScript: what it was made of is not known, so it is not shown. */
  | { readonly kind: 'module' }
  /** `key` as it was typed after `--set`. */
  | { readonly kind: 'argument'; readonly key: string }

export interface TreeEntry {
  /** Of the key, where there is one, else of the value. */
  readonly key: Origin
  readonly value: Origin
  /** Names of the environment variables that are part of the value: it is not shown. */
  readonly variables: readonly string[]
  /**
   * Text that stands for a number, a list or the like where the key wants one: what came from the environment or the
   * command line, which know only text.
   */
  readonly retype: boolean
}

type Mapping = Record<string, unknown>

export class ConfigTree {
  root: unknown = undefined
  readonly #entries = new Map<string, TreeEntry>()

  /** Replaces what was at `path`. Missing mappings above are made; false where something else is in the way. */
  set(path: KeyPath, value: unknown, entry: TreeEntry): boolean {
    const parent = this.#parentFor(path, entry)
    if (parent === undefined) return false
    this.#forget(path)
    this.#entries.set(idOf(path), entry)
    const key = path.at(-1)
    if (key === undefined) this.root = value
    else if (Array.isArray(parent) && typeof key === 'number') parent[key] = value
    else (parent as Mapping)[key] = value
    return true
  }

  /** Like `set`, for a value that is there already. */
  replace(path: KeyPath, value: unknown): void {
    const entry = this.entry(path)
    if (entry !== undefined) this.set(path, value, { ...entry, retype: false })
  }

  get(path: KeyPath): unknown {
    let value = this.root
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
      value = (value as Mapping)[key]
    }
    return value
  }

  entry(path: KeyPath): TreeEntry | undefined {
    return this.#entries.get(idOf(path))
  }

  /** The entry of `path`, or of the nearest value around it. */
  nearestEntry(path: KeyPath): TreeEntry | undefined {
    for (let length = path.length; length >= 0; length--) {
      const entry = this.entry(path.slice(0, length))
      if (entry !== undefined) return entry
    }
    return undefined
  }

  #parentFor(path: KeyPath, entry: TreeEntry): Mapping | unknown[] | undefined {
    if (path.length === 0) return {}
    const parentPath = path.slice(0, -1)
    const parent = this.get(parentPath)
    if (Array.isArray(parent)) {
      const index = path.at(-1)
      return typeof index === 'number' && index <= parent.length ? parent : undefined
    }
    if (typeof parent === 'object' && parent !== null) return parent as Mapping
    if (parent !== undefined && parent !== null) return undefined
    const made: Mapping = {}
    return this.set(parentPath, made, { ...entry, retype: false }) ? made : undefined
  }

  #forget(path: KeyPath): void {
    const id = idOf(path)
    const below = `${id.slice(0, -1)}${path.length === 0 ? '' : ','}`
    for (const known of this.#entries.keys()) if (known.startsWith(below)) this.#entries.delete(known)
  }
}

function idOf(path: KeyPath): string {
  return JSON.stringify(path)
}

/** `sources.shop.tables[0].name`, as messages show it. */
export function formatPath(path: KeyPath): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else if (!/^[\w-]+$/.test(key)) text += `[${JSON.stringify(key)}]`
    else text += text === '' ? key : `.${key}`
  }
  return text
}
