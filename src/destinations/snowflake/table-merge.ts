/** The part of a flush that belongs to one table: its staged changes into its target. */
import type { TableFlush, TableFlushResult } from '../../core/destination.ts'
import { invariant } from '../../core/invariant.ts'
import { writeModeOf } from '../../warehouse/table-layout.ts'
import { appendMerge, collectNewerReads, collectPartial, PARTIAL_COLUMNS, readsMerge } from './append-log.ts'
import { dropDeleted, tombstoneStatements } from './backfill.ts'
import { numberCopies } from './bag.ts'
import { completedStatements } from './completed-rows.ts'
import { foldChanges, RESULT_COLUMNS } from './fold.ts'
import { completeFrom, followMoves, type LineageResults, missingKeys } from './lineage.ts'
import { inlineMerge, plainInsert, resultMerge } from './materialize.ts'
import { MergeInput } from './merge-input.ts'
import type { MissingRows, PreparedMerge } from './prepared-merge.ts'
import { countQuarantined, type QuarantineCounts, recordQuarantined, recordUnknownSql } from './quarantine.ts'
import type { Completion } from './row-values.ts'
import type { SnowflakeSession } from './session.ts'
import type { StagedRows } from './staged-rows.ts'
import { type Survey, surveyChanges } from './survey.ts'
import { EVENT_COLUMNS, foldVersions } from './version-fold.ts'
import { timeVersions } from './version-times.ts'
import { versionsMerge } from './version-writer.ts'

export interface TableMergeRequest {
  readonly flush: TableFlush
  readonly staged: StagedRows
  /** Where the flush has rows that were read again: they, loaded in the same way. */
  readonly complete: () => Promise<StagedRows>
  /** Rows of the target may be newer than changes of the flush. */
  readonly guarded: boolean
  readonly loadedMs: number
  /** Number of the table in the flush. */
  readonly part: number
}

/** A merge that is worked out, or the keys of rows that have to be read for it. */
export type TablePreparation =
  | { readonly outcome: 'ready'; readonly apply: () => Promise<TableFlushResult> }
  | { readonly outcome: 'incomplete'; readonly keys: readonly string[] }

/** Before the transaction in which `apply` is called. */
export async function prepareTable(session: SnowflakeSession, request: TableMergeRequest): Promise<TablePreparation> {
  const { flush, staged, loadedMs, part } = request
  const input = new MergeInput(staged, part)
  requireChangesOfIdentity(input)
  const preparation = new Preparation(session, input, request)
  const merge = await preparation.merge()
  if ('missing' in merge) return { outcome: 'incomplete', keys: merge.missing }
  const quarantine = await preparation.quarantine()
  const more = [...preparation.statements, ...(flush.tombstones === true ? tombstoneStatements(input) : [])]
  const apply = async (): Promise<TableFlushResult> => {
    const counts = await merge.apply()
    for (const sql of more) await session.run(sql)
    await recordQuarantined(session, staged, quarantine, loadedMs)
    return { table: flush.target.table, ...counts, quarantined: quarantine.rows + quarantine.refused }
  }
  return { outcome: 'ready', apply }
}

class Preparation {
  /** What the transaction says besides the merge. */
  readonly statements: string[] = []
  readonly #session: SnowflakeSession
  readonly #input: MergeInput
  readonly #request: TableMergeRequest
  #survey: Survey | undefined

  constructor(session: SnowflakeSession, input: MergeInput, request: TableMergeRequest) {
    this.#session = session
    this.#input = input
    this.#request = request
  }

  /** Returns the keys of rows that are missing, where some are. */
  merge(): Promise<PreparedMerge | MissingRows> {
    switch (writeModeOf(this.#input.layout)) {
      case 'merge':
        return this.#mergeRows()
      case 'history':
        return this.#mergeVersions()
      case 'append':
        return this.#appendChanges()
    }
  }

  async quarantine(): Promise<QuarantineCounts> {
    return this.#survey?.quarantine ?? countQuarantined(this.#session, this.#input.staged)
  }

  async #look(): Promise<Survey> {
    this.#survey = await surveyChanges(this.#session, this.#input)
    return this.#survey
  }

  async #mergeRows(): Promise<PreparedMerge | MissingRows> {
    const [session, input] = [this.#session, this.#input]
    const { flush, guarded, loadedMs } = this.#request
    const { truncates, keyChanges } = input.features
    if (input.layout.identity.kind === 'append' && truncates === 0) return plainInsert(session, input, loadedMs)
    if (input.isBag) await numberCopies(session, input)
    const survey = await this.#look()
    const options = { hardDelete: flush.target.hardDelete, loadedMs, range: survey.range }
    if (!guarded && survey.unchangedIds.length + keyChanges + truncates === 0) {
      // As many keys as changes: none is there twice.
      const isPlain = survey.isNew && survey.alive === survey.changes
      return isPlain ? plainInsert(session, input, loadedMs) : inlineMerge(session, input, survey, options)
    }
    await foldChanges(session, input, { guarded, survey })
    if (flush.into === 'backfill') await dropDeleted(session, input)
    const completion = await this.#complete({
      input,
      survey,
      guarded,
      columns: [...input.keyNames('k'), ...RESULT_COLUMNS],
    })
    if ('missing' in completion) return completion
    return resultMerge(session, input, options, completion)
  }

  async #mergeVersions(): Promise<PreparedMerge | MissingRows> {
    const [session, input] = [this.#session, this.#input]
    const { flush, guarded, loadedMs } = this.#request
    const isBackfill = flush.into === 'backfill'
    if (input.isBag) await numberCopies(session, input)
    const survey = await this.#look()
    await foldVersions(session, input, { guarded, survey })
    if (isBackfill) await dropDeleted(session, input)
    const columns = [...input.keyNames('k'), ...EVENT_COLUMNS]
    const completion = await this.#complete({ input, survey, guarded, columns })
    if ('missing' in completion) return completion
    const { unchangedIds, range } = survey
    const lineage =
      unchangedIds.length === 0
        ? []
        : ['reset', ...input.keyNames('b'), 'completion', 'unresolved', ...unchangedIds.map((id) => `p${id}`)]
    const timing = { survey, isBackfill, columns: [...EVENT_COLUMNS, ...lineage] }
    const touches = await timeVersions(session, input, timing)
    return versionsMerge(session, input, { ...completion, loadedMs, range, touches })
  }

  async #appendChanges(): Promise<PreparedMerge | MissingRows> {
    const [session, input] = [this.#session, this.#input]
    const { flush, loadedMs } = this.#request
    if (flush.into === 'backfill') {
      await collectNewerReads(session, input, await this.#look())
      await dropDeleted(session, input)
      return readsMerge(session, input, loadedMs)
    }
    if (input.features.partialRows === 0) return appendMerge(session, input, undefined, loadedMs)
    const survey = await this.#look()
    const { unchangedIds } = survey
    if (unchangedIds.length === 0) return appendMerge(session, input, undefined, loadedMs)
    await collectPartial(session, input, survey)
    const columns = [...input.keyNames('k'), ...PARTIAL_COLUMNS]
    const completion = await this.#complete({ input, survey, guarded: false, columns })
    if ('missing' in completion) return completion
    if (completion.completion !== undefined) {
      const unknown = recordUnknownSql(input, unchangedIds, loadedMs)
      if (unknown !== undefined) this.statements.push(unknown)
    }
    return appendMerge(session, input, completion, loadedMs)
  }

  /** Finds the values that were not sent; the keys that have to be read for it, where nobody has. */
  async #complete(results: LineageResults): Promise<Completion | MissingRows> {
    const { unchangedIds, rootRange } = results.survey
    if (unchangedIds.length === 0) return { unchangedIds, rootRange, completion: undefined }
    await followMoves(this.#session, results)
    const missing = await missingKeys(this.#session, this.#input)
    if (missing.length === 0) return { unchangedIds, rootRange, completion: undefined }
    if (this.#request.flush.completion === undefined) return { missing }
    const completion = await this.#request.complete()
    await completeFrom(this.#session, results, completion.table)
    this.statements.push(...completedStatements(this.#input, completion, this.#request.flush.from))
    return { unchangedIds, rootRange, completion: completion.table }
  }
}

function requireChangesOfIdentity(input: MergeInput): void {
  const { kind } = input.layout.identity
  const { updates, deletes, partialRows } = input.features
  invariant(kind === 'key' || updates + partialRows === 0, 'updates of a table without a key come as delete and insert')
  invariant(kind !== 'append' || deletes === 0, 'a table that is only appended to has no deletes')
}
