/** `snowflake local`: the twin, furnished with what a configuration names by default. */
import { once } from 'node:events'
import type { LocalSnowflakeReady, LocalSnowflakeRequest } from './core/local-snowflake.ts'
import { startTwin } from './snowflake-twin/twin.ts'

const ROLE = 'SIMPLYLOAD'
const WAREHOUSE = 'SIMPLYLOAD_WH'
const DATABASE = 'ANALYTICS'

const FURNISHING = `
  CREATE ROLE IF NOT EXISTS ${ROLE};
  CREATE WAREHOUSE IF NOT EXISTS ${WAREHOUSE} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;
  GRANT ALL PRIVILEGES ON WAREHOUSE ${WAREHOUSE} TO ROLE ${ROLE};
  CREATE DATABASE IF NOT EXISTS ${DATABASE};
  GRANT OWNERSHIP ON DATABASE ${DATABASE} TO ROLE ${ROLE};
  GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE ${ROLE}`

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
    user: 'simplyload',
    password: 'local',
    role: ROLE,
    warehouse: WAREHOUSE,
    database: DATABASE,
  })
  if (!signal.aborted) await once(signal, 'abort')
}
