/** CREATE, ALTER, DROP and COMMENT ON of everything but tables and warehouses. */
import { requirePrivilege, SYSTEM_ROLES } from '../catalog/access-control.ts'
import {
  type AnyObject,
  type DatabaseObject,
  fullName,
  plainOptions,
  type SchemaObject,
  shownName,
  type ViewObject,
} from '../catalog/catalog-objects.ts'
import type { CatalogDraft, ObjectKind } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { alreadyExists, notFound, unsupported } from '../refusals.ts'
import { nameKey } from '../session.ts'
import type { CreatePlan, DropPlan } from '../sql/plan.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { created, existing, headOf, type ObjectHead, putNew, requireSchema } from './new-object.ts'
import { statusResult } from './run-query.ts'
import { dropPhysical } from './run-table-ddl.ts'
import { changeCatalog, type StatementContext } from './statement-context.ts'

type Plan<W> = Extract<CreatePlan, { readonly what: W }>
type SchemaLevel = Plan<'view' | 'stage' | 'file_format' | 'sequence'>

export async function createDatabase(context: StatementContext, plan: Plan<'database'>): Promise<StatementResult> {
  const { session, catalog } = context
  requirePrivilege(context, 'CREATE DATABASE', 'ACCOUNT', [])
  if (plan.clone !== undefined) throw unsupported('CLONE of a database')
  const before = context.state.catalog.find('database', plan.name)
  const exists = existing(plan, before)
  if (exists !== undefined) return exists
  if (catalog.database(plan.name) && before === undefined) throw alreadyExists(plan.name)
  await changeCatalog(context, async (draft) => {
    if (before !== undefined) await removeDatabase(context, draft, before)
    const head = headOf(context, draft, plan.comment)
    draft.put({
      ...head,
      kind: 'database',
      name: plan.name,
      isTransient: plan.transient,
      options: plainOptions(plan.options),
    })
    const schema = headOf(context, draft, undefined)
    draft.put({ ...schema, kind: 'schema', database: plan.name, name: 'PUBLIC', isTransient: false, options: {} })
  })
  session.place.database = plan.name
  session.place.schema = 'PUBLIC'
  return created('Database', plan.name)
}

export async function createSchema(context: StatementContext, plan: Plan<'schema'>): Promise<StatementResult> {
  const { session, catalog, state } = context
  if (!catalog.database(plan.database)) throw notFound('Database', plan.database)
  requirePrivilege(context, 'CREATE SCHEMA', 'DATABASE', [plan.database])
  if (plan.clone !== undefined) throw unsupported('CLONE of a schema')
  const before = state.catalog.find('schema', plan.database, plan.name)
  const exists = existing(plan, before)
  if (exists !== undefined) return exists
  await changeCatalog(context, async (draft) => {
    if (before !== undefined) await removeSchema(context, draft, before)
    const head = headOf(context, draft, plan.comment)
    const { database, name, transient: isTransient } = plan
    putNew(context, draft, {
      ...head,
      kind: 'schema',
      database,
      name,
      isTransient,
      options: plainOptions(plan.options),
    })
  })
  session.place.database = plan.database
  session.place.schema = plan.name
  return created('Schema', plan.name)
}

export async function createInSchema(context: StatementContext, plan: SchemaLevel): Promise<StatementResult> {
  const { session, state, catalog } = context
  const name = plan.object
  requireSchema(context, name)
  const title = TITLES[plan.what]
  const isTemporary = plan.what === 'stage' && plan.temporary
  if (!isTemporary) requirePrivilege(context, `CREATE ${title.toUpperCase()}`, 'SCHEMA', [name.database, name.schema])
  const before =
    plan.what === 'view'
      ? catalog.object(name)
      : plan.what === 'stage'
        ? isTemporary
          ? session.temporaryStages.get(nameKey(name))
          : state.catalog.findIn('stage', name)
        : state.catalog.findIn(plan.what, name)
  const exists = existing(plan, before)
  if (exists !== undefined) return exists
  if (before?.kind === 'table') throw alreadyExists(fullName(name))
  if (isTemporary) {
    const head = headOf(context, state.catalog, plan.comment)
    const options = plainOptions(plan.options)
    session.temporaryStages.set(nameKey(name), { ...head, kind: 'stage', name, isTemporary, options })
    return created(title, `area ${name.name}`)
  }
  await changeCatalog(context, async (draft) => {
    if (before !== undefined) draft.remove(before)
    putNew(context, draft, schemaLevelObject(context, headOf(context, draft, plan.comment), plan))
  })
  return plan.what === 'stage' ? created('Stage', `area ${name.name}`) : created(title, name.name)
}

function schemaLevelObject(context: StatementContext, head: ObjectHead, plan: SchemaLevel): AnyObject {
  const name = plan.object
  switch (plan.what) {
    case 'view':
      return {
        ...head,
        kind: 'view',
        name,
        columns: plan.columns.map((column) => ({
          name: column.name,
          type: column.type,
          comment: column.comment ?? '',
        })),
        sql: plan.query.sql,
        text: plan.text,
        isSecure: plan.secure,
        reads: readTables(context, plan.query.sql),
      }
    case 'stage':
      return { ...head, kind: 'stage', name, isTemporary: false, options: plainOptions(plan.options) }
    case 'file_format':
      return { ...head, kind: 'file_format', name, options: plainOptions(plan.options) }
    case 'sequence':
      return {
        ...head,
        kind: 'sequence',
        name,
        options: { START: String(plan.start), INCREMENT: String(plan.step), SEQUENCE: `data.q${head.id}` },
      }
  }
}

/** Tables in a DuckDB query, those of the views in it too. */
function readTables({ state }: StatementContext, sql: string): ViewObject['reads'] {
  if (/\btemp\./.test(sql)) throw unsupported('a view on a system view or a temporary table')
  const names = new Set(sql.match(/\bdata\.t\d+\b/g))
  return state.catalog
    .all('table')
    .filter(({ from }) => names.has(from))
    .map(({ name, from }) => ({ name, from }))
}

export async function createAccountObject(
  context: StatementContext,
  plan: Plan<'role' | 'user' | 'integration' | 'resource_monitor' | 'network_policy'>,
): Promise<StatementResult> {
  const { state } = context
  const title = TITLES[plan.what]
  requirePrivilege(context, `CREATE ${title.toUpperCase()}`, 'ACCOUNT', [])
  const before = state.catalog.find(plan.what, plan.name)
  const exists = existing(plan, before)
  if (exists !== undefined) return exists
  if (plan.what === 'role' && SYSTEM_ROLES.includes(plan.name)) throw alreadyExists(plan.name)
  await changeCatalog(context, async (draft) => {
    if (before !== undefined) draft.remove(before)
    const head = headOf(context, draft, plan.comment)
    const { what, name } = plan
    draft.put(
      what === 'role'
        ? { ...head, kind: what, name }
        : { ...head, kind: what, name, options: plainOptions(plan.options) },
    )
  })
  return created(title, plan.name)
}

const TITLES = {
  view: 'View',
  stage: 'Stage',
  file_format: 'File format',
  sequence: 'Sequence',
  role: 'Role',
  user: 'User',
  integration: 'Integration',
  resource_monitor: 'Resource monitor',
  network_policy: 'Network policy',
  database: 'Database',
  schema: 'Schema',
  warehouse: 'Warehouse',
  table: 'Table',
} as const satisfies Record<string, string>

/** Of everything but tables. */
export async function dropObject(context: StatementContext, plan: DropPlan): Promise<StatementResult> {
  const { session, state } = context
  context.record.type = 'DROP'
  const title = TITLES[plan.what]
  const key = plan.name.join('\u0000')
  const temporary = plan.what === 'stage' ? session.temporaryStages.get(key) : undefined
  const shown = plan.name.map(shownName).join('.')
  if (temporary !== undefined) {
    session.temporaryStages.delete(key)
    return dropped(plan)
  }
  const found = state.catalog.find(plan.what as ObjectKind, ...plan.name)
  if (found === undefined) {
    if (!plan.ifExists) throw notFound(title, shown)
    return statusResult(STATEMENT_TYPE.ddl, 'Drop statement executed successfully (object already dropped).')
  }
  requirePrivilege(context, 'OWNERSHIP', plan.what.toUpperCase(), plan.name)
  await changeCatalog(context, async (draft) => {
    if (found.kind === 'database') await removeDatabase(context, draft, found)
    else if (found.kind === 'schema') await removeSchema(context, draft, found)
    else draft.remove(found)
    if (found.kind === 'role' || found.kind === 'user')
      for (const grant of state.catalog.grants())
        if (grant.to.name === found.name || (grant.on === 'ROLE' && grant.name === found.name)) draft.remove(grant)
  })
  const { place } = session
  if (found.kind === 'database' && place.database === found.name) place.database = place.schema = undefined
  if (found.kind === 'schema' && place.database === found.database && place.schema === found.name)
    place.schema = undefined
  if (found.kind === 'warehouse' && place.warehouse === found.name) place.warehouse = undefined
  return dropped(plan)
}

async function removeDatabase(context: StatementContext, draft: CatalogDraft, database: DatabaseObject): Promise<void> {
  for (const schema of context.state.catalog.all('schema'))
    if (schema.database === database.name) await removeSchema(context, draft, schema)
  draft.remove(database)
}

async function removeSchema({ state }: StatementContext, draft: CatalogDraft, schema: SchemaObject): Promise<void> {
  const isInside = ({ name }: { readonly name: ObjectName }): boolean =>
    name.database === schema.database && name.schema === schema.name
  for (const table of state.catalog.all('table').filter(isInside)) {
    await dropPhysical(draft, table)
    draft.remove(table)
  }
  for (const kind of ['view', 'stage', 'file_format', 'sequence'] as const)
    for (const object of state.catalog.all(kind)) if (isInside(object)) draft.remove(object)
  draft.remove(schema)
}

function dropped(plan: DropPlan): StatementResult {
  return statusResult(STATEMENT_TYPE.ddl, `${plan.name.at(-1)} successfully dropped.`)
}
