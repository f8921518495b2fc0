import type { Config } from '../connectors.ts'

export interface LoadedConfig {
  readonly config: Config
  /** Where its relative paths start. */
  readonly folder: string
}
