/** Views and table functions that every account has. */
import type { StatementContext } from '../execution/statement-context.ts'
import { accountUsage, COPY_HISTORY_COLUMNS, copyRow } from '../history/account-usage.ts'
import { unsupported } from '../refusals.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { hasPrivilege } from './access-control.ts'
import { informationSchema } from './information-schema.ts'
import type { SystemView } from './system-relations.ts'
import { viewOf } from './view-columns.ts'

export function systemView(context: StatementContext, { database, schema, name }: ObjectName): SystemView | undefined {
  if (schema === 'INFORMATION_SCHEMA' && context.catalog.database(database))
    return informationSchema(context, database, name)
  if (database !== 'SNOWFLAKE' || schema !== 'ACCOUNT_USAGE') return undefined
  return mayRead(context, name) ? accountUsage(context.state, name) : undefined
}

/**
 * Imported privileges on the database SNOWFLAKE open all of its views to a role, its database roles some.
 * https://docs.snowflake.com/en/sql-reference/account-usage#account-usage-views-by-database-role
 */
function mayRead(context: StatementContext, name: string): boolean {
  const holds = (role: string): boolean => hasPrivilege(context, 'USAGE', 'DATABASE_ROLE', ['SNOWFLAKE', role])
  if (hasPrivilege(context, 'IMPORTED', 'DATABASE', ['SNOWFLAKE'])) return true
  if (name === 'QUERY_HISTORY') return holds('GOVERNANCE_VIEWER')
  return holds('USAGE_VIEWER') || (name === 'QUERY_ATTRIBUTION_HISTORY' && holds('GOVERNANCE_VIEWER'))
}

/** `TABLE(INFORMATION_SCHEMA.<name>(…))`; arguments that choose rows must be literals. */
export function systemFunction(
  { state, session }: StatementContext,
  name: string,
  argumentsSql: readonly { readonly name: string; readonly sql: string }[],
): SystemView | undefined {
  switch (name) {
    case 'QUERY_HISTORY':
    case 'QUERY_HISTORY_BY_SESSION':
      return accountUsage(state, 'QUERY_HISTORY')
    case 'WAREHOUSE_METERING_HISTORY':
      return accountUsage(state, 'WAREHOUSE_METERING_HISTORY')
    case 'COPY_HISTORY': {
      const table = literal(argumentsSql.find((argument) => argument.name === 'TABLE_NAME')?.sql)
      const [wanted = '', schema = session.place.schema, database = session.place.database] = table
        .split('.')
        .map((part) => (part.startsWith('"') ? part.slice(1, -1) : part.toUpperCase()))
        .reverse()
      return viewOf(COPY_HISTORY_COLUMNS, () =>
        state.loads
          .all()
          .filter(
            ({ table: { name: loaded } }) =>
              loaded.name === wanted && loaded.schema === schema && loaded.database === database,
          )
          .map(copyRow),
      )
    }
    default:
      return undefined
  }
}

function literal(sql: string | undefined): string {
  const [, text] = /^\s*'((?:[^']|'')*)'\s*$/.exec(sql ?? '') ?? []
  if (text === undefined) throw unsupported('a table function without a literal TABLE_NAME')
  return text.replaceAll("''", "'")
}
