/** What `doctor` finds out about each configured table. */
import { type Finding, failedFinding } from '../../core/finding.ts'
import { invariant } from '../../core/invariant.ts'
import type { TableRequest } from '../../core/source.ts'
import { tableName } from '../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import { tableWarnings } from './discover.ts'
import type { PrepareOptions } from './prepare.ts'
import { hidingFix, type Publication, publishes } from './publication.ts'
import { findIdentity, identityFix } from './row-identity.ts'
import { quoteIdentifier, quoteTable } from './sql-text.ts'
import { refusalOf, relationKey, requestedTables, tableSchema } from './table-schemas.ts'

export interface Access {
  readonly oid: number
  readonly namespace: string
  readonly name: string
  readonly usage: boolean
  readonly select: boolean
  /** Policies would hide rows from this role. */
  readonly hidden: boolean
}

interface Role {
  readonly superuser: boolean
  readonly may_create: boolean
  /** Roles whose rights it has. */
  readonly owners: readonly string[] | null
}

// Rows are read from the relations that hold them, partitions included, so those are asked about. Where a row lies and who
// wrote it are columns that only a right to the whole table covers.
const ACCESS = `SELECT c.oid::int8::float8 AS oid, n.nspname AS namespace, c.relname AS name,
    has_schema_privilege(n.oid, 'USAGE') AS usage, has_table_privilege(c.oid, 'SELECT') AS select,
    row_security_active(c.oid) AS hidden
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])`

/** By oid, of tables and their partitions. */
export async function readAccess(
  client: PostgresClient,
  tables: Iterable<CatalogTable>,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Access>> {
  const oids = [...tables].flatMap((table) => [table.oid, ...table.leaves.map((leaf) => leaf.oid)])
  const found = await client.query<Access>(ACCESS, [oids], signal)
  return new Map(found.map((relation) => [relation.oid, relation]))
}

export interface ExaminedTables {
  readonly findings: readonly Finding[]
  /** Some have rows without identity. */
  readonly needAppend: boolean
  /** Those that are there. */
  readonly catalogs: readonly CatalogTable[]
}

export async function examineTables(
  client: PostgresClient,
  options: PrepareOptions,
  requests: readonly TableRequest[],
  publications: readonly Publication[],
  signal: AbortSignal,
): Promise<ExaminedTables> {
  const names = requests.map(({ table }) => ({ namespace: table.namespace, name: table.name }))
  const catalogs = new Map((await readCatalog(client, names, signal)).map((table) => [relationKey(table), table]))
  const access = await readAccess(client, catalogs.values(), signal)
  const [role] = await client.query<Role>(
    `SELECT rolsuper AS superuser, has_database_privilege(current_database(), 'CREATE') AS may_create,
       (SELECT json_agg(o.rolname) FROM pg_roles o WHERE pg_has_role(o.oid, 'USAGE')) AS owners
     FROM pg_roles WHERE rolname = current_user`,
    undefined,
    signal,
  )
  invariant(role !== undefined, 'who is logged in is a role')
  const findings: Finding[] = []
  for (const request of requests) {
    const subject = tableName(request.table)
    const catalog = catalogs.get(relationKey(request.table))
    if (catalog === undefined) {
      // It says which similar tables there are.
      findings.push(
        await requestedTables(client, [request], signal).then(
          () => failedFinding(subject, 'it appeared meanwhile'),
          (error: unknown) => failedFinding(subject, error),
        ),
      )
      continue
    }
    const problems = [
      ...shapeFindings(subject, catalog, request, requests, client.serverVersion),
      ...accessFindings(subject, catalog, access, options.settings.user),
      ...publishedFindings(subject, catalog, request, options, publications, client.serverVersion, role),
    ]
    const worst = problems.some((finding) => finding.level === 'error')
    findings.push(
      ...(worst
        ? []
        : [{ subject, level: 'ok', message: identityText(catalog, request, client.serverVersion) } satisfies Finding]),
      ...problems,
    )
  }
  const needAppend = requests.some((request) => {
    const table = catalogs.get(relationKey(request.table))
    return table !== undefined && findIdentity(table, client.serverVersion, request.key).kind === 'append'
  })
  return { findings, needAppend, catalogs: [...catalogs.values()] }
}

function identityText(table: CatalogTable, request: TableRequest, serverVersion: number): string {
  const identity = findIdentity(table, serverVersion, request.key)
  if (identity.kind === 'key' && request.key !== undefined)
    return `Rows are recognised by ${identity.columns.join(', ')} as configured (replica identity ${table.replicaIdentity})`
  if (identity.kind === 'key')
    return `Rows are recognised by ${identity.columns.join(', ')} (replica identity ${table.replicaIdentity})`
  return identity.kind === 'bag' ? 'Rows are recognised by all their values' : 'Only inserts and truncates are followed'
}

function shapeFindings(
  subject: string,
  table: CatalogTable,
  request: TableRequest,
  requests: readonly TableRequest[],
  serverVersion: number,
): readonly Finding[] {
  const refusal = refusalOf(table, requests)
  if (refusal !== undefined)
    return [{ subject, level: 'error', message: `It cannot be followed: ${refusal.reason}`, fix: refusal.hint }]
  try {
    tableSchema({ request, catalog: table }, serverVersion)
  } catch (error) {
    return [failedFinding(subject, error)]
  }
  const identity = findIdentity(table, serverVersion, request.key)
  const nullable = identity.columns.filter((name) =>
    table.columns.some((column) => column.name === name && column.nullable),
  )
  const nulls: readonly Finding[] =
    nullable.length === 0
      ? []
      : [
          {
            subject,
            level: 'warning',
            message: `Rows with NULL in ${nullable.join(', ')} have no key and go to the quarantine`,
            fix: `ALTER TABLE ${quoteTable(table.namespace, table.name)} ${nullable.map((name) => `ALTER COLUMN ${quoteIdentifier(name)} SET NOT NULL`).join(', ')}`,
          },
        ]
  const shape = tableWarnings(table, serverVersion, request.key).map((message): Finding => {
    if (!message.startsWith('Updates') && !message.startsWith('Rows')) return { subject, level: 'note', message }
    const level = identity.kind === 'append' ? 'warning' : 'note'
    return { subject, level, message, fix: identityFix(table, quoteTable(table.namespace, table.name)) }
  })
  return [...shape, ...nulls]
}

export function accessFindings(
  subject: string,
  table: CatalogTable,
  access: ReadonlyMap<number, Access>,
  user: string,
): readonly Finding[] {
  const role = quoteIdentifier(user)
  const relevant = [...new Set([table.oid, ...table.leaves.map((leaf) => leaf.oid)])].flatMap(
    (oid) => access.get(oid) ?? [],
  )
  const closed = relevant.find((relation) => !relation.usage)
  if (closed !== undefined) {
    const schema = quoteIdentifier(closed.namespace)
    return [
      {
        subject,
        level: 'error',
        message: `This role may not use the schema ${closed.namespace}`,
        code: 'source_permission',
        fix: `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
      },
    ]
  }
  const unreadable = relevant
    .filter((relation) => !relation.select)
    .map((relation) => quoteTable(relation.namespace, relation.name))
  if (unreadable.length > 0) {
    return [
      {
        subject,
        level: 'error',
        message: 'This role may not read it',
        code: 'source_permission',
        fix: `GRANT SELECT ON ${unreadable.join(', ')} TO ${role}`,
      },
    ]
  }
  const hidden = relevant.find((relation) => relation.hidden && table.leaves.some((leaf) => leaf.oid === relation.oid))
  if (hidden === undefined) return []
  return [
    {
      subject,
      level: 'error',
      message: `Row-level security of ${hidden.namespace}.${hidden.name} would hide rows from this role`,
      code: 'source_permission',
      fix: `ALTER ROLE ${role} BYPASSRLS`,
    },
  ]
}

function publishedFindings(
  subject: string,
  table: CatalogTable,
  request: TableRequest,
  { names }: PrepareOptions,
  publications: readonly Publication[],
  serverVersion: number,
  role: Role,
): readonly Finding[] {
  const append = findIdentity(table, serverVersion, request.key).kind === 'append'
  const name = append ? names.appendPublication : names.publication
  const publication = publications.find((candidate) => candidate.name === name)
  const listed = publication?.tables.get(relationKey(table))
  if (listed !== undefined && (listed.rowFilter || listed.columnList)) {
    return [
      {
        subject,
        level: 'error',
        message: `Publication ${name} has a ${listed.rowFilter ? 'row filter' : 'column list'} for it: what that leaves out would be missing`,
        fix: hidingFix(name, table.namespace, table.name),
      },
    ]
  }
  if (publication !== undefined && publishes(publication, table)) return []
  const owns = (owner: string): boolean => (role.owners ?? []).includes(owner)
  const mayChange = publication === undefined ? role.may_create : owns(publication.owner)
  if (role.superuser || (owns(table.owner) && mayChange))
    return [{ subject, level: 'note', message: `The next sync adds it to the publication ${name}` }]
  const item = `${table.kind === 'p' ? '' : 'ONLY '}${quoteTable(table.namespace, table.name)}`
  return [
    {
      subject,
      level: 'error',
      message: `It is not in the publication ${name}, and this role may not add it: that takes the owner of both`,
      code: 'source_permission',
      fix: `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${item}`,
    },
  ]
}
