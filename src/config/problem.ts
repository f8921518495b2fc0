/** What is wrong with a configuration, every problem with the place where it was written. */
import { PipelineError } from '../core/errors.ts'
import { formatPath, type KeyPath, type Origin } from './config-tree.ts'

export interface ConfigProblem {
  /** Empty for the file as a whole. */
  readonly path: KeyPath
  readonly origin: Origin | undefined
  /** Begins in lower case, completes the sentence that the key begins: `must be a list`. No secrets. */
  readonly message: string
  /** The environment variable that is missing, where that is all. */
  readonly missingVariable?: string
}

/** `simplyload.yaml:12:5: sync.interval: must be a duration such as 10s (found "soon")` */
export function formatProblem(problem: ConfigProblem, file: string): string {
  const subject = problem.path.length === 0 ? '' : `${formatPath(problem.path)}: `
  return `${formatOrigin(problem.origin, file)}: ${subject}${problem.message}`
}

function formatOrigin(origin: Origin | undefined, file: string): string {
  switch (origin?.kind) {
    case undefined:
    case 'module':
      return file
    case 'file':
      return `${file}:${origin.line}:${origin.column}`
    case 'variable':
      return `environment variable ${origin.name}`
    case 'argument':
      return `--set ${origin.key}`
  }
}

/** All problems in one error; the message of its cause has one line for each, in the order of the file. */
export function configError(file: string, problems: readonly ConfigProblem[]): PipelineError {
  const lines = problems.toSorted(byPlace).map((problem) => formatProblem(problem, file))
  const missing = problems.flatMap((problem) => problem.missingVariable ?? [])
  const cause = new AggregateError(
    lines.map((line) => new Error(line)),
    lines.join('\n'),
  )
  const context = { file, problems: problems.length }
  const [variable] = missing
  if (variable === undefined || missing.length < problems.length) {
    return new PipelineError('config_invalid', `Reading ${file}`, { cause, context })
  }
  const names = [...new Set(missing)]
  const hint = `Set ${names.join(', ')} in the environment (export ${variable}=…), or in a file .env beside ${file}, or give defaults: \${${variable}:-value}`
  return new PipelineError('config_missing_variable', `Reading ${file}`, {
    cause,
    hint,
    context: { ...context, variable },
  })
}

function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  return lineOf(a) - lineOf(b) || columnOf(a) - columnOf(b)
}

// What was not written in the file comes last.
function lineOf({ origin }: ConfigProblem): number {
  return origin?.kind === 'file' ? origin.line : Number.MAX_SAFE_INTEGER
}

function columnOf({ origin }: ConfigProblem): number {
  return origin?.kind === 'file' ? origin.column : 0
}
