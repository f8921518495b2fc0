/**
 * The one error of SimplyLoad and the one table that decides what becomes of it.
 */

export type ErrorCode =
  // configuration
  | 'config_invalid'
  | 'config_missing_variable'
  // source
  | 'source_unreachable'
  | 'source_authentication'
  | 'source_permission'
  | 'source_tls'
  | 'source_setting'
  | 'source_connection_lost'
  | 'source_table_missing'
  | 'source_busy'
  | 'source_slot_missing'
  | 'source_slot_in_use'
  | 'source_slot_lost'
  | 'source_gap'
  | 'source_moved'
  | 'source_schema_frozen'
  | 'source_protocol'
  | 'source_query'
  | 'source_file'
  | 'snapshot_lost'
  // stage
  | 'stage_unavailable'
  | 'stage_authentication'
  | 'stage_permission'
  | 'stage_rejected'
  | 'stage_full'
  | 'stage_file_missing'
  | 'stage_file_damaged'
  // destination
  | 'destination_unreachable'
  | 'destination_authentication'
  | 'destination_permission'
  | 'destination_locked'
  | 'destination_busy'
  | 'destination_full'
  | 'destination_version'
  | 'destination_conflict'
  | 'destination_rejected'
  | 'destination_memory'
  | 'lease_lost'
  // state
  | 'state_unreachable'
  | 'state_full'
  | 'state_authentication'
  | 'state_permission'
  | 'state_unavailable'
  | 'state_version'
  | 'state_locked'
  // transforms
  | 'transform_failed'
  // reports
  | 'report_not_sent'
  // ours
  | 'verification_failed'
  | 'not_found'
  | 'job_refused'
  | 'internal'

/**
 * - `auto`: tried again with backoff, without end; the data is only late.
 * - `operator`: the table or the source stops until someone acts; everything else goes on.
 * - `fatal`: the run stops.
 */
export type Disposition = 'auto' | 'operator' | 'fatal'

/** Which side a failure is on: the exit code, and the circuit breaker that it counts against. */
export type ErrorSide =
  | 'configuration'
  | 'access'
  | 'source'
  | 'stage'
  | 'destination'
  | 'state'
  | 'verification'
  | 'internal'

// Keep `auto` narrow: a wrong `operator` costs somebody's evening, a wrong `auto` hides lost data.
const TABLE: Readonly<Record<ErrorCode, readonly [Disposition, ErrorSide]>> = {
  config_invalid: ['fatal', 'configuration'],
  config_missing_variable: ['fatal', 'configuration'],
  source_unreachable: ['auto', 'source'],
  source_authentication: ['operator', 'access'],
  source_permission: ['operator', 'access'],
  source_tls: ['operator', 'source'],
  source_setting: ['operator', 'source'],
  source_connection_lost: ['auto', 'source'],
  source_table_missing: ['operator', 'source'],
  // An open transaction is in the way of a new slot; it ends some time.
  source_busy: ['auto', 'source'],
  source_slot_missing: ['operator', 'source'],
  // A predecessor that was killed keeps the slot until the server notices.
  source_slot_in_use: ['auto', 'source'],
  source_slot_lost: ['operator', 'source'],
  source_gap: ['operator', 'source'],
  // The address leads to another server since a failover: the run begins anew, and finds out what still holds.
  source_moved: ['operator', 'source'],
  source_schema_frozen: ['operator', 'source'],
  source_protocol: ['fatal', 'source'],
  source_query: ['operator', 'source'],
  // A file that is missing, cannot be read whole, or is not what its set says.
  source_file: ['operator', 'source'],
  // The exported snapshot is gone: a new one is taken and the missing chunks are read.
  snapshot_lost: ['auto', 'source'],
  stage_unavailable: ['auto', 'stage'],
  stage_authentication: ['operator', 'access'],
  stage_permission: ['operator', 'access'],
  // A bucket that is not there or elsewhere, a key that cannot encrypt: what is configured does not fit.
  stage_rejected: ['operator', 'stage'],
  stage_full: ['auto', 'stage'],
  stage_file_missing: ['operator', 'stage'],
  stage_file_damaged: ['operator', 'stage'],
  destination_unreachable: ['auto', 'destination'],
  destination_authentication: ['operator', 'access'],
  destination_permission: ['operator', 'access'],
  destination_locked: ['auto', 'destination'],
  // A queue that is full, a time that ran out, a quota that fills up again: the data is only late.
  destination_busy: ['auto', 'destination'],
  destination_full: ['auto', 'destination'],
  destination_version: ['operator', 'destination'],
  destination_conflict: ['auto', 'destination'],
  destination_rejected: ['operator', 'destination'],
  destination_memory: ['operator', 'destination'],
  // Someone newer has the lease; two writers would be worse than none.
  lease_lost: ['fatal', 'destination'],
  // A server that restarts, a file that another program has locked for a moment.
  state_unreachable: ['auto', 'state'],
  state_full: ['auto', 'state'],
  state_authentication: ['fatal', 'access'],
  state_permission: ['fatal', 'access'],
  state_unavailable: ['fatal', 'state'],
  state_version: ['fatal', 'state'],
  state_locked: ['fatal', 'state'],
  // It waits for whoever wrote it; rows wait in the stage.
  transform_failed: ['operator', 'configuration'],
  // The server is down: the report is kept, and sent with the next one.
  report_not_sent: ['auto', 'destination'],
  verification_failed: ['fatal', 'verification'],
  not_found: ['fatal', 'configuration'],
  // What is asked of a job does not fit the state that it is in.
  job_refused: ['fatal', 'configuration'],
  internal: ['fatal', 'internal'],
}

export function disposition(code: ErrorCode): Disposition {
  return TABLE[code][0]
}

export function errorSide(code: ErrorCode): ErrorSide {
  return TABLE[code][1]
}

export interface PipelineErrorOptions {
  readonly cause?: unknown
  /** What an operator can do, as an instruction; SQL or commands verbatim. */
  readonly hint?: string
  /** Names, ids and counts; never row values or secrets. */
  readonly context?: Readonly<Record<string, string | number | boolean>>
}

export class PipelineError extends Error {
  override readonly name = 'PipelineError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly context: Readonly<Record<string, string | number | boolean>>

  /** `message` is a gerund with its object: "Reading public.orders", "Opening warehouse.duckdb". */
  constructor(code: ErrorCode, message: string, options: PipelineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.context = options.context ?? {}
  }
}

export function isPipelineError(error: unknown, code?: ErrorCode): error is PipelineError {
  return error instanceof PipelineError && (code === undefined || error.code === code)
}

/** "Opening warehouse.duckdb failed: the file is locked by process 41": the message and the chain of causes, for people. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (let current: unknown = error; current !== undefined && parts.length < 6; ) {
    const message = current instanceof Error ? current.message : String(current)
    if (message !== '' && !parts.some((part) => part.includes(message))) parts.push(message)
    current = current instanceof Error ? current.cause : undefined
  }
  const [first = 'Unknown error', ...causes] = parts
  return causes.length === 0 ? first : `${first} failed: ${causes.join(': ')}`
}
