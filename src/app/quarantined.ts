/** Entries in quarantine. */

import { openDestination, openStage } from '../connectors.ts'
import type { Selection } from '../core/application.ts'
import type { QuarantineEntry } from '../core/destination.ts'
import type { TableId } from '../core/table-schema.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { selectSources, selectTables } from './tables.ts'

export async function quarantined(
  { config, folder }: LoadedConfig,
  selection: Selection,
  limit: number,
  signal: AbortSignal,
): Promise<readonly QuarantineEntry[]> {
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const known: TableId[] = []
  for (const name of selectSources(config, selection)) {
    known.push(...((await destination.checkpoints(name, signal))?.tables.map((entry) => entry.table) ?? []))
  }
  const selected = selection.tables.length === 0 ? undefined : selectTables(known, selection)
  const found: QuarantineEntry[] = []
  for (const name of selectSources(config, selection)) {
    const tables: readonly (TableId | undefined)[] = selected?.filter((table) => table.source === name) ?? [undefined]
    for (const table of tables) {
      const filter = { limit: limit - found.length, ...(table === undefined ? {} : { table }) }
      if (filter.limit > 0) found.push(...(await destination.quarantine(name, filter, signal)))
    }
  }
  return found
}
