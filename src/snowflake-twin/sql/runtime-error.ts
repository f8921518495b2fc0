/** What DuckDB says while it runs translated SQL, as Snowflake would have said it. */
import { SnowflakeError } from './snowflake-error.ts'

/** An error that DuckDB threw, numbered as Snowflake does; a SnowflakeError is given back as it is. */
export function runtimeError(error: unknown): SnowflakeError {
  if (error instanceof SnowflakeError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SnowflakeError('000603', 'XX000', `The local Snowflake failed: ${message}`)
}
