/** The only file that names every connector: their schemas, and how each is opened. */
import { resolve } from 'node:path'
import type { z } from 'zod'
import type { DeepReadonly } from './config/load.ts'
import { configSchema } from './config/schema.ts'
import type { ComparingDestination, Destination, TargetTable } from './core/destination.ts'
import type { ChangeSource } from './core/source.ts'
import type { Stage } from './core/stage.ts'
import type { State } from './core/state.ts'
import type { ColumnType, TableSchema } from './core/table-schema.ts'
import { duckdbType, keyText, textForm } from './destinations/duckdb/column-type.ts'
import { duckdbDestinationSchema } from './destinations/duckdb/config.ts'
import { postgresSourceSchema } from './sources/postgres/config.ts'
import { connectionSettings, describeConnection } from './sources/postgres/connection-settings.ts'
import { expandTables, isPattern } from './sources/postgres/table-selection.ts'
import { localStageSchema } from './stages/local/config.ts'
import { s3StageSchema } from './stages/s3/config.ts'
import { sqliteStateSchema } from './state/sqlite/config.ts'

export const CONFIG_SCHEMA = configSchema({
  sources: [postgresSourceSchema],
  destinations: [duckdbDestinationSchema],
  stages: [localStageSchema, s3StageSchema],
  states: [sqliteStateSchema],
})

export type Config = DeepReadonly<z.output<typeof CONFIG_SCHEMA>>
export type SourceConfig = Config['sources'][string]

/** A source that can say where it is, without its password. */
export type DescribedSource = ChangeSource & { readonly description: string }

export async function createSource(name: string, config: SourceConfig, folder: string): Promise<DescribedSource> {
  const { createPostgresSource } = await import('./sources/postgres/source.ts')
  return createPostgresSource(name, config, folder)
}

/** `db.example.com:5432/shop`. */
export function describeSource(config: SourceConfig): string {
  const { connect_timeout: _, statement_timeout: __, ...connection } = config
  return describeConnection(connectionSettings(connection))
}

/** Entries of the table list with patterns (`schema.*`) replaced by tables that are there. */
export function expandTableList<T extends { readonly name: string }>(
  entries: readonly T[],
  present: readonly { readonly namespace: string; readonly name: string }[],
): readonly { readonly entry: T; readonly table: { readonly namespace: string; readonly name: string } }[] {
  return expandTables(entries, present)
}

export function hasPattern(config: SourceConfig): boolean {
  return config.tables.some((entry) => isPattern(entry.name))
}

/** How a column of this type is declared at the destination. */
export function destinationType(type: ColumnType): string {
  return duckdbType(type)
}

export type QueryableDestination = Destination & ComparingDestination & Querying & Transforming

/** A destination that says what becomes of a table's columns before they get there. */
export interface Transforming {
  /** Throws `transform_failed` where nothing can. */
  targetSchema(target: TargetTable, schema: TableSchema, signal: AbortSignal): Promise<TableSchema>
}

/** A destination on which a person may run SQL. */
export interface Querying {
  query(
    sql: string,
    signal: AbortSignal,
  ): Promise<{
    readonly columns: readonly { readonly name: string; readonly type: string }[]
    readonly rows: AsyncIterable<readonly (string | number | boolean | null)[]>
  }>
}

/** What suits a destination that costs nothing per statement: as fresh as the stage is. */
export function freshnessMs(config: Config): number {
  return config.sync.freshnessMs ?? config.sync.intervalMs
}

/** `folder`: where relative paths of the configuration start. `stage`: whose files it loads. */
export async function openDestination(config: Config, folder: string, stage: Stage): Promise<QueryableDestination> {
  const [{ openDuckDbDestination }, { transformingDestination }] = await Promise.all([
    import('./destinations/duckdb/destination.ts'),
    import('./transforms/transforming-destination.ts'),
  ])
  const { memoryBytesMax } = config.sync
  const options = {
    fetch: stage.fetch.bind(stage),
    dialect: { typeName: duckdbType, textForm, keyText },
    // DuckDB cannot do much with less.
    memoryBytes: Math.max(memoryBytesMax / 4, 128 << 20),
  }
  return transformingDestination(options, (fetch) =>
    openDuckDbDestination({
      ...config.destination,
      path: resolve(folder, config.destination.path),
      memoryBytesMax,
      fetch,
    }),
  )
}

export function describeDestination(config: Config): string {
  return `DuckDB ${config.destination.path}`
}

/** Of the memory of a run, as much as its stage may hold of files on their way. */
const STAGE_MEMORY_SHARE = 1 / 4

export async function openStage(config: Config, folder: string): Promise<Stage> {
  if (config.stage.type === 's3') {
    const { openS3Stage } = await import('./stages/s3/s3-stage.ts')
    return openS3Stage({
      ...config.stage,
      cache: resolve(folder, config.stage.cache),
      memoryBytesMax: config.sync.memoryBytesMax * STAGE_MEMORY_SHARE,
    })
  }
  const { openLocalStage } = await import('./stages/local/local-stage.ts')
  return openLocalStage(resolve(folder, config.stage.path))
}

export async function openState(config: Config, folder: string, mode: 'read' | 'write'): Promise<State> {
  const { openSqliteState } = await import('./state/sqlite/sqlite-state.ts')
  return openSqliteState({ path: resolve(folder, config.state.path), mode })
}

/** True while a sync runs. */
export async function isStateInUse(config: Config, folder: string): Promise<boolean> {
  const { isSqliteStateInUse } = await import('./state/sqlite/sqlite-state.ts')
  return isSqliteStateInUse(resolve(folder, config.state.path))
}
