/**
 * Before the first byte is read: publications, then the slot. In this order, because a slot hands out only changes of
 * publications that existed when the changes were made.
 */
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { PreparedSource, TableRequest } from '../../core/source.ts'
import type { TableId } from '../../core/table-schema.ts'
import { connect, type PostgresClient } from './client.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { sqlState } from './errors.ts'
import { applyPublicationChanges, notWhollyPublished, publicationChanges, readPublications } from './publication.ts'
import type { Ask } from './reading.ts'
import type { ReplicationNames } from './replication-names.ts'
import { SLOT_GONE_FIX } from './server-error.ts'
import { createSlot, dropSlotSql, readSlot, requireUsableSlot } from './slot.ts'
import { quoteIdentifier } from './sql-text.ts'
import { readSystem, readTimelineEnds } from './system-identity.ts'
import { requestedTables } from './table-schemas.ts'

export interface PrepareOptions {
  readonly settings: ConnectionSettings
  readonly names: ReplicationNames
  /** The publications have our default names: tables that nobody asks for are taken out. */
  readonly ownsPublications: boolean
  readonly failover: boolean
  readonly slotTimeoutMs: number
}

/** Nobody else uses the connection of `ask` meanwhile. */
export async function prepareSource(
  options: PrepareOptions,
  ask: Ask,
  requests: readonly TableRequest[],
  mayCreateSlot: boolean,
  signal: AbortSignal,
  beforePublishing: (tables: readonly TableId[]) => Promise<void>,
): Promise<PreparedSource> {
  const { settings } = options
  const identifying = identifySystem(settings, signal)
  identifying.catch(() => undefined) // until it is awaited; what it suffers from, the other connection suffers from first
  const client = await ask(signal)
  try {
    // Waiting has its own deadlines here.
    await client.query('SET statement_timeout = 0', undefined, signal)
    await requirePrimary(client, signal)
    await publish(client, options, requests, identifying, signal, beforePublishing)
    const { system, timeline, timelineEnds } = await identifying
    const { created, restartLsn } = await provideSlot(client, options, mayCreateSlot, signal)
    await client.query(`SET statement_timeout = ${settings.statementTimeoutMs}`, undefined, signal)
    return { identity: { system, timeline, slot: options.names.slot }, created, restartLsn, timelineEnds }
  } catch (error) {
    // Whoever asks next gets a connection that is as it should be.
    client.destroy()
    throw error
  }
}

async function provideSlot(
  client: PostgresClient,
  { names, settings, failover, slotTimeoutMs }: PrepareOptions,
  mayCreateSlot: boolean,
  signal: AbortSignal,
): Promise<Pick<PreparedSource, 'created' | 'restartLsn'>> {
  const before = await readSlot(client, names.slot, signal)
  if (before === undefined) {
    if (!mayCreateSlot) throw slotMissing(names.slot)
    await createSlot(client, names.slot, failover, slotTimeoutMs, signal)
  }
  const slot = before ?? (await readSlot(client, names.slot, signal))
  if (slot === undefined) throw slotMissing(names.slot)
  requireUsableSlot(slot, settings.database)
  invariant(slot.confirmedLsn !== undefined, 'a logical slot that is not lost has a confirmed LSN')
  return { created: before === undefined, restartLsn: slot.confirmedLsn }
}

/** The publications alone: the slot is there and in use. */
export async function publishTables(
  options: PrepareOptions,
  requests: readonly TableRequest[],
  signal: AbortSignal,
  beforePublishing: (tables: readonly TableId[]) => Promise<void>,
): Promise<void> {
  const settings = { ...options.settings, statementTimeoutMs: 0 }
  await using client = await connect(settings, { purpose: 'prepare' }, signal)
  await publish(client, options, requests, Promise.resolve(), signal, beforePublishing)
}

/** `allowed`: where it rejects, nothing is changed. */
async function publish(
  client: PostgresClient,
  { names, ownsPublications, slotTimeoutMs }: PrepareOptions,
  requests: readonly TableRequest[],
  allowed: Promise<unknown>,
  signal: AbortSignal,
  beforePublishing: (tables: readonly TableId[]) => Promise<void>,
): Promise<void> {
  const tables = await requestedTables(client, requests, signal)
  const present = await readPublications(client, [names.publication, names.appendPublication], signal)
  const changes = publicationChanges(names, present, tables, client.serverVersion, ownsPublications)
  await allowed
  const lacking = notWhollyPublished(names, present, tables, client.serverVersion)
  if (lacking.length > 0) await beforePublishing(lacking.map(({ request }) => request.table))
  await applyPublicationChanges(client, changes, slotTimeoutMs, signal)
}

async function requirePrimary(client: PostgresClient, signal: AbortSignal): Promise<void> {
  const [row] = await client.query<{ standby: boolean; wal_level: string }>(
    "SELECT pg_is_in_recovery() AS standby, current_setting('wal_level') AS wal_level",
    undefined,
    signal,
  )
  if (row?.standby === true) {
    throw new PipelineError('source_setting', 'Preparing to follow the changes', {
      cause: new Error('the server is a standby'),
      hint: 'Connect to the primary: a publication can only be made there',
    })
  }
  if (row?.wal_level === 'logical') return
  throw new PipelineError('source_setting', 'Preparing to follow the changes', {
    cause: new Error(`wal_level is ${row?.wal_level}`),
    hint: WAL_LEVEL_FIX,
  })
}

export const WAL_LEVEL_FIX =
  "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (Amazon RDS: rds.logical_replication = 1, Google Cloud SQL: cloudsql.logical_decoding = on)"

async function identifySystem(
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<{ system: string; timeline: number; timelineEnds: ReadonlyMap<number, bigint> }> {
  await using walsender = await connect(settings, { replication: true, purpose: 'prepare' }, signal)
  const { system, timeline } = await readSystem(walsender, signal)
  return { system, timeline, timelineEnds: await readTimelineEnds(walsender, timeline, signal) }
}

function slotMissing(name: string): PipelineError {
  return new PipelineError('source_slot_missing', `Finding the replication slot ${name}`, {
    cause: new Error('it was there before and is gone, so changes may be lost'),
    hint: SLOT_GONE_FIX,
    context: { slot: name },
  })
}

/**
 * An LSN at or behind every transaction that is committed now, and that the stream will reach. A transaction with
 * `synchronous_commit = off` is visible before its commit is flushed, and only what is flushed is sent: so something is
 * committed that waits for the flush.
 */
export async function currentLsn(client: PostgresClient, signal: AbortSignal): Promise<string> {
  try {
    await client.query(
      "BEGIN; SET LOCAL synchronous_commit = 'local'; SELECT pg_logical_emit_message(true, 'simplyload', ''); COMMIT",
      undefined,
      signal,
    )
  } catch (error) {
    // A role without the right to the function, or a database that is read-only: then what is written must do.
    if (!['42501', '25006'].includes(sqlState(error) ?? '')) throw error
    await client.query('ROLLBACK')
  }
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn', undefined, signal)
  invariant(row !== undefined, 'a function answers with one row')
  return row.lsn
}

/** Removes the slot, and the publications where they are ours. What is not there is no error. */
export async function dropReplication(options: PrepareOptions, signal: AbortSignal): Promise<void> {
  const { names, settings } = options
  await using client = await connect(settings, { purpose: 'drop' }, signal)
  const slot = await readSlot(client, names.slot, signal)
  if (slot !== undefined) {
    if (slot.activePid !== undefined) requireUsableSlot(slot, settings.database)
    await client.query(dropSlotSql(names.slot), undefined, signal)
  }
  if (!options.ownsPublications) return
  for (const name of [names.publication, names.appendPublication]) {
    await client.query(`DROP PUBLICATION IF EXISTS ${quoteIdentifier(name)}`, undefined, signal)
  }
}
