/** What goes wrong in a transform → ours, without values of rows. */
import { PipelineError } from '../core/errors.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import type { TransformForm } from '../core/transform.ts'

export interface TransformErrorOptions {
  readonly cause?: unknown
  readonly hint?: string
  readonly context?: Readonly<Record<string, string | number>>
}

export function transformError(
  table: TableId,
  form: TransformForm,
  reason: string,
  { cause, hint, context = {} }: TransformErrorOptions = {},
): PipelineError {
  const name = tableName(table)
  return new PipelineError('transform_failed', `Transforming ${name}`, {
    cause: new Error(reason, cause === undefined ? undefined : { cause }),
    hint:
      hint ??
      `Mend ${form.kind === 'sql' ? 'its `transform`' : form.file}; its rows wait in the stage, and the next sync goes on with them`,
    context: { table: name, ...context },
  })
}

/** Messages of these classes may quote values of rows. */
const QUOTES_VALUES = /^(Conversion|Invalid Input|Out of Range|Constraint|Parameter Not Resolved) Error/

/** DuckDB's message, or its class where the rest may hold values. */
export function sqlReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [first = ''] = text.split('\n')
  if (!QUOTES_VALUES.test(first)) return first
  const [beginning = ''] = first.split(/["']|Input:|value /)
  return beginning.trim()
}

/** Not the transform's doing: memory, disk, an interruption, a broken promise of DuckDB. */
export function isFailureOfMachine(error: unknown): boolean {
  const text = error instanceof Error ? error.message : String(error)
  return /^(Out of Memory|INTERRUPT|IO|FATAL|INTERNAL) Error|bad_alloc|database has been invalidated/.test(text)
}

/** The class of an error and where it was thrown: its message may hold values. */
export function moduleReason(error: unknown): string {
  if (!(error instanceof Error)) return 'it threw something that is no Error'
  const [, place] = /([^/\s()]+:\d+:\d+)\)?$/m.exec(error.stack?.split('\n').slice(1).join('\n') ?? '') ?? []
  return place === undefined ? error.name : `${error.name} at ${place}`
}
