/** The translator's front door: one Snowflake statement in, one {@link Plan} out. */
import type { Plan } from './plan.ts'
import type { SessionContext } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'

/** Asynchronous only where the statement reads a stage. Throws SnowflakeError. */
export async function translate(sql: string, _context: SessionContext): Promise<Plan> {
  throw new SnowflakeError(
    '001003',
    '42000',
    `SQL compilation error:\nthe local Snowflake does not know ${sql.trim().split(/\s+/)[0] ?? ''}`,
  )
}
