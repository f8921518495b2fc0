/** USE, SET, ALTER SESSION, BEGIN, COMMIT, ROLLBACK. */
import { hasPrivilege, mayUseRole, SYSTEM_ROLES } from '../catalog/access-control.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { compilationError, unsupported } from '../refusals.ts'
import type { SetParametersPlan, SetVariablesPlan, TransactionPlan, UsePlan } from '../sql/plan.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { statusResult } from './run-query.ts'
import { interruptible, queryRows, type StatementContext } from './statement-context.ts'

const DONE = 'Statement executed successfully.'

export async function runTransaction(context: StatementContext, plan: TransactionPlan): Promise<StatementResult> {
  const { session, record, signal } = context
  const { transaction } = session
  record.type = plan.action === 'begin' ? 'BEGIN_TRANSACTION' : plan.action.toUpperCase()
  switch (plan.action) {
    case 'begin':
      // BEGIN within a transaction has no effect. https://docs.snowflake.com/en/sql-reference/sql/begin
      if (!transaction.isOpen) await transaction.begin(session.lockOwner(record.id), true)
      break
    case 'commit':
      await interruptible(session, signal, () => transaction.commit())
      break
    case 'rollback':
      await transaction.rollback()
      break
  }
  return statusResult(STATEMENT_TYPE.tcl, DONE)
}

export function runUse(context: StatementContext, plan: UsePlan): StatementResult {
  const { state, session, catalog, record } = context
  const { place } = session
  record.type = 'USE'
  switch (plan.what) {
    case 'database':
      if (!catalog.database(plan.name) || !hasPrivilege(context, 'USAGE', 'DATABASE', [plan.name])) throw missing()
      place.database = plan.name
      place.schema = catalog.schema(plan.name, 'PUBLIC') ? 'PUBLIC' : undefined
      break
    case 'schema': {
      const database = plan.database ?? place.database
      if (database === undefined)
        throw compilationError(
          '090105',
          '22000',
          "Cannot perform USE SCHEMA. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.",
        )
      if (!catalog.schema(database, plan.name) || !hasPrivilege(context, 'USAGE', 'SCHEMA', [database, plan.name]))
        throw missing()
      place.database = database
      place.schema = plan.name
      break
    }
    case 'warehouse':
      if (
        state.catalog.find('warehouse', plan.name) === undefined ||
        !hasPrivilege(context, 'USAGE', 'WAREHOUSE', [plan.name])
      )
        throw missing()
      place.warehouse = plan.name
      break
    case 'role':
      requireRole(context, plan.name)
      place.role = plan.name
      break
    case 'secondary_roles':
      // Privileges of secondary roles are not counted: a statement is refused rather than let through.
      break
  }
  return statusResult(STATEMENT_TYPE.use, DONE)
}

function requireRole({ state, session }: StatementContext, role: string): void {
  const exists = SYSTEM_ROLES.includes(role) || state.catalog.find('role', role) !== undefined
  if (!exists) throw missing()
  if (!mayUseRole(state.catalog, session.user, role))
    throw new SnowflakeError(
      '003013',
      '42501',
      `SQL access control error:\nRequested role '${role}' is not assigned to the executing user.  Specify another role to activate.`,
    )
}

export function setParameters(context: StatementContext, plan: SetParametersPlan): StatementResult {
  const { parameters } = context.session
  context.record.type = 'ALTER_SESSION'
  for (const [name, value] of plan.set) parameters.set(name, value)
  for (const name of plan.unset) parameters.unset(name)
  return statusResult(STATEMENT_TYPE.scl, DONE)
}

export async function setVariables(context: StatementContext, plan: SetVariablesPlan): Promise<StatementResult> {
  const { variables } = context.session
  context.record.type = plan.names.length > 0 ? 'SET' : 'UNSET'
  for (const name of plan.unset) variables.delete(name)
  if (plan.names.length > 0) {
    const [row] = await queryRows(context, plan.sql)
    for (const [index, name] of plan.names.entries()) {
      const type = plan.types[index]
      if (type === undefined) throw unsupported('a variable without a type')
      const value = row?.[index] ?? null
      variables.set(name, { type, value: value === null ? null : String(value) })
    }
  }
  return statusResult(STATEMENT_TYPE.scl, DONE)
}

function missing(): SnowflakeError {
  return compilationError('002043', '02000', 'Object does not exist, or operation cannot be performed.')
}
