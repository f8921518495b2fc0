/** A configuration that is a value of TypeScript → a tree, as if it had been read from a file. */
import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PipelineError } from '../core/errors.ts'
import { ConfigTree, type KeyPath, type TreeEntry } from './config-tree.ts'

export function isModuleFile(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file)
}

/** The default export of a module; Node.js strips types. Throws `config_invalid`. */
export async function importConfig(file: string): Promise<unknown> {
  const absolute = resolve(file)
  try {
    // A module is loaded once per address; one that has changed is another one. Loaders look at how the address ends.
    const { mtimeMs } = await stat(absolute)
    const module: unknown = await import(`${pathToFileURL(absolute).href}?at=${mtimeMs}${extname(absolute)}`)
    if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  } catch (error) {
    throw new PipelineError('config_invalid', `Reading ${file}`, {
      cause: reasonOf(error),
      hint: hintFor(error),
      context: { file },
    })
  }
  throw new PipelineError('config_invalid', `Reading ${file}`, {
    cause: new Error('it has no default export'),
    hint: "Make the configuration its default export: defineConfig({ version: 1, … }), with defineConfig from 'simplyload'",
    context: { file },
  })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function reasonOf(error: unknown): unknown {
  return codeOf(error) === 'ENOENT' ? new Error('there is no such file') : error
}

function hintFor(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'Write one with `simplyload init`, or name another one with --config FILE'
    case 'ERR_MODULE_NOT_FOUND':
      return 'Install what it imports beside it: npm install simplyload'
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return 'Node.js strips types and nothing else: no enum, no namespace, no parameter properties'
    default:
      return 'The module must load by itself: node FILE'
  }
}

const ENTRY: TreeEntry = { key: { kind: 'module' }, value: { kind: 'module' }, variables: [], retype: false }

/** Copies mappings, lists and plain values. A key whose value is undefined is as if it were not there. */
export function treeOf(value: unknown): ConfigTree {
  const tree = new ConfigTree()
  take(tree, [], value, [])
  return tree
}

function take(tree: ConfigTree, path: KeyPath, value: unknown, around: readonly unknown[]): void {
  if (around.includes(value)) return
  if (Array.isArray(value)) {
    tree.set(path, [], ENTRY)
    for (const [index, item] of value.entries()) take(tree, [...path, index], item, [...around, value])
  } else if (isMapping(value)) {
    tree.set(path, {}, ENTRY)
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined && key !== '__proto__') take(tree, [...path, key], item, [...around, value])
    }
  } else {
    tree.set(path, value, ENTRY)
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
