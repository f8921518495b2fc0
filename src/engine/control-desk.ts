/**
 * Takes up what people ask of a running sync, in the order in which they asked, and answers when it is done.
 *
 * What takes long (reading a table again) is only begun here; `accepted` says so, and the answer follows when the table has
 * come where it should. A request is answered after what it asked for is recorded: a process that dies in between does it
 * again.
 */
import type { ControlAction, ControlAnswer, ControlRequest, WrittenRange } from '../core/control-request.ts'
import type { Lease } from '../core/destination.ts'
import { describeError, disposition, errorSide, isPipelineError } from '../core/errors.ts'
import { boundary } from '../core/position.ts'
import { shellWord } from '../core/shell-word.ts'
import type { OpenBackfill } from '../core/state.ts'
import { type RowRange, tableName } from '../core/table-schema.ts'
import type { Backfill, BackfillBook } from './backfill-book.ts'
import { forgetReading } from './chunk-plan.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { MergeDemands } from './merge-demands.ts'
import type { TableAdmission } from './table-admission.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import { Turn } from './turn.ts'
import { Wake } from './wake.ts'

export interface DeskPorts {
  readonly book: TableBook
  readonly backfills: BackfillBook
  readonly demands: MergeDemands
  readonly generation: number
  /** A boundary at or after it is wanted. */
  readonly reach: (lsn: bigint) => void
  readonly admission: TableAdmission
  readonly lease: Lease
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  /** Something else is to be read or merged than before. */
  readonly changed: () => void
}

const TRY_AGAIN_MS = 5_000

type Answer = Omit<ControlAnswer, 'atMs'>

export class ControlDesk {
  readonly #context: SourceContext
  readonly #ports: DeskPorts
  readonly #wake = new Wake()
  readonly #turn = new Turn()
  /** Something could not be asked of a source or destination: it is tried again after a while. */
  #isWaiting = false

  constructor(context: SourceContext, ports: DeskPorts) {
    this.#context = context
    this.#ports = ports
    ports.book.moved = () => this.#wake.notify()
  }

  /** Until a stop is asked for. What waits at the start is taken up before anything else. */
  async run(): Promise<void> {
    const { state } = this.#context
    const { graceful } = this.#ports.stop
    using _watch = state.watchRequests(() => this.#wake.notify())
    while (!graceful.aborted) {
      await this.look()
      await this.#wake.wait(this.#isWaiting ? TRY_AGAIN_MS : Number.POSITIVE_INFINITY, graceful)
    }
  }

  /** Looks once at what is open. True where something was begun. */
  look(): Promise<boolean> {
    return this.#turn.run(async () => {
      const { state, name } = this.#context
      this.#isWaiting = false
      let hasBegun = false
      for (const { request, answer } of await state.openRequests(name)) {
        if (this.#ports.stop.graceful.aborted) break
        const table = this.#ports.book.find(request.table)
        const next = answer === undefined ? await this.#take(request, table) : await this.#outcome(request, table)
        if (next === undefined) continue
        await this.#answer(request, next)
        hasBegun ||= next.outcome === 'accepted'
      }
      return hasBegun
    })
  }

  async finished(backfill: Backfill, message: string): Promise<void> {
    await this.#answerBackfill(backfill, { outcome: 'done', message })
  }

  /** Gives a backfill up. What was merged of it stays. */
  async refuse(backfill: Backfill, reason: string): Promise<void> {
    const { log, name } = this.#context
    const { table } = backfill
    if (!backfill.isOpen) return
    log.warn({ source: name, table: table.name }, reason)
    this.#ports.backfills.tell(backfill, { outcome: 'refused', reason })
    await this.#ports.book.save(table, { backfill: undefined })
    await forgetReading(this.#context, table)
    await this.#answerBackfill(backfill, { outcome: 'refused', message: reason })
  }

  async #answerBackfill({ open }: Backfill, answer: Answer): Promise<void> {
    const { state, clock } = this.#context
    if ((await state.request(open.request)) !== undefined)
      await state.answerRequest(open.request, { ...answer, atMs: clock.nowMs() })
    // The next one of the table may have waited for this.
    this.#wake.notify()
  }

  async #answer(request: ControlRequest, answer: Answer): Promise<void> {
    const { state, clock, log, name, emit } = this.#context
    await state.answerRequest(request.id, { ...answer, atMs: clock.nowMs() })
    const table = tableName(request.table)
    const said = answer.message ?? answer.outcome
    log.info({ source: name, table, outcome: answer.outcome }, `${request.action.kind}: ${said}`)
    // Who asked may not have waited for the answer.
    if (answer.outcome === 'refused') {
      const message = `${table}: ${request.action.kind} is refused: ${said}`
      emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
    }
  }

  /** Undefined: it has to wait. */
  async #take(request: ControlRequest, table: BookedTable | undefined): Promise<Answer | undefined> {
    const { action } = request
    try {
      if (table === undefined) return await this.#takeUnknown(action)
      switch (action.kind) {
        case 'pause':
          return await this.#pause(table)
        case 'resume':
          return await this.#resume(table)
        case 'resync':
          return await this.#resync(table)
        case 'merge':
          return await this.#merge(request, table)
        case 'add':
          return { outcome: 'accepted' }
        case 'backfill':
          return await this.#backfill(request, table, action.range)
        case 'replay':
          return await this.#replay(request, table)
      }
    } catch (error) {
      if (!isPipelineError(error) || this.#ports.stop.immediate.aborted) throw error
      if (disposition(error.code) === 'operator' || errorSide(error.code) === 'configuration') return refused(error)
      if (disposition(error.code) !== 'auto') throw error
      this.#isWaiting = true
      return undefined
    }
  }

  async #takeUnknown(action: ControlAction): Promise<Answer> {
    if (action.kind !== 'add')
      return { outcome: 'refused', message: 'it is not among the tables that this sync follows' }
    const problem = await this.#context.reload?.()
    if (problem !== undefined) return { outcome: 'refused', message: problem }
    return { outcome: 'accepted', message: 'it is being read' }
  }

  /** Changes are staged on. */
  async #pause(table: BookedTable): Promise<Answer> {
    const { destination } = this.#context
    const { book, lease, destinationGuard, destinationTurn, stop, changed } = this.#ports
    return destinationTurn.run(async () => {
      if (table.record.state === 'paused') return { outcome: 'done', message: 'it was paused already' }
      if (table.record.state === 'needs_resync')
        return {
          outcome: 'refused',
          message: `nothing of it goes on: ${table.record.lastError ?? 'it must be read again'}`,
        }
      if (table.inGroup) {
        await destinationGuard.run(() => destination.detach(lease, table.id, stop.immediate), stop.immediate)
        table.group = undefined
      }
      await book.move(table, 'paused', {}, 'asked for')
      changed()
      return { outcome: 'done', message: 'its changes are staged, and merged once it is resumed' }
    })
  }

  /** Of a table that failed: tries it again. */
  async #resume(table: BookedTable): Promise<Answer> {
    const { book, changed } = this.#ports
    const { state, lastError } = table.record
    if (state === 'paused') await book.move(table, 'resumed', {}, 'asked for')
    else if (state === 'failed')
      await book.move(table, 'retried', { lastError: undefined, lastErrorCode: undefined }, 'asked for')
    else if (state === 'needs_resync')
      return {
        outcome: 'refused',
        message: `it must be read again (table resync): ${lastError ?? 'changes of it are lost'}`,
      }
    else return { outcome: 'done', message: 'it was not paused' }
    changed()
    return { outcome: 'done' }
  }

  async #resync(table: BookedTable): Promise<Answer> {
    const { admission, changed } = this.#ports
    const { state } = table.record
    if (state !== 'pending' && state !== 'snapshotting') await admission.readAgain(table, 'asked for')
    changed()
    const isPaused = table.record.state === 'paused'
    return { outcome: 'accepted', message: isPaused ? 'it is read again once it is resumed' : 'it is being read again' }
  }

  /** What is committed at the source by now is to be in the final table. */
  async #merge({ id }: ControlRequest, table: BookedTable): Promise<Answer> {
    const { demands, generation, reach, changed, stop } = this.#ports
    const { state, lastError } = table.record
    if (state !== 'live') return { outcome: 'refused', message: lastError ?? `it is ${state.replace('_', ' ')}` }
    const lsn = await this.#context.source.currentLsn(stop.immediate)
    const at = boundary(generation, lsn)
    if (table.inGroup && table.checkpoint !== undefined && table.checkpoint >= at) return { outcome: 'done' }
    demands.add(id, table, at)
    reach(lsn)
    changed()
    return { outcome: 'accepted', message: 'it is being merged' }
  }

  /** A group has moved: a table that somebody waits for may have come where it should. */
  merged(): void {
    if (!this.#ports.demands.isEmpty) this.#wake.notify()
  }

  async #backfill(
    { id }: ControlRequest,
    table: BookedTable,
    written: WrittenRange | undefined,
  ): Promise<Answer | undefined> {
    const { source, clock } = this.#context
    const { stop } = this.#ports
    if (table.record.backfill !== undefined) return undefined
    const obstacle = obstacleOf(table)
    if (obstacle !== undefined) return { outcome: 'refused', message: obstacle }
    let range: RowRange | undefined
    if (written !== undefined) range = await source.resolveRange(table.schema, written, stop.immediate)
    return this.#begin(table, { request: id, ...(range === undefined ? {} : { range }), startedMs: clock.nowMs() })
  }

  /** Rows by key, in the way of a backfill: read at an exact position, merged only where nothing newer is there. */
  async #replay({ id }: ControlRequest, table: BookedTable): Promise<Answer | undefined> {
    if (table.record.backfill !== undefined) return undefined
    const obstacle = obstacleOf(table)
    if (obstacle !== undefined) return { outcome: 'refused', message: obstacle }
    return this.#begin(table, { request: id, byKey: true, startedMs: this.#context.clock.nowMs() })
  }

  async #begin(table: BookedTable, backfill: OpenBackfill): Promise<Answer> {
    const { book, changed } = this.#ports
    // Chunks of whatever was read before mean nothing to it.
    await forgetReading(this.#context, table)
    await book.save(table, { backfill })
    changed()
    const isPaused = table.record.state === 'paused'
    return { outcome: 'accepted', message: isPaused ? 'it begins once the table is resumed' : 'it is being read again' }
  }

  async #mergeOutcome(request: ControlRequest, table: BookedTable): Promise<Answer | undefined> {
    const { demands } = this.#ports
    const isMet = demands.isMet(request.id)
    if (isMet === undefined || table.record.state !== 'live') {
      demands.forget(request.id)
      // Asked of an earlier run; or it was paused, or has failed.
      const again = await this.#take(request, table)
      return again?.outcome === 'accepted' ? undefined : again
    }
    if (!isMet) return undefined
    demands.forget(request.id)
    return { outcome: 'done', message: 'it has everything that was committed when it was asked for' }
  }

  /** What has become of a request that was accepted. */
  async #outcome(request: ControlRequest, table: BookedTable | undefined): Promise<Answer | undefined> {
    if (table === undefined) return { outcome: 'refused', message: 'this sync does not follow it' }
    const { id, action } = request
    const { state, backfill, lastError } = table.record
    if (action.kind === 'merge') return this.#mergeOutcome(request, table)
    if (action.kind === 'backfill' || action.kind === 'replay') {
      if (backfill?.request === id) return undefined
      if (state === 'needs_resync') return { outcome: 'refused', message: lastError ?? 'it must be read again' }
      return { outcome: 'done', message: state === 'live' ? 'finished' : 'all of it is read again instead' }
    }
    if (state === 'live') return { outcome: 'done', message: `${table.record.rowsSnapshot} rows read` }
    if (state === 'failed' || state === 'needs_resync') return { outcome: 'refused', message: lastError ?? state }
    return undefined
  }
}

/** Why rows of the table cannot be read again into the table that is there. */
function obstacleOf({ name, schema, record }: BookedTable): string | undefined {
  const { state, resumeState } = record
  const resync = `simplyload table resync ${shellWord(name)} reads it again whole`
  if (schema.identity.kind !== 'key') return `its rows have no key by which they could be found again: ${resync}`
  if (state === 'needs_resync') return `changes of it are lost: ${resync}`
  if (state === 'failed') return `it failed: ${record.lastError ?? 'see status'}`
  const reached = state === 'paused' ? (resumeState ?? 'pending') : state
  return reached === 'live' ? undefined : 'all of its rows are being read at this moment'
}

function refused(error: unknown): Answer {
  const hint = isPipelineError(error) ? error.hint : undefined
  const message = describeError(error)
  return { outcome: 'refused', message: hint === undefined ? message : `${message}. ${hint}` }
}
