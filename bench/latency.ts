/**
 * 1,000 changes a second for a minute over ten tables: from the commit in PostgreSQL until the change is visible in DuckDB.
 *
 * Every changed row carries the server's `clock_timestamp()` of its statement, which is a little before its commit. It is
 * visible when the merge that took it is committed and the destination has let go of the file, so that another process
 * can open it; the row tells which merge it was by its load time. So each change has its own latency, none is sampled,
 * and what is not exact (the rest of the transaction, the message about the release) makes it longer, never shorter.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { bareMergeSeconds } from './support/bare-merge.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { startSync } from './support/measured-sync.ts'
import { warehouseFile } from './support/product.ts'
import { scriptPath } from './support/script-path.ts'
import { quantile, round } from './support/statistics.ts'
import { createTickTables, tickLatencies, tickTables } from './support/tick-tables.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const TABLES = 10
const ROWS = 300_000
const SECONDS = 60
const TICKS_PER_SECOND = 100
const INTERVAL_MS = 200
/** For the changes that are still under way when the load ends. */
const MERGED_WITHIN_MS = 30_000
const P50_MAX_SECONDS = 0.6
const P99_MAX_SECONDS = 2

export const latency: Benchmark = {
  name: 'latency',
  summary: '1,000 changes/s over 10 tables: commit in Postgres to visible in DuckDB',
  run,
}

async function run(options: BenchOptions): Promise<BenchReport> {
  const { say } = options
  const rows = options.rows ?? ROWS
  const tables = options.tables ?? TABLES
  const seconds = options.seconds ?? SECONDS
  await using server = await startBenchServer()
  await using folder = await makeWorkFolder()
  say(`measuring a bare merge into ${tables} DuckDB tables of ${rows} rows`)
  const bareSeconds = await bareMergeSeconds(folder.path, tables, rows)
  say(`filling ${tables} tables of ${rows} rows and copying them (not measured)`)
  await createTickTables(server, tables, rows)
  const visibleMs = new Map<number, number>()
  const { promise: live, resolve: allLive } = Promise.withResolvers<void>()
  let liveTables = 0
  let merges = 0
  let changesMerged = 0
  let waitedForLockMs = 0
  let everyChangeMerged = () => {}
  const expected = seconds * TICKS_PER_SECOND * tables
  const sync = await startSync(
    {
      url: server.url,
      tables: tickTables(tables),
      folder: folder.path,
      destination: 'duckdb',
      once: false,
      connections: 2,
      interval: `${INTERVAL_MS}ms`,
      memory: '512MiB',
      counted: false,
    },
    options.profile,
    (message) => {
      if (message.kind === 'visible') visibleMs.set(message.loadedMs, message.atMs)
      if (message.kind !== 'event') return
      if (message.event.event === 'state' && message.event.state === 'live' && ++liveTables === tables) allLive()
      if (message.event.event === 'merged') {
        merges++
        waitedForLockMs += message.event.waitedForLockMs
        for (const { inserted, updated } of message.event.tables) changesMerged += inserted + updated
        if (changesMerged === expected) everyChangeMerged()
      }
    },
  )
  await Promise.race([live, sync.finished])
  const mergesBefore = merges
  // Each tick changes other rows, so the merged rows are the changes.
  const { promise: allMerged, resolve } = Promise.withResolvers<void>()
  everyChangeMerged = resolve
  changesMerged = 0
  say(`writing ${TICKS_PER_SECOND * tables} changes/s for ${seconds} s`)
  const load = await runLoad(server.url, tables, rows, seconds * TICKS_PER_SECOND)
  const mergesDuring = merges - mergesBefore
  await Promise.race([allMerged, sync.finished, delay(MERGED_WITHIN_MS)])
  sync.stop()
  const result = await sync.finished
  const latencies = await tickLatencies(warehouseFile(folder.path), tables, visibleMs)
  if (latencies.length !== expected) throw new Error(`${latencies.length} of ${expected} changes are in DuckDB`)
  const at = (share: number) => round(quantile(latencies, share) / 1000)
  const limit = round(INTERVAL_MS / 2 / 1000 + bareSeconds)
  const [p50, p99] = [at(0.5), at(0.99)]
  return {
    ratio: round(p50 / limit),
    measured: p50,
    limit,
    unit: 's (median)',
    rssMiB: Math.round(result.rssPeakMiB),
    goal: `p50 ≤ ${P50_MAX_SECONDS} s, p99 ≤ ${P99_MAX_SECONDS} s`,
    met: p50 <= P50_MAX_SECONDS && p99 <= P99_MAX_SECONDS,
    details: {
      p50,
      p90: at(0.9),
      p99,
      max: at(1),
      changes: expected,
      changesPerSecond: round(expected / load.seconds, 0),
      /** How long after its time the load generator came to a tick: it must not be the one that waits. */
      loadLateMsMax: round(load.lateMsMax, 1),
      tables,
      rows,
      intervalMs: INTERVAL_MS,
      merges: mergesDuring,
      waitedForLockMs,
      limit: `half an interval, plus a bare merge of as many rows in DuckDB itself (open, 10 times delete and insert, commit, close): ${round(bareSeconds)} s`,
      measured:
        'clock_timestamp() of the statement until the file is free for another process after the commit; all changes',
      cpuSeconds: round(result.cpuSeconds, 1),
      server: SERVER_SETTINGS,
    },
  }
}

interface LoadResult {
  readonly ticks: number
  readonly seconds: number
  readonly lateMsMax: number
}

async function runLoad(url: string, tables: number, rows: number, ticks: number): Promise<LoadResult> {
  const request = JSON.stringify({ url, tables, rows, ticks, everyMs: 1000 / TICKS_PER_SECOND })
  const child = fork(scriptPath('tick-load.ts'), [request], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`The load generator ended with ${code}`)
  })
  const [result] = await Promise.race([once(child, 'message') as Promise<[LoadResult]>, exited])
  exited.catch(() => undefined) // it ends after its answer
  return result
}
