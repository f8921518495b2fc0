import { z } from 'zod'

const SCHEMA_FORM =
  'a name of lower-case letters, digits and _, at most 63, and neither public nor one of PostgreSQL itself'

/** `problemOf` says what is wrong with a connection string, without quoting it. */
export function postgresStateSchema(problemOf: (url: string) => string | undefined) {
  return z.strictObject({
    type: z
      .literal('postgres')
      .describe(
        'Tables in a PostgreSQL database, for those who like to look at them with SQL. Several machines reach them.',
      ),
    url: z
      .string()
      .min(1)
      .superRefine((url, context) => {
        const problem = problemOf(url)
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
      })
      .describe(
        'Connection string as libpq takes it: postgres://user:password@host:5432/database?sslmode=require. A direct connection: a pooler in transaction mode does not do.',
      ),
    schema: z
      .string()
      .regex(/^(?!pg_|public$|information_schema$)[a-z_][a-z0-9_]{0,62}$/, `must be ${SCHEMA_FORM}`)
      .default('simplyload')
      .describe('Schema of its own, made where it is missing. One per configuration file.'),
  })
}

export type PostgresStateConfig = z.output<ReturnType<typeof postgresStateSchema>>
