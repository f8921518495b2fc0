/**
 * Loads finished chunks into shadow tables while others are read, several files at a time, and finishes a table when
 * its last file is in. Where the destination has to be woken up for it, files are gathered until that is worth it. Loading is exactly once however often a file is handed in: the destination remembers batch ids.
 */
import { PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import { comparePositions, type Position } from '../core/position.ts'
import { counted } from '../core/quantity.ts'
import type { StageFile } from '../core/stage.ts'
import type { SourceContext } from './context.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import type { BookedTable } from './table-book.ts'
import type { TableReading } from './table-reading.ts'

export class ShadowLoader {
  readonly #context: SourceContext
  readonly #ports: SnapshotPorts
  /** Of the session that reads now: what an empty table is complete as of. */
  readonly #sessionPosition: Position
  readonly #readings: ReadonlyMap<BookedTable, TableReading>
  readonly #failed: AbortController
  #queue: StageFile[] = []
  /** Nothing more comes: what is there is loaded, however little. */
  #isLast = false
  #loading: Promise<void> | undefined

  constructor(
    context: SourceContext,
    ports: SnapshotPorts,
    sessionPosition: Position,
    readings: ReadonlyMap<BookedTable, TableReading>,
    failed: AbortController,
  ) {
    this.#context = context
    this.#ports = ports
    this.#sessionPosition = sessionPosition
    this.#readings = readings
    this.#failed = failed
  }

  add(reading: TableReading, files: readonly StageFile[]): void {
    reading.unloaded += files.length
    this.#queue.push(...files)
    this.#begin()
  }

  /** Everything is read. Resolves when it is loaded. */
  async finish(): Promise<void> {
    this.#isLast = true
    this.#begin()
    await this.#loading
  }

  #begin(): void {
    if (this.#queue.length === 0 || !this.#isWorthIt()) return
    this.#loading ??= this.#load()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => {
        this.#loading = undefined
        this.#ports.rested()
        if (!this.#failed.signal.aborted) this.#begin()
      })
  }

  #isWorthIt(): boolean {
    const { gatherBytes } = this.#context.settings
    return this.#isLast || this.#queue.reduce((sum, file) => sum + file.bytes, 0) >= gatherBytes
  }

  async drain(): Promise<void> {
    await this.#loading
  }

  async #load(): Promise<void> {
    const { destination, state, clock } = this.#context
    const { lease, stop, destinationGuard, destinationTurn, book } = this.#ports
    while (this.#queue.length > 0) {
      const first = this.#queue[0]
      invariant(first !== undefined, 'there is a file to load')
      // Absent: nobody follows it any more.
      const table = book.find(first.schema.table)
      const files = this.#queue.filter((file) => book.find(file.schema.table) === table)
      this.#queue = this.#queue.filter((file) => book.find(file.schema.table) !== table)
      if (table === undefined) continue
      const reading = this.#readings.get(table)
      if (reading === undefined || table.record.state !== 'snapshotting') continue
      try {
        const load = { target: table.configured.target, files }
        const { quarantined } = await destinationGuard.run(
          () => destinationTurn.run(() => destination.loadSnapshot(lease, load, stop.immediate)),
          stop.immediate,
        )
        await this.#countQuarantined(table, quarantined)
        const batchIds = files.map((file) => file.batchId)
        await state.markLoaded(batchIds, clock.nowMs())
        reading.unloaded -= files.length
        await this.completeWhenDone(reading)
      } catch (error) {
        if (stop.immediate.aborted) throw error
        await failReading(this.#ports, table, error)
      }
    }
  }

  /** Before the files are marked as loaded: a process that is killed here counts them again rather than not at all. */
  async #countQuarantined(table: BookedTable, rows: number): Promise<void> {
    if (rows === 0) return
    const { clock, emit, name } = this.#context
    await this.#ports.book.save(table, { quarantined: table.record.quarantined + rows })
    const message = `${table.name}: values of ${counted(rows, 'row')} in quarantine (simplyload quarantine list)`
    emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  }

  /** Makes the shadow table complete as of the oldest of its snapshots. */
  async completeWhenDone(reading: TableReading): Promise<void> {
    const { destination, state } = this.#context
    const { lease, stop, destinationGuard, destinationTurn, book } = this.#ports
    const { table } = reading
    if (reading.missing > 0 || reading.unloaded > 0 || reading.completing) return
    reading.completing = true
    const chunks = await state.chunks(table.id)
    const positions = [...new Set(chunks.flatMap((chunk) => chunk.finishedAt ?? []))].sort(comparePositions)
    const oldest = positions[0] ?? this.#sessionPosition
    const { target } = table.configured
    await destinationTurn.run(async () => {
      // Paused, or to be read again, while this waited for its turn.
      if (table.record.state !== 'snapshotting') return
      await destinationGuard.run(
        () => destination.finishSnapshot(lease, target, table.schema, oldest, positions.length, stop.immediate),
        stop.immediate,
      )
      await book.complete(table, oldest)
      const done = {
        snapshotPosition: oldest,
        mergedThrough: oldest,
        rowsSnapshot: reading.rows,
        lastError: undefined,
        lastErrorCode: undefined,
      }
      await book.move(table, 'snapshot_finished', done)
      // At once: a run to the present must not end before it knows what is to follow.
      this.#ports.ready(table)
      await state.clearChunks(table.id)
    })
  }
}

/** A failure of one table stops that table; a lost snapshot, connection or disk concerns all and is thrown. */
export async function failReading(ports: SnapshotPorts, table: BookedTable, error: unknown): Promise<void> {
  if (concernsAll(error)) throw error
  await ports.book.fail(table, error, false)
}

export function concernsAll(error: unknown): boolean {
  return !(error instanceof PipelineError) || CONCERNS_ALL.has(error.code)
}

const CONCERNS_ALL: ReadonlySet<string> = new Set([
  'snapshot_lost',
  'source_connection_lost',
  'source_unreachable',
  'stage_full',
  'stage_unavailable',
  'stage_authentication',
  'stage_permission',
  'stage_rejected',
  'state_unavailable',
  'state_authentication',
  'state_permission',
  'state_version',
  'state_locked',
  'destination_locked',
  'destination_unreachable',
  'destination_full',
  'lease_lost',
  'internal',
])
