/** The tables that sources have, and where each of them goes. */

import { targetName } from '../config/naming.ts'
import { configuredFileSets, destinationType, isOwnState } from '../connectors.ts'
import type { DiscoveredFiles, Discovery } from '../core/application.ts'
import { targetText } from '../core/destination.ts'
import { describeError, isPipelineError } from '../core/errors.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import { findFiles } from '../file-sets/find-files.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { withSources } from './open-source.ts'
import { resolveTables, sourceConfig } from './tables.ts'

interface PresentFiles {
  readonly files: DiscoveredFiles
  readonly bytes: number
  readonly warnings: readonly string[]
}

/** By name of the table; empty where the source has none of files. Nothing of them is read. */
async function presentFiles(
  { config, folder }: LoadedConfig,
  source: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PresentFiles>> {
  const present = new Map<string, PresentFiles>()
  for (const set of configuredFileSets(config).filter(({ table }) => table.source === source)) {
    const warnings: string[] = []
    const found = await findFiles({ sets: [set], folder }, signal).catch((error: unknown) => {
      if (!isPipelineError(error)) throw error
      warnings.push(error.code === 'not_found' ? `no file has the path ${set.path}` : describeError(error))
      return []
    })
    const bytes = found.reduce((sum, file) => sum + file.bytes, 0)
    const files = { path: set.path, write: set.write, count: found.length }
    present.set(tableName(set.table), { files, bytes, warnings })
  }
  return present
}

export async function discover(
  { config, folder }: LoadedConfig,
  only: string | undefined,
  signal: AbortSignal,
): Promise<readonly Discovery[]> {
  return await withSources({ config, folder }, { source: only, tables: [] }, async (sources) => {
    const found: Discovery[] = []
    for (const [source, port] of sources) {
      const isForeign = ({ table }: { readonly table: TableId }) =>
        !isOwnState(config, sourceConfig(config, source), table.namespace)
      const tables = (await port.discover(signal)).filter(isForeign)
      const resolved = await resolveTables(config, new Map([[source, port]]), folder, signal).catch(() => [])
      const configured = new Map(
        resolved.flatMap((each) => each.tables.map((table) => [tableName(table.request.table), table.target] as const)),
      )
      const files = await presentFiles({ config, folder }, source, signal)
      found.push({
        source,
        tables: tables.map((table) => {
          const target = configured.get(tableName(table.table)) ?? targetName(config.naming, table.table)
          return {
            ...table,
            ...files.get(tableName(table.table)),
            target: targetText(target),
            targetTypes: table.schema.columns.map((column) => destinationType(column.type, config)),
            configured: configured.has(tableName(table.table)),
          }
        }),
      })
    }
    return found
  })
}
