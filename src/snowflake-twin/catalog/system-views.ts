/** Views and table functions that every account has. */
import type { StatementContext } from '../execution/statement-context.ts'
import { accountUsage, COPY_HISTORY_COLUMNS, copyRow } from '../history/account-usage.ts'
import { unsupported } from '../refusals.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { hasPrivilege } from './access-control.ts'
import { informationSchema } from './information-schema.ts'
import type { SystemView } from './system-relations.ts'
import { viewOf } from './view-columns.ts'

/** https://docs.snowflake.com/en/sql-reference/account-usage#account-usage-views-by-database-role; each opens all views here. */
const VIEWER_ROLES = ['USAGE_VIEWER', 'GOVERNANCE_VIEWER']

export function systemView(context: StatementContext, { database, schema, name }: ObjectName): SystemView | undefined {
  if (schema === 'INFORMATION_SCHEMA' && context.catalog.database(database))
    return informationSchema(context, database, name)
  if (database !== 'SNOWFLAKE' || schema !== 'ACCOUNT_USAGE') return undefined
  // IMPORTED PRIVILEGES on the database SNOWFLAKE open its views to a role, and its own roles some of them.
  const isOpen =
    hasPrivilege(context, 'IMPORTED PRIVILEGES', 'DATABASE', ['SNOWFLAKE']) ||
    VIEWER_ROLES.some((role) => hasPrivilege(context, 'USAGE', 'DATABASE_ROLE', ['SNOWFLAKE', role]))
  return isOpen ? accountUsage(context.state, name) : undefined
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
