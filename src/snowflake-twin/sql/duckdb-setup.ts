/** What a DuckDB instance needs before translated SQL runs on it. */
import type { DuckDBConnection } from '@duckdb/node-api'

/** Once per connection that runs translated SQL: settings and functions. */
export async function prepareDuckdb(connection: DuckDBConnection): Promise<void> {
  // Text → TIMESTAMPTZ and AT TIME ZONE must not depend on the machine's own zone.
  await connection.run("SET TimeZone = 'UTC'")
}
