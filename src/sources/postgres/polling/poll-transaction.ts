/**
 * The transaction of one poll: one snapshot for all tables, so that a reader of the destination sees what was committed
 * together together. Who is in flight is asked before the snapshot and after it, since either may be too late to see one.
 */
import { invariant } from '../../../core/invariant.ts'
import type { PostgresClient } from '../client.ts'
import { BEGIN } from '../snapshot-session.ts'
import { readInFlight, TRANSACTIONS_IN_FLIGHT } from './in-flight.ts'
import type { SnapshotHorizon } from './poll-statement.ts'
import { TABLE_SHAPES, type TableShape } from './table-shapes.ts'

export interface PollTransaction extends SnapshotHorizon {
  /** Undefined: nobody can tell. */
  readonly inFlight: { readonly before: readonly string[]; readonly after: readonly string[] } | undefined
  /** Just before the snapshot. Microseconds since 1970. */
  readonly serverUs: bigint
  readonly localUs: bigint
  /** By oid, of tables that exist. */
  readonly shapes: ReadonlyMap<number, TableShape>
}

interface BegunRow {
  readonly xmin: bigint
  readonly xmax: bigint
  readonly transactions: readonly string[] | null
  readonly tables: readonly TableShape[] | null
}

/** Leaves the transaction open. `own`: of `ownSessions`. */
export async function beginPoll(
  client: PostgresClient,
  own: readonly string[],
  oids: readonly number[],
  signal: AbortSignal,
): Promise<PollTransaction> {
  const before = await readInFlight(client, own, signal)
  await client.query(BEGIN, undefined, signal)
  const isVisible = before.transactions !== undefined
  // Parameters that no part of the statement uses would have no type.
  const after = isVisible ? TRANSACTIONS_IN_FLIGHT : 'SELECT NULL::json WHERE $1::text[] IS NOT NULL'
  const [row] = await client.query<BegunRow>(
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8 AS xmin,
       pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS xmax, (${after}) AS transactions, (${TABLE_SHAPES}) AS tables`,
    [own, oids],
    signal,
  )
  invariant(row !== undefined, 'a SELECT without FROM answers with one row')
  const inFlight = before.transactions && { before: before.transactions, after: row.transactions ?? [] }
  return {
    inFlight,
    serverUs: before.serverUs,
    localUs: before.localUs,
    horizon: row.xmin,
    isUnsettled: row.xmin < row.xmax,
    shapes: new Map((row.tables ?? []).map((table) => [table.oid, table])),
  }
}
