/** Runs the command line in this process against an application made for the test, and keeps what it writes. */
import { PassThrough } from 'node:stream'
import { runCommandLine } from '../../src/cli/command-line.ts'
import type { TextStream } from '../../src/cli/output.ts'
import type { Application, ApplicationOptions, ConfigSummary, Discovery } from '../../src/core/application.ts'
import type { RunDemo } from '../../src/core/demo.ts'
import type { OpenJobs } from '../../src/core/job.ts'
import type { RunLocalSnowflake } from '../../src/core/local-snowflake.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'

export interface CommandLineRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output, where it is JSON lines. */
  events(): readonly Record<string, unknown>[]
}

export interface CommandLineOptions {
  readonly application?: Partial<Application>
  readonly open?: (options: ApplicationOptions) => void
  readonly environment?: Readonly<Record<string, string>>
  readonly runDemo?: RunDemo
  readonly runLocalSnowflake?: RunLocalSnowflake
  readonly openJobs?: OpenJobs
  readonly signal?: AbortSignal
  /** Columns of a terminal; absent: a pipe. */
  readonly columns?: number
}

export const SUMMARY: ConfigSummary = {
  file: 'simplyload.yaml',
  sources: [
    { name: 'shop', type: 'postgres', description: 'db:5432/shop', tables: ['public.orders', 'public.customers'] },
  ],
  destination: { type: 'duckdb', description: 'warehouse.duckdb' },
  warnings: [],
}

export async function runCli(argv: readonly string[], options: CommandLineOptions = {}): Promise<CommandLineRun> {
  const written = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr'): TextStream => ({
    write: (text) => {
      written[name] += text
    },
    ...(options.columns === undefined ? {} : { isTTY: true, columns: options.columns, rows: 24 }),
  })
  const missing = new Proxy(
    {},
    {
      // An awaited object is asked for `then`.
      get: (_, method) =>
        method === 'then' ? undefined : () => Promise.reject(new Error(`the test gave no ${String(method)}`)),
    },
  )
  const given: Partial<Application> = {
    summary: () => SUMMARY,
    [Symbol.asyncDispose]: async () => undefined,
    ...options.application,
  }
  const application = Object.assign(Object.create(missing) as Application, given)
  const exitCode = await runCommandLine({
    argv,
    environment: options.environment ?? {},
    stdin: new PassThrough() as unknown as NodeJS.ReadStream,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    version: '1.2.3',
    program: 'npx simplyload',
    openApplication: async (opened) => {
      options.open?.(opened)
      return application
    },
    runLocalSnowflake:
      options.runLocalSnowflake ?? (() => Promise.reject(new Error('the test gave no local Snowflake'))),
    openJobs: options.openJobs ?? (() => Promise.reject(new Error('the test gave no jobs'))),
    runDemo: options.runDemo ?? (() => Promise.reject(new Error('the test gave no demo'))),
    signal: options.signal ?? new AbortController().signal,
    interrupt: () => undefined,
    reloads: () => ({ [Symbol.dispose]: () => undefined }),
  })
  const events = (): readonly Record<string, unknown>[] =>
    written.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { exitCode, ...written, events }
}

export async function* rowsOf<Row>(rows: readonly Row[]): AsyncGenerator<Row> {
  yield* rows
}

const ORDERS = { source: 'shop', namespace: 'public', name: 'orders' }

const SCHEMA: TableSchema = {
  table: ORDERS,
  columns: [{ id: 1, name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: false }],
  identity: { kind: 'key', columnIds: [1] },
  version: 1,
}

export function discoveredTable(name: string, warnings: readonly string[] = []): Discovery['tables'][number] {
  return {
    table: { ...ORDERS, name },
    kind: 'table',
    schema: SCHEMA,
    keyColumns: ['id'],
    replicaIdentity: 'default',
    cursorCandidates: [{ column: 'updated_at', indexed: false }],
    estimatedRows: 1_200_000,
    bytes: 250_000_000,
    warnings,
    target: `shop_public.${name}`,
    targetTypes: ['BIGINT'],
    configured: true,
  }
}
