/**
 * An hour in which nothing changes, on a clock that runs a hundred times as fast: what a sync sends to Snowflake. The local
 * Snowflake lists every request, questions of the driver's own included.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { runSync } from '../src/engine/sync.ts'
import { startTwin } from '../src/snowflake-twin/twin.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { startBenchServer } from './support/bench-server.ts'
import { FastClock } from './support/fast-clock.ts'
import { openProduct } from './support/product.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const TABLES = 100
const ROWS_EACH = 10
const HOUR_SECONDS = 3600
const SPEED = 100

export const snowflakeIdle: Benchmark = {
  name: 'snowflake-idle',
  summary: 'requests to Snowflake in a simulated hour without changes',
  run,
}

async function run({
  say,
  tables = TABLES,
  rows = ROWS_EACH,
  seconds = HOUR_SECONDS,
}: BenchOptions): Promise<BenchReport> {
  await using server = await startBenchServer({ wal_level: 'logical', max_replication_slots: 20, max_wal_senders: 20 })
  await using folder = await makeWorkFolder()
  await using twin = await startTwin()
  await twin.sql('CREATE DATABASE BENCH')
  await server.query('CREATE SCHEMA bench')
  const names = Array.from({ length: tables }, (_, index) => `bench.table_${index}`)
  for (const name of names) {
    await server.query(
      `CREATE TABLE ${name} AS SELECT i::bigint AS id, 'row ' || i AS note FROM generate_series(1, ${rows}) i`,
    )
    await server.query(`ALTER TABLE ${name} ADD PRIMARY KEY (id)`)
  }
  const clock = new FastClock()
  const { promise: live, resolve: allLive } = Promise.withResolvers<void>()
  let liveTables = 0
  await using product = await openProduct(
    {
      url: server.url,
      tables: names,
      folder: folder.path,
      destination: 'duckdb',
      once: false,
      connections: 2,
      interval: '10s',
      memory: '512MiB',
      counted: false,
    },
    (event) => {
      if (event.event === 'state' && event.state === 'live' && ++liveTables === tables) allLive()
    },
    () => undefined,
    {
      clock,
      destination: {
        type: 'snowflake',
        account: twin.account,
        host: '127.0.0.1',
        port: twin.port,
        protocol: 'http',
        user: 'BENCH',
        password: 'any',
        role: 'ACCOUNTADMIN',
        warehouse: 'COMPUTE_WH',
        database: 'BENCH',
      },
    },
  )
  const graceful = new AbortController()
  const signals = { graceful: graceful.signal, immediate: new AbortController().signal }
  say(`copying ${tables} tables (not measured)`)
  const finished = runSync([product.context], signals, false)
  await Promise.race([live, finished.then(failed)])
  // What the last tables left to do.
  clock.setSpeed(SPEED)
  await delay((600 * 1000) / SPEED)
  const before = twin.faults.calls.length
  say(`${tables} tables are live; nothing is changed for ${seconds} simulated seconds`)
  await Promise.race([delay((seconds * 1000) / SPEED), finished.then(failed)])
  const calls = twin.faults.calls.slice(before)
  clock.setSpeed(1)
  graceful.abort(new Error('stopped by the harness'))
  await finished
  return {
    ratio: calls.length,
    measured: calls.length,
    limit: 0,
    unit: 'requests in an hour without changes',
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
    goal: 'no request at all',
    met: calls.length === 0,
    details: { tables, seconds, speed: SPEED, requests: calls.slice(0, 20).map(({ kind, sql }) => sql ?? kind) },
  }
}

function failed(outcome: { readonly firstError?: unknown }): never {
  throw new Error('The sync ended before the measurement', { cause: outcome.firstError })
}
