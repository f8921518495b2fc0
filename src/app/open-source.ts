/** A source for commands that move no data: read in the way that the sync has recorded. */

import { type Config, createSource, type DescribedSource, openState, valueLimits } from '../connectors.ts'
import { isPipelineError } from '../core/errors.ts'
import type { TableState } from '../core/state.ts'
import { sourceConfig } from './tables.ts'

export interface SourceSetting {
  readonly config: Config
  readonly folder: string
}

export async function openSource(setting: SourceSetting, name: string): Promise<DescribedSource> {
  const { config, folder } = setting
  return createSource(name, sourceConfig(config, name), folder, await recordOf(setting, name), valueLimits(config))
}

const HAVING_ROWS: ReadonlySet<TableState> = new Set(['catching_up', 'live', 'paused', 'failed'])

/** Undefined also where the state cannot be opened: the command itself needs none, or says so by itself. */
async function recordOf({ config, folder }: SourceSetting, name: string) {
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
