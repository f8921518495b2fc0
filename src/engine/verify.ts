/**
 * Holds the source against the destination, table by table.
 *
 * The source is read whole, in its text form, whose decoders are others than those that loaded the rows. Rows that
 * differ may have changed since they were read, so exactly they are read again and compared again once the destination
 * has passed the position of that reading. What then still differs is reported, with the names of keys and columns.
 */

import type { SnapshotBatch } from '../core/batch.ts'
import type { Clock } from '../core/clock.ts'
import type { ComparingDestination, Destination, TableComparison, TargetTable } from '../core/destination.ts'
import type { ChangeSource } from '../core/source.ts'
import type { Stage, StageFile } from '../core/stage.ts'
import type { TableId, TableSchema } from '../core/table-schema.ts'
import { placeBatch } from './batch-name.ts'
import { writeBatchFile } from './stage-file-writer.ts'

export interface VerifyContext {
  readonly source: ChangeSource
  readonly destination: Destination & ComparingDestination
  readonly stage: Stage
  readonly clock: Clock
  readonly customer: string
  /** How far the destination has come with a table, and whether a sync is moving it on. */
  readonly progress: (table: TableId) => Promise<{ readonly reachedLsn: bigint; readonly running: boolean }>
  /** Asks a running sync to merge the table now, whatever its freshness. */
  readonly hurry: (table: TableId) => Promise<void>
  /** How long to wait for a running sync. */
  readonly waitMs: number
  readonly examplesMax: number
}

export interface VerifiedTable extends TableComparison {
  /** Rows differ and the destination has not reached the source's position: it may only be late. */
  readonly behind: boolean
}

const POLL_MS = 200
/** Rows that are looked at again one by one; with more differences than these, timing is not the reason. */
const REREAD_ROWS_MAX = 10_000
const REREADS_MAX = 5

export async function verifyTable(
  context: VerifyContext,
  target: TargetTable,
  schema: TableSchema,
  signal: AbortSignal,
): Promise<VerifiedTable> {
  const { source, destination, examplesMax } = context
  try {
    const read = source.readForVerification(schema, signal)
    const limit = Math.max(examplesMax, REREAD_ROWS_MAX)
    const first = await withStaged(context, schema, read.batches, signal, (files) =>
      destination.compare({ target, schema, files, limit }, signal),
    )
    if (first.differing === 0) return { ...first, behind: false }
    const settled = await settle(context, target, schema, first, await read.atLeastLsn, signal)
    return { ...settled, examples: settled.examples.slice(0, examplesMax) }
  } finally {
    await destination.release()
  }
}

/** Reads differing rows again until none is left or the destination has caught up with what was read. */
async function settle(
  context: VerifyContext,
  target: TargetTable,
  schema: TableSchema,
  first: TableComparison,
  readLsn: bigint,
  signal: AbortSignal,
): Promise<VerifiedTable> {
  const { source, destination } = context
  let reached = await waitFor(context, schema.table, readLsn, signal)
  if (schema.identity.kind !== 'key' || first.differing > first.examples.length) return { ...first, behind: !reached }
  let found = first
  for (let reread = 0; reread < REREADS_MAX && found.differing > 0; reread++) {
    const keys = found.examples.map((difference) => difference.key)
    const limit = keys.length
    const lsn = await source.currentLsn(signal)
    const rows = await source.readRows(schema, keys, 1, signal)
    reached = await waitFor(context, schema.table, lsn, signal)
    const again = await withStaged(context, schema, [rows], signal, (files) =>
      destination.compare({ target, schema, files, keys, limit }, signal),
    )
    const stands = again.differing === found.differing
    found = { ...first, differing: again.differing, examples: again.examples }
    if (stands && (reached || reread > 0)) break
  }
  return { ...found, behind: found.differing > 0 && !reached }
}

/** True when the destination has every commit before `lsn`; false where it does not get there in time. */
async function waitFor(context: VerifyContext, table: TableId, lsn: bigint, signal: AbortSignal): Promise<boolean> {
  const deadline = context.clock.elapsedMs() + context.waitMs
  let asked = false
  for (;;) {
    const { reachedLsn, running } = await context.progress(table)
    if (reachedLsn >= lsn) return true
    if (!running || context.clock.elapsedMs() >= deadline) return false
    if (!asked) await context.hurry(table)
    asked = true
    // The sync needs the destination to itself.
    await context.destination.release()
    await context.clock.sleep(POLL_MS, signal)
  }
}

async function withStaged<T>(
  { stage, customer, clock }: VerifyContext,
  schema: TableSchema,
  batches: AsyncIterable<SnapshotBatch> | Iterable<SnapshotBatch>,
  signal: AbortSignal,
  use: (files: readonly StageFile[]) => Promise<T>,
): Promise<T> {
  const files: StageFile[] = []
  try {
    for await (const batch of batches) {
      // Rows that were looked for by key and are gone.
      if (batch.rows === 0) continue
      const place = placeBatch(customer, schema.table, `verify-${crypto.randomUUID()}`, clock.nowMs())
      files.push(await writeBatchFile(stage, batch, place, signal))
    }
    return await use(files)
  } finally {
    for (const file of files) await stage.remove(file.path)
  }
}
