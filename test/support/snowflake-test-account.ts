/** A real Snowflake account that the environment names, in which tests make databases of their own, and leave none. */
import { randomBytes } from 'node:crypto'
import { connectDriver, type TwinClient } from './twin.ts'

export interface TestAccount extends AsyncDisposable {
  /** As in `simplyload.yaml`, without the database. */
  readonly destination: Readonly<Record<string, unknown>>
  createDatabase(): Promise<string>
  dropDatabase(name: string): Promise<void>
  connect(database?: string): Promise<TwinClient>
}

type Environment = Readonly<Record<string, string | undefined>>

export const NO_ACCOUNT = 'SNOWFLAKE_TEST_ACCOUNT is not set'

/** Undefined where no account is named. Throws where something else is missing. */
export function openTestAccount(environment: Environment): TestAccount | undefined {
  const variable = (name: string) => environment[`SNOWFLAKE_TEST_${name}`] || undefined
  const account = variable('ACCOUNT')
  if (account === undefined) return undefined
  const needed = (name: string) => {
    const value = variable(name)
    if (value === undefined) throw new Error(`SNOWFLAKE_TEST_${name} is not set, but SNOWFLAKE_TEST_ACCOUNT is`)
    return value
  }
  const user = needed('USER')
  const keyPath = needed('PRIVATE_KEY_PATH')
  const [passphrase, host, port] = [variable('PRIVATE_KEY_PASSPHRASE'), variable('HOST'), variable('PORT')]
  const protocol = variable('PROTOCOL') ?? 'https'
  const [role, warehouse, prefix] = [needed('ROLE'), needed('WAREHOUSE'), needed('DATABASE')]
  // Unquoted in SQL.
  if (!/^[A-Z][A-Z0-9_]{0,99}$/i.test(prefix)) throw new Error('SNOWFLAKE_TEST_DATABASE must be letters, digits and _')
  const run = randomBytes(4).toString('hex').toUpperCase()
  const made = new Set<string>()
  let count = 0
  let administrator: Promise<TwinClient> | undefined

  const connect = (database?: string) =>
    connectDriver({
      account,
      ...(host === undefined ? {} : { accessUrl: `${protocol}://${host}${port === undefined ? '' : `:${port}`}` }),
      username: user,
      authenticator: 'SNOWFLAKE_JWT',
      privateKeyPath: keyPath,
      ...(passphrase === undefined ? {} : { privateKeyPass: passphrase }),
      role,
      warehouse,
      ...(database === undefined ? {} : { database }),
    })
  const execute = async (sql: string) => {
    administrator ??= connect()
    return (await administrator).rows(sql)
  }
  const dropDatabase = async (name: string) => {
    await execute(`DROP DATABASE IF EXISTS ${name}`)
    made.delete(name)
  }

  return {
    destination: {
      type: 'snowflake',
      account,
      ...(host === undefined ? {} : { host, protocol }),
      ...(port === undefined ? {} : { port: Number(port) }),
      user,
      private_key_path: keyPath,
      ...(passphrase === undefined ? {} : { private_key_passphrase: passphrase }),
      role,
      warehouse,
    },
    async createDatabase() {
      const name = `${prefix.toUpperCase()}_${run}_${++count}`
      made.add(name)
      // Nothing of it is kept, or paid for, once it is dropped.
      await execute(`CREATE TRANSIENT DATABASE ${name} DATA_RETENTION_TIME_IN_DAYS = 0`)
      return name
    },
    dropDatabase,
    connect,
    async [Symbol.asyncDispose]() {
      try {
        for (const name of made) await dropDatabase(name)
        const left = await execute(`SHOW DATABASES LIKE '${prefix.toUpperCase()}_${run}_%'`)
        if (left.length > 0) throw new Error(`Databases were left: ${left.map(({ name }) => String(name)).join(', ')}`)
      } finally {
        await (await administrator)?.[Symbol.asyncDispose]()
      }
    },
  }
}
