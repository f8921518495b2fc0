/** One run over several sources: each by itself, so that one that fails holds back no other. */
import { describeError, isPipelineError, type PipelineError } from '../core/errors.ts'
import type { SyncSummary } from '../core/progress.ts'
import type { RunRecord } from '../core/state.ts'
import type { SourceContext, StopSignals } from './context.ts'
import { LedgerPages } from './ledger-pages.ts'
import { lenientStage } from './lenient-stage.ts'
import { retain, retainFromTimeToTime } from './retention.ts'
import { retryingState } from './retrying-state.ts'
import { ONCE_ATTEMPTS_MAX, runSource, type SourceOutcome, tellRetry } from './source-run.ts'

export async function runSync(
  contexts: readonly SourceContext[],
  stop: StopSignals,
  once: boolean,
): Promise<{ readonly summary: SyncSummary; readonly firstError: unknown }> {
  const [first] = contexts
  const startedMs = first === undefined ? 0 : first.clock.elapsedMs()
  const done = new AbortController()
  const retention = retainFromTimeToTime(contexts, AbortSignal.any([done.signal, stop.graceful, stop.immediate]))
  const sources = Promise.all(contexts.map((context) => recordRun(withPatience(context, stop, once), stop, once)))
  const [outcomes] = await Promise.all([sources.finally(() => done.abort()), retention])
  if (!stop.immediate.aborted) await retain(contexts, false, stop.immediate)
  const firstError = outcomes.find((outcome) => outcome.error !== undefined)?.error
  const sum = (of: (outcome: SourceOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  return {
    firstError,
    summary: {
      run: first?.runId ?? '',
      outcome: worst(outcomes),
      rowsSnapshot: sum((outcome) => outcome.rowsSnapshot),
      changesStaged: sum((outcome) => outcome.changesStaged),
      changesMerged: sum((outcome) => outcome.changesMerged),
      quarantined: sum((outcome) => outcome.quarantined),
      durationMs: first === undefined ? 0 : Math.round(first.clock.elapsedMs() - startedMs),
      tables: outcomes.flatMap((outcome, index) =>
        outcome.tables.map((table) => ({
          source: contexts[index]?.name ?? '',
          table: table.name,
          state: table.record.state,
          ...(table.record.lastError === undefined || table.record.state === 'live'
            ? {}
            : { error: table.record.lastError }),
        })),
      ),
    },
  }
}

/** With a state that is waited for, and a stage that carries the ledger where others reach it too. */
function withPatience(context: SourceContext, stop: StopSignals, once: boolean): SourceContext {
  const { name, settings } = context
  const stage = lenientStage(context.stage, (error) => tellLeftBehind(context, error))
  const pages = stage.shared
    ? new LedgerPages({ stage, state: context.state, customer: settings.customer, source: name })
    : undefined
  const state = retryingState(pages?.state ?? context.state, {
    clock: context.clock,
    stop,
    attemptsMax: once ? ONCE_ATTEMPTS_MAX : Number.POSITIVE_INFINITY,
    tell: (notice) => tellRetry(context, notice),
  })
  return { ...context, stage, state, ...(pages === undefined ? {} : { ledgerPages: pages }) }
}

function tellLeftBehind({ log, emit, name, clock }: SourceContext, error: PipelineError): void {
  const message = `${describeError(error)}. What is of no use any more stays in the stage. ${error.hint ?? ''}`.trim()
  log.warn({ source: name, code: error.code }, message)
  emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
}

/** The run as people find it in `status`: begun before anything is tried, ended however it ends. */
async function recordRun(context: SourceContext, stop: StopSignals, once: boolean): Promise<SourceOutcome> {
  const { state, clock, emit, name, runId, tables } = context
  const begun: RunRecord = {
    id: runId,
    source: name,
    startedMs: clock.nowMs(),
    endedMs: undefined,
    outcome: 'running',
    rowsSnapshot: 0,
    changesStaged: 0,
    changesMerged: 0,
    error: undefined,
  }
  try {
    await markKilledRuns(context)
    await state.saveRun(begun)
  } catch (error) {
    return failedOutcome(error, stop)
  }
  emit({ event: 'start', run: runId, source: name, tables: tables.length, atMs: clock.nowMs() })
  const tellStopping = () => emit({ event: 'stopping', source: name, atMs: clock.nowMs() })
  stop.graceful.addEventListener('abort', tellStopping, { once: true })
  const outcome = await runSource(context, stop, once)
    .catch((error: unknown) => failedOutcome(error, stop))
    .finally(() => stop.graceful.removeEventListener('abort', tellStopping))
  const { rowsSnapshot, changesStaged, changesMerged, error } = outcome
  try {
    if (error !== undefined) await tellFailure(context, error)
    await state.saveRun({
      ...begun,
      endedMs: clock.nowMs(),
      outcome: outcome.outcome,
      rowsSnapshot,
      changesStaged,
      changesMerged,
      error: error === undefined ? undefined : describeError(error),
    })
    return outcome
  } catch (unrecorded) {
    // What ended the run tells more than that its end could not be recorded.
    return error === undefined ? { ...outcome, outcome: 'failed', error: unrecorded } : outcome
  }
}

async function tellFailure({ state, clock, emit, log, name }: SourceContext, error: unknown): Promise<void> {
  const code = isPipelineError(error) ? error.code : 'internal'
  const hint = isPipelineError(error) ? error.hint : undefined
  const message = describeError(error)
  const atMs = clock.nowMs()
  log.error({ source: name, code }, message)
  emit({ event: 'error', source: name, code, message, atMs, ...(hint === undefined ? {} : { hint }) })
  await state.recordError({ source: name, table: undefined, code, message, hint, atMs })
}

/** A run that never ended was killed: its record says so from now on. */
async function markKilledRuns({ state, clock, name }: SourceContext): Promise<void> {
  const RECENT = 5
  for (const run of await state.runs(name, RECENT)) {
    if (run.outcome === 'running') await state.saveRun({ ...run, outcome: 'killed', endedMs: clock.nowMs() })
  }
}

function failedOutcome(error: unknown, stop: StopSignals): SourceOutcome {
  const nothing = { rowsSnapshot: 0, changesStaged: 0, changesMerged: 0, quarantined: 0, tables: [] }
  if (stop.graceful.aborted || stop.immediate.aborted) return { ...nothing, outcome: 'interrupted', error: undefined }
  return { ...nothing, outcome: 'failed', error }
}

function worst(outcomes: readonly SourceOutcome[]): SyncSummary['outcome'] {
  for (const outcome of ['failed', 'interrupted', 'partial'] as const) {
    if (outcomes.some((each) => each.outcome === outcome)) return outcome
  }
  return 'ok'
}
