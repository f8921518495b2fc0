/** A source for commands that move no data: read in the way that the sync has recorded. */

import { createSource, type DescribedSource, openState, valueLimits } from '../connectors.ts'
import type { Selection } from '../core/application.ts'
import { isPipelineError } from '../core/errors.ts'
import type { TableState } from '../core/state.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { selectSources, sourceConfig } from './tables.ts'

export async function openSource(setting: LoadedConfig, name: string): Promise<DescribedSource> {
  const { config, folder } = setting
  return createSource(name, sourceConfig(config, name), folder, await recordOf(setting, name), valueLimits(config))
}

/** Each selected source, closed when `use` is done. */
export async function withSources<T>(
  { config, folder }: LoadedConfig,
  selection: Selection,
  use: (sources: ReadonlyMap<string, DescribedSource>) => Promise<T>,
): Promise<T> {
  await using resources = new AsyncDisposableStack()
  const sources = new Map<string, DescribedSource>()
  for (const name of selectSources(config, selection)) {
    sources.set(name, resources.use(await openSource({ config, folder }, name)))
  }
  return await use(sources)
}

const HAVING_ROWS: ReadonlySet<TableState> = new Set(['catching_up', 'live', 'paused', 'failed'])

/** Undefined also where the state cannot be opened: the command itself needs none, or says so by itself. */
async function recordOf({ config, folder }: LoadedConfig, name: string) {
  try {
    await using state = await openState(config, folder, 'read')
    const record = await state.source(name)
    const tables = record === undefined ? [] : await state.tables(name)
    return record && { ...record, hasRows: tables.some((table) => HAVING_ROWS.has(table.state)) }
  } catch (error) {
    if (!isPipelineError(error)) throw error
    return undefined
  }
}
