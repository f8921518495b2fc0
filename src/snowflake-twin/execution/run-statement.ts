/** One statement of a session: translated, then given to whoever runs its kind. */
import { SessionCatalog } from '../catalog/session-catalog.ts'
import { SystemRelations } from '../catalog/system-relations.ts'
import { systemFunction, systemView } from '../catalog/system-views.ts'
import type { QueryRecord } from '../history/query-history.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { unsupported } from '../refusals.ts'
import type { Session } from '../session.ts'
import type { Plan } from '../sql/plan.ts'
import type { Bind, SessionContext } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { translate } from '../sql/translate.ts'
import { openStageRows } from '../stages/stage-access.ts'
import type { TwinState } from '../twin-state.ts'
import { alterObject, runComment } from './alter-object.ts'
import { alterTable } from './alter-table.ts'
import { runCopy } from './run-copy.ts'
import { runDescribe } from './run-describe.ts'
import { runDml, runTruncate } from './run-dml.ts'
import { runFiles } from './run-files.ts'
import { runGrant } from './run-grant.ts'
import { createAccountObject, createDatabase, createInSchema, createSchema, dropObject } from './run-object-ddl.ts'
import { rowsResult, runQuery } from './run-query.ts'
import { runTransaction, runUse, setParameters, setVariables } from './run-session.ts'
import { runShow } from './run-show.ts'
import { createTable, dropTable } from './run-table-ddl.ts'
import { alterWarehouse, createWarehouse } from './run-warehouse.ts'
import type { StatementContext } from './statement-context.ts'
import { arrivalMs } from './warehouse-use.ts'

export interface Statement {
  readonly sql: string
  readonly binds: readonly Bind[]
  /** Only what its result looks like; nothing is changed. */
  readonly describeOnly: boolean
  /** The upload of a PUT is to fail. */
  readonly isUploadCut: boolean
}

export async function runStatement(
  state: TwinState,
  session: Session,
  statement: Statement,
  record: QueryRecord,
  signal: AbortSignal,
): Promise<StatementResult> {
  const system = new SystemRelations(
    (name) => systemView(context, name),
    (name, argumentsSql) => systemFunction(context, name, argumentsSql),
    (queryId) => state.history.result(queryId),
  )
  const catalog: SessionCatalog = new SessionCatalog(state.catalog, session, system, (read) =>
    openStageRows(context, read),
  )
  const context: StatementContext = { state, session, catalog, system, record, signal }
  record.startMs = record.endMs = arrivalMs(context)
  const lost = session.takeLostTransaction()
  if (lost !== undefined)
    throw new SnowflakeError(
      '000625',
      '57014',
      `Transaction '${lost}' was aborted: it was idle while other statements waited for its locks.`,
    )
  const plan = await translate(statement.sql, sessionContext(context, statement.binds))
  if (statement.describeOnly) return describedOnly(plan)
  if (isDefinition(plan)) await session.transaction.commit()
  return run(context, plan, statement)
}

function sessionContext({ state, session, catalog }: StatementContext, binds: readonly Bind[]): SessionContext {
  const { place, parameters } = session
  return {
    catalog,
    database: place.database,
    schema: place.schema,
    role: place.role,
    warehouse: place.warehouse,
    user: session.user,
    account: state.account,
    sessionId: session.id,
    parameters: new Map([...parameters.all()].map(([name, value]) => [name, String(value)])),
    variables: session.variables,
    binds,
    now: BigInt(state.clock.nowMs()) * 1000n,
    transactionId: session.transaction.id,
    queryIds: session.queryIds,
  }
}

/** DDL commits an open transaction first. https://docs.snowflake.com/en/sql-reference/transactions#ddl */
function isDefinition({ kind }: Plan): boolean {
  return kind === 'create' || kind === 'alter' || kind === 'drop' || kind === 'grant' || kind === 'comment'
}

function run(context: StatementContext, plan: Plan, statement: Statement): Promise<StatementResult> | StatementResult {
  switch (plan.kind) {
    case 'query':
      return runQuery(context, plan)
    case 'dml':
      return runDml(context, plan)
    case 'copy':
      return runCopy(context, plan)
    case 'truncate':
      return runTruncate(context, plan)
    case 'put':
    case 'get':
    case 'list':
    case 'remove':
      return runFiles(context, plan, statement.isUploadCut)
    case 'transaction':
      return runTransaction(context, plan)
    case 'use':
      return runUse(context, plan)
    case 'set_parameters':
      return setParameters(context, plan)
    case 'set_variables':
      return setVariables(context, plan)
    case 'show':
      return runShow(context, plan)
    case 'describe':
      return runDescribe(context, plan)
    case 'create':
      return create(context, plan)
    case 'alter':
      if (plan.what === 'table') return alterTable(context, plan)
      return plan.what === 'warehouse' ? alterWarehouse(context, plan) : alterObject(context, plan)
    case 'drop':
      if (plan.undrop) throw unsupported('UNDROP')
      return plan.what === 'table' ? dropTable(context, tableName(plan.name), plan.ifExists) : dropObject(context, plan)
    case 'grant':
      return runGrant(context, plan)
    case 'comment':
      return runComment(context, plan)
    case 'explain':
      throw unsupported('EXPLAIN')
  }
}

function create(context: StatementContext, plan: Extract<Plan, { readonly kind: 'create' }>): Promise<StatementResult> {
  context.record.type = 'CREATE'
  switch (plan.what) {
    case 'table':
      return createTable(context, plan)
    case 'database':
      return createDatabase(context, plan)
    case 'schema':
      return createSchema(context, plan)
    case 'warehouse':
      return createWarehouse(context, plan)
    case 'view':
    case 'stage':
    case 'file_format':
    case 'sequence':
      return createInSchema(context, plan)
    default:
      return createAccountObject(context, plan)
  }
}

function describedOnly(plan: Plan): StatementResult {
  if (plan.kind !== 'query') throw unsupported('describing what is no query')
  const columns = plan.columns.map(({ name, type, nullable }) => ({ name, type, isNullable: nullable }))
  return rowsResult(STATEMENT_TYPE.select, columns, [])
}

function tableName([database = '', schema = '', name = '']: readonly string[]): {
  database: string
  schema: string
  name: string
} {
  return { database, schema, name }
}
