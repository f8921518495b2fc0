/** The same 1.2M changes into a DuckDB table of 3M rows that keeps every version, against one that keeps the current state. */
import type { WriteMode } from '../src/core/destination.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { queryDuckDb, requireSameOrders } from './support/order-check.ts'
import { FINAL_ORDER_TABLE, warehouseFile } from './support/product.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { round } from './support/statistics.ts'
import { makeStreamScene } from './support/stream-scene.ts'
import type { SyncResult } from './support/sync-request.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROWS = 3_000_000
const CHANGES = 1_200_000
const TRANSACTIONS = 2
const ROUNDS = 5
const RATIO_MIN = 0.6

export const history: Benchmark = {
  name: 'history',
  summary: '1.2M changes as versions into a DuckDB table of 3M rows, against write: merge',
  run: measureHistory,
}

async function measureHistory(options: BenchOptions): Promise<BenchReport> {
  const { say, rows = ROWS, changes = CHANGES } = options
  await using server = await startBenchServer()
  await using folder = await makeWorkFolder()
  const writes: readonly WriteMode[] = ['merge', 'history']
  const scene = await makeStreamScene(
    server,
    folder,
    { destination: 'duckdb', rows, changes, transactions: TRANSACTIONS, writes },
    say,
  )
  const warehouse = warehouseFile(scene.roundFolder)
  const results: Record<'merge' | 'history', SyncResult[]> = { merge: [], history: [] }
  const run = async (write: 'merge' | 'history', current: string) => {
    const result = await scene.measure(options.profile, undefined, write)
    results[write].push(result)
    say(`${write}: ${round(changes / result.seconds, 0)} changes/s, ${round(result.rssPeakMiB, 0)} MiB`)
    await requireSameOrders(server, warehouse, FINAL_ORDER_TABLE, current)
    return changes / result.seconds
  }
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    () => run('merge', 'NOT _fivetran_deleted'),
    async () => {
      const rate = await run('history', '_fivetran_active')
      await requireVersions(warehouse, rows + changes)
      return rate
    },
  )
  const { pairs, ...figures } = describeRounds(rounds)
  return {
    ...figures,
    unit: 'changes/s',
    rssMiB: Math.round(Math.max(...results.history.map((result) => result.rssPeakMiB))),
    goal: `ratio ≥ ${RATIO_MIN}`,
    met: figures.ratio >= RATIO_MIN,
    details: {
      rows,
      changes,
      transactions: scene.description,
      limit: 'the same run with write: merge',
      measuredFrom: 'the start of the run: lease, catalog and connections included, loading Node not',
      measuredUntil: 'all changes are committed in the final table and every file is closed',
      pairs,
      cpuSeconds: Object.fromEntries(
        writes.map((write) => [write, cpuSeconds(write === 'history' ? results.history : results.merge)]),
      ),
      mergeRssMiB: Math.round(Math.max(...results.merge.map((result) => result.rssPeakMiB))),
      server: SERVER_SETTINGS,
    },
  }
}

/** Each change of a row that was there has left its version behind. */
async function requireVersions(warehouse: string, expected: number): Promise<void> {
  const sql = `SELECT count(*)::text AS versions, count(*) FILTER (WHERE _fivetran_active = (_fivetran_end < now()))::text AS wrong
    FROM ${FINAL_ORDER_TABLE}`
  const { versions, wrong } = await queryDuckDb<{ versions: string; wrong: string }>(warehouse, sql)
  if (versions === String(expected) && wrong === '0') return
  throw new Error(
    `The destination has ${versions} versions in place of ${expected}, and ${wrong} are not what they say`,
  )
}

function cpuSeconds(results: readonly SyncResult[]): readonly number[] {
  return results.map((result) => round(result.cpuSeconds, 2))
}
