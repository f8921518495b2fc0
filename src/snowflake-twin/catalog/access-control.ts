/**
 * Roles and privileges, as far as to refuse what a role may not do. A role has its own grants and those of the roles that were granted to it; the
 * owner of an object may do everything with it; ACCOUNTADMIN may do everything.
 * https://docs.snowflake.com/en/user-guide/security-access-control-privileges
 */
import type { StatementContext } from '../execution/statement-context.ts'
import { compilationError, insufficientPrivileges } from '../refusals.ts'
import type { Relation } from '../sql/session-context.ts'
import { type GrantObject, shownName, type TableObject, type ViewObject } from './catalog-objects.ts'
import type { TwinCatalog } from './twin-catalog.ts'

export const ADMIN_ROLE = 'ACCOUNTADMIN'
export const SYSTEM_ROLES: readonly string[] = [
  ADMIN_ROLE,
  'ORGADMIN',
  'PUBLIC',
  'SECURITYADMIN',
  'SYSADMIN',
  'USERADMIN',
]
/** Privileges on the account that these roles have from the start. */
const SYSTEM_GRANTS: Readonly<Record<string, readonly string[]>> = {
  SYSADMIN: ['CREATE DATABASE', 'CREATE WAREHOUSE', 'CREATE INTEGRATION'],
  SECURITYADMIN: ['CREATE ROLE', 'CREATE USER', 'MANAGE GRANTS', 'CREATE NETWORK POLICY'],
  USERADMIN: ['CREATE ROLE', 'CREATE USER'],
}

/** The role, and all that were granted to it, directly or not; PUBLIC is everyone's. */
export function effectiveRoles(catalog: TwinCatalog, role: string): ReadonlySet<string> {
  const roles = new Set([role, 'PUBLIC'])
  const grants = catalog.grants().filter((grant) => grant.on === 'ROLE' && grant.to.what === 'ROLE')
  for (const holder of roles) {
    for (const grant of grants) if (grant.to.name === holder) roles.add(grant.name)
    if (holder === 'SECURITYADMIN') roles.add('USERADMIN')
  }
  return roles
}

/** Roles that a user may take; a user of whom nothing is known may take all. */
export function mayUseRole(catalog: TwinCatalog, user: string, role: string): boolean {
  if (role === 'PUBLIC' || catalog.find('user', user) === undefined) return true
  return catalog
    .grants()
    .some(
      ({ on, to, name }) =>
        on === 'ROLE' &&
        to.what === 'USER' &&
        to.name === user &&
        (name === role || name === ADMIN_ROLE || effectiveRoles(catalog, name).has(role)),
    )
}

/** `on`: TABLE, SCHEMA, DATABASE, STAGE, WAREHOUSE, ACCOUNT, …; `name`: its parts. */
export function hasPrivilege(
  { state, session }: StatementContext,
  privilege: string,
  on: string,
  name: readonly string[],
): boolean {
  const { role } = session.place
  if (role === ADMIN_ROLE) return true
  const roles = effectiveRoles(state.catalog, role)
  if (roles.has(ADMIN_ROLE)) return true
  if (on === 'ACCOUNT') {
    if ([...roles].some((held) => SYSTEM_GRANTS[held]?.includes(privilege))) return true
  } else if (roles.has(ownerOf(state.catalog, on, name) ?? '')) return true
  const target = on === 'ACCOUNT' ? '' : name.map(shownName).join('.')
  return state.catalog
    .grants()
    .some((grant) => roles.has(grant.to.name) && grant.to.what === 'ROLE' && covers(grant, privilege, on, target))
}

/**
 * Throws "Insufficient privileges", or "does not exist or not authorized" where the role sees nothing of the object. Whoever
 * works with an object, its owner too, needs a privilege on its database and on its schema
 * (docs.snowflake.com/en/user-guide/security-access-control-privileges).
 */
export function requirePrivilege(
  context: StatementContext,
  privilege: string,
  on: string,
  name: readonly string[],
): void {
  const [database = '', schema = ''] = name
  const isInSchema = name.length === 3
  const isReached =
    !isInSchema ||
    (hasPrivilege(context, 'USAGE', 'DATABASE', [database]) &&
      hasPrivilege(context, 'USAGE', 'SCHEMA', [database, schema]))
  if (isReached && hasPrivilege(context, privilege, on, name)) return
  if (isInSchema && !(isReached && hasAny(context, on, name)))
    throw compilationError(
      '002003',
      '42S02',
      `Object '${name.map(shownName).join('.')}' does not exist or not authorized.`,
    )
  throw insufficientPrivileges(on.toLowerCase().replaceAll('_', ' '), name.at(-1) ?? context.state.account)
}

/** Temporary tables are their session's own. */
export function requireOnTable(context: StatementContext, privilege: string, table: TableObject | ViewObject): void {
  if (table.kind === 'table' && table.durability === 'temporary') return
  const { database, schema, name } = table.name
  requirePrivilege(context, privilege, table.kind.toUpperCase(), [database, schema, name])
}

/** The tables that a statement reads, its views resolved to theirs. Throws where the role may not SELECT. */
export async function requireRead(
  context: StatementContext,
  relations: readonly Relation[],
): Promise<readonly TableObject[]> {
  const tables = new Map<number, TableObject>()
  const visit = (found: TableObject | ViewObject | undefined): void => {
    if (found === undefined) return
    if (found.kind === 'table') {
      tables.set(found.id, found)
      return
    }
    // A view reads with the rights of its owner.
    for (const { name } of found.reads) visit(context.catalog.object(name))
  }
  for (const { name } of relations) {
    const found = name === undefined ? undefined : context.catalog.object(name)
    if (found === undefined) continue
    requireOnTable(context, 'SELECT', found)
    visit(found)
  }
  return [...tables.values()]
}

export function covers(grant: GrantObject, privilege: string, on: string, target: string): boolean {
  if (grant.isFuture || grant.on !== on || grant.name !== target) return false
  return (
    grant.privilege === privilege ||
    grant.privilege === 'OWNERSHIP' ||
    grant.privilege === 'ALL' ||
    // Whoever may do something in a container may see it.
    (privilege === 'USAGE' && (on === 'DATABASE' || on === 'SCHEMA') && grant.privilege !== 'MONITOR')
  )
}

function hasAny({ state, session }: StatementContext, on: string, name: readonly string[]): boolean {
  const roles = effectiveRoles(state.catalog, session.place.role)
  const target = name.map(shownName).join('.')
  return state.catalog.grants().some((grant) => roles.has(grant.to.name) && grant.on === on && grant.name === target)
}

function ownerOf(catalog: TwinCatalog, on: string, name: readonly string[]): string | undefined {
  const [database = '', schema = '', object = ''] = name
  switch (on) {
    case 'DATABASE':
      return catalog.find('database', database)?.owner
    case 'SCHEMA':
      return catalog.find('schema', database, schema)?.owner
    case 'WAREHOUSE':
      return catalog.find('warehouse', database)?.owner
    case 'USER':
      return catalog.find('user', database)?.owner
    case 'ROLE':
      return catalog.find('role', database)?.owner
    case 'TABLE':
    case 'VIEW':
      return catalog.relation({ database, schema, name: object })?.owner
    case 'STAGE':
      return catalog.find('stage', database, schema, object)?.owner
    case 'FILE_FORMAT':
      return catalog.find('file_format', database, schema, object)?.owner
    case 'SEQUENCE':
      return catalog.find('sequence', database, schema, object)?.owner
    default:
      return undefined
  }
}
