/** The application: the configuration, and for each command what it takes. Heavy modules are loaded when first used. */
import { statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { loadConfig, parseConfig } from '../config/load.ts'
import { isModuleFile } from '../config/module-file.ts'
import { presentConfigFile } from '../config/present-file.ts'
import { CONFIG_SCHEMA, type Config, describeDestination, describeSource } from '../connectors.ts'
import type {
  AddCommand,
  AddReport,
  Application,
  ApplicationOptions,
  CheckpointStatus,
  CleanupReport,
  ConfigSummary,
  ControlCommand,
  ControlledTable,
  ControlReport,
  Discovery,
  Examination,
  LogLevel,
  QueryResult,
  ReplayReport,
  ReplayRequest,
  Selection,
  SourceStatus,
  SyncRequest,
  VerificationReport,
  VerifyRequest,
} from '../core/application.ts'
import type { QuarantineEntry } from '../core/destination.ts'
import type { FileCommands } from '../core/file-commands.ts'
import type { FileLoading } from '../core/file-loading.ts'
import type { FileReports } from '../core/file-report.ts'
import type { FileSet } from '../core/file-set.ts'
import type { ProgressListener, SyncSummary } from '../core/progress.ts'
import type { TableId } from '../core/table-schema.ts'
import type {
  CostCommand,
  CostReport,
  EstimateCommand,
  EstimateReport,
  SetupCommand,
  SetupStep,
} from '../core/warehouse-cost.ts'
import type { ConfigPlace } from './add-tables.ts'
import type { FileWorkPorts } from './sync.ts'

export async function openApplication(options: ApplicationOptions): Promise<Application> {
  const file = options.configFile ?? presentConfigFile()
  const { environment, settings, logLevel } = options
  if (options.mayLackFile === true && options.configFile === undefined && isMissing(file)) return withoutSources(file)
  const load = (path: string) => loadConfig(CONFIG_SCHEMA, { file: path, environment, settings })
  const { config, folder } = await load(file)
  const place = {
    path: resolve(file),
    isYaml: !isModuleFile(file),
    load: async (path = file) => (await load(path)).config,
  }
  return configuredApplication(config, { file: relative(process.cwd(), file) || file, folder, logLevel, place })
}

/** `simplyload … > simplyload.yaml` has made an empty one before it runs. */
function isMissing(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0
}

/** For a folder without a configuration: what a first one could be is asked before there is one. */
async function withoutSources(file: string): Promise<Application> {
  const table = { name: 'none', path: 'none', format: 'tsv' as const, columns: { none: 'text' } }
  const least = {
    version: 1 as const,
    sources: { none: { type: 'files' as const, tables: [table] } },
    destination: { type: 'duckdb' as const, path: 'warehouse.duckdb' },
  }
  const folder = resolve('.')
  const config = await parseConfig(CONFIG_SCHEMA, least, { name: file, folder, environment: {}, settings: [] })
  return configuredApplication({ ...config, sources: {} }, { file, folder, logLevel: 'silent' })
}

export interface ApplicationSetting {
  /** Stands for the configuration in headings. */
  readonly file: string
  /** Where relative paths of the configuration start. */
  readonly folder: string
  readonly logLevel: LogLevel
  /** Absent: the configuration is a value. */
  readonly place?: ConfigPlace
}

export function configuredApplication(config: Config, setting: ApplicationSetting): Application {
  return new ConfiguredApplication(config, setting)
}

class ConfiguredApplication implements Application {
  readonly #config: Config
  readonly #given: ApplicationSetting

  constructor(config: Config, given: ApplicationSetting) {
    this.#config = config
    this.#given = given
  }

  summary(): ConfigSummary {
    const { sources, destination } = this.#config
    return {
      file: this.#given.file,
      sources: Object.entries(sources).map(([name, source]) => ({
        name,
        type: source.type,
        description: describeSource(source),
        tables: source.tables.map((table) => table.name),
      })),
      destination: { type: destination.type, description: describeDestination(this.#config) },
      warnings: [],
    }
  }

  files(): FileCommands {
    const open = async (): Promise<FileCommands> => {
      const configFile = this.#given.place?.path
      return (await import('./files/file-commands.ts')).fileCommands({ ...this.#setting, configFile })
    }
    return {
      validate: async (signal) => (await open()).validate(signal),
      check: async (request, listener, signal) => (await open()).check(request, listener, signal),
      plan: async (request, signal) => (await open()).plan(request, signal),
      suggest: async (paths, signal) => (await open()).suggest(paths, signal),
      results: async (signal) => (await open()).results(signal),
      result: async (run, signal) => (await open()).result(run, signal),
    }
  }

  fileLoading(): FileLoading {
    const { logLevel, place } = this.#given
    const setting = { ...this.#setting, logLevel, place }
    const checking = async () =>
      (await import('./files/file-commands.ts')).fileCommands({ ...this.#setting, configFile: place?.path })
    const periods = () => import('./files/periods.ts')
    return {
      load: async (request, listener, signal) =>
        (await import('./files/load-files.ts')).loadFiles(setting, await checking(), request, listener, signal),
      countPeriod: async (selection, signal) => (await periods()).countPeriod(setting, selection, signal),
      deletePeriod: async (selection, command, listener, signal) =>
        (await periods()).deletePeriod(setting, await checking(), selection, command, listener, signal),
      status: async (selection, signal) => (await periods()).filesStatus(setting, selection, signal),
    }
  }

  fileReports(): FileReports {
    const open = async (): Promise<FileReports> =>
      (await import('./files/reports.ts')).fileReports(this.#given.folder, this.#config.reports)
    return {
      report: async (request, signal) => (await open()).report(request, signal),
      sendPending: async (signal) => (await open()).sendPending(signal),
      compare: async (older, newer, html, signal) => (await open()).compare(older, newer, html, signal),
    }
  }

  async *doctor(selection: Selection, signal: AbortSignal): AsyncIterable<Examination> {
    yield* (await import('./doctor.ts')).doctor(this.#setting, selection, signal)
  }

  async discover(source: string | undefined, signal: AbortSignal): Promise<readonly Discovery[]> {
    return (await import('./discover.ts')).discover(this.#setting, source, signal)
  }

  async sync(request: SyncRequest, listener: ProgressListener, signal: AbortSignal): Promise<SyncSummary> {
    const { syncAll } = await import('./sync.ts')
    const { logLevel, place } = this.#given
    const setting = { ...this.#setting, logLevel, place }
    return syncAll(setting, request, listener, signal, await this.#fileWork(listener))
  }

  async status(selection: Selection, signal: AbortSignal): Promise<readonly SourceStatus[]> {
    return (await import('./status.ts')).status(this.#setting, selection, signal)
  }

  async checkpoints(selection: Selection, signal: AbortSignal): Promise<readonly CheckpointStatus[]> {
    return (await import('./checkpoints.ts')).checkpoints(this.#setting, selection, signal)
  }

  async resetCheckpoints(selection: Selection, signal: AbortSignal): Promise<readonly string[]> {
    return (await import('./checkpoints.ts')).resetCheckpoints(this.#setting, selection, signal)
  }

  async verify(
    request: VerifyRequest,
    onTable: (table: TableId) => void,
    signal: AbortSignal,
  ): Promise<VerificationReport> {
    return (await import('./verify.ts')).verifyAll(this.#setting, request, onTable, signal)
  }

  async control(
    command: ControlCommand,
    onAnswer: (table: ControlledTable) => void,
    signal: AbortSignal,
  ): Promise<ControlReport> {
    return (await import('./control.ts')).control(this.#setting, command, onAnswer, signal)
  }

  async addTables(
    command: AddCommand,
    onAnswer: (table: ControlledTable) => void,
    signal: AbortSignal,
  ): Promise<AddReport> {
    const { addTables } = await import('./add-tables.ts')
    return addTables({ ...this.#setting, place: this.#given.place }, command, onAnswer, signal)
  }

  async quarantine(selection: Selection, limit: number, signal: AbortSignal): Promise<readonly QuarantineEntry[]> {
    return (await import('./quarantined.ts')).quarantined(this.#setting, selection, limit, signal)
  }

  async replayQuarantine(request: ReplayRequest, signal: AbortSignal): Promise<ReplayReport> {
    return (await import('./replay-quarantine.ts')).replayQuarantine(this.#setting, request, signal)
  }

  async query(sql: string, signal: AbortSignal): Promise<QueryResult> {
    return (await import('./query.ts')).query(this.#setting, sql, signal)
  }

  async *setUpWarehouse(command: SetupCommand, signal: AbortSignal): AsyncIterable<SetupStep> {
    yield* (await import('./cost.ts')).setUpWarehouse(this.#setting, command, signal)
  }

  async cost(command: CostCommand, signal: AbortSignal): Promise<CostReport> {
    return (await import('./cost.ts')).cost(this.#setting, command, signal)
  }

  async estimateCost(command: EstimateCommand, signal: AbortSignal): Promise<EstimateReport> {
    return (await import('./cost.ts')).estimateCost(this.#setting, command, signal)
  }

  async cleanup(signal: AbortSignal): Promise<CleanupReport> {
    return (await import('./cleanup.ts')).cleanup(this.#setting, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each method lets go of what it took.
  }

  /** What sources of files load while a sync runs. */
  async #fileWork(listener: ProgressListener): Promise<FileWorkPorts> {
    if (!Object.values(this.#config.sources).some(({ type }) => type === 'files')) return {}
    const [{ passingFiles }, { fileCommands }] = await Promise.all([
      import('./files/load-files.ts'),
      import('./files/file-commands.ts'),
    ])
    const { logLevel, place } = this.#given
    const checking = fileCommands({ ...this.#setting, configFile: place?.path })
    const tell = ({ table }: FileSet, message: string) =>
      listener({ event: 'notice', source: table.source, message, atMs: Date.now() })
    return { findWork: passingFiles({ ...this.#setting, logLevel, place }, checking, tell) }
  }

  get #setting(): { readonly config: Config; readonly folder: string } {
    return { config: this.#config, folder: this.#given.folder }
  }
}
