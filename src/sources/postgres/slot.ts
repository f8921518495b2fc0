/** The permanent replication slot: where it stands, whether it is still good. */
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { queryWithDeadline } from './bounded-wait.ts'
import type { PostgresClient } from './client.ts'
import { parseLsn } from './lsn.ts'
import { quoteLiteral } from './sql-text.ts'

export interface Slot {
  readonly name: string
  readonly plugin: string
  readonly database: string
  readonly activePid: number | undefined
  /** Application name and role of whoever reads it, as far as this role may see. */
  readonly activeBy: string | undefined
  readonly confirmedLsn: bigint | undefined
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string
  readonly invalidationReason: string | undefined
  /** Log that the server keeps for it. Bytes. */
  readonly retainedBytes: number
  readonly failover: boolean
}

interface SlotRow {
  readonly name: string
  readonly plugin: string | null
  readonly database: string | null
  readonly active_pid: number | null
  readonly active_by: string | null
  readonly confirmed: string | null
  readonly retained: number | null
  readonly detail: Readonly<Record<string, unknown>>
}

const SLOT = `SELECT s.slot_name::text AS name, s.plugin::text AS plugin, s.database::text AS database, s.active_pid,
    (SELECT concat_ws(', ', nullif(a.application_name, ''), 'role ' || a.usename) FROM pg_stat_activity a WHERE a.pid = s.active_pid) AS active_by,
    s.confirmed_flush_lsn::text AS confirmed,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::float8 END AS retained,
    to_jsonb(s) AS detail
  FROM pg_replication_slots s WHERE s.slot_name = $1`

export async function readSlot(client: PostgresClient, name: string, signal: AbortSignal): Promise<Slot | undefined> {
  const [row] = await client.query<SlotRow>(SLOT, [name], signal)
  if (row === undefined) return undefined
  const { detail } = row
  // `conflicting` is the forerunner of `invalidation_reason` in PostgreSQL 16.
  const reason = detail.invalidation_reason ?? (detail.conflicting === true ? 'conflict with recovery' : undefined)
  return {
    name: row.name,
    plugin: row.plugin ?? '',
    database: row.database ?? '',
    activePid: row.active_pid ?? undefined,
    activeBy: row.active_by ?? undefined,
    confirmedLsn: row.confirmed === null ? undefined : parseLsn(row.confirmed),
    walStatus: typeof detail.wal_status === 'string' ? detail.wal_status : 'unknown',
    invalidationReason: typeof reason === 'string' ? reason : undefined,
    retainedBytes: row.retained ?? 0,
    failover: detail.failover === true,
  }
}

export function slotIsLost(slot: Slot): boolean {
  return slot.walStatus === 'lost' || slot.invalidationReason !== undefined
}

export function dropSlotSql(name: string): string {
  return `SELECT pg_drop_replication_slot(${quoteLiteral(name)})`
}

/** Throws `source_setting`, `source_slot_lost` or `source_slot_in_use` for a slot that cannot be read now. */
export function requireUsableSlot(slot: Slot, database: string): void {
  const doing = `Using the replication slot ${slot.name}`
  const context = { slot: slot.name }
  const foreign =
    slot.plugin !== 'pgoutput'
      ? `it was made with the plugin ${slot.plugin === '' ? 'none (it is a physical slot)' : slot.plugin}`
      : slot.database !== database
        ? `it belongs to the database "${slot.database}"`
        : undefined
  if (foreign !== undefined) {
    throw new PipelineError('source_setting', doing, {
      cause: new Error(foreign),
      hint: `Choose another name with \`slot\` in the configuration, or drop it if nobody needs it: ${dropSlotSql(slot.name)}`,
      context,
    })
  }
  if (slotIsLost(slot)) {
    throw new PipelineError('source_slot_lost', doing, {
      cause: new Error(
        slot.invalidationReason === undefined
          ? 'the server has removed the log it needs'
          : `the server has invalidated it (${slot.invalidationReason})`,
      ),
      hint: `Changes are missing, so the tables must be read again: ${dropSlotSql(slot.name)}, then simplyload checkpoint reset. To keep more log: max_slot_wal_keep_size`,
      context,
    })
  }
  requireFreeSlot(slot)
}

/** Throws `source_slot_in_use`. */
export function requireFreeSlot(slot: Slot): void {
  if (slot.activePid === undefined) return
  throw new PipelineError('source_slot_in_use', `Using the replication slot ${slot.name}`, {
    cause: new Error(`process ${slot.activePid} reads it${slot.activeBy === undefined ? '' : ` (${slot.activeBy})`}`),
    hint: `If that is no other sync that should go on: SELECT pg_terminate_backend(${slot.activePid})`,
    context: { slot: slot.name, pid: slot.activePid },
  })
}

const FAILOVER_VERSION = 170_000

/** Waits for open transactions, up to `timeoutMs`. `source_setting` where `failover` is more than the server can. */
export async function createSlot(
  client: PostgresClient,
  name: string,
  failover: boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (failover && client.serverVersion < FAILOVER_VERSION) {
    throw new PipelineError('source_setting', `Creating the replication slot ${name}`, {
      cause: new Error(
        `the server is PostgreSQL ${Math.floor(client.serverVersion / 10_000)}, whose slots do not survive a failover`,
      ),
      hint: 'Take `failover` out of the configuration, or update the server to 17 or later',
      context: { slot: name },
    })
  }
  const tail = failover ? ', false, false, true' : ''
  const sql = `SELECT pg_create_logical_replication_slot($1, 'pgoutput'${tail})`
  const made = await queryWithDeadline(
    client,
    { sql, values: [name], doing: `Creating the replication slot ${name}`, timeoutMs },
    signal,
  )
  invariant(made.length === 1, 'pg_create_logical_replication_slot answers with one row')
}
