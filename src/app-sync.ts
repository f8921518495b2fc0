/** `sync`: opens what a run needs, runs it, and lets go of everything however it ends. */
import { randomUUID } from 'node:crypto'
import type { ConfigPlace } from './app-add.ts'
import { ConfigReload } from './app-reload.ts'
import { engineSettings } from './app-settings.ts'
import { configureTables, nameTables, selectSources, selectTables, sourceConfig } from './app-tables.ts'
import {
  type Config,
  createSource,
  type DescribedSource,
  openDestination,
  openStage,
  openState,
  valueLimits,
} from './connectors.ts'
import type { LogLevel, SyncRequest } from './core/application.ts'
import { systemClock } from './core/clock.ts'
import { PipelineError } from './core/errors.ts'
import type { ProgressListener, SyncSummary } from './core/progress.ts'
import { tableName } from './core/table-schema.ts'
import type { SourceContext } from './engine/context.ts'
import { runSync } from './engine/sync.ts'
import { openLog } from './pino-log.ts'

export interface SyncSetting {
  readonly config: Config
  readonly folder: string
  readonly logLevel: LogLevel
  readonly place: ConfigPlace | undefined
}

export async function syncAll(
  { config, folder, logLevel, place }: SyncSetting,
  request: SyncRequest,
  listener: ProgressListener,
  signal: AbortSignal,
): Promise<SyncSummary> {
  await using resources = new AsyncDisposableStack()
  const log = await openLog(logLevel)
  // The state first: its lock keeps a second sync from touching anything else.
  const state = resources.use(await openState(config, folder, 'write'))
  const stage = resources.use(await openStage(config, folder))
  const destination = resources.use(await openDestination(config, folder, stage))
  const sources = new Map<string, DescribedSource>()
  for (const name of selectSources(config, request)) {
    const recorded = await state.source(name)
    sources.set(
      name,
      resources.use(await createSource(name, sourceConfig(config, name), folder, recorded, valueLimits(config))),
    )
  }
  const named = await nameTables(config, sources, signal)
  const resolved = configureTables(config, [...sources.keys()], named, folder)
  const all = resolved.flatMap(({ tables }) => tables.map((table) => table.request.table))
  const only = request.tables.length === 0 ? undefined : selectTables(all, request)
  const runId = randomUUID()
  const contexts: SourceContext[] = []
  const reload =
    place === undefined
      ? undefined
      : new ConfigReload({
          config,
          folder,
          load: () => place.load(),
          sources,
          contexts,
          named,
          listener,
          clock: systemClock,
          signal,
        })
  for (const { name, tables } of resolved) {
    const source = sources.get(name)
    if (source === undefined) throw new PipelineError('internal', `Finding source ${name}`)
    contexts.push({
      name,
      source,
      tables,
      only: only === undefined ? undefined : new Set(only.filter((table) => table.source === name).map(tableName)),
      destination,
      keyComparison: destination,
      stage,
      state,
      settings: engineSettings(config),
      clock: systemClock,
      log,
      emit: listener,
      runId,
      handle: {},
      ...(reload === undefined ? {} : { reload: () => reload.run() }),
    })
  }
  // It tells by itself what came of it.
  using _reloads = reload === undefined ? undefined : request.reloads?.(() => void reload.run())
  // The process ends on a second signal; nothing inside needs to be told.
  const stop = { graceful: signal, immediate: new AbortController().signal }
  const { summary, firstError } = await runSync(contexts, stop, request.once)
  const nothingWorked = summary.outcome === 'failed' && summary.tables.every((table) => table.state !== 'live')
  if (firstError !== undefined && (contexts.length === 1 || nothingWorked)) throw firstError
  return summary
}
