/** The tables of a state. `sync_watermarks`, `sync_runs` and `sync_errors` are made to be read by people. */
import { PipelineError } from '../../core/errors.ts'
import type { StateClient, StateConnection } from './connection.ts'
import { grantSql, type Place, quotedName } from './errors.ts'
import { takeMakerLock } from './writer-lock.ts'

const VERSION = 1

/** Positions and names compare byte by byte, whatever the language of the database. `document` is what the program reads. */
function tablesSql(s: string): string {
  const id = `source text COLLATE "C" NOT NULL, namespace text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL`
  return `
  CREATE TABLE ${s}.sync_version (version int NOT NULL);
  INSERT INTO ${s}.sync_version VALUES (${VERSION});
  CREATE TABLE ${s}.sync_watermarks (
    source_table text COLLATE "C" PRIMARY KEY, last_watermark text COLLATE "C", last_run timestamptz, last_status text NOT NULL,
    last_error text, rows_processed bigint NOT NULL, ${id}, document json NOT NULL, UNIQUE (source, namespace, name)
  );
  COMMENT ON TABLE ${s}.sync_watermarks IS 'One row per table: the position of its newest merged change, when it was merged, state, error, rows copied and changes merged';
  CREATE TABLE ${s}.sync_runs (
    number bigint GENERATED ALWAYS AS IDENTITY, source text COLLATE "C" NOT NULL, run text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL, ended_at timestamptz, outcome text NOT NULL, rows_snapshot bigint NOT NULL,
    changes_staged bigint NOT NULL, changes_merged bigint NOT NULL, error text, document json NOT NULL, PRIMARY KEY (source, run)
  );
  CREATE INDEX ON ${s}.sync_runs (source, number);
  CREATE TABLE ${s}.sync_errors (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, source text COLLATE "C" NOT NULL,
    source_table text, code text NOT NULL, message text NOT NULL, hint text, at timestamptz NOT NULL, document json NOT NULL
  );
  CREATE INDEX ON ${s}.sync_errors (source, number);
  CREATE TABLE ${s}.sync_sources (
    source text COLLATE "C" PRIMARY KEY, staged_through pg_lsn NOT NULL, pruned_through text COLLATE "C", document json NOT NULL
  );
  CREATE TABLE ${s}.sync_chunks (${id}, chunk int NOT NULL, document json NOT NULL, PRIMARY KEY (source, namespace, name, chunk));
  CREATE TABLE ${s}.sync_tokens (${id}, token text NOT NULL, PRIMARY KEY (source, namespace, name));
  CREATE TABLE ${s}.sync_schemas (digest text COLLATE "C" PRIMARY KEY, document json NOT NULL);
  CREATE TABLE ${s}.sync_files (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, batch_id text COLLATE "C" NOT NULL UNIQUE, ${id}, kind text NOT NULL,
    row_count bigint NOT NULL, last_position text COLLATE "C" NOT NULL,
    schema_digest text COLLATE "C" NOT NULL REFERENCES ${s}.sync_schemas, document json NOT NULL, loaded_ms bigint
  );
  CREATE INDEX ON ${s}.sync_files (source, number) WHERE loaded_ms IS NULL;
  CREATE INDEX ON ${s}.sync_files (source, namespace, name, number) WHERE loaded_ms IS NULL;
  CREATE INDEX ON ${s}.sync_files (loaded_ms, number) WHERE loaded_ms IS NOT NULL;
  CREATE INDEX ON ${s}.sync_files (source, namespace, name, last_position);
  CREATE INDEX ON ${s}.sync_files (schema_digest);
  CREATE TABLE ${s}.sync_requests (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, source text COLLATE "C" NOT NULL,
    open boolean NOT NULL, request json NOT NULL, answer json
  );
  CREATE INDEX ON ${s}.sync_requests (source, open, number)`
}

const NAMES = ['version', 'watermarks', 'runs', 'errors', 'sources', 'chunks', 'tokens', 'schemas', 'files', 'requests']
const TABLES = NAMES.map((name) => `sync_${name}`)

export function quotedSchema(place: Place): string {
  return quotedName(place.schema)
}

/** What there is, and what this role may do with it. */
interface Inventory {
  readonly role: string
  readonly database: string
  readonly encoding: string
  readonly is_standby: boolean
  readonly may_make_schema: boolean
  /** NULL where the schema is missing. */
  readonly may_use: boolean | null
  readonly may_make_tables: boolean | null
  readonly tables: readonly string[]
  readonly may_read: boolean
  readonly may_write: boolean
}

/**
 * Makes schema and tables where they are missing. Throws `state_version` for tables that a newer version has made,
 * `state_permission` with the SQL to run where this role may not, `state_unavailable` for tables of another program.
 * False: there are none, and they may not be made.
 */
export async function prepareTables(
  connection: StateConnection,
  place: Place,
  mode: 'read' | 'write',
): Promise<boolean> {
  const isThere = await examine(connection, place, mode)
  if (isThere || mode === 'read') return isThere
  await connection.transaction('Making', (client) => makeTables(client, place))
  await requireVersion(connection, place)
  return true
}

/** Throws what `prepareTables` would throw for a writer, and makes nothing. */
export async function examineTables(connection: StateConnection, place: Place): Promise<void> {
  await examine(connection, place, 'write')
}

/** True: the tables are there. */
async function examine(connection: StateConnection, place: Place, mode: 'read' | 'write'): Promise<boolean> {
  const found = await connection.run('Examining', (client) => takeInventory(client, place))
  if (mode === 'write') requireWritable(found, place)
  if (found.tables.includes('sync_version')) {
    requireAccess(found, place, mode)
    await requireVersion(connection, place)
    return true
  }
  if (found.tables.length > 0) throw foreign(place, found.tables)
  if (mode === 'write') requireMaking(found, place)
  return false
}

async function makeTables(client: StateClient, place: Place): Promise<void> {
  await takeMakerLock(client, place)
  // Somebody else may have made them while we waited.
  const found = await takeInventory(client, place)
  if (found.tables.includes('sync_version')) return
  const s = quotedSchema(place)
  // With IF NOT EXISTS a role that may use the schema, but not make one, would be refused.
  if (found.may_use === null)
    await client.query(`CREATE SCHEMA ${s}; COMMENT ON SCHEMA ${s} IS 'Operational state of SimplyLoad'`)
  await client.query(tablesSql(s))
}

async function takeInventory(client: StateClient, place: Place): Promise<Inventory> {
  const [found] = await client.query<Inventory>(
    `SELECT current_user AS role, current_database() AS database, current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS is_standby, has_database_privilege(current_database(), 'CREATE') AS may_make_schema,
       has_schema_privilege(n.oid, 'USAGE') AS may_use, has_schema_privilege(n.oid, 'CREATE') AS may_make_tables,
       coalesce(t.tables, '[]') AS tables, coalesce(t.may_read, true) AS may_read, coalesce(t.may_write, true) AS may_write
     FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = $1
     LEFT JOIN LATERAL (
       SELECT json_agg(c.relname) AS tables, bool_and(has_table_privilege(c.oid, 'SELECT')) AS may_read,
         bool_and(has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) AS may_write
       FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY ($2::text[])
     ) AS t ON true`,
    [place.schema, TABLES],
  )
  if (found === undefined) throw new PipelineError('internal', 'Examining the state')
  return found
}

async function requireVersion(connection: StateConnection, place: Place): Promise<void> {
  const [row] = await connection.run('Reading', (client) =>
    client.query<{ version: number }>(`SELECT version FROM ${quotedSchema(place)}.sync_version`),
  )
  if (row?.version === VERSION) return
  throw new PipelineError('state_version', opening(place), {
    cause: new Error(`it has format ${row?.version}; this version knows ${VERSION}`),
    hint: 'Use the newer version of SimplyLoad that made it, or another state.schema',
    context: { ...place, known: VERSION },
  })
}

function requireWritable({ is_standby, encoding }: Inventory, place: Place): void {
  if (is_standby) {
    throw new PipelineError('state_unavailable', opening(place), {
      cause: new Error('the server is a standby'),
      hint: 'Set state.url to the primary',
      context: { ...place },
    })
  }
  if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII') {
    throw new PipelineError('state_unavailable', opening(place), {
      cause: new Error(`the database has the encoding ${encoding}, which lacks characters that names may have`),
      hint: "Use a database with ENCODING 'UTF8'",
      context: { ...place, encoding },
    })
  }
}

function requireAccess(found: Inventory, place: Place, mode: 'read' | 'write'): void {
  if (found.may_use === true && found.may_read && (mode === 'read' || found.may_write)) return
  const [schema, role] = [quotedSchema(place), quotedName(found.role)]
  const sql =
    mode === 'write'
      ? grantSql(place.schema, found.role)
      : `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`
  throw denied(place, found, `may not ${mode} its tables`, sql)
}

function requireMaking(found: Inventory, place: Place): void {
  const [schema, role] = [quotedSchema(place), quotedName(found.role)]
  if (found.may_use === null && !found.may_make_schema) {
    throw denied(place, found, 'may not make a schema', `CREATE SCHEMA ${schema} AUTHORIZATION ${role}`)
  }
  if (found.may_use === false || found.may_make_tables === false) {
    throw denied(place, found, 'may not make tables', `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`)
  }
}

function denied(place: Place, { role, database }: Inventory, what: string, sql: string): PipelineError {
  return new PipelineError('state_permission', opening(place), {
    cause: new Error(`role ${role} ${what}`),
    hint: `As an administrator, in database ${database}: ${sql}`,
    context: { ...place, role },
  })
}

function foreign(place: Place, tables: readonly string[]): PipelineError {
  return new PipelineError('state_unavailable', opening(place), {
    cause: new Error(`it has ${tables.join(', ')} of another program`),
    hint: 'Set state.schema to a schema of its own',
    context: { ...place },
  })
}

function opening({ server, schema }: Place): string {
  return `Opening the state ${server}, schema ${schema}`
}
