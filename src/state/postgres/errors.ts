/** What the connection and PostgreSQL say → what the operator can do. */
import { type ErrorCode, isPipelineError, PipelineError } from '../../core/errors.ts'

export interface Place {
  /** `host:port/database`. */
  readonly server: string
  readonly schema: string
  /** Who connects. */
  readonly role: string
  /** How long a writer waits for the one before it, which may have been killed a moment ago. Default: 3 s. */
  readonly lockWaitMs?: number
}

/** `doing` is a gerund with its object. Errors about state pass through, and those of our own promises. */
export function postgresStateError(error: unknown, doing: string, place: Place): unknown {
  if (!isPipelineError(error)) return error
  const state = sqlStateOf(error)
  const code = codeOf(error, state)
  if (code === undefined) return error
  const hint = hintFor(state, place) ?? error.hint
  return new PipelineError(code, doing, {
    cause: error.cause ?? error,
    context: { server: place.server, schema: place.schema, ...(state === undefined ? {} : { state }) },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** SQLSTATE, wherever in the chain of causes. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ('sqlState' in current && typeof current.sqlState === 'string') return current.sqlState
  }
  return undefined
}

/** What time may mend is tried again. Undefined: the error says what it is. */
function codeOf(error: PipelineError, state: string | undefined): ErrorCode | undefined {
  switch (state) {
    case '28000':
    case '28P01':
      return 'state_authentication'
    case '42501':
      return 'state_permission'
    case '53100':
      return 'state_full'
    case '25006': // a standby, or a primary that is being replaced
    case '53200':
    case '53300':
    case '55P03':
    case '57014':
    case '40001':
    case '40P01':
      return 'state_unreachable'
  }
  switch (error.code) {
    case 'source_unreachable':
    case 'source_connection_lost':
      return 'state_unreachable'
    case 'source_authentication':
      return 'state_authentication'
    case 'source_permission':
      return 'state_permission'
    default:
      return error.code.startsWith('source_') ? 'state_unavailable' : undefined
  }
}

function hintFor(state: string | undefined, { server, schema, role }: Place): string | undefined {
  switch (state) {
    case '42501':
      return grantSql(schema, role)
    case '25006':
      return `${server} takes no writes: set state.url to the primary`
    case '53100':
      return 'The disk of the state database is full: make room there; nothing is lost'
    case '53300':
      return 'The state database has no free connection: raise max_connections, or the CONNECTION LIMIT of role or database'
    case '55P03':
    case '57014':
      return `Another session keeps rows of ${schema} locked: SELECT pid, query FROM pg_stat_activity WHERE state = 'idle in transaction'`
    case '42P01':
    case '42703':
    case '3F000':
      return `The tables of schema ${schema} are not as they were made. Put back a copy, or DROP SCHEMA ${quotedName(schema)} CASCADE: tables then go on from the destination's checkpoints where the source still has their changes, and are \`needs_resync\` where not`
    default:
      return undefined
  }
}

export function grantSql(schema: string, role: string): string {
  const [place, to] = [quotedName(schema), quotedName(role)]
  return `GRANT USAGE ON SCHEMA ${place} TO ${to}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${place} TO ${to}`
}

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
