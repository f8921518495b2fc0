/**
 * Brings what backfills have read into their tables, each file once the table's rows are complete past the place where it
 * was read, and ends a backfill when all of its files are merged. In bounded steps, so that changes do not wait long.
 */
import type { Flush, Lease, TableFlush } from '../core/destination.ts'
import { disposition, isPipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import { comparePositions, type Position } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import { type ColumnKind, columnById, type RowRange, type TableSchema } from '../core/table-schema.ts'
import { type Backfill, type BackfillBook, keysAsked } from './backfill-book.ts'
import { forgetReading } from './chunk-plan.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { TableBook } from './table-book.ts'
import type { Turn } from './turn.ts'

export interface BackfillMergePorts {
  readonly book: TableBook
  readonly backfills: BackfillBook
  readonly lease: Lease
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  /** It has come to its end, for the request that asked for it. */
  readonly done: (backfill: Backfill, message: string) => Promise<void>
  readonly refuse: (backfill: Backfill, reason: string) => Promise<void>
  /** Something must be read again. */
  readonly unread: () => void
}

/** Of one transaction. */
const STEP_ROWS_MAX = 1_000_000

export class BackfillMerger {
  rowsMerged = 0
  readonly #context: SourceContext
  readonly #ports: BackfillMergePorts

  constructor(context: SourceContext, ports: BackfillMergePorts) {
    this.#context = context
    this.#ports = ports
  }

  /** How far the tables of the group must have come for what is read. */
  wants(group: string): Position | undefined {
    const own = this.#ports.backfills.active().filter(({ table }) => table.group === group)
    const wanted = own.flatMap((backfill) => backfill.wants ?? [])
    return wanted.sort(comparePositions).at(-1)
  }

  /** Some backfill of this run has not come to its end. */
  get isPending(): boolean {
    return this.#ports.backfills.active().length > 0
  }

  /** One transaction. False where nothing can be done now. */
  step(): Promise<boolean> {
    if (!this.isPending) return Promise.resolve(false)
    return this.#ports.destinationTurn.run(async () => {
      for (const backfill of this.#ports.backfills.active()) {
        try {
          if (await this.#advance(backfill)) return true
        } catch (error) {
          const isOwn = isPipelineError(error) && disposition(error.code) === 'operator'
          if (!isOwn || this.#ports.stop.immediate.aborted) throw error
          await this.#ports.refuse(backfill, error.message)
          return true
        }
      }
      return false
    })
  }

  async #advance(backfill: Backfill): Promise<boolean> {
    const { table } = backfill
    if (table.checkpoint === undefined || !table.inGroup) return false
    const files = mergeable(backfill, table.checkpoint)
    if (files.length > 0) {
      await this.#merge(backfill, files, table.checkpoint)
      return true
    }
    const isComplete = backfill.isRead && backfill.pieces.length === 0
    if (!isComplete || backfill.after === undefined || backfill.after > table.checkpoint) return false
    await this.#finish(backfill)
    return true
  }

  async #merge(backfill: Backfill, files: readonly StageFile[], checkpoint: Position): Promise<void> {
    const { destination, state, clock } = this.#context
    const { lease, destinationGuard, stop } = this.#ports
    const { table } = backfill
    const part: TableFlush = {
      target: table.configured.target,
      schema: table.schema,
      files,
      from: checkpoint,
      into: 'backfill',
    }
    const flush: Flush = { lease, to: checkpoint, tables: [part], loadedMs: clock.nowMs() }
    const result = await destinationGuard.run(() => destination.flush(flush, stop.immediate), stop.immediate)
    invariant(result.outcome === 'committed', 'rows of a snapshot are whole')
    await state.markLoaded(
      files.map((file) => file.batchId),
      clock.nowMs(),
    )
    backfill.merged(files)
    this.#ports.backfills.tell(backfill)
    const [counts] = result.tables
    this.rowsMerged += (counts?.inserted ?? 0) + (counts?.updated ?? 0)
    await this.#ports.book.save(table, { lastSyncMs: clock.nowMs() })
  }

  async #finish(backfill: Backfill): Promise<void> {
    const { destination, state, clock } = this.#context
    const { book, lease, destinationGuard, stop } = this.#ports
    const { table, open } = backfill
    const chunks = await state.chunks(table.id)
    const positions = chunks.flatMap((chunk) => chunk.finishedAt ?? []).sort(comparePositions)
    const position = positions[0] ?? backfill.after
    invariant(position !== undefined, 'what is read was read somewhere')
    const keys = await keysAsked(this.#context, open)
    const deleteMissing = keys === undefined && tellsMissing(table.schema, open.range)
    const end = {
      target: table.configured.target,
      schema: table.schema,
      position,
      ...(open.range === undefined ? {} : { range: open.range }),
      ...(keys === undefined ? {} : { keys }),
      deleteMissing,
      batchIds: chunks.flatMap((chunk) => chunk.batchIds),
      loadedMs: clock.nowMs(),
    }
    const deleted = await destinationGuard.run(
      () => destination.finishBackfill(lease, end, stop.immediate),
      stop.immediate,
    )
    if (deleted === undefined) return this.#restart(backfill)
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0)
    await state.clearChunks(table.id)
    await book.save(table, { backfill: undefined })
    this.#ports.backfills.tell(backfill, { outcome: 'done', deleted: keys === undefined ? deleted : 0 })
    if (keys !== undefined)
      return this.#ports.done(
        backfill,
        `${rows} of ${keys.length} rows found and read again, ${deleted} entries closed`,
      )
    const kept = deleteMissing ? '' : '; rows that the source has no more are not looked for in such a range'
    await this.#ports.done(backfill, `${rows} rows read again, ${deleted} that the source has no more deleted${kept}`)
  }

  /** The destination was replaced by a copy that lacks what was merged. */
  async #restart(backfill: Backfill): Promise<void> {
    const { emit, name, clock } = this.#context
    const { table } = backfill
    await forgetReading(this.#context, table)
    backfill.restart()
    const message = `${table.name}: the destination lacks rows of the backfill that were merged (was it replaced by a copy?), so it begins anew`
    emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
    this.#ports.unread()
  }
}

/** In order of position, up to a bound, and at least one. */
function mergeable(backfill: Backfill, checkpoint: Position): readonly StageFile[] {
  const files: StageFile[] = []
  let rows = 0
  for (const { file, after } of backfill.pieces) {
    if (after > checkpoint || (files.length > 0 && rows + file.rows > STEP_ROWS_MAX)) continue
    files.push(file)
    rows += file.rows
  }
  return files
}

/** Kinds whose values are in the same order at the source and at every destination; texts are not, by their collations. */
const ORDERED: ReadonlySet<ColumnKind> = new Set([
  'int16',
  'int32',
  'int64',
  'decimal',
  'uuid',
  'date',
  'timestamp',
  'timestamptz',
])

/**
 * Rows that were not found are gone where all rows were looked for, or all with certain keys. In a range of another column
 * a row may be missing because it has another value there now.
 */
function tellsMissing(schema: TableSchema, range: RowRange | undefined): boolean {
  if (range === undefined) return true
  const kind = columnById(schema, range.columnId)?.type.kind
  const isKey = schema.identity.kind === 'key' && schema.identity.columnIds.includes(range.columnId)
  // `infinity`, `BC`: not every destination has them.
  const isPlain = [range.from, range.to].every((end) => end === undefined || /^[-+.: \da-f]+$/.test(end))
  return isKey && kind !== undefined && ORDERED.has(kind) && isPlain
}
