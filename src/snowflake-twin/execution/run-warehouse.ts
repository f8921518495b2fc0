/** CREATE WAREHOUSE and ALTER WAREHOUSE. */
import { requirePrivilege } from '../catalog/access-control.ts'
import { type PlainOptions, plainOptions, type WarehouseObject } from '../catalog/catalog-objects.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { compilationError, notFound } from '../refusals.ts'
import type { AlterPlan, CreatePlan } from '../sql/plan.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { warehouseSize } from '../warehouses/cost-model.ts'
import { created, existing, headOf, withoutOptions } from './new-object.ts'
import { statusResult } from './run-query.ts'
import { changeCatalog, type StatementContext } from './statement-context.ts'
import { arrivalMs, settingsOf } from './warehouse-use.ts'

export async function createWarehouse(
  context: StatementContext,
  plan: Extract<CreatePlan, { readonly what: 'warehouse' }>,
): Promise<StatementResult> {
  const { state, session } = context
  requirePrivilege(context, 'CREATE WAREHOUSE', 'ACCOUNT', [])
  const before = state.catalog.find('warehouse', plan.name)
  const exists = existing(plan, before)
  if (exists !== undefined) return exists
  const options = checked(plainOptions(plan.options))
  const { INITIALLY_SUSPENDED: suspended, ...kept } = options
  const warehouse = await changeCatalog(context, async (draft) => {
    if (before !== undefined) draft.remove(before)
    const object: WarehouseObject = {
      ...headOf(context, draft, plan.comment),
      kind: 'warehouse',
      name: plan.name,
      options: kept,
    }
    draft.put(object)
    return object
  })
  const at = arrivalMs(context)
  if (before !== undefined) state.meter.suspend(plan.name, at)
  // A new warehouse runs at once unless told otherwise. https://docs.snowflake.com/en/sql-reference/sql/create-warehouse
  if (suspended !== true) state.meter.resume(plan.name, settingsOf(warehouse), at)
  session.place.warehouse = plan.name
  return created('Warehouse', plan.name)
}

export async function alterWarehouse(
  context: StatementContext,
  plan: Extract<AlterPlan, { readonly what: 'warehouse' }>,
): Promise<StatementResult> {
  const { state, session } = context
  const { action } = plan
  const warehouse = state.catalog.find('warehouse', plan.name)
  if (warehouse === undefined && plan.ifExists) return done()
  if (warehouse === undefined) throw notFound('Warehouse', plan.name)
  const { name } = warehouse
  const at = arrivalMs(context)
  switch (action.type) {
    case 'suspend':
      requirePrivilege(context, 'OPERATE', 'WAREHOUSE', [name])
      if (!state.meter.isRunning(name, at)) throw invalidState('090064', name, 'suspended')
      state.meter.suspend(name, at)
      return done()
    case 'resume':
      requirePrivilege(context, 'OPERATE', 'WAREHOUSE', [name])
      if (state.meter.isRunning(name, at)) {
        if (action.ifSuspended) return done()
        throw invalidState('090063', name, 'resumed')
      }
      state.meter.resume(name, settingsOf(warehouse), at)
      return done()
    case 'abort_all_queries':
      requirePrivilege(context, 'OPERATE', 'WAREHOUSE', [name])
      return done()
    case 'rename':
      requirePrivilege(context, 'MODIFY', 'WAREHOUSE', [name])
      await changeCatalog(context, async (draft) => draft.put({ ...warehouse, name: action.to }))
      state.meter.rename(name, action.to)
      if (session.place.warehouse === name) session.place.warehouse = action.to
      return done()
    case 'set':
    case 'unset': {
      requirePrivilege(context, 'MODIFY', 'WAREHOUSE', [name])
      const options =
        action.type === 'set'
          ? { ...warehouse.options, ...checked(plainOptions(action.options)) }
          : withoutOptions(warehouse.options, action.names)
      const { COMMENT: comment = warehouse.comment, ...kept } = options
      const changed = { ...warehouse, options: kept, comment: String(comment) }
      await changeCatalog(context, async (draft) => draft.put(changed))
      state.meter.change(name, settingsOf(changed), at)
      return done()
    }
  }
}

/** Sizes in Snowflake's own writing; others are refused. */
function checked(options: PlainOptions): PlainOptions {
  const { WAREHOUSE_SIZE: size } = options
  if (size === undefined) return options
  const known = warehouseSize(String(size))
  if (known === undefined)
    throw compilationError('001008', '22023', `invalid value [${String(size)}] for parameter 'WAREHOUSE_SIZE'`)
  return { ...options, WAREHOUSE_SIZE: known }
}

function invalidState(code: string, name: string, what: string): SnowflakeError {
  return new SnowflakeError(code, '22000', `Invalid state. Warehouse '${name}' cannot be ${what}.`)
}

function done(): StatementResult {
  return statusResult(STATEMENT_TYPE.ddl, 'Statement executed successfully.')
}
