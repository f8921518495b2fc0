/** File sets as tables that the engine knows, with their place at the destination. */
import type { SyncSetting } from './app-sync.ts'
import { configureTables, nameTables } from './app-tables.ts'
import { createSource, valueLimits } from './connectors.ts'
import type { FileSet } from './core/file-set.ts'
import { qualifiedTableName } from './core/table-schema.ts'
import type { ConfiguredTable } from './engine/context.ts'

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
