/** Reads `simplyload.yaml` or `simplyload.config.ts`, the environment and the command line once, into a typed and frozen configuration. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { z } from 'zod'
import { PipelineError } from '../core/errors.ts'
import type { ConfigTree, KeyPath } from './config-tree.ts'
import { expectation, problemsOf, unfold } from './issue-message.ts'
import { importConfig, isModuleFile, treeOf } from './module-file.ts'
import { applyArguments, applyEnvironment } from './overrides.ts'
import { type ConfigProblem, configError } from './problem.ts'
import { type Environment, substituteVariables, variablesIn } from './substitution.ts'
import { readYaml } from './yaml-file.ts'

type Schema = z.core.$ZodType

/** What is loaded is frozen, so its type is read-only on all levels. */
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export interface LoadRequest {
  /** As typed; absolute, or relative to the working folder. */
  readonly file: string
  readonly environment: Environment
  /** `a.b.c=value`, over environment and file. */
  readonly settings: readonly string[]
}

export interface LoadedConfig<Config> {
  /** Frozen, all levels. */
  readonly config: Config
  /** Absolute. Relative paths in the configuration start here. */
  readonly folder: string
}

/**
 * Precedence: command line, environment, `.env` beside the file, file. Throws `config_invalid`, or
 * `config_missing_variable` where nothing else is wrong; the cause has one line for each problem, and no secrets.
 */
export async function loadConfig<S extends Schema>(
  schema: S,
  request: LoadRequest,
): Promise<LoadedConfig<DeepReadonly<z.output<S>>>> {
  const { file } = request
  const folder = dirname(resolve(file))
  if (isModuleFile(file)) {
    const config = await parseConfig(schema, (await importConfig(file)) as z.input<S>, {
      ...request,
      name: file,
      folder,
    })
    return { config, folder }
  }
  const { tree, problems, readable } = await readYaml(readText(file))
  if (!readable) throw configError(file, problems)
  return { config: await complete(schema, tree, problems, { ...request, name: file, folder }), folder }
}

export interface ParseRequest {
  /** Stands for the configuration in messages. */
  readonly name: string
  /** Where a `.env` may be. */
  readonly folder: string
  readonly environment: Environment
  readonly settings: readonly string[]
}

/** The same for a configuration that is a value of TypeScript: `${VARIABLE}` in its texts, and what is over it. */
export async function parseConfig<S extends Schema>(
  schema: S,
  value: z.input<S>,
  request: ParseRequest,
): Promise<DeepReadonly<z.output<S>>> {
  return await complete(schema, treeOf(value), [], request)
}

async function complete<S extends Schema>(
  schema: S,
  tree: ConfigTree,
  problems: readonly ConfigProblem[],
  { name, folder, environment: given, settings }: ParseRequest,
): Promise<DeepReadonly<z.output<S>>> {
  const environment = { ...readDotEnv(folder), ...withoutAbsent(given) }
  const referenced = variablesIn(tree.root)
  const found = [
    ...problems,
    ...substituteVariables(tree, environment),
    ...applyEnvironment(schema, tree, environment, referenced),
    ...applyArguments(tree, settings),
  ]
  return await check(schema, tree, found, name)
}

async function check<S extends Schema>(
  schema: S,
  tree: ConfigTree,
  earlier: readonly ConfigProblem[],
  name: string,
): Promise<DeepReadonly<z.output<S>>> {
  let result = parse(schema, tree)
  if (!result.success && (await retype(tree, result.error.issues))) result = parse(schema, tree)
  const missing = earlier.filter((problem) => problem.missingVariable !== undefined)
  const problems = result.success ? [] : problemsOf(schema, tree, result.error.issues)
  const all = [...earlier, ...problems.filter((problem) => !missing.some((each) => follows(problem, each)))]
  if (!result.success || all.length > 0) throw configError(name, all)
  return freeze(result.data)
}

function parse<S extends Schema>(schema: S, tree: ConfigTree): z.ZodSafeParseResult<z.output<S>> {
  // Compiling a parser for one file costs more than it saves.
  const context = { error: expectation, jitless: true }
  return (schema as unknown as z.ZodType<z.output<S>>).safeParse(tree.root, context)
}

/** Reads text from the environment as YAML where the key takes no text. False where there is none. */
async function retype(tree: ConfigTree, issues: readonly z.core.$ZodIssue[]): Promise<boolean> {
  const paths = unfold(issues)
    .filter(({ code }) => code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union')
    .map((issue) => issue.path as KeyPath)
    .filter((path) => tree.entry(path)?.retype === true)
  if (paths.length === 0) return false
  const { parse } = await import('yaml')
  for (const path of paths) tree.replace(path, asYaml(parse, String(tree.get(path))))
  return true
}

/** What is no YAML stays text: then the message says what the key wants. */
function asYaml(parse: typeof import('yaml').parse, text: string): unknown {
  try {
    return parse(text, { prettyErrors: false, logLevel: 'silent' })
  } catch {
    return text
  }
}

/** A variable that is missing is enough to say; what the key then lacks is not said again. */
function follows(problem: ConfigProblem, missing: ConfigProblem): boolean {
  const shorter = Math.min(problem.path.length, missing.path.length)
  return problem.path.slice(0, shorter).every((key, index) => key === missing.path[index]) && problem.path.length > 0
}

// Synchronous, as `node:fs` is loaded anyway, and `node:fs/promises` takes a millisecond or two.
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const hint =
      code === 'ENOENT'
        ? 'Write one with `simplyload init` (for files: `simplyload files check --suggest FILES`), or name another one with --config FILE'
        : 'Name a file that this user may read with --config FILE'
    const cause = code === 'ENOENT' ? new Error('there is no such file') : error
    throw new PipelineError('config_invalid', `Reading ${file}`, { cause, hint, context: { file } })
  }
}

function readDotEnv(folder: string): Environment {
  const file = join(folder, '.env')
  try {
    const text = readFileSync(file, 'utf8')
    return process.getBuiltinModule('node:util').parseEnv(text)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    const hint = 'Make the file readable for this user, or move it away'
    throw new PipelineError('config_invalid', `Reading ${file}`, { cause: error, hint, context: { file } })
  }
}

function withoutAbsent(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined))
}

function freeze<T>(value: T): DeepReadonly<T> {
  if (typeof value !== 'object' || value === null) return value as DeepReadonly<T>
  for (const item of Object.values(value)) freeze(item)
  return Object.freeze(value) as DeepReadonly<T>
}
