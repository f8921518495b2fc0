/** A source for commands that move no data: read in the way that the sync has recorded. */
import { sourceConfig } from './app-tables.ts'
import { type Config, createSource, type DescribedSource, openState, valueLimits } from './connectors.ts'
import { isPipelineError } from './core/errors.ts'
import type { SourceRecord } from './core/state.ts'

export interface SourceSetting {
  readonly config: Config
  readonly folder: string
}

export async function openSource(setting: SourceSetting, name: string): Promise<DescribedSource> {
  const { config, folder } = setting
  return createSource(name, sourceConfig(config, name), folder, await recordOf(setting, name), valueLimits(config))
}

/** Undefined also where the state cannot be opened: the command itself needs none, or says so by itself. */
async function recordOf({ config, folder }: SourceSetting, name: string): Promise<SourceRecord | undefined> {
  try {
    await using state = await openState(config, folder, 'read')
    return await state.source(name)
  } catch (error) {
    if (!isPipelineError(error)) throw error
    return undefined
  }
}
