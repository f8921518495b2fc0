/** What PostgreSQL says by SQLSTATE, and what an operator can do. */
import type { ErrorCode } from '../../core/errors.ts'
import { type ConnectionSettings, describeConnection } from './connection-settings.ts'
import { quoteIdentifier } from './sql-text.ts'

/** The slice of a server's error that is used. */
export interface ServerError extends Error {
  readonly code: string
  readonly severity?: string
  /** Function of the server that says it: in no language, where the message is in that of the server. */
  readonly routine?: string
}

export type Verdict = readonly [code: ErrorCode, hint: string | undefined]

/** `sql`: the statement that was refused, where there is one. */
export function serverVerdict(error: ServerError, settings: ConnectionSettings, sql?: string): Verdict {
  const { code, message, routine = '' } = error
  switch (code) {
    case '28P01':
      return [
        'source_authentication',
        `The password for "${settings.user}" is wrong, or the role does not exist: ALTER ROLE ${quoteIdentifier(settings.user)} PASSWORD '…'`,
      ]
    case '28000':
      return ['source_authentication', authorizationHint(message, settings)]
    case '3D000':
      return [
        'source_setting',
        `There is no database "${settings.database}" on ${describeConnection(settings)}: check the name (it is case-sensitive)`,
      ]
    case '42501':
      return ['source_permission', permissionHint(message, settings, sql)]
    case '55006':
      return message.includes('replication slot') || routine.startsWith('ReplicationSlot')
        ? [
            'source_slot_in_use',
            `Another process reads the slot: SELECT active_pid FROM pg_replication_slots; end it, or SELECT pg_terminate_backend(active_pid)`,
          ]
        : ['source_query', undefined]
    case '55000':
      return prerequisiteVerdict(message, routine)
    case '53400':
      return [
        'source_setting',
        message.includes('slot')
          ? 'Raise max_replication_slots and restart the server, or drop a slot that nobody uses: SELECT slot_name, active FROM pg_replication_slots'
          : 'Raise the limit that is named and restart the server',
      ]
    case '53300':
      return [
        'source_unreachable',
        message.includes('max_wal_senders') || message.includes('WAL sender')
          ? 'Raise max_wal_senders and restart the server'
          : 'The server has no free connection: raise max_connections (or the CONNECTION LIMIT of role or database), or lower snapshot.connections',
      ]
    case '53200':
      return [
        'source_setting',
        'The server is out of (shared) memory: raise max_locks_per_transaction and restart it, or copy fewer tables at a time',
      ]
    case '53100':
      return ['source_query', 'The disk of the database server is full: make room there']
    case '42P01':
      return ['source_table_missing', undefined]
    case '42704':
      return undefinedObjectVerdict(message, routine)
    case '58P01':
      return message.includes('WAL segment')
        ? [
            'source_slot_lost',
            'The server has removed the log: the tables must be read again (simplyload table resync)',
          ]
        : ['source_query', undefined]
    case '57014':
      return message.includes('statement timeout')
        ? ['source_query', 'The statement took longer than statement_timeout: raise statement_timeout of the source']
        : ['source_query', undefined]
    case 'XX000':
      return internalVerdict(message, routine)
    case '40001':
      // A standby puts the log of its primary before our statement; the next attempt has another snapshot.
      return ['source_connection_lost', undefined]
    case '40P01':
      // The server ended our part of it; the other session goes on, and the next attempt finds it gone or waits for it.
      return [
        'source_busy',
        'Another session locks the same tables in another order: see pg_locks and pg_stat_activity',
      ]
    case '55P03':
      return ['source_busy', 'Another session holds the table: see pg_locks and pg_stat_activity']
    case '57P03':
      return ['source_unreachable', 'The server is starting or stopping']
    case '57P01':
    case '57P02':
    case '57P04':
    case '57P05':
    case '25P03':
    case '25P04':
      return ['source_connection_lost', undefined]
    default:
      return code.startsWith('08') ? ['source_connection_lost', undefined] : ['source_query', undefined]
  }
}

function authorizationHint(message: string, settings: ConnectionSettings): string {
  if (message.includes('pg_hba.conf')) {
    const encryption = message.includes('no encryption') ? ' The server may accept TLS only: ssl mode require.' : ''
    const kind = message.includes('replication') ? 'replication' : quoteIdentifier(settings.database)
    return `Add a line to pg_hba.conf and reload (SELECT pg_reload_conf()): host ${kind} ${quoteIdentifier(settings.user)} <address of this machine>/32 scram-sha-256.${encryption}`
  }
  if (message.includes('not permitted to log in')) return `ALTER ROLE ${quoteIdentifier(settings.user)} LOGIN`
  return `Check that the role exists: CREATE ROLE ${quoteIdentifier(settings.user)} LOGIN REPLICATION PASSWORD '…'`
}

function permissionHint(message: string, settings: ConnectionSettings, sql = ''): string | undefined {
  const role = quoteIdentifier(settings.user)
  // 16 and later: "permission denied to start WAL sender"; before: "must be superuser or replication role to …".
  if (/WAL sender|walsender|replication slot|replication role/i.test(message)) {
    return `ALTER ROLE ${role} REPLICATION (on Amazon RDS: GRANT rds_replication TO ${role})`
  }
  const denied = /permission denied for (?:table|relation|view) (.+)$/.exec(message)?.[1]
  if (denied !== undefined) {
    // The server leaves out the schema.
    const name = quoteIdentifier(denied)
    const before = sql.slice(0, Math.max(0, sql.indexOf(`.${name}`)))
    const namespace = /"(?:[^"]|"")+"$/.exec(before)?.[0]
    return `GRANT SELECT ON ${namespace === undefined ? name : `${namespace}.${name}`} TO ${role}`
  }
  if (message.includes('row-level security')) return `ALTER ROLE ${role} BYPASSRLS`
  const schema = /permission denied for schema (.+)$/.exec(message)?.[1]
  if (schema !== undefined) return `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${role}`
  if (message.includes('permission denied for database'))
    return `GRANT CONNECT, CREATE ON DATABASE ${quoteIdentifier(settings.database)} TO ${role}`
  return undefined
}

function prerequisiteVerdict(message: string, routine: string): Verdict {
  if (message.includes('wal_level') || routine === 'CheckLogicalDecodingRequirements') {
    return [
      'source_setting',
      "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (managed services: set rds.logical_replication or cloudsql.logical_decoding to on)",
    ]
  }
  if (
    /no longer (?:get changes|access)|has been invalidated|cannot read from logical replication slot/.test(message) ||
    routine === 'ReplicationSlotAcquire' ||
    routine === 'CreateDecodingContext'
  ) {
    return [
      'source_slot_lost',
      'The slot fell further behind than max_slot_wal_keep_size allows. Its tables must be read again: simplyload table resync',
    ]
  }
  if (message.includes('import the requested snapshot')) return ['snapshot_lost', undefined]
  return ['source_query', undefined]
}

/**
 * PostgreSQL (18.4 at least) forgets a table's new file where it was truncated or rewritten within a savepoint of a
 * transaction that was open when the slot was made. A transaction that then changes the table can never be decoded.
 */
function internalVerdict(message: string, routine: string): Verdict {
  return /could not map filen(?:umber|ode)/.test(message) || routine === 'ReorderBufferProcessTXN'
    ? [
        'source_slot_lost',
        'PostgreSQL cannot read this slot past a transaction that was open when it was made. Make another one: SELECT pg_drop_replication_slot of its name, then simplyload checkpoint reset',
      ]
    : ['source_query', undefined]
}

export const SLOT_GONE_FIX = 'Read the tables again: simplyload checkpoint reset. A new slot is then made'

function undefinedObjectVerdict(message: string, routine: string): Verdict {
  if (/^replication slot .* does not exist/.test(message) || routine.startsWith('ReplicationSlot'))
    return ['source_slot_missing', SLOT_GONE_FIX]
  if (/^publication .* does not exist/.test(message))
    return [
      'source_setting',
      'It was dropped at this place of the log, and one made anew is not there yet: simplyload checkpoint reset makes a new slot and reads the tables again',
    ]
  if (/^snapshot .* does not exist/.test(message)) return ['snapshot_lost', undefined]
  return ['source_query', undefined]
}
