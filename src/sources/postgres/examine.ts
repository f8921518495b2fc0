/** What `doctor` finds out about a Postgres source: server, role, publications, slot, then each table. */
import { isPipelineError } from '../../core/errors.ts'
import { type Finding, failedFinding } from '../../core/finding.ts'
import type { TableRequest } from '../../core/source.ts'
import type { SourceRecord } from '../../core/state.ts'
import { connect } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { type ExaminedTables, examineTables } from './examine-tables.ts'
import { formatLsn } from './lsn.ts'
import { type PrepareOptions, WAL_LEVEL_FIX } from './prepare.ts'
import { lacking, type Publication, publicationOptions, readPublications } from './publication.ts'
import type { Ask } from './reading.ts'
import { dropSlotSql, readSlot, requireUsableSlot, type Slot } from './slot.ts'
import { quoteIdentifier } from './sql-text.ts'

export interface ServerFacts {
  readonly version: string
  readonly wal_level: string
  readonly slots_max: number
  readonly slots_used: number
  readonly senders_max: number
  readonly senders_used: number
  readonly standby: boolean
  readonly replication: boolean
  readonly superuser: boolean
  readonly may_create: boolean
  readonly encoding: string
  /** Seconds; null: none. */
  readonly oldest_writer_seconds: number | null
  readonly oldest_writer_pid: number | null
  readonly prepared: number
  readonly slot_keep: string
  readonly sender_timeout: string
  readonly decoding_memory: string
}

const FACTS = `SELECT current_setting('server_version') AS version, current_setting('wal_level') AS wal_level,
    current_setting('max_replication_slots')::int AS slots_max, (SELECT count(*)::int FROM pg_replication_slots) AS slots_used,
    current_setting('max_wal_senders')::int AS senders_max, (SELECT count(*)::int FROM pg_stat_replication) AS senders_used,
    pg_is_in_recovery() AS standby, r.rolreplication AS replication, r.rolsuper AS superuser,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    current_setting('server_encoding') AS encoding, w.seconds AS oldest_writer_seconds, w.pid AS oldest_writer_pid,
    (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared,
    current_setting('max_slot_wal_keep_size') AS slot_keep, current_setting('wal_sender_timeout') AS sender_timeout,
    current_setting('logical_decoding_work_mem') AS decoding_memory
  FROM pg_roles r LEFT JOIN LATERAL (
    SELECT a.pid, extract(epoch FROM now() - a.xact_start)::int AS seconds FROM pg_stat_activity a
    WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 1) AS w ON true
  WHERE r.rolname = current_user`

const LONG_TRANSACTION_SECONDS = 60
const RETAINED_WARNING_BYTES = 5 * 1024 ** 3

/** Where an earlier run has left the slot. */
export type FollowedSlot = Pick<SourceRecord, 'identity' | 'stagedThroughLsn'>

/** Never throws for what it examines; an abort is thrown. */
export async function examineSource(
  options: PrepareOptions,
  ask: Ask,
  requests: readonly TableRequest[],
  signal: AbortSignal,
  followed?: FollowedSlot,
): Promise<readonly Finding[]> {
  const { settings, names } = options
  const findings: Finding[] = []
  try {
    const client = await ask(signal)
    const replicating = connectForReplication(settings, signal)
    const [facts] = await client.query<ServerFacts>(FACTS, undefined, signal)
    if (facts === undefined)
      return [{ subject: 'role', level: 'error', message: `The role ${settings.user} is not in pg_roles` }]
    findings.push(
      { subject: 'connection', level: 'ok', message: `PostgreSQL ${facts.version}` },
      ...serverFindings(facts),
    )
    findings.push(...(await replicationFindings(replicating, facts, signal)))
    const slot = await readSlot(client, names.slot, signal)
    findings.push(...slotFindings(options, slot, facts, followed))
    if (slot === undefined) findings.push(...waitFindings(facts, options.slotTimeoutMs))
    const publications = await readPublications(client, [names.publication, names.appendPublication], signal)
    const tables = await examineTables(client, options, requests, publications, signal)
    findings.push(...publicationFindings(options, publications, facts, client.serverVersion, tables))
    findings.push(...tables.findings)
  } catch (error) {
    signal.throwIfAborted()
    findings.push(failedFinding(findings.length === 0 ? 'connection' : 'examination', error))
  }
  return findings
}

function serverFindings(facts: ServerFacts): readonly Finding[] {
  const free = facts.slots_max - facts.slots_used
  const senders = facts.senders_max - facts.senders_used
  return [
    facts.standby
      ? {
          subject: 'server',
          level: 'error',
          message: 'It is a standby, on which no publication can be made',
          fix: 'Connect to the primary',
        }
      : { subject: 'server', level: 'ok', message: 'It is a primary' },
    facts.wal_level === 'logical'
      ? { subject: 'wal_level', level: 'ok', message: 'logical' }
      : {
          subject: 'wal_level',
          level: 'error',
          message: `It is ${facts.wal_level}; changes cannot be read from the log`,
          fix: WAL_LEVEL_FIX,
        },
    // One for the stream, one for a snapshot beside it.
    roomFinding('max_replication_slots', free, facts.slots_max),
    roomFinding('max_wal_senders', senders, facts.senders_max),
    facts.encoding === 'SQL_ASCII'
      ? {
          subject: 'server_encoding',
          level: 'warning',
          message: 'The database does not check text (SQL_ASCII): values that are not UTF-8 go to quarantine',
        }
      : { subject: 'server_encoding', level: 'ok', message: facts.encoding },
    {
      subject: 'logical_decoding_work_mem',
      level: 'ok',
      message: `${facts.decoding_memory}; larger transactions are streamed while they run`,
    },
    facts.sender_timeout === '0'
      ? {
          subject: 'wal_sender_timeout',
          level: 'note',
          message: 'It is off: a connection that died is noticed late, and its slot stays in use until then',
          fix: "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf()",
        }
      : { subject: 'wal_sender_timeout', level: 'ok', message: facts.sender_timeout },
    facts.slot_keep === '-1'
      ? {
          subject: 'max_slot_wal_keep_size',
          level: 'note',
          message: 'There is no limit: while no sync runs, the log grows until the disk is full',
        }
      : {
          subject: 'max_slot_wal_keep_size',
          level: 'note',
          message: `${facts.slot_keep}: a sync that is further behind loses its slot, and the tables are read again`,
        },
  ]
}

function roomFinding(setting: string, free: number, max: number): Finding {
  if (free >= 2) return { subject: setting, level: 'ok', message: `${free} of ${max} free` }
  return {
    subject: setting,
    level: free < 1 ? 'error' : 'warning',
    message: `${free} of ${max} free; the stream needs one, and a snapshot another one for a moment`,
    fix: `ALTER SYSTEM SET ${setting} = ${max + 4}; then restart the server`,
  }
}

/** Whether the role may replicate is asked by doing it: pg_hba.conf and the roles of managed services count too. */
/** Resolves with what went wrong, if anything did: the server is asked other things meanwhile. */
async function connectForReplication(settings: ConnectionSettings, signal: AbortSignal): Promise<{ error?: unknown }> {
  try {
    await using walsender = await connect(settings, { replication: true, purpose: 'doctor' }, signal)
    await walsender.query('IDENTIFY_SYSTEM', undefined, signal)
    return {}
  } catch (error) {
    return { error }
  }
}

async function replicationFindings(
  replicating: ReturnType<typeof connectForReplication>,
  facts: ServerFacts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { error } = await replicating
  signal.throwIfAborted()
  if (error !== undefined) return [failedFinding('replication privilege', error)]
  const how = facts.superuser ? 'superuser' : facts.replication ? 'REPLICATION' : 'granted by the service'
  return [{ subject: 'replication privilege', level: 'ok', message: how }]
}

function slotFindings(
  options: PrepareOptions,
  slot: Slot | undefined,
  facts: ServerFacts,
  followed: FollowedSlot | undefined,
): readonly Finding[] {
  const subject = `slot ${options.names.slot}`
  const isFollowed = followed !== undefined && followed.identity.slot === options.names.slot
  if (slot === undefined) {
    if (!isFollowed) return [{ subject, level: 'note', message: 'It does not exist yet; the first sync makes it' }]
    const message = 'It was there before and is gone, so changes may be lost'
    return [{ subject, level: 'error', message, fix: 'Read the tables again: simplyload checkpoint reset' }]
  }
  const findings: Finding[] = []
  // A sync that runs moves it on.
  if (isFollowed && slot.activePid === undefined && (slot.confirmedLsn ?? 0n) > followed.stagedThroughLsn) {
    const [stands, staged] = [formatLsn(slot.confirmedLsn ?? 0n), formatLsn(followed.stagedThroughLsn)]
    findings.push({
      subject,
      level: 'warning',
      message: `It has been moved on to ${stands}, past ${staged}, up to which changes are recorded here`,
      fix: 'Where no other machine has them, the next sync says which tables must be read again: simplyload table resync',
    })
  }
  try {
    requireUsableSlot(slot, options.settings.database)
    findings.push({
      subject,
      level: 'ok',
      message: `Free; the server keeps ${megabytes(slot.retainedBytes)} of log for it`,
    })
  } catch (error) {
    if (!isPipelineError(error)) throw error
    // A sync that runs is the ordinary reason for a slot in use.
    const inUse = error.code === 'source_slot_in_use'
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    findings.push({
      subject,
      level: inUse ? 'note' : 'error',
      message: capital(reason),
      ...(error.hint === undefined ? {} : { fix: error.hint }),
    })
  }
  if (slot.walStatus === 'unreserved' || slot.retainedBytes > RETAINED_WARNING_BYTES) {
    findings.push({
      subject,
      level: 'warning',
      message: `The server keeps ${megabytes(slot.retainedBytes)} of log for it (${slot.walStatus}, limit ${facts.slot_keep === '-1' ? 'none' : facts.slot_keep})`,
      fix: `Run the sync until it has caught up, or give the slot up: ${dropSlotSql(slot.name)}`,
    })
  }
  if (options.failover && !slot.failover) {
    findings.push({
      subject,
      level: 'warning',
      message: 'It was made without failover, so it is lost with the primary',
      fix: `${dropSlotSql(slot.name)}, then simplyload checkpoint reset`,
    })
  }
  return findings
}

/** A new slot waits for every transaction that writes. */
function waitFindings(facts: ServerFacts, slotTimeoutMs: number): readonly Finding[] {
  const subject = 'open transactions'
  if (facts.prepared > 0) {
    return [
      {
        subject,
        level: 'warning',
        message: `${facts.prepared} prepared transactions are open; a new slot waits for them up to ${slotTimeoutMs / 1000} s`,
        fix: 'SELECT gid, prepared FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED',
      },
    ]
  }
  const { oldest_writer_seconds: seconds, oldest_writer_pid: pid } = facts
  if (seconds === null || seconds < LONG_TRANSACTION_SECONDS)
    return [{ subject, level: 'ok', message: 'None that would delay a new slot' }]
  return [
    {
      subject,
      level: 'warning',
      message: `Process ${pid} writes in a transaction that is ${seconds} s old; a new slot waits for it up to ${slotTimeoutMs / 1000} s`,
      fix: `SELECT pg_terminate_backend(${pid})`,
    },
  ]
}

function publicationFindings(
  options: PrepareOptions,
  present: readonly Publication[],
  facts: ServerFacts,
  serverVersion: number,
  { needAppend, catalogs }: ExaminedTables,
): readonly Finding[] {
  const kinds = [
    ['all', options.names.publication],
    ['append', options.names.appendPublication],
  ] as const
  return kinds.map(([kind, name]): Finding => {
    const subject = `publication ${name}`
    const publication = present.find((candidate) => candidate.name === name)
    const with_ = publicationOptions(kind, serverVersion)
    if (publication !== undefined) {
      const missing = lacking(publication, kind, catalogs)
      if (missing !== 'needed') return { subject, level: 'ok', message: `Owned by ${publication.owner}` }
      const mayAlter = facts.superuser || publication.owner === options.settings.user
      return {
        subject,
        level: mayAlter ? 'note' : 'error',
        message: 'Its options leave changes out',
        ...(mayAlter ? {} : { code: 'source_permission' as const }),
        fix: `ALTER PUBLICATION ${quoteIdentifier(name)} SET (${with_})`,
      }
    }
    if (facts.may_create) return { subject, level: 'note', message: 'It does not exist yet; the first sync makes it' }
    const fix = `CREATE PUBLICATION ${quoteIdentifier(name)} WITH (${with_})`
    if (kind === 'append' && !needAppend) {
      return {
        subject,
        level: 'note',
        message: 'It does not exist; only tables whose rows have no identity need it',
        fix,
      }
    }
    const message = 'It does not exist, and this role has no CREATE on the database'
    return { subject, level: 'error', message, fix, code: 'source_permission' }
  })
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
