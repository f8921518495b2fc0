/**
 * SimplyLoad as a library: a configuration that is a value, and the work as functions.
 *
 *   import { defineConfig, sync } from 'simplyload'
 *   await sync(defineConfig({ … }), { once: true, onEvent: show })
 */
import { resolve } from 'node:path'
import type { z } from 'zod'
import { configuredApplication, openApplication } from './app/open-application.ts'
import { parseConfig } from './config/load.ts'
import { CONFIG_SCHEMA } from './connectors.ts'
import type { Application, LogLevel, VerificationReport } from './core/application.ts'
import type { ProgressListener, SyncSummary } from './core/progress.ts'

/** What `simplyload.yaml` says, as a value. Texts may hold `${VARIABLE}`, as in the file. */
export type SimplyloadConfig = z.input<typeof CONFIG_SCHEMA>

/** Gives a configuration its types; it is checked where it is used. */
export function defineConfig(config: SimplyloadConfig): SimplyloadConfig {
  return config
}

export interface LibraryOptions {
  /** Where relative paths of the configuration start, and where a `.env` may be. Default: the working folder. */
  readonly folder?: string
  /** Variables for `${VARIABLE}` and `SIMPLYLOAD_…`. Default: those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Structured log on standard error. Default: `silent`. */
  readonly logLevel?: LogLevel
  /** Only this source. */
  readonly source?: string
  /** Only these tables: `namespace.name`, or `name` where that is unique. */
  readonly tables?: readonly string[]
  /** Aborted: what is in hand is finished and committed. */
  readonly signal?: AbortSignal
}

export interface SyncOptions extends LibraryOptions {
  /** Stop at the position that is current at the start. Default: follow until `signal` is aborted. */
  readonly once?: boolean
  /**
   * Told of everything as it happens. A function and not an iterable: events are told and not waited for, so that
   * whoever listens slowly, or not at all, holds up no sync and lets nothing pile up. Where it throws, the sync finishes
   * what is in hand and rejects with that error.
   */
  readonly onEvent?: ProgressListener
}

export interface VerifyOptions extends LibraryOptions {
  /** Name up to 1,000 differing keys of a table, not 20. */
  readonly deep?: boolean
}

/**
 * Copies all tables and follows their changes. `config`: a configuration, or the path of its file. Rejects with a
 * `PipelineError` where nothing could be done; failures of single tables are in the summary.
 */
export async function sync(config: SimplyloadConfig | string, options: SyncOptions = {}): Promise<SyncSummary> {
  await using application = await open(config, options)
  const listening = new AbortController()
  let thrown: { readonly error: unknown } | undefined
  const listener: ProgressListener = (event) => {
    if (thrown !== undefined) return
    try {
      options.onEvent?.(event)
    } catch (error) {
      thrown = { error }
      listening.abort()
    }
  }
  const signal = AbortSignal.any([listening.signal, ...(options.signal === undefined ? [] : [options.signal])])
  const request = { once: options.once ?? false, source: options.source, tables: options.tables ?? [] }
  const summary = await application.sync(request, listener, signal)
  if (thrown !== undefined) throw thrown.error
  return summary
}

/** Compares source and destination; changes nothing. `config` as for `sync`. */
export async function verify(
  config: SimplyloadConfig | string,
  options: VerifyOptions = {},
): Promise<VerificationReport> {
  await using application = await open(config, options)
  const request = { deep: options.deep ?? false, source: options.source, tables: options.tables ?? [] }
  return await application.verify(request, () => undefined, options.signal ?? new AbortController().signal)
}

async function open(
  config: SimplyloadConfig | string,
  { folder = '.', env = process.env, logLevel = 'silent' }: LibraryOptions,
): Promise<Application> {
  if (typeof config === 'string') {
    return await openApplication({ configFile: resolve(folder, config), settings: [], environment: env, logLevel })
  }
  const name = 'the configuration'
  const parsed = await parseConfig(CONFIG_SCHEMA, config, {
    name,
    folder: resolve(folder),
    environment: env,
    settings: [],
  })
  return configuredApplication(parsed, { file: name, folder: resolve(folder), logLevel })
}
