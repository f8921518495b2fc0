/**
 * Another configuration for a sync that runs. Tables that are new begin, those that are gone end, and what else can be taken
 * is taken; what cannot is told. A configuration with mistakes is told with all of them, and nothing changes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Config, DescribedSource, SourceConfig } from '../connectors.ts'
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { ProgressListener } from '../core/progress.ts'
import { qualifiedTableName, tableName } from '../core/table-schema.ts'
import type { SourceContext } from '../engine/context.ts'
import { Turn } from '../engine/turn.ts'
import { engineSettings } from './engine-settings.ts'
import { configureTables, type NamedTable, nameTables, type TableEntry } from './tables.ts'

export interface ReloadSetting {
  /** As it was when the sync began. */
  readonly config: Config
  readonly folder: string
  readonly load: () => Promise<Config>
  readonly sources: ReadonlyMap<string, DescribedSource>
  readonly contexts: readonly SourceContext[]
  /** Of the start. */
  readonly named: readonly NamedTable[]
  readonly listener: ProgressListener
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Keys of a table that a run looks up each time it needs them. */
const TAKEN_OF_TABLE: ReadonlySet<string> = new Set([
  'name',
  'hard_delete',
  'schema_changes',
  'freshness',
  'cluster_by',
])
const TAKEN_OF_SYNC: ReadonlySet<string> = new Set([
  'intervalMs',
  'freshnessMs',
  'batchRowsMax',
  'batchBytesMax',
  'parallelism',
])

export class ConfigReload {
  readonly #setting: ReloadSetting
  readonly #turn = new Turn()
  #config: Config
  #named: readonly NamedTable[]

  constructor(setting: ReloadSetting) {
    this.#setting = setting
    this.#config = setting.config
    this.#named = setting.named
  }

  /** Returns why it was not taken, or not all of it. */
  run(): Promise<string | undefined> {
    return this.#turn.run(async () => {
      try {
        return await this.#take(await this.#setting.load())
      } catch (error) {
        const message = describeError(error)
        this.#tell(undefined, `The configuration is not taken, and the sync goes on with the one before: ${message}`)
        return message
      }
    })
  }

  async #take(next: Config): Promise<string | undefined> {
    const { sources, contexts, folder, signal } = this.#setting
    const restart = [...othersThan(this.#config, next, new Set(['sources', 'sync'])), ...this.#otherSources(next)]
    const sync = { ...this.#config.sync }
    for (const key of othersThan(sync, next.sync, new Set()))
      if (TAKEN_OF_SYNC.has(key)) Object.assign(sync, { [key]: next.sync[key as keyof typeof sync] })
      else restart.push(`sync.${SYNC_KEYS[key] ?? key}`)
    const named = await this.#name(next, restart, signal)
    const effective = withTables({ ...this.#config, sync }, named)
    const tables = configureTables(effective, [...sources.keys()], named, folder)
    this.#config = effective
    this.#named = named
    const problems: string[] = []
    for (const context of contexts) {
      const own = tables.find(({ name }) => name === context.name)?.tables ?? []
      const config = effective.sources[context.name]
      if (config !== undefined) sources.get(context.name)?.useTables(config.tables)
      const done = await context.handle?.reconfigure?.(own, engineSettings(effective))
      if (done === undefined) continue
      if (done.added.length > 0) this.#tell(context.name, `Added: ${done.added.join(', ')}`)
      problems.push(...done.problems)
      for (const problem of done.problems) this.#tell(context.name, `Not added: ${problem}`)
    }
    if (restart.length > 0) this.#tell(undefined, `Restart to apply: ${restart.join(', ')}`)
    else if (problems.length === 0) this.#tell(undefined, 'The configuration is taken')
    return problems.length === 0 ? undefined : problems.join('; ')
  }

  /** Tables of the sources that run, as they are configured now; of those that are known, what can be taken. */
  async #name(next: Config, restart: string[], signal: AbortSignal): Promise<readonly NamedTable[]> {
    const { sources } = this.#setting
    const kept = new Map([...sources].filter(([name]) => next.sources[name] !== undefined))
    const found = await nameTables(next, kept, signal)
    const before = new Map(this.#named.map((each) => [qualifiedTableName(each.table), each]))
    const gone = this.#named.filter(({ source }) => !kept.has(source))
    return [
      ...gone,
      ...found.map((each) => {
        const known = before.get(qualifiedTableName(each.table))
        if (known === undefined) return each
        const others = othersThan(known.entry, each.entry, TAKEN_OF_TABLE)
        for (const key of others) restart.push(`${key} of ${tableName(each.table)}`)
        const { hard_delete, schema_changes, freshness, cluster_by } = each.entry
        const entry = { ...known.entry, hard_delete, schema_changes, freshness, cluster_by }
        return others.length === 0 ? each : { ...known, entry }
      }),
    ]
  }

  #otherSources(next: Config): readonly string[] {
    const names = new Set([...Object.keys(this.#config.sources), ...Object.keys(next.sources)])
    return [...names].flatMap((name) => {
      const [before, after] = [this.#config.sources[name], next.sources[name]]
      if (before === undefined) return [`source ${name} (new)`]
      if (after === undefined) return [`source ${name} (removed)`]
      return othersThan(before, after, new Set(['tables'])).map((key) => `sources.${name}.${key}`)
    })
  }

  #tell(source: string | undefined, message: string): void {
    const { contexts, listener, clock } = this.#setting
    const names = source === undefined ? contexts.slice(0, 1).map(({ name }) => name) : [source]
    for (const name of names) listener({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  }
}

/** As people write them. */
const SYNC_KEYS: Readonly<Record<string, string>> = { memoryBytesMax: 'memory' }

function othersThan(before: object, after: object, except: ReadonlySet<string>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  const value = (of: object, key: string): unknown => (of as Readonly<Record<string, unknown>>)[key]
  return [...keys].filter((key) => !except.has(key) && !isDeepStrictEqual(value(before, key), value(after, key)))
}

/** Each table by itself: patterns have been looked up. */
function withTables(config: Config, named: readonly NamedTable[]): Config {
  const sources: Record<string, SourceConfig> = {}
  for (const [name, source] of Object.entries(config.sources)) {
    const tables = named.filter((each) => each.source === name).map(({ entry, table }) => nameEntry(entry, table))
    // Entries of a source have its own form.
    sources[name] = { ...source, tables } as SourceConfig
  }
  return { ...config, sources }
}

function nameEntry(entry: TableEntry, { namespace, name }: NamedTable['table']): TableEntry {
  const quoted = [namespace, name].map((part) => `"${part.replaceAll('"', '""')}"`)
  return { ...entry, name: quoted.join('.') }
}
