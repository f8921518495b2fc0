/**
 * The backfills of one source while a run goes on: which tables are read again, what is read, and what of it is merged.
 *
 * ```
 * asked ──open (recorded with the table: tombstones are kept from here on)──▶ reading ──▶ merging ──▶ finished
 *                                          ▲ a lost session, a restart │
 *                                          └────── what is missing ────┘
 * ```
 * Chunks and files are recorded as those of a snapshot are. The truth about what is merged is at the destination.
 */
import { comparePositions, type Position } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import type { ChunkRecord, OpenBackfill } from '../core/state.ts'
import type { SourceContext } from './context.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import { beginReading, type TableReading } from './table-reading.ts'

/** A file that is read, and where the table's rows must stand before it may be merged. */
export interface Piece {
  readonly file: StageFile
  readonly after: Position
}

/** One open backfill. */
export class Backfill {
  readonly table: BookedTable
  readonly open: OpenBackfill
  /** Undefined until it is known which chunks there are. */
  reading: TableReading | undefined
  /** Read and not merged, in order of position. */
  pieces: Piece[] = []
  /** Where the table's rows must stand before it may end. */
  after: Position | undefined
  #rowsFinished = 0

  constructor(table: BookedTable, open: OpenBackfill) {
    this.table = table
    this.open = open
  }

  /** False: it was given up, or another one has taken its place. */
  get isOpen(): boolean {
    return this.table.record.backfill?.request === this.open.request
  }

  get isRead(): boolean {
    return this.reading?.missing === 0
  }

  /** Of finished chunks, the rows that do not wait any more. */
  get rowsMerged(): number {
    const waiting = this.pieces.reduce((sum, { file }) => sum + file.rows, 0)
    return Math.max(0, this.#rowsFinished - waiting)
  }

  /** The furthest that the table's rows must have come for what is read. */
  get wants(): Position | undefined {
    const last = this.pieces.at(-1)?.after
    const end = this.isRead ? this.after : undefined
    return last === undefined || (end !== undefined && end > last) ? end : last
  }

  /** Begins with these chunks; those that are finished count. */
  plan(chunks: readonly ChunkRecord[], after: Position): void {
    this.reading = beginReading(this.table, chunks)
    this.after = after
    this.#rowsFinished = this.reading.rows
  }

  /** Files that an earlier run has finished, or that this one finishes now. */
  add(files: readonly StageFile[], after: Position, isNew: boolean): void {
    if (isNew) for (const file of files) this.#rowsFinished += file.rows
    this.pieces.push(...files.map((file) => ({ file, after })))
    this.pieces.sort((a, b) => comparePositions(a.file.firstPosition, b.file.firstPosition))
  }

  merged(files: readonly StageFile[]): void {
    const done = new Set(files)
    this.pieces = this.pieces.filter((piece) => !done.has(piece.file))
  }

  /** Nothing of it counts any more: it is read from the beginning. */
  restart(): void {
    this.reading = undefined
    this.after = undefined
    this.pieces = []
  }
}

/** Keys of the rows that the request is about; undefined: it is not about keys. */
export async function keysAsked({ state }: SourceContext, open: OpenBackfill): Promise<readonly string[] | undefined> {
  if (open.byKey !== true) return undefined
  const record = await state.request(open.request)
  // Requests are kept until they are answered, and this one was not.
  return record?.request.action.kind === 'replay' ? record.request.action.keys : []
}

export class BackfillBook {
  readonly #context: SourceContext
  readonly #tables: TableBook
  readonly #open = new Map<string, Backfill>()

  constructor(context: SourceContext, tables: TableBook) {
    this.#context = context
    this.#tables = tables
  }

  /** Those that this run reads and merges, in the order in which they were begun. A paused one rests. */
  active(): readonly Backfill[] {
    const { only } = this.#context
    return this.all().filter(
      ({ table }) => table.record.state === 'live' && (only === undefined || only.has(table.name)),
    )
  }

  all(): readonly Backfill[] {
    const open: Backfill[] = []
    for (const table of this.#tables.all()) {
      const { backfill } = table.record
      if (backfill === undefined) continue
      const known = this.#open.get(table.name)
      const current = known?.isOpen === true && known.table === table ? known : new Backfill(table, backfill)
      this.#open.set(table.name, current)
      open.push(current)
    }
    return open.sort((a, b) => a.open.startedMs - b.open.startedMs)
  }

  /** What an earlier run has left. Everything that it had recorded lies before `staged`. */
  async restore(staged: Position): Promise<void> {
    const { state, name } = this.#context
    for (const backfill of this.all()) {
      const { table } = backfill
      const chunks = await state.chunks(table.id)
      if (chunks.length === 0) continue
      backfill.plan(chunks, staged)
      const waiting = await state.waiting(name, table.id)
      backfill.add(
        waiting.filter((file) => file.kind === 'snapshot'),
        staged,
        false,
      )
    }
  }

  tell(backfill: Backfill, end: { outcome?: 'done' | 'refused'; deleted?: number; reason?: string } = {}): void {
    const { clock, emit, name } = this.#context
    const { reading, table } = backfill
    const plan = reading?.plan ?? []
    emit({
      event: 'backfill',
      source: name,
      table: table.name,
      rows: reading?.rows ?? 0,
      merged: backfill.rowsMerged,
      bytes: reading?.bytes ?? 0,
      chunksDone: plan.length - (reading?.missing ?? 0),
      chunks: plan.length,
      estimatedRows: plan.reduce((sum, chunk) => sum + chunk.estimatedRows, 0),
      ...end,
      atMs: clock.nowMs(),
    })
  }
}
