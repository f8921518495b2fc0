/**
 * One flush: schemas first, then the files of each table into staged rows, then all merges worked out, and all of them
 * carried out in one transaction; then tables that are promoted are swapped in.
 *
 * DDL commits by itself, and working out needs tables of its own, so the transaction holds only what changes rows. Its
 * first statement takes the lease and moves the boundaries, so nothing that was read before can have changed: nobody else
 * writes. Each step recognises that it was done before, so a flush that is repeated goes on where it broke off.
 */
import {
  type Flush,
  type FlushResult,
  type TableFlush,
  type TableFlushResult,
  targetText,
} from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { StageFile } from '../../core/stage.ts'
import { tableName } from '../../core/table-schema.ts'
import { moveBoundaries, requirePromotable, slotOf } from '../../warehouse/flush-boundaries.ts'
import type { LayoutBook } from '../../warehouse/layout-book.ts'
import { type LayoutDialect, planLayout } from '../../warehouse/layout-plan.ts'
import type { StoredCheckpoint } from '../../warehouse/stored-checkpoint.ts'
import type { TableLayout } from '../../warehouse/table-layout.ts'
import { recordLoaded, unloadedFiles } from './backfill.ts'
import { carryOverSql } from './carry-over.ts'
import { advanceGroup, advanceTable, putCheckpoint, tableCheckpoints, takeLease } from './checkpoint.ts'
import { clusterKeyAfter, clusterKeyOf, clusterTable } from './clustering.ts'
import type { ErrorPlace } from './error-rules.ts'
import { translateError } from './errors.ts'
import { differencesOf } from './examination.ts'
import { keepToken, type TokenTables } from './kept-tokens.ts'
import type { LayoutCache } from './layout-cache.ts'
import { saveLayout } from './layout-store.ts'
import { removalStatements } from './period-removal.ts'
import { finishSwap, swapIn, tidySwap } from './promotion.ts'
import { evolveTable } from './schema-evolution.ts'
import { Rollback, type SnowflakeSession } from './session.ts'
import type { StageFiles } from './stage-files.ts'
import { loadStaged } from './staged-rows.ts'
import { prepareTable, type TablePreparation } from './table-merge.ts'

export interface FlushSetting {
  /** Where its files are on a stage of Snowflake. */
  readonly stage: StageFiles
  readonly dialect: LayoutDialect
  readonly layouts: LayoutCache
  readonly tokens: TokenTables
  /** For what errors say. */
  readonly place: ErrorPlace
}

/** A flush as it stands: what is known of its tables before the transaction. */
interface FlushState {
  readonly flush: Flush
  readonly setting: FlushSetting
  readonly checkpoints: ReadonlyMap<string, StoredCheckpoint>
  readonly layouts: LayoutBook
}

/** The part of one table, worked out. */
interface PreparedPart {
  readonly part: TableFlush
  /** Those of a backfill that no earlier call has merged. */
  readonly fresh: readonly StageFile[]
  readonly apply: () => Promise<TableFlushResult>
}

type Incomplete = Extract<FlushResult, { outcome: 'incomplete' }>

export async function runFlush(session: SnowflakeSession, flush: Flush, setting: FlushSetting): Promise<FlushResult> {
  requirePromotable(flush)
  if (flush.tables.length === 0) return moveGroup(session, flush)
  for (;;) {
    const merged = await mergeTables(session, flush, setting)
    if (merged === 'again') continue
    if ('outcome' in merged) return merged
    await promoteTables(session, flush, setting)
    return { outcome: 'committed', tables: merged, waitedForLockMs: 0 }
  }
}

/** One statement, which is a transaction of its own. */
async function moveGroup(session: SnowflakeSession, { lease, group, stopping }: Flush): Promise<FlushResult> {
  await session.hurried(stopping, async () => {
    if (group === undefined) await takeLease(session, lease)
    else await advanceGroup(session, lease, group)
  })
  return { outcome: 'committed', tables: [], waitedForLockMs: 0 }
}

/** `again`: an earlier call, whose reply was lost, was carried out meanwhile. */
async function mergeTables(
  session: SnowflakeSession,
  flush: Flush,
  setting: FlushSetting,
): Promise<readonly TableFlushResult[] | Incomplete | 'again'> {
  const tables = flush.tables.map((part) => part.target.table)
  const { source } = flush.lease
  const checkpoints = await tableCheckpoints(session, source, tables)
  if (isReached(flush, checkpoints)) return nothing(flush)
  const layouts = await setting.layouts.load(session, source, tables)
  const state: FlushState = { flush, setting, checkpoints, layouts }
  await setting.tokens.prepare(session, flush)
  await evolveLayouts(session, state)
  let prepared: readonly PreparedPart[] | Incomplete
  try {
    prepared = await prepareParts(session, state)
  } catch (error) {
    // What was read may be from before and from after the commit of an earlier call that was still under way.
    if (!session.isStop(error) && isReached(flush, await tableCheckpoints(session, source, tables))) return 'again'
    throw error
  }
  if ('outcome' in prepared) return prepared
  return session.transaction<readonly TableFlushResult[] | 'again'>(() => commitParts(session, state, prepared))
}

async function commitParts(
  session: SnowflakeSession,
  state: FlushState,
  prepared: readonly PreparedPart[],
): Promise<readonly TableFlushResult[] | 'again' | Rollback<readonly TableFlushResult[] | 'again'>> {
  const { flush } = state
  session.phase('merge')
  const { stopping } = flush
  if (await session.hurried(stopping, () => isCommittedAlready(session, state)))
    return new Rollback<readonly TableFlushResult[] | 'again'>(nothing(flush))
  const results: TableFlushResult[] = []
  for (const { part, fresh, apply } of prepared) {
    const { table } = part.target
    session.phase('merge', tableName(table))
    try {
      if (part.into === 'backfill' && !(await recordLoaded(session, table, fresh, flush.loadedMs))) {
        return new Rollback<readonly TableFlushResult[] | 'again'>('again')
      }
      results.push(await apply())
      await keepToken(session, part, flush.to)
    } catch (error) {
      throw await ofChangedTable(session, state, part, error)
    }
  }
  session.phase('merge')
  return results
}

/** Takes the lease and moves the boundaries. True where an earlier call did, whose reply was lost. */
function isCommittedAlready(session: SnowflakeSession, { flush, checkpoints }: FlushState): Promise<boolean> {
  return moveBoundaries(flush, checkpoints, {
    takeLease: () => takeLease(session, flush.lease),
    advanceGroup: (group) => advanceGroup(session, flush.lease, group),
    advanceTable: (table, from, to) => advanceTable(session, table, from, to),
    putCheckpoint: (table, checkpoint) => putCheckpoint(session, table, checkpoint),
  })
}

/** From what is stored: an earlier call was carried out whose reply was lost. In doubt, the transaction decides. */
function isReached({ group, to, tables }: Flush, checkpoints: ReadonlyMap<string, StoredCheckpoint>): boolean {
  return tables.some(({ target: { table }, into, from }) => {
    const stored = checkpoints.get(tableName(table))
    if (stored === undefined || into === 'backfill') return false
    if (into === 'final') return group !== undefined && group.from !== group.to && stored.position === group.to
    return from !== to && (stored.group !== undefined || stored.position === to)
  })
}

function nothing({ tables }: Flush): readonly TableFlushResult[] {
  return tables.map(({ target: { table } }) => ({ table, inserted: 0, updated: 0, deleted: 0, quarantined: 0 }))
}

/** Loads and works out each table's part. */
async function prepareParts(
  session: SnowflakeSession,
  state: FlushState,
): Promise<readonly PreparedPart[] | Incomplete> {
  const prepared: PreparedPart[] = []
  const missing: { table: TableFlush['target']['table']; keys: readonly string[] }[] = []
  for (const [number, part] of state.flush.tables.entries()) {
    try {
      const { fresh, preparation } = await preparePart(session, state, part, number)
      if (preparation.outcome === 'incomplete') missing.push({ table: part.target.table, keys: preparation.keys })
      else prepared.push({ part, fresh, apply: preparation.apply })
    } catch (error) {
      throw await ofChangedTable(session, state, part, error)
    }
  }
  return missing.length > 0 ? { outcome: 'incomplete', missing } : prepared
}

async function preparePart(
  session: SnowflakeSession,
  state: FlushState,
  part: TableFlush,
  number: number,
): Promise<{ readonly fresh: readonly StageFile[]; readonly preparation: TablePreparation }> {
  const { flush, setting, checkpoints, layouts } = state
  const { target, schema, from, into } = part
  const { table } = target
  const { stage } = setting
  const layout = layouts.get(table, isPromoted(state, part) ? 'final' : slotOf(part))?.layout
  invariant(layout !== undefined, `${tableName(table)} has a table on the destination`)
  const stored = checkpoints.get(tableName(table))
  const isBackfill = into === 'backfill'
  const fresh = isBackfill ? await unloadedFiles(session, table, part.files) : part.files
  const load = (files: readonly StageFile[], since: Position | undefined, name: string) =>
    loadStaged(session, stage, { files, layout, schema, from: since, name })
  const removals = fresh.filter((file) => file.features.removal !== undefined)
  const preparation = await withRemovals(await prepareFiles(fresh.filter((file) => !removals.includes(file))))
  const final = layouts.get(table, 'final')?.layout
  if (preparation.outcome === 'incomplete' || into !== 'promote' || final === undefined) return { fresh, preparation }
  const carried = carryOverSql(target, final, layout, from, flush.loadedMs)
  const apply = async () => {
    const result = await preparation.apply()
    if (carried !== undefined) await session.run(carried)
    return result
  }
  return { fresh, preparation: { outcome: 'ready', apply } }

  /** Rows first, then the days that are removed. */
  async function withRemovals(rows: TablePreparation): Promise<TablePreparation> {
    if (removals.length === 0 || rows.outcome === 'incomplete') return rows
    const statements: string[] = []
    for (const [columnId, files] of Map.groupBy(removals, (file) => file.features.removal?.columnId ?? 0)) {
      const staged = await load(files, from, `${number}_days_${columnId}`)
      statements.push(...(await removalStatements(session, staged, columnId)))
    }
    const apply = async () => {
      const result = await rows.apply()
      let { deleted } = result
      for (const sql of statements) deleted += await session.run(sql)
      return { ...result, deleted }
    }
    return { outcome: 'ready', apply }
  }

  async function prepareFiles(files: readonly StageFile[]): Promise<TablePreparation> {
    if (files.length === 0) {
      const result = { table, inserted: 0, updated: 0, deleted: 0, quarantined: 0 }
      return { outcome: 'ready', apply: async () => result }
    }
    // Rows that are read again are older than the checkpoint.
    const staged = await load(files, isBackfill ? undefined : from, String(number))
    session.phase('merge', tableName(table))
    return prepareTable(session, {
      flush: part,
      staged,
      complete: () => {
        const files = part.completion?.files ?? []
        if (files.length > 0) return load(files, undefined, `${number}_completion`)
        return Promise.resolve({ ...staged, files: [], table: `(SELECT * FROM ${staged.table} WHERE FALSE)` })
      },
      guarded: isBackfill || (stored?.guardUntil !== undefined && from < stored.guardUntil),
      loadedMs: flush.loadedMs,
      part: number,
    })
  }
}

/** A promotion that was done before has left no shadow. */
function isPromoted({ checkpoints, layouts }: FlushState, { into, target: { table } }: TableFlush): boolean {
  const isIn = checkpoints.get(tableName(table))?.group !== undefined
  return into === 'promote' && isIn && layouts.get(table, 'shadow') === undefined
}

/** As `ofTable`; where somebody has changed the table, it says what is not as it was made. */
async function ofChangedTable(
  session: SnowflakeSession,
  state: FlushState,
  part: TableFlush,
  error: unknown,
): Promise<unknown> {
  const { target } = part
  const layout = state.layouts.get(target.table, isPromoted(state, part) ? 'final' : slotOf(part))?.layout
  const isRefused = error instanceof Error && /^SQL compilation error/.test(error.message)
  if (session.isStop(error) || !isRefused || layout === undefined) return ofTable(session, state, part, error)
  const differences = await differencesOf(session, layout).catch(() => [])
  if (differences.length === 0) return ofTable(session, state, part, error)
  const table = tableName(target.table)
  return new PipelineError('destination_rejected', `Merging ${table} into ${targetText(target)}`, {
    cause: new Error(`it is not as it was made: ${differences.join('; ')}`),
    hint: `Change it back, or read it again: simplyload table resync ${shellWord(table)}`,
    context: { table },
  })
}

/** An error that concerns one table only, so that it can be left out. */
function ofTable(
  session: SnowflakeSession,
  { setting }: Pick<FlushState, 'setting'>,
  { target }: TableFlush,
  error: unknown,
): unknown {
  if (session.isStop(error)) return error
  const table = tableName(target.table)
  return translateError(error, `Merging ${table} into ${targetText(target)}`, { ...setting.place, table })
}

/** Brings tables to their newest schema, and says so in the book. */
async function evolveLayouts(session: SnowflakeSession, state: FlushState): Promise<void> {
  const { flush, setting, layouts } = state
  for (const part of flush.tables) {
    const { target, schema } = part
    const slot = slotOf(part)
    if (isPromoted(state, part)) continue
    const stored = layouts.get(target.table, slot)
    invariant(stored !== undefined, `${tableName(target.table)} has a ${slot} table`)
    // The final table has had the form of a backfill's files, and may have moved on.
    if (part.into === 'backfill') continue
    try {
      // DDL is in no transaction that could take it.
      const { changes } = planLayout(stored.layout, schema, target, setting.dialect)
      if (changes.length > 0) await takeLease(session, flush.lease)
      // A column of the key can be neither renamed nor dropped, as one is that is written anew.
      const isUnclustered = (stored.clusterKey ?? '') !== '' && changes.some(({ kind }) => kind !== 'add')
      if (isUnclustered) await clusterTable(session, stored.layout, '')
      const layout = await evolveTable(session, stored.layout, schema, target, setting.dialect)
      const clusterKey =
        clusterKeyOf(target, schema, layout) ?? clusterKeyAfter(stored.clusterKey, stored.layout, layout)
      const isClustered = clusterKey === stored.clusterKey && !isUnclustered
      if (isClustered && sameLayout(stored.layout, layout)) continue
      if (!isClustered && clusterKey !== undefined) {
        await takeLease(session, flush.lease)
        await clusterTable(session, layout, clusterKey)
      }
      await session.transaction(async () => {
        await takeLease(session, flush.lease)
        await saveLayout(session, target.table, slot, { ...stored, layout, clusterKey })
      })
      layouts.set(target.table, slot, { ...stored, layout, clusterKey })
    } catch (error) {
      throw ofTable(session, state, part, error)
    }
  }
}

function sameLayout(a: TableLayout, b: TableLayout): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Swapping is DDL and commits by itself: it comes between the transaction that completes a table and the one that says so. */
async function promoteTables(
  session: SnowflakeSession,
  { lease, to, group, tables }: Flush,
  setting: FlushSetting,
): Promise<void> {
  const promoted = tables.filter((part) => part.into === 'promote')
  if (promoted.length === 0) return
  const checkpoints = await tableCheckpoints(
    session,
    lease.source,
    promoted.map((part) => part.target.table),
  )
  for (const part of promoted) {
    const { target } = part
    const stored = checkpoints.get(tableName(target.table))
    if (stored?.group !== undefined) continue
    invariant(stored?.position === to, `${tableName(target.table)} has reached the group's boundary`)
    session.phase('promote', tableName(target.table))
    await takeLease(session, lease)
    try {
      await swapIn(session, target)
    } catch (error) {
      throw ofTable(session, { setting }, part, error)
    }
    await session.transaction(async () => {
      await takeLease(session, lease)
      await finishSwap(session, target)
      await putCheckpoint(session, target.table, { ...stored, group: group?.name })
    })
    await tidySwap(session, target)
  }
}
