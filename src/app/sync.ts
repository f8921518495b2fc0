/** `sync`: opens what a run needs, runs it, and lets go of everything however it ends. */
import { randomUUID } from 'node:crypto'
import {
  createSource,
  type DescribedSource,
  openDestination,
  openStage,
  openState,
  valueLimits,
} from '../connectors.ts'
import type { LogLevel, SyncRequest } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { ProgressListener, SyncSummary } from '../core/progress.ts'
import type { State } from '../core/state.ts'
import { tableName } from '../core/table-schema.ts'
import type { EngineSettings, SourceContext } from '../engine/context.ts'
import { runSync } from '../engine/sync.ts'
import type { FileProblems, FindWork } from '../file-sets/file-work.ts'
import { openLog } from '../pino-log.ts'
import type { ConfigPlace } from './add-tables.ts'
import { ConfigReload } from './config-reload.ts'
import { engineSettings } from './engine-settings.ts'
import { type FilePorts, recordedFiles } from './files/recorded-files.ts'
import { restoreState } from './files/restored-state.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { configureTables, nameTables, selectSources, selectTables, sourceConfig } from './tables.ts'

/** What sources of files are asked to load; absent: nothing. */
export interface FileWorkPorts {
  readonly findWork?: FindWork
  readonly problems?: FileProblems
  /** In place of those of the configuration. */
  readonly settings?: Partial<EngineSettings>
}

async function filePorts(
  state: State,
  name: string,
  { findWork = async () => [], problems = { note: () => undefined } }: FileWorkPorts,
): Promise<FilePorts> {
  return { findWork, problems, recorded: await recordedFiles(state, name) }
}

export interface SyncSetting extends LoadedConfig {
  readonly logLevel: LogLevel
  readonly place: ConfigPlace | undefined
}

export async function syncAll(
  { config, folder, logLevel, place }: SyncSetting,
  request: SyncRequest,
  listener: ProgressListener,
  signal: AbortSignal,
  files: FileWorkPorts = {},
): Promise<SyncSummary> {
  await using resources = new AsyncDisposableStack()
  const log = await openLog(logLevel)
  // The state first: its lock keeps a second sync from touching anything else.
  const state = resources.use(await openState(config, folder, 'write'))
  const stage = resources.use(await openStage(config, folder))
  const destination = resources.use(await openDestination(config, folder, stage))
  const sources = new Map<string, DescribedSource>()
  for (const name of selectSources(config, request)) {
    const source = sourceConfig(config, name)
    const restored =
      source.type === 'files' ? await restoreState({ state, stage, destination }, name, signal) : undefined
    if (restored !== undefined) {
      log.warn({ source: name }, restored)
      listener({ event: 'notice', source: name, message: restored, atMs: systemClock.nowMs() })
    }
    const recorded = await state.source(name)
    const ports = source.type === 'files' ? await filePorts(state, name, files) : undefined
    const { memoryBytesMax } = config.sync
    const reading = ports === undefined ? undefined : { memoryBytesMax, compression: stage.compression, ports }
    const opened = await createSource(name, source, folder, recorded, valueLimits(config), reading)
    sources.set(name, resources.use(opened))
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
      settings: { ...engineSettings(config), ...files.settings },
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
