/** File sets as tables that the engine knows, with their place at the destination. */

import { type Config, configuredFileSets, createSource, valueLimits } from '../../connectors.ts'
import { PipelineError } from '../../core/errors.ts'
import type { FileSet } from '../../core/file-set.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import type { ConfiguredTable } from '../../engine/context.ts'
import { DUCKDB_RULES, type RuleDialect, SNOWFLAKE_RULES } from '../../quality/rules/rule-dialect.ts'
import type { SyncSetting } from '../sync.ts'
import { configureTables, nameTables } from '../tables.ts'

/** By `source.namespace.name`. */
export async function configuredSets(
  { config, folder }: Pick<SyncSetting, 'config' | 'folder'>,
  sets: readonly FileSet[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ConfiguredTable>> {
  await using resources = new AsyncDisposableStack()
  const sources = new Map()
  for (const name of new Set(sets.map(({ table }) => table.source))) {
    const source = config.sources[name]
    if (source === undefined) continue
    sources.set(name, resources.use(await createSource(name, source, folder, undefined, valueLimits(config))))
  }
  const named = await nameTables(config, sources, signal)
  const tables = configureTables(config, [...sources.keys()], named, folder).flatMap((each) => each.tables)
  return new Map(tables.map((table) => [qualifiedTableName(table.target.table), table]))
}

/** How the destination writes names and values in SQL. */
export function sqlNames({ destination }: Config): Pick<RuleDialect, 'identifier' | 'literal'> {
  const { identifier, literal } = destination.type === 'snowflake' ? SNOWFLAKE_RULES : DUCKDB_RULES
  const isUpper = destination.type === 'snowflake' && destination.case === 'upper'
  return { identifier: (name) => identifier(isUpper ? name.toUpperCase() : name), literal }
}

/** Sets by the names that people give them. Throws `not_found`. */
export function selectSets(
  config: Config,
  { source, tables }: { readonly source?: string | undefined; readonly tables: readonly string[] },
): readonly FileSet[] {
  const all = configuredFileSets(config).filter((set) => source === undefined || set.table.source === source)
  const isNamed = ({ table }: FileSet, name: string) =>
    [table.name, `${table.namespace}.${table.name}`, qualifiedTableName(table)].includes(name)
  const unknown = tables.find((name) => !all.some((set) => isNamed(set, name)))
  if (unknown !== undefined || all.length === 0) {
    throw new PipelineError(
      'not_found',
      unknown === undefined ? 'Finding tables of files' : `Finding the table of files ${unknown}`,
      {
        cause: new Error(
          all.length === 0 ? 'the configuration has no source of type files' : 'no table of files is called so',
        ),
        hint: `Configured are ${
          configuredFileSets(config)
            .map(({ table }) => qualifiedTableName(table))
            .join(', ') || 'none'
        }`,
      },
    )
  }
  return tables.length === 0 ? all : all.filter((set) => tables.some((name) => isNamed(set, name)))
}
