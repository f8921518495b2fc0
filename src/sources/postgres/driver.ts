/** The `pg` driver: the slice of it that is used, how it is set up, and how it hands over values. */
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { PipelineError } from '../../core/errors.ts'
import { type ConnectionSettings, describeConnection } from './connection-settings.ts'
import { createPlainSocket } from './plain-socket.ts'

/** Values of a row by column name: int8 as bigint, json parsed, bool and smaller numbers as such, all else as text. */
export type Row = Readonly<Record<string, unknown>>

// Typings of `pg` leave these out.
export interface DriverConnection {
  readonly stream: Socket
  query(text: string): void
  on(event: 'authenticationSASL', listener: (message: { readonly mechanisms: readonly string[] }) => void): void
  on(event: 'authenticationCleartextPassword' | 'authenticationMD5Password', listener: () => void): void
}

export interface DriverClient {
  readonly connection: DriverConnection
  readonly processID: number | null
  connect(): Promise<unknown>
  query(query: object): unknown
  query(text: string, values?: unknown[]): Promise<{ readonly rows: Row[] } | readonly { readonly rows: Row[] }[]>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(
    event: 'notification',
    listener: (message: { readonly channel: string; readonly payload?: string }) => void,
  ): unknown
}

const KEEP_ALIVE_AFTER_MS = 10_000

/** A client that is not connected yet. */
export function createDriver(
  settings: ConnectionSettings,
  purpose: string | undefined,
  replication: boolean,
  tls: ConnectionOptions | undefined,
): DriverClient {
  const doing = `Connecting to ${describeConnection(settings)}`
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    // As a function: without one `pg` would look into PGPASSWORD and ~/.pgpass, which nobody asked it to.
    password: () => {
      const password = settings.password()
      if (password !== undefined && password !== '') return password
      throw new PipelineError('source_authentication', doing, {
        cause: new Error('the server asks for a password and none is given'),
        hint: 'Put it into the connection string (postgres://user:password@host/database), best from a variable of the environment',
      })
    },
    ssl: tls ?? false,
    // `pg` lays TLS over the socket that it is given, and that takes bytes only in Node's own way.
    ...(tls === undefined ? { stream: createPlainSocket } : {}),
    sslnegotiation: settings.ssl.direct && tls !== undefined ? 'direct' : 'postgres',
    enableChannelBinding: settings.channelBinding !== 'disable' && tls !== undefined,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    application_name: purpose === undefined ? settings.applicationName : `${settings.applicationName} ${purpose}`,
    ...(settings.options === undefined ? {} : { options: settings.options }),
    ...(replication ? { replication: 'database' } : {}),
    types: { getTypeParser: textParser },
  } as ConstructorParameters<typeof pg.Client>[0]) as unknown as DriverClient
  if (settings.channelBinding === 'require') requireChannelBinding(client, doing)
  return client
}

/** `pg` falls back to authentication without binding; who writes `require` wants none of that. */
function requireChannelBinding(driver: DriverClient, doing: string): void {
  const refuse = (): void => {
    driver.connection.stream.destroy(
      new PipelineError('source_authentication', doing, {
        cause: new Error('channel_binding=require, and the server does not offer it'),
        hint: 'Use TLS and a SCRAM password, or channel_binding=prefer',
      }),
    )
  }
  driver.connection.on('authenticationSASL', ({ mechanisms }) => {
    if (!mechanisms.includes('SCRAM-SHA-256-PLUS')) refuse()
  })
  driver.connection.on('authenticationCleartextPassword', refuse)
  driver.connection.on('authenticationMD5Password', refuse)
}

const identity = (text: string): unknown => text
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  20: BigInt,
  21: Number,
  23: Number,
  26: Number,
  114: JSON.parse,
  700: Number,
  701: Number,
  3802: JSON.parse,
}

function textParser(oid: number): (text: string) => unknown {
  return PARSERS[oid] ?? identity
}
