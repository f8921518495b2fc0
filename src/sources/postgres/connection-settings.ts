/**
 * Where and how to connect: what `simplyload.yaml` says merged with what a connection string says, as libpq reads it.
 * Keys of the file win over the connection string.
 */
import { resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { ValueLimits } from '../../core/value-limits.ts'

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

export interface SslSettings {
  readonly mode: SslMode
  /** Path of a PEM file, `system`, or absent: `~/.postgresql/root.crt` where it exists. */
  readonly rootCert: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly direct: boolean
}

export interface ConnectionSettings {
  /** Name, address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** A function, so that the password shows in no log, dump or JSON. */
  readonly password: () => string | undefined
  readonly ssl: SslSettings
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  readonly applicationName: string
  /** Command-line options for the session: `-c search_path=x`. */
  readonly options: string | undefined
  readonly connectTimeoutMs: number
  /** For statements on the catalog; reading rows has no time limit. 0: none. */
  readonly statementTimeoutMs: number
  /** Of values that are read; absent: none. */
  readonly limits?: ValueLimits | undefined
}

/** The keys of a source that concern the connection, as `config.ts` has parsed them. */
export interface ConnectionKeys {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly ssl?:
    | SslMode
    | {
        readonly mode?: SslMode | undefined
        readonly rootcert?: string | undefined
        readonly cert?: string | undefined
        readonly key?: string | undefined
      }
    | undefined
  readonly connect_timeout?: number | undefined
  readonly statement_timeout?: number | undefined
  readonly application_name?: string | undefined
}

const DEFAULT_PORT = 5432
const DEFAULT_CONNECT_TIMEOUT_SECONDS = 15
const DEFAULT_STATEMENT_TIMEOUT_SECONDS = 300

// Parameters of libpq that change nothing for us, or that we set ourselves.
const IGNORED = new Set([
  'client_encoding',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'sslcompression',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
])
const KNOWN = [
  'application_name',
  'channel_binding',
  'connect_timeout',
  'dbname',
  'host',
  'options',
  'password',
  'port',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'user',
]

/**
 * `folder`: where relative paths of certificates start. Throws `config_invalid`; the message never contains the connection
 * string, which holds the password.
 */
export function connectionSettings(keys: ConnectionKeys, folder = '.'): ConnectionSettings {
  const parameters = keys.url === undefined ? new Map<string, string>() : parseConnectionString(keys.url)
  const ssl = typeof keys.ssl === 'string' ? { mode: keys.ssl } : (keys.ssl ?? {})
  const user = keys.user ?? parameters.get('user')
  const password = keys.password ?? parameters.get('password')
  const rootCert = ssl.rootcert ?? parameters.get('sslrootcert')
  if (user === undefined || user === '') {
    throw invalid(
      'no user is given',
      'Give one in the connection string (postgres://user:password@host/database) or as `user`',
    )
  }
  const file = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path)
  const seconds = keys.connect_timeout ?? wholeNumber('connect_timeout', parameters.get('connect_timeout'))
  return {
    host: keys.host ?? parameters.get('host') ?? 'localhost',
    port: keys.port ?? wholeNumber('port', parameters.get('port')) ?? DEFAULT_PORT,
    database: keys.database ?? parameters.get('dbname') ?? user,
    user,
    password: () => password,
    ssl: {
      // libpq: with the system's roots anything weaker would trust any certificate that anybody can buy.
      mode:
        oneOf('sslmode', SSL_MODES, ssl.mode ?? parameters.get('sslmode')) ??
        (rootCert === 'system' ? 'verify-full' : 'prefer'),
      rootCert: rootCert === 'system' ? rootCert : file(rootCert),
      cert: file(ssl.cert ?? parameters.get('sslcert')),
      key: file(ssl.key ?? parameters.get('sslkey')),
      direct: oneOf('sslnegotiation', ['postgres', 'direct'], parameters.get('sslnegotiation')) === 'direct',
    },
    channelBinding:
      oneOf('channel_binding', ['disable', 'prefer', 'require'], parameters.get('channel_binding')) ?? 'disable',
    applicationName: keys.application_name ?? parameters.get('application_name') ?? 'simplyload',
    options: parameters.get('options'),
    connectTimeoutMs: (seconds ?? DEFAULT_CONNECT_TIMEOUT_SECONDS) * 1000,
    statementTimeoutMs: (keys.statement_timeout ?? DEFAULT_STATEMENT_TIMEOUT_SECONDS) * 1000,
  }
}

/** `host:port/database`, for messages. */
export function describeConnection(settings: ConnectionSettings): string {
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host
  return settings.host.startsWith('/')
    ? `${host}/.s.PGSQL.${settings.port} (${settings.database})`
    : `${host}:${settings.port}/${settings.database}`
}

// The platform's URL parser refuses socket folders, and cuts at a `#` in a password that libpq accepts.
const URI = /^postgres(?:ql)?:\/\/(?:([^/]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s

function parseConnectionString(url: string): Map<string, string> {
  const match = URI.exec(url.trim())
  if (match === null) {
    throw invalid(
      'it does not have the form of a connection string',
      'Write postgres://user:password@host:5432/database; in user and password write / as %2F',
    )
  }
  const [, credentials, place = '', database, query = ''] = match
  const parameters = new Map<string, string>()
  const put = (name: string, encoded: string | undefined): void => {
    if (encoded !== undefined && encoded !== '') parameters.set(name, decode(name, encoded))
  }
  if (credentials !== undefined) {
    const colon = credentials.indexOf(':')
    put('user', colon < 0 ? credentials : credentials.slice(0, colon))
    put('password', colon < 0 ? undefined : credentials.slice(colon + 1))
  }
  if (place.includes(',')) throw invalid('it names several hosts', 'Name the primary alone')
  const host = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(place)
  if (host === null)
    throw invalid(
      'host and port cannot be told apart',
      'Write an IPv6 address in brackets: postgres://user@[::1]:5432/database',
    )
  put('host', host[1]?.replace(/^\[(.*)\]$/, '$1'))
  put('port', host[2])
  put('dbname', database)
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode('parameter', equals < 0 ? pair : pair.slice(0, equals))
    if (IGNORED.has(name)) continue
    if (!KNOWN.includes(name))
      throw invalid(`it has the unknown parameter "${name}"`, `Remove it. Known: ${KNOWN.join(', ')}`)
    put(name, equals < 0 ? '' : pair.slice(equals + 1))
  }
  return parameters
}

function decode(name: string, encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    // The platform's error quotes its input, which may be the password.
    throw invalid(`its ${name} is not percent-encoded text`, 'Write a % in it as %25')
  }
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/.test(text)) throw invalid(`its ${name} is not a whole number`, `Give ${name} as digits`)
  return Number(text)
}

function oneOf<const T extends string>(name: string, allowed: readonly T[], text: string | undefined): T | undefined {
  if (text === undefined) return undefined
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw invalid(`its ${name} is unknown`, `Use one of: ${allowed.join(', ')}`)
  return found
}

function invalid(reason: string, hint: string): PipelineError {
  return new PipelineError('config_invalid', 'Reading the connection settings of Postgres', {
    cause: new Error(reason),
    hint,
  })
}
