/** ALTER of what is neither a table nor a warehouse, and COMMENT ON. */
import { requirePrivilege } from '../catalog/access-control.ts'
import { type AnyObject, plainOptions, shownName } from '../catalog/catalog-objects.ts'
import type { ObjectKind } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { compilationError, notFound, unsupported } from '../refusals.ts'
import type { AlterPlan, CommentPlan } from '../sql/plan.ts'
import { withoutOptions } from './new-object.ts'
import { statusResult } from './run-query.ts'
import { changeCatalog, type StatementContext } from './statement-context.ts'

type ObjectPlan = Exclude<AlterPlan, { readonly what: 'table' } | { readonly what: 'warehouse' }>

export async function alterObject(context: StatementContext, plan: ObjectPlan): Promise<StatementResult> {
  const { state } = context
  context.record.type = 'ALTER'
  const found = state.catalog.find(plan.what, ...plan.name)
  if (found === undefined && plan.ifExists) return done()
  if (found === undefined) throw notFound(plan.what, plan.name.map(shownName).join('.'))
  requirePrivilege(context, 'OWNERSHIP', plan.what.toUpperCase(), plan.name)
  const { action } = plan
  const changed = ((): AnyObject => {
    switch (action.type) {
      case 'rename':
        if (found.kind !== 'view' && found.kind !== 'stage' && found.kind !== 'file_format')
          throw unsupported(`renaming a ${plan.what}`)
        {
          const [name = '', schema = found.name.schema, database = found.name.database] = [...action.to].reverse()
          return { ...found, name: { database, schema, name } }
        }
      case 'set': {
        const { COMMENT: comment = found.comment, ...options } = plainOptions(action.options)
        const described = { ...found, comment: String(comment) }
        return 'options' in described ? { ...described, options: { ...described.options, ...options } } : described
      }
      case 'unset': {
        const described = { ...found, comment: action.names.includes('COMMENT') ? '' : found.comment }
        return 'options' in described
          ? { ...described, options: withoutOptions(described.options, action.names) }
          : described
      }
    }
  })()
  await changeCatalog(context, async (draft) => draft.put(changed))
  return done()
}

export async function runComment(context: StatementContext, plan: CommentPlan): Promise<StatementResult> {
  const { state, catalog } = context
  context.record.type = 'COMMENT'
  const { comment } = plan
  const [database = '', schema = '', name = '', column] = plan.name
  if (plan.what === 'COLUMN' || plan.what === 'TABLE') {
    const table = catalog.table({ database, schema, name })
    if (table === undefined && plan.ifExists) return done()
    if (table === undefined) throw notFound('Table', plan.name.slice(0, 3).map(shownName).join('.'))
    if (plan.what === 'TABLE') await changeCatalog(context, async (draft) => draft.put({ ...table, comment }))
    else {
      if (!table.columns.some((candidate) => candidate.name === column))
        throw compilationError('000904', '42000', `invalid identifier '${column}'`)
      const columns = table.columns.map((before) => (before.name === column ? { ...before, comment } : before))
      await changeCatalog(context, async (draft) => draft.put({ ...table, columns }))
    }
    return done()
  }
  const found = state.catalog.find(plan.what.toLowerCase().replaceAll(' ', '_') as ObjectKind, ...plan.name)
  if (found === undefined && plan.ifExists) return done()
  if (found === undefined) throw notFound(plan.what, plan.name.map(shownName).join('.'))
  await changeCatalog(context, async (draft) => draft.put({ ...found, comment }))
  return done()
}

function done(): StatementResult {
  return statusResult(STATEMENT_TYPE.ddl, 'Statement executed successfully.')
}
