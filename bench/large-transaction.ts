/**
 * One transaction of 5M changes, more than twice the memory that the run may use for rows: how much memory it takes
 * until everything is staged, and until everything is merged, and whether all of it arrived.
 */
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { requireSameOrders } from './support/order-check.ts'
import { FINAL_ORDER_TABLE, warehouseFile } from './support/product.ts'
import { round } from './support/statistics.ts'
import { makeStreamScene } from './support/stream-scene.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROWS = 3_000_000
const CHANGES = 5_000_000
const STAGED_RSS_MAX_MIB = 300
const MERGED_RSS_MAX_MIB = 768
const MEMORY_BYTES = 512 * 1024 * 1024

export const largeTransaction: Benchmark = {
  name: 'large-transaction',
  summary: 'memory while one transaction of 5M changes is staged and merged',
  run,
}

async function run(options: BenchOptions): Promise<BenchReport> {
  const { say } = options
  const rows = options.rows ?? ROWS
  const changes = options.changes ?? CHANGES
  await using server = await startBenchServer()
  await using folder = await makeWorkFolder()
  const scene = await makeStreamScene(server, folder, { destination: 'duckdb', rows, changes, transactions: 1 }, say)
  const limitSeconds = await scene.limit()
  let stagedRssMiB = 0
  const result = await scene.measure(options.profile, (message) => {
    if (message.kind === 'event' && message.event.event === 'staged') stagedRssMiB = message.rssPeakMiB
  })
  const rowsAfter = await requireSameOrders(server, warehouseFile(scene.roundFolder), FINAL_ORDER_TABLE)
  const bytes = await scene.decodedBytes()
  const seconds = result.changesStagedSeconds ?? Number.NaN
  const measured = round(changes / seconds, 0)
  const limit = round(changes / limitSeconds, 0)
  const rssMiB = Math.round(result.rssPeakMiB)
  const large = options.changes !== undefined || bytes >= 2 * MEMORY_BYTES
  if (!large) throw new Error(`The transaction takes ${bytes} bytes, less than twice the memory bound`)
  return {
    ratio: round(measured / limit),
    measured,
    limit,
    unit: 'changes/s until staged',
    rssMiB,
    goal: `RSS ≤ ${STAGED_RSS_MAX_MIB} MiB until staged, ≤ ${MERGED_RSS_MAX_MIB} MiB until merged, nothing lost`,
    met: stagedRssMiB <= STAGED_RSS_MAX_MIB && rssMiB <= MERGED_RSS_MAX_MIB,
    details: {
      stagedRssMiB: Math.round(stagedRssMiB),
      mergedRssMiB: rssMiB,
      changes,
      transaction: scene.description,
      decodedBytes: bytes,
      memoryBound: MEMORY_BYTES,
      rowsAfter,
      checked: 'count and a checksum over all columns of all rows, computed by PostgreSQL and by DuckDB',
      limit: 'pg_recvlogical to a file, whole process, from a copy of the same slot',
      stagedSeconds: round(seconds, 2),
      wholeRunSeconds: round(result.seconds, 2),
      cpuSeconds: round(result.cpuSeconds, 2),
      server: SERVER_SETTINGS,
    },
  }
}
