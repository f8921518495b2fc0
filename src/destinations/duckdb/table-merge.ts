/** The part of a flush that belongs to one table: its staged changes into its target, within the open transaction. */

import type { TableFlush, TableFlushResult } from '../../core/destination.ts'
import { invariant } from '../../core/invariant.ts'
import { type TableLayout, writeModeOf } from '../../warehouse/table-layout.ts'
import { appendChanges } from './append-log.ts'
import { dropDeleted, keepTombstones } from './backfill.ts'
import { numberCopies } from './bag.ts'
import { foldChanges } from './fold.ts'
import { completeFrom, findUnchangedIds, missingKeys, resolveUnchanged } from './lineage.ts'
import { appendRows, type MergeCounts, materialize } from './materialize.ts'
import { MergeInput, type MergeLimits } from './merge-input.ts'
import { removePeriods } from './period-removal.ts'
import { recordQuarantined, recordRejected } from './quarantine.ts'
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import type { StageRelation } from './stage-relation.ts'
import { foldVersions } from './version-fold.ts'
import { timeVersions } from './version-times.ts'
import { writeVersions } from './version-writer.ts'

export interface TableMergeRequest {
  readonly flush: TableFlush
  readonly layout: TableLayout
  readonly files: readonly InspectedFile[]
  readonly completion: readonly InspectedFile[]
  /** Rows of the target may be newer than changes of the flush. */
  readonly guarded: boolean
  readonly careful: boolean
  readonly loadedMs: number
  readonly limits: MergeLimits
}

export type TableMergeOutcome =
  | { readonly outcome: 'merged'; readonly result: TableFlushResult }
  | { readonly outcome: 'incomplete'; readonly keys: readonly string[] }

/** Rows first, then the days that are removed. */
export async function mergeTable(session: Session, request: TableMergeRequest): Promise<TableMergeOutcome> {
  const { layout, files, flush } = request
  const removals = files.filter(({ file }) => file.features.removal !== undefined)
  if (removals.length === 0) return mergeFiles(session, request)
  const others = files.filter(({ file }) => file.features.removal === undefined)
  const merged = await mergeFiles(session, { ...request, files: others })
  if (merged.outcome === 'incomplete') return merged
  const removed = await removePeriods(session, layout, removals, flush.from)
  return { outcome: 'merged', result: { ...merged.result, deleted: merged.result.deleted + removed } }
}

async function mergeFiles(session: Session, request: TableMergeRequest): Promise<TableMergeOutcome> {
  const { flush, layout, files, careful, loadedMs } = request
  const table = flush.target.table
  const nothing = { table, inserted: 0, updated: 0, deleted: 0, quarantined: 0 }
  if (files.length === 0) return { outcome: 'merged', result: nothing }
  const relation: StageRelation = { files, layout, schema: flush.schema, from: flush.from, careful }
  const input = new MergeInput(relation, request.limits)
  requireChangesOfIdentity(input)
  await input.prepare(session)
  const merged = await writeRows(session, input, request)
  if (Array.isArray(merged)) return { outcome: 'incomplete', keys: merged }
  if (flush.tombstones === true) await keepTombstones(session, input)
  let quarantined = await recordQuarantined(session, relation, input.rowsSql(), loadedMs)
  if (careful) quarantined += await recordRejected(session, relation, loadedMs)
  return { outcome: 'merged', result: { table, ...(merged as MergeCounts), quarantined } }
}

/** Returns the keys of rows that are missing, where some are. */
function writeRows(
  session: Session,
  input: MergeInput,
  request: TableMergeRequest,
): Promise<MergeCounts | readonly string[]> {
  switch (writeModeOf(input.layout)) {
    case 'merge':
      return mergeRows(session, input, request)
    case 'history':
      return mergeVersions(session, input, request)
    case 'append': {
      const { flush, loadedMs } = request
      const complete = () => completeMissing(session, input, request)
      return appendChanges(session, input, { loadedMs, isBackfill: flush.into === 'backfill', complete })
    }
  }
}

async function mergeVersions(
  session: Session,
  input: MergeInput,
  request: TableMergeRequest,
): Promise<MergeCounts | readonly string[]> {
  const { flush, guarded, loadedMs } = request
  const isBackfill = flush.into === 'backfill'
  if (input.layout.identity.kind === 'bag') await numberCopies(session, input)
  const unchangedIds = await findUnchangedIds(session, input)
  await foldVersions(session, input, { guarded, unchangedIds })
  if (isBackfill) await dropDeleted(session, input)
  let isCompleted = false
  if (unchangedIds.length > 0) {
    await resolveUnchanged(session, input, unchangedIds, guarded)
    const completed = await completeMissing(session, input, request)
    if (typeof completed !== 'boolean') return completed
    isCompleted = completed
  }
  await timeVersions(session, input, isBackfill)
  return writeVersions(session, input, { loadedMs, unchangedIds, isCompleted })
}

/** Whether rows were completed; the keys that have to be read for it, where nobody has. */
async function completeMissing(
  session: Session,
  input: MergeInput,
  { flush, completion }: TableMergeRequest,
): Promise<readonly string[] | boolean> {
  const missing = await missingKeys(session, input)
  if (missing.length === 0) return false
  if (flush.completion === undefined) return missing
  await completeFrom(session, input, { ...input.relation, files: completion, from: undefined })
  return true
}

async function mergeRows(
  session: Session,
  input: MergeInput,
  request: TableMergeRequest,
): Promise<MergeCounts | readonly string[]> {
  const { flush, guarded, loadedMs } = request
  const options = { hardDelete: flush.target.hardDelete, loadedMs, guarded, unchangedIds: [], isCompleted: false }
  const { kind } = input.layout.identity
  if (kind === 'append' && input.features.truncates === 0) return appendRows(session, input, options)
  if (kind === 'bag') await numberCopies(session, input)
  const unchangedIds = await findUnchangedIds(session, input)
  await foldChanges(session, input, { guarded, unchangedIds })
  if (flush.into === 'backfill') await dropDeleted(session, input)
  if (unchangedIds.length === 0) return materialize(session, input, options)
  await resolveUnchanged(session, input, unchangedIds, guarded)
  const isCompleted = await completeMissing(session, input, request)
  if (typeof isCompleted !== 'boolean') return isCompleted
  return materialize(session, input, { ...options, unchangedIds, isCompleted })
}

function requireChangesOfIdentity(input: MergeInput): void {
  const { kind } = input.layout.identity
  const { updates, deletes, partialRows } = input.features
  invariant(kind === 'key' || updates + partialRows === 0, 'updates of a table without a key come as delete and insert')
  invariant(kind !== 'append' || deletes === 0, 'a table that is only appended to has no deletes')
}
