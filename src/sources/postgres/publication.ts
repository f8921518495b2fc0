/**
 * The publications: which changes the server hands out.
 *
 * There are two. The second one takes the tables whose rows have no identity and publishes no updates and deletes:
 * Postgres refuses an UPDATE of a table that is published with its updates and cannot be identified, so one publication
 * for all would break the application that writes such a table.
 */
import { PipelineError } from '../../core/errors.ts'
import { queryWithDeadline } from './bounded-wait.ts'
import type { CatalogTable, RelationName } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import { sqlState } from './errors.ts'
import type { ReplicationNames } from './replication-names.ts'
import { findIdentity } from './row-identity.ts'
import { quoteIdentifier, quoteTable } from './sql-text.ts'
import { type RequestedTable, relationKey } from './table-schemas.ts'

export interface PublishedTable {
  readonly namespace: string
  readonly name: string
  readonly rowFilter: boolean
  readonly columnList: boolean
}

export interface Publication {
  readonly name: string
  readonly owner: string
  readonly allTables: boolean
  readonly insert: boolean
  readonly update: boolean
  readonly delete: boolean
  readonly truncate: boolean
  readonly viaRoot: boolean
  /** `stored` from 18 on where set; `none`, or undefined on versions that cannot. */
  readonly generatedColumns: 'none' | 'stored' | undefined
  readonly schemas: readonly string[]
  /** By `relationKey`. */
  readonly tables: ReadonlyMap<string, PublishedTable>
}

interface PublicationRow {
  readonly name: string
  readonly owner: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly schemas: readonly string[] | null
  readonly tables: readonly PublishedTable[] | null
}

// Columns that only some versions have are read out of the row as JSON.
const PUBLICATIONS = `SELECT p.pubname AS name, pg_get_userbyid(p.pubowner)::text AS owner, to_jsonb(p) AS detail, $SCHEMAS AS schemas,
    (SELECT json_agg(json_build_object('namespace', n.nspname, 'name', c.relname,
        'rowFilter', to_jsonb(r) ->> 'prqual' IS NOT NULL, 'columnList', to_jsonb(r) ->> 'prattrs' IS NOT NULL))
      FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE r.prpubid = p.oid) AS tables
  FROM pg_publication p WHERE p.pubname = ANY ($1::text[])`
const SCHEMAS = `(SELECT json_agg(n.nspname) FROM pg_publication_namespace s JOIN pg_namespace n ON n.oid = s.pnnspid
      WHERE s.pnpubid = p.oid)`

export async function readPublications(
  client: PostgresClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Publication[]> {
  const sql = PUBLICATIONS.replace('$SCHEMAS', client.serverVersion >= 150_000 ? SCHEMAS : 'NULL::json')
  const rows = await client.query<PublicationRow>(sql, [names], signal)
  return rows.map(({ name, owner, detail, schemas, tables }) => ({
    name,
    owner,
    allTables: detail.puballtables === true,
    insert: detail.pubinsert === true,
    update: detail.pubupdate === true,
    delete: detail.pubdelete === true,
    truncate: detail.pubtruncate === true,
    viaRoot: detail.pubviaroot === true,
    generatedColumns: client.serverVersion < 180_000 ? undefined : detail.pubgencols === 's' ? 'stored' : 'none',
    schemas: schemas ?? [],
    tables: new Map((tables ?? []).map((table) => [relationKey(table), table])),
  }))
}

/** A statement, and what it is for. */
export interface PublicationChange {
  readonly sql: string
  readonly why: string
  /** Nothing needs it now: whoever may not run it goes on without it. */
  readonly optional?: boolean
}

type Kind = 'all' | 'append'

/**
 * What must be run so that the publications fit. `mayRemove`: the publications are ours, so tables that nobody asks for
 * are taken out. Throws `source_setting` where a publication hides rows or columns of a table.
 */
export function publicationChanges(
  names: ReplicationNames,
  present: readonly Publication[],
  tables: readonly RequestedTable[],
  serverVersion: number,
  mayRemove: boolean,
): readonly PublicationChange[] {
  const isAppend = ({ catalog, request }: RequestedTable): boolean =>
    findIdentity(catalog, serverVersion, request.key).kind === 'append'
  const append = tables.filter(isAppend)
  const all = tables.filter((table) => !isAppend(table))
  const find = (name: string): Publication | undefined => present.find((publication) => publication.name === name)
  const main = find(names.publication)
  // Tables are added before they are removed elsewhere: one that changes its publication is never in none.
  return [
    ...changesOf(names.publication, 'all', main, all, serverVersion),
    ...changesOf(
      names.appendPublication,
      'append',
      find(names.appendPublication),
      main?.allTables === true ? [] : append,
      serverVersion,
    ),
    ...(mayRemove ? [...removals(main, all), ...removals(find(names.appendPublication), append)] : []),
  ]
}

/** Tables of which some changes were not in the log until now. */
export function notWhollyPublished(
  names: ReplicationNames,
  present: readonly Publication[],
  tables: readonly RequestedTable[],
  serverVersion: number,
): readonly RequestedTable[] {
  return tables.filter(({ catalog, request }) => {
    const append = findIdentity(catalog, serverVersion, request.key).kind === 'append'
    const name = append ? names.appendPublication : names.publication
    const carries = (publication: Publication): boolean =>
      publishes(publication, catalog) &&
      hasOperations(publication, append ? 'append' : 'all') &&
      carriesWhole(publication, catalog)
    return !present.some((publication) => (publication.name === name || publication.allTables) && carries(publication))
  })
}

/** Partitions count as their table, and generated columns are among the columns. */
function carriesWhole(publication: Publication, table: CatalogTable): boolean {
  return (
    (publication.viaRoot || table.kind !== 'p') &&
    (publication.generatedColumns !== 'none' || table.columns.every((column) => column.generated !== 'stored'))
  )
}

function hasOperations(publication: Publication, kind: Kind): boolean {
  const { insert, truncate, update } = publication
  return insert && truncate && (kind === 'append' || (update && publication.delete))
}

function changesOf(
  name: string,
  kind: Kind,
  present: Publication | undefined,
  tables: readonly RequestedTable[],
  serverVersion: number,
): readonly PublicationChange[] {
  const options = publicationOptions(kind, serverVersion)
  if (present === undefined) {
    const list = tables.length === 0 ? '' : ` FOR TABLE ${tables.map(tableItem).join(', ')}`
    const sql = `CREATE PUBLICATION ${quoteIdentifier(name)}${list} WITH (${options})`
    return [{ sql, why: 'it does not exist', optional: kind === 'append' && tables.length === 0 }]
  }
  for (const table of tables) refuseHiding(present, table)
  const changes: PublicationChange[] = []
  const missingOptions = lacking(
    present,
    kind,
    tables.map((table) => table.catalog),
  )
  if (missingOptions !== 'nothing') {
    changes.push({
      sql: `ALTER PUBLICATION ${quoteIdentifier(name)} SET (${options})`,
      why: 'its options leave changes out',
      optional: missingOptions === 'unneeded',
    })
  }
  const missing = tables.filter(({ catalog }) => !publishes(present, catalog))
  if (missing.length > 0) {
    changes.push({
      sql: `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${missing.map(tableItem).join(', ')}`,
      why: 'tables are missing in it',
    })
  }
  return changes
}

export function publishes(publication: Publication, table: RelationName): boolean {
  return (
    publication.allTables || publication.schemas.includes(table.namespace) || publication.tables.has(relationKey(table))
  )
}

/**
 * What the options of a publication leave out that its kind should carry. `unneeded`: no table has it now (partitions,
 * generated columns).
 */
export function lacking(
  publication: Publication,
  kind: Kind,
  tables: readonly CatalogTable[],
): 'nothing' | 'unneeded' | 'needed' {
  // A publication of inserts that somebody made publish updates would break UPDATE for the application.
  const harmless = kind === 'all' || publication.allTables || !(publication.update || publication.delete)
  if (!hasOperations(publication, kind) || !harmless) return 'needed'
  if (publication.viaRoot && publication.generatedColumns !== 'none') return 'nothing'
  return tables.every((table) => carriesWhole(publication, table)) ? 'unneeded' : 'needed'
}

export function publicationOptions(kind: Kind, serverVersion: number): string {
  const publish = kind === 'all' ? 'insert, update, delete, truncate' : 'insert, truncate'
  const generated = serverVersion >= 180_000 ? ', publish_generated_columns = stored' : ''
  return `publish = '${publish}', publish_via_partition_root = true${generated}`
}

function removals(present: Publication | undefined, wanted: readonly RequestedTable[]): readonly PublicationChange[] {
  if (present === undefined || present.allTables) return []
  const keep = new Set(wanted.map(({ catalog }) => relationKey(catalog)))
  const surplus = [...present.tables.values()].filter((table) => !keep.has(relationKey(table)))
  if (surplus.length === 0) return []
  const list = surplus.map((table) => quoteTable(table.namespace, table.name)).join(', ')
  return [
    {
      sql: `ALTER PUBLICATION ${quoteIdentifier(present.name)} DROP TABLE ${list}`,
      why: 'nobody asks for these tables',
    },
  ]
}

// Without ONLY the children of an inheritance parent would be published too.
function tableItem({ catalog }: RequestedTable): string {
  return `${catalog.kind === 'p' ? '' : 'ONLY '}${quoteTable(catalog.namespace, catalog.name)}`
}

/** What a row filter or column list leaves out would be missing at the destination, and nobody would notice. */
function refuseHiding(present: Publication, { catalog }: RequestedTable): void {
  const listed = present.tables.get(relationKey(catalog))
  if (listed === undefined || !(listed.rowFilter || listed.columnList)) return
  throw new PipelineError('source_setting', `Publishing ${catalog.namespace}.${catalog.name}`, {
    cause: new Error(`publication "${present.name}" has a ${listed.rowFilter ? 'row filter' : 'column list'} for it`),
    hint: `${hidingFix(present.name, catalog.namespace, catalog.name)} (leave columns out with \`exclude\`)`,
    context: { table: `${catalog.namespace}.${catalog.name}` },
  })
}

export function hidingFix(publication: string, namespace: string, name: string): string {
  const [quoted, table] = [quoteIdentifier(publication), quoteTable(namespace, name)]
  return `ALTER PUBLICATION ${quoted} DROP TABLE ${table}; ALTER PUBLICATION ${quoted} ADD TABLE ${table}`
}

/** Throws `source_permission` with the statements as hint where the role may not. */
export async function applyPublicationChanges(
  client: PostgresClient,
  changes: readonly PublicationChange[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const required = changes.filter((change) => change.optional !== true).map(({ sql }) => sql)
  const optional = changes.filter((change) => change.optional === true).map(({ sql }) => sql)
  try {
    await runTogether(client, required, timeoutMs, signal)
  } catch (error) {
    if (sqlState(error) !== '42501') throw error
    const statements = changes.map(({ sql }) => `${sql};`).join('\n')
    throw new PipelineError('source_permission', 'Setting up the publication', {
      cause: error instanceof Error ? error.cause : error,
      hint: `Run this as a superuser, or as owner of the tables with CREATE on the database:\n${statements}`,
    })
  }
  try {
    await runTogether(client, optional, timeoutMs, signal)
  } catch (error) {
    if (sqlState(error) !== '42501') throw error
  }
}

async function runTogether(
  client: PostgresClient,
  statements: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (statements.length === 0) return
  try {
    await client.query('BEGIN', undefined, signal)
    for (const sql of statements) {
      await queryWithDeadline(client, { sql, doing: 'Changing the publication', timeoutMs }, signal)
    }
    await client.query('COMMIT', undefined, signal)
  } catch (error) {
    if (client.lost === undefined) await client.query('ROLLBACK')
    throw error
  }
}
