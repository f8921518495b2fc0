/** SHOW of what belongs to the account: databases, warehouses, roles, users, grants, parameters. */
import { SYSTEM_ROLES } from '../catalog/access-control.ts'
import { type GrantObject, shownName, type WarehouseObject } from '../catalog/catalog-objects.ts'
import { type ViewRow, viewColumns } from '../catalog/view-columns.ts'
import { unsupported } from '../refusals.ts'
import type { ShowPlan } from '../sql/plan.ts'
import { shownSize } from '../warehouses/cost-model.ts'
import type { ShownList } from './run-show.ts'
import type { StatementContext } from './statement-context.ts'
import { arrivalMs, settingsOf } from './warehouse-use.ts'

const DATABASES = viewColumns(
  'created_on TIME, name, is_default, is_current, origin, owner, comment, options, retention_time, kind, owner_role_type',
)
const WAREHOUSES = viewColumns(
  'name, state, type, size, min_cluster_count NUMBER, max_cluster_count NUMBER, started_clusters NUMBER, running NUMBER, queued NUMBER, is_default, is_current, auto_suspend NUMBER, auto_resume, available, provisioning, quiescing, other, created_on TIME, resumed_on TIME, updated_on TIME, owner, comment, enable_query_acceleration, query_acceleration_max_scale_factor NUMBER, resource_monitor, scaling_policy, owner_role_type, resource_constraint, generation',
)
const ROLES = viewColumns(
  'created_on TIME, name, is_default, is_current, is_inherited, assigned_to_users NUMBER, granted_to_roles NUMBER, granted_roles NUMBER, owner, comment',
)
const USERS = viewColumns(
  'name, created_on TIME, login_name, display_name, first_name, last_name, email, disabled, comment, default_warehouse, default_namespace, default_role, owner, has_password, has_rsa_public_key, type',
)
const INTEGRATIONS = viewColumns('name, type, category, enabled, comment, created_on TIME')
const OTHERS = viewColumns('created_on TIME, name, comment, owner')
const PARAMETERS = viewColumns('key, value, default, level, description, type')
const VARIABLES = viewColumns('session_id NUMBER, created_on TIME, updated_on TIME, name, value, type, comment')
const GRANTS = viewColumns(
  'created_on TIME, privilege, granted_on, name, granted_to, grantee_name, grant_option, granted_by',
)
const GRANTS_OF = viewColumns('created_on TIME, role, granted_to, grantee_name, granted_by')
const GRANTS_TO_USER = GRANTS_OF
const TRANSACTIONS = viewColumns('id, user, session NUMBER, name, started_on TIME, state, scope')

/** Undefined for what belongs to a database. */
export function accountList(context: StatementContext, plan: ShowPlan): ShownList | undefined {
  const { state, session } = context
  const { catalog } = state
  switch (plan.objects) {
    case 'DATABASES':
      return { columns: DATABASES, rows: databaseRows(context) }
    case 'WAREHOUSES':
      return {
        columns: WAREHOUSES,
        rows: catalog.all('warehouse').map((warehouse) => warehouseRow(context, warehouse)),
      }
    case 'ROLES':
      return { columns: ROLES, rows: roleRows(context) }
    case 'USERS':
      return { columns: USERS, rows: catalog.all('user').map(userRow) }
    case 'INTEGRATIONS':
    case 'STORAGE INTEGRATIONS':
      return {
        columns: INTEGRATIONS,
        rows: catalog.all('integration').map(({ name, comment, createdMs, options }) => ({
          name,
          type: String(options.TYPE ?? 'EXTERNAL_STAGE'),
          category: 'STORAGE',
          enabled: String(options.ENABLED ?? true),
          comment,
          created_on: createdMs,
        })),
      }
    case 'RESOURCE MONITORS':
      return { columns: OTHERS, rows: catalog.all('resource_monitor').map(otherRow) }
    case 'NETWORK POLICIES':
      return { columns: OTHERS, rows: catalog.all('network_policy').map(otherRow) }
    case 'PARAMETERS':
      return { columns: PARAMETERS, rows: parameterRows(context), nameColumn: 'key' }
    case 'VARIABLES':
      return {
        columns: VARIABLES,
        rows: [...session.variables].map(([name, { value, type }]) => ({
          session_id: session.id,
          name,
          value,
          type: type.kind === 'NUMBER' ? 'fixed' : 'text',
        })),
      }
    case 'GRANTS':
      return grantList(context, plan)
    case 'TRANSACTIONS':
      return { columns: TRANSACTIONS, rows: transactionRows(context), nameColumn: 'id' }
    default:
      return undefined
  }
}

function databaseRows({ state, session }: StatementContext): readonly ViewRow[] {
  return state.catalog.all('database').map(({ name, owner, comment, createdMs, isTransient }) => ({
    created_on: createdMs,
    name,
    is_default: 'N',
    is_current: name === session.place.database ? 'Y' : 'N',
    origin: '',
    owner,
    comment,
    options: isTransient ? 'TRANSIENT' : '',
    retention_time: '1',
    kind: 'STANDARD',
    owner_role_type: 'ROLE',
  }))
}

export function warehouseRow(context: StatementContext, warehouse: WarehouseObject): ViewRow {
  const { state, session } = context
  const at = arrivalMs(context)
  const { name, options } = warehouse
  const settings = settingsOf(warehouse)
  const isRunning = state.meter.isRunning(name, at)
  const resumed = state.meter.times(name, at).findLast(({ isResume }) => isResume)
  return {
    name,
    state: isRunning ? 'STARTED' : 'SUSPENDED',
    type: 'STANDARD',
    size: shownSize(settings.size),
    min_cluster_count: Number(options.MIN_CLUSTER_COUNT ?? 1),
    max_cluster_count: Number(options.MAX_CLUSTER_COUNT ?? 1),
    started_clusters: isRunning ? 1 : 0,
    running: 0,
    queued: 0,
    is_default: 'N',
    is_current: name === session.place.warehouse ? 'Y' : 'N',
    auto_suspend: settings.autoSuspendMs === undefined ? null : settings.autoSuspendMs / 1000,
    auto_resume: String(options.AUTO_RESUME ?? true),
    available: isRunning ? '100' : '',
    provisioning: isRunning ? '0' : '',
    quiescing: isRunning ? '0' : '',
    other: isRunning ? '0' : '',
    created_on: warehouse.createdMs,
    resumed_on: resumed?.fromMs ?? warehouse.createdMs,
    updated_on: warehouse.createdMs,
    owner: warehouse.owner,
    comment: warehouse.comment,
    enable_query_acceleration: String(options.ENABLE_QUERY_ACCELERATION ?? settings.isSecondGeneration),
    query_acceleration_max_scale_factor: Number(options.QUERY_ACCELERATION_MAX_SCALE_FACTOR ?? 2),
    resource_monitor: String(options.RESOURCE_MONITOR ?? 'null'),
    scaling_policy: String(options.SCALING_POLICY ?? 'STANDARD'),
    owner_role_type: 'ROLE',
    resource_constraint: settings.isSecondGeneration ? 'STANDARD_GEN_2' : 'STANDARD_GEN_1',
    generation: settings.isSecondGeneration ? '2' : '1',
  }
}

function roleRows({ state, session }: StatementContext): readonly ViewRow[] {
  const own = state.catalog.all('role')
  const system = SYSTEM_ROLES.map((name) => ({ name, owner: '', comment: '', createdMs: 0 }))
  const grants = state.catalog.grants().filter(({ on }) => on === 'ROLE')
  return [...system, ...own]
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, owner, comment, createdMs }) => ({
      created_on: createdMs,
      name,
      is_default: 'N',
      is_current: name === session.place.role ? 'Y' : 'N',
      is_inherited: 'N',
      assigned_to_users: grants.filter((grant) => grant.name === name && grant.to.what === 'USER').length,
      granted_to_roles: grants.filter((grant) => grant.name === name && grant.to.what === 'ROLE').length,
      granted_roles: grants.filter((grant) => grant.to.what === 'ROLE' && grant.to.name === name).length,
      owner,
      comment,
    }))
}

function userRow(user: {
  name: string
  comment: string
  createdMs: number
  owner: string
  options: ViewOptions
}): ViewRow {
  const { name, options } = user
  const text = (key: string): string => String(options[key] ?? '')
  return {
    name,
    created_on: user.createdMs,
    login_name: text('LOGIN_NAME') || name,
    display_name: text('DISPLAY_NAME') || name,
    first_name: text('FIRST_NAME'),
    last_name: text('LAST_NAME'),
    email: text('EMAIL'),
    disabled: String(options.DISABLED ?? false),
    comment: user.comment,
    default_warehouse: text('DEFAULT_WAREHOUSE'),
    default_namespace: text('DEFAULT_NAMESPACE'),
    default_role: text('DEFAULT_ROLE'),
    owner: user.owner,
    has_password: String(options.PASSWORD !== undefined),
    has_rsa_public_key: String(options.RSA_PUBLIC_KEY !== undefined),
    type: text('TYPE'),
  }
}

type ViewOptions = Readonly<Record<string, unknown>>

function otherRow({
  name,
  comment,
  owner,
  createdMs,
}: {
  name: string
  comment: string
  owner: string
  createdMs: number
}): ViewRow {
  return { created_on: createdMs, name, comment, owner }
}

function parameterRows({ session }: StatementContext): readonly ViewRow[] {
  return [...session.parameters.all()].map(([key, value]) => ({
    key,
    value: String(value),
    default: String(session.parameters.defaultOf(key) ?? ''),
    level: session.parameters.isSet(key) ? 'SESSION' : '',
    description: '',
    type: typeof value === 'boolean' ? 'BOOLEAN' : typeof value === 'number' ? 'NUMBER' : 'STRING',
  }))
}

function transactionRows({ state }: StatementContext): readonly ViewRow[] {
  return [...state.sessions.values()].flatMap(({ id, user, transaction }) =>
    transaction.id === undefined
      ? []
      : [{ id: transaction.id, user, session: id, name: transaction.id, state: 'running', scope: 0 }],
  )
}

/** ON an object, TO a role or a user, OF a role; without any of them those of the session's user. */
function grantList({ state, session }: StatementContext, { scope }: ShowPlan): ShownList {
  const grants = [...state.catalog.grants()].sort((left, right) => left.id - right.id)
  const name = scope?.name.map(shownName).join('.') ?? ''
  const what = scope?.what.toUpperCase() ?? 'TO USER'
  if (what === 'OF ROLE')
    return {
      columns: GRANTS_OF,
      rows: grants.filter((grant) => grant.on === 'ROLE' && grant.name === name).map(heldRow),
    }
  if (what === 'TO USER') {
    const user = scope?.name[0] ?? session.user
    const held = grants.filter((grant) => grant.to.what === 'USER' && grant.to.name === user)
    return { columns: GRANTS_TO_USER, rows: held.map(heldRow) }
  }
  if (what === 'TO ROLE') {
    const role = scope?.name[0] ?? ''
    const held = grants.filter((grant) => grant.to.what === 'ROLE' && grant.to.name === role && !grant.isFuture)
    return { columns: GRANTS, rows: held.map(grantRow) }
  }
  if (what.startsWith('FUTURE')) throw unsupported('SHOW FUTURE GRANTS')
  const on = what.replace(/^ON /, '').replaceAll(' ', '_')
  const there = grants.filter((grant) => grant.on === on && grant.name === name && !grant.isFuture)
  return { columns: GRANTS, rows: there.map(grantRow) }
}

function grantRow(grant: GrantObject): ViewRow {
  return {
    created_on: grant.createdMs,
    privilege: grant.privilege,
    granted_on: grant.on,
    name: grant.name,
    granted_to: grant.to.what,
    grantee_name: grant.to.name,
    grant_option: String(grant.withGrantOption),
    granted_by: grant.owner,
  }
}

function heldRow(grant: GrantObject): ViewRow {
  return {
    created_on: grant.createdMs,
    role: grant.name,
    granted_to: grant.to.what,
    grantee_name: grant.to.name,
    granted_by: grant.owner,
  }
}
