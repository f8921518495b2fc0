/** File sets loaded by the engine into a real DuckDB file, each run as a process would have it: everything opened anew. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { systemClock } from '../../src/core/clock.ts'
import type { Destination } from '../../src/core/destination.ts'
import { describeError } from '../../src/core/errors.ts'
import type { FilePeriod, FileSet } from '../../src/core/file-set.ts'
import { silentLog } from '../../src/core/log.ts'
import type { SyncSummary } from '../../src/core/progress.ts'

import type { Stage } from '../../src/core/stage.ts'
import type { ValueLimits } from '../../src/core/value-limits.ts'
import { openDuckDbDestination } from '../../src/destinations/duckdb/destination.ts'
import type { SourceContext } from '../../src/engine/context.ts'
import { runSync } from '../../src/engine/sync.ts'
import { type FileToken, parseFileToken } from '../../src/file-sets/file-token.ts'
import type { FileWork } from '../../src/file-sets/file-work.ts'
import { findFiles } from '../../src/file-sets/find-files.ts'
import { createFileSource } from '../../src/sources/files/source.ts'
import { openLocalStage } from '../../src/stages/local/local-stage.ts'
import { openSqliteState } from '../../src/state/sqlite/sqlite-state.ts'

export interface LoadOptions {
  readonly again?: boolean
  /** Names relative to the folder; absent: all that the set takes. */
  readonly files?: readonly string[]
  readonly remove?: FilePeriod
  readonly partBytes?: number
  readonly threads?: number
  /** Of what reads files, and of the destination. */
  readonly memoryBytes?: number
  readonly destinationBytes?: number
  readonly freshnessMs?: number
  /** In place of a DuckDB file. */
  readonly openDestination?: (fetch: Stage['fetch'], folder: string) => Destination
  readonly limits?: ValueLimits
  /** Called with the name of a file, and how many of its bytes are behind it. */
  readonly progress?: (file: string, bytes: number) => void
  /** Called after each event; may end the process. */
  readonly hear?: (event: { readonly event: string }) => void
}

export interface LoadOutcome {
  readonly summary: SyncSummary
  readonly firstError: unknown
  /** What was wrong with files. */
  readonly problems: readonly string[]
  /** By name of the table. */
  readonly tokens: ReadonlyMap<string, FileToken>
}

/** Loads what the sets take, once. */
export async function loadFiles(
  folder: string,
  sets: readonly FileSet[],
  options: LoadOptions = {},
): Promise<LoadOutcome> {
  const never = new AbortController().signal
  await using resources = new AsyncDisposableStack()
  const state = resources.use(await openSqliteState({ path: join(folder, 'state.db'), mode: 'write' }))
  const stage = resources.use(await openLocalStage(join(folder, 'stage')))
  const openDuckDb = () =>
    openDuckDbDestination({
      path: join(folder, 'out.duckdb'),
      memoryBytesMax: options.destinationBytes ?? 512 << 20,
      fetch: stage.fetch.bind(stage),
    })
  const destination = resources.use(options.openDestination?.(stage.fetch.bind(stage), folder) ?? openDuckDb())
  const tables = await state.tables('monthly')
  const recorded = {
    source: await state.source('monthly'),
    schemas: tables.map(({ schema }) => schema),
    tokens: await state.tokens('monthly'),
  }
  const done = new Set<string>()
  const problems: string[] = []
  const source = resources.use(
    createFileSource('monthly', {
      sets,
      recorded,
      limits: options.limits,
      scratch: join(folder, 'scratch'),
      memoryBytes: options.memoryBytes ?? 256 << 20,
      threads: options.threads ?? 1,
      partBytes: options.partBytes,
      compression: options.openDestination === undefined ? 'light' : 'full',
      problems: {
        note: (_, error) => problems.push(describeError(error)),
        progress: ({ name }, bytes) => options.progress?.(name, bytes),
      },
      findWork: async (set) => {
        if (done.has(set.table.name)) return []
        done.add(set.table.name)
        return findWork(folder, set, options)
      },
    }),
  )
  const context: SourceContext = {
    name: 'monthly',
    source,
    tables: sets.map((set) => ({
      request: { table: set.table, exclude: [], typeOverrides: {} },
      target: {
        table: set.table,
        namespace: 'files',
        name: set.table.name,
        write: 'merge',
        hardDelete: false,
        schemaChanges: 'evolve',
        loadTimeColumn: '_fivetran_synced',
        deletedColumn: '_fivetran_deleted',
      },
    })),
    only: undefined,
    destination,
    stage,
    state,
    settings: {
      intervalMs: 50,
      freshnessMs: options.freshnessMs ?? 50,
      batchRowsMax: 100_000,
      batchBytesMax: 16 << 20,
      memoryBytesMax: 512 << 20,
      gatherBytes: 0,
      snapshotConnections: 1,
      customer: 'default',
      retentionMs: 3_600_000,
    },
    clock: systemClock,
    log: silentLog,
    emit: (event) => options.hear?.(event),
    runId: crypto.randomUUID(),
  }
  const stop = { graceful: never, immediate: never }
  const { summary, firstError } = await runSync([context], stop, true)
  const tokens = new Map(
    (await state.tokens('monthly')).map(({ table, token }) => [table.name, parseFileToken(token, table.name)]),
  )
  return { summary, firstError, problems, tokens }
}

async function findWork(folder: string, set: FileSet, options: LoadOptions): Promise<readonly FileWork[]> {
  const { again = false, files, remove } = options
  if (remove !== undefined) return [{ kind: 'remove', id: crypto.randomUUID(), period: remove }]
  const found = await findFiles({ sets: [set], folder, paths: files }, new AbortController().signal)
  return found.map((file) => ({ kind: 'load', file, checksum: undefined, again }))
}

export function writeInput(folder: string, name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), content)
}

/** Rows of SQL over the destination's file, each as its values joined by a space. */
export async function ask(folder: string, sql: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(join(folder, 'out.duckdb'), { access_mode: 'READ_ONLY', threads: '1' })
  const connection = await instance.connect()
  try {
    const rows = (await connection.runAndReadAll(sql)).getRowsJson()
    return rows.map((row) => row.map((value) => (value === null ? 'NULL' : String(value))).join(' '))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
