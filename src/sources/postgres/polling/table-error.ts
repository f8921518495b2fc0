/** What becomes of an error while a table is polled. */
import { PipelineError } from '../../../core/errors.ts'
import { sqlState } from '../errors.ts'

/** Classes of SQLSTATE that pass with time: lost connections, too few resources, an operator's cancel, a standby's conflict. */
const PASSING = new Set(['08', '40', '53', '57', '58'])
/** A name that is gone: the table was changed while it was read, and the next snapshot shows it. */
const MOVED = new Set(['42703', '42P01'])

const TABLE_CODES: ReadonlySet<string> = new Set([
  'config_invalid',
  'source_gap',
  'source_permission',
  'source_query',
  'source_setting',
  'source_table_missing',
])

/** No other attempt mends it, and the other tables do not share it. */
export function concernsTable(error: unknown): error is PipelineError {
  return error instanceof PipelineError && TABLE_CODES.has(error.code) && !passes(sqlState(error))
}

/** What the next attempt may mend is told as such. */
export function whatPasses(error: unknown): unknown {
  const state = sqlState(error)
  if (!(error instanceof PipelineError) || state === undefined || !passes(state)) return error
  const { cause, hint, context } = error
  const options = { cause, context, ...(hint === undefined ? {} : { hint }) }
  return new PipelineError('source_connection_lost', 'Polling', options)
}

function passes(state: string | undefined): boolean {
  return state !== undefined && (MOVED.has(state) || PASSING.has(state.slice(0, 2)))
}

export function nullCursor(table: string, column: string): PipelineError {
  return new PipelineError('source_setting', `Polling ${table}`, {
    cause: new Error(`its cursor "${column}" is NULL in some rows`),
    hint: 'Fill it, or choose null_cursor: include (they are followed too) or ignore (they are left out)',
    context: { table, column },
  })
}
