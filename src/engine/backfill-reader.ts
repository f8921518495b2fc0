/**
 * Reads what backfills are about, one backfill after the other, chunk by chunk, beside the stream and the snapshots: with
 * half of the connections, so that the source has room for both.
 *
 * Rows are read in the form that the stream knows the table in, at a place that the stream has passed: files with them
 * are then merged behind all changes before them, into a table that has had that form.
 */
import { describeError, disposition, isPipelineError, PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { Position } from '../core/position.ts'
import { shellWord } from '../core/shell-word.ts'
import type { SnapshotSession } from '../core/source.ts'
import { type Backfill, type BackfillBook, keysAsked } from './backfill-book.ts'
import { combines, forgetReading, planAfresh } from './chunk-plan.ts'
import { type ChunkJob, ChunkReader, snapshotLimits } from './chunk-reader.ts'
import type { SourceContext } from './context.ts'
import { concernsAll } from './shadow-loader.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import { sameShape } from './start-plan.ts'
import type { Wake } from './wake.ts'

type SharedPorts = Pick<
  SnapshotPorts,
  'lease' | 'nextReading' | 'generation' | 'attempts' | 'destinationTurn' | 'stop' | 'reached'
>

export interface BackfillPorts extends SharedPorts {
  readonly backfills: BackfillBook
  /** Everything before it is in the ledger. */
  readonly recorded: () => Position
  /** Notified when a boundary is recorded. */
  readonly advanced: Wake
  /** Something can be merged. */
  readonly ready: () => void
  /** It cannot be done, for the given reason. */
  readonly refuse: (backfill: Backfill, reason: string) => Promise<void>
}

/** The snapshot is held as long as the stream is behind it, and holds back vacuum at the source. */
const STREAM_BEHIND_MS_MAX = 5 * 60_000
/** The stream looks for alterations when a boundary is asked for; some it tells of with the next change only. */
const ALTERED_MS_MAX = 30_000

/** Resolves when a stop is asked for; rejects with what no new session mends. */
export async function readBackfills(context: SourceContext, ports: BackfillPorts, wake: Wake): Promise<void> {
  const { stop, backfills } = ports
  while (!stop.graceful.aborted) {
    const next = backfills.active().find((backfill) => !backfill.isRead)
    if (next === undefined) {
      await wake.wait(Number.POSITIVE_INFINITY, stop.graceful)
      continue
    }
    try {
      await new BackfillReading(context, ports, next).read()
    } catch (error) {
      stop.immediate.throwIfAborted()
      if (isRefusal(error)) await ports.refuse(next, describeError(error))
      else await ports.attempts.failed(error, stop.graceful)
    }
  }
}

/** It is this table's alone, and nothing that another attempt mends. */
function isRefusal(error: unknown): boolean {
  return isPipelineError(error) && disposition(error.code) === 'operator' && !concernsAll(error)
}

class BackfillReading {
  readonly #context: SourceContext
  readonly #ports: BackfillPorts
  readonly #backfill: Backfill

  constructor(context: SourceContext, ports: BackfillPorts, backfill: Backfill) {
    this.#context = context
    this.#ports = ports
    this.#backfill = backfill
  }

  async read(): Promise<void> {
    const { source, settings } = this.#context
    const { generation, stop, reached } = this.#ports
    const { table } = this.#backfill
    const limits = snapshotLimits(settings)
    const connections = Math.max(1, Math.floor(limits.connections / 2))
    await using session = await source.openSnapshot(
      { ...limits, generation, schemas: [table.schema], connections },
      stop.immediate,
    )
    reached(session.position)
    const after = await this.#agree(session)
    if (after === undefined || !this.#isWanted()) return
    await this.#plan(session, after)
    if (this.#isWanted()) await this.#work(session, after, connections)
  }

  #isWanted(): boolean {
    return this.#backfill.isOpen && this.#backfill.table.record.state === 'live'
  }

  /**
   * Waits until the stream has passed the snapshot, and knows the table in the form that it has there. From the returned
   * boundary on, the table at the destination has had it, too. Undefined: a stop was asked for.
   */
  async #agree(session: SnapshotSession): Promise<Position | undefined> {
    const { source, clock } = this.#context
    const { stop, recorded, advanced, reached } = this.#ports
    const { table } = this.#backfill
    const deadlineMs = clock.elapsedMs() + STREAM_BEHIND_MS_MAX
    let alteredUntilMs: number | undefined
    for (;;) {
      const needed =
        table.schemaFrom !== undefined && table.schemaFrom > session.position ? table.schemaFrom : session.position
      const after = recorded()
      if (after >= needed) {
        const [described] = await source.describe([table.configured.request], stop.immediate)
        invariant(described !== undefined, 'describe answers for each table')
        // Under the session's lock it cannot change any more; but the stream may not have told of what it is.
        if (sameShape(described, table.schema)) return after
        if (alteredUntilMs === undefined) reached(session.position)
        alteredUntilMs ??= clock.elapsedMs() + ALTERED_MS_MAX
        if (clock.elapsedMs() > alteredUntilMs) throw alteredUnseen(table.name)
      }
      if (stop.graceful.aborted || !this.#isWanted()) return undefined
      if (clock.elapsedMs() > deadlineMs) {
        throw new PipelineError('source_busy', `Reading ${table.name} again`, {
          cause: new Error('the stream is more than five minutes behind'),
          context: { table: table.name },
        })
      }
      await advanced.wait(1_000, stop.graceful)
    }
  }

  /** Chunks that are finished count as long as they are those of the same cut of the same storage. */
  async #plan(session: SnapshotSession, after: Position): Promise<void> {
    const { state } = this.#context
    const backfill = this.#backfill
    const { table, open } = backfill
    const keys = await keysAsked(this.#context, open)
    const only = keys === undefined ? open.range : { keys }
    const plan = await session.plan(table.schema, this.#ports.stop.immediate, only)
    const before = await state.chunks(table.id)
    const isSame = backfill.reading !== undefined && combines(plan, before)
    const chunks = isSame ? before : planAfresh(plan.chunks, table, plan.fingerprint)
    // Nobody merges files that go.
    await this.#ports.destinationTurn.run(async () => {
      if (!this.#isWanted()) return
      if (!isSame) {
        await forgetReading(this.#context, table)
        backfill.restart()
      }
      await state.savePlan(table.id, chunks)
      backfill.plan(chunks, after)
    })
    this.#ports.backfills.tell(backfill)
    this.#ports.ready()
  }

  async #work(session: SnapshotSession, after: Position, connections: number): Promise<void> {
    const { stop, backfills, ready } = this.#ports
    const { reading } = this.#backfill
    invariant(reading !== undefined, 'what is read has a plan')
    const broken = new AbortController()
    const reader = new ChunkReader(this.#context, this.#ports, session, broken, {
      isWanted: () => this.#isWanted(),
      tell: () => backfills.tell(this.#backfill),
      finished: async (_, files) => {
        this.#backfill.add(files, after, true)
        ready()
      },
      failed: async (_, error) => broken.abort(error),
    })
    const jobs = reading.plan
      .filter((chunk) => chunk.finishedAt === undefined)
      .map((chunk): ChunkJob => ({ reading, chunk }))
    await reader.read(jobs, connections)
    stop.immediate.throwIfAborted()
    if (broken.signal.aborted) throw broken.signal.reason
  }
}

function alteredUnseen(table: string): PipelineError {
  return new PipelineError('source_query', `Reading ${table} again`, {
    cause: new Error('its columns were changed, and no row since, so that the change has not come here yet'),
    hint: `Read it again whole: simplyload table resync ${shellWord(table)}`,
    context: { table },
  })
}
