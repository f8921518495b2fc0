/**
 * The parts of a sync, wired as `src/app/sync.ts` wires them, with room for a test to wrap any of them: a destination
 * that fails, a source that is held up, a clock that jumps.
 */

import { engineSettings } from '../../src/app/engine-settings.ts'
import { resolveTables } from '../../src/app/tables.ts'
import { loadConfig } from '../../src/config/load.ts'
import {
  CONFIG_SCHEMA,
  createSource,
  openDestination,
  openStage,
  openState,
  type QueryableDestination,
  valueLimits,
} from '../../src/connectors.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { ComparingDestination, Destination } from '../../src/core/destination.ts'
import { type Log, silentLog } from '../../src/core/log.ts'
import type { ProgressListener, SyncSummary } from '../../src/core/progress.ts'
import type { ChangeSource } from '../../src/core/source.ts'
import type { Stage } from '../../src/core/stage.ts'
import type { State } from '../../src/core/state.ts'
import { tableName } from '../../src/core/table-schema.ts'
import type { EngineSettings, SourceContext, StopSignals } from '../../src/engine/context.ts'
import { runSync } from '../../src/engine/sync.ts'

export interface Wraps {
  readonly source?: (source: ChangeSource) => ChangeSource
  readonly destination?: (destination: QueryableDestination) => Destination & ComparingDestination
  readonly stage?: (stage: Stage) => Stage
  readonly state?: (state: State) => State
  readonly clock?: Clock
  /** How long a warehouse that another program has is waited for at a time. */
  readonly lockWaitMs?: number
  readonly settings?: Partial<EngineSettings>
  /** By `namespace.name`, in place of what the file says. Milliseconds. */
  readonly freshnessMs?: (table: string) => number | undefined
  readonly log?: Log
}

export interface PipelineRun {
  readonly configFile: string
  /** `dotted.path=value`. */
  readonly settings?: readonly string[]
  readonly once: boolean
  /** Names (`namespace.name`) as `sync --table` takes them. */
  readonly only?: ReadonlySet<string>
  readonly listener: ProgressListener
  readonly stop: StopSignals
  readonly wraps?: Wraps
}

/** Resolves when the sync has ended. Failures that the engine reports are in `firstError`. */
export async function runPipeline(
  run: PipelineRun,
): Promise<{ readonly summary: SyncSummary; readonly firstError: unknown }> {
  const { wraps = {} } = run
  const { config, folder } = await loadConfig(CONFIG_SCHEMA, {
    file: run.configFile,
    environment: process.env,
    settings: run.settings ?? [],
  })
  await using resources = new AsyncDisposableStack()
  const state = resources.use(await openState(config, folder, 'write'))
  const stage = resources.use(await openStage(config, folder))
  const destination = resources.use(await openDestination(config, folder, stage, wraps.lockWaitMs))
  const sources = new Map<string, ChangeSource>()
  for (const [name, source] of Object.entries(config.sources)) {
    const created = resources.use(
      await createSource(name, source, folder, await state.source(name), valueLimits(config)),
    )
    sources.set(name, wraps.source?.(created) ?? created)
  }
  const resolved = await resolveTables(config, sources, folder, run.stop.graceful)
  const contexts = resolved.map(({ name, tables }): SourceContext => {
    const source = sources.get(name)
    if (source === undefined) throw new Error(`there is no source ${name}`)
    return {
      name,
      source,
      tables:
        wraps.freshnessMs === undefined
          ? tables
          : tables.map((each) => ({ ...each, freshnessMs: wraps.freshnessMs?.(tableName(each.request.table)) })),
      only: run.only,
      destination: wraps.destination?.(destination) ?? destination,
      keyComparison: destination,
      stage: wraps.stage?.(stage) ?? stage,
      state: wraps.state?.(state) ?? state,
      settings: { ...engineSettings(config), ...wraps.settings },
      clock: wraps.clock ?? systemClock,
      log: wraps.log ?? silentLog,
      emit: run.listener,
      runId: crypto.randomUUID(),
    }
  })
  return await runSync(contexts, run.stop, run.once)
}
