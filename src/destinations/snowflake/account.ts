/** What is asked of an account besides moving data: its set-up and its bill. */
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { SetupAdministrator } from '../../core/warehouse-cost.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import { SnowflakePool, type SnowflakePoolOptions } from './connection-pool.ts'
import { readPrivateKey } from './connection-settings.ts'
import { type CostHistory, costHistory } from './cost-history.ts'
import { type SetupStatement, setupStatements } from './setup.ts'

export interface SetupPlace {
  /** `s3://bucket/prefix` of an external stage. */
  readonly bucketLocation: string | undefined
  readonly awsRoleArn: string | undefined
}

/** Nothing is sent. Throws `destination_authentication` for a key that is there and cannot be read. */
export async function plannedSetup(
  config: SnowflakeDestinationConfig,
  folder: string,
  { bucketLocation, awsRoleArn }: SetupPlace,
): Promise<readonly SetupStatement[]> {
  const { user, role, warehouse, database, suspendWhenDone, stage, private_key_path } = config
  const isMissing = private_key_path !== undefined && !(await isThere(resolve(folder, private_key_path)))
  const integration = stage.type === 'external' ? stage.storage_integration : undefined
  return setupStatements({
    user,
    role,
    warehouse,
    database,
    suspendWhenDone,
    privateKey: isMissing ? undefined : await readPrivateKey(config, folder),
    isKeyMissing: isMissing,
    hasPassword: config.password !== undefined,
    external:
      integration === undefined || bucketLocation === undefined
        ? undefined
        : { storageIntegration: integration, location: bucketLocation, awsRoleArn },
  })
}

/** One after the other, in one session; each once it is applied. The first that fails ends it; all can be run again. */
export async function* applySetup(
  options: SnowflakePoolOptions,
  administrator: SetupAdministrator,
  statements: readonly SetupStatement[],
  signal: AbortSignal,
): AsyncGenerator<SetupStatement, void, undefined> {
  const config = administratorConfig(options.config, administrator)
  await using pool = new SnowflakePool({ ...options, config })
  // One call for each: roles are changed within the session, which the pool gives back as it is.
  for (const statement of statements) {
    if (statement.isTemplate) continue
    await pool.use(`Setting up Snowflake: ${statement.why}`, { phase: 'setup' }, signal, (session) =>
      session.run(statement.sql),
    )
    yield statement
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

export async function accountCost(
  options: SnowflakePoolOptions,
  days: number,
  signal: AbortSignal,
): Promise<CostHistory> {
  await using pool = new SnowflakePool(options)
  const { warehouse, database, role } = options.config
  try {
    return await pool.use('Reading account usage', { phase: 'cost' }, signal, (session) =>
      costHistory(session, { warehouse, database, days }),
    )
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'destination_permission') throw error
    throw new PipelineError(error.code, error.message, {
      cause: error.cause,
      hint: `As ACCOUNTADMIN: GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ${role}`,
      context: error.context,
    })
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
