/**
 * The slice of `snowflake-sdk` that is used, and how it is loaded: when it is first needed (0.3 s), and silently.
 *
 * The driver logs to the console and to `snowflake.log` in the working folder, asks cloud metadata services and AWS STS who
 * runs it as soon as it is imported, loads a native library, and reports the shape of account names to Snowflake. All of
 * that is off here; nothing is set in `process.env` that was set before, and what must be set stays set, since the driver
 * looks at it again at each login.
 */

/** What the driver throws. `response` and `data` may hold SQL, tokens and rows: they never leave `errors.ts`. */
export interface DriverError extends Error {
  readonly code?: string | number
  readonly sqlState?: string
  readonly data?: { readonly queryId?: string }
  readonly response?: { readonly statusCode?: number; readonly status?: number }
  readonly cause?: unknown
}

export interface DriverColumn {
  getName(): string
  getType(): string
  getScale(): number
  getPrecision(): number
}

export interface DriverStatement {
  getColumns(): readonly DriverColumn[] | undefined
  getQueryId(): string | undefined
  streamRows(): AsyncIterable<unknown> & { destroy(error?: Error): void }
  cancel(callback: (error: DriverError | undefined) => void): void
}

export interface DriverStatementOptions {
  readonly sqlText: string
  readonly binds?: readonly (string | null)[]
  readonly parameters: Readonly<Record<string, string | number | boolean>>
  readonly fetchAsString: readonly string[]
  readonly rowMode: 'array'
  readonly streamResult: true
  readonly complete: (error: DriverError | undefined, statement: DriverStatement) => void
}

export interface DriverConnection {
  isUp(): boolean
  /** Asks the server; false where it does not answer. Not retried by the driver, unlike statements. */
  isValidAsync(): Promise<boolean>
  connect(callback: (error: DriverError | undefined) => void): unknown
  execute(options: DriverStatementOptions): DriverStatement
  destroy(callback: (error: DriverError | undefined) => void): void
}

export type DriverConnectionOptions = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface Driver {
  createConnection(options: DriverConnectionOptions): DriverConnection
  configure(options: Readonly<Record<string, unknown>>): void
}

let loading: Promise<Driver> | undefined

export function loadDriver(): Promise<Driver> {
  loading ??= importDriver()
  return loading
}

const ENVIRONMENT = {
  SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
  SNOWFLAKE_DISABLE_MINICORE: 'true',
  SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: 'true',
} as const

/** Of this process, before the driver. */
let umask: number | undefined

/** Where a stage is a folder, as the twin's are, a PUT sets the umask of the whole process to 0 and leaves it there. */
export function restoreUmask(): void {
  if (umask !== undefined) process.umask(umask)
}

async function importDriver(): Promise<Driver> {
  umask = process.umask()
  for (const [name, value] of Object.entries(ENVIRONMENT)) process.env[name] ??= value
  const module = (await import('snowflake-sdk')) as unknown as { readonly default: Driver }
  const driver = module.default
  const silence = () => undefined
  driver.configure({
    logLevel: 'OFF',
    customLogger: { error: silence, warn: silence, info: silence, debug: silence, trace: silence },
    // A revoked certificate is refused; a revocation service that does not answer must not stop a sync.
    ocspFailOpen: true,
  })
  return driver
}
