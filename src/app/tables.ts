/** Configured tables → what the engine works with: patterns become tables, tables get their targets. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { assignTargets, targetName } from '../config/naming.ts'
import { type Config, expandTableList, freshnessMs, hasPattern, isOwnState, type SourceConfig } from '../connectors.ts'
import type { Selection } from '../core/application.ts'
import { type TargetTable, targetText } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import type { Source } from '../core/source.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import type { TableTransform } from '../core/transform.ts'
import type { ConfiguredTable } from '../engine/context.ts'

export interface SourceTables {
  readonly name: string
  readonly tables: readonly ConfiguredTable[]
}

export type TableEntry = SourceConfig['tables'][number]

/** A table, and what the configuration says about it. */
export interface NamedTable {
  readonly source: string
  readonly entry: TableEntry
  readonly table: TableId
}

export async function resolveTables(
  config: Config,
  sources: ReadonlyMap<string, Source>,
  folder: string,
  signal: AbortSignal,
): Promise<readonly SourceTables[]> {
  return configureTables(config, [...sources.keys()], await nameTables(config, sources, signal), folder)
}

/** Asks a source for its tables only where the file has a pattern. */
export async function nameTables(
  config: Config,
  sources: ReadonlyMap<string, Source>,
  signal: AbortSignal,
): Promise<readonly NamedTable[]> {
  const requests: NamedTable[] = []
  for (const [name, source] of sources) {
    const entries = sourceConfig(config, name).tables
    const present = hasPattern(sourceConfig(config, name)) ? await source.discover(signal) : []
    const expanded = expandTableList<TableEntry>(
      entries,
      present.map((found) => found.table),
    )
    if (expanded.length === 0)
      throw noTables(
        name,
        entries.map((entry) => entry.name),
      )
    const own = expanded.find(({ table }) => isOwnState(config, sourceConfig(config, name), table.namespace))
    if (own !== undefined) throw ownState(name, own.table)
    for (const { entry, table } of expanded)
      requests.push({ source: name, entry, table: { source: name, namespace: table.namespace, name: table.name } })
  }
  return requests
}

/** `sources`: of all of them, also of those without a table. */
export function configureTables(
  config: Config,
  sources: readonly string[],
  requests: readonly NamedTable[],
  folder: string,
): readonly SourceTables[] {
  const targets = assignTargets(
    config.naming,
    requests.map(({ entry, table }) => ({ table, target: entry.target })),
  )
  const configured = requests.map(({ source, entry, table }, index) => {
    const named = targets[index]
    if (named === undefined) throw new PipelineError('internal', 'Naming targets')
    const target: TargetTable = {
      table,
      ...named,
      write: entry.write,
      hardDelete: entry.hard_delete,
      schemaChanges: entry.schema_changes,
      clusterBy: entry.cluster_by,
      loadTimeColumn: config.columns.synced,
      deletedColumn: config.columns.deleted,
      transform: tableTransform(entry, folder, table),
    }
    const commitTimes = entry.write !== 'merge'
    const request = { table, exclude: entry.exclude, typeOverrides: entry.types, key: entry.key, commitTimes }
    return { source, configured: { request, target, freshnessMs: entry.freshness } }
  })
  return sources.map((name) => ({
    name,
    tables: configured.filter((each) => each.source === name).map((each) => each.configured),
  }))
}

/** Modules are looked up from the folder of the configuration; what they say is a part of the digest. */
function tableTransform(entry: TableEntry, folder: string, table: TableId): TableTransform | undefined {
  const { transform, on_transform_error: onError } = entry
  if (transform === undefined) return undefined
  const digestOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
  const match = /^((?:\.{0,2}\/)[^#]*)(?:#(.*))?$/.exec(transform)
  if (match === null) return { form: { kind: 'sql', sql: transform }, onError, digest: digestOf(transform) }
  const [, path = '', exportName = 'default'] = match
  const file = resolve(folder, path)
  try {
    const digest = digestOf(`${exportName}\n${readFileSync(file, 'utf8')}`)
    return { form: { kind: 'module', file, exportName }, onError, digest }
  } catch (error) {
    throw new PipelineError('config_invalid', `Reading the transform of ${tableName(table)}`, {
      cause: error,
      hint: 'Paths start at the folder of the configuration file',
      context: { table: tableName(table) },
    })
  }
}

/** `schema.table` at the destination of tables that are known already, without asking the source. */
export function knownTargets(config: Config, source: string, tables: readonly TableId[]): readonly string[] {
  const expanded = expandTableList<TableEntry>(sourceConfig(config, source).tables, tables)
  return tables.map((table) => {
    const found = expanded.find((each) => each.table.namespace === table.namespace && each.table.name === table.name)
    return targetText(targetName(config.naming, table, found?.entry.target))
  })
}

/** How old the final tables may be, in milliseconds, of tables that are known already. */
export function knownFreshness(config: Config, source: string, tables: readonly TableId[]): readonly number[] {
  const expanded = expandTableList<TableEntry>(sourceConfig(config, source).tables, tables)
  return tables.map(({ namespace, name }) => {
    const found = expanded.find(({ table }) => table.namespace === namespace && table.name === name)
    return found?.entry.freshness ?? freshnessMs(config)
  })
}

export function sourceConfig(config: Config, name: string): SourceConfig {
  const found = config.sources[name]
  if (found === undefined) throw new PipelineError('internal', `Finding source ${name}`)
  return found
}

/** Names of the selected sources. Throws `not_found` with what there is. */
export function selectSources(config: Config, selection: Selection): readonly string[] {
  const names = Object.keys(config.sources)
  if (selection.source === undefined) return names
  if (names.includes(selection.source)) return [selection.source]
  throw new PipelineError('not_found', `Finding source ${selection.source}`, {
    cause: new Error(`the configuration has ${names.join(', ')}`),
    hint: `--source ${names[0]}`,
  })
}

/** The selected tables among those of the selected sources; a name without schema will do where it is unique. */
export function selectTables(all: readonly TableId[], selection: Selection): readonly TableId[] {
  if (selection.tables.length === 0) return all
  const found = selection.tables.map((wanted) => {
    const exact = all.filter((table) => tableName(table) === wanted || `${table.source}.${tableName(table)}` === wanted)
    const matches = exact.length > 0 ? exact : all.filter((table) => table.name === wanted)
    const [only] = matches
    if (only !== undefined && matches.length === 1) return only
    const several = matches.map((table) => `${table.source}.${tableName(table)}`)
    throw new PipelineError('not_found', `Finding table ${wanted}`, {
      cause: new Error(
        several.length > 0 ? `it may be ${several.join(' or ')}` : 'it is not among the configured tables',
      ),
      hint:
        several.length > 0 ? `--table ${several[0]}` : `Configured are ${all.slice(0, 10).map(tableName).join(', ')}`,
    })
  })
  return found
}

function ownState(source: string, table: { readonly namespace: string; readonly name: string }): PipelineError {
  return new PipelineError('config_invalid', `Reading the tables of source ${source}`, {
    cause: new Error(`${table.namespace}.${table.name} holds the state of the sync, so copying it would never end`),
    hint: 'Take it out of `tables`, or keep the state in another schema (state.schema)',
  })
}

function noTables(source: string, entries: readonly string[]): PipelineError {
  return new PipelineError('source_table_missing', `Reading the tables of source ${source}`, {
    cause: new Error(`no table matches ${entries.join(', ')}`),
    hint: `simplyload discover ${source} lists the tables that this role can see`,
  })
}
