/** The tables that sources have, and where each of them goes. */

import { targetName } from '../config/naming.ts'
import { destinationType, isOwnState } from '../connectors.ts'
import type { Discovery } from '../core/application.ts'
import { targetText } from '../core/destination.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { withSources } from './open-source.ts'
import { resolveTables, sourceConfig } from './tables.ts'

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
      found.push({
        source,
        tables: tables.map((table) => {
          const target = configured.get(tableName(table.table)) ?? targetName(config.naming, table.table)
          return {
            ...table,
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
