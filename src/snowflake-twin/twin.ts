/**
 * A Snowflake of one's own: the driver's HTTP protocol in front, DuckDB behind. For tests, and for a laptop without an account. It knows the
 * SQL of `sql/`; what it does not know it refuses.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { ADMIN_ROLE } from './catalog/access-control.ts'
import type { PlainOptions } from './catalog/catalog-objects.ts'
import { TableSizes } from './catalog/table-sizes.ts'
import { TwinCatalog } from './catalog/twin-catalog.ts'
import { LockTable } from './execution/lock-table.ts'
import { TableVersions } from './execution/table-versions.ts'
import { Faults } from './faults.ts'
import { readHistory, writeHistory } from './history/history-file.ts'
import { LoadHistory } from './history/load-history.ts'
import { QueryHistory } from './history/query-history.ts'
import { SessionRegistry } from './protocol/session-registry.ts'
import { TwinServer } from './protocol/twin-server.ts'
import { asObject, asText } from './protocol/wire-message.ts'
import { prepareConnection, prepareInstance } from './sql/duckdb-setup.ts'
import { SnowflakeError } from './sql/snowflake-error.ts'
import { StageRoom } from './stages/stage-room.ts'
import type { TwinClock } from './twin-clock.ts'
import type { TwinState } from './twin-state.ts'
import { WarehouseMeter } from './warehouses/warehouse-meter.ts'

export interface TwinUser {
  readonly password?: string
  /** PEM, or the base64 of one. */
  readonly publicKey?: string
  /** Programmatic access tokens and OAuth access tokens. */
  readonly tokens?: readonly string[]
  readonly role?: string
  readonly warehouse?: string
}

export interface TwinOptions {
  /** Default: 0, any. */
  readonly port?: number
  /** A folder that keeps everything; absent: gone when the twin ends. */
  readonly path?: string
  /** Default: LOCAL, and every account name is taken. */
  readonly account?: string
  /** By name. With users given, nobody else may log in; without, everybody may, with whatever password or key. */
  readonly users?: Readonly<Record<string, TwinUser>>
  /** Default: the time of this machine. */
  readonly clock?: TwinClock
  /** A transaction that others wait for is rolled back after so long without a statement. Default: 5 minutes, as Snowflake. */
  readonly idleTransactionMs?: number
  /** Folders that stand for S3 buckets, by the bucket's name. */
  readonly buckets?: Readonly<Record<string, string>>
  /** For external stages whose buckets are no folders; default: Amazon. */
  readonly s3Endpoint?: string
  readonly s3Region?: string
  /** Of DuckDB; default 2. Small tables are fastest with one. */
  readonly threads?: number
}

export interface Twin extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly account: string
  readonly faults: Faults
  readonly clock: TwinClock
  readonly meter: WarehouseMeter
  readonly state: TwinState
  /** Snowflake SQL in one session of its own, as ACCOUNTADMIN on COMPUTE_WH; the rows of the last statement as text. */
  sql(text: string): Promise<readonly Readonly<Record<string, string | null>>[]>
}

export async function startTwin(options: TwinOptions = {}): Promise<Twin> {
  const root = options.path ?? mkdtempSync(join(tmpdir(), 'snowflake-twin-'))
  mkdirSync(root, { recursive: true })
  const instance = await DuckDBInstance.create(options.path === undefined ? ':memory:' : join(root, 'twin.duckdb'), {
    threads: String(options.threads ?? 2),
  })
  const connection = await instance.connect()
  await prepareInstance(connection)
  await prepareConnection(connection)
  const catalog = await TwinCatalog.load(connection)
  const sizes = new TableSizes()
  for (const table of catalog.all('table')) await sizes.load(connection, table)
  const clock = options.clock ?? { nowMs: () => Date.now() }
  const state: TwinState = {
    account: (options.account ?? 'LOCAL').toUpperCase(),
    instance,
    catalog,
    sizes,
    locks: new LockTable(options.idleTransactionMs ?? 300_000),
    versions: new TableVersions(),
    clock,
    meter: new WarehouseMeter(),
    stages: new StageRoom({
      root,
      buckets: options.buckets ?? {},
      s3Endpoint: options.s3Endpoint,
      s3Region: options.s3Region ?? 'us-east-1',
    }),
    history: new QueryHistory(),
    loads: new LoadHistory(),
    sessions: new Map(),
  }
  await furnish(state, connection, options)
  if (options.path !== undefined) readHistory(state, root)
  const faults = new Faults()
  const registry = new SessionRegistry(state, options.account !== undefined, () => options.users !== undefined)
  const server = new TwinServer(state, faults, registry)
  await server.listen(options.port ?? 0)
  let own: Promise<Awaited<ReturnType<SessionRegistry['open']>>> | undefined
  let requests = 0

  return {
    port: server.port,
    url: server.url,
    account: state.account,
    faults,
    clock,
    meter: state.meter,
    state,
    sql: async (text) => {
      own ??= registry.open('TWIN', 'in process', {
        database: undefined,
        schema: undefined,
        warehouse: 'COMPUTE_WH',
        role: ADMIN_ROLE,
      })
      requests += 1
      const query = server.desk.submit(await own, {
        requestId: `own-${requests}`,
        body: { sqlText: text, parameters: { MULTI_STATEMENT_COUNT: 0 } },
        isUploadCut: false,
        refusal: undefined,
        queueMs: 0,
      })
      const reply = await query.reply
      const data = asObject(reply.data)
      if (!reply.success)
        throw new SnowflakeError(reply.code ?? '', asText(data.sqlState) ?? '', reply.message ?? 'failed')
      const last = asText(data.resultIds)?.split(',').at(-1) ?? query.id
      const result = state.history.result(last)
      return (result?.rows ?? []).map((row) =>
        Object.fromEntries((result?.columns ?? []).map(({ name }, index) => [name, row[index] ?? null])),
      )
    },
    [Symbol.asyncDispose]: async () => {
      await server.close()
      for (const session of [...state.sessions.values()]) await session.close()
      if (options.path !== undefined) writeHistory(state, root)
      connection.closeSync()
      instance.closeSync()
      if (options.path === undefined) rmSync(root, { recursive: true, force: true })
    },
  }
}

/** What a new account has, and the users that were given. */
async function furnish(
  state: TwinState,
  connection: Awaited<ReturnType<DuckDBInstance['connect']>>,
  options: TwinOptions,
): Promise<void> {
  const { catalog } = state
  const head = { comment: '', createdMs: state.clock.nowMs(), owner: ADMIN_ROLE }
  await catalog.change(connection, async (draft) => {
    if (catalog.find('warehouse', 'COMPUTE_WH') === undefined) {
      const settings: PlainOptions = { WAREHOUSE_SIZE: 'XSMALL', AUTO_SUSPEND: 600, AUTO_RESUME: true }
      draft.put({ ...head, id: draft.nextId(), kind: 'warehouse', name: 'COMPUTE_WH', options: settings })
    }
    for (const [name, user] of Object.entries(options.users ?? {})) {
      const there = catalog.find('user', name.toUpperCase())
      if (there !== undefined) draft.remove(there)
      draft.put({ ...head, id: draft.nextId(), kind: 'user', name: name.toUpperCase(), options: userOptions(user) })
      const to = { what: 'USER', name: name.toUpperCase() } as const
      const grant = { privilege: 'USAGE', on: 'ROLE', isFuture: false, to, withGrantOption: false }
      const role = (user.role ?? ADMIN_ROLE).toUpperCase()
      draft.put({ ...head, ...grant, id: draft.nextId(), kind: 'grant', name: role })
    }
  })
}

function userOptions({ password, publicKey, tokens, role, warehouse }: TwinUser): PlainOptions {
  return {
    ...(password === undefined ? {} : { PASSWORD: password }),
    ...(publicKey === undefined ? {} : { RSA_PUBLIC_KEY: publicKey }),
    ...(tokens === undefined ? {} : { TOKENS: tokens }),
    ...(warehouse === undefined ? {} : { DEFAULT_WAREHOUSE: warehouse }),
    DEFAULT_ROLE: role ?? ADMIN_ROLE,
  }
}
