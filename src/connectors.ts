/** The only file that names every connector: their schemas, and how each is opened. */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { FILES_FOLDER, type FilePorts } from './app/files/recorded-files.ts'
import type { FreshnessRange } from './config/freshness.ts'
import type { DeepReadonly } from './config/load.ts'
import { targetName } from './config/naming.ts'
import { configSchema } from './config/schema.ts'
import { systemClock } from './core/clock.ts'
import type { ComparingDestination, Destination, KeyComparingDestination, TargetTable } from './core/destination.ts'
import { isPipelineError, PipelineError } from './core/errors.ts'
import type { FileSet } from './core/file-set.ts'
import type { ChangeSource } from './core/source.ts'
import type { Stage, StageCompression } from './core/stage.ts'
import type { RequestBox, SourceRecord, State } from './core/state.ts'
import type { ColumnType, TableSchema } from './core/table-schema.ts'
import type { ValueLimits } from './core/value-limits.ts'
import { duckdbType, keyText, textForm } from './destinations/duckdb/column-type.ts'
import { duckdbDestinationSchema } from './destinations/duckdb/config.ts'
import type { SnowflakeAccount } from './destinations/snowflake/account.ts'
import { snowflakeType } from './destinations/snowflake/column-type.ts'
import { type SnowflakeDestinationConfig, snowflakeDestinationSchema } from './destinations/snowflake/config.ts'
import type { SnowflakePoolOptions } from './destinations/snowflake/connection-pool.ts'
import { SNOWFLAKE_LIMITS } from './destinations/snowflake/value-limits.ts'
import { fileSets, filesSourceSchema } from './sources/files/config.ts'
import { postgresSourceSchema } from './sources/postgres/config.ts'
import { connectionSettings, describeConnection } from './sources/postgres/connection-settings.ts'
import { expandTables, isPattern } from './sources/postgres/table-selection.ts'
import { localStageSchema } from './stages/local/config.ts'
import { s3StageSchema } from './stages/s3/config.ts'
import { fileStateSchema } from './state/file/config.ts'
import { type PostgresStateConfig, postgresStateSchema } from './state/postgres/config.ts'
import type { PostgresStatePlace } from './state/postgres/postgres-state.ts'
import { sqliteStateSchema } from './state/sqlite/config.ts'

const MINUTE_MS = 60_000

/**
 * By type of destination: how old tables may be, and are where nothing is said. For a destination that costs nothing per
 * statement it is as fresh as the stage.
 */
const FRESHNESS: Readonly<Record<string, FreshnessRange & { readonly defaultMs: number }>> = {
  // A warehouse that wakes up is paid for a minute at least.
  snowflake: {
    minMs: MINUTE_MS,
    maxMs: 24 * 60 * MINUTE_MS,
    defaultMs: 5 * MINUTE_MS,
    text: 'must be between 1m and 1d on Snowflake, which is paid for a minute at least each time that it wakes up',
  },
}

export const CONFIG_SCHEMA = configSchema({
  sources: [postgresSourceSchema, filesSourceSchema],
  destinations: [duckdbDestinationSchema, snowflakeDestinationSchema],
  stages: [localStageSchema, s3StageSchema],
  states: [sqliteStateSchema, fileStateSchema, postgresStateSchema(connectionProblem)],
  freshness: FRESHNESS,
  clustering: ['snowflake'],
  databases: ['snowflake'],
})

export type Config = DeepReadonly<z.output<typeof CONFIG_SCHEMA>>
export type SourceConfig = Config['sources'][string]

/** A source that can say where it is, without its password. */
export type DescribedSource = ChangeSource & {
  readonly description: string
  /** Tables are configured otherwise from now on. */
  useTables(tables: SourceConfig['tables']): void
}

const FILES_MEMORY_BYTES_MIN = 512 << 20

/** `recorded`: what an earlier run has recorded of it; undefined where there was none. `limits`: see `valueLimits`. */
export async function createSource(
  name: string,
  config: SourceConfig,
  folder: string,
  recorded: SourceRecord | undefined,
  limits?: ValueLimits,
  files?: { readonly memoryBytesMax: number; readonly compression: StageCompression; readonly ports: FilePorts },
): Promise<DescribedSource> {
  if (config.type === 'files') {
    const setsOf = (tables: SourceConfig['tables']) => fileSets(name, { ...config, tables } as typeof config)
    const { createFileSource } = await import('./sources/files/source.ts')
    const { memoryBytesMax = 0, compression, ports } = files ?? {}
    const source = createFileSource(name, {
      sets: setsOf(config.tables),
      limits,
      compression,
      scratch: resolve(folder, FILES_FOLDER, 'scratch', name),
      // Parts of many columns on several threads take their room.
      memoryBytes: Math.max(memoryBytesMax / 2, FILES_MEMORY_BYTES_MIN),
      findWork: async () => [],
      ...ports,
    })
    return Object.assign(source, {
      useTables: (tables: SourceConfig['tables']) => source.useSets(setsOf(tables)),
    })
  }
  const { createPostgresSource } = await import('./sources/postgres/source.ts')
  return createPostgresSource(name, config, folder, recorded, limits)
}

/** The file sets of all sources, in the order of the configuration. */
export function configuredFileSets(config: Config): readonly FileSet[] {
  return Object.entries(config.sources).flatMap(([name, source]) =>
    source.type === 'files' ? fileSets(name, source) : [],
  )
}

/** What the destination holds of values; undefined: everything that a source has a column type for. */
export function valueLimits({ destination }: Config): ValueLimits | undefined {
  return destination.type === 'snowflake' ? SNOWFLAKE_LIMITS : undefined
}

/** `db.example.com:5432/shop`. */
export function describeSource(config: SourceConfig): string {
  if (config.type === 'files') return config.tables.map(({ set }) => set.path).join(', ')
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
  return config.tables.some((entry) => isTablePattern(entry.name))
}

/** `schema.*`. */
export function isTablePattern(name: string): boolean {
  return isPattern(name)
}

/** How a column of this type is declared at the destination. */
export function destinationType(type: ColumnType, { destination }: Config): string {
  return destination.type === 'snowflake' ? snowflakeType(type) : duckdbType(type)
}

export type QueryableDestination = Destination &
  ComparingDestination &
  KeyComparingDestination &
  Querying &
  Transforming

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

/** How old tables may be of which nothing else is said. */
export function freshnessMs({ sync, destination }: Config): number {
  return sync.freshnessMs ?? Math.max(FRESHNESS[destination.type]?.defaultMs ?? 0, sync.intervalMs)
}

/**
 * `folder`: where relative paths of the configuration start. `stage`: whose files it loads. `lockWaitMs`: how long a
 * DuckDB file that another program has is waited for at a time; by default as the room decides.
 */
export async function openDestination(
  config: Config,
  folder: string,
  stage: Stage,
  lockWaitMs?: number,
): Promise<QueryableDestination> {
  const { destination } = config
  const { transformingDestination } = await import('./transforms/transforming-destination.ts')
  const { memoryBytesMax } = config.sync
  const options = {
    fetch: stage.fetch.bind(stage),
    dialect: { typeName: duckdbType, textForm, keyText },
    // DuckDB cannot do much with less.
    memoryBytes: Math.max(memoryBytesMax / 4, 128 << 20),
    limits: valueLimits(config),
  }
  if (destination.type === 'snowflake') {
    const { openSnowflakeDestination } = await import('./destinations/snowflake/destination.ts')
    const place = { ...snowflakePlace(destination, folder), bucketLocation: bucketLocation(config) }
    return transformingDestination(options, (fetch) => openSnowflakeDestination({ ...place, fetch }))
  }
  const { openDuckDbDestination } = await import('./destinations/duckdb/destination.ts')
  return transformingDestination(options, (fetch) =>
    openDuckDbDestination({
      ...destination,
      path: resolve(folder, destination.path),
      memoryBytesMax,
      fetch,
      ...(lockWaitMs === undefined ? {} : { lockWaitMs }),
    }),
  )
}

/** What commands of Snowflake alone work with. Throws `config_invalid` where the destination is another one. */
export async function openAccount(config: Config, folder: string): Promise<SnowflakeAccount> {
  const { destination } = config
  if (destination.type !== 'snowflake') {
    throw new PipelineError('config_invalid', 'Asking Snowflake', {
      cause: new Error(`the destination is of type ${destination.type}`),
      hint: 'Set destination.type to snowflake; what DuckDB costs is this machine',
    })
  }
  const { SnowflakeAccount } = await import('./destinations/snowflake/account.ts')
  return new SnowflakeAccount(snowflakePlace(destination, folder), bucketLocation(config), namedDatabases(config))
}

/** Those that `naming` and targets name beside the destination's, as far as the file alone tells. */
function namedDatabases({ naming, sources }: Config): readonly string[] {
  const names = Object.entries(sources).flatMap(([source, { tables }]) =>
    tables.flatMap((entry) => {
      const [namespace = '', name = ''] = entry.name.split('.')
      const isKnown = !isTablePattern(entry.name) || !/\{(namespace|table)\}/.test(naming.database ?? '')
      return isKnown ? (targetName(naming, { source, namespace, name }, entry.target).database ?? []) : []
    }),
  )
  return [...new Set(names)]
}

/** `s3://bucket/prefix` where Snowflake reads the files of the stage itself. */
function bucketLocation({ destination, stage }: Config): string | undefined {
  if (destination.type !== 'snowflake' || destination.stage.type !== 'external') return undefined
  if (stage.type === 's3') return stage.path
  throw new PipelineError('config_invalid', 'Opening the external stage', {
    cause: new Error(`destination.stage is external, and stage is of type ${stage.type}`),
    hint: 'Set stage.type to s3, or leave destination.stage out: then files are uploaded to Snowflake',
  })
}

/** Query tags tell this process from others. */
function snowflakePlace(config: SnowflakeDestinationConfig, folder: string): SnowflakePoolOptions {
  return { config, folder, run: randomUUID(), clock: systemClock }
}

export function describeDestination({ destination }: Config): string {
  if (destination.type === 'duckdb') return `DuckDB ${destination.path}`
  return `Snowflake ${destination.account}, database ${destination.database}`
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
  const compression = config.destination.type === 'duckdb' ? 'light' : 'full'
  return openLocalStage(resolve(folder, config.stage.path), compression)
}

/** For rows that only this command needs: on this machine, wherever the files of a sync rest. */
export async function openScratchStage(config: Config, folder: string): Promise<Stage> {
  if (config.stage.type !== 's3') return openStage(config, folder)
  const [{ openLocalStage }, { ScratchFolder }] = await Promise.all([
    import('./stages/local/local-stage.ts'),
    import('./stages/s3/scratch-folder.ts'),
  ])
  const scratch = new ScratchFolder(resolve(folder, config.stage.cache))
  const stage = await openLocalStage(await scratch.newPath('stage'))
  const disposeStage = stage[Symbol.asyncDispose].bind(stage)
  return Object.assign(stage, {
    [Symbol.asyncDispose]: async () => {
      await disposeStage()
      await scratch[Symbol.asyncDispose]()
    },
  })
}

export async function openState(config: Config, folder: string, mode: 'read' | 'write'): Promise<State> {
  const { state } = config
  switch (state.type) {
    case 'sqlite': {
      const { openSqliteState } = await import('./state/sqlite/sqlite-state.ts')
      return openSqliteState({ path: resolve(folder, state.path), mode })
    }
    case 'file': {
      const { openFileState } = await import('./state/file/file-state.ts')
      return openFileState({ path: resolve(folder, state.path), mode })
    }
    case 'postgres': {
      const { openPostgresState } = await import('./state/postgres/postgres-state.ts')
      return openPostgresState({ ...postgresPlace(state, folder), mode })
    }
  }
}

/** For commands, beside a sync that may run. */
export async function openRequestBox(config: Config, folder: string): Promise<RequestBox> {
  const { state } = config
  switch (state.type) {
    case 'sqlite': {
      const { openSqliteRequestBox } = await import('./state/sqlite/request-box.ts')
      return openSqliteRequestBox(resolve(folder, state.path))
    }
    case 'file': {
      const { openFileRequestBox } = await import('./state/file/request-box.ts')
      return openFileRequestBox(resolve(folder, state.path))
    }
    case 'postgres': {
      const { openPostgresRequestBox } = await import('./state/postgres/request-box.ts')
      return openPostgresRequestBox(postgresPlace(state, folder))
    }
  }
}

/** True while a sync runs. */
export async function isStateInUse(config: Config, folder: string): Promise<boolean> {
  const { state } = config
  switch (state.type) {
    case 'sqlite': {
      const { isSqliteStateInUse } = await import('./state/sqlite/sqlite-state.ts')
      return isSqliteStateInUse(resolve(folder, state.path))
    }
    case 'file': {
      const { isFileStateInUse } = await import('./state/file/file-state.ts')
      return isFileStateInUse(resolve(folder, state.path))
    }
    case 'postgres': {
      const { isPostgresStateInUse } = await import('./state/postgres/postgres-state.ts')
      return isPostgresStateInUse(postgresPlace(state, folder))
    }
  }
}

/** Throws what a sync would meet, as far as that can be seen without making anything and beside one that runs. */
export async function examineState(config: Config, folder: string): Promise<void> {
  if (config.state.type === 'postgres') {
    const { examinePostgresState } = await import('./state/postgres/postgres-state.ts')
    return examinePostgresState(postgresPlace(config.state, folder))
  }
  await using _opened = await openState(config, folder, 'read')
}

export function describeState({ state }: Config): string {
  if (state.type !== 'postgres') return state.path
  return `${describeConnection(connectionSettings({ url: state.url }))}, schema ${state.schema}`
}

/** True for tables in which our own state is kept: each change of them that is copied would be followed by another. */
export function isOwnState({ state }: Config, source: SourceConfig, namespace: string): boolean {
  if (state.type !== 'postgres' || source.type !== 'postgres' || namespace !== state.schema) return false
  const { connect_timeout: _, statement_timeout: __, ...connection } = source
  const [theirs, ours] = [connectionSettings(connection), connectionSettings({ url: state.url })]
  const host = (name: string) => (/^(localhost|127\..*|::1|\/.*)$/.test(name) ? 'localhost' : name.toLowerCase())
  return host(theirs.host) === host(ours.host) && theirs.port === ours.port && theirs.database === ours.database
}

/** Short statements only: what takes longer waits for a lock. */
const STATE_STATEMENT_SECONDS = 30

/** Of a state whose server is reached as a source's is: the same addresses, the same TLS. */
function postgresPlace({ url, schema }: DeepReadonly<PostgresStateConfig>, folder: string): PostgresStatePlace {
  const settings = connectionSettings({ url, statement_timeout: STATE_STATEMENT_SECONDS }, folder)
  return {
    server: describeConnection(settings),
    schema,
    role: settings.user,
    async connect(signal) {
      const { connect } = await import('./sources/postgres/client.ts')
      return connect(settings, { purpose: 'state' }, signal)
    },
  }
}

function connectionProblem(url: string): string | undefined {
  try {
    connectionSettings({ url })
    return undefined
  } catch (error) {
    if (!isPipelineError(error)) throw error
    return `${error.cause instanceof Error ? error.cause.message : error.message}. ${error.hint}`
  }
}
