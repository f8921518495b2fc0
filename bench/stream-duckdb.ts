/** 1.2M changes in the slot into a DuckDB table that has 3M rows, against PostgreSQL's own client writing them to a file. */
import type { Benchmark } from './support/bench.ts'
import { requireSameOrders } from './support/order-check.ts'
import { FINAL_ORDER_TABLE, warehouseFile } from './support/product.ts'
import { runStreamBench } from './support/stream-bench.ts'

export const streamDuckdb: Benchmark = {
  name: 'stream-duckdb',
  summary: '1.2M changes merged into a DuckDB table of 3M rows, against pg_recvlogical',
  run: (options) =>
    runStreamBench(options, {
      destination: 'duckdb',
      ratioMin: 0.75,
      rssMaxMiB: undefined,
      seconds: (result) => result.seconds,
      until: 'all changes are committed in the final table and every file is closed',
      check: (scene, server) => requireSameOrders(server, warehouseFile(scene.roundFolder), FINAL_ORDER_TABLE),
    }),
}
