/**
 * Tables that are polled and in which nothing has changed: what a poll asks. All statements are counted. Those that name a
 * table are held against one per table and poll; what a poll asks for all tables together is told beside it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { type BenchServer, SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { COUNTING_SETTINGS, type Counted, countDuring, createLoader, totals } from './support/counted-window.ts'
import { startSync } from './support/measured-sync.ts'
import { round } from './support/statistics.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const TABLES = 100
const ROWS_EACH = 1_000
const INTERVAL_MS = 1_000
const SECONDS = 20
/** Of each poll there is one. */
const POLL = /^BEGIN/
const NAMES_TABLE = /"bench"\."table_\d+"/

export const pollIdle: Benchmark = {
  name: 'poll-idle',
  summary: 'statements per table and poll when nothing has changed',
  run,
}

async function run(options: BenchOptions): Promise<BenchReport> {
  const { say, tables = TABLES, seconds = SECONDS } = options
  await using server = await startBenchServer(COUNTING_SETTINGS)
  await using folder = await makeWorkFolder()
  say(`making ${tables} tables and copying them (not measured)`)
  const names = await createTables(server, tables)
  const { promise: live, resolve: allLive } = Promise.withResolvers<void>()
  let liveTables = 0
  const sync = await startSync(
    {
      url: await createLoader(server),
      tables: names,
      mode: 'polling',
      folder: folder.path,
      destination: 'duckdb',
      once: false,
      connections: 2,
      interval: `${INTERVAL_MS}ms`,
      memory: '512MiB',
      counted: true,
    },
    options.profile,
    (message) => {
      if (message.kind !== 'event') return
      if (message.event.event === 'state' && message.event.state === 'live' && ++liveTables === tables) allLive()
    },
  )
  await Promise.race([live, sync.finished])
  // The first polls still look where the copies began.
  await delay(3 * INTERVAL_MS)
  say(`${tables} tables are live; nothing is changed for ${seconds} s`)
  const counted = await countDuring(server, sync, () => delay(seconds * 1000))
  sync.stop()
  const { rssPeakMiB } = await sync.finished
  return describe(counted, tables, Math.round(rssPeakMiB))
}

function describe(counted: readonly Counted[], tables: number, rssMiB: number): BenchReport {
  const onPostgres = counted.filter(({ where }) => where === 'postgres')
  const total = (statements: readonly Counted[]) => statements.reduce((sum, { count }) => sum + count, 0)
  const polls = total(onPostgres.filter(({ sql }) => POLL.test(sql)))
  const naming = onPostgres.filter(({ sql }) => NAMES_TABLE.test(sql))
  const others = onPostgres.filter((each) => !naming.includes(each))
  const perTable = round(total(naming) / (tables * polls), 2)
  const { duckdb = 0, sqlite = 0 } = totals(counted)
  return {
    ratio: perTable,
    measured: perTable,
    limit: 1,
    unit: 'statements per table and poll',
    rssMiB,
    goal: 'one statement per table and poll, none on the destination',
    met: polls > 0 && perTable <= 1 && duckdb === 0,
    details: {
      tables,
      polls,
      intervalMs: INTERVAL_MS,
      perPollForAllTables: others.map(({ sql, count }) => `${round(count / polls, 2)} × ${sql.slice(0, 60)}`),
      onDestination: duckdb,
      onState: sqlite,
      example: naming[0]?.sql.slice(0, 300),
      server: SERVER_SETTINGS,
    },
  }
}

async function createTables(server: BenchServer, tables: number): Promise<string[]> {
  await server.query('CREATE SCHEMA bench')
  const names = Array.from({ length: tables }, (_, at) => `bench.table_${at}`)
  for (const name of names)
    await server.query(
      `CREATE TABLE ${name} (id bigint PRIMARY KEY, note text, updated_at timestamptz NOT NULL DEFAULT now());
       INSERT INTO ${name} SELECT i, md5(i::text) FROM generate_series(1, ${ROWS_EACH}) i; CREATE INDEX ON ${name} (updated_at)`,
    )
  return names
}
