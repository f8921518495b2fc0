/**
 * One source, from start to stop. Five loops share the book of tables:
 *
 * - the stream receives changes and makes them durable, reconnecting from the last recorded boundary;
 * - the snapshot loop reads tables that need it;
 * - the backfill loop reads again what was asked for, of tables that go on meanwhile;
 * - the merge loop brings what is recorded to the destination, each group of tables when it is due;
 * - the desk takes up what people ask.
 *
 * The source is told to forget only what is recorded, so a slow destination or snapshot holds back nobody's log. What
 * touches the destination or a table's place in the group takes its turn.
 */
import { returnMemory } from '../columnar/vector-memory.ts'
import { describeError, disposition, isPipelineError, type PipelineError } from '../core/errors.ts'
import { laterPosition, type Position, parsePosition } from '../core/position.ts'
import { readingMode } from '../core/source.ts'
import { Attempts } from './attempts.ts'
import { type Backfill, BackfillBook } from './backfill-book.ts'
import { BackfillMerger } from './backfill-merger.ts'
import { type BackfillPorts, readBackfills } from './backfill-reader.ts'
import type { ConfiguredTable, EngineSettings, Reconfiguration, SourceContext, StopSignals } from './context.ts'
import { ControlDesk } from './control-desk.ts'
import { createGuard, type Guard, type RetryNotice } from './guard.ts'
import { KeyComparer } from './key-comparer.ts'
import { MergeDemands } from './merge-demands.ts'
import { runMerges } from './merge-loop.ts'
import { MergeSchedule } from './merge-schedule.ts'
import { Merger } from './merger.ts'
import { SnapshotLoop } from './snapshot-loop.ts'
import { SchemaMoved } from './snapshotter.ts'
import { type StartedSource, startSource } from './source-start.ts'
import { StreamFollower } from './stream-follower.ts'
import { TableAdmission } from './table-admission.ts'
import type { BookedTable } from './table-book.ts'
import { Turn } from './turn.ts'
import { Wake } from './wake.ts'

export interface SourceOutcome {
  readonly outcome: 'ok' | 'partial' | 'failed' | 'interrupted'
  readonly error: unknown
  readonly rowsSnapshot: number
  readonly changesStaged: number
  readonly changesMerged: number
  readonly quarantined: number
  readonly tables: readonly BookedTable[]
}

/** A daemon never gives up on what time may mend; a `--once` run does, within about a minute. */
export const ONCE_ATTEMPTS_MAX = 8
/** A destination that is let go of is opened again: on DuckDB that takes about 30 ms. */
const REST_MS = 300
/** Before anything worked, a wrong host is more likely than a short outage. */
const UNREACHABLE_ATTEMPTS_MAX = 2
/** A server may take a minute to notice that the predecessor was killed, and keeps its slot and locks until then. */
const START_ATTEMPTS_MAX = 10

export async function runSource(context: SourceContext, stop: StopSignals, once: boolean): Promise<SourceOutcome> {
  const tell = (notice: RetryNotice) => tellRetry(context, notice)
  const unreachable = new Attempts(UNREACHABLE_ATTEMPTS_MAX, context.clock, tell)
  const others = new Attempts(START_ATTEMPTS_MAX, context.clock, tell)
  let current: SourceRun | undefined
  const reconfigure = async (tables: readonly ConfiguredTable[], settings: EngineSettings) => {
    context.settings = settings
    if (current !== undefined) return current.reconfigure(tables)
    // Between two attempts: the next one begins with them.
    context.tables = tables
    return { added: [], removed: [], problems: [] }
  }
  if (context.handle !== undefined) context.handle.reconfigure = reconfigure
  for (;;) {
    try {
      // Nothing is in hand before it.
      const started = await startSource(context, AbortSignal.any([stop.graceful, stop.immediate]))
      current = new SourceRun(context, stop, once, started)
      const outcome = await current.run()
      if (!beginsAnew(outcome.error)) return outcome
    } catch (error) {
      if (stop.graceful.aborted) throw error
      const isUnreachable =
        isPipelineError(error, 'source_unreachable') || isPipelineError(error, 'destination_unreachable')
      await (isUnreachable ? unreachable : others).failed(error, stop.graceful)
    } finally {
      current = undefined
    }
  }
}

/** What was found out at the start does not hold any more. */
function beginsAnew(error: unknown): boolean {
  return error instanceof SchemaMoved || isPipelineError(error, 'source_moved')
}

class SourceRun {
  readonly #context: SourceContext
  readonly #once: boolean
  readonly #started: StartedSource
  /** As asked from outside. */
  readonly #asked: StopSignals
  /** As asked, or because the run is done or has failed. */
  readonly #stop: StopSignals
  readonly #finish = new AbortController()
  readonly #crash = new AbortController()
  readonly #turn = new Turn()
  readonly #sourceGuard: Guard
  readonly #merger: Merger
  readonly #follower: StreamFollower
  readonly #snapshots: SnapshotLoop
  readonly #backfills: BackfillBook
  readonly #backfillPorts: BackfillPorts
  readonly #backfillMerger: BackfillMerger
  readonly #admission: TableAdmission
  readonly #demands = new MergeDemands()
  readonly #desk: ControlDesk
  readonly #mergeWake: Wake
  readonly #snapshotWake = new Wake()
  readonly #backfillWake = new Wake()
  readonly #boundaryWake = new Wake()
  #rest: NodeJS.Timeout | undefined
  #rowsSnapshot = 0
  #quarantinedSnapshot = 0
  /** Polls that a run that ends has still to find a place for. */
  #pollsAsked = 0
  #error: unknown

  constructor(context: SourceContext, asked: StopSignals, once: boolean, started: StartedSource) {
    this.#context = context
    this.#once = once
    this.#started = started
    this.#asked = asked
    this.#mergeWake = new Wake(context.clock)
    const immediate = AbortSignal.any([asked.immediate, this.#crash.signal])
    this.#stop = { graceful: AbortSignal.any([asked.graceful, immediate, this.#finish.signal]), immediate }
    const attemptsMax = once ? ONCE_ATTEMPTS_MAX : Number.POSITIVE_INFINITY
    this.#sourceGuard = createGuard(attemptsMax, (notice) => tellRetry(context, notice))
    let readings = 0
    const ports = {
      book: started.book,
      lease: started.lease,
      nextReading: () => ++readings,
      generation: started.record.generation,
      sourceGuard: this.#sourceGuard,
      destinationGuard: createGuard(attemptsMax, (notice) => tellRetry(context, notice)),
      destinationTurn: this.#turn,
      stop: this.#stop,
    }
    const attempts = () => new Attempts(attemptsMax, context.clock, (notice) => tellRetry(context, notice))
    this.#merger = new Merger(context, ports, started.groups)
    this.#follower = new StreamFollower(
      context,
      {
        ...ports,
        keys: new KeyComparer(context, { ...ports, merge: (table) => this.#mergeNow(table) }),
        attempts: attempts(),
        recorded: (staged) => {
          this.#merger.noteStaged(staged)
          this.#boundaryWake.notify()
          this.#mergeWake.notify()
        },
        unread: () => this.#snapshotWake.notify(),
      },
      started.record.stagedThroughLsn,
    )
    const reached = (at: Position) => this.#follower.reach(lsnOf(at))
    this.#snapshots = new SnapshotLoop(
      context,
      {
        ...ports,
        attempts: attempts(),
        ready: (table) => {
          this.#rowsSnapshot += table.record.rowsSnapshot
          this.#quarantinedSnapshot += table.record.quarantined
          if (once && readingMode(started.record.identity) === 'polling') this.#pollOnceMore()
          this.#mergeWake.notify()
        },
        follow: (table) => this.#follower.follow(table),
        reached,
        rested: () => this.#letGoSoon(),
        letGo: () => {
          // Before the destination is let go of: DuckDB, when it closes, hands what was freed back to the system.
          if (!once) returnMemory()
          return this.#letGo()
        },
        idle: () => this.#mergeWake.notify(),
        watch: (run) => this.#watch(run),
      },
      this.#snapshotWake,
    )
    const backfills = new BackfillBook(context, started.book)
    this.#backfills = backfills
    const refuse = (backfill: Backfill, reason: string) => this.#desk.refuse(backfill, reason)
    this.#backfillPorts = {
      ...ports,
      backfills,
      attempts: attempts(),
      reached,
      recorded: () => this.#follower.recorded,
      advanced: this.#boundaryWake,
      ready: () => this.#mergeWake.notify(),
      refuse,
    }
    const done = (backfill: Backfill, message: string) => this.#desk.finished(backfill, message)
    const unread = () => this.#backfillWake.notify()
    this.#backfillMerger = new BackfillMerger(context, { ...ports, backfills, refuse, done, unread })
    this.#admission = new TableAdmission(context, {
      ...ports,
      follower: this.#follower,
      unread: () => this.#snapshotWake.notify(),
    })
    this.#desk = new ControlDesk(context, {
      ...ports,
      backfills,
      demands: this.#demands,
      reach: (lsn) => this.#follower.reach(lsn),
      admission: this.#admission,
      changed: () => this.#wakeAll(),
    })
  }

  async run(): Promise<SourceOutcome> {
    const { source, destination } = this.#context
    const { immediate } = this.#stop
    if (this.#once) {
      const lsn = await this.#sourceGuard.run(() => source.currentLsn(immediate), immediate)
      this.#follower.reach(lsn)
    }
    await this.#backfills.restore(this.#follower.recorded)
    await this.#desk.look()
    await this.#letGo()
    await Promise.all([
      this.#watch(this.#follower.run()),
      this.#watch(this.#snapshots.run()),
      this.#watch(readBackfills(this.#context, this.#backfillPorts, this.#backfillWake)),
      this.#watch(this.#mergeLoop()),
      this.#watch(this.#desk.run()),
    ])
    clearTimeout(this.#rest)
    await destination.release()
    return this.#outcome()
  }

  /** Takes another list of tables, and settings that the stream has to be opened anew for. */
  async reconfigure(tables: readonly ConfiguredTable[]): Promise<Reconfiguration> {
    const done = await this.#admission.reconcile(tables)
    this.#context.tables = this.#started.book.all().map((table) => table.configured)
    this.#follower.refresh()
    this.#wakeAll()
    return done
  }

  /** A loop that fails ends the run: at once where going on could do harm, else after merging what is staged. */
  async #watch(loop: Promise<void>): Promise<void> {
    try {
      await loop
    } catch (error) {
      if (this.#stop.immediate.aborted) return
      this.#error ??= error
      const harmful = !isPipelineError(error) || disposition(error.code) === 'fatal'
      if (harmful) this.#crash.abort(error)
      else this.#finish.abort(error)
    }
  }

  /** Rows that went between two parts of a snapshot are found by a poll that begins when the table is there to be compared. */
  #pollOnceMore(): void {
    const { immediate } = this.#stop
    const ask = async () => {
      this.#follower.reach(await this.#sourceGuard.run(() => this.#context.source.currentLsn(immediate), immediate))
      this.#pollsAsked -= 1
      this.#mergeWake.notify()
    }
    this.#pollsAsked += 1
    void this.#watch(ask())
  }

  #outcome(): SourceOutcome {
    const tables = this.#started.book.all()
    const bad = tables.some((table) => table.record.state === 'failed' || table.record.state === 'needs_resync')
    const interrupted = this.#once && this.#asked.graceful.aborted
    return {
      outcome: this.#error !== undefined ? 'failed' : interrupted ? 'interrupted' : bad ? 'partial' : 'ok',
      error: this.#error,
      rowsSnapshot: this.#rowsSnapshot,
      changesStaged: this.#follower.changesStaged,
      changesMerged: this.#merger.totals.changes,
      quarantined: this.#quarantinedSnapshot + this.#merger.totals.quarantined,
      tables,
    }
  }

  #wakeAll(): void {
    for (const wake of [this.#snapshotWake, this.#backfillWake, this.#mergeWake]) wake.notify()
  }

  /** Others may read the destination while nothing is written. */
  #letGo(): Promise<void> {
    clearTimeout(this.#rest)
    return this.#turn.run(() => this.#context.destination.release())
  }

  /** Not between two files of a snapshot that follow each other. */
  #letGoSoon(): void {
    clearTimeout(this.#rest)
    this.#rest = setTimeout(() => void this.#watch(this.#letGo()), REST_MS)
  }

  /** Whatever its freshness. */
  #mergeNow(table: BookedTable): Promise<void> {
    return this.#merger.flush(this.#merger.groupOf(table), this.#follower.recorded)
  }

  #mergeLoop(): Promise<void> {
    const schedule = new MergeSchedule(this.#context, {
      book: this.#started.book,
      merger: this.#merger,
      wants: (group) => laterPosition(this.#backfillMerger.wants(group), this.#demands.wants(group)),
      isReading: () => this.#snapshots.unread().length > 0,
    })
    const ports = {
      merger: this.#merger,
      schedule,
      backfills: this.#backfillMerger,
      stop: { ...this.#stop, asked: this.#asked.graceful },
      leftStaged: (error: PipelineError) => {
        const { clock, emit, log, name } = this.#context
        const message = `what is staged is merged by the next run: ${describeError(error)}`
        log.warn({ source: name, code: error.code }, message)
        emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
      },
      recorded: () => this.#follower.recorded,
      isLast: () =>
        this.#once && this.#pollsAsked === 0 && this.#follower.reachedTarget && this.#snapshots.unread().length === 0,
      ask: () => this.#desk.look(),
      done: () => this.#finish.abort('done'),
      letGo: () => {
        this.#desk.merged()
        return this.#letGo()
      },
    }
    return runMerges(ports, this.#mergeWake)
  }
}

function lsnOf(at: Position): bigint {
  return parsePosition(at)?.lsn ?? 0n
}

export function tellRetry({ clock, emit, name, log }: SourceContext, { error, attempt, delayMs }: RetryNotice): void {
  // First, because paths are long and terminals narrow.
  const message = `${error.code.endsWith('_full') ? 'no room is left: ' : ''}${describeError(error)}`
  log.warn({ source: name, code: error.code, attempt, delayMs }, message)
  emit({ event: 'retry', source: name, code: error.code, message, attempt, delayMs, atMs: clock.nowMs() })
}
