/**
 * 1,000 tables of which 10 change: what the other 990 cost. All statements are counted, on PostgreSQL (by
 * pg_stat_statements, of the product's own role), on DuckDB and on the operational state (in the product's process), and
 * held against the same load with the 10 busy tables alone. A statement that names an idle table is a failure by itself.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { type BenchServer, SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { COUNTING_SETTINGS, countDuring, createLoader, totals } from './support/counted-window.ts'
import { startSync } from './support/measured-sync.ts'
import { round } from './support/statistics.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const TABLES = 1_000
const BUSY = 10
const ROWS_EACH = 100
const INTERVAL_MS = 2_000
const SECONDS = 20
/** A merge may carry one change more or fewer than another; a statement per idle table would be a factor of 100. */
const RATIO_MAX = 1.1

export const manyTables: Benchmark = {
  name: 'many-tables',
  summary: '1,000 tables of which 990 are idle: statements per interval',
  run,
}

interface Window {
  readonly merges: number
  /** Per merge, by where they ran. */
  readonly perMerge: Readonly<Record<string, number>>
  readonly statementsPerMerge: number
  readonly mergeMs: number
  /** Statements while nothing at all was changed, in as long a time. */
  readonly whileIdle: Readonly<Record<string, number>>
  /** Texts of statements that name an idle table. */
  readonly naming: readonly string[]
  readonly rssMiB: number
  readonly liveSeconds: number
}

async function run(options: BenchOptions): Promise<BenchReport> {
  const tables = options.tables ?? TABLES
  const seconds = options.seconds ?? SECONDS
  const busyAlone = await measure(options, BUSY, seconds)
  const withIdle = await measure(options, tables, seconds)
  const ratio = round(withIdle.statementsPerMerge / busyAlone.statementsPerMerge)
  const idleCost = Object.entries(withIdle.whileIdle).filter(
    ([where, count]) => count > (busyAlone.whileIdle[where] ?? 0) + BUSY,
  )
  return {
    ratio,
    measured: withIdle.statementsPerMerge,
    limit: busyAlone.statementsPerMerge,
    unit: 'statements per interval',
    rssMiB: withIdle.rssMiB,
    goal: `idle tables cost no query per table and interval: no statement names one, ratio ≤ ${RATIO_MAX}`,
    met: ratio <= RATIO_MAX && withIdle.naming.length === 0 && idleCost.length === 0,
    details: {
      tables,
      busy: BUSY,
      intervalMs: INTERVAL_MS,
      limit: `the same load with the ${BUSY} busy tables alone`,
      withIdle,
      busyAlone,
      server: SERVER_SETTINGS,
    },
  }
}

async function measure({ say, profile }: BenchOptions, tables: number, seconds: number): Promise<Window> {
  await using server = await startBenchServer(COUNTING_SETTINGS)
  await using folder = await makeWorkFolder()
  say(`making ${tables} tables and copying them (not measured)`)
  const names = await createTables(server, tables)
  const loader = await createLoader(server)
  const { promise: live, resolve: allLive } = Promise.withResolvers<void>()
  let liveTables = 0
  const mergeMs: number[] = []
  const started = performance.now()
  const sync = await startSync(
    {
      url: loader,
      tables: names,
      folder: folder.path,
      destination: 'duckdb',
      once: false,
      connections: 2,
      interval: `${INTERVAL_MS}ms`,
      memory: '512MiB',
      counted: true,
    },
    profile,
    (message) => {
      if (message.kind !== 'event') return
      if (message.event.event === 'state' && message.event.state === 'live' && ++liveTables === tables) allLive()
      if (message.event.event === 'merged') mergeMs.push(message.event.durationMs)
    },
  )
  await Promise.race([live, sync.finished])
  const liveSeconds = round((performance.now() - started) / 1000, 1)
  say(`${tables} tables are live after ${liveSeconds} s; nothing is changed for ${seconds} s, then ${BUSY} tables are`)
  await delay(2 * INTERVAL_MS)
  const idle = await countDuring(server, sync, () => delay(seconds * 1000))
  mergeMs.length = 0
  const busy = await countDuring(server, sync, () => changeBusyTables(server, seconds))
  const merges = mergeMs.length
  sync.stop()
  const { rssPeakMiB } = await sync.finished
  const perMerge = Object.fromEntries(
    Object.entries(totals(busy)).map(([where, count]) => [where, round(count / merges, 1)]),
  )
  return {
    merges,
    perMerge,
    statementsPerMerge: round(
      Object.values(perMerge).reduce((sum, count) => sum + count, 0),
      1,
    ),
    mergeMs: round(mergeMs.reduce((sum, each) => sum + each, 0) / merges, 1),
    whileIdle: totals(idle),
    naming: [...idle, ...busy]
      .filter(({ sql }) => /idle_\d/.test(sql))
      .map(({ where, sql }) => `${where}: ${sql.slice(0, 200)}`),
    rssMiB: Math.round(rssPeakMiB),
    liveSeconds,
  }
}

async function createTables(server: BenchServer, tables: number): Promise<string[]> {
  await server.query('CREATE SCHEMA bench')
  const names = Array.from({ length: tables }, (_, at) => `bench.${at < BUSY ? 'busy' : 'idle'}_${at}`)
  for (const name of names)
    await server.query(
      `CREATE TABLE ${name} (id bigint PRIMARY KEY, note text); INSERT INTO ${name} SELECT i, md5(i::text) FROM generate_series(1, ${ROWS_EACH}) i`,
    )
  return names
}

async function changeBusyTables(server: BenchServer, seconds: number): Promise<void> {
  const EVERY_MS = 100
  for (let at = 0; at < (seconds * 1000) / EVERY_MS; at++) {
    const inserts = Array.from(
      { length: BUSY },
      (_, table) => `INSERT INTO bench.busy_${table} VALUES (${ROWS_EACH + 1 + at}, 'new')`,
    )
    await server.query(`BEGIN; ${inserts.join(';')}; COMMIT`)
    await delay(EVERY_MS)
  }
}
