/** What is asked of files, from the configuration: which files, which calendars, where results lie. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readPlaces } from '../../config/written-place.ts'
import { configuredFileSets } from '../../connectors.ts'
import { isPipelineError, PipelineError } from '../../core/errors.ts'
import type { CheckRun } from '../../core/file-check.ts'
import type {
  FileCheckRequest,
  FileCommands,
  FilePlan,
  FileProgressListener,
  FileSuggestion,
  ResultMark,
} from '../../core/file-commands.ts'
import type { FileSet, FoundFile } from '../../core/file-set.ts'
import { qualifiedTableName, tableName } from '../../core/table-schema.ts'
import { findFiles } from '../../file-sets/find-files.ts'
import type { CheckRunRequest, CheckRunSetting } from '../../quality/checks/check-run.ts'
import { readExpectedDays } from '../../quality/checks/expected-days.ts'
import type { RuleProblem } from '../../quality/checks/inspect-rules.ts'
import { listResults, readResult } from '../../quality/checks/result-store.ts'
import type { LoadedConfig } from '../loaded-config.ts'
import { openCalendars } from './open-calendars.ts'
import { FILES_FOLDER } from './recorded-files.ts'

export interface FilesSetting extends LoadedConfig {
  /** Absolute; undefined: the configuration is a value. */
  readonly configFile: string | undefined
}

export function fileCommands(setting: FilesSetting): ConfiguredFiles {
  return new ConfiguredFiles(setting)
}

export class ConfiguredFiles implements FileCommands {
  readonly #setting: FilesSetting

  constructor(setting: FilesSetting) {
    this.#setting = setting
  }

  async validate(signal: AbortSignal): Promise<void> {
    const { config, folder, configFile } = this.#setting
    const { validateSets } = await import('../../quality/checks/validate-sets.ts')
    const places = await readPlaces(configFile)
    const sets = configuredFileSets(config)
    const tables = sets.map(({ table }) => table)
    const setting = {
      folder: this.#results,
      resolve: (file: string) => resolve(folder, file),
      locate: ({ set: { table }, rule }: RuleProblem) =>
        places.ofRule({ source: table.source, table: table.name, rule: rule.name }),
    }
    await allOf([
      () => openCalendars(new Map(Object.entries(config.calendars)), places),
      () => readExpectedDays(resolve(folder), tables),
      () => validateSets(sets, setting, signal),
    ])
  }

  async check(request: FileCheckRequest, listener: FileProgressListener, signal: AbortSignal): Promise<CheckRun> {
    return await this.checkFound(await this.#find(request.paths, signal), request, listener, signal)
  }

  async checkFound(
    files: readonly FoundFile[],
    request: FileCheckRequest,
    listener: FileProgressListener,
    signal: AbortSignal,
  ): Promise<CheckRun> {
    const { runChecks } = await import('../../quality/checks/check-run.ts')
    return await runChecks(runRequest(request, files), await this.#runSetting(files), listener, signal)
  }

  /** A result without files, for what is done without a check. */
  async begin(command: string): Promise<CheckRun> {
    const { runChecks } = await import('../../quality/checks/check-run.ts')
    const request = { files: [], onBadRows: 'fail' as const, checksum: false, memoryBytes: undefined, command }
    return await runChecks(request, await this.#runSetting([]), () => undefined, new AbortController().signal)
  }

  async plan(request: FileCheckRequest, signal: AbortSignal): Promise<readonly FilePlan[]> {
    const { planChecks } = await import('../../quality/checks/check-run.ts')
    const files = await this.#find(request.paths, signal)
    return await planChecks(runRequest(request, files), await this.#runSetting(files), signal)
  }

  async suggest(paths: readonly string[], signal: AbortSignal): Promise<readonly FileSuggestion[]> {
    const { config, folder } = this.#setting
    const { suggestFiles } = await import('./suggest-files.ts')
    return await suggestFiles(
      { sets: configuredFileSets(config), folder: resolve(folder), scratch: this.#results },
      paths,
      signal,
    )
  }

  async results(signal: AbortSignal): Promise<readonly ResultMark[]> {
    const marks: ResultMark[] = []
    for (const name of await listResults(this.#results)) {
      signal.throwIfAborted()
      const { run, startedMs, command, verdict, files } = await readResult(this.#results, name)
      marks.push({ run, startedMs, command, verdict, files: files.length })
    }
    return marks
  }

  async result(run: string, signal: AbortSignal): Promise<CheckRun> {
    signal.throwIfAborted()
    const [latest] = run === 'latest' ? await listResults(this.#results) : [run]
    if (latest !== undefined) return await readResult(this.#results, latest)
    throw new PipelineError('not_found', 'Reading the latest result', {
      cause: new Error('no file was checked yet'),
      hint: 'Check files first: simplyload files check',
    })
  }

  get #results(): string {
    return resolve(this.#setting.folder, FILES_FOLDER)
  }

  /** Paths as a shell gives them, or names of sets. */
  find(paths: readonly string[], signal: AbortSignal): Promise<readonly FoundFile[]> {
    return this.#find(paths, signal)
  }

  async #find(paths: readonly string[], signal: AbortSignal): Promise<readonly FoundFile[]> {
    const { config, folder } = this.#setting
    const sets = configuredFileSets(config)
    const root = resolve(folder)
    const named = paths.map((path) => sets.filter((set) => isNamed(set, path)))
    const chosen = named.flat()
    const rest = paths.filter((_, index) => named[index]?.length === 0)
    const found: FoundFile[] = []
    if (chosen.length > 0) found.push(...(await findFiles({ sets: chosen, folder: root }, signal)))
    if (rest.length > 0) {
      found.push(...(await findFiles({ sets, folder: root, paths: rest, pathsFrom: process.cwd() }, signal)))
    }
    if (paths.length === 0) found.push(...(await findFiles({ sets, folder: root }, signal)))
    return found.filter((file, index) => found.findIndex(({ path }) => path === file.path) === index)
  }

  async #runSetting(files: readonly FoundFile[]): Promise<CheckRunSetting> {
    const { config, folder, configFile } = this.#setting
    const names = new Set(files.flatMap(({ set }) => set.calendar ?? []))
    const written = new Map(Object.entries(config.calendars).filter(([name]) => names.has(name)))
    const calendars = await openCalendars(written, await readPlaces(written.size === 0 ? undefined : configFile))
    const text = configFile === undefined ? JSON.stringify(config) : await readFile(configFile)
    return {
      folder: resolve(folder),
      results: this.#results,
      calendars,
      tables: configuredFileSets(config).map(({ table }) => table),
      configChecksum: `sha256:${createHash('sha256').update(text).digest('hex')}`,
      toolVersion: await toolVersion(),
    }
  }
}

/** Does all, and throws what is wrong with the configuration as one error, however much of it there is. */
async function allOf(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  const faults: PipelineError[] = []
  for (const work of works) {
    try {
      await work()
    } catch (error) {
      if (!isPipelineError(error, 'config_invalid')) throw error
      faults.push(error)
    }
  }
  const [first, ...others] = faults
  if (first === undefined) return
  if (others.length === 0) throw first
  const lines = faults.map(({ message, cause }) => (cause instanceof Error ? cause.message : message))
  const hints = faults.flatMap(({ hint }) => hint ?? [])
  throw new PipelineError('config_invalid', 'Reading what is said of files', {
    cause: new Error(lines.join('\n')),
    ...(hints.length === 0 ? {} : { hint: hints.join('\n') }),
  })
}

function runRequest(request: FileCheckRequest, files: readonly FoundFile[]): CheckRunRequest {
  const { onBadRows, badRowsFormat, checksum, memoryBytes, command } = request
  return { files, onBadRows, badRowsFormat, checksum, memoryBytes, command }
}

function isNamed({ table }: FileSet, word: string): boolean {
  return word === table.name || word === tableName(table) || word === qualifiedTableName(table)
}

async function toolVersion(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { readonly version: unknown }).version)
}
