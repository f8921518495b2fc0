/**
 * Which transactions are in flight, as any role may see it: every transaction holds a lock on its virtual id, and every
 * prepared one on its transaction id. pg_stat_activity would hide from an ordinary role when others began.
 */
import type { PostgresClient } from '../client.ts'
import { sqlState } from '../errors.ts'

export interface InFlight {
  /** Virtual ids (`3/1547`), and `x` with the transaction id of prepared ones. Undefined: nobody can tell. */
  readonly transactions: readonly string[] | undefined
  /** By the server's clock. Microseconds since 1970. */
  readonly serverUs: bigint
  /** What its clock on the wall says, in the time zone of new sessions. Microseconds since 1970, as if it were UTC. */
  readonly localUs: bigint
}

interface InFlightRow {
  readonly transactions: readonly string[] | null
  readonly standby: boolean
  readonly server_us: bigint
  readonly local_us: bigint
}

/** `$1`: of `ownSessions`. A JSON array of texts, or NULL. */
// Of other databases none can write to our tables, nor can autovacuum and other processes without a user. Our own
// connections only read, for hours where they hold the snapshot of a first read.
export const TRANSACTIONS_IN_FLIGHT = `SELECT json_agg(coalesce(l.virtualxid, 'x' || l.transactionid::text)) FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON l.pid IS NULL AND p.transaction = l.transactionid
  WHERE l.mode = 'ExclusiveLock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND (l.locktype = 'virtualxid' OR (l.locktype = 'transactionid' AND l.pid IS NULL))
    AND (p.database IS NULL OR p.database = current_database())
    AND (a.pid IS NULL OR (a.usesysid IS NOT NULL AND a.datname = current_database()
      AND NOT (a.usename = session_user AND a.application_name = ANY ($1::text[]))))`

const CLOCKS = `pg_is_in_recovery() AS standby, (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS server_us,
  (extract(epoch FROM clock_timestamp() AT TIME ZONE (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'))
    * 1000000)::int8 AS local_us`

/** Purposes of connections that read for long and write nothing. */
const READERS = ['poll', 'snapshot', 'verify', 'read rows']
const APPLICATION_NAME_BYTES = 63

export function ownSessions(applicationName: string): readonly string[] {
  return READERS.map((purpose) => `${applicationName} ${purpose}`.slice(0, APPLICATION_NAME_BYTES))
}

/** `own`: of `ownSessions`. Outside of a transaction: it may fail on the way. */
export async function readInFlight(
  client: PostgresClient,
  own: readonly string[],
  signal: AbortSignal,
): Promise<InFlight> {
  try {
    const sql = `SELECT (${TRANSACTIONS_IN_FLIGHT}) AS transactions, ${CLOCKS}`
    const [row] = await client.query<InFlightRow>(sql, [own], signal)
    return inFlightOf(row)
  } catch (error) {
    if (sqlState(error) !== '42501') throw error
    const [row] = await client.query<InFlightRow>(`SELECT NULL AS transactions, ${CLOCKS}`, [], signal)
    return { ...inFlightOf(row), transactions: undefined }
  }
}

function inFlightOf(row: InFlightRow | undefined): InFlight {
  // On a standby only its own transactions are seen, and it is the primary's that write.
  const transactions = row?.standby === true ? undefined : (row?.transactions ?? [])
  return { transactions, serverUs: row?.server_us ?? 0n, localUs: row?.local_us ?? 0n }
}
