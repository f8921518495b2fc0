/**
 * What the network, TLS and PostgreSQL say → our error, with what an operator can do.
 *
 * Of a server's error only SQLSTATE and message are kept: details and contexts quote row values, and so do the messages
 * of the classes 22 (data exception) and 23 (constraint violation), which are therefore left out.
 */
import { type ErrorCode, PipelineError } from '../../core/errors.ts'
import { type ConnectionSettings, describeConnection } from './connection-settings.ts'

/** The slice of a server's error that is used. */
interface ServerError extends Error {
  readonly code: string
  readonly severity?: string
}

type Context = Readonly<Record<string, string | number | boolean>>
type Verdict = readonly [code: ErrorCode, hint: string | undefined]

/**
 * `doing` is a gerund with its object: "Reading public.orders". An error of our own passes unchanged, and so does the
 * reason of an abort.
 */
export function translateError(
  error: unknown,
  doing: string,
  settings: ConnectionSettings,
  context: Context = {},
): Error {
  if (error instanceof PipelineError) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  const [code, hint] = verdict(error, settings)
  const options = { cause: harmless(error), context }
  return new PipelineError(code, doing, hint === undefined ? options : { ...options, hint })
}

/** SQLSTATE of a server's error, also behind one of ours. */
export function sqlState(error: unknown): string | undefined {
  if (isServerError(error)) return error.code
  if (error instanceof ServerMessage) return error.sqlState
  return error instanceof PipelineError ? sqlState(error.cause) : undefined
}

/** A server's message without what may quote rows. */
class ServerMessage extends Error {
  readonly sqlState: string

  constructor(state: string, message: string) {
    super(`${message} (SQLSTATE ${state})`)
    this.sqlState = state
  }
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'severity' in error &&
    /^[0-9A-Z]{5}$/.test(error.code)
  )
}

function harmless(error: unknown): Error {
  if (isServerError(error)) {
    const quotesValues = (error.code.startsWith('22') && error.code !== '22023') || error.code.startsWith('23')
    return new ServerMessage(error.code, quotesValues ? 'the server reports a data error' : error.message)
  }
  if (!(error instanceof Error)) return new Error(String(error))
  // Node tries every address of a name; the collected error has no message of its own.
  if (error instanceof AggregateError && error.message === '') {
    return new Error(error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; '))
  }
  return new Error(error.message === '' ? nodeCode(error) : error.message)
}

function verdict(error: unknown, settings: ConnectionSettings): Verdict {
  if (isServerError(error)) return serverVerdict(error, settings)
  const code = nodeCode(error)
  const message = error instanceof Error ? error.message : String(error)
  return networkVerdict(code, settings) ?? tlsVerdict(code, message, settings) ?? messageVerdict(message, settings)
}

function nodeCode(error: unknown): string {
  if (error instanceof AggregateError && !('code' in error) && error.errors.length > 0) return nodeCode(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function networkVerdict(code: string, settings: ConnectionSettings): Verdict | undefined {
  const place = describeConnection(settings)
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return [
        'source_unreachable',
        `The host name "${settings.host}" is not known here: check its spelling, the DNS, and whether a VPN is needed`,
      ]
    case 'ECONNREFUSED':
      return [
        'source_unreachable',
        `Nothing answers at ${place}: check host and port, that the server runs, and its listen_addresses`,
      ]
    case 'ENOENT':
    case 'EACCES':
      return [
        'source_unreachable',
        `The socket ${place} cannot be opened: check the folder (the server's unix_socket_directories) and the port`,
      ]
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return ['source_unreachable', `${place} does not answer: check firewall, security group and allowed addresses`]
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'ERR_STREAM_DESTROYED':
    case 'ERR_STREAM_WRITE_AFTER_END':
      return ['source_connection_lost', undefined]
    default:
      return undefined
  }
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])

function tlsVerdict(code: string, message: string, settings: ConnectionSettings): Verdict | undefined {
  if (UNTRUSTED.has(code)) {
    return [
      'source_tls',
      "The server's certificate is not signed by a root that is trusted here: name the root certificate in ssl.rootcert (sslrootcert in the connection string)",
    ]
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return [
      'source_tls',
      `The certificate is not made out to "${settings.host}": connect by the name in it, or use ssl mode verify-ca`,
    ]
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return [
      'source_tls',
      "The server's certificate is outside its time of validity: renew it, or check the clock of this machine",
    ]
  }
  if (message.includes('does not support SSL')) {
    return ['source_tls', 'Turn TLS on at the server (ssl = on), or use ssl mode prefer or disable']
  }
  if (
    code.startsWith('ERR_SSL') ||
    code.startsWith('ERR_TLS') ||
    code.startsWith('ERR_OSSL') ||
    code === 'EPROTO' ||
    code.startsWith('CERT_')
  ) {
    return [
      'source_tls',
      'Server and client agree on no form of TLS, or the client certificate does not fit: check ssl_min_protocol_version and the files under `ssl`',
    ]
  }
  return message.includes('establishing an SSL connection')
    ? ['source_tls', 'Check that the port is that of a PostgreSQL server']
    : undefined
}

function messageVerdict(message: string, settings: ConnectionSettings): Verdict {
  if (message === 'timeout expired') {
    return [
      'source_unreachable',
      `${describeConnection(settings)} did not answer in ${settings.connectTimeoutMs / 1000} s: check firewall and allowed addresses, or raise connect_timeout`,
    ]
  }
  if (message.startsWith('SASL') || message.startsWith('SCRAM') || message.includes('Password must be')) {
    return ['source_authentication', 'Check the password, and that it was set with password_encryption = scram-sha-256']
  }
  if (
    /Connection terminated|connection error and is not queryable|Client was closed|socket hang up|before secure TLS/.test(
      message,
    )
  ) {
    return ['source_connection_lost', undefined]
  }
  return ['source_query', undefined]
}

function serverVerdict(error: ServerError, settings: ConnectionSettings): Verdict {
  const { code, message } = error
  switch (code) {
    case '28P01':
      return [
        'source_authentication',
        `The password for "${settings.user}" is wrong, or the role does not exist: ALTER ROLE ${ident(settings.user)} PASSWORD '…'`,
      ]
    case '28000':
      return ['source_authentication', authorizationHint(message, settings)]
    case '3D000':
      return [
        'source_setting',
        `There is no database "${settings.database}" on ${describeConnection(settings)}: check the name (it is case-sensitive)`,
      ]
    case '42501':
      return ['source_permission', permissionHint(message, settings)]
    case '55006':
      return message.includes('replication slot')
        ? [
            'source_slot_in_use',
            `Another process reads the slot: SELECT active_pid FROM pg_replication_slots; end it, or SELECT pg_terminate_backend(active_pid)`,
          ]
        : ['source_query', undefined]
    case '55000':
      return prerequisiteVerdict(message)
    case '53400':
      return [
        'source_setting',
        message.includes('slot')
          ? 'Raise max_replication_slots and restart the server, or drop a slot that nobody uses: SELECT slot_name, active FROM pg_replication_slots'
          : 'Raise the limit that is named and restart the server',
      ]
    case '53300':
      return [
        'source_unreachable',
        message.includes('max_wal_senders') || message.includes('WAL sender')
          ? 'Raise max_wal_senders and restart the server'
          : 'The server has no free connection: raise max_connections (or the CONNECTION LIMIT of role or database), or lower snapshot.connections',
      ]
    case '53200':
      return [
        'source_setting',
        'The server is out of (shared) memory: raise max_locks_per_transaction and restart it, or copy fewer tables at a time',
      ]
    case '53100':
      return ['source_query', 'The disk of the database server is full: make room there']
    case '42P01':
      return ['source_table_missing', undefined]
    case '42704':
      return undefinedObjectVerdict(message)
    case '58P01':
      return message.includes('WAL segment')
        ? [
            'source_slot_lost',
            'The server has removed the log: the tables must be read again (simplyload table resync)',
          ]
        : ['source_query', undefined]
    case '57014':
      return message.includes('statement timeout')
        ? ['source_query', 'The statement took longer than statement_timeout: raise statement_timeout of the source']
        : ['source_query', undefined]
    case '57P03':
      return ['source_unreachable', 'The server is starting or stopping']
    case '57P01':
    case '57P02':
    case '57P04':
    case '57P05':
    case '25P03':
    case '25P04':
      return ['source_connection_lost', undefined]
    default:
      return code.startsWith('08') ? ['source_connection_lost', undefined] : ['source_query', undefined]
  }
}

function authorizationHint(message: string, settings: ConnectionSettings): string {
  if (message.includes('pg_hba.conf')) {
    const encryption = message.includes('no encryption') ? ' The server may accept TLS only: ssl mode require.' : ''
    const kind = message.includes('replication') ? 'replication' : settings.database
    return `Add a line to pg_hba.conf and reload (SELECT pg_reload_conf()): host ${kind} ${settings.user} <address of this machine>/32 scram-sha-256.${encryption}`
  }
  if (message.includes('not permitted to log in')) return `ALTER ROLE ${ident(settings.user)} LOGIN`
  return `Check that the role exists: CREATE ROLE ${ident(settings.user)} LOGIN REPLICATION PASSWORD '…'`
}

function permissionHint(message: string, settings: ConnectionSettings): string | undefined {
  const role = ident(settings.user)
  // 16 and later: "permission denied to start WAL sender"; before: "must be superuser or replication role to …".
  if (/WAL sender|walsender|replication slot|replication role/i.test(message)) {
    return `ALTER ROLE ${role} REPLICATION (on Amazon RDS: GRANT rds_replication TO ${role})`
  }
  const table = /permission denied for (?:table|relation|view) (.+)$/.exec(message)?.[1]
  if (table !== undefined) return `GRANT SELECT ON ${table} TO ${role}`
  const schema = /permission denied for schema (.+)$/.exec(message)?.[1]
  if (schema !== undefined) return `GRANT USAGE ON SCHEMA ${ident(schema)} TO ${role}`
  if (message.includes('permission denied for database'))
    return `GRANT CONNECT, CREATE ON DATABASE ${ident(settings.database)} TO ${role}`
  return undefined
}

function prerequisiteVerdict(message: string): Verdict {
  if (message.includes('wal_level')) {
    return [
      'source_setting',
      "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (managed services: set rds.logical_replication or cloudsql.logical_decoding to on)",
    ]
  }
  if (
    message.includes('no longer get changes') ||
    message.includes('has been invalidated') ||
    message.includes('can no longer access')
  ) {
    return [
      'source_slot_lost',
      'The slot fell further behind than max_slot_wal_keep_size allows. Its tables must be read again: simplyload table resync',
    ]
  }
  if (message.includes('import the requested snapshot')) return ['snapshot_lost', undefined]
  return ['source_query', undefined]
}

function undefinedObjectVerdict(message: string): Verdict {
  if (/^replication slot .* does not exist/.test(message)) return ['source_slot_missing', undefined]
  if (/^publication .* does not exist/.test(message))
    return [
      'source_setting',
      'It was dropped at this place of the log, and one made anew is not there yet: simplyload checkpoint reset makes a new slot and reads the tables again',
    ]
  if (/^snapshot .* does not exist/.test(message)) return ['snapshot_lost', undefined]
  return ['source_query', undefined]
}

function ident(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
