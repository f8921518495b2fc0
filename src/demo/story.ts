/**
 * The demonstration: a real PostgreSQL with a shop, copied, followed while it changes, and compared at the end. It knows
 * SimplyLoad only as its users do, through `Application`; what arrived is read from the destination with SQL.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Application, OpenApplication } from '../core/application.ts'
import type { DemoEvent, DemoReport, DemoRequest } from '../core/demo.ts'
import { PipelineError } from '../core/errors.ts'
import { startPostgres } from './embedded-postgres.ts'
import { MergeWatch } from './merge-watch.ts'
import { createShop, grouped, SHOP_CHANGES, SHOP_TABLES, type ShopChange } from './shop.ts'

type Tell = (event: DemoEvent) => void

const MARK = '# Written by simplyload demo'
const DATABASE = 'shop'
/** Schema on the destination, by the default naming `{source}_{namespace}.{table}`. */
const TARGET_SCHEMA = 'shop_public'
const ARRIVAL_DEADLINE_MS = 20_000
const TRAFFIC_TRANSACTIONS = 400
const TRAFFIC_MS = 4000

export async function tellStory(open: OpenApplication, request: DemoRequest, tell: Tell): Promise<DemoReport> {
  const startedMs = performance.now()
  const { folder, signal } = request
  const configFile = join(folder, 'simplyload.yaml')
  const warehouse = join(folder, 'warehouse.duckdb')
  await clear(folder, configFile)

  await using server = await step(tell, 'postgres', 'Starting PostgreSQL 18', async () => {
    // As on a server in use: a commit that is not flushed is not sent either, and would wait for the WAL writer.
    const started = await startPostgres({ settings: { synchronous_commit: 'on' } })
    return [started, 'PostgreSQL 18 is running']
  })
  await using shop = await openShop(server.url, server.databaseUrl(DATABASE))
  await step(tell, 'shop', 'Making a shop', async () => {
    const rows = await createShop(shop.client)
    return [undefined, `A shop was made: ${SHOP_TABLES.length} tables, ${grouped(String(rows))} rows`]
  })
  signal.throwIfAborted()
  await writeFile(configFile, configuration(server.databaseUrl(DATABASE)))

  await using application = await open({ configFile, settings: [], environment: {}, logLevel: 'silent' })
  const { watch, latencies, changes } = await follow(application, shop.client, tell, signal)
  signal.throwIfAborted()

  const report = await step(tell, 'verify', 'Comparing every row of both sides', async () => {
    const found = await application.verify({ tables: [], deep: true }, () => undefined, signal)
    return [found, 'Every row of both sides was compared']
  })
  const sorted = [...latencies].sort((a, b) => a - b)
  return {
    verified: report.equal && report.skipped.length === 0,
    rowsSnapshot: watch.rowsCopied,
    changes,
    latencyMsMedian: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    latencyMsMax: Math.round(sorted.at(-1) ?? 0),
    rowsCompared: report.tables.reduce((sum, table) => sum + table.sourceRows, 0),
    warehouse,
    configFile,
    durationMs: Math.round(performance.now() - startedMs),
  }
}

interface Followed {
  readonly watch: MergeWatch
  readonly latencies: readonly number[]
  readonly changes: number
}

/** Runs `sync` until every change of the shop was seen at the destination. */
async function follow(application: Application, client: pg.Client, tell: Tell, signal: AbortSignal): Promise<Followed> {
  const watch = new MergeWatch()
  const stop = new AbortController()
  const running = application.sync({ tables: [], once: false }, watch.listener, AbortSignal.any([signal, stop.signal]))
  // A sync that ends early must end the story with its own error, not with a deadline.
  const ended = running.then((summary) => {
    signal.throwIfAborted()
    const failed = summary.tables.find((table) => table.error !== undefined)
    throw new PipelineError('internal', 'Following the shop', {
      cause: new Error(failed?.error ?? `the sync ended: ${summary.outcome}`),
    })
  })
  ended.catch(() => undefined)
  try {
    await step(tell, 'snapshot', 'Copying the shop to warehouse.duckdb', async () => {
      while (watch.liveTables < SHOP_TABLES.length) await Promise.race([watch.next(), ended])
      return [undefined, `Copied to warehouse.duckdb: ${grouped(String(watch.rowsCopied))} rows`]
    })
    const latencies: number[] = []
    let changes = 0
    for (const change of SHOP_CHANGES) {
      const arrival = await Promise.race([apply(application, client, watch, change), ended])
      latencies.push(arrival.latencyMs)
      changes += arrival.rows
      tell({ event: 'arrival', change: change.change, sql: change.sql, ...arrival })
    }
    const { latencies: followed, ...traffic } = await Promise.race([liveTraffic(application, client, watch), ended])
    latencies.push(...followed)
    changes += traffic.rows
    tell({ event: 'arrival', change: `${traffic.rows} transactions`, sql: TRAFFIC, ...traffic })
    return { watch, latencies, changes }
  } finally {
    stop.abort()
    await running.catch(() => undefined) // its error has been thrown by `ended`
  }
}

interface Arrival {
  readonly rows: number
  readonly latencyMs: number
  readonly seen: string
}

async function apply(
  application: Application,
  client: pg.Client,
  watch: MergeWatch,
  change: ShopChange,
): Promise<Arrival> {
  const sentMs = performance.now()
  const { rowCount } = await client.query(change.sql)
  const committedMs = performance.now()
  const { rows } = await client.query<{ value: string }>(change.check.replaceAll('$', 'public'))
  const expected = rows[0]?.value ?? ''
  const seenMs = await untilSeen(application, watch, change.check, expected, sentMs)
  // The merge may be faster than the reply to the commit.
  return { rows: rowCount ?? 0, latencyMs: Math.max(0, Math.round(seenMs - committedMs)), seen: change.words(expected) }
}

/** When the merge that made it visible was finished. Merges before `sinceMs` cannot have been it. */
async function untilSeen(
  application: Application,
  watch: MergeWatch,
  check: string,
  expected: string,
  sinceMs: number,
): Promise<number> {
  const deadline = AbortSignal.timeout(ARRIVAL_DEADLINE_MS)
  const late = new Promise<never>((_, reject) => deadline.addEventListener('abort', () => reject(deadline.reason)))
  late.catch(() => undefined)
  for (;;) {
    const { merges, lastMergeMs } = watch
    if (lastMergeMs > sinceMs && (await valueAt(application, check, deadline)) === expected) return lastMergeMs
    while (watch.merges === merges) await Promise.race([watch.next(), late])
  }
}

/** Rows that are marked deleted are in the final tables; they are no rows of the shop. */
async function valueAt(application: Application, check: string, signal: AbortSignal): Promise<string> {
  const live = (_: string, table: string): string =>
    `(SELECT * FROM ${TARGET_SCHEMA}.${table} WHERE NOT _fivetran_deleted) ${table}`
  const result = await application.query(check.replaceAll(/\$\.(\w+)/g, live), signal)
  for await (const [value] of result.rows) return String(value)
  return ''
}

const TRAFFIC = `INSERT INTO orders VALUES ($1::bigint, 11 + $1::bigint % 19990, 'placed', 9.99, now(), NULL)`

/** Small transactions in quick succession, as a shop has them. */
async function liveTraffic(
  application: Application,
  client: pg.Client,
  watch: MergeWatch,
): Promise<Arrival & { readonly latencies: readonly number[] }> {
  const before = watch.latencies.length
  const startMs = performance.now()
  for (let i = 0; i < TRAFFIC_TRANSACTIONS; i += 1) {
    await client.query(TRAFFIC, [200_000 + i])
    const dueMs = startMs + ((i + 1) * TRAFFIC_MS) / TRAFFIC_TRANSACTIONS
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
  const check = 'SELECT CAST(count(*) AS text) AS value FROM $.orders'
  const { rows } = await client.query<{ value: string }>(check.replaceAll('$', 'public'))
  await untilSeen(application, watch, check, rows[0]?.value ?? '', startMs)
  const latencies = watch.latencies.slice(before).sort((a, b) => a - b)
  const median = Math.round(latencies[Math.floor(latencies.length / 2)] ?? 0)
  const seen = `orders followed for ${TRAFFIC_MS / 1000} seconds, with this median latency`
  return { rows: TRAFFIC_TRANSACTIONS, latencyMs: median, latencies, seen }
}

async function openShop(serverUrl: string, url: string): Promise<AsyncDisposable & { readonly client: pg.Client }> {
  const admin = new pg.Client({ connectionString: serverUrl })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${DATABASE}`)
  await admin.end()
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined) // the next query rejects with it
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

/** Runs `work` and tells how long it took. `work` returns its result and what to say about it. */
async function step<Result>(
  tell: Tell,
  name: string,
  message: string,
  work: () => Promise<readonly [Result, string]>,
): Promise<Result> {
  tell({ event: 'begin', step: name, message })
  const startedMs = performance.now()
  const [result, said] = await work()
  tell({ event: 'done', step: name, message: said, durationMs: Math.round(performance.now() - startedMs) })
  return result
}

/** Removes what an earlier demonstration left. Any other folder that is not empty is left alone. */
async function clear(folder: string, configFile: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length === 0) return
  const ours = await readFile(configFile, 'utf8').catch(() => '') // no such file: not ours
  if (!ours.startsWith(MARK)) {
    throw new PipelineError('config_invalid', `Preparing ${folder}`, {
      cause: 'the folder holds files that are not of an earlier demo',
      hint: 'Name another one: simplyload demo --folder PATH',
    })
  }
  for (const name of ['warehouse.duckdb', 'warehouse.duckdb.wal', '.simplyload']) {
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

function configuration(url: string): string {
  return `${MARK}. Its PostgreSQL ended with it; warehouse.duckdb stays.
version: 1
sources:
  shop:
    type: postgres
    url: ${url}
    tables:
${SHOP_TABLES.map((table) => `      - public.${table}`).join('\n')}
destination: { type: duckdb, path: warehouse.duckdb }
sync: { interval: 200ms }
`
}
