/**
 * One flush: schemas first, then all tables in one transaction, then the swap of tables that are promoted.
 *
 * Changes of schema and the swap have transactions of their own, because DuckDB 1.5 does not replay its log correctly
 * when one transaction deletes rows of a table and renames it: after a crash the whole transaction is gone. Each step
 * recognises that it was done before, so a flush that is repeated goes on where it broke off. A table that is promoted
 * has reached the group's boundary before it is swapped in.
 */
import type { Flush, FlushResult, TableFlush, TableFlushResult } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { tableName } from '../../core/table-schema.ts'
import { filesOf, moveBoundaries, requirePromotable, slotOf } from '../../warehouse/flush-boundaries.ts'
import type { LayoutBook } from '../../warehouse/layout-book.ts'
import type { StoredCheckpoint } from '../../warehouse/stored-checkpoint.ts'
import type { TableLayout } from '../../warehouse/table-layout.ts'
import { recordLoaded, unloadedFiles } from './backfill.ts'
import { advanceGroup, advanceTable, putCheckpoint, tableCheckpoints, takeLease } from './checkpoint.ts'
import { compressEmpty } from './empty-table.ts'
import { isConversionError, isMemoryError, isReadingError, translateError } from './errors.ts'
import { keepToken } from './kept-tokens.ts'
import { loadLayouts, saveLayout } from './layout-store.ts'
import type { MergeLimits } from './merge-input.ts'
import { carryOver, swapIn } from './promotion.ts'
import { evolveLayout } from './schema-evolution.ts'
import { Rollback, type Session } from './session.ts'
import { type InspectedFile, inspectFiles, requireReadable } from './stage-inspection.ts'
import { mergeTable, type TableMergeOutcome } from './table-merge.ts'

export interface FlushSetting {
  /** Where a stage file is. */
  readonly locate: (path: string) => string
  readonly limits: MergeLimits
}

/** A flush as it stands: what is known of its tables before the transaction. */
interface FlushState {
  readonly flush: Flush
  readonly checkpoints: ReadonlyMap<string, StoredCheckpoint>
  readonly layouts: LayoutBook
  readonly files: ReadonlyMap<string, InspectedFile>
  /** Tables that are read in the careful way, because the fast one failed. */
  readonly careful: ReadonlySet<string>
  readonly limits: MergeLimits
}

export async function runFlush(session: Session, flush: Flush, { locate, limits }: FlushSetting): Promise<FlushResult> {
  const { waitedForLockMs } = session
  requirePromotable(flush)
  const careful = new Set<string>()
  const rows = flush.tables.flatMap((part) => part.files).reduce((sum, file) => sum + file.rows, 0)
  await session.useThreads(rows <= limits.smallRows ? 'one' : 'all')
  for (;;) {
    try {
      const checkpoints = await tableCheckpoints(session, flush.lease.source, tablesOf(flush))
      const layouts = await evolveLayouts(session, flush, checkpoints)
      const files = await inspectAll(session, flush, locate)
      await compressTables(session, flush, layouts, files)
      const merged = await session.transaction(() =>
        merge(session, { flush, checkpoints, layouts, files, careful, limits }),
      )
      if (merged.outcome === 'incomplete') return merged
      await promoteTables(session, flush)
      return { outcome: 'committed', tables: merged.tables, waitedForLockMs }
    } catch (error) {
      const cause = error instanceof TableError ? error.cause : error
      if (isMemoryError(cause) && (await session.useMoreMemory())) continue
      if (!(error instanceof TableError) || session.isStop(cause)) throw cause
      const { part } = error
      if (isReadingError(cause)) await requireReadable(session, filesOf(part), locate)
      const name = tableName(part.target.table)
      if (!isConversionError(cause) || careful.has(name)) throw describe(error)
      careful.add(name)
    }
  }
}

/** Wraps what goes wrong with one table, so that it can be left out. */
class TableError extends Error {
  readonly part: TableFlush

  constructor(part: TableFlush, cause: unknown) {
    super(tableName(part.target.table), { cause })
    this.part = part
  }
}

function describe({ part, cause }: TableError): PipelineError {
  const table = tableName(part.target.table)
  if (cause instanceof PipelineError) return cause
  return translateError(cause, `Merging ${table} into ${part.target.namespace}.${part.target.name}`, { table })
}

type Merged =
  | { readonly outcome: 'merged'; readonly tables: readonly TableFlushResult[] }
  | Extract<FlushResult, { outcome: 'incomplete' }>

async function merge(session: Session, state: FlushState): Promise<Merged | Rollback<Merged>> {
  const { flush } = state
  if (await isCommittedAlready(session, state)) {
    const tables = flush.tables.map(({ target: { table } }) => ({
      table,
      inserted: 0,
      updated: 0,
      deleted: 0,
      quarantined: 0,
    }))
    return new Rollback<Merged>({ outcome: 'merged', tables })
  }
  const tables: TableFlushResult[] = []
  const missing: { table: TableFlush['target']['table']; keys: readonly string[] }[] = []
  for (const part of flush.tables) {
    try {
      const result = await mergePart(session, state, part)
      if (result.outcome === 'merged') tables.push(result.result)
      else missing.push({ table: part.target.table, keys: result.keys })
    } catch (error) {
      throw new TableError(part, error)
    }
  }
  if (missing.length > 0) return new Rollback<Merged>({ outcome: 'incomplete', missing })
  return { outcome: 'merged', tables }
}

/** Takes the lease and moves the boundaries. True where an earlier call did, whose reply was lost. */
function isCommittedAlready(session: Session, { flush, checkpoints }: FlushState): Promise<boolean> {
  return moveBoundaries(flush, checkpoints, {
    takeLease: () => takeLease(session, flush.lease),
    advanceGroup: (group) => advanceGroup(session, flush.lease, group),
    advanceTable: (table, from, to) => advanceTable(session, table, from, to),
    putCheckpoint: (table, checkpoint) => putCheckpoint(session, table, checkpoint),
  })
}

async function mergePart(session: Session, state: FlushState, part: TableFlush): Promise<TableMergeOutcome> {
  const { flush, files } = state
  const { table } = part.target
  const stored = state.checkpoints.get(tableName(table))
  const layout = state.layouts.get(table, slotOf(part))?.layout
  invariant(layout !== undefined, `${tableName(table)} has a table on the destination`)
  const inspected = (all: readonly { readonly path: string }[]) =>
    all.flatMap((file) => {
      const found = files.get(file.path)
      return found === undefined ? [] : [found]
    })
  const isBackfill = part.into === 'backfill'
  const found = inspected(part.files)
  const toMerge = isBackfill ? await unloadedFiles(session, table, found) : found
  const merged = await mergeTable(session, {
    flush: part,
    layout,
    files: toMerge,
    completion: inspected(part.completion?.files ?? []),
    guarded: isBackfill || (stored?.guardUntil !== undefined && part.from < stored.guardUntil),
    careful: state.careful.has(tableName(table)),
    loadedMs: flush.loadedMs,
    limits: state.limits,
  })
  if (isBackfill) await recordLoaded(session, table, toMerge, flush.loadedMs)
  await keepToken(session, part, flush.to)
  const final = state.layouts.get(table, 'final')?.layout
  if (part.into === 'promote' && merged.outcome === 'merged' && final !== undefined) {
    await carryOver(session, part.target, final, layout, part.from, flush.loadedMs)
  }
  return merged
}

function tablesOf(flush: Flush) {
  return flush.tables.map((part) => part.target.table)
}

async function inspectAll(session: Session, flush: Flush, locate: FlushSetting['locate']) {
  const inspected = await inspectFiles(session, flush.tables.flatMap(filesOf), locate)
  return new Map(inspected.map((each) => [each.file.path, each]))
}

async function compressTables(
  session: Session,
  flush: Flush,
  layouts: LayoutBook,
  files: ReadonlyMap<string, InspectedFile>,
): Promise<void> {
  for (const part of flush.tables) {
    const layout = layouts.get(part.target.table, slotOf(part))?.layout
    const found = part.files.flatMap((file) =>
      file.features.removal === undefined ? (files.get(file.path) ?? []) : [],
    )
    if (layout !== undefined && slotOf(part) === 'shadow')
      await compressEmpty(session, flush.lease, part, layout, found)
  }
}

/** Brings tables to their newest schema. A transaction of its own, with the lease. */
async function evolveLayouts(
  session: Session,
  flush: Flush,
  checkpoints: ReadonlyMap<string, StoredCheckpoint>,
): Promise<LayoutBook> {
  const book = await loadLayouts(session, flush.lease.source, tablesOf(flush))
  for (const part of flush.tables) {
    const { target, schema } = part
    const slot = slotOf(part)
    const stored = book.get(target.table, slot)
    // A promotion that was done before has left no shadow.
    if (
      stored === undefined &&
      part.into === 'promote' &&
      checkpoints.get(tableName(target.table))?.group !== undefined
    ) {
      const final = book.get(target.table, 'final')
      if (final !== undefined) book.set(target.table, slot, final)
      continue
    }
    invariant(stored !== undefined, `${tableName(target.table)} has a ${slot} table`)
    // The final table has had the form of a backfill's files, and may have moved on.
    if (part.into === 'backfill') continue
    const evolution = evolveLayout(stored.layout, schema, target)
    if (sameLayout(stored.layout, evolution.layout)) continue
    try {
      await session.transaction(async () => {
        await takeLease(session, flush.lease)
        for (const statement of evolution.ddl) await session.run(statement)
        await saveLayout(session, target.table, slot, { ...stored, layout: evolution.layout })
      })
    } catch (error) {
      throw describe(new TableError(part, error))
    }
    book.set(target.table, slot, { ...stored, layout: evolution.layout })
  }
  return book
}

function sameLayout(a: TableLayout, b: TableLayout): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

async function promoteTables(session: Session, flush: Flush): Promise<void> {
  const promoted = flush.tables.filter((part) => part.into === 'promote')
  if (promoted.length === 0) return
  await session.transaction(async () => {
    await takeLease(session, flush.lease)
    const checkpoints = await tableCheckpoints(session, flush.lease.source, tablesOf(flush))
    for (const { target } of promoted) {
      const stored = checkpoints.get(tableName(target.table))
      if (stored?.group !== undefined) continue
      invariant(stored?.position === flush.to, `${tableName(target.table)} has reached the group's boundary`)
      await swapIn(session, target)
      await putCheckpoint(session, target.table, { ...stored, group: flush.group?.name })
    }
  })
}
