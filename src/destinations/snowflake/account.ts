/** What is asked of an account besides moving data: its set-up and its bill. */
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { DayEstimate, SetupAdministrator, TableVolume } from '../../core/warehouse-cost.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import { SnowflakePool, type SnowflakePoolOptions } from './connection-pool.ts'
import { readPrivateKey } from './connection-settings.ts'
import { type CostHistory, costHistory } from './cost-history.ts'
import { estimateDay } from './cost-model.ts'
import { shown } from './grant-hint.ts'
import { catalogName } from './identifiers.ts'
import { type SetupStatement, setupStatements } from './setup.ts'

export class SnowflakeAccount {
  readonly #options: SnowflakePoolOptions
  /** `s3://bucket/prefix` of an external stage. */
  readonly #bucketLocation: string | undefined
  readonly #databases: readonly string[]

  /** `databases`: that tables are to be in, as they are written. */
  constructor(options: SnowflakePoolOptions, bucketLocation: string | undefined, databases: readonly string[] = []) {
    this.#options = options
    this.#bucketLocation = bucketLocation
    this.#databases = databases
  }

  get creditPrice(): number {
    return this.#options.config.creditPrice
  }

  /** Nothing is sent. Throws `destination_authentication` for a key that is there and cannot be read. */
  async plannedSetup(awsRoleArn: string | undefined): Promise<readonly SetupStatement[]> {
    const { config, folder } = this.#options
    const { user, role, warehouse, database, suspendWhenDone, stage, private_key_path } = config
    const isMissing = private_key_path !== undefined && !(await isThere(resolve(folder, private_key_path)))
    const storageIntegration = stage.type === 'external' ? stage.storage_integration : undefined
    const location = this.#bucketLocation
    const databases = this.#databases.map((name) => (config.case === 'upper' ? name.toUpperCase() : name))
    return setupStatements({
      user,
      role,
      warehouse,
      database,
      otherDatabases: [...new Set(databases)].filter((name) => name !== catalogName(database)),
      suspendWhenDone,
      privateKey: isMissing ? undefined : await readPrivateKey(config, folder),
      isKeyMissing: isMissing,
      hasPassword: config.password !== undefined,
      external:
        storageIntegration === undefined || location === undefined
          ? undefined
          : { storageIntegration, location, awsRoleArn },
    })
  }

  /** One after the other, in one session; each once it is applied. The first that fails ends it; all can be run again. */
  async *applySetup(
    administrator: SetupAdministrator,
    statements: readonly SetupStatement[],
    signal: AbortSignal,
  ): AsyncGenerator<SetupStatement, void, undefined> {
    const config = administratorConfig(this.#options.config, administrator)
    await using pool = new SnowflakePool({ ...this.#options, config })
    // One call for each: roles are changed within the session, which the pool gives back as it is.
    for (const statement of statements) {
      if (statement.isTemplate) continue
      await pool.use(`Setting up Snowflake: ${statement.why}`, { phase: 'setup' }, signal, (session) =>
        session.run(statement.sql),
      )
      yield statement
    }
  }

  async cost(days: number, signal: AbortSignal): Promise<CostHistory> {
    await using pool = new SnowflakePool(this.#options)
    const { warehouse, database, role } = this.#options.config
    try {
      return await pool.use('Reading account usage', { phase: 'cost' }, signal, (session) =>
        costHistory(session, { warehouse, database, days }),
      )
    } catch (error) {
      if (!(error instanceof PipelineError) || error.code !== 'destination_permission') throw error
      throw new PipelineError(error.code, error.message, {
        cause: error.cause,
        hint: `As ACCOUNTADMIN: GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ${shown(role)}`,
        context: error.context,
      })
    }
  }

  /** A warehouse as `snowflake setup` makes it. */
  estimate(volumes: readonly TableVolume[]): DayEstimate {
    const { suspendWhenDone } = this.#options.config
    return estimateDay(volumes, { creditsPerHour: 1, suspendWhenDone, autoSuspendSeconds: 60 })
  }
}

function administratorConfig(
  config: SnowflakeDestinationConfig,
  { user, role, privateKeyPath, privateKeyPassphrase, token, password }: SetupAdministrator,
): SnowflakeDestinationConfig {
  const given = [privateKeyPath, token, password].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw new PipelineError('config_invalid', `Logging in as ${user}`, {
      cause: new Error(given.length === 0 ? 'no key, token or password is given' : 'more than one way is given'),
      hint: 'Give --admin-key <file>, or set SNOWFLAKE_ADMIN_TOKEN or SNOWFLAKE_ADMIN_PASSWORD; or print the statements and run them in Snowsight',
    })
  }
  return {
    ...config,
    user,
    role,
    private_key: undefined,
    private_key_path: privateKeyPath,
    private_key_passphrase: privateKeyPassphrase,
    token,
    token_path: undefined,
    oauth: undefined,
    password,
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
