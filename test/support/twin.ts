/** A twin for one test file, and the driver, as a user of Snowflake has it: promises around its callbacks, values as exact text. */
import type { Connection, ConnectionOptions, RowStatement } from 'snowflake-sdk'
import { startTwin, type Twin, type TwinOptions } from '../../src/snowflake-twin/twin.ts'

export type TextRow = Readonly<Record<string, string | boolean | null>>

export interface DriverError extends Error {
  readonly code: string
  readonly sqlState: string
}

/** One connection of the driver. */
export class TwinClient implements AsyncDisposable {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Numbers and times as text. */
  async rows(sqlText: string, binds: readonly (string | number | boolean | null)[] = []): Promise<readonly TextRow[]> {
    const [rows] = await this.execute(sqlText, binds)
    return rows
  }

  /** Values of the first column. */
  async column(sqlText: string): Promise<readonly (string | boolean | null)[]> {
    return (await this.rows(sqlText)).map((row) => Object.values(row)[0] ?? null)
  }

  /** Rows changed. */
  async run(sqlText: string, binds: readonly (string | number | boolean | null)[] = []): Promise<number> {
    const [, statement] = await this.execute(sqlText, binds)
    return statement.getNumUpdatedRows() ?? 0
  }

  execute(
    sqlText: string,
    binds: readonly (string | number | boolean | null)[] = [],
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly [readonly TextRow[], RowStatement]> {
    return new Promise((resolve, reject) => {
      this.connection.execute({
        sqlText,
        binds: [...binds] as (string | number)[],
        fetchAsString: ['Number', 'Date', 'JSON', 'Buffer'],
        parameters,
        complete: (error, statement, rows) =>
          error ? reject(error) : resolve([(rows ?? []) as TextRow[], statement as RowStatement]),
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.connection.destroy(() => resolve()))
  }
}

export function connectTwin(twin: Twin, options: Partial<ConnectionOptions> = {}): Promise<TwinClient> {
  return connectDriver({
    account: twin.account,
    accessUrl: twin.url,
    username: 'TESTER',
    password: 'anything',
    warehouse: 'COMPUTE_WH',
    ...options,
  })
}

export async function connectDriver(options: Partial<ConnectionOptions>): Promise<TwinClient> {
  process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = '1'
  const { default: snowflake } = await import('snowflake-sdk')
  snowflake.configure({ logLevel: 'OFF' })
  const connection = snowflake.createConnection({
    sfRetryMaxLoginRetries: 1,
    representNullAsStringNull: false,
    ...options,
  } as ConnectionOptions)
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
  return new TwinClient(connection)
}

/** A twin with a database `SHOP`, and one connection whose place is `SHOP.PUBLIC`. */
export async function openShop(
  options: TwinOptions = {},
): Promise<{ readonly twin: Twin; readonly client: TwinClient } & AsyncDisposable> {
  const twin = await startTwin({ threads: 1, ...options })
  await twin.sql('CREATE DATABASE IF NOT EXISTS SHOP')
  const client = await connectTwin(twin, { database: 'SHOP', schema: 'PUBLIC' })
  return {
    twin,
    client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]()
      await twin[Symbol.asyncDispose]()
    },
  }
}
