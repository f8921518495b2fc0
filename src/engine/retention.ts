/**
 * Removes stage files that are loaded and older than the retention, and what killed runs left: unfinished files, and in a
 * shared stage files that nobody has recorded. In a running sync it does so from time to time. What a stage denies is
 * told once a round and tried again in the next; it costs space, not rows.
 */
import type { Clock } from '../core/clock.ts'
import { describeError, isPipelineError, type PipelineError } from '../core/errors.ts'
import { comparePositions } from '../core/position.ts'
import type { Stage, StageFile } from '../core/stage.ts'
import { encodePathPart, parseStagePath } from '../core/stage-path.ts'
import type { State } from '../core/state.ts'
import type { SourceContext } from './context.ts'
import { isStateCurrent } from './ledger-restore.ts'

export interface RetentionPorts {
  readonly stage: Stage
  readonly state: State
  readonly clock: Clock
  readonly customer: string
  readonly sources: readonly string[]
}

export interface RetentionReport {
  readonly filesRemoved: number
  readonly bytesRemoved: number
  /** What stood in the way. Each part is tried whatever becomes of the others. */
  readonly problems: readonly PipelineError[]
}

const FILES_PER_STEP = 500
/** Of requests to a store; a disk does not care. */
const REMOVALS_AT_ONCE = 16
const HOUR_MS = 60 * 60 * 1000
/** A file that has been unfinished for so long belongs to no running process. */
const UNFINISHED_AFTER_MS = 24 * HOUR_MS
/** Beyond the retention: a file that waits to be loaded for longer than that is recorded by somebody. */
const FORGOTTEN_AFTER_MS = 30 * 24 * HOUR_MS
const ROUND_MS = HOUR_MS
/** Listing a whole stage costs more than a round is worth. */
const ROUNDS_PER_LISTING = 24

export interface RetentionRequest {
  readonly retentionMs: number
  /** Looks for files that nobody has recorded. */
  readonly lists: boolean
}

export async function applyRetention(
  ports: RetentionPorts,
  { retentionMs, lists }: RetentionRequest,
  signal: AbortSignal,
): Promise<RetentionReport> {
  const { stage, clock, sources } = ports
  const nowMs = clock.nowMs()
  const round = new Round()
  await round.attempt(async () => {
    round.filesRemoved += await stage.sweep(nowMs - UNFINISHED_AFTER_MS)
  })
  await round.attempt(() => removeLoaded(ports, nowMs - retentionMs, round, signal))
  for (const source of lists && stage.shared ? sources : []) {
    await round.attempt(() => removeForgotten(ports, source, nowMs - retentionMs - FORGOTTEN_AFTER_MS, round, signal))
  }
  return round
}

/** Until the signal aborts. */
export async function retainFromTimeToTime(contexts: readonly SourceContext[], signal: AbortSignal): Promise<void> {
  const [first] = contexts
  if (first === undefined) return
  try {
    for (let round = 1; ; round++) {
      await first.clock.sleep(ROUND_MS, signal)
      await retain(contexts, round % ROUNDS_PER_LISTING === 0, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** One round for all sources of a run, whose stage and state are the same. */
export async function retain(contexts: readonly SourceContext[], lists: boolean, signal: AbortSignal): Promise<void> {
  const [first] = contexts
  if (first === undefined) return
  const { stage, state, clock, settings, log, emit } = first
  const ports = { stage, state, clock, customer: settings.customer, sources: contexts.map(({ name }) => name) }
  const { retentionMs } = settings
  const { filesRemoved, bytesRemoved, problems } = await applyRetention(ports, { retentionMs, lists }, signal)
  if (filesRemoved > 0)
    log.info({ files: filesRemoved, bytes: bytesRemoved }, 'removed stage files beyond the retention')
  for (const problem of problems) {
    const message = `Cleaning the stage: ${describeError(problem)}. ${problem.hint ?? ''}`.trim()
    log.warn({ code: problem.code }, message)
    emit({ event: 'notice', source: first.name, message, atMs: clock.nowMs() })
  }
}

class Round implements RetentionReport {
  filesRemoved = 0
  bytesRemoved = 0
  readonly problems: PipelineError[] = []

  async attempt(part: () => Promise<void>): Promise<void> {
    try {
      await part()
    } catch (error) {
      if (!isPipelineError(error) || error.code === 'internal') throw error
      // Mostly all parts meet the same wall.
      if (!this.problems.some((known) => known.code === error.code && known.hint === error.hint)) {
        this.problems.push(error)
      }
    }
  }
}

async function removeLoaded(
  { stage, state }: RetentionPorts,
  beforeMs: number,
  round: Round,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const files = await state.loadedBefore(beforeMs, FILES_PER_STEP)
    if (files.length === 0) return
    // First the mark, then the files: a destination older than the mark is then never taken for one that can catch up.
    for (const source of new Set(files.map((file) => file.schema.table.source))) {
      const changes = files.filter((file) => file.kind === 'changes' && file.schema.table.source === source)
      const through = changes
        .map((file) => file.lastPosition)
        .sort(comparePositions)
        .at(-1)
      if (through !== undefined) await state.notePruned(source, through)
    }
    const removed: StageFile[] = []
    try {
      await removeAll(stage, files, (file) => {
        removed.push(file)
        round.filesRemoved++
        round.bytesRemoved += file.bytes
      })
    } finally {
      await state.forget(removed.map((file) => file.batchId))
    }
  }
}

/**
 * Files of killed runs, of runs whose state was lost, and of removals that were denied. Only where our state is not behind
 * the ledger in the stage: else the files may be those of a sync that runs elsewhere.
 */
async function removeForgotten(
  { stage, state, customer }: RetentionPorts,
  source: string,
  beforeMs: number,
  round: Round,
  signal: AbortSignal,
): Promise<void> {
  if (!(await isStateCurrent({ stage, state, customer, source }, signal))) return
  const waiting = new Set((await state.waiting(source)).map((file) => file.path))
  let found: { readonly path: string; readonly bytes: number }[] = []
  const remove = async () => {
    signal.throwIfAborted()
    await removeAll(stage, found, ({ bytes }) => {
      round.filesRemoved++
      round.bytesRemoved += bytes
    })
    found = []
  }
  for await (const object of stage.list(`${encodePathPart(customer)}/${encodePathPart(source)}`)) {
    const { path, modifiedMs } = object
    if (modifiedMs >= beforeMs || waiting.has(path) || parseStagePath(path) === undefined) continue
    found.push(object)
    if (found.length === FILES_PER_STEP) await remove()
  }
  await remove()
}

async function removeAll<File extends { readonly path: string }>(
  stage: Stage,
  files: readonly File[],
  removed: (file: File) => void,
): Promise<void> {
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const worker = async () => {
    while (failure === undefined) {
      const file = files[next++]
      if (file === undefined) return
      try {
        await stage.remove(file.path)
        removed(file)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, worker))
  if (failure !== undefined) throw failure.error
}
