/** GRANT and REVOKE. ALL is written out for the objects that are there; FUTURE waits for those to come. */
import { hasPrivilege, requirePrivilege, SYSTEM_ROLES } from '../catalog/access-control.ts'
import { type AnyObject, type GrantObject, shownName } from '../catalog/catalog-objects.ts'
import { nameOf } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { compilationError, notFound } from '../refusals.ts'
import type { GrantPlan } from '../sql/plan.ts'
import { headOf } from './new-object.ts'
import { statusResult } from './run-query.ts'
import { changeCatalog, type StatementContext } from './statement-context.ts'

type Wanted = Pick<GrantObject, 'privilege' | 'on' | 'name' | 'isFuture' | 'to' | 'withGrantOption'>

export async function runGrant(context: StatementContext, plan: GrantPlan): Promise<StatementResult> {
  const { state } = context
  context.record.type = plan.revoke ? 'REVOKE' : 'GRANT'
  requireHolder(context, plan)
  const wanted = wantedGrants(context, plan)
  await changeCatalog(context, async (draft) => {
    for (const grant of wanted) {
      const there = state.catalog.grants().filter((other) => isSame(other, grant))
      if (plan.revoke) for (const other of there) draft.remove(other)
      else if (there.length === 0) draft.put({ ...headOf(context, draft, undefined), kind: 'grant', ...grant })
      if (!plan.revoke && grant.privilege === 'OWNERSHIP' && !grant.isFuture) giveAway(context, draft, grant)
    }
  })
  return statusResult(STATEMENT_TYPE.ddl, 'Statement executed successfully.')
}

function requireHolder({ state }: StatementContext, { to }: GrantPlan): void {
  const { catalog } = state
  const exists =
    to.what === 'USER'
      ? catalog.find('user', to.name) !== undefined
      : SYSTEM_ROLES.includes(to.name) || catalog.find('role', to.name) !== undefined
  if (!exists) throw notFound(to.what === 'USER' ? 'User' : 'Role', shownName(to.name))
}

function wantedGrants(context: StatementContext, plan: GrantPlan): readonly Wanted[] {
  const { catalog } = context.state
  const { to, grantOption: withGrantOption } = plan
  if (plan.role !== undefined) {
    const { role } = plan
    if (!SYSTEM_ROLES.includes(role) && catalog.find('role', role) === undefined)
      throw notFound('Role', shownName(role))
    requireGrantor(context, 'ROLE', [role])
    return [{ privilege: 'USAGE', on: 'ROLE', name: role, isFuture: false, to, withGrantOption }]
  }
  if (plan.on === undefined) throw compilationError('001003', '42000', 'GRANT needs an object')
  const { name, all } = plan.on
  const on = singular(plan.on.what)
  const places = all === 'ALL' ? objectsIn(context, on, name) : [name]
  return places.flatMap((place) => {
    if (all === undefined) requireGrantor(context, on, place)
    return plan.privileges
      .flatMap((privilege) => (privilege === 'ALL' ? allPrivileges(on) : [privilege]))
      .map((privilege) => ({
        privilege,
        on,
        name: on === 'ACCOUNT' ? '' : place.map(shownName).join('.'),
        isFuture: all === 'FUTURE',
        to,
        withGrantOption,
      }))
  })
}

/** What ALL stands for: the privileges that the twin knows of a kind of object. */
function allPrivileges(on: string): readonly string[] {
  switch (on) {
    case 'WAREHOUSE':
      return ['MODIFY', 'MONITOR', 'OPERATE', 'USAGE']
    case 'DATABASE':
      return ['CREATE SCHEMA', 'MODIFY', 'MONITOR', 'USAGE']
    case 'SCHEMA': {
      const kinds = ['FILE FORMAT', 'SEQUENCE', 'STAGE', 'TABLE', 'VIEW']
      return [...kinds.map((kind) => `CREATE ${kind}`), 'MODIFY', 'MONITOR', 'USAGE']
    }
    case 'TABLE':
      return ['DELETE', 'INSERT', 'REFERENCES', 'SELECT', 'TRUNCATE', 'UPDATE']
    case 'VIEW':
      return ['REFERENCES', 'SELECT']
    case 'STAGE':
      return ['READ', 'USAGE', 'WRITE']
    default:
      return ['ALL']
  }
}

/** The owner may grant, and who has MANAGE GRANTS. */
function requireGrantor(context: StatementContext, on: string, name: readonly string[]): void {
  if (hasPrivilege(context, 'MANAGE GRANTS', 'ACCOUNT', [])) return
  requirePrivilege(context, 'OWNERSHIP', on, name)
}

function objectsIn(
  { state }: StatementContext,
  on: string,
  container: readonly string[],
): readonly (readonly string[])[] {
  const kind = on.toLowerCase()
  if (kind !== 'table' && kind !== 'view' && kind !== 'stage' && kind !== 'schema' && kind !== 'file_format') return []
  return state.catalog
    .all(kind)
    .map(nameOf)
    .filter((name) => container.every((part, index) => name[index] === part))
}

function giveAway(
  { state }: StatementContext,
  draft: { put(object: AnyObject): void },
  { on, name, to }: Wanted,
): void {
  const kinds = on === 'TABLE' ? (['table', 'view'] as const) : ([on.toLowerCase()] as never[])
  for (const kind of kinds)
    for (const object of state.catalog.all(kind))
      if (nameOf(object).map(shownName).join('.') === name) draft.put({ ...object, owner: to.name })
}

/** `TABLES IN SCHEMA` → `TABLE`, `FILE FORMATS` → `FILE_FORMAT`. */
function singular(what: string): string {
  const word = what.replace(/ IN .*/, '').replaceAll(' ', '_')
  return word.endsWith('IES') ? `${word.slice(0, -3)}Y` : word.replace(/S$/, '')
}

function isSame(left: Wanted, right: Wanted): boolean {
  return (
    left.privilege === right.privilege &&
    left.on === right.on &&
    left.name === right.name &&
    left.isFuture === right.isFuture &&
    left.to.what === right.to.what &&
    left.to.name === right.to.name
  )
}
