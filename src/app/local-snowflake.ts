/** `snowflake local`: the twin, furnished with what a configuration names by default. */
import { once } from 'node:events'
import type { LocalSnowflakeReady, LocalSnowflakeRequest } from '../core/local-snowflake.ts'
import { startTwin } from '../snowflake-twin/twin.ts'

const USER = 'SIMPLYLOAD'
const ROLE = 'SIMPLYLOAD'
const WAREHOUSE = 'SIMPLYLOAD_WH'
const DATABASE = 'ANALYTICS'

/** As `simplyload snowflake setup` has an administrator do it. */
const FURNISHING = `
  USE ROLE SECURITYADMIN;
  CREATE ROLE IF NOT EXISTS ${ROLE};
  GRANT ROLE ${ROLE} TO ROLE SYSADMIN;
  CREATE USER IF NOT EXISTS ${USER} DEFAULT_ROLE = '${ROLE}' DEFAULT_WAREHOUSE = '${WAREHOUSE}';
  GRANT ROLE ${ROLE} TO USER ${USER};
  USE ROLE SYSADMIN;
  CREATE WAREHOUSE IF NOT EXISTS ${WAREHOUSE} WAREHOUSE_SIZE = XSMALL GENERATION = '1' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE
    ENABLE_QUERY_ACCELERATION = FALSE INITIALLY_SUSPENDED = TRUE;
  GRANT USAGE, OPERATE ON WAREHOUSE ${WAREHOUSE} TO ROLE ${ROLE};
  CREATE DATABASE IF NOT EXISTS ${DATABASE};
  GRANT USAGE, CREATE SCHEMA ON DATABASE ${DATABASE} TO ROLE ${ROLE};
  USE ROLE ACCOUNTADMIN;
  GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ${ROLE}`

export async function runLocalSnowflake(
  { port, path, signal }: LocalSnowflakeRequest,
  onReady: (ready: LocalSnowflakeReady) => void,
): Promise<void> {
  await using twin = await startTwin({ port, ...(path === undefined ? {} : { path }) })
  await twin.sql(FURNISHING)
  onReady({
    account: twin.account.toLowerCase(),
    host: '127.0.0.1',
    port: twin.port,
    user: USER,
    password: 'local',
    role: ROLE,
    warehouse: WAREHOUSE,
    database: DATABASE,
  })
  if (!signal.aborted) await once(signal, 'abort')
}
