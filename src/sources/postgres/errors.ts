/**
 * What the network, TLS and PostgreSQL say → our error, with what an operator can do.
 *
 * Of a server's error only SQLSTATE and message are kept: details and contexts quote row values, and so do the messages
 * of the classes 22 (data exception) and 23 (constraint violation), which are therefore left out.
 */
import { PipelineError } from '../../core/errors.ts'
import { type ConnectionSettings, describeConnection } from './connection-settings.ts'
import { type ServerError, serverVerdict, type Verdict } from './server-error.ts'

/**
 * `doing` is a gerund with its object: "Reading public.orders"; `sql`, the statement, is for hints alone. An error of our own passes unchanged, and so does the
 * reason of an abort.
 */
export function translateError(error: unknown, doing: string, settings: ConnectionSettings, sql?: string): Error {
  if (error instanceof PipelineError) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  const [code, hint] = verdict(error, settings, sql)
  const options = { cause: harmless(error) }
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

function verdict(error: unknown, settings: ConnectionSettings, sql?: string): Verdict {
  if (isServerError(error)) return serverVerdict(error, settings, sql)
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
