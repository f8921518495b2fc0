/** What `doctor` finds out about a source that is polled: server, what the role can see, then each table. */
import { formatDuration } from '../../../core/duration.ts'
import { type Finding, failedFinding } from '../../../core/finding.ts'
import type { TableRequest } from '../../../core/source.ts'
import { tableName } from '../../../core/table-schema.ts'
import { type CatalogTable, readCatalog } from '../catalog.ts'
import { connect, type PostgresClient } from '../client.ts'
import type { ConnectionSettings } from '../connection-settings.ts'
import { type Access, accessFindings, readAccess } from '../examine-tables.ts'
import { quoteIdentifier, quoteTable } from '../sql-text.ts'
import { refusalOf, relationKey, requestedTables, tableSchema } from '../table-schemas.ts'
import { type CursorColumn, cursorNow, findCursor, indexFix } from './cursor-column.ts'
import { type InFlight, ownSessions, readInFlight } from './in-flight.ts'
import type { PollOptions } from './poll-options.ts'
import { largestStatement } from './poll-statement.ts'
import { planTable } from './polled-table.ts'
import { pollFollowable } from './row-key.ts'
import { rowRules } from './row-rules.ts'

export interface PollExamination {
  readonly settings: ConnectionSettings
  readonly lateArrivalsMs: (isBlind: boolean) => number
  readonly optionsOf: (table: TableRequest['table']) => PollOptions
}

interface Server {
  readonly version: string
  readonly standby: boolean
  readonly encoding: string
  readonly prepared: number
  readonly oldest_prepared_seconds: number | null
  readonly oldest_seconds: number | null
  readonly oldest_pid: number | null
}

// Of others an ordinary role sees no times; then the oldest is not known, which does no harm.
const SERVER = `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
    current_setting('server_encoding') AS encoding, count(p.gid)::int AS prepared,
    extract(epoch FROM now() - min(p.prepared))::int AS oldest_prepared_seconds,
    o.seconds AS oldest_seconds, o.pid AS oldest_pid
  FROM (VALUES (0)) AS one LEFT JOIN pg_prepared_xacts p ON p.database = current_database()
    LEFT JOIN LATERAL (SELECT a.pid, extract(epoch FROM now() - a.xact_start)::int AS seconds FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()
        AND NOT a.application_name = ANY ($1::text[]) ORDER BY a.xact_start LIMIT 1) AS o ON true
  GROUP BY o.seconds, o.pid`

const LONG_TRANSACTION_SECONDS = 600

/** Never throws for what it examines; an abort is thrown. */
export async function examinePolling(
  options: PollExamination,
  requests: readonly TableRequest[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  try {
    await using client = await connect(options.settings, { purpose: 'doctor' }, signal)
    const own = ownSessions(options.settings.applicationName)
    const [server] = await client.query<Server>(SERVER, [own], signal)
    if (server !== undefined) {
      findings.push({ subject: 'connection', level: 'ok', message: `PostgreSQL ${server.version}` })
      findings.push(...serverFindings(server))
    }
    const inFlight = await readInFlight(client, own, signal)
    findings.push(...sightFindings(options, inFlight, server))
    findings.push(...(await examineTables(client, options, requests, inFlight, signal)))
  } catch (error) {
    signal.throwIfAborted()
    findings.push(failedFinding(findings.length === 0 ? 'connection' : 'examination', error))
  }
  return findings
}

function serverFindings({ standby, encoding }: Server): readonly Finding[] {
  return [
    standby
      ? {
          subject: 'server',
          level: 'note',
          message: 'It is a standby: long reads may be cancelled in favour of its log, and are then tried again',
          fix: "ALTER SYSTEM SET hot_standby_feedback = 'on'; SELECT pg_reload_conf() -- on the standby",
        }
      : { subject: 'server', level: 'ok', message: 'It is a primary' },
    encoding === 'SQL_ASCII'
      ? {
          subject: 'server_encoding',
          level: 'warning',
          message: 'The database does not check text (SQL_ASCII): values that are not UTF-8 go to quarantine',
        }
      : { subject: 'server_encoding', level: 'ok', message: encoding },
  ]
}

/** Whether rows that become visible late can be told from rows that never come. */
function sightFindings(
  { lateArrivalsMs }: PollExamination,
  { transactions }: InFlight,
  server: Server | undefined,
): readonly Finding[] {
  const subject = 'open transactions'
  if (transactions === undefined) {
    const why =
      server?.standby === true ? 'those of the primary cannot be seen on a standby' : 'this role may not read pg_locks'
    return [
      {
        subject,
        level: 'warning',
        message: `${capital(why)}: each poll looks back ${formatDuration(lateArrivalsMs(true))} in place of waiting for them; rows that are committed later than that are found by detect_deletes alone`,
        fix: 'Set late_arrivals above the longest transaction and the lag of the standby, and detect_deletes for its tables',
      },
    ]
  }
  const findings: Finding[] = []
  if ((server?.prepared ?? 0) > 0) {
    findings.push({
      subject,
      level: 'warning',
      message: `${server?.prepared} prepared transactions are open, the oldest for ${server?.oldest_prepared_seconds} s; until they end, polls begin at what was visible before them`,
      fix: 'SELECT gid, prepared FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED',
    })
  }
  const { oldest_seconds: oldest, oldest_pid: pid } = server ?? {}
  if (typeof oldest === 'number' && oldest >= LONG_TRANSACTION_SECONDS) {
    findings.push({
      subject,
      level: 'note',
      message: `Process ${pid} has a transaction open for ${oldest} s; until it ends, polls look at all rows that changed since it began`,
    })
  }
  if (findings.length > 0) return findings
  return [{ subject, level: 'ok', message: 'They can be seen, and are waited for' }]
}

async function examineTables(
  client: PostgresClient,
  options: PollExamination,
  requests: readonly TableRequest[],
  inFlight: InFlight,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const names = requests.map(({ table }) => ({ namespace: table.namespace, name: table.name }))
  const catalogs = new Map((await readCatalog(client, names, signal)).map((table) => [relationKey(table), table]))
  const access = await readAccess(client, catalogs.values(), signal)
  const findings: Finding[] = []
  for (const request of requests) {
    const subject = tableName(request.table)
    const catalog = catalogs.get(relationKey(request.table))
    if (catalog === undefined) {
      // It says which similar tables there are.
      const missing = await requestedTables(client, [request], signal, 'polling').catch((error: unknown) => error)
      findings.push(failedFinding(subject, missing))
      continue
    }
    findings.push(...(await examineTable(client, options, request, requests, catalog, access, inFlight, signal)))
  }
  return findings
}

async function examineTable(
  client: PostgresClient,
  { settings, optionsOf }: PollExamination,
  request: TableRequest,
  requests: readonly TableRequest[],
  catalog: CatalogTable,
  access: ReadonlyMap<number, Access>,
  inFlight: InFlight,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const subject = tableName(request.table)
  const refusal = refusalOf(catalog, requests, 'polling')
  if (refusal !== undefined)
    return [{ subject, level: 'error', message: `It cannot be polled: ${refusal.reason}`, fix: refusal.hint }]
  const closed = accessFindings(subject, catalog, access, settings.user)
  if (closed.length > 0) return closed
  const poll = optionsOf(request.table)
  try {
    const schema = tableSchema({ request, catalog }, client.serverVersion, pollFollowable(catalog, poll, request.key))
    const cursor = findCursor(catalog, poll)
    rowRules(catalog, poll)
    return [
      ...identityFindings(subject, catalog, poll, request.key),
      ...cursorFindings(subject, catalog, cursor, poll),
      ...(cursor?.indexed === true
        ? await futureFindings(client, subject, planTable(schema, catalog, poll, client.wireRules), inFlight, signal)
        : []),
      ...deleteFindings(subject, catalog, poll, request.key),
    ]
  } catch (error) {
    signal.throwIfAborted()
    return [failedFinding(subject, error)]
  }
}

function identityFindings(
  subject: string,
  table: CatalogTable,
  options: PollOptions,
  key: readonly string[] | undefined,
): readonly Finding[] {
  const { identity } = pollFollowable(table, options, key)
  if (identity.kind === 'key')
    return [{ subject, level: 'ok', message: `Rows are recognised by ${identity.columns.join(', ')}` }]
  const fix = `ALTER TABLE ${quoteTable(table.namespace, table.name)} ADD PRIMARY KEY (…)`
  const message =
    identity.kind === 'bag'
      ? `Rows cannot be recognised: ${identity.reason}; when any has changed, all of them are sent`
      : `Only rows that are new are followed: ${identity.reason}; a row that changes comes again as another one`
  return [{ subject, level: 'warning', message, fix }]
}

/** The same as `discover` says. */
export function cursorFindings(
  subject: string,
  table: CatalogTable,
  cursor: CursorColumn | undefined,
  options: PollOptions,
): readonly Finding[] {
  if (cursor?.indexed === true) {
    const nulls = cursor.column.nullable ? `; rows where it is NULL: ${options.nullCursor}` : ''
    return [{ subject, level: 'ok', message: `Polls begin at the cursor "${cursor.column.name}"${nulls}` }]
  }
  const costs = 'each poll looks at the whole table'
  if (cursor !== undefined) {
    const message = `No index begins with the cursor "${cursor.column.name}", so ${costs}`
    return [{ subject, level: 'warning', message, fix: indexFix(table, cursor.column.name) }]
  }
  if (options.cursor === false) return [{ subject, level: 'note', message: `It is polled without a cursor: ${costs}` }]
  const quoted = quoteTable(table.namespace, table.name)
  return [
    {
      subject,
      level: 'warning',
      message: `It has no cursor (a column such as updated_at that rises with each change), so ${costs}`,
      fix: `ALTER TABLE ${quoted} ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(); keep it up to date with a trigger; ${indexFix(table, 'updated_at')}. Or name another column in \`cursor\``,
    },
  ]
}

const FUTURE_MINUTE = 60_000_000n

async function futureFindings(
  client: PostgresClient,
  subject: string,
  plan: ReturnType<typeof planTable>,
  { serverUs, localUs }: InFlight,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { cursor } = plan
  const now = cursor === undefined ? undefined : cursorNow(cursor, serverUs, localUs)
  if (cursor === undefined || now === undefined) return []
  const [row] = await client.query<{ cursor: bigint }>(largestStatement(plan, cursor), undefined, signal)
  const limit = now + (cursor.scale === 'micro' ? FUTURE_MINUTE : 0n)
  if (row === undefined || row.cursor <= limit) return []
  return [
    {
      subject,
      level: 'warning',
      message: `Its cursor "${cursor.column.name}" lies ahead of the server's clock in some rows; polls begin no later than that clock`,
      fix: `SELECT count(*) FROM ${plan.relation} WHERE ${quoteIdentifier(cursor.column.name)} > now(); correct them, and what writes them`,
    },
  ]
}

function deleteFindings(
  subject: string,
  table: CatalogTable,
  options: PollOptions,
  key: readonly string[] | undefined,
): readonly Finding[] {
  if (pollFollowable(table, options, key).identity.kind !== 'key') return []
  if (options.detectDeletesMs !== undefined)
    return [
      { subject, level: 'ok', message: `Deleted rows are looked for every ${formatDuration(options.detectDeletesMs)}` },
    ]
  const how = options.softDeleteColumn === undefined ? '' : `; only those that "${options.softDeleteColumn}" marks are`
  return [
    {
      subject,
      level: 'note',
      message: `Rows that are deleted are not noticed${how}`,
      fix: 'Set detect_deletes: 1h for the table',
    },
  ]
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
